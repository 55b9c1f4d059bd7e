//! Vendor and product are named, and agree with the issuing PAI.

use crate::cert::Profile;
use crate::lint::finding::RuleReport;
use crate::lint::names::values;
use crate::lint::rule::{Applies, Rule, Subject};
use crate::origin::Code;
use crate::x509::oid;

pub(super) const RULE: Rule = Rule {
    code: Code::new("matter-dac.vendor-product").hinted(&super::HINT),
    clause: "Matter core specification §6.2.2",
    meaning: "vendor or product id is missing, malformed, said twice, or not that of the issuing PAI",
    applies: Applies::To(Profile::MatterDac),
    check,
};

fn check(subject: &Subject<'_>, report: &mut RuleReport<'_>) {
    let ids = |name| (one(name, oid::MATTER_VENDOR_ID, b"Mvid:"), one(name, oid::MATTER_PRODUCT_ID, b"Mpid:"));
    let (vendor, product) = ids(subject.tbs.subject);
    let (issuing_vendor, issuing_product) = ids(subject.tbs.issuer);
    match (vendor, product) {
        (Id::Value(vendor), Id::Value(product)) => {
            if issuing_vendor != Id::Value(vendor) {
                report.find("subject", "vendor id is not that of the issuing PAI");
            }
            if issuing_product != Id::Absent && issuing_product != Id::Value(product) {
                report.find("subject", "product id is not that of the issuing PAI");
            }
        }
        _ => report
            .find("subject", "subject has not one vendor id and one product id of 4 upper-case hexadecimal digits"),
    }
}

/// What a name says of an id: in an attribute of its own, or inside a common name, not both ways.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Id<'a> {
    Absent,
    Broken,
    Value(&'a [u8]),
}

fn one<'a>(name: &'a [u8], kind: oid::ObjectIdentifier, mark: &[u8]) -> Id<'a> {
    let mut found: Vec<&[u8]> = values(name, kind).into_iter().map(|value| value.content).collect();
    for common in values(name, oid::COMMON_NAME) {
        let text = common.content;
        let places = (0..text.len()).filter(|at| text[*at..].starts_with(mark));
        found.extend(places.map(|at| text.get(at + mark.len()..at + mark.len() + 4).unwrap_or_default()));
    }
    match found.as_slice() {
        [] => Id::Absent,
        [id] if id.len() == 4 && id.iter().all(|digit| matches!(digit, b'0'..=b'9' | b'A'..=b'F')) => Id::Value(id),
        _ => Id::Broken,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lint::testing::Case;

    use crate::lint::testing::{CaSpec, name};

    fn case(subject: &[(oid::ObjectIdentifier, u8, &[u8])], issuer: &[(oid::ObjectIdentifier, u8, &[u8])]) -> Case {
        let issuer_name = name(issuer);
        let issuer = CaSpec { subject: issuer_name.clone(), ..CaSpec::default() }.issuer();
        Case { issuer, issuer_name, ..Case::good() }.subject(subject)
    }

    #[test]
    fn the_pai_decides_the_vendor() {
        let vendor = |id: &'static [u8]| (oid::MATTER_VENDOR_ID, 0x0C, id);
        let product = |id: &'static [u8]| (oid::MATTER_PRODUCT_ID, 0x0C, id);
        let common = |text: &'static [u8]| (oid::COMMON_NAME, 0x0C, text);
        let good = [common(b"DAC"), vendor(b"FFF1"), product(b"8000")];
        case(&good, &[vendor(b"FFF1")]).passes(&RULE);
        case(&good, &[vendor(b"FFF1"), product(b"8000")]).passes(&RULE);
        case(&good, &[common(b"PAI Mvid:FFF1")]).passes(&RULE);
        case(&[common(b"DAC Mvid:FFF1 Mpid:8000")], &[vendor(b"FFF1")]).passes(&RULE);
        case(&good, &[vendor(b"FFF2")]).fails(&RULE, "vendor id is not");
        case(&good, &[common(b"PAI")]).fails(&RULE, "vendor id is not");
        case(&good, &[vendor(b"FFF1"), product(b"8001")]).fails(&RULE, "product id is not");
        case(&[vendor(b"FFF1")], &[vendor(b"FFF1")]).fails(&RULE, "one product id");
        case(&[vendor(b"fff1"), product(b"8000")], &[vendor(b"FFF1")]).fails(&RULE, "upper-case");
        case(&[common(b"Mvid:FFF1"), vendor(b"FFF1"), product(b"8000")], &[vendor(b"FFF1")]).fails(&RULE, "one vendor");
    }
}
