//! A key under which many signatures are verified.

#[cfg(test)]
mod tests;

use std::sync::Arc;

use p256_batch::{Fault, FixedKey, Opinion, Statement};

use crate::x509::{Sha256Digest, SignatureAlgorithm};

use super::{EcdsaSignature, EngineError, PublicKey, SignatureError, sha256};

/// Which engine verifies the signatures of one key.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum VerificationEngine {
    /// Tables for the key once it has made enough signatures, where there is such an engine for it: ECDSA P-256 with
    /// SHA-256 (crate `p256-batch`). Everything else as in `Generic`.
    #[default]
    FixedKey,
    /// aws-lc for each signature.
    Generic,
}

/// One signature to verify.
#[derive(Clone, Copy, Debug)]
pub struct Claim<'a> {
    /// The algorithm that the claim names.
    pub algorithm: SignatureAlgorithm,
    /// The message that the signature claims to be of.
    pub message: &'a [u8],
    /// The signature.
    pub signature: &'a [u8],
    /// SHA-256 of the message, if the caller has computed it already. aws-lc, which looks at some of the signatures,
    /// computes it again.
    pub sha256: Option<Sha256Digest>,
}

/// The result for one claim.
pub type Verdict = Result<(), SignatureError>;

/// The key of an issuer that signs much: the anchor above a reel, or the issuer's own. It is `Sync`; clones share what
/// was computed for the key.
#[derive(Clone, Debug)]
pub struct IssuerKey {
    key: PublicKey,
    fixed: Option<Arc<FixedKey>>,
}

impl IssuerKey {
    /// Costs no more than the key itself: tables come with the signatures.
    pub fn new(key: PublicKey) -> Self {
        let fixed = Self::fixed(&key).map(Arc::new);
        Self { key, fixed }
    }

    /// As [`new`](Self::new), without the processor's vectors even where it has them. For tests and measurements: the
    /// verdicts are the same.
    pub fn portable(key: PublicKey) -> Self {
        let fixed = Self::fixed(&key).map(|fixed| Arc::new(fixed.portable()));
        Self { key, fixed }
    }

    fn fixed(key: &PublicKey) -> Option<FixedKey> {
        key.algorithm().has_batch_engine().then(|| FixedKey::new(key.spki().key())).flatten()
    }

    /// Returns the key alone.
    pub const fn public_key(&self) -> &PublicKey {
        &self.key
    }

    /// Announces `count` signatures of this key, so that larger tables are made from the start.
    pub fn expect(&self, count: u64) {
        if let Some(fixed) = &self.fixed {
            fixed.expect(count);
        }
    }

    /// Returns for each claim what [`PublicKey::verify`] would return, in order.
    ///
    /// # Errors
    /// The engine for many signatures contradicts the generic one or itself, which is a bug: no verdict of this run may
    /// be used.
    pub fn verify_batch(&self, engine: VerificationEngine, claims: &[Claim<'_>]) -> Result<Vec<Verdict>, EngineError> {
        let verify = |claim: &Claim<'_>| self.key.verify(claim.algorithm, claim.message, claim.signature);
        match &self.fixed {
            Some(fixed) if engine == VerificationEngine::FixedKey => {
                fixed.verify_batch(claims, |claim| self.statement(claim), verify).map_err(|fault| error(fault, claims))
            }
            _ => Ok(claims.iter().map(verify).collect()),
        }
    }

    /// Returns what the engine for many signatures thinks of each claim before anything else has looked at it; `None`
    /// where it has no opinion. For tests and fuzzing, which compare it with the generic one.
    ///
    /// # Errors
    /// As for [`verify_batch`](Self::verify_batch).
    pub fn unchecked_opinions(&self, claims: &[Claim<'_>]) -> Result<Vec<Option<bool>>, EngineError> {
        let Some(fixed) = &self.fixed else { return Ok(vec![None; claims.len()]) };
        let statements: Vec<Option<Statement>> = claims.iter().map(|claim| self.statement(claim)).collect();
        let opinions = fixed.opinions(&statements).map_err(|fault| error(fault, claims))?.into_iter();
        Ok(opinions
            .map(|opinion| match opinion {
                Opinion::Good => Some(true),
                Opinion::Bad => Some(false),
                Opinion::None => None,
            })
            .collect())
    }

    /// Returns a claim in numbers; `None` if it is not for the engine: another algorithm, or not a signature at all.
    fn statement(&self, claim: &Claim<'_>) -> Option<Statement> {
        if claim.algorithm != SignatureAlgorithm::EcdsaSha256 {
            return None;
        }
        debug_assert!(claim.sha256.is_none_or(|digest| digest == sha256(claim.message)), "a digest of something else");
        let signature = EcdsaSignature::parse(self.key.algorithm(), claim.signature).ok()?;
        let digest = claim.sha256.unwrap_or_else(|| sha256(claim.message));
        Statement::new(signature.r(), signature.s(), digest.as_bytes())
    }
}

fn error(fault: Fault, claims: &[Claim<'_>]) -> EngineError {
    match fault {
        Fault::Disagreement { at, accepted } => {
            EngineError::Disagreement { accepted, message: sha256(claims[at].message) }
        }
        Fault::KnownAnswer => EngineError::KnownAnswer,
        Fault::Table { window } => EngineError::Table { window },
    }
}
