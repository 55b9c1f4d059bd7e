//! Certificates that another CA made, whatever way they came.

use crate::cert::{IssuedCertificate, differences};
use crate::issue::answered;
use crate::origin::Code;
use crate::policy::{Policy, difference_name};
use crate::verify::VerifiedLeaf;
use crate::x509::Certificate;

use super::code;
use super::work::Work;

/// A leaf, the certificate that another CA made for it, and the names of the fields in which it differs.
pub(crate) type Answer = (VerifiedLeaf, IssuedCertificate, Vec<String>);

/// An answer, or why it is none.
pub(crate) type Judged = Result<Answer, (Code, String)>;

/// Looks at another CA's certificate as hard as at a leaf of ST's: the same key, the CA's signature, every field as the
/// policy asks for or lets differ.
pub(crate) fn judge(work: &Work<'_>, policy: &Policy, leaf: VerifiedLeaf, certificate: &Certificate) -> Judged {
    let template = work.bound.template(&leaf).map_err(|finding| (finding.code, finding.reason))?;
    let issued = answered(work.issuer, &template, certificate).map_err(|fault| (fault.code(), fault.to_string()))?;
    let found = differences(&template, certificate);
    let not_allowed: Vec<String> =
        found.iter().filter(|difference| !policy.may_differ(difference)).map(difference_name).collect();
    if not_allowed.is_empty() {
        return Ok((leaf, issued, found.iter().map(difference_name).collect()));
    }
    let reason = format!("it differs from what was asked for in {}", not_allowed.join(", "));
    Err((code::ANSWER_DIFFERS, reason))
}
