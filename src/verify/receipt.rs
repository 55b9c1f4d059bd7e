//! A verified leaf laid aside: what must be kept so that its octets can be taken up again without verifying twice.

use std::sync::Arc;

use crate::crypto::sha256;
use crate::origin::{Finding, Origin, Uid};
use crate::reel::SourceLeaf;
use crate::x509::{Certificate, Leniency, Sha256Digest, Time};

use super::leaf::{ChainProof, VerifiedLeaf};
use super::relaxations::Relaxations;
use super::rules::Relaxation;
use super::verifier::Verifier;

/// That certain octets were verified, and how. Only a [`VerifiedLeaf`] gives one.
#[derive(Clone, Debug)]
pub struct Receipt {
    fingerprint: Sha256Digest,
    anchor: u32,
    relaxations: Relaxations,
    path: Option<Arc<[Arc<Certificate>]>>,
}

impl VerifiedLeaf {
    /// Lays the leaf aside; its octets are kept elsewhere.
    pub fn receipt(&self) -> Receipt {
        let proof = self.proof();
        Receipt {
            fingerprint: self.origin().fingerprint,
            anchor: u32::try_from(proof.anchor).expect("anchors are few"),
            relaxations: Relaxations::of(&proof.relaxations),
            path: (!proof.path.is_empty()).then(|| proof.path.clone().into()),
        }
    }
}

impl Receipt {
    /// Position of the anchor that the leaf's chain reaches.
    pub fn anchor(&self) -> usize {
        usize::try_from(self.anchor).expect("an anchor's position fits")
    }
}

impl Verifier {
    /// Takes a leaf up again, with validity judged at `at`, which need not be the verifier's own instant.
    ///
    /// `None` if these are not the octets that the receipt is for. The inner error is a leaf (or an intermediate of its
    /// path) that is not valid at `at`.
    pub fn readmit(&self, leaf: &SourceLeaf, receipt: &Receipt, at: Time) -> Option<Result<VerifiedLeaf, Finding>> {
        if sha256(&leaf.der) != receipt.fingerprint {
            return None;
        }
        // the octets were read before, by whatever leniency the rules allowed
        let leniency = Leniency { explicit_default_boolean: true };
        let (certificate, _) = Certificate::from_der_leniently(&leaf.der, leniency).ok()?;
        let uid = Uid::from_serial(certificate.serial());
        let path = receipt.path.as_deref().unwrap_or_default().to_vec();
        let mut relaxations = receipt.relaxations;
        relaxations = relaxations.without(Relaxations::of(&[Relaxation::ExpiredLeaf]));
        if let Err(defect) = self.check_times(&certificate, &path, at, &mut relaxations) {
            let finding = Finding::rejected(leaf.item.clone(), defect.code, defect.reason);
            return Some(Err(finding.of(Some(uid), Some(receipt.fingerprint))));
        }
        let proof = ChainProof { anchor: receipt.anchor(), path, at, relaxations: relaxations.to_vec() };
        let origin = Origin { item: leaf.item.clone(), uid, fingerprint: receipt.fingerprint };
        Some(Ok(VerifiedLeaf::assert_verified(origin, self.rules().family, certificate, proof)))
    }
}
