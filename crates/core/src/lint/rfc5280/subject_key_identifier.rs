//! subjectKeyIdentifier is a non-empty OCTET STRING and not critical.

use crate::origin::Code;
use crate::x509::oid;
use crate::x509::tlv::tag;

use crate::lint::finding::RuleReport;
use crate::lint::rule::{Applies, Rule, Subject};

pub(super) const RULE: Rule = Rule {
    code: Code::new("rfc5280.subject-key-identifier").hinted(&super::HINT),
    clause: "RFC 5280 §4.2.1.2",
    meaning: "subjectKeyIdentifier is critical or empty",
    applies: Applies::Always,
    check,
};

fn check(subject: &Subject<'_>, report: &mut RuleReport<'_>) {
    let Some(extension) = subject.tbs.extension(oid::SUBJECT_KEY_IDENTIFIER) else { return };
    if extension.critical.is_some() {
        report.find_in(oid::SUBJECT_KEY_IDENTIFIER, "subjectKeyIdentifier is critical");
    }
    if extension.content(tag::OCTET_STRING).is_none_or(<[u8]>::is_empty) {
        report.find_in(oid::SUBJECT_KEY_IDENTIFIER, "subjectKeyIdentifier is not a non-empty OCTET STRING");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lint::testing::Case;

    #[test]
    fn it_is_never_critical_nor_empty() {
        Case::good().passes(&RULE);
        Case::good().set(oid::SUBJECT_KEY_IDENTIFIER, true, &[4, 1, 7]).fails(&RULE, "critical");
        Case::good().set(oid::SUBJECT_KEY_IDENTIFIER, false, &[4, 0]).fails(&RULE, "non-empty");
        Case::good().set(oid::SUBJECT_KEY_IDENTIFIER, false, &[4, 1, 7, 0]).fails(&RULE, "OCTET STRING");
    }
}
