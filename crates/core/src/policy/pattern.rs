//! Patterns of parameters: a regular expression over printable ASCII, anchored at both ends, of bounded length.
//!
//! The pattern is parsed into a tree from which alphabet and lengths are read, and matching walks that very tree: what
//! is proved at load time and what is matched cannot differ. Matching keeps a set of positions and does not backtrack,
//! so its cost is at most tree size times length squared.

use std::collections::BTreeSet;

use regex_syntax::ParserBuilder;
use regex_syntax::hir::{Class, Hir, HirKind};

use super::shape::{CharSet, Shape};

/// A pattern whose every match has a known shape.
#[derive(Clone, Debug)]
pub(super) struct Pattern {
    tree: Hir,
    shape: Shape,
}

impl Pattern {
    /// Longest value a pattern may allow.
    pub(super) const MAX_LENGTH: usize = 256;
    /// Longest pattern.
    pub(super) const MAX_PATTERN: usize = 512;

    /// Reads a pattern.
    ///
    /// # Errors
    /// What is wrong with it, in words.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        if text.len() > Self::MAX_PATTERN {
            return Err(format!("pattern has {} bytes, expected at most {}", text.len(), Self::MAX_PATTERN));
        }
        let tree =
            ParserBuilder::new().unicode(false).utf8(false).nest_limit(20).build().parse(text).map_err(|error| {
                match error {
                    regex_syntax::Error::Parse(error) => format!("pattern is not readable: {}", error.kind()),
                    regex_syntax::Error::Translate(error) => format!("pattern is not readable: {}", error.kind()),
                    _ => "pattern is not readable".to_owned(),
                }
            })?;
        if tree.properties().minimum_len().is_none() {
            return Err("pattern matches nothing".to_owned());
        }
        // asked of the parser first: the tree's own arithmetic must not meet counts like {4294967295}
        match tree.properties().maximum_len() {
            Some(longest) if longest <= Self::MAX_LENGTH => {}
            Some(longest) => {
                return Err(format!("pattern allows {longest} characters, expected at most {}", Self::MAX_LENGTH));
            }
            None => {
                return Err("pattern does not bound the length of its values, expected for example `{1,16}`".to_owned());
            }
        }
        let shape = shape(&tree)?;
        let foreign = shape.chars.without(CharSet::ASCII);
        if !foreign.is_empty() {
            return Err(format!("pattern allows {}, expected printable ASCII only", foreign.show()));
        }
        Ok(Self { tree, shape })
    }

    /// What every match is like.
    pub(super) fn shape(&self) -> Shape {
        self.shape
    }

    /// Whether the whole of `text` matches.
    pub(super) fn matches(&self, text: &str) -> bool {
        text.len() <= self.shape.max && ends(&self.tree, text.as_bytes(), &BTreeSet::from([0])).contains(&text.len())
    }
}

fn shape(tree: &Hir) -> Result<Shape, String> {
    Ok(match tree.kind() {
        HirKind::Empty => Shape::EMPTY,
        HirKind::Literal(literal) => match std::str::from_utf8(&literal.0) {
            Ok(text) if text.is_ascii() => Shape::literal(text),
            _ => return Err("pattern has characters outside ASCII, expected printable ASCII only".to_owned()),
        },
        HirKind::Class(class) => {
            let mut chars = CharSet::NONE;
            let bytes = class_bytes(class);
            if bytes.is_empty() {
                return Err("pattern has an empty class, which nothing matches".to_owned());
            }
            for byte in bytes {
                chars = chars.or(CharSet::one(char::from(byte)));
            }
            Shape::text(chars, 1, 1)
        }
        HirKind::Look(_) => {
            return Err("pattern has an anchor or look-around, expected none: both ends are anchored anyway".to_owned());
        }
        HirKind::Repetition(repetition) => {
            let once = shape(&repetition.sub)?;
            let times = |count: u32| usize::try_from(count).expect("bounded by the longest match");
            let least = times(repetition.min);
            let most = if once.max == 0 { 0 } else { times(repetition.max.expect("the parser found a bound")) };
            let mut all = if most == 0 { Shape::EMPTY } else { once };
            all.min = once.min * least;
            all.max = once.max * most;
            all.even = once.even || (least == most && all.min == all.max && all.min.is_multiple_of(2));
            all
        }
        HirKind::Capture(capture) => shape(&capture.sub)?,
        HirKind::Concat(parts) => {
            let mut all = Shape::EMPTY;
            for part in parts {
                all = all.then(shape(part)?);
            }
            all
        }
        HirKind::Alternation(parts) => {
            let mut all = shape(&parts[0])?;
            for part in &parts[1..] {
                all = all.or(shape(part)?);
            }
            all
        }
    })
}

fn class_bytes(class: &Class) -> Vec<u8> {
    match class {
        Class::Bytes(class) => class.iter().flat_map(|range| range.start()..=range.end()).collect(),
        Class::Unicode(class) => {
            // without Unicode mode only classes of one or two ASCII characters come this way; others become 0x80
            let chars = class.iter().flat_map(|range| range.start()..=range.end());
            chars.map(|character| u8::try_from(character).unwrap_or(0x80)).collect()
        }
    }
}

/// The positions at which a match can end that begins at one of `starts`.
fn ends(tree: &Hir, text: &[u8], starts: &BTreeSet<usize>) -> BTreeSet<usize> {
    match tree.kind() {
        HirKind::Empty => starts.clone(),
        HirKind::Literal(literal) => {
            let follow = |start: &usize| text[*start..].starts_with(&literal.0).then(|| start + literal.0.len());
            starts.iter().filter_map(follow).collect()
        }
        HirKind::Class(class) => {
            let bytes = class_bytes(class);
            let follow = |start: &usize| text.get(*start).filter(|byte| bytes.contains(byte)).map(|_| start + 1);
            starts.iter().filter_map(follow).collect()
        }
        // refused when the pattern was read
        HirKind::Look(_) => BTreeSet::new(),
        // what matches nothing but the empty text does so in one round as in a billion
        HirKind::Repetition(repetition) if repetition.sub.properties().maximum_len() == Some(0) => starts.clone(),
        HirKind::Repetition(repetition) => {
            let mut found = if repetition.min == 0 { starts.clone() } else { BTreeSet::new() };
            let mut current = starts.clone();
            // at most MAX_LENGTH rounds, because each can take a character
            for round in 1..=repetition.max.unwrap_or(repetition.min) {
                current = ends(&repetition.sub, text, &current);
                if current.is_empty() {
                    break;
                }
                if round >= repetition.min {
                    found.extend(&current);
                }
            }
            found
        }
        HirKind::Capture(capture) => ends(&capture.sub, text, starts),
        HirKind::Concat(parts) => parts.iter().fold(starts.clone(), |starts, part| ends(part, text, &starts)),
        HirKind::Alternation(parts) => parts.iter().flat_map(|part| ends(part, text, starts)).collect(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const PATTERNS: &[&str] = &[
        "[A-Z0-9]{4,8}",
        "(lot|reel)-[0-9]{1,3}",
        "a?b{2}(c|dd|)",
        "[a-f]{2}(:[a-f]{2}){0,4}",
        "[^a-z\\x00-\\x1f\\x7f-\\xff]{0,5}",
        "(?:x|xy)(?:y|z){1,2}",
        "\\d{2}\\w",
        "(?i)ab",
    ];

    proptest! {
        #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

        /// The regex engine behind `string_regex` makes values; ours must match them, inside the shape.
        #[test]
        fn every_value_of_a_pattern_matches_and_has_its_shape(
            (at, value) in (0..PATTERNS.len()).prop_flat_map(|at| {
                let ascii = PATTERNS[at].replace("\\d", "[0-9]").replace("\\w", "[a-z]").replace("\\x7f-\\xff", "\\x7f-\\u{10ffff}");
                (Just(at), proptest::string::string_regex(&ascii).unwrap())
            })
        ) {
            let pattern = Pattern::parse(PATTERNS[at]).unwrap();
            prop_assert!(pattern.matches(&value), "{} {value:?}", PATTERNS[at]);
            let shape = pattern.shape();
            let literal = Shape::literal(&value);
            prop_assert!(literal.chars.within(shape.chars) && literal.first.within(shape.first));
            prop_assert!(literal.last.within(shape.last));
            prop_assert!((shape.min..=shape.max).contains(&value.len()));
            prop_assert!(!shape.even || value.len() % 2 == 0);
        }
    }

    #[test]
    fn both_ends_are_anchored() {
        let pattern = Pattern::parse("[A-Z]{2,4}").unwrap();
        for (text, expected) in
            [("AB", true), ("ABCD", true), ("A", false), ("ABCDE", false), ("xAB", false), ("", false), ("AB\n", false)]
        {
            assert_eq!(pattern.matches(text), expected, "{text:?}");
        }
        let alternation = Pattern::parse("a|bc").unwrap();
        assert!(alternation.matches("a") && alternation.matches("bc") && !alternation.matches("ac"));
    }

    #[test]
    fn unbounded_or_foreign_patterns_are_refused() {
        for (pattern, part) in [
            ("[A-Z]+", "bound"),
            (".*", "bound"),
            ("a{1,257}", "257"),
            ("(a{255}){255}", "allows"),
            ("^a$", "anchor"),
            (".", "printable ASCII"),
            ("é", "ASCII"),
            ("[", "not readable"),
            ("[^\\x00-\\xff]", "matches nothing"),
            ("(?u:\\w)", "ASCII"),
        ] {
            let error = Pattern::parse(pattern).unwrap_err();
            assert!(error.contains(part), "{pattern}: {error}");
        }
    }

    #[test]
    fn nested_repetition_does_not_explode() {
        assert!(Pattern::parse("(a{0}){4294967295}b").unwrap().matches("b"));
        let pattern = Pattern::parse("((a?){8}){8}b").unwrap();
        assert!(!pattern.matches(&"a".repeat(64)));
        assert!(pattern.matches(&format!("{}b", "a".repeat(64))));
    }
}
