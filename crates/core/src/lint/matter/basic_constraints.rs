//! basicConstraints is there and critical.

use crate::cert::Profile;
use crate::lint::finding::RuleReport;
use crate::lint::rule::{Applies, Rule, Subject};
use crate::lint::tbs::TbsExtension;
use crate::origin::Code;
use crate::x509::oid;

pub(super) const RULE: Rule = Rule {
    code: Code::new("matter-dac.basic-constraints").hinted(&super::HINT),
    clause: "Matter core specification §6.2.2",
    meaning: "basicConstraints is absent or not critical",
    applies: Applies::To(Profile::MatterDac),
    check,
};

fn check(subject: &Subject<'_>, report: &mut RuleReport<'_>) {
    if !subject.tbs.extension(oid::BASIC_CONSTRAINTS).is_some_and(TbsExtension::is_critical) {
        report.find_in(oid::BASIC_CONSTRAINTS, "basicConstraints is absent or not critical");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lint::testing::Case;

    #[test]
    fn it_must_be_said_that_a_dac_is_no_ca() {
        Case::good().passes(&RULE);
        Case::good().set(oid::BASIC_CONSTRAINTS, false, &[0x30, 0]).fails(&RULE, "critical");
        Case::good().without(oid::BASIC_CONSTRAINTS).fails(&RULE, "absent");
    }
}
