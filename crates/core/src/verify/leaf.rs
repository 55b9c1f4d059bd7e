//! A leaf whose chain was checked, and what was checked.

use std::sync::Arc;

use crate::origin::{Origin, Uid};
use crate::x509::{Certificate, Spki, Time};

use super::family::Family;
use super::rules::Relaxation;

/// A genuine leaf: its chain reaches a trust anchor, its key is valid, its UID is known.
///
/// It is one pointer: leaves go from stage to stage in lists, and what is moved is not the 400 bytes behind it.
#[derive(Clone, Debug)]
pub struct VerifiedLeaf(Box<Parts>);

#[derive(Clone, Debug)]
struct Parts {
    origin: Origin,
    family: Family,
    certificate: Certificate,
    proof: ChainProof,
}

/// How a leaf's chain was proved (RFC 5280 §6.1).
#[derive(Clone, Debug)]
pub struct ChainProof {
    pub(super) anchor: usize,
    pub(super) path: Vec<Arc<Certificate>>,
    pub(super) at: Time,
    pub(super) relaxations: Vec<Relaxation>,
}

impl ChainProof {
    /// A proof for the tests of later stages: no chain was checked.
    #[cfg(test)]
    pub(crate) fn for_tests(anchor: usize, at: Time, relaxations: Vec<Relaxation>) -> Self {
        Self { anchor, path: vec![], at, relaxations }
    }

    /// Returns the position of the anchor in the verifier's list.
    pub fn anchor(&self) -> usize {
        self.anchor
    }

    /// Returns the certificates between leaf and anchor, nearest to the leaf first; the anchor is not among them.
    pub fn path(&self) -> &[Arc<Certificate>] {
        &self.path
    }

    /// Returns the instant for which validity was checked.
    pub fn at(&self) -> Time {
        self.at
    }

    /// Returns the relaxations without which the leaf would have been rejected, sorted.
    pub fn relaxations(&self) -> &[Relaxation] {
        &self.relaxations
    }
}

impl VerifiedLeaf {
    /// Asserts that the leaf was verified. Only the verifier and tests may say so.
    pub(super) fn assert_verified(origin: Origin, family: Family, certificate: Certificate, proof: ChainProof) -> Self {
        Self(Box::new(Parts { origin, family, certificate, proof }))
    }

    /// A leaf for the tests of later stages, its chain unproved.
    #[cfg(test)]
    pub(crate) fn for_tests(origin: Origin, family: Family, certificate: Certificate, proof: ChainProof) -> Self {
        Self::assert_verified(origin, family, certificate, proof)
    }

    /// The item, the chip and the leaf's fingerprint.
    pub fn origin(&self) -> &Origin {
        &self.0.origin
    }

    /// The chip's UID.
    pub fn uid(&self) -> &Uid {
        &self.0.origin.uid
    }

    /// The chip's family.
    pub fn family(&self) -> Family {
        self.0.family
    }

    /// The ST number: the UID's last 9 bytes, where the family has one.
    pub fn st_number(&self) -> Option<&[u8]> {
        self.0.family.st_number(self.uid())
    }

    /// The leaf certificate as received.
    pub fn certificate(&self) -> &Certificate {
        &self.0.certificate
    }

    /// The public key as received.
    pub fn spki(&self) -> &Spki {
        self.0.certificate.spki()
    }

    /// How the chain was proved.
    pub fn proof(&self) -> &ChainProof {
        &self.0.proof
    }
}
