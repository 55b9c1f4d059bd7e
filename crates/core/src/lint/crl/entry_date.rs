//! Every entry says when, in the form that the year has.

use crate::x509::Time;

use crate::lint::finding::RuleReport;
use crate::origin::Code;

use super::{CrlRule, Subject};

pub(super) const RULE: CrlRule = CrlRule {
    code: Code::new("crl.entry.date"),
    clause: "RFC 5280 §5.1.2.6, §5.1.2.4",
    meaning: "a revocationDate is not in the form that its year has",
    check,
};

fn check(subject: &Subject<'_>, report: &mut RuleReport<'_>) {
    let fault = |entry: super::list::Entry<'_>| {
        let error = Time::from_der(entry.date.tag, entry.date.content).err()?;
        Some((entry.path(), error))
    };
    if let Some((path, error)) = subject.list.entries().find_map(fault) {
        report.find(path, error);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lint::crl::testing::Case;

    #[test]
    fn a_date_has_one_form() {
        Case::good().passes(&RULE);
        let entry = [&[0x30, 20, 2, 1, 99, 0x18, 15][..], b"20260301000000Z"].concat();
        Case { entries: Some(vec![entry]), ..Case::good() }.fails(&RULE, "2026");
    }
}
