//! What stays in memory of a verified leaf: 96 bytes. What few callers need is in the spool, with the leaf.

use crate::error::Error;
use crate::origin::{Finding, ItemName, Uid};
use crate::reel::{Spool, SpoolReader, SpoolRef};
use crate::verify::{self, Contender, PathIndex, Relaxation, VerifiedLeaf, Verifier};
use crate::x509::{Sha256Digest, Time};

/// A verified leaf, compactly: a batch of ten million has as many of these in memory.
pub struct Row {
    spooled: Place,
    /// UID and digests.
    pub key: verify::Row,
    /// Of the verifier that the leaf was verified by.
    path: PathIndex,
}

const _: () = assert!(size_of::<Row>() == 96);

impl Row {
    /// Appends the leaf to the spool. `number` is its position among all items.
    pub(super) fn lay_aside(
        number: u64,
        leaf: &VerifiedLeaf,
        verifier: &Verifier,
        spool: &mut Spool,
    ) -> Result<Self, Error> {
        let name = leaf.origin().item.as_str();
        let length = u16::try_from(name.len()).expect("an item name has few components, each cut to length");
        let record = [&number.to_be_bytes()[..], &length.to_be_bytes(), name.as_bytes(), leaf.certificate().der()];
        let spooled = Place::of(spool.append_parts(&record)?);
        Ok(Self { spooled, key: verify::Row::of(leaf), path: verifier.lay_aside(leaf) })
    }

    /// The chip.
    pub fn uid(&self) -> Uid {
        self.key.uid
    }

    /// SHA-256 of the leaf.
    pub fn source(&self) -> Sha256Digest {
        self.key.fingerprint
    }

    /// Position of the anchor that the leaf's chain reaches.
    pub fn anchor(&self, verifier: &Verifier) -> usize {
        verifier.receipt(self.path, self.key.fingerprint).anchor()
    }

    /// Whether the leaf was cut out of a padded zone dump.
    pub(crate) fn was_padded(&self, verifier: &Verifier) -> bool {
        verifier.receipt(self.path, self.key.fingerprint).needed(Relaxation::TrailingPadding)
    }

    /// What its UID is unique in.
    pub(super) fn namespace(&self, verifier: &Verifier) -> u64 {
        verifier.namespace(self.path)
    }

    /// Where the leaf is in the spool, for those who read many.
    pub fn place(&self) -> u64 {
        self.spooled.spooled().offset()
    }

    /// The leaf as it was spooled.
    ///
    /// # Errors
    /// The spool cannot be read, or changed under the run.
    pub fn load(&self, spool: &Spool) -> Result<LaidAside, Error> {
        let record = spool.read(self.spooled.spooled())?;
        let (number, rest) = number(&record)?;
        let (item, der) = item(rest)?;
        Ok(LaidAside { number, item, der: der.to_vec() })
    }

    /// The leaf's position among all items.
    ///
    /// # Errors
    /// As [`load`](Self::load).
    pub fn number(&self, spool: &mut SpoolReader<'_>) -> Result<u64, Error> {
        Ok(number(spool.read(self.spooled.spooled())?)?.0)
    }

    /// The verified leaf again: the same bytes, the proof of pass 1, validity judged at `at`.
    ///
    /// # Errors
    /// The spool cannot be read, or changed under the run.
    pub fn readmit(
        &self,
        spool: &mut SpoolReader<'_>,
        verifier: &Verifier,
        at: Time,
    ) -> Result<Result<VerifiedLeaf, Finding>, Error> {
        let (_, rest) = number(spool.read(self.spooled.spooled())?)?;
        let (item, der) = item(rest)?;
        let receipt = verifier.receipt(self.path, self.key.fingerprint);
        verifier.readmit(item, der, &receipt, at).ok_or(Error::SpoolChanged)
    }
}

impl Contender for Row {
    fn row(&self) -> &verify::Row {
        &self.key
    }
}

/// A verified leaf out of the spool.
pub struct LaidAside {
    /// Position among all items.
    pub number: u64,
    /// The item's name.
    pub item: ItemName,
    /// The leaf.
    pub der: Vec<u8>,
}

/// The item's position, and what follows it in a record.
fn number(record: &[u8]) -> Result<(u64, &[u8]), Error> {
    let (number, rest) = record.split_first_chunk().ok_or(Error::SpoolChanged)?;
    Ok((u64::from_be_bytes(*number), rest))
}

/// The item's name and the leaf.
fn item(rest: &[u8]) -> Result<(ItemName, &[u8]), Error> {
    let changed = || Error::SpoolChanged;
    let (length, rest) = rest.split_first_chunk::<2>().ok_or_else(changed)?;
    let (name, der) = rest.split_at_checked(usize::from(u16::from_be_bytes(*length))).ok_or_else(changed)?;
    let name = std::str::from_utf8(name).ok().and_then(|name| ItemName::from_escaped(name).ok());
    Ok((name.ok_or_else(changed)?, der))
}

/// Keeps the rows that are marked so, where they are: a second list of millions would be the largest thing in memory.
pub fn keep(rows: &mut Vec<Row>, stay: Vec<bool>) {
    debug_assert_eq!(rows.len(), stay.len());
    let mut stay = stay.into_iter();
    rows.retain(|_| stay.next() == Some(true));
}

/// A place in the spool: 44 bits of offset, 20 bits of length.
struct Place(u64);

impl Place {
    fn of(spooled: SpoolRef) -> Self {
        let (offset, length) = (spooled.offset(), spooled.length());
        assert!(length < 1 << LENGTH_BITS, "a verified leaf has 16 KiB at most, its name 64 KiB");
        assert!(offset < 1 << (u64::BITS - LENGTH_BITS), "a spool of 16 TiB holds 200 million of the longest leaves");
        Self(offset << LENGTH_BITS | u64::from(length))
    }

    fn spooled(&self) -> SpoolRef {
        let length = self.0 & ((1 << LENGTH_BITS) - 1);
        SpoolRef::new(self.0 >> LENGTH_BITS, u32::try_from(length).expect("20 bits"))
    }
}

const LENGTH_BITS: u32 = 20;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_of_64_bits_is_the_one_in_the_spool() {
        for (offset, length) in [(0, 0), (1, 2), ((1 << 44) - 1, (1 << 20) - 1), (1 << 43, 0), (0, 1 << 19)] {
            let spooled = SpoolRef::new(offset, length);
            assert_eq!(Place::of(spooled).spooled(), spooled);
        }
    }
}
