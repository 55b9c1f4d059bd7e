//! The serial number is the one that was decided.

use crate::cert::SerialRule;
use crate::origin::Code;

use crate::lint::finding::RuleReport;
use crate::lint::rule::{Applies, Rule, Subject};

pub(super) const RULE: Rule = Rule {
    code: Code::new("template.serial.differs").hinted(&super::HINT),
    clause: "design: nothing is signed that was not decided",
    meaning: "the encoded serial number is not the one decided",
    applies: Applies::Always,
    check,
};

fn check(subject: &Subject<'_>, report: &mut RuleReport<'_>) {
    if subject.tbs.serial != subject.serial.content() {
        report.find("serialNumber", "encoded serial number differs from the one decided");
    }
    if let SerialRule::Source(source) = &subject.template.serial
        && subject.tbs.serial != source.content()
    {
        report.find("serialNumber", "encoded serial number differs from the source leaf's, which the policy copies");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lint::testing::Case;

    use crate::x509::SerialNumber;

    #[test]
    fn the_recorded_serial_is_the_encoded_one() {
        Case::good().passes(&RULE);
        Case { serial: vec![1], ..Case::good() }.fails(&RULE, "decided");
        let mut case = Case::good();
        case.template.serial = SerialRule::Source(SerialNumber::from_content(&[2, 9]).unwrap());
        case.fails(&RULE, "leaf");
    }
}
