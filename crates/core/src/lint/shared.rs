//! Rules that several profiles have, word for word.

use crate::cert::Profile;
use crate::origin::Code;
use crate::x509::{KeyAlgorithm, SignatureAlgorithm, oid};

use super::finding::RuleReport;
use super::rule::{Applies, Rule, Subject};

/// authorityKeyIdentifier is there.
pub(super) const fn authority_key_identifier(code: Code, clause: &'static str, profile: Profile) -> Rule {
    let meaning = "there is no authorityKeyIdentifier";
    Rule { code, clause, meaning, applies: Applies::To(profile), check: names_the_issuers_key }
}

fn names_the_issuers_key(subject: &Subject<'_>, report: &mut RuleReport<'_>) {
    if subject.tbs.extension(oid::AUTHORITY_KEY_IDENTIFIER).is_none() {
        report.find("extensions", "authorityKeyIdentifier is absent");
    }
}

/// Key and signature are P-256 with SHA-256.
pub(super) const fn p256_with_sha256(code: Code, clause: &'static str, profile: Profile) -> Rule {
    let meaning = "key or signature is not ECDSA with P-256 and SHA-256";
    Rule { code, clause, meaning, applies: Applies::To(profile), check: is_p256_with_sha256 }
}

pub(super) fn is_p256_with_sha256(subject: &Subject<'_>, report: &mut RuleReport<'_>) {
    if subject.template.spki.algorithm() != KeyAlgorithm::P256 {
        report.find("subjectPublicKeyInfo", "key is not P-256");
    }
    if subject.tbs.signature != SignatureAlgorithm::EcdsaSha256.identifier() {
        report.find("signature", "signature algorithm is not ecdsa-with-SHA256");
    }
}

/// The signature algorithm of a certificate or a CRL is one that the issuer's key makes.
pub(super) fn is_one_of_the_issuers_key(algorithm: &[u8], key: KeyAlgorithm, report: &mut RuleReport<'_>) {
    match SignatureAlgorithm::from_identifier(algorithm) {
        Ok(algorithm) if algorithm.is_over_sha1() => report.find("signature", "signature algorithm uses SHA-1"),
        Ok(algorithm) if !algorithm.fits(key) => {
            report.find("signature", format_args!("the issuer's {key} key makes no {algorithm} signatures"));
        }
        Ok(_) => {}
        Err(error) => report.find("signature", error),
    }
}
