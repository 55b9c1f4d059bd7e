//! The signature will be made until r and s have full width.

use crate::origin::Code;

use crate::lint::finding::RuleReport;
use crate::lint::rule::{Applies, Rule, Subject};

pub(super) const RULE: Rule = Rule {
    code: Code::new("stselib.signature.full-width").hinted(&super::HINT),
    clause: "STSELib v1.1.9, by experiment",
    meaning: "the policy does not ask for full-width signatures, of which the library refuses 1 in 128 otherwise",
    applies: Applies::Stselib,
    check,
};

fn check(subject: &Subject<'_>, report: &mut RuleReport<'_>) {
    if !subject.template.device.full_width_signature {
        report.find("signature", "the library refuses signatures whose r or s begins with a zero octet");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lint::testing::Case;

    #[test]
    fn full_width_must_be_asked_for() {
        Case::good().passes(&RULE);
        let mut case = Case::good();
        case.template.device.full_width_signature = false;
        case.fails(&RULE, "zero octet");
    }
}
