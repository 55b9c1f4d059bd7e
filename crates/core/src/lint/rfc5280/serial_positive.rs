//! The serial number is a positive INTEGER in DER.

use crate::origin::Code;

use crate::lint::finding::RuleReport;
use crate::lint::rule::{Applies, Rule, Subject};

pub(super) const RULE: Rule = Rule {
    code: Code::new("rfc5280.serial.not-positive").hinted(&super::HINT),
    clause: "RFC 5280 §4.1.2.2",
    meaning: "the serial number is zero, negative or padded",
    applies: Applies::Always,
    check,
};

fn check(subject: &Subject<'_>, report: &mut RuleReport<'_>) {
    match subject.tbs.serial {
        [] | [0x80..=0xFF, ..] => report.find("serialNumber", "serial number is negative"),
        [0] => report.find("serialNumber", "serial number is zero"),
        [0, 0..=0x7F, ..] => report.find("serialNumber", "serial number is padded with a zero octet"),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lint::testing::Case;

    #[test]
    fn serials_are_minimal_and_positive() {
        Case::good().passes(&RULE);
        Case { serial: vec![0, 0x80], ..Case::good() }.passes(&RULE);
        Case { serial: vec![0], ..Case::good() }.fails(&RULE, "zero");
        Case { serial: vec![0x80], ..Case::good() }.fails(&RULE, "negative");
        Case { serial: vec![0, 1], ..Case::good() }.fails(&RULE, "padded");
    }
}
