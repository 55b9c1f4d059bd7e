//! No extension that only CA certificates have.

use crate::origin::Code;
use crate::x509::oid;

use crate::lint::finding::RuleReport;
use crate::lint::rule::{Applies, Rule, Subject};

pub(super) const RULE: Rule = Rule {
    code: Code::new("rfc5280.extension.ca-only").hinted(&super::HINT),
    clause: "RFC 5280 §4.2.1.5, §4.2.1.10, §4.2.1.11, §4.2.1.14",
    meaning: "an extension is there that only CA certificates have",
    applies: Applies::Always,
    check,
};

fn check(subject: &Subject<'_>, report: &mut RuleReport<'_>) {
    for oid in [oid::NAME_CONSTRAINTS, oid::POLICY_CONSTRAINTS, oid::POLICY_MAPPINGS, oid::INHIBIT_ANY_POLICY] {
        if subject.tbs.extension(oid).is_some() {
            report.find_in(oid, format_args!("extension {oid} is for CA certificates only"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lint::testing::Case;

    #[test]
    fn name_constraints_are_a_cas() {
        Case::good().passes(&RULE);
        Case::good().set(oid::NAME_CONSTRAINTS, true, &[0x30, 0]).fails(&RULE, "2.5.29.30");
    }
}
