//! The common name is fit to be a thing's name.

use crate::cert::Profile;
use crate::lint::finding::RuleReport;
use crate::lint::names::values;
use crate::lint::rule::{Applies, Rule, Subject};
use crate::origin::Code;
use crate::x509::oid;

pub(super) const RULE: Rule = Rule {
    code: Code::new("aws-iot.thing-name").hinted(&super::HINT),
    clause: "AWS IoT API reference, CreateThing: thingName",
    meaning: "the subject has not exactly one common name that can be a thing's name",
    applies: Applies::To(Profile::AwsIot),
    check,
};

fn check(subject: &Subject<'_>, report: &mut RuleReport<'_>) {
    let names = values(subject.tbs.subject, oid::COMMON_NAME);
    let fit = |byte: &u8| byte.is_ascii_alphanumeric() || b":_-".contains(byte);
    match names.as_slice() {
        [name] if (1..=128).contains(&name.content.len()) && name.content.iter().all(fit) => {}
        [_] => report.find("subject", "common name is not 1 to 128 letters, digits, `:`, `_` and `-`"),
        _ => report.find("subject", format_args!("subject has {} common names, expected one", names.len())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lint::testing::Case;

    #[test]
    fn a_space_is_found() {
        Case::good().passes(&RULE);
        Case::good().subject(&[(oid::COMMON_NAME, 0x0C, b"STSAFE-A110 EVAL2")]).fails(&RULE, "letters");
        Case::good().subject(&[(oid::ORGANIZATION_NAME, 0x0C, b"A")]).fails(&RULE, "0 common names");
        Case::good().subject(&[(oid::COMMON_NAME, 0x0C, b"a"), (oid::COMMON_NAME, 0x0C, b"b")]).fails(&RULE, "2");
    }
}
