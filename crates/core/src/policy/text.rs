//! Texts with placeholders: read, typed, and later rendered without a string in between.

use crate::text::{Printable, did_you_mean};

use super::error;
use super::shape::Shape;
use super::value::{Filter, Variable, Vocabulary};
use crate::toml::Value;

/// A text of the policy, compiled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Text {
    parts: Vec<Part>,
    shape: Shape,
}

/// A piece of a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// Bytes as they are.
    Literal(Vec<u8>),
    /// A value, filtered.
    Value(Variable, Vec<Filter>),
}

/// A piece with what its values are like, for checks that look at pieces.
#[derive(Clone, Debug)]
pub(super) struct Piece<'t> {
    /// The literal text; none for a placeholder.
    pub(super) literal: Option<&'t str>,
    /// What the piece's values are like.
    pub(super) shape: Shape,
}

impl Text {
    /// Reads a string of the policy that becomes text: bytes are refused.
    pub(super) fn read(value: &Value<'_>, vocabulary: &Vocabulary) -> Option<Self> {
        let text = Self::read_bytes(value, vocabulary)?;
        if text.shape.bytes {
            return value.error_hint(
                error::PLACEHOLDER_FILTER,
                format!("`{}` is text, but the filter `bytes` makes bytes", value.path),
                "Leave `bytes` away.",
            );
        }
        Some(text)
    }

    /// Reads a string of the policy where bytes may stand.
    pub(super) fn read_bytes(value: &Value<'_>, vocabulary: &Vocabulary) -> Option<Self> {
        Self::compile(value, value.string()?, vocabulary)
    }

    /// A value alone.
    pub(super) fn value(variable: Variable, filters: Vec<Filter>, vocabulary: &Vocabulary) -> Self {
        let mut shape = vocabulary.shape(&variable).expect("the caller names a variable that every family has");
        for filter in &filters {
            shape = filter.shape(shape).expect("the caller applies filters that fit");
        }
        Self { parts: vec![Part::Value(variable, filters)], shape }
    }

    /// What every rendering is like.
    pub(super) fn shape(&self) -> Shape {
        self.shape
    }

    /// The pieces in order.
    pub(super) fn parts(&self) -> &[Part] {
        &self.parts
    }

    /// The pieces in order with what they are like.
    pub(super) fn pieces<'t>(&'t self, vocabulary: &Vocabulary) -> Vec<Piece<'t>> {
        let piece = |part: &'t Part| match part {
            Part::Literal(bytes) => {
                let text = std::str::from_utf8(bytes).expect("literals of texts were strings");
                Piece { literal: Some(text), shape: Shape::literal(text) }
            }
            Part::Value(variable, filters) => {
                let shape = vocabulary.shape(variable).expect("checked when the text was compiled");
                let shape = filters.iter().fold(shape, |shape, filter| filter.shape(shape).expect("checked before"));
                Piece { literal: None, shape }
            }
        };
        self.parts.iter().map(piece).collect()
    }

    /// Returns whether a placeholder of the text stands for `variable`.
    pub(super) fn uses(&self, variable: &Variable) -> bool {
        self.parts.iter().any(|part| matches!(part, Part::Value(used, _) if used == variable))
    }

    /// The parameters that the text uses.
    pub(super) fn params(&self) -> impl Iterator<Item = &str> {
        self.parts.iter().filter_map(|part| match part {
            Part::Value(Variable::Param(name), _) => Some(name.as_str()),
            _ => None,
        })
    }

    fn compile(value: &Value<'_>, text: &str, vocabulary: &Vocabulary) -> Option<Self> {
        let mut parts = Vec::new();
        let mut shape = Shape::EMPTY;
        let mut literal = String::new();
        let mut rest = text;
        let syntax = |message: String| -> Option<Self> {
            value.error_hint(
                error::PLACEHOLDER,
                format!("`{}`: {message}", value.path),
                "A placeholder is written {name} or {name|filter}; a literal brace is written twice.",
            )
        };
        while let Some(at) = rest.find(['{', '}']) {
            literal.push_str(&rest[..at]);
            let brace = &rest[at..=at];
            rest = &rest[at + 1..];
            if let Some(after) = rest.strip_prefix(brace) {
                literal.push_str(brace);
                rest = after;
                continue;
            }
            if brace == "}" {
                return syntax("`}` without a `{` before it".to_owned());
            }
            let Some(end) = rest.find('}') else {
                return syntax("`{` without a `}` after it".to_owned());
            };
            let inside = &rest[..end];
            rest = &rest[end + 1..];
            let (part, its_shape) = placeholder(value, inside, vocabulary)?;
            if !literal.is_empty() {
                shape = shape.then(Shape::literal(&literal));
                parts.push(Part::Literal(std::mem::take(&mut literal).into_bytes()));
            }
            shape = shape.then(its_shape);
            parts.push(part);
        }
        literal.push_str(rest);
        if !literal.is_empty() {
            shape = shape.then(Shape::literal(&literal));
            parts.push(Part::Literal(literal.into_bytes()));
        }
        Some(Self { parts, shape })
    }
}

fn placeholder(value: &Value<'_>, inside: &str, vocabulary: &Vocabulary) -> Option<(Part, Shape)> {
    let mut steps = inside.split('|');
    let name = steps.next().expect("split yields at least one piece");
    let shown = Printable::new(inside);
    let Some(variable) = vocabulary.variable(name) else {
        let message = format!("`{}` has an unknown placeholder {{{}}}", value.path, Printable::new(name));
        let hint = did_you_mean(name, vocabulary.names()).unwrap_or_else(|| {
            format!(
                "Known are {}; others are declared as [params.NAME].",
                vocabulary.names().collect::<Vec<_>>().join(", ")
            )
        });
        return value.error_hint(error::PLACEHOLDER_UNKNOWN, message, hint);
    };
    if variable == Variable::CrlShard(None) {
        return value.error_hint(
            error::PLACEHOLDER,
            format!("`{}` has {{crl_shard}}, which needs `[revocation]` with `shards`", value.path),
            "Write [revocation] with shards, expected_certificates and worst_revoked_percent.",
        );
    }
    let Some(mut shape) = vocabulary.shape(&variable) else {
        let family = vocabulary.family.map_or("this family", crate::verify::Family::as_str);
        return value.error_hint(
            error::PLACEHOLDER_FAMILY,
            format!("`{}` has {{{shown}}}, which chips of family {family} do not have", value.path),
            "Use {uid}, which every family has, or another `source.family`.",
        );
    };
    let mut filters = Vec::new();
    for step in steps {
        let filter = match filter(step) {
            Ok(filter) => filter,
            Err((message, hint)) => {
                return value.error_hint(error::PLACEHOLDER_FILTER, format!("`{}`: {message}", value.path), hint);
            }
        };
        shape = match filter.shape(shape) {
            Ok(shape) => shape,
            Err(reason) => {
                let message = format!(
                    "`{}`: filter `{}` in {{{shown}}} does not fit: {reason}",
                    value.path,
                    Printable::new(step)
                );
                return value.error(error::PLACEHOLDER_FILTER, message);
            }
        };
        filters.push(filter);
    }
    Some((Part::Value(variable, filters), shape))
}

fn filter(step: &str) -> Result<Filter, (String, String)> {
    match step {
        "bytes" => return Ok(Filter::Bytes),
        "lower" => return Ok(Filter::Lower),
        "upper" => return Ok(Filter::Upper),
        _ => {}
    }
    let known = "Filters are lower, upper, bytes and slice(a,b).".to_owned();
    let Some(range) = step.strip_prefix("slice(").and_then(|rest| rest.strip_suffix(')')) else {
        let hint = did_you_mean(step, ["bytes", "lower", "upper", "slice(a,b)"]).unwrap_or(known);
        return Err((format!("unknown filter `{}`", Printable::new(step)), hint));
    };
    let numbers: Vec<Option<usize>> = range.split(',').map(|number| number.trim().parse().ok()).collect();
    match numbers.as_slice() {
        [Some(from), Some(to)] if from < to && *to <= 4096 => Ok(Filter::Slice { from: *from, to: *to }),
        _ => Err((format!("slice({}) is not slice(a,b) with a smaller than b", Printable::new(range)), known)),
    }
}
