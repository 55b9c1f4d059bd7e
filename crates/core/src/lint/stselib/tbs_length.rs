//! The tbsCertificate begins with 30 82.

use crate::origin::Code;

use crate::lint::finding::RuleReport;
use crate::lint::rule::{Applies, Rule, Subject};

pub(super) const RULE: Rule = Rule {
    code: Code::new("stselib.tbs.short").hinted(&super::HINT),
    clause: "STSELib v1.1.9, by experiment",
    meaning: "the tbsCertificate has less than 256 bytes, so that the library looks for the serial number in the wrong place",
    applies: Applies::Stselib,
    check,
};

fn check(subject: &Subject<'_>, report: &mut RuleReport<'_>) {
    if !subject.tbs.der.starts_with(&[0x30, 0x82]) {
        let bytes = subject.tbs.der.len();
        report.find("tbsCertificate", format_args!("tbsCertificate of {bytes} octets does not begin with 30 82"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lint::testing::Case;

    #[test]
    fn short_certificates_are_found() {
        Case::good().passes(&RULE);
        Case { extensions: vec![], with_extensions: false, subject: vec![0x30, 0], ..Case::good() }
            .fails(&RULE, "30 82");
    }
}
