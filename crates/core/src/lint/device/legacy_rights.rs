//! No extension by which a device could become a CA for old programs.

use crate::origin::Code;
use crate::x509::oid;

use crate::lint::finding::RuleReport;
use crate::lint::rule::{Applies, Rule, Subject};

pub(super) const RULE: Rule = Rule {
    code: Code::new("device.right.legacy").hinted(&super::HINT),
    clause: "Netscape certificate type, RFC 3820",
    meaning: "netscape-cert-type or proxyCertInfo is there",
    applies: Applies::Always,
    check,
};

fn check(subject: &Subject<'_>, report: &mut RuleReport<'_>) {
    for oid in [oid::NETSCAPE_CERT_TYPE, oid::PROXY_CERT_INFO] {
        if subject.tbs.extension(oid).is_some() {
            report.find_in(oid, format_args!("extension {oid} can give a device rights of a CA"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lint::testing::Case;

    #[test]
    fn netscape_cert_type_is_found() {
        Case::good().passes(&RULE);
        Case::good().set(oid::NETSCAPE_CERT_TYPE, false, &[3, 2, 2, 4]).fails(&RULE, "rights");
    }
}
