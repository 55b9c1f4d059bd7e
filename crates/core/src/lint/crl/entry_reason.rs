//! A reason is one that may be given, and unspecified is left out.

use crate::crl::Reason;
use crate::x509::oid;
use crate::x509::tlv::tag;

use crate::lint::finding::RuleReport;
use crate::origin::Code;

use super::{CrlRule, Subject};

pub(super) const RULE: CrlRule = CrlRule {
    code: Code::new("crl.entry.reason"),
    clause: "RFC 5280 §5.3.1",
    meaning: "a reasonCode is critical, unspecified, unknown, or one of CAs, attributes or delta lists",
    check,
};

fn check(subject: &Subject<'_>, report: &mut RuleReport<'_>) {
    for entry in subject.list.entries().filter(|entry| entry.extensions.is_some()) {
        let extensions = entry.extension_list().unwrap_or_default();
        let Some(reason) = extensions.iter().find(|one| one.oid == oid::CRL_REASON.as_bytes()) else { continue };
        if reason.critical.is_some() {
            return report.find(entry.path(), "reasonCode is critical");
        }
        let found = match reason.content(tag::ENUMERATED) {
            Some(&[code]) => Reason::from_code(code),
            _ => None,
        };
        match found {
            Some(Reason::Unspecified) => {
                return report.find(entry.path(), "reasonCode is unspecified, which is left out");
            }
            Some(reason) if Reason::ALLOWED.contains(&reason) => {}
            Some(reason) => {
                return report.find(entry.path(), format_args!("reasonCode {reason} is not given to devices"));
            }
            None => return report.find(entry.path(), "reasonCode is not one of a complete list"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lint::crl::testing::Case;

    #[test]
    fn a_reason_is_one_of_those_that_are_given() {
        Case::good().passes(&RULE);
        let reason =
            |critical: bool, code: u8| Case::good().entry(&[99], &[(oid::CRL_REASON, critical, &[10, 1, code])]);
        reason(false, 9).passes(&RULE);
        reason(true, 1).fails(&RULE, "critical");
        reason(false, 0).fails(&RULE, "left out");
        reason(false, 2).fails(&RULE, "cACompromise");
        reason(false, 8).fails(&RULE, "complete list");
        reason(false, 10).fails(&RULE, "aACompromise");
    }
}
