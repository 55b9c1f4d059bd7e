//! The serial number has at most 20 bytes.

use crate::origin::Code;
use crate::x509::SerialNumber;

use crate::lint::finding::RuleReport;
use crate::lint::rule::{Applies, Rule, Subject};

pub(super) const RULE: Rule = Rule {
    code: Code::new("rfc5280.serial.too-long").hinted(&super::HINT),
    clause: "RFC 5280 §4.1.2.2",
    meaning: "the serial number has more than 20 bytes",
    applies: Applies::Always,
    check,
};

fn check(subject: &Subject<'_>, report: &mut RuleReport<'_>) {
    let bytes = subject.tbs.serial.len();
    if bytes > SerialNumber::MAX_BYTES {
        report.find("serialNumber", format_args!("serial number has {bytes} octets, expected at most 20"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lint::testing::Case;

    #[test]
    fn twenty_bytes_are_the_most() {
        Case { serial: vec![1; 20], ..Case::good() }.passes(&RULE);
        Case { serial: vec![1; 21], ..Case::good() }.fails(&RULE, "21 octets");
    }
}
