//! Manifests and their seals.

use reroot::crypto::{KeyError, SignatureError};
use reroot::error::CoreError;
use reroot::manifest::{ManifestError, Part, codes};
use reroot::x509::tlv::DerError;
use reroot::x509::{CertificateError, ExtensionError, KeyAlgorithm, SignatureAlgorithm};

use super::{BEFORE, LATER, NOW, time};
use crate::errors::transcripts::Sheet;

pub(super) fn all(sheet: &mut Sheet<'_>) {
    anchors(sheet);
    seals(sheet);
    signers(sheet);
    sheet.ends(CoreError::NotSealed(ManifestError::Digest));
}

fn anchors(sheet: &mut Sheet<'_>) {
    let subject = || "CN=Root".to_owned();
    let source = ExtensionError::Constraint { name: "nameConstraints", clause: "§4.2.1.10" };
    sheet.ends(ManifestError::AnchorExtension { subject: subject(), source });
    let source = KeyError::NotOnCurve { algorithm: KeyAlgorithm::P256 };
    sheet.ends(ManifestError::AnchorKey { subject: subject(), source });
    let (found, expected) = ("basicConstraints cA is not TRUE", "TRUE (RFC 5280 §4.2.1.9)");
    sheet.ends(ManifestError::AnchorNotACa { subject: subject(), found, expected });
}

fn seals(sheet: &mut Sheet<'_>) {
    sheet.ends(ManifestError::Digest);
    let (what, expected, clause) = ("the version of SignedData", "3", "§5.1");
    sheet.ends(ManifestError::Form { what, expected, clause, code: codes::SEAL_DER });
    sheet.ends(ManifestError::Encoder { format: "reroot-manifest/2", found: "7".to_owned() });
    sheet.ends(ManifestError::Format { found: "`reroot-manifest/9`".to_owned() });
    sheet.ends(ManifestError::NewSealSignature { source: SignatureError::Invalid });
    sheet.ends(ManifestError::SealDer(DerError::Truncated { what: "SignedData" }));
    sheet.ends(ManifestError::SealForm);
    sheet.ends(ManifestError::SealSignature { source: SignatureError::Invalid });
    sheet.ends(ManifestError::SigningTime { signing_time: time(NOW), created: time(BEFORE) });
    sheet.ends(ManifestError::Syntax { part: Part::Entry, at: 12, problem: "a space".to_owned() });
    let reason = "its message imprint is not that of manifest.json".to_owned();
    sheet.ends(ManifestError::Timestamp { reason, code: codes::SEAL_DIGEST });
    let (found, expected) = ("`yes`".to_owned(), "a number".into());
    sheet.ends(ManifestError::Value { part: Part::Statement, key: "counts".into(), found, expected });
}

fn signers(sheet: &mut Sheet<'_>) {
    sheet.ends(ManifestError::SignerCa);
    sheet.ends(ManifestError::SignerCertificate(CertificateError::Version));
    let algorithm = SignatureAlgorithm::EcdsaSha1;
    sheet.ends(ManifestError::SignerCertificateAlgorithm { algorithm });
    let issuer = || "CN=Root".to_owned();
    sheet.ends(ManifestError::SignerCertificateSignature { issuer: issuer(), source: SignatureError::Invalid });
    sheet.ends(ManifestError::SignerCriticalExtension { oid: "1.2.3".to_owned() });
    sheet.ends(ManifestError::SignerKey { found: KeyAlgorithm::Ed25519 });
    sheet.ends(ManifestError::SignerKeyMismatch);
    sheet.ends(ManifestError::SignerKeyUsage { found: "keyAgreement".to_owned() });
    sheet.ends(ManifestError::SignerNoTrustAnchor { issuer: issuer() });
    sheet.ends(ManifestError::SignerPurpose { found: "absent".to_owned() });
    let source = KeyError::NotOnCurve { algorithm: KeyAlgorithm::P256 };
    sheet.ends(ManifestError::SignerPublicKey { source });
    let at = time(LATER);
    sheet.ends(ManifestError::SignerValidity { at, not_before: time(BEFORE), not_after: time(NOW) });
}
