//! keyUsage, where it is, lets the device sign.

use crate::cert::Profile;
use crate::lint::finding::RuleReport;
use crate::lint::rule::{Applies, Rule, Subject};
use crate::origin::Code;
use crate::x509::{KeyUsage, oid};

pub(super) const RULE: Rule = Rule {
    code: Code::new("devid.key-usage").hinted(&super::HINT),
    clause: "IEEE 802.1AR-2018 §8.10.3",
    meaning: "keyUsage is there without digitalSignature",
    applies: Applies::To(Profile::DevId),
    check,
};

fn check(subject: &Subject<'_>, report: &mut RuleReport<'_>) {
    if subject.tbs.key_usage.is_some_and(|usage| usage & KeyUsage::DIGITAL_SIGNATURE == 0) {
        report.find_in(oid::KEY_USAGE, "keyUsage lacks digitalSignature");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lint::testing::Case;

    #[test]
    fn a_devid_signs() {
        Case::good().passes(&RULE);
        Case::good().set(oid::KEY_USAGE, true, &[3, 2, 3, 8]).fails(&RULE, "digitalSignature");
    }
}
