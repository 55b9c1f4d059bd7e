//! The subject is empty; the device is named by its hardwareModuleName alone.

use crate::cert::Profile;
use crate::lint::finding::RuleReport;
use crate::lint::names::other_names;
use crate::lint::rule::{Applies, Rule, Subject};
use crate::origin::Code;
use crate::x509::oid;

pub(super) const RULE: Rule = Rule {
    code: Code::new("ieee2030-5.names").hinted(&super::HINT),
    clause: "IEEE 2030.5-2018 §6.11",
    meaning: "the subject is not empty, or subjectAltName is not one critical hardwareModuleName",
    applies: Applies::To(Profile::Ieee2030),
    check,
};

fn check(subject: &Subject<'_>, report: &mut RuleReport<'_>) {
    if !subject.tbs.subject_is_empty() {
        report.find("subject", "subject is not empty");
    }
    let Some(extension) = subject.tbs.extension(oid::SUBJECT_ALT_NAME) else {
        report.find("extensions", "subjectAltName is absent");
        return;
    };
    let names = extension.members().unwrap_or_default();
    let hardware =
        matches!(other_names(&names).as_slice(), [(kind, _)] if *kind == oid::ON_HARDWARE_MODULE_NAME.as_bytes());
    if !extension.is_critical() || names.len() != 1 || !hardware {
        report.find_in(oid::SUBJECT_ALT_NAME, "subjectAltName is not critical with one hardwareModuleName alone");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lint::testing::Case;
    use crate::lint::testing::hardware_module_name;

    #[test]
    fn one_name_and_no_more() {
        let value = hardware_module_name();
        Case::good().subject(&[]).set(oid::SUBJECT_ALT_NAME, true, &value).passes(&RULE);
        Case::good().subject(&[]).set(oid::SUBJECT_ALT_NAME, false, &value).fails(&RULE, "critical");
        Case::good().set(oid::SUBJECT_ALT_NAME, true, &value).fails(&RULE, "not empty");
        Case::good().subject(&[]).without(oid::SUBJECT_ALT_NAME).fails(&RULE, "absent");
        Case::good().subject(&[]).set(oid::SUBJECT_ALT_NAME, true, &[0x30, 3, 0x86, 1, 65]).fails(&RULE, "alone");
    }
}
