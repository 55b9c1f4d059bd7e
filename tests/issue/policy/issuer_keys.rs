//! CAs with every kind of key issue, and what they sign is accepted by others.

use std::path::Path;

use super::own_ca::{ED25519, OwnCa, P256, P384, P521, RSA_2048, RSA_3072, RSA_4096, Spec, genuine, policy};
use crate::support::judges::Exceptions;

/// Issues under this CA with this algorithm; OpenSSL must see its name in the certificate.
fn issues(key: &[&str], signature: &str, shown: &str) {
    let ca = OwnCa::new(&Spec { key, ..Spec::default() });
    let leaves = genuine();
    let leaves: Vec<&Path> = leaves.iter().map(AsRef::as_ref).collect();
    let ecdsa = if signature.starts_with("ecdsa") { "true" } else { "false" };
    let text = policy(&[("signature", &format!("\"{signature}\"")), ("full_width_signature", ecdsa)]);
    ca.issue(&text, &leaves, &[]).success();
    for object in ca.judge(&Exceptions::default()) {
        let path = object.display().to_string();
        let text = ca.openssl(&["x509", "-inform", "DER", "-noout", "-text", "-in", &path]).out();
        assert!(text.contains(&format!("Signature Algorithm: {shown}")), "{text}");
    }
}

#[test]
fn p256() {
    issues(P256, "ecdsa-sha256", "ecdsa-with-SHA256");
}

#[test]
fn p384() {
    issues(P384, "ecdsa-sha384", "ecdsa-with-SHA384");
}

#[test]
fn p521() {
    issues(P521, "ecdsa-sha512", "ecdsa-with-SHA512");
}

#[test]
fn ed25519() {
    issues(ED25519, "ed25519", "ED25519");
}

#[test]
fn rsa_2048_with_pkcs1() {
    issues(RSA_2048, "rsa-pkcs1-sha256", "sha256WithRSAEncryption");
    issues(RSA_2048, "rsa-pkcs1-sha384", "sha384WithRSAEncryption");
}

#[test]
fn rsa_2048_with_pss() {
    issues(RSA_2048, "rsa-pss-sha256", "rsassaPss");
}

#[test]
fn rsa_3072_with_pss() {
    issues(RSA_3072, "rsa-pss-sha384", "rsassaPss");
}

#[test]
fn rsa_4096() {
    issues(RSA_4096, "rsa-pkcs1-sha512", "sha512WithRSAEncryption");
    issues(RSA_4096, "rsa-pss-sha512", "rsassaPss");
}

/// What does not fit is refused before anything is recorded, with an algorithm that would. That key files make P-384
/// signatures with SHA-384 only is the signer's limit, not the policy's: a token may do more.
#[test]
fn an_algorithm_that_is_not_of_the_issuers_key_is_refused() {
    let leaves = genuine();
    let ca = OwnCa::new(&Spec { key: P384, ..Spec::default() });
    for (signature, hint) in [
        ("ed25519", "ecdsa-sha384"),
        ("rsa-pss-sha256", "ecdsa-sha384"),
        ("ecdsa-sha256", "FIPS 186-5"),
        ("ecdsa-sha512", "ecdsa-sha384"),
    ] {
        let text = policy(&[("signature", &format!("\"{signature}\""))]);
        let refused = ca.issue(&text, &[&leaves[0]], &[]).expect(2);
        assert!(refused.err().contains(hint), "{signature}: {}", refused.err());
        assert!(ca.is_untouched(), "nothing is recorded");
        assert!(!ca.path("batch").exists());
    }
}
