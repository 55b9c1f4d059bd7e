//! A verified leaf laid aside: what must be kept so that its octets can be taken up again without verifying twice.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};

use crate::crypto::sha256;
use crate::origin::{Finding, ItemName, Origin, Uid};
use crate::x509::{Certificate, Leniency, Sha256Digest, Time};

use super::conflicts;
use super::leaf::{ChainProof, VerifiedLeaf};
use super::relaxations::Relaxations;
use super::rules::Relaxation;
use super::verifier::Verifier;

/// That certain octets were verified, and how. Only a [`VerifiedLeaf`] gives one.
#[derive(Clone, Debug)]
pub struct Receipt {
    fingerprint: Sha256Digest,
    way: Arc<Way>,
}

/// How a leaf was verified: the same for very many leaves.
#[derive(Clone, Debug)]
struct Way {
    anchor: u32,
    relaxations: Relaxations,
    path: Vec<Arc<Certificate>>,
    /// Of the leaf's UID, for conflicts.
    namespace: u64,
}

impl Way {
    fn of(leaf: &VerifiedLeaf) -> Self {
        let proof = leaf.proof();
        Self {
            anchor: u32::try_from(proof.anchor).expect("anchors are few"),
            relaxations: Relaxations::of(&proof.relaxations),
            path: proof.path.clone(),
            namespace: conflicts::namespace(leaf.family(), leaf.certificate()),
        }
    }

    /// Paths are told apart by their certificates' places in memory, which the ways hold.
    fn key(&self) -> (u32, Relaxations, u64, Vec<usize>) {
        let path = self.path.iter().map(|certificate| Arc::as_ptr(certificate).addr()).collect();
        (self.anchor, self.relaxations, self.namespace, path)
    }
}

/// Stands for all of a receipt but the fingerprint, in three octets, with the verifier that gave it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Slip([u8; 3]);

/// The ways by which leaves were verified that were laid aside, each once.
#[derive(Debug, Default)]
pub(super) struct Ways(RwLock<Known>);

#[derive(Debug, Default)]
struct Known {
    ways: Vec<Arc<Way>>,
    places: BTreeMap<(u32, Relaxations, u64, Vec<usize>), Slip>,
}

impl Ways {
    fn slip(&self, way: Way) -> Slip {
        let key = way.key();
        let mut known = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(slip) = known.places.get(&key) {
            return *slip;
        }
        let number = u32::try_from(known.ways.len()).expect("fewer than 2^24, as follows");
        let [0, slip @ ..] = number.to_be_bytes() else { panic!("more than 16 million paths to the anchors") };
        known.ways.push(Arc::new(way));
        known.places.insert(key, Slip(slip));
        Slip(slip)
    }

    fn way(&self, Slip([high, middle, low]): Slip) -> Arc<Way> {
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let place = u32::from_be_bytes([0, high, middle, low]);
        Arc::clone(&known.ways[usize::try_from(place).expect("24 bits are a position in memory")])
    }
}

impl VerifiedLeaf {
    /// Lays the leaf aside; its octets are kept elsewhere.
    pub fn receipt(&self) -> Receipt {
        Receipt { fingerprint: self.origin().fingerprint, way: Arc::new(Way::of(self)) }
    }
}

impl Verifier {
    /// Lays a leaf aside that this verifier has verified; its octets and its fingerprint are kept elsewhere.
    pub(crate) fn lay_aside(&self, leaf: &VerifiedLeaf) -> Slip {
        self.ways().slip(Way::of(leaf))
    }

    /// The receipt of a leaf that was laid aside here, with the fingerprint that it had.
    pub(crate) fn receipt(&self, slip: Slip, fingerprint: Sha256Digest) -> Receipt {
        Receipt { fingerprint, way: self.ways().way(slip) }
    }

    /// What the UID of a leaf that was laid aside here is unique in.
    pub(crate) fn namespace(&self, slip: Slip) -> u64 {
        self.ways().way(slip).namespace
    }
}

impl Receipt {
    /// Position of the anchor that the leaf's chain reaches.
    pub fn anchor(&self) -> usize {
        usize::try_from(self.way.anchor).expect("an anchor's position fits")
    }

    /// Whether the leaf was verified only because this is tolerated.
    pub fn needed(&self, relaxation: Relaxation) -> bool {
        self.way.relaxations.contains(relaxation)
    }
}

impl Verifier {
    /// Takes the leaf of an item up again, with validity judged at `at`, which need not be the verifier's own instant.
    ///
    /// `None` if these are not the octets that the receipt is for. The inner error is a leaf (or an intermediate of its
    /// path) that is not valid at `at`.
    pub fn readmit(
        &self,
        item: ItemName,
        der: &[u8],
        receipt: &Receipt,
        at: Time,
    ) -> Option<Result<VerifiedLeaf, Finding>> {
        if sha256(der) != receipt.fingerprint {
            return None;
        }
        // the octets were read before, by whatever leniency the rules allowed
        let leniency = Leniency { explicit_default_boolean: true };
        let (certificate, _) = Certificate::from_der_leniently(der, leniency).ok()?;
        let uid = Uid::from_serial(certificate.serial());
        let path = receipt.way.path.clone();
        let mut relaxations = receipt.way.relaxations;
        relaxations = relaxations.without(Relaxations::of(&[Relaxation::ExpiredLeaf]));
        if let Err(defect) = self.check_times(&certificate, &path, at, &mut relaxations) {
            let finding = Finding::rejected(item, defect.code, defect.reason);
            return Some(Err(finding.of(Some(uid), Some(receipt.fingerprint))));
        }
        let proof = ChainProof { anchor: receipt.anchor(), path, at, relaxations: relaxations.to_vec() };
        let origin = Origin { item, uid, fingerprint: receipt.fingerprint };
        Some(Ok(VerifiedLeaf::assert_verified(origin, self.rules().family, certificate, proof)))
    }
}
