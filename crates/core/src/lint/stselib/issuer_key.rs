//! The issuer's key is one whose signatures the library checks.

use crate::origin::Code;

use crate::lint::finding::RuleReport;
use crate::lint::rule::{Applies, Rule, Subject};

pub(super) const RULE: Rule = Rule {
    code: Code::new("stselib.issuer.key").hinted(&super::HINT),
    clause: "STSELib v1.1.9, by experiment",
    meaning: "the issuer's key is not P-256, P-384, P-521 or Brainpool",
    applies: Applies::Stselib,
    check,
};

fn check(subject: &Subject<'_>, report: &mut RuleReport<'_>) {
    let key = subject.issuer.spki().algorithm();
    if key.field_bytes().is_none() {
        report.find("signature", format_args!("the library checks no signatures of {key} keys"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lint::testing::Case;

    use crate::lint::testing::CaSpec;
    use crate::x509::KeyAlgorithm;

    #[test]
    fn rsa_issuers_are_found() {
        Case::good().passes(&RULE);
        let issuer = CaSpec { key: KeyAlgorithm::Rsa { bits: 2048 }, ..CaSpec::default() }.issuer();
        Case { issuer, ..Case::good() }.fails(&RULE, "RSA-2048");
    }
}
