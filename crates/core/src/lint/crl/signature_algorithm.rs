//! The signature algorithm is one that the issuer's key makes.

use crate::lint::finding::RuleReport;
use crate::lint::shared::is_one_of_the_issuers_key;
use crate::origin::Code;

use super::{CrlRule, Subject};

pub(super) const RULE: CrlRule = CrlRule {
    code: Code::new("crl.signature"),
    clause: "RFC 5280 §5.1.1.2",
    meaning: "the signature algorithm is unknown, SHA-1 or not one of the issuer's key",
    check,
};

fn check(subject: &Subject<'_>, report: &mut RuleReport<'_>) {
    is_one_of_the_issuers_key(subject.list.signature, subject.issuer.spki().algorithm(), report);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lint::crl::testing::Case;
    use crate::x509::SignatureAlgorithm;

    #[test]
    fn the_algorithm_fits_the_issuer() {
        Case::good().passes(&RULE);
        for (algorithm, part) in [(SignatureAlgorithm::Ed25519, "P-256"), (SignatureAlgorithm::EcdsaSha1, "SHA-1")] {
            Case { signature: algorithm.identifier(), ..Case::good() }.fails(&RULE, part);
        }
        Case { signature: vec![0x30, 0], ..Case::good() }.fails(&RULE, "truncated");
    }
}
