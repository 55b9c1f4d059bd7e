//! issuerUniqueID and subjectUniqueID are absent.

use crate::origin::Code;

use crate::lint::finding::RuleReport;
use crate::lint::rule::{Applies, Rule, Subject};

pub(super) const RULE: Rule = Rule {
    code: Code::new("rfc5280.unique-identifier").hinted(&super::HINT),
    clause: "RFC 5280 §4.1.2.8",
    meaning: "a unique identifier is present",
    applies: Applies::Always,
    check,
};

fn check(subject: &Subject<'_>, report: &mut RuleReport<'_>) {
    if subject.tbs.unique_identifiers {
        report.find("tbsCertificate", "a unique identifier is present, which conforming CAs never write");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lint::testing::Case;

    #[test]
    fn unique_identifiers_are_found() {
        Case::good().passes(&RULE);
        Case { unique_identifiers: vec![0x82, 2, 0, 1], ..Case::good() }.fails(&RULE, "unique");
    }
}
