//! An empty subject has a critical subjectAltName.

use crate::lint::tbs::TbsExtension;
use crate::origin::Code;
use crate::x509::oid;

use crate::lint::finding::RuleReport;
use crate::lint::rule::{Applies, Rule, Subject};

pub(super) const RULE: Rule = Rule {
    code: Code::new("rfc5280.subject.empty").hinted(&super::HINT),
    clause: "RFC 5280 §4.1.2.6",
    meaning: "the subject is empty and no critical subjectAltName names the device",
    applies: Applies::Always,
    check,
};

fn check(subject: &Subject<'_>, report: &mut RuleReport<'_>) {
    let critical = subject.tbs.extension(oid::SUBJECT_ALT_NAME).is_some_and(TbsExtension::is_critical);
    if subject.tbs.subject_is_empty() && !critical {
        report.find("subject", "subject is empty, and there is no critical subjectAltName");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lint::testing::Case;

    #[test]
    fn somebody_must_be_named() {
        Case::good().passes(&RULE);
        let value = Case::good().template.extensions.pop().unwrap().value;
        Case::good().subject(&[]).fails(&RULE, "empty");
        Case::good().subject(&[]).set(oid::SUBJECT_ALT_NAME, true, &value).passes(&RULE);
        Case::good().subject(&[]).without(oid::SUBJECT_ALT_NAME).fails(&RULE, "empty");
    }
}
