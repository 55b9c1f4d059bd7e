//! Codes and words of a policy's mistakes, and what only policies ask of their values.

use std::ops::{Range, RangeInclusive};

use crate::origin::Code;
use crate::text::{Printable, did_you_mean};
use crate::toml::{self, Table, Value};

use super::error;
use super::field;

/// How a policy's mistakes are worded: values by their whole path.
#[derive(Debug)]
pub(super) struct Wording;

impl toml::Wording for Wording {
    fn missing(&self, table: &Table<'_>, key: &str) {
        let message = format!("{} has no `{key}`, which every policy must write", place(table));
        table.errors.push_hint::<()>(error::KEY_MISSING, &table.span, message, missing_hint(table, key));
    }

    fn out_of_range(&self, value: &Value<'_>, found: &str, allowed: &RangeInclusive<u64>) {
        let message = format!("`{}` is {found}, expected {} to {}", value.path, allowed.start(), allowed.end());
        value.error::<()>(error::FORM, message);
    }

    fn unknown(&self, table: &Table<'_>, key: &str, span: Range<usize>) {
        let (place, asked) = (place(table), table.asked());
        let message = format!("{place} has an unknown key `{}`", Printable::new(key));
        let hint = elsewhere(table, key)
            .or_else(|| did_you_mean(key, asked.iter().copied().filter(|known| !table.has(known))))
            .unwrap_or_else(|| format!("{place} knows {}.", asked.join(", ")));
        table.errors.push_hint::<()>(error::KEY_UNKNOWN, span, message, hint);
    }

    fn wrong_type(&self, value: &Value<'_>, found: &str, expected: &str) {
        let message = format!("`{}` is {found}, expected {expected}", value.path);
        match field::example_line(&value.path) {
            Some(line) => value.error_hint::<()>(error::TYPE, message, format!("Write for example {line}")),
            None => value.error(error::TYPE, message),
        };
    }
}

fn place(table: &Table<'_>) -> String {
    if table.path.is_empty() { "the policy".to_owned() } else { format!("`{}`", table.path) }
}

/// What to write where a key is missing.
fn missing_hint(table: &Table<'_>, key: &str) -> String {
    if let Some(line) = field::example_line(&table.path_of(key)) {
        return format!("Write for example {line}");
    }
    match field::FIELDS.iter().find(|field| field.path == table.path).and_then(|field| field.criticality) {
        Some(who) if key == "critical" => format!("Write critical = true or critical = false: {who}."),
        _ => "The shipped policy tls-client is a whole one.".to_owned(),
    }
}

/// The table that a key belongs in, if it is one of a policy's lines.
fn elsewhere(table: &Table<'_>, key: &str) -> Option<String> {
    let paths = || field::FIELDS.iter().map(|field| field.path);
    let right = paths().find_map(|path| path.strip_suffix(key)?.strip_suffix('.'))?;
    (right != table.path).then(|| format!("`{key}` belongs in [{right}]."))
}

impl<'d> Value<'d> {
    /// An integer between 0 and `u32::MAX`.
    pub(super) fn number(&self) -> Option<u32> {
        self.number_in(0..=u32::MAX)
    }

    /// An integer within limits.
    pub(super) fn number_in(&self, allowed: RangeInclusive<u32>) -> Option<u32> {
        let (least, most) = allowed.into_inner();
        u32::try_from(self.integer(&(least.into()..=most.into()))?).ok()
    }

    /// The members of an array that must not be empty; `clause` says why.
    pub(super) fn filled_array(&self, clause: &str) -> Option<Vec<Value<'d>>> {
        let members = self.array()?;
        if members.is_empty() {
            return self
                .error(error::EMPTY, format!("`{}` is empty, expected at least one element ({clause})", self.path));
        }
        Some(members)
    }

    /// A string that names one of `choices`.
    pub(super) fn choice<T: Copy>(&self, choices: &[(&str, T)]) -> Option<T> {
        let text = self.string()?;
        if let Some((_, value)) = choices.iter().find(|(name, _)| *name == text) {
            return Some(*value);
        }
        let names: Vec<&str> = choices.iter().map(|(name, _)| *name).collect();
        self.unknown(text, &names)
    }

    /// Reports a text that is not one of `names`.
    pub(super) fn unknown<T>(&self, text: &str, names: &[&str]) -> Option<T> {
        let message = format!("`{}` is \"{}\", expected one of {}", self.path, Printable::new(text), names.join(", "));
        match did_you_mean(text, names.iter().copied()) {
            Some(hint) => self.error_hint(error::VALUE, message, hint),
            None => self.error(error::VALUE, message),
        }
    }
}

impl Table<'_> {
    /// Reports a key that must never be written, with the reason; otherwise it would be merely unknown.
    pub(super) fn forbid(&self, key: &'static str, code: Code, message: &str, hint: &str) {
        match self.optional(key) {
            Some(value) => value.error_hint(code, message, hint).unwrap_or(()),
            // forgotten: the list of known keys in an error must not contain this one
            None => self.forget(key),
        }
    }
}
