//! The issuing CA: named by the statement, chained to the auditor's anchor.

use crate::cert::{IssuerIdentity, IssuerIdentityError};
use crate::crypto::{chain_end, named_notes, reaches_anchor, sha256};
use crate::delivery::BatchReader;
use crate::error::Error;
use crate::manifest::{CHAIN_FILE as FILE, Statement};
use crate::policy::Policy;
use crate::x509::{Certificate, Purposes, Time, bundle};

use super::report::{AuditReport, code};
use super::source::Contradiction;
use super::{Audit, believed};

/// The issuer as `chain.pem` shows it, once it is the statement's and its chain reaches an anchor.
pub(super) fn identity(
    job: &Audit<'_>,
    reader: &BatchReader,
    statement: &Statement,
    policy: Option<&Policy>,
    report: &mut AuditReport,
) -> Result<Option<IssuerIdentity>, Error> {
    let Some(file) = believed(reader.read(FILE), FILE, report)? else { return Ok(None) };
    let mut chain = match bundle::of_batch(&file) {
        Ok(chain) => chain,
        Err(reason) => {
            report.fault(code::FILE_UNREADABLE, FILE, &reason.to_string());
            return Ok(None);
        }
    };
    let issuing = chain.remove(0);
    // without a policy nothing is judged below
    let purposes = policy.and_then(Policy::purposes);
    let purposes = purposes.as_deref().map_or(Purposes::Any, Purposes::Of);
    for (role, certificate) in [("issuing CA", &issuing)].into_iter().chain(chain.iter().map(|one| ("CA", one))) {
        report.note_deviations(role, certificate);
    }
    match identify(issuing, chain, job.issuer_anchors, statement, purposes) {
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
    purposes: Purposes<'_>,
) -> Result<IssuerIdentity, Contradiction> {
    let named = sha256(issuing.der()) == statement.issuer.sha256
        && sha256(issuing.spki().der()) == statement.issuer.spki_sha256
        && issuing.subject().to_string() == statement.issuer.subject;
    if !named {
        let message = format!(
            "the first certificate is not the issuer that the statement names: `{}`, SHA-256 {}, expected `{}`, SHA-256 {}",
            issuing.subject(),
            sha256(issuing.der()),
            statement.issuer.subject,
            statement.issuer.sha256
        );
        return Err(Contradiction::new(code::ISSUER_DIFFERS, message));
    }
    check_chain(&issuing, &chain, anchors, statement.issued_at, purposes)?;
    let refused = |error: IssuerIdentityError| Contradiction::new(code::ISSUER_CHAIN, error.to_string());
    IssuerIdentity::new(issuing, chain).map_err(refused)
}

/// Checks that the issuing CA's chain reaches an anchor, and that nothing in it forbids what is issued. Called when a
/// batch is verified, and before the first signature of a batch.
///
/// # Errors
/// It does not, or something in it forbids it.
pub fn check_chain(
    issuing: &Certificate,
    chain: &[Certificate],
    anchors: &[Certificate],
    at: Time,
    purposes: Purposes<'_>,
) -> Result<(), Contradiction> {
    let refused = |reason| Contradiction::new(code::ISSUER_CHAIN, reason);
    reaches_anchor(issuing, chain, anchors, at, purposes).map_err(refused)
}

/// Checks the chain as an auditor will who has its root as anchor: every certificate at the instant of issue, every
/// constraint, the purposes of the policy. Returns what is worth a note.
///
/// # Errors
/// [`Error::Unverifiable`], or the policy lets certificates end after a CA above.
pub fn check_issuer(policy: &Policy, issuer: &IssuerIdentity, issued_at: Time) -> Result<Vec<String>, Error> {
    let refused = |found: Contradiction| Error::Unverifiable { code: found.code.to_string(), reason: found.message };
    let incomplete = |reason| Error::ChainIncomplete { reason };
    let root = chain_end(issuer.certificate(), issuer.chain()).map_err(incomplete)?;
    let purposes = policy.purposes();
    let purposes = purposes.as_deref().map_or(Purposes::Any, Purposes::Of);
    let anchors = std::slice::from_ref(root);
    check_chain(issuer.certificate(), issuer.chain(), anchors, issued_at, purposes).map_err(refused)?;
    if issued_at < root.validity().not_before() {
        return Err(not_valid(root, issued_at));
    }
    let mut notes = policy.check_ends(issuer)?;
    notes.extend(deviations("issuing CA", issuer.certificate()));
    notes.extend(issuer.chain().iter().flat_map(|above| deviations("CA", above)));
    Ok(notes)
}

/// Names a certificate that is not valid at this instant.
pub fn not_valid(certificate: &Certificate, at: Time) -> Error {
    let validity = certificate.validity();
    Error::CertificateNotValid {
        subject: certificate.subject().to_string(),
        not_before: validity.not_before(),
        not_after: validity.not_after(),
        at,
    }
}

/// What a certificate that a person has named has otherwise than RFC 5280 or DER, each with the role of the certificate.
pub fn deviations(role: &str, certificate: &Certificate) -> Vec<String> {
    named_notes(certificate).into_iter().map(|note| format!("{role} `{}`: {note}", certificate.subject())).collect()
}
