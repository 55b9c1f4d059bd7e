//! authorityInfoAccess, subjectInfoAccess, freshestCRL and subjectDirectoryAttributes are not critical.

use crate::origin::Code;
use crate::x509::oid;

use crate::lint::finding::RuleReport;
use crate::lint::rule::{Applies, Rule, Subject};

pub(super) const RULE: Rule = Rule {
    code: Code::new("rfc5280.extension.critical").hinted(&super::HINT),
    clause: "RFC 5280 §4.2.1.8, §4.2.1.15, §4.2.2.1, §4.2.2.2",
    meaning: "an extension is critical that must not be",
    applies: Applies::Always,
    check,
};

fn check(subject: &Subject<'_>, report: &mut RuleReport<'_>) {
    for oid in NEVER {
        if subject.tbs.extension(oid).is_some_and(|extension| extension.critical.is_some()) {
            report.find_in(oid, format_args!("extension {oid} is critical"));
        }
    }
}

const NEVER: [oid::ObjectIdentifier; 4] =
    [oid::AUTHORITY_INFO_ACCESS, oid::SUBJECT_INFO_ACCESS, oid::FRESHEST_CRL, oid::SUBJECT_DIRECTORY_ATTRIBUTES];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lint::testing::Case;

    #[test]
    fn information_access_is_never_critical() {
        Case::good().passes(&RULE);
        Case::good().set(oid::AUTHORITY_INFO_ACCESS, false, &[0x30, 0]).passes(&RULE);
        Case::good().set(oid::AUTHORITY_INFO_ACCESS, true, &[0x30, 0]).fails(&RULE, "critical");
    }
}
