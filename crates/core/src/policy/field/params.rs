//! `[params.NAME]`: values that the operator supplies for each batch.

use std::collections::BTreeMap;
use std::ops::Range;

use crate::policy::error;
use crate::policy::pattern::Pattern;
use crate::policy::value::BUILT_IN;
use crate::text::Printable;
use crate::toml::{Table, Value};

use super::Field;

pub(super) const PARAMS: Field = Field {
    path: "params.NAME",
    meaning: "A value that the operator supplies for each batch, usable as {NAME}. It is recorded in \
              the statement.",
    form: "table: `pattern` (regular expression over printable ASCII, anchored at both ends, at most 256 characters long; \
           `[A-Z]{2,8}`, groups, alternatives, bounded repetition), `description` (string, optional)",
    clause: "this page",
    criticality: None,
    checks: &[
        "the name is lower-case letters, digits and underscores, beginning with a letter, and not a built-in placeholder",
        "the pattern bounds the length of its values",
        "the parameter is used",
        "every value that the pattern allows fits wherever it is used",
    ],
    example: "[params.lot]\npattern = \"[A-Z0-9]{4,8}\"",
};

/// A declared parameter.
#[derive(Clone, Debug)]
pub(in crate::policy) struct Param {
    pub(in crate::policy) pattern: Pattern,
    pub(in crate::policy) pattern_text: String,
    pub(in crate::policy) description: Option<String>,
    pub(in crate::policy) span: Range<usize>,
}

impl Param {
    /// What the policy says the parameter is, as the end of a sentence; empty if it says nothing.
    pub(in crate::policy) fn meaning(&self) -> String {
        self.description
            .as_ref()
            .map(|text| format!(": {}", Printable::new(text.trim_end_matches('.'))))
            .unwrap_or_default()
    }
}

/// Reads the declared parameters; one that is wrong is there without its contents, so that its uses are known ones.
pub(in crate::policy) fn read(top: &Table<'_>) -> BTreeMap<String, Option<Param>> {
    let Some(section) = top.optional("params").and_then(|value| value.table()) else { return BTreeMap::new() };
    let entries = section.entries();
    entries.into_iter().map(|(name, value)| (name.to_owned(), one(name, &value))).collect()
}

fn one(name: &str, value: &Value<'_>) -> Option<Param> {
    let span = &value.header;
    let table = value.table()?;
    let name_ok = name.len() <= 32
        && name.starts_with(|first: char| first.is_ascii_lowercase())
        && name.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_'));
    if !name_ok {
        table.errors.push_hint::<()>(
            error::PARAM_NAME,
            span,
            format!("parameter name `{}` is not usable in a placeholder", Printable::new(name)),
            "Use up to 32 lower-case letters, digits and underscores, beginning with a letter.",
        );
    }
    let built_in = BUILT_IN.iter().any(|(known, ..)| *known == name);
    if built_in {
        table.errors.push_hint::<()>(
            error::PARAM_NAME,
            span,
            format!("parameter name `{}` is that of a built-in placeholder", Printable::new(name)),
            format!("Choose another name: {{{name}}} stands for the chip's own already."),
        );
    }
    let pattern = table.required("pattern").and_then(|value| {
        let text = value.string()?;
        match Pattern::parse(text) {
            Ok(pattern) => Some((pattern, text.to_owned())),
            Err(reason) => value.error(error::PARAM_PATTERN, format!("`{}`: {reason}", value.path)),
        }
    });
    let description = table.optional("description").and_then(|value| value.string().map(str::to_owned));
    table.finish();
    let (pattern, pattern_text) = pattern?;
    (name_ok && !built_in).then_some(Param { pattern, pattern_text, description, span: span.clone() })
}
