//! The key signs and agrees on keys.

use crate::cert::Profile;
use crate::lint::finding::RuleReport;
use crate::lint::rule::{Applies, Rule, Subject};
use crate::lint::tbs::TbsExtension;
use crate::origin::Code;
use crate::x509::{KeyUsage, oid};

pub(super) const RULE: Rule = Rule {
    code: Code::new("ieee2030-5.key-usage").hinted(&super::HINT),
    clause: "IEEE 2030.5-2018 §6.11",
    meaning: "keyUsage is not critical with digitalSignature and keyAgreement",
    applies: Applies::To(Profile::Ieee2030),
    check,
};

fn check(subject: &Subject<'_>, report: &mut RuleReport<'_>) {
    let expected = KeyUsage::DIGITAL_SIGNATURE | KeyUsage::KEY_AGREEMENT;
    let critical = subject.tbs.extension(oid::KEY_USAGE).is_some_and(TbsExtension::is_critical);
    if !critical || subject.tbs.key_usage != Some(expected) {
        report.find_in(oid::KEY_USAGE, "keyUsage is not critical with exactly digitalSignature and keyAgreement");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lint::testing::Case;

    #[test]
    fn key_agreement_is_wanted() {
        Case::good().fails(&RULE, "keyAgreement");
        Case::good().set(oid::KEY_USAGE, true, &[3, 2, 3, 0x88]).passes(&RULE);
        Case::good().set(oid::KEY_USAGE, false, &[3, 2, 3, 0x88]).fails(&RULE, "critical");
    }
}
