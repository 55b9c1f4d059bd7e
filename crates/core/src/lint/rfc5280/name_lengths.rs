//! Attribute values keep the upper bounds of X.520.

use crate::lint::names::attributes;
use crate::origin::Code;
use crate::x509::oid;

use crate::lint::finding::RuleReport;
use crate::lint::rule::{Applies, Rule, Subject};

pub(super) const RULE: Rule = Rule {
    code: Code::new("rfc5280.name.length").hinted(&super::HINT),
    clause: "RFC 5280 appendix A, upper bounds",
    meaning: "an attribute of the subject is empty or longer than its upper bound",
    applies: Applies::Always,
    check,
};

fn check(subject: &Subject<'_>, report: &mut RuleReport<'_>) {
    for attribute in attributes(subject.tbs.subject).unwrap_or_default() {
        let bound = BOUNDS.iter().find(|(oid, ..)| oid.as_bytes() == attribute.oid);
        let (min, max) = bound.map_or((1, 32_768), |(_, min, max)| (*min, *max));
        // a character begins at every byte that does not continue one
        let length = attribute.value.content.iter().filter(|byte| **byte & 0xC0 != 0x80).count();
        if length < min || length > max {
            let kind =
                oid::ObjectIdentifier::from_bytes(attribute.oid).map_or_else(|_| String::new(), |oid| oid.to_string());
            report.find("subject", format_args!("attribute {kind} has {length} characters, expected {min} to {max}"));
        }
    }
}

const BOUNDS: [(oid::ObjectIdentifier, usize, usize); 12] = [
    (oid::COMMON_NAME, 1, 64),
    (oid::COUNTRY_NAME, 2, 2),
    (oid::LOCALITY_NAME, 1, 128),
    (oid::STATE_OR_PROVINCE_NAME, 1, 128),
    (oid::ORGANIZATION_NAME, 1, 64),
    (oid::ORGANIZATIONAL_UNIT_NAME, 1, 64),
    (oid::SERIAL_NUMBER, 1, 64),
    (oid::TITLE, 1, 64),
    (oid::PSEUDONYM, 1, 128),
    (oid::EMAIL_ADDRESS, 1, 255),
    (oid::MATTER_VENDOR_ID, 4, 4),
    (oid::MATTER_PRODUCT_ID, 4, 4),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lint::testing::Case;
    use crate::x509::tlv::tag;

    #[test]
    fn bounds_count_characters() {
        Case::good().passes(&RULE);
        let long = "é".repeat(64);
        Case::good().subject(&[(oid::COMMON_NAME, tag::UTF8_STRING, long.as_bytes())]).passes(&RULE);
        let longer = "é".repeat(65);
        Case::good().subject(&[(oid::COMMON_NAME, tag::UTF8_STRING, longer.as_bytes())]).fails(&RULE, "65");
        Case::good().subject(&[(oid::COMMON_NAME, tag::UTF8_STRING, b"")]).fails(&RULE, "0 characters");
        Case::good().subject(&[(oid::COUNTRY_NAME, tag::PRINTABLE_STRING, b"FRA")]).fails(&RULE, "3 characters");
    }
}
