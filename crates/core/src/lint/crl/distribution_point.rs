//! A shard says which certificates it is about, critically and by URLs; a full list does not.

use crate::crl::IssuingDistributionPoint;
use crate::x509::oid;

use crate::lint::finding::RuleReport;
use crate::origin::Code;

use super::{CrlRule, Subject};

pub(super) const RULE: CrlRule = CrlRule {
    code: Code::new("crl.distribution-point"),
    clause: "RFC 5280 §5.2.5",
    meaning: "issuingDistributionPoint is not critical, not of URLs, empty, or not that of the shard",
    check,
};

fn check(subject: &Subject<'_>, report: &mut RuleReport<'_>) {
    const EXTENSION: crate::x509::oid::ObjectIdentifier = oid::ISSUING_DISTRIBUTION_POINT;
    let expected = subject.parameters.distribution_point.as_ref();
    let (extension, expected) = match (subject.list.extension(EXTENSION), expected) {
        (None, None) => return,
        (None, Some(_)) => return report.find_in(EXTENSION, "issuingDistributionPoint of the shard is absent"),
        (Some(_), None) => return report.find_in(EXTENSION, "the full list has an issuingDistributionPoint"),
        (Some(extension), Some(expected)) => (extension, expected),
    };
    if !extension.is_critical() {
        report.find_in(EXTENSION, "issuingDistributionPoint is not critical");
    }
    match IssuingDistributionPoint::from_der(extension.value) {
        Ok(found) if found == *expected => {}
        Ok(_) => report.find_in(EXTENSION, "issuingDistributionPoint is not that of the shard"),
        Err(error) => report.find_in(EXTENSION, error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lint::crl::testing::Case;

    #[test]
    fn a_shard_names_its_urls_and_a_full_list_none() {
        const EXTENSION: crate::x509::oid::ObjectIdentifier = oid::ISSUING_DISTRIBUTION_POINT;
        Case::good().passes(&RULE);
        let full = || {
            let mut case = Case::good();
            case.parameters.distribution_point = None;
            case
        };
        full().without(EXTENSION).passes(&RULE);
        full().fails(&RULE, "the full list has");
        Case::good().without(EXTENSION).fails(&RULE, "absent");
        let value = crate::x509::tlv::element(0x30, &[&[0x81, 1, 0xFF]]);
        Case::good().set(EXTENSION, Some(&[0xFF]), &value).fails(&RULE, "not that of the shard");
        Case::good().set(EXTENSION, Some(&[0xFF]), &[0x30, 0]).fails(&RULE, "has nothing");
        Case::good().uncritical(EXTENSION).fails(&RULE, "not critical");
    }
}
