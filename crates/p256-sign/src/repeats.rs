//! What must not repeat itself: r, and fresh randomness.

use crate::nonce::Extra;
use crate::reveal::{Point, reveal};

/// Remembers which r there were, by their first eight bytes.
///
/// Two nonces that are equal, or opposite, give away the key, and no verifier sees it. Of ten million r that differ, two
/// have the same first eight bytes with a probability of 3 in a million; that then stops a run without need.
///
/// Memory is bounded: of the prefixes, which are as good as random, each takes a place in a table near where it points to.
/// A table grows to [`PLACES`]; when it is full it becomes the older of two, and the older one is forgotten. So at least the last
/// 12 million r are remembered, in 128 MiB for the first 12 million and 256 MiB at most.
#[derive(Debug, Default)]
pub(crate) struct Repeats {
    newer: Table,
    older: Table,
}

impl Repeats {
    /// Remembers an r. False if it was there already.
    pub(crate) fn insert(&mut self, r: &[u8; 32]) -> bool {
        let (prefix, _) = r.split_first_chunk::<8>().expect("r has 32 bytes");
        // zero marks a free place
        let prefix = u64::from_be_bytes(*prefix).max(1);
        if self.older.contains(prefix) {
            return false;
        }
        if self.newer.is_full() {
            if self.newer.places.len() < PLACES {
                self.newer.grow();
            } else {
                self.older = std::mem::take(&mut self.newer);
            }
        }
        self.newer.insert(prefix)
    }
}

#[derive(Debug, Default)]
struct Table {
    places: Vec<u64>,
    used: usize,
}

impl Table {
    fn is_full(&self) -> bool {
        self.used >= self.places.len() / 4 * 3
    }

    fn contains(&self, prefix: u64) -> bool {
        !self.places.is_empty() && self.places[self.place(prefix)] == prefix
    }

    /// False if it was there already.
    fn insert(&mut self, prefix: u64) -> bool {
        if self.places.is_empty() {
            self.places = vec![0; FIRST_PLACES];
        }
        let place = self.place(prefix);
        let is_new = self.places[place] == 0;
        self.places[place] = prefix;
        self.used += usize::from(is_new);
        is_new
    }

    /// Where the prefix is, or the free place where it would be.
    fn place(&self, prefix: u64) -> usize {
        let mask = self.places.len() - 1;
        let bits = self.places.len().trailing_zeros();
        let mut place = usize::try_from(prefix >> (64 - bits)).expect("a place is an index");
        while self.places[place] != 0 && self.places[place] != prefix {
            place = (place + 1) & mask;
        }
        place
    }

    fn grow(&mut self) {
        let places = vec![0; (2 * self.places.len()).max(FIRST_PLACES)];
        let old = std::mem::replace(&mut self.places, places);
        for prefix in old.into_iter().filter(|prefix| *prefix != 0) {
            let place = self.place(prefix);
            self.places[place] = prefix;
        }
    }
}

const FIRST_PLACES: usize = 1 << 12;
#[cfg(not(test))]
const PLACES: usize = 1 << 24;
#[cfg(test)]
const PLACES: usize = 1 << 14;

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
        let remembered = PLACES as u64 / 4 * 3;
        let mut repeats = Repeats::default();
        for number in 0..3 * remembered {
            assert!(repeats.insert(&r(number)), "{number}");
            if number % 97 == 0 {
                assert!(!repeats.insert(&r(number)), "{number}");
                assert!(!repeats.insert(&r(number.saturating_sub(remembered - 1))), "{number}");
            }
        }
        assert!(repeats.newer.places.len() <= PLACES && repeats.older.places.len() <= PLACES);
    }

    #[test]
    fn prefixes_at_the_end_of_the_table_wrap_around() {
        let mut repeats = Repeats::default();
        for last in 0..100 {
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
