//! Checks what every certificate of a path must have, at every position (RFC 5280 §4.1).

use crate::x509::{Certificate, Role, check_extensions, oid};

use super::codes;
use super::defect::Defect;
use super::name;

/// Checks a leaf for itself: version, names, extensions. Key, UID, path and time are judged elsewhere.
pub(super) fn check_leaf(certificate: &Certificate) -> Result<(), Defect> {
    check_version(certificate)?;
    check_issuer(certificate)?;
    name::check(certificate.subject(), "subject")?;
    let critical_alt_name = certificate.extension(oid::SUBJECT_ALT_NAME).is_some_and(|extension| extension.critical);
    if certificate.subject().is_empty() && !critical_alt_name {
        // RFC 5280 §4.1.2.6: "the subject name MUST be carried in the subjectAltName extension", §4.2.1.6: critical
        return Err(Defect::new(
            codes::NAME_EMPTY_SUBJECT,
            "subject is empty and there is no critical subjectAltName (RFC 5280 §4.1.2.6)",
        ));
    }
    Ok(check_extensions(certificate, Role::Leaf)?)
}

/// Checks a CA certificate of an input for itself, its extensions aside.
pub(super) fn check_ca(certificate: &Certificate) -> Result<(), Defect> {
    check_version(certificate)?;
    check_anchor(certificate)
}

/// Checks the names of a CA certificate; an anchor's may be of any version, because a person has named it.
pub(super) fn check_anchor(certificate: &Certificate) -> Result<(), Defect> {
    check_issuer(certificate)?;
    if certificate.subject().is_empty() {
        // RFC 5280 §4.1.2.6: "If the subject is a CA ... then the subject field MUST be populated"
        return Err(Defect::new(codes::NAME_EMPTY_SUBJECT, "subject of a CA is empty (RFC 5280 §4.1.2.6)"));
    }
    name::check(certificate.subject(), "subject")
}

/// Versions 1 and 2 are refused although RFC 5280 §4.1.2.1 lets a certificate without extensions have them: nothing
/// distinguishes a CA's certificate from a leaf there, and every genuine leaf is of version 3.
fn check_version(certificate: &Certificate) -> Result<(), Defect> {
    match certificate.version() {
        3 => Ok(()),
        version => {
            Err(Defect::new(codes::CERTIFICATE_VERSION, format!("certificate is of version {version}, expected 3")))
        }
    }
}

fn check_issuer(certificate: &Certificate) -> Result<(), Defect> {
    if certificate.issuer().is_empty() {
        // RFC 5280 §4.1.2.4: "The issuer field MUST contain a non-empty distinguished name (DN)"
        return Err(Defect::new(codes::NAME_EMPTY_ISSUER, "issuer is empty (RFC 5280 §4.1.2.4)"));
    }
    name::check(certificate.issuer(), "issuer")
}
