//! authorityKeyIdentifier is the CA's subjectKeyIdentifier.

use crate::x509::oid;

use crate::lint::finding::RuleReport;
use crate::origin::Code;

use super::{CrlRule, Subject};

pub(super) const RULE: CrlRule = CrlRule {
    code: Code::new("crl.authority-key-identifier"),
    clause: "RFC 5280 §5.2.1",
    meaning: "authorityKeyIdentifier is absent, critical or not the CA's subjectKeyIdentifier",
    check,
};

fn check(subject: &Subject<'_>, report: &mut RuleReport<'_>) {
    const EXTENSION: crate::x509::oid::ObjectIdentifier = oid::AUTHORITY_KEY_IDENTIFIER;
    let expected = subject.issuer.key_identifier();
    let Some(extension) = subject.list.extension(EXTENSION) else {
        // a CA without a subjectKeyIdentifier has nothing that could be written here
        if expected.is_some() {
            report.find_in(EXTENSION, "authorityKeyIdentifier is absent");
        }
        return;
    };
    if extension.critical.is_some() {
        report.find_in(EXTENSION, "authorityKeyIdentifier is critical");
    }
    match extension.members().as_deref() {
        Some([only]) if only.tag == 0x80 && expected.is_some_and(|expected| only.content == expected.as_bytes()) => {}
        Some([only]) if only.tag == 0x80 => {
            report.find_in(EXTENSION, "keyIdentifier differs from the CA's subjectKeyIdentifier");
        }
        _ => report.find_in(EXTENSION, "authorityKeyIdentifier is not a keyIdentifier alone"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lint::crl::testing::Case;

    #[test]
    fn the_identifier_is_the_cas_own() {
        Case::good().passes(&RULE);
        Case::good().without(oid::AUTHORITY_KEY_IDENTIFIER).fails(&RULE, "absent");
        let good = [&[0x30, 22, 0x80, 20][..], &[0xCA; 20]].concat();
        Case::good().set(oid::AUTHORITY_KEY_IDENTIFIER, Some(&[0xFF]), &good).fails(&RULE, "critical");
        let other = [&[0x30, 22, 0x80, 20][..], &[0xCB; 20]].concat();
        Case::good().set(oid::AUTHORITY_KEY_IDENTIFIER, None, &other).fails(&RULE, "differs");
        Case::good().set(oid::AUTHORITY_KEY_IDENTIFIER, None, &[0x30, 0]).fails(&RULE, "alone");
    }
}
