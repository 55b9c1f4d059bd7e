//! The subject has one serialNumber, by which the device is known.

use crate::cert::Profile;
use crate::lint::finding::RuleReport;
use crate::lint::names::values;
use crate::lint::rule::{Applies, Rule, Subject};
use crate::origin::Code;
use crate::x509::oid;
use crate::x509::tlv::tag;

pub(super) const RULE: Rule = Rule {
    code: Code::new("devid.subject.serial-number").hinted(&super::HINT),
    clause: "IEEE 802.1AR-2018 §8.6",
    meaning: "the subject has not exactly one serialNumber of 1 to 64 characters in PrintableString",
    applies: Applies::To(Profile::DevId),
    check,
};

fn check(subject: &Subject<'_>, report: &mut RuleReport<'_>) {
    match values(subject.tbs.subject, oid::SERIAL_NUMBER).as_slice() {
        [serial] if serial.tag == tag::PRINTABLE_STRING && (1..=64).contains(&serial.content.len()) => {}
        [_] => report.find("subject", "serialNumber is not 1 to 64 characters in PrintableString"),
        found => report.find("subject", format_args!("subject has {} serialNumbers, expected one", found.len())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lint::testing::Case;

    #[test]
    fn a_subject_without_serial_number_is_found() {
        Case::good().fails(&RULE, "0 serialNumbers");
        Case::good().subject(&[(oid::SERIAL_NUMBER, 0x13, b"0209")]).passes(&RULE);
        Case::good().subject(&[(oid::SERIAL_NUMBER, 0x0C, b"0209")]).fails(&RULE, "PrintableString");
    }
}
