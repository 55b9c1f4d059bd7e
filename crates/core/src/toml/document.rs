//! Values that know their path and their place, and tables that remember which keys were asked for.
//!
//! [`Table::finish`] reports the keys that no reader asked for. So the keys that a reader asks for *are* the schema,
//! and nothing in a file goes unread.

use std::cell::RefCell;
use std::fmt;
use std::ops::{Range, RangeInclusive};

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::origin::Code;
use crate::text::{Printable, brief};

use super::Mistakes;

/// Codes and words of the mistakes that every kind of file can have. Each method notes one mistake, at the place that it
/// chooses: a file that may hold secrets chooses one that shows none.
pub trait Wording: fmt::Debug + Sync {
    /// A required key is missing.
    fn missing(&self, table: &Table<'_>, key: &str);

    /// An integer is out of its range.
    fn out_of_range(&self, value: &Value<'_>, found: &str, allowed: &RangeInclusive<u64>);

    /// A key is unknown: no reader asked for it.
    fn unknown(&self, table: &Table<'_>, key: &str, place: Range<usize>);

    /// A value has another type than expected; `found` names its type with an article.
    fn wrong_type(&self, value: &Value<'_>, found: &str, expected: &str);
}

/// Reads the syntax of a file. Every mistake in it is noted with `code`.
pub fn parse<'d>(text: &'d str, code: Code, mistakes: &Mistakes) -> Option<Spanned<DeTable<'d>>> {
    let (document, syntax) = DeTable::parse_recoverable(text);
    for mistake in &syntax {
        // the parser may repeat the file
        mistakes.push::<()>(code, mistake.span().unwrap_or(0..0), brief(mistake.message()));
    }
    syntax.is_empty().then_some(document)
}

/// A value, its path from the top and its place in the text.
#[derive(Clone, Debug)]
pub struct Value<'d> {
    toml: &'d DeValue<'d>,
    /// Keys from the top, joined by dots; members of an array are numbered.
    pub path: String,
    /// The place of the value.
    pub span: Range<usize>,
    /// The place of its key.
    pub header: Range<usize>,
    /// Where mistakes are noted.
    pub errors: &'d Mistakes,
    wording: &'d dyn Wording,
}

/// A table and the keys that were asked for so far.
#[derive(Debug)]
pub struct Table<'d> {
    entries: &'d DeTable<'d>,
    /// Keys from the top, joined by dots; empty for the whole file.
    pub path: String,
    /// The place of the table.
    pub span: Range<usize>,
    /// The place of its key.
    pub header: Range<usize>,
    /// Where mistakes are noted.
    pub errors: &'d Mistakes,
    wording: &'d dyn Wording,
    asked: RefCell<Vec<&'static str>>,
}

impl<'d> Value<'d> {
    /// The text of a string.
    pub fn string(&self) -> Option<&'d str> {
        self.text("a string")
    }

    /// As [`string`](Self::string), where more than any string is expected.
    pub fn text(&self, expected: &str) -> Option<&'d str> {
        self.toml.as_str().or_else(|| self.wrong_type(expected))
    }

    /// A boolean.
    pub fn boolean(&self) -> Option<bool> {
        self.toml.as_bool().or_else(|| self.wrong_type("true or false"))
    }

    /// An integer within limits.
    pub fn integer(&self, allowed: &RangeInclusive<u64>) -> Option<u64> {
        let Some(integer) = self.toml.as_integer() else { return self.wrong_type("an integer") };
        let parsed = u64::from_str_radix(&integer.as_str().replace('_', ""), integer.radix()).ok();
        let fits = parsed.filter(|number| allowed.contains(number));
        if fits.is_none() {
            self.wording.out_of_range(self, &integer.to_string(), allowed);
        }
        fits
    }

    /// The members of an array.
    pub fn array(&self) -> Option<Vec<Value<'d>>> {
        self.members("an array")
    }

    /// As [`array`](Self::array), where more than any array is expected.
    pub fn members(&self, expected: &str) -> Option<Vec<Value<'d>>> {
        let Some(array) = self.toml.as_array() else { return self.wrong_type(expected) };
        let member = |(at, member): (usize, &'d Spanned<DeValue<'d>>)| Value {
            toml: member.get_ref(),
            path: format!("{}[{at}]", self.path),
            span: member.span(),
            ..self.clone()
        };
        Some(array.iter().enumerate().map(member).collect())
    }

    /// A table.
    pub fn table(&self) -> Option<Table<'d>> {
        self.fields("a table")
    }

    /// As [`table`](Self::table), by the name that the kind of file has for it.
    pub fn fields(&self, expected: &str) -> Option<Table<'d>> {
        self.as_table().or_else(|| self.wrong_type(expected))
    }

    /// The table that the value may be.
    pub fn as_table(&self) -> Option<Table<'d>> {
        let entries = self.toml.as_table()?;
        Some(Table {
            entries,
            path: self.path.clone(),
            span: self.span.clone(),
            header: self.header.clone(),
            errors: self.errors,
            wording: self.wording,
            asked: RefCell::default(),
        })
    }

    /// Whether the value is an array.
    pub fn is_array(&self) -> bool {
        self.toml.is_array()
    }

    /// The text of the string that the value may be.
    pub fn as_str(&self) -> Option<&'d str> {
        self.toml.as_str()
    }

    /// Reports a mistake at this value.
    pub fn error<T>(&self, code: Code, message: impl Into<String>) -> Option<T> {
        self.errors.push(code, &self.span, message)
    }

    /// Reports a mistake at this value, with what to do about it.
    pub fn error_hint<T>(&self, code: Code, message: impl Into<String>, hint: impl Into<String>) -> Option<T> {
        self.errors.push_hint(code, &self.span, message, hint)
    }

    fn wrong_type<T>(&self, expected: &str) -> Option<T> {
        let found = match self.toml {
            DeValue::String(_) => "a string",
            DeValue::Integer(_) => "an integer",
            DeValue::Float(_) => "a float",
            DeValue::Boolean(_) => "a boolean",
            DeValue::Datetime(_) => "a datetime",
            DeValue::Array(_) => "an array",
            DeValue::Table(_) => "a table",
        };
        self.wording.wrong_type(self, found, expected);
        None
    }
}

impl<'d> Table<'d> {
    /// The whole file.
    pub fn top(document: &'d Spanned<DeTable<'d>>, wording: &'d dyn Wording, errors: &'d Mistakes) -> Self {
        // the table's own span is the whole text; a missing key is reported at its beginning
        let (entries, path) = (document.get_ref(), String::new());
        Self { entries, path, span: 0..0, header: 0..0, errors, wording, asked: RefCell::default() }
    }

    /// The value of `key`, if the table has it.
    pub fn optional(&self, key: &'static str) -> Option<Value<'d>> {
        self.asked.borrow_mut().push(key);
        self.entries.get_key_value(key).map(|(key, value)| self.entry(key, value))
    }

    /// The value of `key`; its absence is a mistake.
    pub fn required(&self, key: &'static str) -> Option<Value<'d>> {
        let found = self.optional(key);
        if found.is_none() {
            self.wording.missing(self, key);
        }
        found
    }

    /// All keys in alphabetical order with their values, for tables whose keys are data.
    pub fn entries(&self) -> Vec<(&'d str, Value<'d>)> {
        self.entries.iter().map(|(key, value)| (key.get_ref().as_ref(), self.entry(key, value))).collect()
    }

    /// The place of the value of `key`, or of the table where it is missing, without asking for it.
    pub fn place(&self, key: &str) -> Range<usize> {
        self.entries.get(key).map_or(self.span.clone(), Spanned::span)
    }

    /// Whether the table has `key`, without asking for it.
    pub fn has(&self, key: &str) -> bool {
        self.entries.contains_key(key)
    }

    /// The keys that were asked for so far, each once.
    pub fn asked(&self) -> Vec<&'static str> {
        let mut keys: Vec<&str> = Vec::new();
        for key in &*self.asked.borrow() {
            if !keys.contains(key) {
                keys.push(key);
            }
        }
        keys
    }

    /// Takes back that `key` was asked for.
    pub fn forget(&self, key: &str) {
        self.asked.borrow_mut().retain(|asked| *asked != key);
    }

    /// Ends reading. Reports every key that no reader asked for.
    pub fn finish(self) {
        self.report_unknown();
    }

    /// As [`finish`](Self::finish), for a table that is still needed.
    pub fn report_unknown(&self) {
        let asked = self.asked();
        for key in self.entries.keys() {
            let name: &str = key.get_ref();
            if !asked.contains(&name) {
                self.wording.unknown(self, name, key.span());
            }
        }
    }

    /// The path of a key of this table.
    pub fn path_of(&self, key: &str) -> String {
        let key = Printable::new(key);
        if self.path.is_empty() { key.to_string() } else { format!("{}.{key}", self.path) }
    }

    fn entry(&self, key: &Spanned<std::borrow::Cow<'_, str>>, value: &'d Spanned<DeValue<'d>>) -> Value<'d> {
        Value {
            toml: value.get_ref(),
            path: self.path_of(key.get_ref()),
            span: value.span(),
            header: key.span(),
            errors: self.errors,
            wording: self.wording,
        }
    }
}
