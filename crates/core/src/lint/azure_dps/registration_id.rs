//! The common name is fit to be a registration id.

use crate::cert::Profile;
use crate::lint::finding::RuleReport;
use crate::lint::names::values;
use crate::lint::rule::{Applies, Rule, Subject};
use crate::origin::Code;
use crate::x509::oid;

pub(super) const RULE: Rule = Rule {
    code: Code::new("azure-dps.registration-id").hinted(&super::HINT),
    clause: "Azure IoT DPS, X.509 certificate attestation: registration ID",
    meaning: "the subject has not exactly one common name that can be a registration id",
    applies: Applies::To(Profile::AzureDps),
    check,
};

fn check(subject: &Subject<'_>, report: &mut RuleReport<'_>) {
    let names = values(subject.tbs.subject, oid::COMMON_NAME);
    let fit = |byte: &u8| byte.is_ascii_alphanumeric() || b"-._:".contains(byte);
    match names.as_slice() {
        [name] => {
            let last = name.content.last().copied().unwrap_or(b'.');
            let ends = last.is_ascii_alphanumeric() || last == b'-';
            // X.520 ends at 64, before the 128 of a registration id
            if name.content.len() > 64 || !name.content.iter().all(fit) || !ends {
                let form = "letters, digits and `-`, `.`, `_`, `:`, ending in a letter, a digit or `-`";
                report.find("subject", format_args!("common name is not 1 to 64 {form}"));
            }
        }
        _ => report.find("subject", format_args!("subject has {} common names, expected one", names.len())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lint::testing::Case;

    #[test]
    fn the_last_character_matters() {
        Case::good().passes(&RULE);
        Case::good().subject(&[(oid::COMMON_NAME, 0x0C, b"a.b:c_d-")]).passes(&RULE);
        for bad in [&b"a b"[..], b"a.", b"a:", b"", b"a/b"] {
            Case::good().subject(&[(oid::COMMON_NAME, 0x0C, bad)]).fails(&RULE, "common name");
        }
        Case::good().subject(&[]).fails(&RULE, "0 common names");
    }
}
