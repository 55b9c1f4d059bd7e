//! keyUsage fits the kind of key.

use crate::origin::Code;
use crate::x509::{KeyUsage, oid};

use crate::lint::finding::RuleReport;
use crate::lint::rule::{Applies, Rule, Subject};

pub(super) const RULE: Rule = Rule {
    code: Code::new("rfc5280.key-usage.key").hinted(&super::HINT),
    clause: "RFC 8813 §3, RFC 9295 §3",
    meaning: "keyUsage has a bit that this kind of key cannot serve",
    applies: Applies::Always,
    check,
};

fn check(subject: &Subject<'_>, report: &mut RuleReport<'_>) {
    let Some(usage) = subject.tbs.key_usage else { return };
    let key = subject.template.spki.algorithm();
    // the rights of a CA are another rule's
    let rest = usage & !(KeyUsage::KEY_CERT_SIGN | KeyUsage::CRL_SIGN);
    if rest & !key.usages() != 0 {
        report.find_in(oid::KEY_USAGE, format_args!("keyUsage has a bit that a {key} key cannot serve"));
    }
    if rest & (KeyUsage::ENCIPHER_ONLY | KeyUsage::DECIPHER_ONLY) != 0 && rest & KeyUsage::KEY_AGREEMENT == 0 {
        report.find_in(oid::KEY_USAGE, "encipherOnly or decipherOnly without keyAgreement");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lint::testing::Case;
    use crate::x509::KeyAlgorithm;

    #[test]
    fn curves_do_not_encipher() {
        Case::good().passes(&RULE);
        Case::good().set(oid::KEY_USAGE, true, &[3, 2, 5, 0xA0]).fails(&RULE, "P-256");
        Case::good().set(oid::KEY_USAGE, true, &[3, 2, 3, 0x88]).passes(&RULE);
        Case::good().key(KeyAlgorithm::Ed25519).set(oid::KEY_USAGE, true, &[3, 2, 3, 0x88]).fails(&RULE, "Ed25519");
        Case::good().set(oid::KEY_USAGE, true, &[3, 2, 0, 0x81]).fails(&RULE, "keyAgreement");
    }
}
