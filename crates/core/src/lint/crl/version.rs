//! The list is of version 2.

use crate::lint::finding::RuleReport;
use crate::origin::Code;

use super::{CrlRule, Subject};

pub(super) const RULE: CrlRule =
    CrlRule { code: Code::new("crl.version"), clause: "RFC 5280 §5.1.2.1", meaning: "the version is not 2", check };

fn check(subject: &Subject<'_>, report: &mut RuleReport<'_>) {
    if subject.list.version != [1] {
        report.find("version", "the list is not of version 2, which extensions need");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lint::crl::testing::Case;

    #[test]
    fn only_version_2_passes() {
        Case::good().passes(&RULE);
        Case { version: vec![], ..Case::good() }.fails(&RULE, "not of version 2");
        Case { version: vec![2, 1, 2], ..Case::good() }.fails(&RULE, "not of version 2");
    }
}
