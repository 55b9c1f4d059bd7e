//! authorityKeyIdentifier is there.

use crate::cert::Profile;
use crate::lint::finding::RuleReport;
use crate::lint::rule::{Applies, Rule, Subject};
use crate::origin::Code;
use crate::x509::oid;

pub(super) const RULE: Rule = Rule {
    code: Code::new("ieee2030-5.authority-key-identifier"),
    clause: "IEEE 2030.5-2018 §6.11",
    meaning: "there is no authorityKeyIdentifier",
    applies: Applies::To(Profile::Ieee2030),
    check,
};

fn check(subject: &Subject<'_>, report: &mut RuleReport<'_>) {
    if subject.tbs.extension(oid::AUTHORITY_KEY_IDENTIFIER).is_none() {
        report.find("extensions", "authorityKeyIdentifier is absent");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lint::testing::Case;

    #[test]
    fn the_issuers_key_is_named() {
        Case::good().passes(&RULE);
        Case::good().without(oid::AUTHORITY_KEY_IDENTIFIER).fails(&RULE, "absent");
    }
}
