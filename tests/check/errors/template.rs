//! The words of an error with places for what differs.

use reroot_check::words::ours;
use std::fmt::Write as _;

/// The fixed words of a message and the values between them.
#[derive(Clone, Debug)]
pub(super) struct Template {
    /// Fixed words, with the options and commands of these programs; a value is between each two of them.
    fixed: Vec<String>,
    /// Names of the values; empty where none can be told.
    values: Vec<String>,
}

impl Template {
    /// Reads the text of a format with the source of its arguments and the names of the variant's fields.
    pub(super) fn new(text: &str, arguments: &str, fields: &[String]) -> Self {
        let arguments = split(arguments);
        let mut fixed = vec![String::new()];
        let mut values = Vec::new();
        let mut positions = 0;
        let mut rest = text;
        while let Some(at) = rest.find(['{', '}']) {
            let last = fixed.last_mut().expect("there is one");
            *last += &rest[..at];
            if rest[at + 1..].starts_with(&rest[at..=at]) {
                *last += &rest[at..=at];
                rest = &rest[at + 2..];
                continue;
            }
            let end = at + rest[at..].find('}').expect("a place ends");
            let name = rest[at + 1..end].split(':').next().expect("split gives one");
            values.push(if name.is_empty() {
                positions += 1;
                arguments.get(positions - 1).and_then(|source| field_in(source, fields)).unwrap_or_default()
            } else if name.starts_with(|c: char| c.is_ascii_digit() || c.is_ascii_uppercase()) {
                String::new()
            } else {
                name.to_owned()
            });
            fixed.push(String::new());
            rest = &rest[end + 1..];
        }
        *fixed.last_mut().expect("there is one") += rest;
        Self { fixed: fixed.iter().map(|part| ours(part)).collect(), values }
    }

    /// The message as the page shows it.
    pub(super) fn shown(&self) -> String {
        let mut text = self.fixed[0].clone();
        for (value, fixed) in self.values.iter().zip(&self.fixed[1..]) {
            if value.is_empty() {
                text.push('…');
            } else {
                write!(text, "‹{value}›").expect("writing to a String");
            }
            text += fixed;
        }
        text
    }

    /// Whether there are enough fixed words to tell the message from others.
    pub(super) fn is_telling(&self) -> bool {
        let letters = self.fixed.iter().flat_map(|part| part.chars()).filter(|c| c.is_alphabetic()).count();
        letters >= LETTERS
    }

    /// Returns whether a line has this message in it: at the line's beginning, or after text that may precede one.
    pub(super) fn is_in(&self, line: &str) -> bool {
        let (first, rest) = self.fixed.split_first().expect("there is one");
        if first.is_empty() {
            return follows(line, rest);
        }
        let mut starts = line.match_indices(first).filter(|(at, _)| begins_message(&line[..*at]));
        starts.any(|(at, _)| follows(&line[at + first.len()..], rest))
    }
}

/// Whether the parts follow each other in a text. A value between two of them may be empty.
fn follows(mut text: &str, parts: &[String]) -> bool {
    for part in parts {
        let Some(at) = text.find(part.as_str()) else { return false };
        text = &text[at + part.len()..];
    }
    true
}

/// Whether a message can begin after this.
fn begins_message(before: &str) -> bool {
    before.trim().is_empty() || [": ", "× ", "; ", "(", "\": \""].iter().any(|end| before.ends_with(end))
}

/// The arguments of a call, by the commas outside of parentheses and quotes.
fn split(arguments: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    let (mut depth, mut quoted, mut from) = (0_i32, false, 0);
    for (at, character) in arguments.char_indices() {
        match character {
            '"' => quoted = !quoted,
            _ if quoted => {}
            '(' | '{' | '[' => depth += 1,
            ')' | '}' | ']' => depth -= 1,
            ',' if depth == 0 => {
                parts.push(arguments[from..at].trim());
                from = at + 1;
            }
            _ => {}
        }
    }
    parts.push(arguments[from..].trim());
    parts.retain(|part| !part.is_empty());
    parts
}

/// The field that an argument is made of.
fn field_in(source: &str, fields: &[String]) -> Option<String> {
    // of an alternative, it is not the value that is printed
    if source.starts_with("if ") {
        return None;
    }
    let mut words = source.split(|c: char| !c.is_alphanumeric() && c != '_');
    words.find(|word| fields.iter().any(|field| field == word)).map(str::to_owned)
}

/// Letters that tell a message from others.
const LETTERS: usize = 10;

#[test]
fn templates_are_read_and_found() {
    let fields = ["path".to_owned(), "found".to_owned()];
    let template = Template::new("`{}` is {found:#04x}, {{not}} {0}", ", Printable :: new (path)", &fields);
    assert_eq!(template.shown(), "`‹path›` is ‹found›, {not} …");
    assert!(template.is_in("error: `a` is 0x01, {not} b"));
    assert!(!template.is_in("error: that `a` is 0x01, {not} b"));
    assert!(!template.is_in("error: `a` is 0x01, {not}"));
    assert!(Template::new("interrupted", "", &[]).is_in("    error: interrupted"));
    assert!(!Template::new("interrupted", "", &[]).is_in("the run was interrupted"));
}
