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
    /// Requests a second in the long run, and how many at once after a pause.
    pub const fn rate(self) -> (f64, f64) {
        match self {
            Self::Lookup => (1000.0, 2000.0),
            Self::Read => (100.0, 300.0),
            Self::Download => (20.0, 100.0),
            Self::Write => (50.0, 200.0),
            Self::Secret => (5.0, 30.0),
            Self::Stranger => (0.2, 20.0),
            Self::Address => (2000.0, 4000.0),
        }
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
pub struct Rates(Mutex<HashMap<(Asker, Class), Bucket>>);

#[derive(Clone, Copy, Debug)]
struct Bucket {
    left: f64,
    at: Duration,
}

impl Rates {
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
        let (rate, most) = class.rate();
        let mut buckets = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if buckets.len() >= MOST {
            let refilled = |class: Class, bucket: &Bucket| {
                let (rate, most) = class.rate();
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
        let (_, most) = Class::Stranger.rate();
        let start = Duration::from_secs(1_000_000);
        let mut taken = 0;
        while rates.take(asker(1), Class::Stranger, start).is_ok() {
            taken += 1;
        }
        assert!((f64::from(taken) - most).abs() < 0.5, "{taken}");
        assert_eq!(rates.take(asker(1), Class::Stranger, start), Err(5));
        assert_eq!(rates.look(asker(1), Class::Stranger, start + Duration::from_secs(4)), Err(1));
        assert_eq!(rates.take(asker(1), Class::Stranger, start + Duration::from_secs(5)), Ok(()));
        // another asker, and another class, have their own
        assert_eq!(rates.take(asker(2), Class::Stranger, start), Ok(()));
        assert_eq!(rates.take(asker(1), Class::Read, start), Ok(()));
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
        assert!(rates.0.lock().unwrap().len() < 10);
    }
}
