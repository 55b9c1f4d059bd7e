//! Validity is within the issuer's, unless the policy allows a later end.

use crate::origin::Code;
use crate::x509::Time;
use crate::x509::tlv::Element;

use crate::lint::finding::RuleReport;
use crate::lint::rule::{Applies, Rule, Subject};

pub(super) const RULE: Rule = Rule {
    code: Code::new("rfc5280.validity.outside-issuer").hinted(&super::HINT),
    clause: "RFC 5280 §6.1.3 (a)(2)",
    meaning: "the validity is not within the issuer's own",
    applies: Applies::Always,
    check,
};

fn check(subject: &Subject<'_>, report: &mut RuleReport<'_>) {
    let time = |element: Element<'_>| Time::from_der(element.tag, element.content);
    let issuer = subject.issuer.validity();
    if let (Ok(begin), Ok(end)) = (time(subject.tbs.not_before), time(subject.tbs.not_after)) {
        if !issuer.contains(begin) {
            let (from, to) = (issuer.not_before(), issuer.not_after());
            report
                .find("validity", format_args!("notBefore {begin} lies outside the issuer's validity {from} to {to}"));
        }
        if end > issuer.not_after() && !subject.template.rules.may_outlive_issuer {
            let last = issuer.not_after();
            report.find("validity", format_args!("notAfter {end} lies beyond the issuer's own {last}"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lint::testing::Case;

    #[test]
    fn only_the_policy_lets_a_certificate_outlive_its_issuer() {
        Case::good().passes(&RULE);
        let mut case = Case { not_after: Time::NEVER.to_der(), ..Case::good() };
        case.fails(&RULE, "beyond");
        case.template.rules.may_outlive_issuer = true;
        case.passes(&RULE);
        let early = Time::from_rfc3339("2024-12-31T23:59:59Z").unwrap().to_der();
        Case { not_before: early, ..Case::good() }.fails(&RULE, "outside");
    }
}
