//! No extension appears twice, none is an empty list.

use crate::origin::Code;

use crate::lint::finding::RuleReport;
use crate::lint::rule::{Applies, Rule, Subject};

pub(super) const RULE: Rule = Rule {
    code: Code::new("rfc5280.extension.duplicate").hinted(&super::HINT),
    clause: "RFC 5280 §4.2",
    meaning: "an extension appears twice, or the list of extensions is empty",
    applies: Applies::Always,
    check,
};

fn check(subject: &Subject<'_>, report: &mut RuleReport<'_>) {
    let list = &subject.tbs.extensions;
    if subject.tbs.has_extensions && list.is_empty() {
        report.find("extensions", "extensions are present but empty");
    }
    for (at, extension) in list.iter().enumerate() {
        if list[..at].iter().any(|other| other.oid == extension.oid) {
            let oid = extension.identifier().map_or_else(String::new, |oid| oid.to_string());
            report.find("extensions", format_args!("extension {oid} appears more than once"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lint::testing::Case;

    #[test]
    fn a_second_key_usage_is_found() {
        Case::good().passes(&RULE);
        let mut case = Case::good();
        case.extensions.push(case.extensions[1].clone());
        case.fails(&RULE, "2.5.29.15");
        Case { extensions: vec![], ..Case::good() }.fails(&RULE, "empty");
        Case { extensions: vec![], with_extensions: false, ..Case::good() }.passes(&RULE);
    }
}
