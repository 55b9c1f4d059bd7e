//! certificatePolicies says which kind of device it is.

use crate::cert::Profile;
use crate::lint::finding::RuleReport;
use crate::lint::rule::{Applies, Rule, Subject};
use crate::lint::tbs::members;
use crate::origin::Code;
use crate::x509::oid::{self, ObjectIdentifier};

pub(super) const RULE: Rule = Rule {
    code: Code::new("ieee2030-5.certificate-policies").hinted(&super::HINT),
    clause: "IEEE 2030.5-2018 §6.11",
    meaning: "certificatePolicies is not critical with exactly one kind of device",
    applies: Applies::To(Profile::Ieee2030),
    check,
};

fn check(subject: &Subject<'_>, report: &mut RuleReport<'_>) {
    let Some(extension) = subject.tbs.extension(oid::CERTIFICATE_POLICIES) else {
        report.find("extensions", "certificatePolicies is absent");
        return;
    };
    let policies = extension.members().unwrap_or_default();
    let ids = policies.iter().filter_map(|policy| Some(members(policy.content)?.first()?.content));
    let kinds = ids.filter(|id| DEVICE_KINDS.iter().any(|kind| kind.as_bytes() == *id)).count();
    if !extension.is_critical() || kinds != 1 {
        let found = "certificatePolicies is not critical with one of 1.3.6.1.4.1.40732.1.1, .1.2, .1.3";
        report.find_in(oid::CERTIFICATE_POLICIES, found);
    }
}

/// Generic, mobile and post-manufacture devices.
const DEVICE_KINDS: [ObjectIdentifier; 3] =
    [oid::SEP2_DEV_GENERIC, oid::SEP2_DEV_MOBILE, oid::SEP2_DEV_POST_MANUFACTURE];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lint::testing::Case;

    use crate::x509::tlv::{element, tag};

    fn policies(ids: &[ObjectIdentifier]) -> Vec<u8> {
        let one = |id: &ObjectIdentifier| element(tag::SEQUENCE, &[&element(tag::OBJECT_IDENTIFIER, &[id.as_bytes()])]);
        element(tag::SEQUENCE, &[&ids.iter().map(one).collect::<Vec<_>>().concat()])
    }

    #[test]
    fn one_kind_of_device() {
        Case::good().fails(&RULE, "absent");
        let test = ObjectIdentifier::new_unwrap("1.3.6.1.4.1.40732.2.1");
        let one = policies(&[DEVICE_KINDS[0], test]);
        Case::good().set(oid::CERTIFICATE_POLICIES, true, &one).passes(&RULE);
        Case::good().set(oid::CERTIFICATE_POLICIES, false, &one).fails(&RULE, "critical");
        Case::good().set(oid::CERTIFICATE_POLICIES, true, &policies(&[test])).fails(&RULE, "one of");
        Case::good().set(oid::CERTIFICATE_POLICIES, true, &policies(&DEVICE_KINDS)).fails(&RULE, "one of");
    }
}
