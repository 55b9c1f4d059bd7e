//! The public key is the source leaf's, byte for byte.

use crate::origin::Code;

use crate::lint::finding::RuleReport;
use crate::lint::rule::{Applies, Rule, Subject};

pub(super) const RULE: Rule = Rule {
    code: Code::new("template.spki.differs").hinted(&super::HINT),
    clause: "design: the SubjectPublicKeyInfo is copied byte for byte",
    meaning: "the encoded public key is not the source leaf's byte for byte",
    applies: Applies::Always,
    check,
};

fn check(subject: &Subject<'_>, report: &mut RuleReport<'_>) {
    if subject.tbs.spki != subject.template.spki.der() {
        report.find("subjectPublicKeyInfo", "encoded public key differs from the source leaf's");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lint::testing::Case;

    #[test]
    fn one_byte_makes_another_key() {
        Case::good().passes(&RULE);
        let mut case = Case::good();
        let last = case.spki.len() - 1;
        case.spki[last] ^= 1;
        case.fails(&RULE, "differs");
    }
}
