//! The issuing CA: named by the statement, chained to the auditor's anchor.

use crate::cert::IssuerIdentity;
use crate::crypto::{reaches_anchor, sha256};
use crate::delivery::BatchReader;
use crate::error::Error;
use crate::manifest::Statement;
use crate::x509::Certificate;

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
