//! The issuing CA: named by the statement, chained to the auditor's anchor.

use crate::cert::IssuerIdentity;
use crate::crypto::{PublicKey, sha256};
use crate::delivery::BatchReader;
use crate::error::Error;
use crate::manifest::Statement;
use crate::x509::{BasicConstraints, Certificate, KeyUsage, SignatureAlgorithm, Time};

use super::report::{AuditReport, code};
use super::source::Contradiction;
use super::{Audit, believed, certificates};

const FILE: &str = "chain.pem";

/// The issuer as `chain.pem` shows it, once it is the statement's and its chain reaches an anchor.
pub(super) fn identity(
    job: &Audit<'_>,
    reader: &BatchReader,
    statement: &Statement,
    report: &mut AuditReport,
) -> Result<Option<IssuerIdentity>, Error> {
    let Some(file) = believed(reader.read(FILE), FILE, report)? else { return Ok(None) };
    let mut chain = match certificates(&file) {
        Ok(chain) if !chain.is_empty() => chain,
        Ok(_) => {
            report.fault(code::FILE_UNREADABLE, FILE, "no certificate");
            return Ok(None);
        }
        Err(reason) => {
            report.fault(code::FILE_UNREADABLE, FILE, &reason);
            return Ok(None);
        }
    };
    let issuing = chain.remove(0);
    match identify(issuing, chain, job.issuer_anchors, statement) {
        Ok(identity) => {
            report.checked("the issuing CA's chain up to the issuer anchor");
            Ok(Some(identity))
        }
        Err(found) => {
            report.fault(found.code, FILE, &found.message);
            Ok(None)
        }
    }
}

/// The issuing CA and those above it: it is the one that the statement names, and its chain reaches an anchor.
pub(crate) fn identify(
    issuing: Certificate,
    chain: Vec<Certificate>,
    anchors: &[Certificate],
    statement: &Statement,
) -> Result<IssuerIdentity, Contradiction> {
    let named = sha256(issuing.der()) == statement.issuer.sha256
        && sha256(issuing.spki().der()) == statement.issuer.spki_sha256
        && issuing.subject().to_string() == statement.issuer.subject;
    if !named {
        let message = "the first certificate is not the issuer that the statement names";
        return Err(Contradiction::new(code::ISSUER_DIFFERS, message));
    }
    let refused = |reason| Contradiction::new(code::ISSUER_CHAIN, reason);
    reaches_anchor(&issuing, &chain, anchors, statement.issued_at).map_err(refused)?;
    IssuerIdentity::new(issuing, chain).map_err(|error| refused(error.to_string()))
}

/// RFC 5280 §6.1 for the short chain of an issuing CA: names, signatures, validity when the batch was issued, cA,
/// pathLenConstraint, keyUsage.
fn reaches_anchor(
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

fn signed_by(below: &Certificate, above: &Certificate) -> bool {
    // a signature over SHA-1 proves nothing
    below.issuer() == above.subject()
        && below.signature_algorithm() != SignatureAlgorithm::EcdsaSha1
        && PublicKey::from_spki(above.spki())
            .is_ok_and(|key| key.verify(below.signature_algorithm(), below.tbs(), below.signature()).is_ok())
}
