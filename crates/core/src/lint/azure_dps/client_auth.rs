//! The device may authenticate as a TLS client.

use crate::cert::Profile;
use crate::lint::finding::RuleReport;
use crate::lint::rule::{Applies, Rule, Subject};
use crate::origin::Code;
use crate::x509::oid;

pub(super) const RULE: Rule = Rule {
    code: Code::new("azure-dps.client-auth").hinted(&super::HINT),
    clause: "Azure IoT Hub, X.509 certificate authentication",
    meaning: "extKeyUsage is there without clientAuth",
    applies: Applies::To(Profile::AzureDps),
    check,
};

fn check(subject: &Subject<'_>, report: &mut RuleReport<'_>) {
    let Some(extension) = subject.tbs.extension(oid::EXTENDED_KEY_USAGE) else { return };
    let purposes = extension.members().unwrap_or_default();
    if !purposes.iter().any(|purpose| purpose.content == oid::KP_CLIENT_AUTH.as_bytes()) {
        report.find_in(oid::EXTENDED_KEY_USAGE, "extKeyUsage lacks clientAuth");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lint::testing::Case;

    #[test]
    fn a_server_only_certificate_is_found() {
        Case::good().passes(&RULE);
        Case::good().without(oid::EXTENDED_KEY_USAGE).passes(&RULE);
        Case::good().set(oid::EXTENDED_KEY_USAGE, false, &[0x30, 3, 6, 1, 42]).fails(&RULE, "clientAuth");
    }
}
