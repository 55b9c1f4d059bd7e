//! Keys that AWS IoT accepts.

use crate::cert::Profile;
use crate::lint::finding::RuleReport;
use crate::lint::rule::{Applies, Rule, Subject};
use crate::origin::Code;
use crate::x509::KeyAlgorithm;

pub(super) const RULE: Rule = Rule {
    code: Code::new("aws-iot.key").hinted(&super::HINT),
    clause: "AWS IoT developer guide, X.509 client certificates",
    meaning: "the subject's key is not one that AWS IoT accepts",
    applies: Applies::To(Profile::AwsIot),
    check,
};

fn check(subject: &Subject<'_>, report: &mut RuleReport<'_>) {
    let key = subject.template.spki.algorithm();
    if !matches!(key, KeyAlgorithm::P256 | KeyAlgorithm::P384 | KeyAlgorithm::P521 | KeyAlgorithm::Rsa { bits: 2048.. })
    {
        report.find("subjectPublicKeyInfo", format_args!("AWS IoT accepts no {key} keys"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lint::testing::Case;

    #[test]
    fn brainpool_and_ed25519_are_found() {
        Case::good().passes(&RULE);
        Case::good().key(KeyAlgorithm::P521).passes(&RULE);
        for key in [KeyAlgorithm::Ed25519, KeyAlgorithm::BrainpoolP256r1] {
            Case::good().key(key).fails(&RULE, &key.to_string());
        }
    }
}
