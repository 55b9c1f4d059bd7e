//! Signatures that AWS IoT accepts.

use crate::cert::Profile;
use crate::lint::finding::RuleReport;
use crate::lint::rule::{Applies, Rule, Subject};
use crate::origin::Code;
use crate::x509::SignatureAlgorithm;

pub(super) const RULE: Rule = Rule {
    code: Code::new("aws-iot.signature").hinted(&super::HINT),
    clause: "AWS IoT developer guide, X.509 client certificates",
    meaning: "the signature algorithm is not one that AWS IoT accepts",
    applies: Applies::To(Profile::AwsIot),
    check,
};

fn check(subject: &Subject<'_>, report: &mut RuleReport<'_>) {
    let algorithm = SignatureAlgorithm::from_identifier(subject.tbs.signature);
    let accepted = [
        SignatureAlgorithm::EcdsaSha256,
        SignatureAlgorithm::EcdsaSha384,
        SignatureAlgorithm::EcdsaSha512,
        SignatureAlgorithm::RsaPkcs1Sha256,
        SignatureAlgorithm::RsaPkcs1Sha384,
        SignatureAlgorithm::RsaPkcs1Sha512,
    ];
    if !algorithm.is_ok_and(|algorithm| accepted.contains(&algorithm)) {
        report.find("signature", "AWS IoT accepts ECDSA and RSA PKCS #1 v1.5 with SHA-256, SHA-384 or SHA-512 only");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lint::testing::Case;

    #[test]
    fn pss_and_ed25519_are_found() {
        Case::good().passes(&RULE);
        for algorithm in [SignatureAlgorithm::RsaPssSha256, SignatureAlgorithm::Ed25519] {
            Case { signature: algorithm.identifier(), ..Case::good() }.fails(&RULE, "PKCS #1");
        }
    }
}
