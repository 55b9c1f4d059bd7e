//! Stub: no rules.

use crate::cert::{IssuerIdentity, ObjectTemplate, TbsCertificate};
use crate::origin::Code;

use super::LintedTbs;

/// A rule that a tbsCertificate breaks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LintFinding {
    /// Which.
    pub code: Code,
    /// Where.
    pub path: String,
    /// What.
    pub message: String,
}

/// Runs every rule.
///
/// # Errors
/// What was found.
pub fn check(
    _issuer: &IssuerIdentity,
    _template: &ObjectTemplate,
    tbs: TbsCertificate,
) -> Result<LintedTbs, Vec<LintFinding>> {
    Ok(LintedTbs::assert_clean(tbs))
}
