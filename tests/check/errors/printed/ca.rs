//! Making and adopting CAs.

use std::path::Path;

use reroot::ca::CaError;
use reroot::config::Config;
use reroot::crypto::{KeyError, SignatureError};
use reroot::signer::SignerError;
use reroot::x509::{CertificateError, KeyAlgorithm, TimeError};

use super::{LATER, NOW, disk, path, time};
use crate::errors::transcripts::Sheet;

pub(super) fn all(sheet: &mut Sheet<'_>) {
    let subject = || "CN=Issuing CA".to_owned();
    sheet.ends(CaError::Anchor);
    sheet.ends(CaError::Certificate(CertificateError::Version));
    sheet.ends(CaError::Code { found: "a code".to_owned() });
    let (issuer, reason) = ("CN=Root".to_owned(), "signature does not verify".to_owned());
    sheet.ends(CaError::ChainIncomplete { subject: subject(), issuer: issuer.clone() });
    sheet.ends(CaError::ChainSignature { subject: subject(), issuer, reason, hint: None });
    sheet.ends(CaError::ChainUnfit { reason: "`CN=Root` is not a CA certificate".to_owned() });
    sheet.ends(CaError::ChainUnrelated { subject: subject() });
    sheet.ends(CaError::ChainCount { found: 2, expected: 1 });
    sheet.ends(CaError::ChainUnused { found: 1 });
    sheet.ends(CaError::Days { days: 99, limit: 30 });
    sheet.ends(CaError::Directory { path: path("pki"), what: "is a file" });
    sheet.ends(CaError::Exists { path: path("pki/ca") });
    sheet.ends(CaError::FullWidth { tries: 64 });
    sheet.ends(CaError::InUse { path: path("pki") });
    let source = Box::new(SignerError::PassphraseWrong);
    sheet.ends(CaError::IssuerKey { place: "issuing.key".to_owned(), source });
    let (not_before, not_after) = (time(NOW), time(LATER));
    let end = time("2040-01-01T00:00:00Z");
    sheet.ends(CaError::IssuerNotValid { subject: subject(), not_before, not_after, end });
    sheet.ends(CaError::Kept { path: path("ca/issuing.pem") });
    sheet.ends(CaError::Key(KeyError::NotOnCurve { algorithm: KeyAlgorithm::P256 }));
    sheet.ends(CaError::KeyAlgorithm { key: KeyAlgorithm::Ed25519 });
    let kinds = Some((KeyAlgorithm::P384, KeyAlgorithm::P256));
    sheet.ends(CaError::KeyMismatch { subject: subject(), kinds });
    sheet.ends(CaError::KeyPath);
    let reason = Box::new(CaError::Read { path: path("pki"), source: disk() });
    let keys = vec!["pkcs11:token=CA;object=root".to_owned(), "pkcs11:token=CA;object=issuing".to_owned()];
    sheet.ends(CaError::KeysLeft { reason, keys });
    sheet.ends(CaError::MatterId { what: "vendor", found: "fff1".to_owned() });
    sheet.ends(CaError::MatterKey { key: KeyAlgorithm::P384 });
    if let Err(errors) = Config::parse("", Path::new("pki/reroot.toml")) {
        sheet.ends(CaError::NewConfig(errors));
    }
    sheet.ends(CaError::NoCertificate);
    sheet.ends(CaError::NotValid { subject: subject(), not_before, not_after, now: end });
    sheet.ends(CaError::OneLevel { subject: subject() });
    sheet.ends(CaError::Organization { what: "is empty" });
    sheet.ends(CaError::PolicyName { name: "../policy".to_owned() });
    sheet.ends(CaError::Random);
    sheet.ends(CaError::Read { path: path("pki"), source: disk() });
    sheet.ends(CaError::Request { reason: "certificationRequest is truncated".to_owned() });
    sheet.ends(CaError::SecretSource { what: "the path is not UTF-8" });
    sheet.ends(CaError::SelfCertified { subject: subject() });
    sheet.ends(CaError::Signature(SignatureError::Invalid));
    sheet.ends(CaError::Time(TimeError::OutOfRange));
    sheet.ends(CaError::TokenId { id: "01".to_owned() });
    sheet.ends(CaError::Years { what: "issuing CA", years: 30, root: 20 });
}
