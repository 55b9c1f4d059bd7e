//! Signatures of certificates that come from the ledger or from elsewhere, verified under the issuer's own key.

use crate::crypto::{Claim, EngineError, IssuerKey, SignatureError, Verdict, VerificationEngine};
use crate::origin::Uid;
use crate::x509::SignatureAlgorithm;

use super::{IssuedCertificate, TbsCertificate, UncheckedCertificate};

/// A signature that does not verify under the issuer's own key. The certificate has not left this program.
#[derive(Clone, Debug, thiserror::Error)]
#[error("signature for {uid} does not verify under the issuer's own key: {source}")]
pub struct WrongSignature {
    /// The chip.
    pub uid: Uid,
    /// What is wrong with the signature.
    pub source: SignatureError,
}

/// Verifies the signatures of certificates; there is one outcome for each, in order.
///
/// # Errors
/// The engine is wrong, which is a bug. The inner error is a signature that is not the issuer's.
pub fn check_all(
    issuer: &IssuerKey,
    engine: VerificationEngine,
    unchecked: Vec<UncheckedCertificate>,
) -> Result<Vec<Result<IssuedCertificate, WrongSignature>>, EngineError> {
    let claims: Vec<Claim<'_>> =
        unchecked.iter().map(|unchecked| claim(&unchecked.tbs, &unchecked.signature)).collect();
    let verdicts = issuer.verify_batch(engine, &claims)?;
    Ok(unchecked.into_iter().zip(verdicts).map(|(unchecked, verdict)| released(unchecked, verdict)).collect())
}

/// The certificate, if the verdict on its signature is good.
///
/// # Errors
/// It is not.
pub fn released(unchecked: UncheckedCertificate, verdict: Verdict) -> Result<IssuedCertificate, WrongSignature> {
    match verdict {
        Ok(()) => Ok(IssuedCertificate::assert_verified(unchecked)),
        Err(source) => Err(WrongSignature { uid: unchecked.tbs.origin().uid, source }),
    }
}

/// What is to be verified of a certificate.
pub fn claim<'a>(tbs: &'a TbsCertificate, signature: &'a [u8]) -> Claim<'a> {
    let algorithm = tbs.signature_algorithm();
    // the digest that was recorded, where this algorithm is about it
    let sha256 = (algorithm == SignatureAlgorithm::EcdsaSha256).then(|| tbs.sha256());
    Claim { algorithm, message: tbs.der(), signature, sha256 }
}
