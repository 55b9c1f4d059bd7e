//! Key and signature are P-256 with SHA-256.

use crate::cert::Profile;
use crate::lint::finding::RuleReport;
use crate::lint::rule::{Applies, Rule, Subject};
use crate::origin::Code;
use crate::x509::{KeyAlgorithm, SignatureAlgorithm};

pub(super) const RULE: Rule = Rule {
    code: Code::new("ieee2030-5.algorithms"),
    clause: "IEEE 2030.5-2018 §6.11",
    meaning: "key or signature is not ECDSA with P-256 and SHA-256",
    applies: Applies::To(Profile::Ieee2030),
    check,
};

fn check(subject: &Subject<'_>, report: &mut RuleReport<'_>) {
    if subject.template.spki.algorithm() != KeyAlgorithm::P256 {
        report.find("subjectPublicKeyInfo", "key is not P-256");
    }
    if subject.tbs.signature != SignatureAlgorithm::EcdsaSha256.identifier() {
        report.find("signature", "signature algorithm is not ecdsa-with-SHA256");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lint::testing::Case;

    #[test]
    fn other_curves_are_found() {
        Case::good().passes(&RULE);
        Case::good().key(KeyAlgorithm::P384).fails(&RULE, "key");
        Case { signature: SignatureAlgorithm::EcdsaSha384.identifier(), ..Case::good() }.fails(&RULE, "SHA256");
    }
}
