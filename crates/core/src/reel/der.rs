//! Files in DER: one certificate, or several one after the other.

use super::codes;
use super::fault::Fault;
use super::feed::Feed;
use super::item_sink::{FileItems, Found, ItemSink};

/// Bytes of the longest header that is looked at: tag, length of length, four bytes of length; twice.
const HEADERS: usize = 12;

/// Hands out the certificates of a content that begins with a SEQUENCE.
///
/// Several certificates are separated only where the next one seems to begin right after the end of one. Any other
/// bytes that follow belong to the certificate before them: a zone dump with its padding is one candidate, and so is a
/// leaf with bytes appended to it. The verifier judges both.
pub(super) fn read(sink: &mut ItemSink<'_>, items: &mut FileItems<'_>, feed: &mut dyn Feed) -> Result<(), Fault> {
    let limit = sink.limits.item_bytes;
    loop {
        let start = feed.need(HEADERS)?;
        if start.is_empty() {
            return Ok(());
        }
        let one = match element_length(start) {
            Some(length) if length <= limit => {
                let seen = feed.need(length + HEADERS)?;
                (seen.len() == length || seen.get(length..).is_some_and(begins_like_a_certificate)).then_some(length)
            }
            _ => None,
        };
        let seen = feed.need(one.unwrap_or(limit + 1))?;
        let length = one.unwrap_or(seen.len());
        if length > limit {
            let reason = format!("a certificate candidate of more than {limit} octets");
            return Err(Fault::content(codes::LIMIT_ITEM_BYTES, reason));
        }
        let candidate = seen[..length].to_vec();
        feed.skip(length);
        items.push(sink, Found::Candidate(candidate))?;
    }
}

/// A SEQUENCE of at least 128 bytes whose first element is another one: the frame of every certificate
/// (RFC 5280 §4.1), and of a few other things.
pub(super) fn begins_like_a_certificate(bytes: &[u8]) -> bool {
    let ([0x30, 0x81, _, inner @ ..] | [0x30, 0x82, _, _, inner @ ..] | [0x30, 0x83, _, _, _, inner @ ..]) = bytes
    else {
        return false;
    };
    matches!(inner, [0x30, 0x81..=0x83, ..])
}

/// The length of the SEQUENCE at the beginning, header included, where it has a definite one.
pub(super) fn element_length(bytes: &[u8]) -> Option<usize> {
    let [0x30, first, rest @ ..] = bytes else {
        return None;
    };
    if *first < 0x80 {
        return Some(2 + usize::from(*first));
    }
    let count = usize::from(first & 0x7F);
    if !(1..=4).contains(&count) {
        return None;
    }
    let length = rest.get(..count)?.iter().fold(0_usize, |length, byte| length << 8 | usize::from(*byte));
    Some(2 + count + length)
}

#[cfg(test)]
mod tests {
    use std::ops::ControlFlow;

    use super::*;
    use crate::origin::ItemName;
    use crate::reel::item_sink::Place;
    use crate::reel::limits::{Budget, Limits};

    /// Bytes without end. Records how far the reader looked ahead.
    struct Endless {
        bytes: Vec<u8>,
        looked: usize,
    }

    impl Feed for Endless {
        fn need(&mut self, bytes: usize) -> Result<&[u8], Fault> {
            self.looked = self.looked.max(bytes);
            self.bytes.resize(self.bytes.len().max(bytes.min(1 << 20)), 0);
            Ok(&self.bytes)
        }

        fn skip(&mut self, _: usize) {
            unreachable!("a refused candidate is not passed over");
        }
    }

    #[test]
    fn a_length_that_is_only_claimed_is_not_looked_for() {
        let limits = Limits { item_bytes: 1000, ..Limits::default() };
        let budget = Budget::new(limits.total_bytes);
        let scratch = std::env::temp_dir();
        let mut each = |_| ControlFlow::Continue(());
        let mut sink = ItemSink::new(&limits, &budget, &scratch, &mut each);
        let place = Place::outside(ItemName::input(b"a"), b"a");
        let mut feed = Endless { bytes: vec![0x30, 0x84, 0x7F, 0xFF, 0xFF, 0xFF], looked: 0 };
        let outcome = read(&mut sink, &mut FileItems::of(&place), &mut feed);
        assert!(matches!(outcome, Err(Fault::Content { code: codes::LIMIT_ITEM_BYTES, .. })));
        assert_eq!(feed.looked, 1001);
    }
}
