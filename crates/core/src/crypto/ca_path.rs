//! The short path from a CA certificate up to an anchor that a person trusts.

use crate::x509::{Certificate, Deviation, Name, OtherAlgorithm, Place, Purposes, Time, check_ca, check_purposes};

use super::{PublicKey, SignatureError};

/// Proves that a CA certificate reaches an anchor (name and key) through those above it, nearest first: RFC 5280 §6.1
/// for a short chain of names, signatures, validity at `at`, cA, pathLenConstraint, keyUsage, every other extension
/// ([`check_extensions`](crate::x509::check_extensions)), and extendedKeyUsage as relying parties take it
/// ([`check_purposes`]). The anchor's own extensions count, its validity does not.
///
/// # Errors
/// What does not hold, as a fragment that names the certificate.
pub fn reaches_anchor(
    issuing: &Certificate,
    chain: &[Certificate],
    anchors: &[Certificate],
    at: Time,
    purposes: Purposes<'_>,
) -> Result<(), String> {
    let mut below = issuing;
    let mut above = chain.iter();
    // CA certificates between the one looked at and the object certificate
    for depth in 0_u32.. {
        check_authority(below, Place::Below, depth, purposes)?;
        let validity = below.validity();
        if !validity.contains(at) {
            let (not_before, not_after) = (validity.not_before(), validity.not_after());
            return Err(format!("`{}` is valid from {not_before} to {not_after}, not at {at}", below.subject()));
        }
        // an issuing CA given as anchor is trusted as it is
        if anchors.iter().any(|anchor| anchor.subject() == below.subject() && anchor.spki() == below.spki()) {
            return Ok(());
        }
        if let Some(anchor) = anchors.iter().find(|anchor| signed_by(below, anchor)) {
            return check_authority(anchor, Place::Anchor, depth + 1, purposes);
        }
        let Some(next) = above.next().filter(|next| signed_by(below, next)) else {
            return Err(format!("no anchor and no certificate of the chain signed `{}`", below.subject()));
        };
        below = next;
    }
    unreachable!("the chain ends before its depth does")
}

/// Checks a CA certificate above an end entity or other CAs: what it says of itself, whether `depth` CAs may be below
/// it, and whether the purposes at the end of the path may.
///
/// # Errors
/// What does not hold, as a fragment that names the certificate.
pub fn check_authority(
    certificate: &Certificate,
    place: Place,
    depth: u32,
    purposes: Purposes<'_>,
) -> Result<(), String> {
    let subject = certificate.subject();
    let path_len = check_ca(certificate, place).map_err(|error| format!("`{subject}`: {error}"))?;
    if let Some(limit) = path_len.filter(|limit| *limit < depth) {
        return Err(format!(
            "`{subject}` allows {limit} CAs below it, found {depth} (pathLenConstraint, RFC 5280 §4.2.1.9)"
        ));
    }
    check_purposes(certificate, purposes).map_err(|error| format!("`{subject}`: {error}"))
}

/// The end of a chain that is complete: the certificate that nothing is above, because issuer and subject are the
/// same. Without a chain it is the issuing CA's own.
///
/// # Errors
/// The last certificate names another CA as its issuer, as a fragment.
pub fn chain_end<'a>(issuing: &'a Certificate, chain: &'a [Certificate]) -> Result<&'a Certificate, String> {
    let last = chain.last().unwrap_or(issuing);
    if last.is_self_issued() {
        return Ok(last);
    }
    Err(format!(
        "the chain ends at `{}`, which was issued by `{}`, expected a chain up to a root that issued itself",
        last.subject(),
        last.issuer()
    ))
}

/// Why a certificate is not one that a CA signed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotSigned {
    /// It names another issuer.
    #[error("it names another issuer")]
    Issuer,
    /// The signature does not verify under the CA's key.
    #[error("{0}")]
    Signature(#[from] SignatureError),
    /// The signature is over SHA-1.
    #[error("a signature over SHA-1 proves nothing")]
    Weak,
}

/// Proves that the CA of this name and key signed a certificate: the certificate names it as its issuer, byte for byte,
/// and the signature verifies under the key, not over SHA-1.
///
/// # Errors
/// It did not.
pub fn check_signed(certificate: &Certificate, issuer: &Name, key: &PublicKey) -> Result<(), NotSigned> {
    if certificate.issuer() != issuer {
        return Err(NotSigned::Issuer);
    }
    let algorithm = certificate.signature_algorithm();
    if algorithm.is_over_sha1() {
        return Err(NotSigned::Weak);
    }
    Ok(key.verify(algorithm, certificate.tbs(), certificate.signature())?)
}

/// Whether the CA `above` signed `below`: [`check_signed`] with its name and key.
pub fn signed_by(below: &Certificate, above: &Certificate) -> bool {
    PublicKey::from_spki(above.spki()).is_ok_and(|key| check_signed(below, above.subject(), &key).is_ok())
}

/// What a certificate that a person has named has otherwise than RFC 5280 or DER, in words; and whether a root's
/// signature over itself is of another key, which changes nothing.
pub fn named_notes(certificate: &Certificate) -> Vec<String> {
    let mut notes = certificate.notes();
    let noted = certificate.deviations().any(|deviation| deviation == Deviation::SelfSignature);
    if certificate.is_self_issued() && !noted && !signed_by(certificate, certificate) {
        notes.push("its signature over itself does not verify; nothing depends on it".to_owned());
    }
    notes
}

/// What to do about a certificate whose signature is of an algorithm that this program does not verify.
pub const fn other_algorithm_hint(algorithm: OtherAlgorithm) -> &'static str {
    match algorithm {
        OtherAlgorithm::Pss { .. } | OtherAlgorithm::PssUnreadable => {
            "Ask the CA to sign it again with a salt as long as the hash (OpenSSL: -sigopt rsa_pss_saltlen:digest), or \
             with RSA PKCS #1 v1.5 or ECDSA."
        }
        OtherAlgorithm::Identified(_) => {
            "Ask the CA to sign it again with ECDSA, Ed25519, or RSA with SHA-256, SHA-384 or SHA-512."
        }
    }
}
