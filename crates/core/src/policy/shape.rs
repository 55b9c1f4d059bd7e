//! What can be known of a text before its values are known: its characters and its length.
//!
//! A [`Shape`] is a promise over *every* value: no UID and no parameter value leaves it. It is what load-time proofs of
//! string types and X.520 bounds rest on.

/// A set of characters: each of ASCII by itself, all others together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct CharSet {
    ascii: u128,
    others: bool,
}

impl CharSet {
    pub(super) const NONE: Self = Self { ascii: 0, others: false };
    pub(super) const DIGITS: Self = Self::of("0123456789");
    pub(super) const UPPER_HEX: Self = Self::of("0123456789ABCDEF");
    pub(super) const LOWER_HEX: Self = Self::of("0123456789abcdef");
    pub(super) const HEX: Self = Self::UPPER_HEX.or(Self::LOWER_HEX);
    pub(super) const UPPER: Self = Self::of("ABCDEFGHIJKLMNOPQRSTUVWXYZ");
    pub(super) const LOWER: Self = Self::of("abcdefghijklmnopqrstuvwxyz");
    pub(super) const ALPHANUMERIC: Self = Self::UPPER.or(Self::LOWER).or(Self::DIGITS);
    /// PrintableString (X.680 §41.4, table 10).
    pub(super) const PRINTABLE_STRING: Self = Self::ALPHANUMERIC.or(Self::of(" '()+,-./:=?"));
    /// Printable ASCII: IA5String without its control characters, which no identifier has a use for.
    pub(super) const ASCII: Self = Self { ascii: ((1 << 127) - 1) & !((1 << 32) - 1), others: false };
    /// Stands for the characters of a value that is bytes: each counts as one byte, and no text takes them.
    pub(super) const BYTES: Self = Self::ASCII;
    /// Printable ASCII and everything beyond ASCII.
    pub(super) const ANY: Self = Self { ascii: Self::ASCII.ascii, others: true };

    /// The characters of an ASCII text.
    pub(super) const fn of(text: &str) -> Self {
        let bytes = text.as_bytes();
        let mut ascii = 0;
        let mut at = 0;
        while at < bytes.len() {
            assert!(bytes[at].is_ascii());
            ascii |= 1 << bytes[at];
            at += 1;
        }
        Self { ascii, others: false }
    }

    /// One character.
    pub(super) fn one(character: char) -> Self {
        if character.is_ascii() {
            Self { ascii: 1 << u32::from(character), others: false }
        } else {
            Self { ascii: 0, others: true }
        }
    }

    pub(super) const fn or(self, other: Self) -> Self {
        Self { ascii: self.ascii | other.ascii, others: self.others || other.others }
    }

    pub(super) const fn without(self, other: Self) -> Self {
        Self { ascii: self.ascii & !other.ascii, others: self.others && !other.others }
    }

    pub(super) const fn within(self, other: Self) -> bool {
        self.ascii & !other.ascii == 0 && (!self.others || other.others)
    }

    pub(super) const fn is_empty(self) -> bool {
        self.ascii == 0 && !self.others
    }

    pub(super) fn has(self, character: char) -> bool {
        Self::one(character).within(self)
    }

    /// The set after ASCII letters have changed case.
    pub(super) fn map(self, change: impl Fn(&u8) -> u8) -> Self {
        let mut ascii = 0;
        for byte in 0..128_u8 {
            if self.ascii >> byte & 1 == 1 {
                ascii |= 1 << change(&byte);
            }
        }
        Self { ascii, others: self.others }
    }

    /// The characters for a message: quoted, the first few of them.
    pub(super) fn show(self) -> String {
        let mut shown: Vec<String> = Vec::new();
        for byte in (0..128_u8).filter(|byte| self.ascii >> byte & 1 == 1) {
            match byte {
                b' ' => shown.push("space".into()),
                b'!'..=b'~' => shown.push(format!("`{}`", char::from(byte))),
                _ => shown.push(format!("U+{byte:04X}")),
            }
        }
        if self.others {
            shown.push("characters outside ASCII".into());
        }
        if shown.len() > 5 {
            shown.truncate(4);
            shown.push("others".into());
        }
        shown.join(", ")
    }
}

/// Every value's characters and length in characters (in bytes where the value is bytes).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Shape {
    /// All characters that can appear.
    pub(super) chars: CharSet,
    /// Those that can be the first; empty for the empty text.
    pub(super) first: CharSet,
    /// Those that can be the last.
    pub(super) last: CharSet,
    /// Shortest length.
    pub(super) min: usize,
    /// Longest length.
    pub(super) max: usize,
    /// Whether every length is even, as hexadecimal of whole bytes is.
    pub(super) even: bool,
    /// Whether values are bytes rather than text.
    pub(super) bytes: bool,
}

impl Shape {
    pub(super) const EMPTY: Self = Self {
        chars: CharSet::NONE,
        first: CharSet::NONE,
        last: CharSet::NONE,
        min: 0,
        max: 0,
        even: true,
        bytes: false,
    };

    /// Any text over `chars` of this length.
    pub(super) const fn text(chars: CharSet, min: usize, max: usize) -> Self {
        let even = min == max && min.is_multiple_of(2);
        Self { chars, first: chars, last: chars, min, max, even, bytes: false }
    }

    /// Hexadecimal of `min` to `max` whole bytes.
    pub(super) const fn hex(chars: CharSet, min: usize, max: usize) -> Self {
        Self { even: true, ..Self::text(chars, 2 * min, 2 * max) }
    }

    /// Exactly this text.
    pub(super) fn literal(text: &str) -> Self {
        let chars = text.chars().fold(CharSet::NONE, |set, character| set.or(CharSet::one(character)));
        let length = text.chars().count();
        Self {
            first: text.chars().next().map_or(CharSet::NONE, CharSet::one),
            last: text.chars().next_back().map_or(CharSet::NONE, CharSet::one),
            ..Self::text(chars, length, length)
        }
    }

    /// A value of this shape followed by one of `next`.
    pub(super) fn then(self, next: Self) -> Self {
        Self {
            chars: self.chars.or(next.chars),
            first: if self.min == 0 { self.first.or(next.first) } else { self.first },
            last: if next.min == 0 { self.last.or(next.last) } else { next.last },
            min: self.min + next.min,
            max: self.max + next.max,
            even: self.even && next.even,
            bytes: self.bytes || next.bytes,
        }
    }

    /// A value of this shape or of `other`.
    pub(super) fn or(self, other: Self) -> Self {
        Self {
            chars: self.chars.or(other.chars),
            first: self.first.or(other.first),
            last: self.last.or(other.last),
            min: self.min.min(other.min),
            max: self.max.max(other.max),
            even: self.even && other.even,
            bytes: self.bytes || other.bytes,
        }
    }

    /// Most bytes of a value: a character outside ASCII may take four in UTF-8.
    pub(super) const fn max_bytes(self) -> usize {
        if self.chars.others { self.max * 4 } else { self.max }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sequence_keeps_its_ends_apart_from_its_middle() {
        let shape = Shape::literal("a-").then(Shape::text(CharSet::DIGITS, 0, 3));
        assert_eq!((shape.min, shape.max), (2, 5));
        assert!(shape.first.has('a') && !shape.first.has('-'));
        assert!(shape.last.has('-') && shape.last.has('7') && !shape.last.has('a'));
    }

    #[test]
    fn sets_show_themselves_safely() {
        assert_eq!(CharSet::of(" a\n").or(CharSet::one('é')).show(), "U+000A, space, `a`, characters outside ASCII");
        assert!(!CharSet::ASCII.has('\u{7f}') && CharSet::ASCII.has('~') && CharSet::ASCII.has(' '));
    }
}
