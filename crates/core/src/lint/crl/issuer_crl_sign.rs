//! The CA's certificate lets its key sign lists.

use crate::x509::KeyUsage;

use crate::lint::finding::RuleReport;
use crate::origin::Code;

use super::{CrlRule, Subject};

pub(super) const RULE: CrlRule = CrlRule {
    code: Code::new("crl.issuer.crl-sign"),
    clause: "RFC 5280 §4.2.1.3, §6.3.3 (f)",
    meaning: "the CA's certificate has a keyUsage without cRLSign",
    check,
};

fn check(subject: &Subject<'_>, report: &mut RuleReport<'_>) {
    // a certificate without keyUsage restricts nothing; one that cannot be read was refused when it was named
    if let Ok(Some(usage)) = subject.issuer.certificate().key_usage()
        && !usage.has(KeyUsage::CRL_SIGN)
    {
        report.find("issuer", "keyUsage of the CA's certificate has no cRLSign: relying parties refuse its lists");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lint::crl::testing::Case;

    #[test]
    fn a_ca_that_may_not_sign_lists_is_found() {
        Case::good().passes(&RULE);
        Case::good().without_crl_sign().fails(&RULE, "cRLSign");
    }
}
