//! The version is 3.

use crate::origin::Code;

use crate::lint::finding::RuleReport;
use crate::lint::rule::{Applies, Rule, Subject};

pub(super) const RULE: Rule = Rule {
    code: Code::new("rfc5280.version").hinted(&super::HINT),
    clause: "RFC 5280 §4.1.2.1",
    meaning: "the version is not 3",
    applies: Applies::Always,
    check,
};

fn check(subject: &Subject<'_>, report: &mut RuleReport<'_>) {
    if subject.tbs.version != [2] {
        report.find("version", "version is not v3, encoded as INTEGER 2");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lint::testing::Case;

    #[test]
    fn only_v3_has_extensions() {
        Case::good().passes(&RULE);
        Case { version: vec![], ..Case::good() }.fails(&RULE, "v3");
        Case { version: vec![0xA0, 3, 2, 1, 1], ..Case::good() }.fails(&RULE, "v3");
    }
}
