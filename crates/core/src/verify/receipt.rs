//! A verified leaf laid aside: what must be kept so that its bytes can be taken up again without verifying twice.

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

/// That certain bytes were verified, and how. Only a [`VerifiedLeaf`] gives one.
#[derive(Clone, Debug)]
pub struct Receipt {
    fingerprint: Sha256Digest,
    path: Arc<VerifiedPath>,
}

/// How a leaf was verified: the same for very many leaves.
#[derive(Clone, Debug)]
struct VerifiedPath {
    anchor: u32,
    relaxations: Relaxations,
    path: Vec<Arc<Certificate>>,
    /// Of the leaf's UID, for conflicts.
    namespace: u64,
}

impl VerifiedPath {
    fn of(leaf: &VerifiedLeaf) -> Self {
        let proof = leaf.proof();
        Self {
            anchor: u32::try_from(proof.anchor).expect("anchors are few"),
            relaxations: Relaxations::of(&proof.relaxations),
            path: proof.path.clone(),
            namespace: conflicts::namespace(leaf.family(), leaf.certificate()),
        }
    }

    /// Compares certificates by their addresses in memory: each path keeps its certificates alive.
    fn key(&self) -> (u32, Relaxations, u64, Vec<usize>) {
        let path = self.path.iter().map(|certificate| Arc::as_ptr(certificate).addr()).collect();
        (self.anchor, self.relaxations, self.namespace, path)
    }
}

/// Stands for all of a receipt but the fingerprint, in three bytes, with the verifier that gave it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PathIndex([u8; 3]);

/// The paths by which leaves were verified that were laid aside, each once.
#[derive(Debug, Default)]
pub(super) struct VerifiedPaths(RwLock<Known>);

#[derive(Debug, Default)]
struct Known {
    paths: Vec<Arc<VerifiedPath>>,
    places: BTreeMap<(u32, Relaxations, u64, Vec<usize>), PathIndex>,
}

impl VerifiedPaths {
    fn index(&self, path: VerifiedPath) -> PathIndex {
        let key = path.key();
        let mut known = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(index) = known.places.get(&key) {
            return *index;
        }
        let number = u32::try_from(known.paths.len()).expect("fewer than 2^24, as follows");
        let [0, index @ ..] = number.to_be_bytes() else { panic!("more than 16 million paths to the anchors") };
        known.paths.push(Arc::new(path));
        known.places.insert(key, PathIndex(index));
        PathIndex(index)
    }

    fn path(&self, PathIndex([high, middle, low]): PathIndex) -> Arc<VerifiedPath> {
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let place = u32::from_be_bytes([0, high, middle, low]);
        Arc::clone(&known.paths[usize::try_from(place).expect("24 bits are a position in memory")])
    }
}

impl VerifiedLeaf {
    /// Lays the leaf aside; its bytes are kept elsewhere.
    pub fn receipt(&self) -> Receipt {
        Receipt { fingerprint: self.origin().fingerprint, path: Arc::new(VerifiedPath::of(self)) }
    }
}

impl Verifier {
    /// Lays a leaf aside that this verifier has verified; its bytes and its fingerprint are kept elsewhere.
    pub(crate) fn lay_aside(&self, leaf: &VerifiedLeaf) -> PathIndex {
        self.paths().index(VerifiedPath::of(leaf))
    }

    /// The receipt of a leaf that was laid aside here, with the fingerprint that it had.
    pub(crate) fn receipt(&self, index: PathIndex, fingerprint: Sha256Digest) -> Receipt {
        Receipt { fingerprint, path: self.paths().path(index) }
    }

    /// What the UID of a leaf that was laid aside here is unique in.
    pub(crate) fn namespace(&self, index: PathIndex) -> u64 {
        self.paths().path(index).namespace
    }
}

impl Receipt {
    /// Position of the anchor that the leaf's chain reaches.
    pub fn anchor(&self) -> usize {
        usize::try_from(self.path.anchor).expect("an anchor's position fits")
    }

    /// Whether the leaf was verified only because this is tolerated.
    pub fn needed(&self, relaxation: Relaxation) -> bool {
        self.path.relaxations.contains(relaxation)
    }
}

impl Verifier {
    /// Takes the leaf of an item up again, with validity judged at `at`, which need not be the verifier's own instant.
    ///
    /// `None` if these are not the bytes that the receipt is for. The inner error is a leaf (or an intermediate of its
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
        // the verifier has already read these bytes, with the leniency that its rules allowed
        let leniency = Leniency { explicit_default_boolean: true };
        let (certificate, _) = Certificate::from_der_leniently(der, leniency).ok()?;
        let uid = Uid::from_serial(certificate.serial());
        let path = receipt.path.path.clone();
        let mut relaxations = receipt.path.relaxations;
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
