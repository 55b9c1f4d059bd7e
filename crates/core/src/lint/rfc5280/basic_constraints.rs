//! basicConstraints says that the subject is not a CA.

use crate::origin::Code;
use crate::x509::oid;
use crate::x509::tlv::tag;

use crate::lint::finding::RuleReport;
use crate::lint::rule::{Applies, Rule, Subject};

pub(super) const RULE: Rule = Rule {
    code: Code::new("rfc5280.basic-constraints.ca").hinted(&super::HINT),
    clause: "RFC 5280 §4.2.1.9",
    meaning: "basicConstraints is not the empty SEQUENCE, which says cA FALSE",
    applies: Applies::Always,
    check,
};

fn check(subject: &Subject<'_>, report: &mut RuleReport<'_>) {
    let Some(extension) = subject.tbs.extension(oid::BASIC_CONSTRAINTS) else { return };
    // cA TRUE, an explicit FALSE (X.690 §11.5) and a path length without cA: all are something else
    if extension.value != [tag::SEQUENCE, 0] {
        report.find_in(oid::BASIC_CONSTRAINTS, "basicConstraints of a device is not the empty SEQUENCE (cA FALSE)");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lint::testing::Case;

    #[test]
    fn a_device_is_never_a_ca() {
        Case::good().passes(&RULE);
        for value in [&[0x30, 3, 1, 1, 0xFF][..], &[0x30, 3, 1, 1, 0], &[0x30, 3, 2, 1, 0], &[0x30, 0, 0]] {
            Case::good().set(oid::BASIC_CONSTRAINTS, true, value).fails(&RULE, "empty SEQUENCE");
        }
    }
}
