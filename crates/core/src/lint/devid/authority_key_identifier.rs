//! authorityKeyIdentifier is there.

use crate::cert::Profile;
use crate::lint::finding::RuleReport;
use crate::lint::rule::{Applies, Rule, Subject};
use crate::origin::Code;
use crate::x509::oid;

pub(super) const RULE: Rule = Rule {
    code: Code::new("devid.authority-key-identifier"),
    clause: "IEEE 802.1AR-2018 §8.10.1",
    meaning: "there is no authorityKeyIdentifier",
    applies: Applies::To(Profile::DevId),
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
    fn a_devid_names_its_issuers_key() {
        Case::good().passes(&RULE);
        Case::good().without(oid::AUTHORITY_KEY_IDENTIFIER).fails(&RULE, "absent");
    }
}
