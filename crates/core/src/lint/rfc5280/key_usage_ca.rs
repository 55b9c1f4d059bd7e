//! keyUsage gives no right of a CA.

use crate::origin::Code;
use crate::x509::{KeyUsage, oid};

use crate::lint::finding::RuleReport;
use crate::lint::rule::{Applies, Rule, Subject};

pub(super) const RULE: Rule = Rule {
    code: Code::new("rfc5280.key-usage.ca").hinted(&super::HINT),
    clause: "RFC 5280 §4.2.1.3",
    meaning: "keyUsage has keyCertSign or cRLSign, or is not a named bit list in DER",
    applies: Applies::Always,
    check,
};

fn check(subject: &Subject<'_>, report: &mut RuleReport<'_>) {
    if subject.tbs.extension(oid::KEY_USAGE).is_none() {
        return;
    }
    match subject.tbs.key_usage {
        None | Some(0) => report.find_in(oid::KEY_USAGE, "keyUsage is not a non-empty named bit list in DER"),
        Some(usage) if usage & (KeyUsage::KEY_CERT_SIGN | KeyUsage::CRL_SIGN) != 0 => {
            report.find_in(oid::KEY_USAGE, "keyUsage has keyCertSign or cRLSign");
        }
        Some(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lint::testing::Case;

    #[test]
    fn a_device_signs_no_certificates() {
        Case::good().passes(&RULE);
        Case::good().without(oid::KEY_USAGE).passes(&RULE);
        Case::good().set(oid::KEY_USAGE, true, &[3, 2, 2, 0x84]).fails(&RULE, "keyCertSign");
        Case::good().set(oid::KEY_USAGE, true, &[3, 2, 1, 0x82]).fails(&RULE, "cRLSign");
        Case::good().set(oid::KEY_USAGE, true, &[3, 2, 0, 0x80]).fails(&RULE, "DER");
        Case::good().set(oid::KEY_USAGE, true, &[3, 1, 0]).fails(&RULE, "DER");
        Case::good().set(oid::KEY_USAGE, true, &[3, 3, 7, 0x08, 0x80]).passes(&RULE);
    }
}
