//! subjectAltName, where it is, has the hardwareModuleName.

use crate::cert::Profile;
use crate::lint::finding::RuleReport;
use crate::lint::names::other_names;
use crate::lint::rule::{Applies, Rule, Subject};
use crate::origin::Code;
use crate::x509::oid;

pub(super) const RULE: Rule = Rule {
    code: Code::new("devid.subject-alt-name").hinted(&super::HINT),
    clause: "IEEE 802.1AR-2018 §8.10.4",
    meaning: "subjectAltName is there without a hardwareModuleName",
    applies: Applies::To(Profile::DevId),
    check,
};

fn check(subject: &Subject<'_>, report: &mut RuleReport<'_>) {
    let Some(extension) = subject.tbs.extension(oid::SUBJECT_ALT_NAME) else { return };
    let names = other_names(&extension.members().unwrap_or_default());
    if !names.iter().any(|(kind, _)| *kind == oid::ON_HARDWARE_MODULE_NAME.as_bytes()) {
        report.find_in(oid::SUBJECT_ALT_NAME, "subjectAltName has no hardwareModuleName");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lint::testing::Case;
    use crate::lint::testing::hardware_module_name;

    #[test]
    fn a_uri_alone_is_found() {
        Case::good().fails(&RULE, "hardwareModuleName");
        Case::good().without(oid::SUBJECT_ALT_NAME).passes(&RULE);
        Case::good().set(oid::SUBJECT_ALT_NAME, false, &hardware_module_name()).passes(&RULE);
    }
}
