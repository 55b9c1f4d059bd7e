//! The issuer's name has only attributes that the library compares.

use der::asn1::ObjectIdentifier;

use crate::lint::names::attributes;
use crate::origin::Code;

use crate::lint::finding::RuleReport;
use crate::lint::rule::{Applies, Rule, Subject};

pub(super) const RULE: Rule = Rule {
    code: Code::new("stselib.issuer.name").hinted(&super::HINT),
    clause: "STSELib v1.1.9, by experiment",
    meaning: "the issuer's name has an attribute that the library does not compare",
    applies: Applies::Stselib,
    check,
};

fn check(subject: &Subject<'_>, report: &mut RuleReport<'_>) {
    for attribute in attributes(subject.tbs.issuer).unwrap_or_default() {
        // id-at (2.5.4) and the number of an attribute
        if !matches!(attribute.oid, [0x55, 4, 3 | 5 | 6 | 7 | 8 | 10 | 11 | 45 | 49]) {
            let oid = ObjectIdentifier::from_bytes(attribute.oid).map_or_else(|_| String::new(), |oid| oid.to_string());
            report.find("issuer", format_args!("the library does not compare attribute {oid} of the issuer's name"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lint::testing::Case;

    use crate::lint::testing::{CaSpec, name};
    use crate::x509::oid;

    #[test]
    fn a_vendor_id_in_the_cas_name_is_found() {
        Case::good().passes(&RULE);
        let subject = name(&[(oid::MATTER_VENDOR_ID, 0x0C, b"FFF1"), (oid::COMMON_NAME, 0x0C, b"PAI")]);
        let issuer = CaSpec { subject: subject.clone(), ..CaSpec::default() }.issuer();
        Case { issuer, issuer_name: subject, ..Case::good() }.fails(&RULE, "37244.2.1");
    }
}
