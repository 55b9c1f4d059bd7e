//! A certificate of a CA, of a manifest signer, or of an anchor.

use serde::{Serialize, Serializer};

use crate::crypto::{named_notes, sha256};
use crate::x509::{Certificate, KeyAlgorithm, Sha256Digest, Time};

/// A certificate and what it is for.
#[derive(Clone, Copy, Debug)]
pub struct Described<'a> {
    /// What it is for.
    pub role: &'static str,
    /// The certificate.
    pub certificate: &'a Certificate,
}

#[derive(Serialize)]
struct Whole {
    role: &'static str,
    subject: String,
    issuer: String,
    serial: String,
    key: KeyAlgorithm,
    signature: String,
    not_before: Time,
    not_after: Time,
    sha256: Sha256Digest,
    spki_sha256: Sha256Digest,
    notes: Vec<String>,
}

impl Described<'_> {
    /// Names and values for people.
    pub fn facts(&self) -> Vec<(&'static str, String)> {
        let whole = self.whole();
        let mut facts = vec![
            (whole.role, whole.subject),
            ("  issuer", whole.issuer),
            ("  serial", whole.serial),
            ("  key", whole.key.to_string()),
            ("  signature", whole.signature),
            ("  valid", format!("{} to {}", whole.not_before, whole.not_after)),
            ("  sha256", whole.sha256.to_string()),
            ("  key sha256", whole.spki_sha256.to_string()),
        ];
        facts.extend(whole.notes.into_iter().map(|note| ("  note", note)));
        facts
    }

    fn whole(&self) -> Whole {
        let Self { role, certificate } = *self;
        let validity = certificate.validity();
        Whole {
            role,
            subject: certificate.subject().to_string(),
            issuer: certificate.issuer().to_string(),
            serial: hex::encode_upper(certificate.serial_bytes()),
            key: certificate.spki().algorithm(),
            signature: certificate.signature_algorithm().to_string(),
            not_before: validity.not_before(),
            not_after: validity.not_after(),
            sha256: sha256(certificate.der()),
            spki_sha256: sha256(certificate.spki().der()),
            notes: named_notes(certificate),
        }
    }
}

impl Serialize for Described<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.whole().serialize(serializer)
    }
}
