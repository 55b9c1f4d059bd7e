//! Times are UTCTime to 2049 and GeneralizedTime after.

use crate::x509::Time;

use crate::lint::finding::RuleReport;
use crate::origin::Code;

use super::{CrlRule, Subject};

pub(super) const RULE: CrlRule = CrlRule {
    code: Code::new("crl.time.encoding"),
    clause: "RFC 5280 §5.1.2.4, §5.1.2.5",
    meaning: "thisUpdate or nextUpdate is not in the form that its year has",
    check,
};

fn check(subject: &Subject<'_>, report: &mut RuleReport<'_>) {
    let list = subject.list;
    for (field, element) in [("thisUpdate", Some(list.this_update)), ("nextUpdate", list.next_update)] {
        if let Some(element) = element
            && let Err(error) = Time::from_der(element.tag, element.content)
        {
            report.find(field, error);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lint::crl::testing::Case;

    #[test]
    fn a_year_has_one_form() {
        Case::good().passes(&RULE);
        let early = [&[0x18, 15][..], b"20260301000000Z"].concat();
        Case { this_update: early.clone(), ..Case::good() }.fails(&RULE, "2026");
        Case { next_update: early, ..Case::good() }.fails(&RULE, "2026");
        Case { this_update: vec![0x17, 0], ..Case::good() }.fails(&RULE, "form");
    }
}
