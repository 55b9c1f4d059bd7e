//! authorityKeyIdentifier is the issuer's subjectKeyIdentifier.

use crate::origin::Code;
use crate::x509::oid;

use crate::lint::finding::RuleReport;
use crate::lint::rule::{Applies, Rule, Subject};

pub(super) const RULE: Rule = Rule {
    code: Code::new("rfc5280.authority-key-identifier").hinted(&super::HINT),
    clause: "RFC 5280 §4.2.1.1",
    meaning: "authorityKeyIdentifier is critical or not the issuer's subjectKeyIdentifier",
    applies: Applies::Always,
    check,
};

fn check(subject: &Subject<'_>, report: &mut RuleReport<'_>) {
    let Some(extension) = subject.tbs.extension(oid::AUTHORITY_KEY_IDENTIFIER) else { return };
    if extension.critical.is_some() {
        report.find_in(oid::AUTHORITY_KEY_IDENTIFIER, "authorityKeyIdentifier is critical");
    }
    let members = extension.members();
    // only the keyIdentifier is written: issuer and serial tie a certificate to one of the CA's certificates
    let found = match members.as_deref() {
        Some([only]) if only.tag == 0x80 => Some(only.content),
        _ => None,
    };
    match (found, subject.issuer.key_identifier()) {
        (None, _) => {
            report.find_in(oid::AUTHORITY_KEY_IDENTIFIER, "authorityKeyIdentifier is not a keyIdentifier alone");
        }
        (Some(found), Some(expected)) if found == expected.as_bytes() => {}
        (Some(_), _) => {
            report
                .find_in(oid::AUTHORITY_KEY_IDENTIFIER, "keyIdentifier differs from the issuer's subjectKeyIdentifier");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lint::testing::Case;

    #[test]
    fn the_identifier_is_the_issuers_own() {
        Case::good().passes(&RULE);
        Case::good().without(oid::AUTHORITY_KEY_IDENTIFIER).passes(&RULE);
        let good = [&[0x30, 22, 0x80, 20][..], &[0xCA; 20]].concat();
        Case::good().set(oid::AUTHORITY_KEY_IDENTIFIER, true, &good).fails(&RULE, "critical");
        let other = [&[0x30, 22, 0x80, 20][..], &[0xCB; 20]].concat();
        Case::good().set(oid::AUTHORITY_KEY_IDENTIFIER, false, &other).fails(&RULE, "differs");
        Case::good().set(oid::AUTHORITY_KEY_IDENTIFIER, false, &[0x30, 0]).fails(&RULE, "alone");
    }
}
