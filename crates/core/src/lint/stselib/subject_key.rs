//! The subject's key is one that the library holds.

use crate::origin::Code;

use crate::lint::finding::RuleReport;
use crate::lint::rule::{Applies, Rule, Subject};

pub(super) const RULE: Rule = Rule {
    code: Code::new("stselib.subject.key").hinted(&super::HINT),
    clause: "STSELib v1.1.9, by experiment",
    meaning: "the subject's key is of a kind that the library does not hold: Ed25519 certificates crash it",
    applies: Applies::Stselib,
    check,
};

fn check(subject: &Subject<'_>, report: &mut RuleReport<'_>) {
    let key = subject.template.spki.algorithm();
    if key.field_bytes().is_none() {
        report.find("subjectPublicKeyInfo", format_args!("the library does not hold {key} keys in certificates"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lint::testing::Case;

    use crate::x509::KeyAlgorithm;

    #[test]
    fn ed25519_leaves_are_found() {
        Case::good().passes(&RULE);
        Case::good().key(KeyAlgorithm::Ed25519).fails(&RULE, "Ed25519");
    }
}
