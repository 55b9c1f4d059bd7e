//! The certificate has at most 600 bytes.

use crate::cert::Profile;
use crate::lint::finding::RuleReport;
use crate::lint::rule::{Applies, Rule, Subject};
use crate::origin::Code;

pub(super) const RULE: Rule = Rule {
    code: Code::new("matter-dac.size").hinted(&super::HINT),
    clause: "Matter core specification §6.1.3",
    meaning: "the certificate can have more than 600 bytes",
    applies: Applies::To(Profile::MatterDac),
    check,
};

fn check(subject: &Subject<'_>, report: &mut RuleReport<'_>) {
    // algorithm of 12 bytes, ECDSA signature of at most 72 in a BIT STRING, header of 4
    let size = subject.tbs.der.len() + 12 + 75 + 4;
    if size > 600 {
        report.find("tbsCertificate", format_args!("certificate can have {size} octets, expected at most 600"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lint::testing::Case;
    use crate::x509::oid;

    #[test]
    fn six_hundred_bytes_are_the_most() {
        Case::good().passes(&RULE);
        Case::good().set(oid::RELATED_CERTIFICATE, false, &[0; 250]).fails(&RULE, "600");
    }
}
