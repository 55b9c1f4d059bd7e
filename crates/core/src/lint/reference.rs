//! `docs/reference/lint-reference.md`, generated from the table of rules.

use std::fmt::Write as _;

use super::rule::Applies;
use super::{CRL_RULES, RULES};

/// The list of all rules as Markdown.
pub fn reference_markdown() -> String {
    let mut page = String::from(HEAD);
    for rule in RULES.iter().copied().flatten() {
        let applies = match rule.applies {
            Applies::Always => "all".to_owned(),
            Applies::Stselib => "`device.target = \"stselib\"`".to_owned(),
            Applies::To(profile) => format!("`profiles` with `{}`", profile.as_str()),
        };
        writeln!(page, "| `{}` | {} | {} | {applies} |", rule.code, rule.meaning, rule.clause)
            .expect("writing to a String");
    }
    page.push_str(CRL_HEAD);
    for rule in CRL_RULES {
        writeln!(page, "| `{}` | {} | {} |", rule.code, rule.meaning, rule.clause).expect("writing to a String");
    }
    page
}

const HEAD: &str = "\
# Lint reference

Generated from the program's own table; do not edit.

Every certificate is linted after it was encoded and before it may be signed; a finding rejects its leaf. What every
certificate of a policy would fail is found when the policy is bound to its issuer. `rfc5280.structure` is the finding
for bytes that are not a tbsCertificate at all.

| code | found when | clause | for |
|---|---|---|---|
";

const CRL_HEAD: &str = "
## Revocation lists

Every CRL is linted after it was encoded and before it may be signed; a finding ends the round. `crl.structure` is the
finding for bytes that are not a tbsCertList at all.

| code | found when | clause |
|---|---|---|
";
