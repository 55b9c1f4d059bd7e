//! The certificate never ends.

use crate::cert::Profile;
use crate::lint::finding::RuleReport;
use crate::lint::rule::{Applies, Rule, Subject};
use crate::origin::Code;
use crate::x509::Time;

pub(super) const RULE: Rule = Rule {
    code: Code::new("ieee2030-5.validity").hinted(&super::HINT),
    clause: "IEEE 2030.5-2018 §6.11",
    meaning: "notAfter is not 99991231235959Z",
    applies: Applies::To(Profile::Ieee2030),
    check,
};

fn check(subject: &Subject<'_>, report: &mut RuleReport<'_>) {
    let end = subject.tbs.not_after;
    if Time::from_der(end.tag, end.content) != Ok(Time::NEVER) {
        report.find("validity", "notAfter is not 99991231235959Z");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lint::testing::Case;

    #[test]
    fn an_end_is_found() {
        Case::good().fails(&RULE, "9999");
        Case { not_after: Time::NEVER.to_der(), ..Case::good() }.passes(&RULE);
    }
}
