//! Validity does not end before it begins.

use crate::origin::Code;
use crate::x509::Time;
use crate::x509::tlv::Element;

use crate::lint::finding::RuleReport;
use crate::lint::rule::{Applies, Rule, Subject};

pub(super) const RULE: Rule = Rule {
    code: Code::new("rfc5280.validity.negative").hinted(&super::HINT),
    clause: "RFC 5280 §4.1.2.5",
    meaning: "notAfter is before notBefore",
    applies: Applies::Always,
    check,
};

fn check(subject: &Subject<'_>, report: &mut RuleReport<'_>) {
    let time = |element: Element<'_>| Time::from_der(element.tag, element.content);
    if let (Ok(begin), Ok(end)) = (time(subject.tbs.not_before), time(subject.tbs.not_after))
        && end < begin
    {
        report.find("validity", format_args!("notAfter {end} lies before notBefore {begin}"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lint::testing::Case;

    #[test]
    fn an_end_before_the_beginning_is_found() {
        Case::good().passes(&RULE);
        let case = Case::good();
        Case { not_before: case.not_after, not_after: case.not_before, ..Case::good() }.fails(&RULE, "before");
    }
}
