//! Sample leaves that stand for all leaves of a policy, so that a lint every certificate would fail is found before
//! any.

use crate::cert::{IssuerIdentity, SerialRule, TbsCertificate};
use crate::lint::{self, LintFinding};
use crate::origin::{ItemName, Origin, Uid};
use crate::x509::tlv::{element, tag};
use crate::x509::{KeyAlgorithm, SerialNumber, Sha256Digest, Spki};

use super::bind::BoundPolicy;
use super::error::{self, Mistakes};
use super::field::serial::SerialSource;
use super::leaf::{LeafKey, LeafValues, SourceName};
use super::parse::Policy;
use super::value::MAX_COMMON_NAME;

/// Lints one certificate for each kind of key and each extreme of the UID's length.
pub(super) fn check_lints(policy: &Policy, bound: &BoundPolicy, issuer: &IssuerIdentity, errors: &Mistakes) {
    let (shortest, longest) = bound.family().uid_bytes();
    let long_name = "\u{1F510}".repeat(MAX_COMMON_NAME);
    let mut reported = Vec::new();
    for key in bound.keys() {
        for (bytes, name) in [(shortest, "A"), (longest, long_name.as_str())] {
            let uid = bound.family().sample_uid(bytes);
            let spki = spki(*key);
            let values = LeafValues {
                uid: &uid,
                source_sha256: [0x5A; 32],
                spki: LeafKey::Der(spki.der()),
                key: spki.key(),
                name: SourceName::Sample(name),
            };
            let origin = Origin {
                item: ItemName::input(b"sample"),
                uid: Uid::from_bytes(&uid).expect("1 to 20 bytes"),
                fingerprint: Sha256Digest::new([0x5A; 32]),
            };
            let (rule, serial) = match bound.serial() {
                SerialSource::Derived => (SerialRule::Derived, SerialNumber::from_content(&[0x40; 16])),
                SerialSource::Source => {
                    let serial = SerialNumber::from_content(&uid);
                    (SerialRule::Source(serial.clone().expect("sample UIDs are positive")), serial)
                }
            };
            // a validity taken from the leaf is judged leaf by leaf; the issuer's own is one that is allowed
            let Ok(template) = bound.fill(origin, rule, spki.clone(), issuer.validity(), &values) else { continue };
            let tbs = TbsCertificate::encode(issuer, &template, serial.expect("positive and short"), 0);
            let Err(findings) = lint::check(issuer, &template, tbs) else { continue };
            for finding in findings {
                if reported.contains(&finding.code) {
                    continue;
                }
                reported.push(finding.code);
                let message = format!("certificates of this policy would fail {}: {}", finding.code, finding.message);
                errors.push_hint::<()>(error::LINT, policy.place_of(&finding), message, hint(&finding));
            }
        }
    }
}

/// What to do about a lint that every certificate would fail.
fn hint(finding: &LintFinding) -> String {
    match finding.code.as_str() {
        "stselib.tbs.short" => {
            "Say more: a longer subject or another extension. Or write target = \"none\" if no device reads \
                                the certificate through STSELib."
                .to_owned()
        }
        code => format!("docs/reference/lint-reference.md has {code} with its clause."),
    }
}

/// A SubjectPublicKeyInfo of a kind of key, its key invented.
pub(super) fn spki(key: KeyAlgorithm) -> Spki {
    let bits = match key.field_bytes() {
        Some(bytes) => [vec![0, 4], vec![0x55; 2 * bytes]].concat(),
        None => [vec![0], vec![0x55; 32]].concat(),
    };
    let curve = key.curve().map_or(vec![], |curve| element(tag::OBJECT_IDENTIFIER, &[curve.as_bytes()]));
    let algorithm = element(tag::OBJECT_IDENTIFIER, &[key.oid().as_bytes()]);
    let der =
        element(tag::SEQUENCE, &[&element(tag::SEQUENCE, &[&algorithm, &curve]), &element(tag::BIT_STRING, &[&bits])]);
    Spki::from_der(&der).expect("built as the algorithm wants it")
}
