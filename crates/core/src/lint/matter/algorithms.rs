//! Key and signature are P-256 with SHA-256.

use crate::cert::Profile;
use crate::lint::finding::RuleReport;
use crate::lint::rule::{Rule, Subject};
use crate::lint::shared::{is_p256_with_sha256, p256_with_sha256};
use crate::origin::Code;
use crate::x509::KeyAlgorithm;

pub(super) const RULE: Rule = Rule {
    check,
    ..p256_with_sha256(
        Code::new("matter-dac.algorithms").hinted(&super::HINT),
        "Matter core specification §6.2.2",
        Profile::MatterDac,
    )
};

fn check(subject: &Subject<'_>, report: &mut RuleReport<'_>) {
    is_p256_with_sha256(subject, report);
    if subject.issuer.spki().algorithm() != KeyAlgorithm::P256 {
        report.find("signature", "the issuer's key is not P-256");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lint::testing::{CaSpec, Case};
    use crate::x509::SignatureAlgorithm;

    #[test]
    fn other_curves_are_found() {
        Case::good().passes(&RULE);
        Case::good().key(KeyAlgorithm::P384).fails(&RULE, "key");
        Case { signature: SignatureAlgorithm::EcdsaSha384.identifier(), ..Case::good() }.fails(&RULE, "SHA256");
        let issuer = CaSpec { key: KeyAlgorithm::P384, ..CaSpec::default() }.issuer();
        Case { issuer, ..Case::good() }.fails(&RULE, "issuer");
    }
}
