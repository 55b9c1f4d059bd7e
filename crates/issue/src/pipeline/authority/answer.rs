//! Certificates that an external CA made, however they came.

use crate::cert::differences;
use crate::issue::answered;
use crate::origin::Code;
use crate::policy::{Policy, difference_name};
use crate::verify::VerifiedLeaf;
use crate::x509::Certificate;

use super::super::build::Work;
use super::super::code;
use super::Made;

/// An answer, or why it cannot be used.
pub(super) type Judged = Result<Made, (Code, String)>;

/// Checks an external CA's certificate as strictly as a leaf of ST's: the same key, the CA's signature, every field as the
/// policy asks for it or lets it differ.
pub(super) fn judge(work: &Work<'_>, policy: &Policy, leaf: VerifiedLeaf, certificate: &Certificate) -> Judged {
    let template = work.bound.template(&leaf).map_err(|finding| (finding.code, finding.reason))?;
    let issued = answered(work.issuer, &template, certificate).map_err(|fault| (fault.code(), fault.to_string()))?;
    let found = differences(&template, certificate);
    let not_allowed: Vec<String> =
        found.iter().filter(|difference| !policy.may_differ(difference)).map(difference_name).collect();
    if not_allowed.is_empty() {
        let differs = Some(found.iter().map(difference_name).collect());
        return Ok(Made { leaf, certificate: issued, differs });
    }
    let reason = format!("it differs from what was asked for in {}", not_allowed.join(", "));
    Err((code::ANSWER_DIFFERS, reason))
}
