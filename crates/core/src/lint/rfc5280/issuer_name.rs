//! The issuer is the CA's subject, byte for byte, and not empty.

use crate::origin::Code;

use crate::lint::finding::RuleReport;
use crate::lint::rule::{Applies, Rule, Subject};

pub(super) const RULE: Rule = Rule {
    code: Code::new("rfc5280.issuer.differs").hinted(&super::HINT),
    clause: "RFC 5280 §4.1.2.4, §6.1.3",
    meaning: "the issuer is not the CA's subject byte for byte",
    applies: Applies::Always,
    check,
};

fn check(subject: &Subject<'_>, report: &mut RuleReport<'_>) {
    if subject.tbs.issuer != subject.issuer.subject().der() {
        report.find("issuer", "issuer differs from the octets of the CA's subject");
    } else if subject.tbs.issuer.len() == 2 {
        report.find("issuer", "issuer is empty");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lint::testing::Case;

    #[test]
    fn one_byte_makes_another_issuer() {
        Case::good().passes(&RULE);
        let mut case = Case::good();
        let last = case.issuer_name.len() - 1;
        case.issuer_name[last] ^= 0x20;
        case.fails(&RULE, "differs");
    }
}
