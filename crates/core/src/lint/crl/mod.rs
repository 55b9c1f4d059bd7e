//! Rules that a revocation list must meet before it may be signed (RFC 5280 §5): one rule a file.
//!
//! As with certificates, rules read the *encoded* bytes; a [`LintedCrl`] has passed every rule. What an earlier round had
//! is not for a rule to know: the key holder compares rounds.

mod authority_key_identifier;
mod distribution_point;
mod entry_date;
mod entry_extensions;
mod entry_order;
mod entry_reason;
mod entry_serial;
mod extension_known;
mod extensions_unique;
mod issuer_crl_sign;
mod issuer_name;
mod linted;
mod list;
mod number;
mod signature_algorithm;
mod template;
mod time_encoding;
mod time_order;
mod version;

#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;

use crate::cert::IssuerIdentity;
use crate::crl::CrlParameters;
use crate::origin::Code;

use super::LintFinding;
use super::finding::{Report, RuleReport};
use list::List;

pub use linted::LintedCrl;

/// One rule for revocation lists.
pub struct CrlRule {
    /// The stable code of its findings.
    pub code: Code,
    /// The document and section that demands it.
    pub clause: &'static str,
    /// What breaks it, in one line.
    pub meaning: &'static str,
    check: fn(&Subject<'_>, &mut RuleReport<'_>),
}

impl std::fmt::Debug for CrlRule {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "CrlRule({})", self.code)
    }
}

/// What a rule looks at.
#[derive(Debug)]
struct Subject<'s> {
    issuer: &'s IssuerIdentity,
    parameters: &'s CrlParameters,
    /// The encoding, read again.
    list: &'s List<'s>,
}

/// Every rule for lists, in the order in which they are applied.
pub const CRL_RULES: &[CrlRule] = &[
    version::RULE,
    signature_algorithm::RULE,
    issuer_name::RULE,
    issuer_crl_sign::RULE,
    time_encoding::RULE,
    time_order::RULE,
    entry_serial::RULE,
    entry_order::RULE,
    entry_date::RULE,
    entry_reason::RULE,
    entry_extensions::RULE,
    extensions_unique::RULE,
    extension_known::RULE,
    authority_key_identifier::RULE,
    number::RULE,
    distribution_point::RULE,
    template::RULE,
];

/// The bytes are not a tbsCertList at all.
pub const CRL_UNREADABLE: Code = Code::new("crl.structure");

/// Applies every rule to the encoding of a list that was made from `parameters`.
///
/// # Errors
/// Every finding; then the list must not be signed.
pub fn check_crl(
    issuer: &IssuerIdentity,
    parameters: &CrlParameters,
    tbs: Vec<u8>,
) -> Result<LintedCrl, Vec<LintFinding>> {
    let findings = examine(issuer, parameters, &tbs);
    if findings.is_empty() { Ok(LintedCrl::assert_clean(tbs, parameters.signature)) } else { Err(findings) }
}

fn examine(issuer: &IssuerIdentity, parameters: &CrlParameters, tbs: &[u8]) -> Vec<LintFinding> {
    let mut report = Report::default();
    let list = match List::read(tbs) {
        Ok(list) => list,
        Err(error) => {
            report.add(CRL_UNREADABLE, "tbsCertList", format!("not a tbsCertList in DER: {error} (RFC 5280 §5.1.2)"));
            return report.finish();
        }
    };
    let subject = Subject { issuer, parameters, list: &list };
    for rule in CRL_RULES {
        (rule.check)(&subject, &mut report.of(rule.code, rule.clause));
    }
    report.finish()
}
