//! The short path from a CA certificate up to an anchor that somebody trusts.

use crate::x509::{BasicConstraints, Certificate, KeyUsage, SignatureAlgorithm, Time};

use super::PublicKey;

/// Proves that a CA certificate reaches an anchor (name and key) through those above it, nearest first: RFC 5280 §6.1
/// for a short chain of names, signatures, validity at `at`, cA, pathLenConstraint, keyUsage.
///
/// # Errors
/// What does not hold, as a fragment that names the certificate.
pub fn reaches_anchor(
    issuing: &Certificate,
    chain: &[Certificate],
    anchors: &[Certificate],
    at: Time,
) -> Result<(), String> {
    let mut below = issuing;
    let mut above = chain.iter();
    // CA certificates between the one looked at and the object certificate
    for depth in 0_u32.. {
        check_ca(below, depth)?;
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
            return check_ca(anchor, depth + 1);
        }
        let Some(next) = above.next().filter(|next| signed_by(below, next)) else {
            return Err(format!("no anchor and no certificate of the chain signed `{}`", below.subject()));
        };
        below = next;
    }
    unreachable!("the chain ends before its depth does")
}

fn check_ca(certificate: &Certificate, depth: u32) -> Result<(), String> {
    let subject = certificate.subject();
    match certificate.basic_constraints().map_err(|error| error.to_string())? {
        Some(BasicConstraints { ca: true, path_len }) if path_len.is_none_or(|limit| depth <= limit) => {}
        Some(BasicConstraints { ca: true, .. }) => {
            return Err(format!("`{subject}` has too small a pathLenConstraint"));
        }
        _ => return Err(format!("`{subject}` is not a CA certificate")),
    }
    match certificate.key_usage().map_err(|error| error.to_string())? {
        Some(usage) if !usage.has(KeyUsage::KEY_CERT_SIGN) => Err(format!("`{subject}` may not sign certificates")),
        _ => Ok(()),
    }
}

/// Whether the key in `above` signed `below`, which names it as its issuer; not over SHA-1.
pub fn signed_by(below: &Certificate, above: &Certificate) -> bool {
    // a signature over SHA-1 proves nothing
    below.issuer() == above.subject()
        && below.signature_algorithm() != SignatureAlgorithm::EcdsaSha1
        && PublicKey::from_spki(above.spki())
            .is_ok_and(|key| key.verify(below.signature_algorithm(), below.tbs(), below.signature()).is_ok())
}
