//! The signature algorithm is one that the issuer's key makes.

use crate::origin::Code;

use crate::lint::finding::RuleReport;
use crate::lint::rule::{Applies, Rule, Subject};
use crate::lint::shared::is_one_of_the_issuers_key;

pub(super) const RULE: Rule = Rule {
    code: Code::new("rfc5280.signature.issuer-key").hinted(&super::HINT),
    clause: "RFC 5280 §4.1.1.2",
    meaning: "the signature algorithm is unknown, SHA-1 or not one of the issuer's key",
    applies: Applies::Always,
    check,
};

fn check(subject: &Subject<'_>, report: &mut RuleReport<'_>) {
    is_one_of_the_issuers_key(subject.tbs.signature, subject.issuer.spki().algorithm(), report);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lint::testing::Case;
    use crate::x509::SignatureAlgorithm;

    #[test]
    fn the_algorithm_fits_the_issuer() {
        Case::good().passes(&RULE);
        for (algorithm, part) in [(SignatureAlgorithm::Ed25519, "P-256"), (SignatureAlgorithm::EcdsaSha1, "SHA-1")] {
            Case { signature: algorithm.identifier(), ..Case::good() }.fails(&RULE, part);
        }
        let mut with_null = SignatureAlgorithm::EcdsaSha256.identifier();
        with_null.extend([5, 0]);
        with_null[1] += 2;
        Case { signature: with_null, ..Case::good() }.fails(&RULE, "parameters");
    }
}
