//! certificatePolicies lists at least one policy, each once.

use crate::lint::tbs::members;
use crate::origin::Code;
use crate::x509::oid;

use crate::lint::finding::RuleReport;
use crate::lint::rule::{Applies, Rule, Subject};

pub(super) const RULE: Rule = Rule {
    code: Code::new("rfc5280.certificate-policies").hinted(&super::HINT),
    clause: "RFC 5280 §4.2.1.4",
    meaning: "certificatePolicies is empty, broken or repeats a policy",
    applies: Applies::Always,
    check,
};

fn check(subject: &Subject<'_>, report: &mut RuleReport<'_>) {
    let Some(extension) = subject.tbs.extension(oid::CERTIFICATE_POLICIES) else { return };
    let policies = extension.members().unwrap_or_default();
    let ids: Vec<Option<&[u8]>> = policies.iter().map(|policy| Some(members(policy.content)?.first()?.raw)).collect();
    if ids.is_empty() || ids.contains(&None) {
        report.find_in(oid::CERTIFICATE_POLICIES, "certificatePolicies is not a non-empty list of policies");
    }
    if ids.iter().enumerate().any(|(at, id)| ids[..at].contains(id)) {
        report.find_in(oid::CERTIFICATE_POLICIES, "certificatePolicies names a policy twice");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lint::testing::Case;

    #[test]
    fn a_policy_is_named_once() {
        Case::good().passes(&RULE);
        Case::good().set(oid::CERTIFICATE_POLICIES, false, &[0x30, 5, 0x30, 3, 6, 1, 42]).passes(&RULE);
        Case::good().set(oid::CERTIFICATE_POLICIES, false, &[0x30, 0]).fails(&RULE, "non-empty");
        let twice = [0x30, 10, 0x30, 3, 6, 1, 42, 0x30, 3, 6, 1, 42];
        Case::good().set(oid::CERTIFICATE_POLICIES, false, &twice).fails(&RULE, "twice");
    }
}
