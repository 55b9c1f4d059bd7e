//! `critical` is TRUE as FF or absent.

use crate::origin::Code;

use crate::lint::finding::RuleReport;
use crate::lint::rule::{Applies, Rule, Subject};

pub(super) const RULE: Rule = Rule {
    code: Code::new("rfc5280.extension.critical-encoding").hinted(&super::HINT),
    clause: "X.690 §11.1, §11.5",
    meaning: "the critical field of an extension is not DER",
    applies: Applies::Always,
    check,
};

fn check(subject: &Subject<'_>, report: &mut RuleReport<'_>) {
    for extension in &subject.tbs.extensions {
        if extension.critical.is_some_and(|content| content != [0xFF]) {
            let oid = extension.identifier().map_or_else(String::new, |oid| oid.to_string());
            report.find("extensions", format_args!("critical of extension {oid} is neither absent nor TRUE (FF)"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lint::testing::Case;
    use crate::lint::testing::extension;
    use crate::x509::oid;

    #[test]
    fn an_explicit_false_is_found() {
        Case::good().passes(&RULE);
        for content in [&[0][..], &[1], &[]] {
            let mut case = Case::good();
            case.extensions[0] = extension(oid::BASIC_CONSTRAINTS, Some(content), &[0x30, 0]);
            case.fails(&RULE, "2.5.29.19");
        }
    }
}
