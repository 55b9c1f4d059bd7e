//! JSON with one spelling: printable ASCII, keys in a fixed order, escapes in one form.
//!
//! Strings escape `"` and `\` with a backslash and every character outside printable ASCII as `\uXXXX` in lower-case
//! hexadecimal (a surrogate pair above U+FFFF). Nothing else is ever escaped, so every string has one spelling.

use std::borrow::Cow;
use std::fmt::Write as _;

use super::error::{ManifestError, Part};

/// Appends `text` as a JSON string, quotes included.
pub(super) fn push_string(out: &mut String, text: &str) {
    out.push('"');
    if text.bytes().all(|byte| matches!(byte, 0x20..=0x7E) && byte != b'"' && byte != b'\\') {
        out.push_str(text);
    } else {
        for character in text.chars() {
            match character {
                '"' => out.push_str("\\\""),
                '\\' => out.push_str("\\\\"),
                ' '..='~' => out.push(character),
                _ => {
                    for unit in character.encode_utf16(&mut [0; 2]) {
                        write!(out, "\\u{unit:04x}").expect("writing to a String");
                    }
                }
            }
        }
    }
    out.push('"');
}

/// Appends `bytes` as a JSON string of upper-case hexadecimal.
pub(super) fn push_hex_upper(out: &mut String, bytes: &[u8]) {
    push_hex(out, bytes, *b"0123456789ABCDEF");
}

/// Appends `bytes` as a JSON string of lower-case hexadecimal.
pub(super) fn push_hex_lower(out: &mut String, bytes: &[u8]) {
    push_hex(out, bytes, *b"0123456789abcdef");
}

fn push_hex(out: &mut String, bytes: &[u8], digits: [u8; 16]) {
    out.push('"');
    for byte in bytes {
        out.push(char::from(digits[usize::from(byte >> 4)]));
        out.push(char::from(digits[usize::from(byte & 15)]));
    }
    out.push('"');
}

/// Appends a number in decimal.
pub(super) fn push_number(out: &mut String, value: u64) {
    write!(out, "{value}").expect("writing to a String");
}

/// Reads text of one spelling, octet by octet; anything else is an error that says where.
pub(super) struct Scan<'a> {
    part: Part,
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Scan<'a> {
    pub(super) fn new(part: Part, bytes: &'a [u8]) -> Self {
        Self { part, bytes, at: 0 }
    }

    /// Whether `text` comes next.
    pub(super) fn sees(&self, text: &str) -> bool {
        self.bytes[self.at..].starts_with(text.as_bytes())
    }

    /// Reads exactly `text`.
    pub(super) fn literal(&mut self, text: &str) -> Result<(), ManifestError> {
        if self.sees(text) {
            self.at += text.len();
            Ok(())
        } else {
            Err(self.expected(text))
        }
    }

    /// Reads `text` if it comes next.
    pub(super) fn takes(&mut self, text: &str) -> bool {
        let sees = self.sees(text);
        if sees {
            self.at += text.len();
        }
        sees
    }

    /// Reads a string in its one spelling.
    pub(super) fn string(&mut self) -> Result<Cow<'a, str>, ManifestError> {
        self.literal("\"")?;
        let rest = &self.bytes[self.at..];
        let plain = rest
            .iter()
            .position(|byte| !matches!(byte, 0x20..=0x7E) || *byte == b'"' || *byte == b'\\')
            .unwrap_or(rest.len());
        let text = std::str::from_utf8(&rest[..plain]).expect("printable ASCII was just seen");
        self.at += plain;
        if self.takes("\"") {
            return Ok(Cow::Borrowed(text));
        }
        let mut text = text.to_owned();
        loop {
            match self.bytes[self.at..] {
                [b'"', ..] => {
                    self.at += 1;
                    return Ok(Cow::Owned(text));
                }
                [b'\\', quoted @ (b'"' | b'\\'), ..] => {
                    self.at += 2;
                    text.push(char::from(quoted));
                }
                [b'\\', b'u', ..] => text.push(self.escape()?),
                [byte @ 0x20..=0x7E, ..] if byte != b'\\' => {
                    self.at += 1;
                    text.push(char::from(byte));
                }
                _ => return Err(self.expected("a string of printable ASCII with canonical escapes")),
            }
        }
    }

    /// Reads `\uXXXX`, or two of them for one character, where such an escape is needed.
    fn escape(&mut self) -> Result<char, ManifestError> {
        let start = self.at;
        let first = self.unit()?;
        let character = if (0xD800..0xDC00).contains(&first) {
            let second = self.unit()?;
            char::decode_utf16([first, second]).next().and_then(Result::ok)
        } else {
            char::from_u32(u32::from(first))
        };
        match character {
            Some(character) if !matches!(character, ' '..='~') => Ok(character),
            _ => {
                self.at = start;
                Err(self.expected("an escape of a character outside printable ASCII"))
            }
        }
    }

    fn unit(&mut self) -> Result<u16, ManifestError> {
        let error = || ManifestError::Syntax {
            part: self.part,
            at: self.at,
            expected: "\\u and four lower-case hexadecimal digits".to_owned(),
        };
        let [b'\\', b'u', a, b, c, d, ..] = self.bytes[self.at..] else { return Err(error()) };
        let mut value = 0;
        for digit in [a, b, c, d] {
            let nibble = match digit {
                b'0'..=b'9' => digit - b'0',
                b'a'..=b'f' => digit - b'a' + 10,
                _ => return Err(error()),
            };
            value = (value << 4) | u16::from(nibble);
        }
        self.at += 6;
        Ok(value)
    }

    /// Reads a non-negative decimal number without leading zeros, at most `max`.
    pub(super) fn number(&mut self, max: u64) -> Result<u64, ManifestError> {
        let rest = &self.bytes[self.at..];
        let digits = rest.iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(rest.len());
        let value = match &rest[..digits] {
            [] => None,
            [b'0', _, ..] => None,
            digits => std::str::from_utf8(digits).ok().and_then(|text| text.parse::<u64>().ok()),
        };
        match value {
            Some(value) if value <= max => {
                self.at += digits;
                Ok(value)
            }
            _ => Err(self.expected(&format!("a number from 0 to {max} without leading zeros"))),
        }
    }

    /// Reads a number that fits 32 bits.
    pub(super) fn number32(&mut self) -> Result<u32, ManifestError> {
        let value = self.number(u64::from(u32::MAX))?;
        Ok(u32::try_from(value).expect("the number was checked to fit 32 bits"))
    }

    /// Reads a string and turns it into a value that has this string as its one spelling.
    pub(super) fn value<T>(
        &mut self,
        key: &'static str,
        expected: &'static str,
        convert: impl FnOnce(&str) -> Option<T>,
    ) -> Result<T, ManifestError> {
        let text = self.string()?;
        convert(&text).ok_or_else(|| ManifestError::value(self.part, key, &text, expected))
    }

    /// As [`value`](Self::value), or `null`.
    pub(super) fn value_or_null<T>(
        &mut self,
        key: &'static str,
        expected: &'static str,
        convert: impl FnOnce(&str) -> Option<T>,
    ) -> Result<Option<T>, ManifestError> {
        if self.takes("null") { Ok(None) } else { self.value(key, expected, convert).map(Some) }
    }

    /// Ends reading: nothing may be left.
    pub(super) fn finish(self) -> Result<(), ManifestError> {
        if self.at == self.bytes.len() { Ok(()) } else { Err(self.expected("the end")) }
    }

    pub(super) fn expected(&self, expected: &str) -> ManifestError {
        ManifestError::Syntax { part: self.part, at: self.at, expected: expected.to_owned() }
    }
}

/// Decodes hexadecimal of upper-case letters only.
pub(super) fn upper_hex(text: &str) -> Option<Vec<u8>> {
    if text.bytes().any(|byte| byte.is_ascii_lowercase()) { None } else { hex::decode(text).ok() }
}

/// Reads a time in the one spelling that manifests have.
pub(super) fn time(text: &str) -> Option<crate::x509::Time> {
    crate::x509::Time::from_rfc3339(text).ok().filter(|time| time.to_string() == text)
}

/// Takes the name of a batch: a UUID of version 7 and of the variant of RFC 9562, in its one spelling.
pub(super) fn batch_name(text: &str) -> Option<String> {
    let uuid = uuid::Uuid::try_parse(text).ok()?;
    let version_7 = uuid.get_version_num() == 7 && uuid.get_variant() == uuid::Variant::RFC4122;
    (version_7 && uuid.hyphenated().to_string() == text).then(|| text.to_owned())
}

pub(super) const BATCH: &str = "a UUIDv7 in lower case with hyphens (RFC 9562)";

/// Takes a reason as a statement or a line can have it. What is written is not blank either
/// ([`Entry::check_reason`](super::Entry::check_reason)).
pub(super) fn reason(text: &str) -> Option<&str> {
    (!text.is_empty() && text.chars().nth(super::Entry::MAX_REASON).is_none()).then_some(text)
}

pub(super) const REASON: &str = "null or a reason of 1 to 1000 characters";

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<String, ManifestError> {
        let mut scan = Scan::new(Part::Entry, text.as_bytes());
        let string = scan.string()?.into_owned();
        scan.finish()?;
        Ok(string)
    }

    #[test]
    fn strings_are_written_in_ascii_and_read_back() {
        for (text, json) in [
            ("", r#""""#),
            ("plain /text", r#""plain /text""#),
            ("a\"b\\c", r#""a\"b\\c""#),
            ("\n\t\u{7f}\0", r#""\u000a\u0009\u007f\u0000""#),
            ("\u{e9}\u{202e}\u{1f512}", r#""\u00e9\u202e\ud83d\udd12""#),
        ] {
            let mut out = String::new();
            push_string(&mut out, text);
            assert_eq!(out, json);
            assert_eq!(read(json).unwrap(), text);
            assert_eq!(serde_json::from_str::<String>(json).unwrap(), text, "another reader agrees");
        }
    }

    #[test]
    fn a_string_has_one_spelling() {
        for text in [
            r#""\/""#,
            r#""\n""#,
            r#""\u0041""#,
            r#""\u00E9""#,
            r#""\ud83d""#,
            r#""\udd12\ud83d""#,
            r#""\ud83d\u0041""#,
            r#""\u00e""#,
            "\"\u{e9}\"",
            "\"\n\"",
            "\"\x7f\"",
            "\"open",
            "\"back\\",
            "'single'",
            "\"\" ",
        ] {
            assert!(read(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_batch_is_named_by_a_uuid_of_version_7_and_of_the_variant_of_the_rfc() {
        let good = "01968d2e-7b00-7cc3-98c4-dc0c0c07398f";
        assert_eq!(batch_name(good).as_deref(), Some(good));
        for variant in ['8', '9', 'a', 'b'] {
            assert!(batch_name(&good.replace("-98c4", &format!("-{variant}8c4"))).is_some());
        }
        for other in ["-08c4", "-78c4", "-c8c4", "-d8c4", "-e8c4", "-f8c4"] {
            assert_eq!(batch_name(&good.replace("-98c4", other)), None, "{other}");
        }
        for other in [good.replace("-7cc3", "-4cc3"), good.to_uppercase(), good.replace('-', ""), format!("{{{good}}}")]
        {
            assert_eq!(batch_name(&other), None, "{other}");
        }
    }

    #[test]
    fn numbers_have_no_leading_zeros_and_a_bound() {
        let read = |text: &str, max| Scan::new(Part::Entry, text.as_bytes()).number(max).ok();
        assert_eq!(read("0", 9), Some(0));
        assert_eq!(read("18446744073709551615", u64::MAX), Some(u64::MAX));
        for text in ["", "00", "01", "-1", "+1", "18446744073709551616", "x"] {
            assert_eq!(read(text, u64::MAX), None, "{text}");
        }
        assert_eq!(read("10", 9), None);
    }
}
