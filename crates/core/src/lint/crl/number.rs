//! The list has a number, which is that of its round.

use crate::crl::CrlNumber;
use crate::x509::oid;
use crate::x509::tlv::tag;

use crate::lint::finding::RuleReport;
use crate::origin::Code;

use super::{CrlRule, Subject};

pub(super) const RULE: CrlRule = CrlRule {
    code: Code::new("crl.number"),
    clause: "RFC 5280 §5.2.3",
    meaning: "cRLNumber is absent, critical, not an INTEGER of at most 20 bytes, or not the number of the round",
    check,
};

fn check(subject: &Subject<'_>, report: &mut RuleReport<'_>) {
    let Some(extension) = subject.list.extension(oid::CRL_NUMBER) else {
        return report.find_in(oid::CRL_NUMBER, "cRLNumber is absent");
    };
    if extension.critical.is_some() {
        report.find_in(oid::CRL_NUMBER, "cRLNumber is critical");
    }
    let expected = subject.parameters.number;
    match extension.content(tag::INTEGER).and_then(CrlNumber::from_content) {
        None => report.find_in(oid::CRL_NUMBER, "cRLNumber is not a non-negative INTEGER of at most 20 bytes"),
        Some(found) if found.value() == Some(expected) && expected > 0 => {}
        Some(found) => report
            .find_in(oid::CRL_NUMBER, format_args!("cRLNumber is {found}, expected {expected}, the round's, from 1")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lint::crl::testing::Case;

    #[test]
    fn the_number_is_that_of_the_round() {
        Case::good().passes(&RULE);
        Case::good().without(oid::CRL_NUMBER).fails(&RULE, "absent");
        Case::good().set(oid::CRL_NUMBER, Some(&[0xFF]), &[2, 1, 7]).fails(&RULE, "critical");
        Case::good().set(oid::CRL_NUMBER, None, &[2, 1, 8]).fails(&RULE, "is 8, expected 7");
        Case::good().set(oid::CRL_NUMBER, None, &[2, 1, 0x80]).fails(&RULE, "non-negative");
    }
}
