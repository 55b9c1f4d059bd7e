//! No purpose by which a CA or the manifest signer delegates.

use crate::origin::Code;
use crate::x509::oid;

use crate::lint::finding::RuleReport;
use crate::lint::rule::{Applies, Rule, Subject};

pub(super) const RULE: Rule = Rule {
    code: Code::new("device.right.delegated").hinted(&super::HINT),
    clause: "RFC 9336 §3.1, RFC 6960 §4.2.2.2, RFC 6402 §2.10",
    meaning: "extKeyUsage has a purpose that only the manifest signer or a CA's delegate may have",
    applies: Applies::Always,
    check,
};

fn check(subject: &Subject<'_>, report: &mut RuleReport<'_>) {
    let Some(extension) = subject.tbs.extension(oid::EXTENDED_KEY_USAGE) else { return };
    for purpose in extension.members().unwrap_or_default() {
        if let Some(oid) = FORBIDDEN.iter().find(|oid| oid.as_bytes() == purpose.content) {
            report.find_in(oid::EXTENDED_KEY_USAGE, format_args!("extKeyUsage has {oid}, which no device may have"));
        }
    }
}

const FORBIDDEN: [oid::ObjectIdentifier; 5] = [
    oid::KP_DOCUMENT_SIGNING,
    // anyExtendedKeyUsage includes all the others
    oid::ANY_EXTENDED_KEY_USAGE,
    oid::KP_OCSP_SIGNING,
    oid::KP_CMC_CA,
    oid::KP_CMC_RA,
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lint::testing::Case;

    use crate::x509::tlv::{element, tag};

    #[test]
    fn a_device_signs_no_manifests() {
        Case::good().passes(&RULE);
        for purpose in FORBIDDEN {
            let value = element(tag::SEQUENCE, &[&element(tag::OBJECT_IDENTIFIER, &[purpose.as_bytes()])]);
            Case::good().set(oid::EXTENDED_KEY_USAGE, false, &value).fails(&RULE, &purpose.to_string());
        }
    }
}
