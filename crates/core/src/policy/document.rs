//! A policy file as TOML whose every value knows its path and its place, read with a closed schema.
//!
//! A [`Table`] remembers which keys were asked for; [`Table::finish`] reports the others. So the keys a reader asks for
//! *are* the schema, and nothing in a file goes unread.

use std::cell::RefCell;
use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::text::{Printable, did_you_mean};

use super::error::{self, Errors};
use super::field;

/// A value, its path from the top and its place in the text.
#[derive(Clone, Debug)]
pub(super) struct Value<'d> {
    toml: &'d DeValue<'d>,
    pub(super) path: String,
    pub(super) span: Range<usize>,
    pub(super) errors: &'d Errors,
}

/// A table and the keys that were asked for so far.
#[derive(Debug)]
pub(super) struct Table<'d> {
    entries: &'d DeTable<'d>,
    pub(super) path: String,
    pub(super) span: Range<usize>,
    pub(super) errors: &'d Errors,
    asked: RefCell<Vec<&'static str>>,
}

impl<'d> Value<'d> {
    /// The text of a string.
    pub(super) fn string(&self) -> Option<&'d str> {
        self.toml.as_str().or_else(|| self.wrong_type("a string"))
    }

    /// A boolean.
    pub(super) fn boolean(&self) -> Option<bool> {
        self.toml.as_bool().or_else(|| self.wrong_type("true or false"))
    }

    /// An integer between 0 and `u32::MAX`.
    pub(super) fn integer(&self) -> Option<u32> {
        let Some(integer) = self.toml.as_integer() else { return self.wrong_type("an integer") };
        match u32::from_str_radix(&integer.as_str().replace('_', ""), integer.radix()) {
            Ok(value) => Some(value),
            Err(_) => self.error(error::FORM, format!("`{}` is {integer}, expected 0 to {}", self.path, u32::MAX)),
        }
    }

    /// The members of an array.
    pub(super) fn array(&self) -> Option<Vec<Value<'d>>> {
        let Some(array) = self.toml.as_array() else { return self.wrong_type("an array") };
        Some(array.iter().enumerate().map(|(at, member)| self.child(&format!("[{at}]"), member)).collect())
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

    /// A table.
    pub(super) fn table(&self) -> Option<Table<'d>> {
        let Some(entries) = self.toml.as_table() else { return self.wrong_type("a table") };
        Some(Table {
            entries,
            path: self.path.clone(),
            span: self.span.clone(),
            errors: self.errors,
            asked: RefCell::default(),
        })
    }

    /// Whether the value is an array.
    pub(super) fn is_array(&self) -> bool {
        self.toml.is_array()
    }

    /// Whether the value is a string.
    pub(super) fn is_string(&self) -> bool {
        self.toml.is_str()
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

    /// Reports a text that is none of `names`.
    pub(super) fn unknown<T>(&self, text: &str, names: &[&str]) -> Option<T> {
        let message = format!("`{}` is \"{}\", expected one of {}", self.path, Printable::new(text), names.join(", "));
        match did_you_mean(text, names.iter().copied()) {
            Some(hint) => self.errors.push_hint(error::VALUE, self.span.clone(), message, hint),
            None => self.error(error::VALUE, message),
        }
    }

    /// Reports a mistake at this value.
    pub(super) fn error<T>(&self, code: crate::origin::Code, message: impl Into<String>) -> Option<T> {
        self.errors.push(code, self.span.clone(), message)
    }

    /// Reports a mistake at this value, with what to do about it.
    pub(super) fn error_hint<T>(
        &self,
        code: crate::origin::Code,
        message: impl Into<String>,
        hint: impl Into<String>,
    ) -> Option<T> {
        self.errors.push_hint(code, self.span.clone(), message, hint)
    }

    fn wrong_type<T>(&self, expected: &str) -> Option<T> {
        let article = if matches!(self.toml, DeValue::Integer(_) | DeValue::Array(_)) { "an" } else { "a" };
        let found = self.toml.type_str();
        let message = format!("`{}` is {article} {found}, expected {expected}", self.path);
        match field::example_line(&self.path) {
            Some(line) => self.error_hint(error::TYPE, message, format!("Write for example {line}")),
            None => self.error(error::TYPE, message),
        }
    }

    fn child(&self, step: &str, value: &'d Spanned<DeValue<'d>>) -> Value<'d> {
        Value { toml: value.get_ref(), path: format!("{}{step}", self.path), span: value.span(), errors: self.errors }
    }
}

impl<'d> Table<'d> {
    /// The whole file.
    pub(super) fn top(document: &'d Spanned<DeTable<'d>>, errors: &'d Errors) -> Self {
        // the table's own span is the whole text; a missing key is reported at its beginning
        Self { entries: document.get_ref(), path: String::new(), span: 0..0, errors, asked: RefCell::default() }
    }

    /// The value of `key`, if the table has it.
    pub(super) fn optional(&self, key: &'static str) -> Option<Value<'d>> {
        self.asked.borrow_mut().push(key);
        self.entries.get(key).map(|value| self.entry(key, value))
    }

    /// The value of `key`; its absence is a mistake.
    pub(super) fn required(&self, key: &'static str) -> Option<Value<'d>> {
        let found = self.optional(key);
        if found.is_none() {
            let place = if self.path.is_empty() { "the policy".to_owned() } else { format!("`{}`", self.path) };
            let message = format!("{place} has no `{key}`, which every policy must write");
            self.errors.push_hint::<()>(error::KEY_MISSING, self.span.clone(), message, self.missing_hint(key));
        }
        found
    }

    /// What to write where a key is missing.
    fn missing_hint(&self, key: &str) -> String {
        if let Some(line) = field::example_line(&self.path_of(key)) {
            return format!("Write for example {line}");
        }
        match field::FIELDS.iter().find(|field| field.path == self.path).and_then(|field| field.criticality) {
            Some(who) if key == "critical" => format!("Write critical = true or critical = false: {who}."),
            _ => "The shipped policy tls-client is a whole one.".to_owned(),
        }
    }

    /// All keys in alphabetical order with their values, for tables whose keys are data.
    pub(super) fn entries(&self) -> Vec<(&'d str, Range<usize>, Value<'d>)> {
        let entries = self.entries.iter();
        entries.map(|(key, value)| (key.get_ref().as_ref(), key.span(), self.entry(key.get_ref(), value))).collect()
    }

    /// The place of the value of `key`, or of the table where it is missing, without asking for it.
    pub(super) fn place(&self, key: &str) -> Range<usize> {
        self.entries.get(key).map_or(self.span.clone(), Spanned::span)
    }

    /// Whether the table has `key`, without asking for it.
    pub(super) fn has(&self, key: &str) -> bool {
        self.entries.contains_key(key)
    }

    /// Reports a key that must never be written, with the reason; otherwise it would be merely unknown.
    pub(super) fn forbid(&self, key: &'static str, code: crate::origin::Code, message: &str, hint: &str) {
        if let Some(value) = self.optional(key) {
            value.error_hint::<()>(code, message, hint);
        }
        self.asked.borrow_mut().retain(|asked| *asked != key || self.has(key));
    }

    /// Ends reading: a key that nobody asked for is a mistake.
    pub(super) fn finish(self) {
        self.report_unknown();
    }

    /// As [`finish`](Self::finish), for a table that is still needed.
    pub(super) fn report_unknown(&self) {
        let asked = self.asked.borrow();
        for key in self.entries.keys() {
            let name: &str = key.get_ref();
            if asked.contains(&name) {
                continue;
            }
            let place = if self.path.is_empty() { "the policy".to_owned() } else { format!("`{}`", self.path) };
            let message = format!("{place} has an unknown key `{}`", Printable::new(name));
            let hint = self
                .elsewhere(name)
                .or_else(|| did_you_mean(name, asked.iter().copied().filter(|known| !self.has(known))))
                .unwrap_or_else(|| format!("{place} knows {}.", asked.join(", ")));
            self.errors.push_hint::<()>(error::KEY_UNKNOWN, key.span(), message, hint);
        }
    }

    /// The table that a key belongs in, if it is one of a policy's lines.
    fn elsewhere(&self, key: &str) -> Option<String> {
        let paths = || field::FIELDS.iter().map(|field| field.path);
        let table = paths().find_map(|path| path.strip_suffix(key)?.strip_suffix('.'))?;
        (table != self.path).then(|| format!("`{key}` belongs in [{table}]."))
    }

    fn entry(&self, key: &str, value: &'d Spanned<DeValue<'d>>) -> Value<'d> {
        Value { toml: value.get_ref(), path: self.path_of(key), span: value.span(), errors: self.errors }
    }

    fn path_of(&self, key: &str) -> String {
        if self.path.is_empty() {
            Printable::new(key).to_string()
        } else {
            format!("{}.{}", self.path, Printable::new(key))
        }
    }
}
