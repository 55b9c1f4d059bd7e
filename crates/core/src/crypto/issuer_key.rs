//! A key under which many signatures are checked.

use std::sync::Arc;

use crate::x509::KeyAlgorithm;

use super::fixed::{Claim, FixedKey, Verdict, VerificationEngine};
use super::{EngineError, PublicKey};

/// The key of somebody who signs much: the anchor above a reel, or the issuer's own. It is `Sync`; clones share what
/// was computed for the key.
#[derive(Clone, Debug)]
pub struct IssuerKey {
    key: PublicKey,
    pub(super) fixed: Option<Arc<FixedKey>>,
}

impl IssuerKey {
    /// Costs no more than the key itself: tables come with the signatures.
    pub fn new(key: PublicKey) -> Self {
        let fixed = match key.algorithm() {
            KeyAlgorithm::P256 => FixedKey::new(key.spki().key()).map(Arc::new),
            _ => None,
        };
        Self { key, fixed }
    }

    /// As [`new`](Self::new), without the processor's vectors even where it has them. For tests and measurements: the
    /// verdicts are the same.
    pub fn portable(key: PublicKey) -> Self {
        let fixed = match key.algorithm() {
            KeyAlgorithm::P256 => FixedKey::new(key.spki().key()).map(|key| Arc::new(key.portable())),
            _ => None,
        };
        Self { key, fixed }
    }

    /// The key alone.
    pub const fn public_key(&self) -> &PublicKey {
        &self.key
    }

    /// So many signatures of this key are to come: larger tables are worth while from the start.
    pub fn expect(&self, count: u64) {
        if let Some(fixed) = &self.fixed {
            fixed.expect(count);
        }
    }

    /// Says of each claim what [`PublicKey::verify`] would say, in order, in one go.
    ///
    /// # Errors
    /// The engine for many signatures contradicts the generic one or itself, which is a bug: no verdict of this run is
    /// to be believed.
    pub fn verify_batch(&self, engine: VerificationEngine, claims: &[Claim<'_>]) -> Result<Vec<Verdict>, EngineError> {
        match &self.fixed {
            Some(fixed) if engine == VerificationEngine::FixedKey => fixed.verify_batch(self, claims),
            _ => {
                let verify = |claim: &Claim<'_>| self.key.verify(claim.algorithm, claim.message, claim.signature);
                Ok(claims.iter().map(verify).collect())
            }
        }
    }

    /// What the engine for many signatures thinks of each claim before anybody checks it; `None` where it has no opinion.
    /// For tests and fuzzing, which compare it with the generic one.
    ///
    /// # Errors
    /// As for [`verify_batch`](Self::verify_batch).
    pub fn unchecked_opinions(&self, claims: &[Claim<'_>]) -> Result<Vec<Option<bool>>, EngineError> {
        match &self.fixed {
            Some(fixed) => fixed.opinions(self, claims),
            None => Ok(vec![None; claims.len()]),
        }
    }
}
