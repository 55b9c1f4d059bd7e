//! keyUsage is critical with digitalSignature alone.

use crate::cert::Profile;
use crate::lint::finding::RuleReport;
use crate::lint::rule::{Applies, Rule, Subject};
use crate::lint::tbs::TbsExtension;
use crate::origin::Code;
use crate::x509::{KeyUsage, oid};

pub(super) const RULE: Rule = Rule {
    code: Code::new("matter-dac.key-usage").hinted(&super::HINT),
    clause: "Matter core specification §6.2.2",
    meaning: "keyUsage is not critical with exactly digitalSignature",
    applies: Applies::To(Profile::MatterDac),
    check,
};

fn check(subject: &Subject<'_>, report: &mut RuleReport<'_>) {
    let critical = subject.tbs.extension(oid::KEY_USAGE).is_some_and(TbsExtension::is_critical);
    if !critical || subject.tbs.key_usage != Some(KeyUsage::DIGITAL_SIGNATURE) {
        report.find_in(oid::KEY_USAGE, "keyUsage is not critical with exactly digitalSignature");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lint::testing::Case;

    #[test]
    fn key_agreement_is_found() {
        Case::good().passes(&RULE);
        Case::good().set(oid::KEY_USAGE, true, &[3, 2, 3, 0x88]).fails(&RULE, "exactly");
        Case::good().without(oid::KEY_USAGE).fails(&RULE, "exactly");
    }
}
