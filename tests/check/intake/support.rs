//! Short ways to a verdict.

use reroot::origin::ItemName;
use reroot::reel::SourceLeaf;
use reroot::verify::{Examined, Family, Relaxation, SourceRules, TrustAnchor, VerifiedLeaf, Verifier, Warning};
use reroot::x509::{Certificate, KeyAlgorithm, Time};

use crate::intake::builder::{Builder, root_key};

/// 2026-01-01: every default certificate is valid.
pub(crate) const AT: &str = "2026-01-01T00:00:00Z";

pub(crate) const ALL_KEYS: [KeyAlgorithm; 6] = [
    KeyAlgorithm::P256,
    KeyAlgorithm::P384,
    KeyAlgorithm::P521,
    KeyAlgorithm::Ed25519,
    KeyAlgorithm::BrainpoolP256r1,
    KeyAlgorithm::BrainpoolP384r1,
];

pub(crate) fn rules(family: Family, relax: &[Relaxation]) -> SourceRules {
    SourceRules { family, keys: ALL_KEYS.to_vec(), relax: relax.to_vec() }
}

pub(crate) fn certificate(der: &[u8]) -> Certificate {
    Certificate::from_der(der).expect("a certificate in strict DER")
}

pub(crate) fn anchor(der: &[u8]) -> TrustAnchor {
    TrustAnchor::from_certificate(certificate(der)).expect("a CA certificate")
}

pub(crate) fn time(text: &str) -> Time {
    Time::from_rfc3339(text).expect("RFC 3339")
}

pub(crate) fn verifier(anchors: &[&[u8]], family: Family, relax: &[Relaxation], at: &str) -> Verifier {
    let anchors = anchors.iter().map(|der| anchor(der)).collect();
    Verifier::new(anchors, rules(family, relax), time(at)).expect("an anchor and keys")
}

pub(crate) fn source(der: &[u8]) -> SourceLeaf {
    SourceLeaf { item: ItemName::input(b"reel.zip").entry(b"leaf.der"), der: der.to_vec(), file_name: None }
}

/// The leaf and its warnings, or the code of the rejection; `"ca"` for a CA certificate.
pub(crate) fn examine(verifier: &Verifier, der: &[u8]) -> Result<(VerifiedLeaf, Vec<Warning>), &'static str> {
    match verifier.examine(&source(der)) {
        Examined::Verified(leaf, warnings) => Ok((leaf, warnings)),
        Examined::Rejected(finding) => {
            assert!(!finding.reason.chars().any(char::is_control), "reasons are printable: {:?}", finding.reason);
            Err(finding.code.as_str())
        }
        Examined::CaCertificate(_) => Err("ca"),
    }
}

/// The default root as only anchor, the rules of a production policy.
pub(crate) fn default_verifier() -> Verifier {
    verifier(&[&Builder::root().sign(&root_key())], Family::StsafeA, &[], AT)
}

/// The code with which a leaf under the default root is rejected, or `None`.
pub(crate) fn verdict(family: Family, relax: &[Relaxation], der: &[u8]) -> Option<&'static str> {
    let root = Builder::root().sign(&root_key());
    examine(&verifier(&[&root], family, relax, AT), der).err()
}

/// The same with the strict rules of the production policy.
pub(crate) fn strict(der: &[u8]) -> Option<&'static str> {
    verdict(Family::StsafeA, &[], der)
}

#[track_caller]
pub(crate) fn accepted(what: &str, leaf: &Builder) {
    assert_eq!(strict(&leaf.sign(&root_key())), None, "{what}");
}

#[track_caller]
pub(crate) fn refused(what: &str, code: &str, leaf: &Builder) {
    assert_eq!(strict(&leaf.sign(&root_key())), Some(code), "{what}");
}

/// A leaf of the default with one change.
pub(crate) fn leaf(change: impl FnOnce(&mut Builder)) -> Builder {
    let mut leaf = Builder::leaf();
    change(&mut leaf);
    leaf
}

/// The folder of test data that stays outside the project. A test that needs it fails without it.
pub(crate) fn testdata() -> std::path::PathBuf {
    let folder = std::env::var_os("REROOT_TESTDATA").expect("REROOT_TESTDATA is not set, and this test needs it");
    std::path::absolute(&folder).unwrap_or_else(|_| folder.into())
}

/// The bytes of the one certificate of a PEM file.
pub(crate) fn pem(text: &str) -> Vec<u8> {
    use base64::Engine as _;
    let body: String = text.lines().map(str::trim).filter(|line| !line.starts_with("-----")).collect();
    base64::engine::general_purpose::STANDARD.decode(body).expect("base64")
}
