//! Both key identifiers are there, of 20 bytes each.

use crate::cert::Profile;
use crate::lint::finding::RuleReport;
use crate::lint::rule::{Applies, Rule, Subject};
use crate::lint::tbs::TbsExtension;
use crate::origin::Code;
use crate::x509::oid;
use crate::x509::tlv::tag;

pub(super) const RULE: Rule = Rule {
    code: Code::new("matter-dac.key-identifiers").hinted(&super::HINT),
    clause: "Matter core specification §6.2.2",
    meaning: "subjectKeyIdentifier or authorityKeyIdentifier is absent or not of 20 bytes",
    applies: Applies::To(Profile::MatterDac),
    check,
};

fn check(subject: &Subject<'_>, report: &mut RuleReport<'_>) {
    let own = subject.tbs.extension(oid::SUBJECT_KEY_IDENTIFIER).and_then(|one| one.content(tag::OCTET_STRING));
    if own.map(<[u8]>::len) != Some(20) {
        report.find_in(oid::SUBJECT_KEY_IDENTIFIER, "subjectKeyIdentifier is not there with 20 octets");
    }
    let issuers = subject.tbs.extension(oid::AUTHORITY_KEY_IDENTIFIER).and_then(TbsExtension::members);
    if !matches!(issuers.as_deref(), Some([only]) if only.tag == 0x80 && only.content.len() == 20) {
        report.find_in(oid::AUTHORITY_KEY_IDENTIFIER, "authorityKeyIdentifier is not there with 20 octets");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lint::testing::Case;

    #[test]
    fn both_are_wanted() {
        Case::good().passes(&RULE);
        Case::good().without(oid::SUBJECT_KEY_IDENTIFIER).fails(&RULE, "subjectKeyIdentifier");
        Case::good().without(oid::AUTHORITY_KEY_IDENTIFIER).fails(&RULE, "authorityKeyIdentifier");
        Case::good().set(oid::SUBJECT_KEY_IDENTIFIER, false, &[4, 1, 0]).fails(&RULE, "20 octets");
    }
}
