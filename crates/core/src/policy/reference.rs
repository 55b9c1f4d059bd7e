//! `docs/reference/policy-reference.md`, generated from the tables the policies are read by.

use std::fmt::Write as _;

use super::error::CODES;
use super::field::FIELDS;
use super::value::{BUILT_IN, FILTERS};

/// The reference of the policy language as Markdown.
pub fn reference_markdown() -> String {
    let mut page = String::from(HEAD);
    for field in FIELDS {
        writeln!(page, "### `{}`\n\n{}\n", field.path, field.meaning).expect(STRING);
        writeln!(page, "- Form: {}", field.form).expect(STRING);
        writeln!(page, "- Defined by: {}", field.clause).expect(STRING);
        if let Some(criticality) = field.criticality {
            writeln!(page, "- `critical`: {criticality}").expect(STRING);
        }
        writeln!(page, "- Checked:").expect(STRING);
        for check in field.checks {
            writeln!(page, "  - {check}").expect(STRING);
        }
        writeln!(page, "\n```toml\n{}\n```\n", field.example).expect(STRING);
    }
    page.push_str(PLACEHOLDERS);
    for (name, _, meaning) in BUILT_IN {
        writeln!(page, "| `{{{name}}}` | {meaning} |").expect(STRING);
    }
    page.push_str("\n| filter | meaning |\n|---|---|\n");
    for (name, meaning) in FILTERS {
        writeln!(page, "| `{name}` | {meaning} |").expect(STRING);
    }
    page.push_str("\n## Codes\n\n| code | meaning |\n|---|---|\n");
    for (code, meaning) in CODES {
        writeln!(page, "| `{code}` | {meaning} |").expect(STRING);
    }
    page
}

const STRING: &str = "writing to a String";

const HEAD: &str = "\
# Policy reference

Generated from the program's own tables; do not edit.

A policy is a TOML file that decides every field of a certificate. What is not written is not in the certificate. A key
that is not listed here is an error. Extensions are encoded in the order of this page, regardless of the order of the
file.

## Fields

";

const PLACEHOLDERS: &str = "\
## Placeholders

Texts may hold placeholders: `{name}` or `{name|filter|filter}`; `{{` and `}}` are literal braces. The set is closed and
every placeholder has a type: its characters and its length are known before its value is, and lengths, string types and
names are proved for every value when the policy is loaded.

| placeholder | meaning |
|---|---|
";
