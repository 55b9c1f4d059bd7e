//! The encoded times are those decided.

use crate::lint::finding::RuleReport;
use crate::origin::Code;

use super::{CrlRule, Subject};

pub(super) const RULE: CrlRule = CrlRule {
    code: Code::new("crl.field.differs"),
    clause: "design: nothing is signed that was not decided",
    meaning: "thisUpdate or nextUpdate is not the one decided",
    check,
};

fn check(subject: &Subject<'_>, report: &mut RuleReport<'_>) {
    let (list, decided) = (subject.list, subject.parameters);
    if list.this_update.raw != decided.this_update.to_der() {
        report.find("thisUpdate", format_args!("thisUpdate is not {}", decided.this_update));
    }
    if list.next_update.is_some_and(|next| next.raw != decided.next_update.to_der()) {
        report.find("nextUpdate", format_args!("nextUpdate is not {}", decided.next_update));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lint::crl::testing::Case;

    #[test]
    fn times_are_those_decided() {
        Case::good().passes(&RULE);
        let other = crate::x509::Time::from_rfc3339("2026-03-02T00:00:00Z").unwrap().to_der();
        Case { this_update: other.clone(), ..Case::good() }.fails(&RULE, "thisUpdate is not");
        Case { next_update: other, ..Case::good() }.fails(&RULE, "nextUpdate is not");
    }
}
