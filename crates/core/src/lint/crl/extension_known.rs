//! No delta list, no pointer to one, and nothing that a relying party may not know.

use crate::lint::finding::extension_path;
use crate::x509::oid;

use crate::lint::finding::RuleReport;
use crate::origin::Code;

use super::{CrlRule, Subject};

pub(super) const RULE: CrlRule = CrlRule {
    code: Code::new("crl.extension.other"),
    clause: "RFC 5280 §5.2.4, §5.2.6; design: no delta lists",
    meaning: "the list has an extension besides authorityKeyIdentifier, cRLNumber and issuingDistributionPoint",
    check,
};

fn check(subject: &Subject<'_>, report: &mut RuleReport<'_>) {
    for extension in &subject.list.extensions {
        match extension.identifier() {
            Some(oid::AUTHORITY_KEY_IDENTIFIER | oid::CRL_NUMBER | oid::ISSUING_DISTRIBUTION_POINT) => {}
            Some(other) => {
                report.find(extension_path(other), format_args!("the list has the extension {}", oid::shown(other)));
            }
            None => report.find("crlExtensions", "the list has an extension whose identifier cannot be read"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lint::crl::testing::Case;

    #[test]
    fn a_delta_list_is_found() {
        Case::good().passes(&RULE);
        Case::good().set(oid::DELTA_CRL_INDICATOR, Some(&[0xFF]), &[2, 1, 1]).fails(&RULE, "deltaCRLIndicator");
        Case::good().set(oid::FRESHEST_CRL, None, &[0x30, 0]).fails(&RULE, "2.5.29.46");
    }
}
