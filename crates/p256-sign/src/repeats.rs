//! What must not repeat itself: r, and fresh randomness.

use crate::nonce::Extra;
use crate::reveal::{Point, reveal};

/// Remembers which r there were, by their first eight bytes.
///
/// Two nonces that are equal, or opposite, give away the key, and no verifier sees it. Of ten million r that differ, two
/// have the same first eight bytes with a probability of 3 in a million; that then stops a run without need.
///
/// Memory is bounded. The prefixes, which are as good as random, are divided by their first byte into [`SHARDS`] tables,
/// which from 2 MiB in all grow by a quarter at a time, so that little memory is empty and only one small table is copied at
/// once. A table has at most [`PLACES`]; when it is full it becomes the older of two, and the older one is forgotten. So the last 14
/// million r are remembered: in 9 to 12 bytes each for the first 14 million, in 256 MiB at most.
#[derive(Debug)]
pub(crate) struct Repeats {
    shards: Vec<Shard>,
}

impl Default for Repeats {
    fn default() -> Self {
        Self { shards: (0..SHARDS).map(|_| Shard::default()).collect() }
    }
}

impl Repeats {
    /// Remembers an r. False if it was there already.
    pub(crate) fn insert(&mut self, r: &[u8; 32]) -> bool {
        let (prefix, _) = r.split_first_chunk::<8>().expect("r has 32 bytes");
        // zero marks a free place
        self.shards[usize::from(r[0])].insert(u64::from_be_bytes(*prefix).max(1))
    }
}

/// The prefixes that begin with one byte.
#[derive(Debug, Default)]
struct Shard {
    newer: Table,
    older: Table,
}

impl Shard {
    /// False if it was there already.
    fn insert(&mut self, prefix: u64) -> bool {
        if self.older.contains(prefix) {
            return false;
        }
        let is_new = self.newer.insert(prefix);
        // not before: a prefix that is in the newer table would be looked for in an empty one
        if self.newer.is_full() && !self.newer.grow() {
            self.older = std::mem::take(&mut self.newer);
        }
        is_new
    }
}

#[derive(Debug, Default)]
struct Table {
    places: Vec<u64>,
    used: usize,
}

impl Table {
    fn is_full(&self) -> bool {
        self.used >= self.places.len() / 8 * 7
    }

    fn contains(&self, prefix: u64) -> bool {
        !self.places.is_empty() && self.places[self.place(prefix)] == prefix
    }

    /// False if it was there already.
    fn insert(&mut self, prefix: u64) -> bool {
        if self.places.is_empty() {
            self.grow();
        }
        let place = self.place(prefix);
        let is_new = self.places[place] == 0;
        self.places[place] = prefix;
        self.used += usize::from(is_new);
        is_new
    }

    /// Where the prefix is, or the free place where it would be.
    fn place(&self, prefix: u64) -> usize {
        // the first byte is the same in the whole table
        let product = u128::from(prefix << 8) * self.places.len() as u128;
        let mut place = usize::try_from(product >> 64).expect("a place is an index");
        while self.places[place] != 0 && self.places[place] != prefix {
            place = if place + 1 == self.places.len() { 0 } else { place + 1 };
        }
        place
    }

    /// False if it has as many places as it may have.
    fn grow(&mut self) -> bool {
        let length = self.places.len();
        if length == PLACES {
            return false;
        }
        let more = if length < DOUBLING_ENDS { length.max(FIRST_PLACES) } else { length / 4 };
        let places = vec![0; (length + more).min(PLACES)];
        let old = std::mem::replace(&mut self.places, places);
        for prefix in old.into_iter().filter(|prefix| *prefix != 0) {
            let place = self.place(prefix);
            self.places[place] = prefix;
        }
        true
    }
}

/// One for each first byte.
const SHARDS: usize = 1 << 8;
const FIRST_PLACES: usize = 16;
/// Places from which on a table grows by a quarter.
#[cfg(not(test))]
const DOUBLING_ENDS: usize = 1 << 10;
#[cfg(test)]
const DOUBLING_ENDS: usize = 1 << 5;
/// The most places of a table.
#[cfg(not(test))]
const PLACES: usize = 1 << 16;
#[cfg(test)]
const PLACES: usize = 1 << 6;

/// Notices randomness that is stuck: a value that is the one before it, or a batch that begins as the last one did.
#[derive(Default)]
pub(crate) struct Freshness {
    /// The first and the last value of the batch before
    before: Option<(Extra, Extra)>,
}

impl Freshness {
    /// Whether the values of a batch differ from their neighbours. Compares in constant time.
    pub(crate) fn check(&mut self, batch: &[Extra]) -> bool {
        let (Some(first), Some(last)) = (batch.first(), batch.last()) else { return true };
        let mut repeats = 0;
        if let Some((first_before, last_before)) = &self.before {
            repeats |= equal(first, first_before) | equal(first, last_before);
        }
        for pair in batch.windows(2) {
            repeats |= equal(&pair[0], &pair[1]);
        }
        self.before = Some((*first, *last));
        reveal(Point::RandomnessRepeats, repeats) == 0
    }
}

impl Drop for Freshness {
    fn drop(&mut self) {
        zeroize::Zeroize::zeroize(&mut self.before);
    }
}

/// 1 if the values are equal, else 0.
fn equal(a: &Extra, b: &Extra) -> u64 {
    let difference = u128::from_ne_bytes(*a) ^ u128::from_ne_bytes(*b);
    let [low, high] = [difference, difference >> 64].map(|half| {
        #[expect(clippy::cast_possible_truncation, reason = "the low half")]
        let half = half as u64;
        half
    });
    crate::modular::zero_mask([low, high, 0, 0]) & 1
}

#[cfg(test)]
mod tests {
    use super::*;

    fn r(number: u64) -> [u8; 32] {
        let mut r = [7; 32];
        // spread as those of signatures are
        r[..8].copy_from_slice(&number.wrapping_mul(0x9E37_79B9_7F4A_7C15).to_be_bytes());
        r
    }

    #[test]
    fn a_repeated_r_is_found_until_it_is_forgotten() {
        // even if all of them begin alike
        let remembered = PLACES as u64 / 8 * 7;
        let mut repeats = Repeats::default();
        let one_shard = |number: u64| {
            let mut r = r(number);
            r.rotate_right(1);
            r
        };
        for number in 0..5 * remembered {
            assert!(repeats.insert(&one_shard(number)), "{number}");
            assert!(!repeats.insert(&one_shard(number)), "{number}");
            assert!(!repeats.insert(&one_shard(number.saturating_sub(remembered - 1))), "{number}");
        }
        assert!(repeats.insert(&one_shard(0)), "the first is forgotten");
    }

    #[test]
    fn memory_is_bounded_and_little_of_it_is_empty() {
        let mut repeats = Repeats::default();
        let places = |repeats: &Repeats| -> usize {
            repeats.shards.iter().map(|shard| shard.newer.places.len() + shard.older.places.len()).sum()
        };
        let most = SHARDS * PLACES;
        for number in 1..=4 * most {
            assert!(repeats.insert(&r(number as u64)), "{number}");
            assert!(places(&repeats) <= (number * 8 / 3 + SHARDS * 2 * FIRST_PLACES).min(2 * most), "{number}");
        }
    }

    #[test]
    fn prefixes_at_the_end_of_the_table_wrap_around() {
        let mut repeats = Repeats::default();
        for last in 0..50 {
            let mut r = [0xFF; 32];
            r[7] = last;
            assert!(repeats.insert(&r));
            assert!(!repeats.insert(&r));
        }
        assert!(repeats.insert(&[0; 32]));
        assert!(!repeats.insert(&[0; 32]), "zero is a prefix like others");
    }

    #[test]
    fn stuck_randomness_is_noticed() {
        let value = |number: u8| [number; 16];
        let mut freshness = Freshness::default();
        assert!(freshness.check(&[value(1), value(2), value(3)]));
        assert!(freshness.check(&[value(4), value(2)]));
        assert!(!freshness.check(&[value(5), value(5)]), "one value");
        assert!(!freshness.check(&[value(5), value(6)]), "the last batch again");
        assert!(!freshness.check(&[value(6)]), "its last value");
        assert!(freshness.check(&[]));
    }
}
