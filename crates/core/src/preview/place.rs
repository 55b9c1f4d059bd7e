//! Lines of a policy, as they are shown beside what they decide.

use std::ops::Range;

use crate::policy::Policy;
use crate::text::Printable;

/// Who decides a field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decided {
    /// Not the policy: what instead.
    Elsewhere(&'static str),
    /// A line of the policy.
    Policy(PolicyLine),
}

/// A line of the policy, or several if its value goes over several.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct PolicyLine {
    /// Path of the key, such as `certificate.not_after`; empty where no key decides alone.
    pub path: String,
    /// Number of the first line, from 1.
    pub line: usize,
    /// The lines, indented as from the first one and without what follows the value; safe to print.
    pub text: Vec<String>,
}

/// The line of a key, if the policy has it.
pub(super) fn of(policy: &Policy, path: &str) -> Option<PolicyLine> {
    let places = policy.places();
    places.into_iter().find(|(key, _)| key == path).map(|(path, span)| PolicyLine { path, ..at(policy, &span) })
}

/// The line at a place, with the key that it belongs to.
pub(super) fn line(policy: &Policy, span: &Range<usize>) -> PolicyLine {
    let path = policy.places().into_iter().find(|(_, place)| place == span).map(|(path, _)| path).unwrap_or_default();
    PolicyLine { path, ..at(policy, span) }
}

fn at(policy: &Policy, span: &Range<usize>) -> PolicyLine {
    let text = std::str::from_utf8(policy.bytes()).unwrap_or_default();
    let before = text.get(..span.start).unwrap_or_default();
    let start = before.rfind('\n').map_or(0, |newline| newline + 1);
    let shown = text.get(start..end(text, start, span.end)).unwrap_or_default();
    let indent = shown.len() - shown.trim_start().len();
    let kept = shown.lines().filter(|line| !line.trim().is_empty() && !line.trim_start().starts_with('#'));
    let text = kept.map(|line| {
        let own = line.len() - line.trim_start().len();
        Printable::new(line[own.min(indent)..].trim_end()).to_string()
    });
    PolicyLine { path: String::new(), line: before.matches('\n').count() + 1, text: text.collect() }
}

/// Where the value ends; a table under a header of its own, whose place is that header, ends before the next one.
fn end(text: &str, start: usize, value_end: usize) -> usize {
    let rest = text.get(start..).unwrap_or_default();
    if !rest.trim_start().starts_with('[') {
        return value_end;
    }
    let first = rest.find('\n').map_or(rest.len(), |newline| newline + 1);
    let body = &rest[first..];
    let lines = body.split_inclusive('\n').take_while(|line| !line.trim().is_empty() && !line.starts_with('['));
    start + first + lines.map(str::len).sum::<usize>()
}
