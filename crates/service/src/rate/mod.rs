//! How often may be asked: a bucket of tokens for each principal and class of requests, and one for each address.
//!
//! Guarantees: memory is bounded for any number of addresses; a bucket that is full is forgotten, since a new one is full.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// Requests that cost alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Class {
    /// Looking one chip up.
    Lookup,
    /// Reading lists and documents.
    Read,
    /// Files, proofs, exports.
    Download,
    /// What changes something.
    Write,
    /// Tokens, users, approvals.
    Secret,
    /// Requests with a token or a certificate that is not known.
    Stranger,
    /// Everything from one address.
    Address,
}

impl Class {
    /// Every class.
    pub const ALL: [Self; 7] =
        [Self::Lookup, Self::Read, Self::Download, Self::Write, Self::Secret, Self::Stranger, Self::Address];

    /// What holds where the settings say nothing.
    pub const fn usual(self) -> Rate {
        let (per_minute, at_once) = match self {
            Self::Lookup => (60_000, 2_000),
            Self::Read => (6_000, 300),
            Self::Download => (1_200, 100),
            Self::Write => (3_000, 200),
            Self::Secret => (300, 30),
            Self::Stranger => (12, 20),
            Self::Address => (120_000, 4_000),
        };
        Rate { per_minute, at_once }
    }

    /// The word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Lookup => "lookup",
            Self::Read => "read",
            Self::Download => "download",
            Self::Write => "write",
            Self::Secret => "secret",
            Self::Stranger => "stranger",
            Self::Address => "address",
        }
    }
}

/// How often may be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// Requests a minute in the long run.
    pub per_minute: u32,
    /// How many at once after a pause.
    pub at_once: u32,
}

/// The rate of each class.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RateTable([Rate; Class::ALL.len()]);

impl RateTable {
    /// Changes the rate of a class.
    pub fn set(&mut self, class: Class, rate: Rate) {
        self.0[class as usize] = rate;
    }

    /// The rate of a class.
    pub fn of(&self, class: Class) -> Rate {
        self.0[class as usize]
    }

    /// Requests a second, and at once.
    fn numbers(&self, class: Class) -> (f64, f64) {
        let Rate { per_minute, at_once } = self.of(class);
        (f64::from(per_minute) / 60.0, f64::from(at_once))
    }
}

impl Default for RateTable {
    fn default() -> Self {
        Self(Class::ALL.map(Class::usual))
    }
}

/// Who asks.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Asker {
    /// An address; of IPv6 the network of 64 bits, which is one customer's.
    Address(IpAddr),
    /// A principal, by name.
    Principal(String),
}

impl Asker {
    /// The asker behind an address. A unix socket is one asker.
    pub fn at(address: Option<IpAddr>) -> Self {
        Self::Address(match address {
            Some(IpAddr::V6(address)) => {
                let mut bytes = address.octets();
                bytes[8..].fill(0);
                IpAddr::V6(bytes.into())
            }
            Some(address) => address,
            None => IpAddr::V4(std::net::Ipv4Addr::UNSPECIFIED),
        })
    }
}

/// All buckets.
#[derive(Debug, Default)]
pub struct Rates {
    table: RateTable,
    buckets: Mutex<HashMap<(Asker, Class), Bucket>>,
}

#[derive(Clone, Copy, Debug)]
struct Bucket {
    left: f64,
    at: Duration,
}

impl Rates {
    /// Buckets that are full, with these rates.
    pub fn new(table: RateTable) -> Self {
        Self { table, buckets: Mutex::default() }
    }

    /// Takes one request from a bucket. `now` is the time since 1970. Where the bucket is empty, the error is the seconds after
    /// which there is one again.
    ///
    /// # Errors
    /// The bucket is empty.
    pub fn take(&self, asker: Asker, class: Class, now: Duration) -> Result<(), u64> {
        self.change(asker, class, now, true)
    }

    /// Returns whether a bucket has a request left, and takes none.
    ///
    /// # Errors
    /// As [`take`](Self::take).
    pub fn look(&self, asker: Asker, class: Class, now: Duration) -> Result<(), u64> {
        self.change(asker, class, now, false)
    }

    fn change(&self, asker: Asker, class: Class, now: Duration, take: bool) -> Result<(), u64> {
        let (rate, most) = self.table.numbers(class);
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        if buckets.len() >= MOST {
            let refilled = |class: Class, bucket: &Bucket| {
                let (rate, most) = self.table.numbers(class);
                bucket.left + now.saturating_sub(bucket.at).as_secs_f64() * rate >= most
            };
            buckets.retain(|(_, class), bucket| !refilled(*class, bucket));
            // as many askers at once as no service has: the next one waits
            if buckets.len() >= MOST && !buckets.contains_key(&(asker.clone(), class)) {
                return Err(1);
            }
        }
        let bucket = buckets.entry((asker, class)).or_insert(Bucket { left: most, at: now });
        // a clock that is set back adds nothing
        let since = now.saturating_sub(bucket.at).as_secs_f64();
        bucket.left = (bucket.left + since * rate).min(most);
        bucket.at = now;
        if bucket.left < 1.0 {
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a few seconds")]
            return Err((((1.0 - bucket.left) / rate).ceil() as u64).max(1));
        }
        if take {
            bucket.left -= 1.0;
        }
        Ok(())
    }
}

/// Buckets that are kept.
const MOST: usize = 65_536;

#[cfg(test)]
mod tests {
    use super::*;

    fn asker(last: u8) -> Asker {
        Asker::at(Some(IpAddr::from([10, 0, 0, last])))
    }

    #[test]
    fn a_bucket_empties_and_fills_again() {
        let rates = Rates::default();
        let most = Class::Stranger.usual().at_once;
        let start = Duration::from_secs(1_000_000);
        let mut taken = 0;
        while rates.take(asker(1), Class::Stranger, start).is_ok() {
            taken += 1;
        }
        assert_eq!(taken, most);
        assert_eq!(rates.take(asker(1), Class::Stranger, start), Err(5));
        assert_eq!(rates.look(asker(1), Class::Stranger, start + Duration::from_secs(4)), Err(1));
        assert_eq!(rates.take(asker(1), Class::Stranger, start + Duration::from_secs(5)), Ok(()));
        // another asker, and another class, have their own
        assert_eq!(rates.take(asker(2), Class::Stranger, start), Ok(()));
        assert_eq!(rates.take(asker(1), Class::Read, start), Ok(()));
    }

    #[test]
    fn the_settings_say_how_often() {
        let mut table = RateTable::default();
        assert!(Class::ALL.into_iter().all(|class| table.of(class) == class.usual()));
        table.set(Class::Lookup, Rate { per_minute: 60, at_once: 1 });
        let rates = Rates::new(table);
        let now = Duration::from_secs(1_000_000);
        assert_eq!(rates.take(asker(1), Class::Lookup, now), Ok(()));
        assert_eq!(rates.take(asker(1), Class::Lookup, now), Err(1));
        assert_eq!(rates.take(asker(1), Class::Lookup, now + Duration::from_secs(1)), Ok(()));
    }

    #[test]
    fn addresses_of_one_network_share_a_bucket() {
        let one = Asker::at("2001:db8::1".parse().ok());
        assert_eq!(one, Asker::at("2001:db8::ffff:2".parse().ok()));
        assert_ne!(one, Asker::at("2001:db8:0:1::1".parse().ok()));
    }

    #[test]
    fn many_askers_do_not_fill_the_memory() {
        let rates = Rates::default();
        let now = Duration::from_secs(1_000_000);
        for number in 0..u32::try_from(MOST).unwrap() {
            let asker = Asker::Address(IpAddr::from(number.to_be_bytes()));
            assert_eq!(rates.take(asker, Class::Stranger, now), Ok(()));
        }
        assert_eq!(rates.take(Asker::Principal("anna".to_owned()), Class::Read, now), Err(1));
        // when the buckets are full again they are forgotten
        let later = now + Duration::from_secs(10);
        assert_eq!(rates.take(Asker::Principal("anna".to_owned()), Class::Read, later), Ok(()));
        assert!(rates.buckets.lock().unwrap().len() < 10);
    }
}
