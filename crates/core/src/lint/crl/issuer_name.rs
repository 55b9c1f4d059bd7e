//! The issuer is the CA's subject, byte for byte.

use crate::lint::finding::RuleReport;
use crate::origin::Code;

use super::{CrlRule, Subject};

pub(super) const RULE: CrlRule = CrlRule {
    code: Code::new("crl.issuer"),
    clause: "RFC 5280 §5.1.2.3",
    meaning: "the issuer is not the subject of the CA's certificate byte for byte",
    check,
};

fn check(subject: &Subject<'_>, report: &mut RuleReport<'_>) {
    if subject.list.issuer != subject.issuer.subject().der() {
        report.find("issuer", "issuer differs from the subject of the CA's certificate");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lint::crl::testing::Case;

    #[test]
    fn another_issuer_is_found() {
        Case::good().passes(&RULE);
        Case { issuer_name: vec![0x30, 0], ..Case::good() }.fails(&RULE, "differs");
    }
}
