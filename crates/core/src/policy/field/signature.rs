//! `certificate.signature`: the algorithm of the issuer's signature.

use std::ops::Range;

use crate::cert::IssuerIdentity;
use crate::policy::error::{self, Mistakes};
use crate::toml::Table;
use crate::x509::{KeyAlgorithm, SignatureAlgorithm};

use super::Field;

pub(super) const FIELD: Field = Field {
    path: "certificate.signature",
    meaning: "The algorithm by which the issuing CA signs.",
    form: "`ecdsa-sha256`, `ecdsa-sha384`, `ecdsa-sha512`, `ed25519`, `rsa-pkcs1-sha256`, `rsa-pkcs1-sha384`, \
           `rsa-pkcs1-sha512`, `rsa-pss-sha256`, `rsa-pss-sha384`, `rsa-pss-sha512`",
    clause: "RFC 5280 §4.1.1.2, RFC 5758 §3.2, RFC 8410 §3, RFC 4055",
    criticality: None,
    checks: &[
        "the issuer's key is P-256, P-384, P-521, Ed25519 or RSA of 2048 to 4096 bits and makes such signatures",
        "the hash is not shorter than the curve: SHA-384 or SHA-512 for P-384, SHA-512 for P-521 (FIPS 186-5 §6.1.1)",
    ],
    example: "signature = \"ecdsa-sha256\"",
};

/// The algorithm and its place.
#[derive(Clone, Debug)]
pub(in crate::policy) struct Signature {
    pub(in crate::policy) algorithm: SignatureAlgorithm,
    pub(in crate::policy) span: Range<usize>,
}

pub(in crate::policy) fn read(table: &Table<'_>) -> Option<Signature> {
    let value = table.required("signature")?;
    let text = value.string()?;
    if let Some(algorithm) = SignatureAlgorithm::from_name(text) {
        return Some(Signature { algorithm, span: value.span.clone() });
    }
    if SignatureAlgorithm::ALL.iter().any(|known| known.is_over_sha1() && known.name() == text) {
        let message =
            format!("`{}` is \"{text}\", with which nothing is signed any more (NIST SP 800-131A)", value.path);
        return value.error_hint(error::VALUE, message, "Write ecdsa-sha256, or a longer SHA-2.");
    }
    let known = SignatureAlgorithm::ALL.into_iter().map(SignatureAlgorithm::name);
    let names: Vec<&str> = known.filter(|name| SignatureAlgorithm::from_name(name).is_some()).collect();
    value.unknown(text, &names)
}

impl Signature {
    /// The most bytes a signature of this algorithm under `key` has.
    pub(in crate::policy) fn max_bytes(key: KeyAlgorithm) -> usize {
        match key.field_bytes() {
            // two INTEGERs with a sign byte each, inside a SEQUENCE
            Some(bytes) => {
                let integer = crate::policy::node::element_bytes(bytes + 1);
                crate::policy::node::element_bytes(2 * integer)
            }
            None => key.raw_signature(),
        }
    }

    /// Checks that the issuer's key makes these signatures and that the hash is long enough for it.
    pub(in crate::policy) fn check(&self, issuer: &IssuerIdentity, errors: &Mistakes) {
        let key = issuer.spki().algorithm();
        let name = self.algorithm.name();
        let wrong = |message: String, fitting: &[&str]| {
            let hint = match fitting {
                [] => {
                    "Issue with a CA whose key is P-256, P-384, P-521, Ed25519 or RSA of 2048 to 4096 bits.".to_owned()
                }
                _ => format!("For this CA write one of {}.", fitting.join(", ")),
            };
            errors.push_hint::<()>(error::ISSUER_KEY, self.span.clone(), message, hint);
        };
        let fitting: Vec<&str> = key.signatures().map(SignatureAlgorithm::name).collect();
        if fitting.is_empty() {
            wrong(format!("the issuing CA has a {key} key, with which this program does not issue"), &fitting);
        } else if !self.algorithm.fits(key) {
            wrong(format!("the issuing CA's {key} key cannot make {name} signatures"), &fitting);
        } else if !fitting.contains(&name) {
            wrong(
                format!("the hash of {name} is shorter than the issuing CA's {key} key (FIPS 186-5 §6.1.1)"),
                &fitting,
            );
        }
    }
}
