//! The version of the rules by which a tbsCertificate follows from batch and leaf, and what serial numbers follow from.

use std::fmt;

use crate::x509::Sha256Digest;

use super::Seed;

/// A version of the rules by which a tbsCertificate follows from batch row and leaf (docs/spec/versions.md); part of a
/// batch's terms. The formats of a batch's files go with it.
///
/// The TBS bytes of a policy `version` never change between releases: a change here is a new version beside the old.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Encoder {
    /// The first releases. Its batches are verified permanently, and finished where they were started.
    One,
    /// Serial numbers are bound to the batch's name and beacon, ECDSA signatures have the lower s.
    Two,
}

impl Encoder {
    /// Every version, the one of new batches first.
    pub const ALL: [Self; 2] = [Self::Two, Self::One];

    /// The version of new batches.
    pub const NEW: Self = Self::Two;

    /// The number in statements, plans and ledger records.
    pub const fn number(self) -> u32 {
        match self {
            Self::One => 1,
            Self::Two => 2,
        }
    }

    /// The version with this number, if this release knows it.
    pub fn from_number(number: u32) -> Option<Self> {
        Self::ALL.into_iter().find(|encoder| encoder.number() == number)
    }
}

impl fmt::Display for Encoder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.number().fmt(f)
    }
}

/// What a batch's derived serial numbers follow from, besides the issuing CA's key and the leaf.
#[derive(Clone, Copy, Debug)]
pub struct SerialBasis<'a> {
    /// The rules.
    pub encoder: Encoder,
    /// The batch's name.
    pub batch: &'a str,
    /// The batch's seed.
    pub seed: &'a Seed,
    /// SHA-256 of a public value that was read before the first serial number was derived.
    pub beacon: Option<Sha256Digest>,
}
