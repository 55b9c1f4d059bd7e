//! extKeyUsage lists at least one purpose, each once.

use crate::origin::Code;
use crate::x509::oid;
use crate::x509::tlv::tag;

use crate::lint::finding::RuleReport;
use crate::lint::rule::{Applies, Rule, Subject};

pub(super) const RULE: Rule = Rule {
    code: Code::new("rfc5280.extended-key-usage").hinted(&super::HINT),
    clause: "RFC 5280 §4.2.1.12",
    meaning: "extKeyUsage is empty, broken or repeats a purpose",
    applies: Applies::Always,
    check,
};

fn check(subject: &Subject<'_>, report: &mut RuleReport<'_>) {
    let Some(extension) = subject.tbs.extension(oid::EXTENDED_KEY_USAGE) else { return };
    let purposes = extension.members().unwrap_or_default();
    if purposes.is_empty() || purposes.iter().any(|purpose| purpose.tag != tag::OBJECT_IDENTIFIER) {
        report.find_in(oid::EXTENDED_KEY_USAGE, "extKeyUsage is not a non-empty list of object identifiers");
    }
    if purposes.iter().enumerate().any(|(at, purpose)| purposes[..at].iter().any(|other| other.raw == purpose.raw)) {
        report.find_in(oid::EXTENDED_KEY_USAGE, "extKeyUsage repeats a purpose");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lint::testing::Case;

    #[test]
    fn a_list_without_a_purpose_is_found() {
        Case::good().passes(&RULE);
        Case::good().set(oid::EXTENDED_KEY_USAGE, false, &[0x30, 0]).fails(&RULE, "non-empty");
        Case::good().set(oid::EXTENDED_KEY_USAGE, false, &[0x30, 2, 5, 0]).fails(&RULE, "object identifiers");
        Case::good().set(oid::EXTENDED_KEY_USAGE, false, &[0x30, 6, 6, 1, 42, 6, 1, 42]).fails(&RULE, "repeats");
    }
}
