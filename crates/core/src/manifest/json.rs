//! JSON with one spelling: printable ASCII, keys in a fixed order, escapes in one form.
//!
//! Strings escape `"` and `\` with a backslash and every character outside printable ASCII as `\uXXXX` in lower-case
//! hexadecimal (a surrogate pair above U+FFFF). Nothing else is ever escaped, so every string has one spelling.
//!
//! serde reads and writes the values. A reader writes what it has read again and compares ([`same`]): that, and not
//! care in each reader, is what refuses any other spelling.

use std::collections::BTreeMap;
use std::fmt::{self, Write as _};

use serde::de::{Error as _, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

use crate::cert::Seed;
use crate::origin::{Disposition, ItemName, Uid};
use crate::text::brief;
use crate::verify::{Family, Relaxation};
use crate::x509::{SerialNumber, Sha1Digest, Sha256Digest, Time};

use super::error::{ManifestError, Part};

/// Writes a value in one line, without a newline.
pub(crate) fn line<T: Serialize>(value: &T) -> String {
    ascii(serde_json::to_string(value).expect(TEXT_KEYS))
}

/// Writes a value with one member or element a line, indented by two spaces a level, and a newline at the end.
pub(super) fn pretty<T: Serialize>(value: &T) -> String {
    let mut text = ascii(serde_json::to_string_pretty(value).expect(TEXT_KEYS));
    text.push('\n');
    text
}

/// Reads a value. The caller shows with [`same`] that the text is in its one spelling.
pub(super) fn read<'a, T: Deserialize<'a>>(part: Part, text: &'a [u8]) -> Result<T, ManifestError> {
    serde_json::from_slice(text).map_err(|error| refused(part, text, &error))
}

/// Proves that a text is the one spelling of what was read from it.
pub(super) fn same(part: Part, text: &[u8], canonical: &str) -> Result<(), ManifestError> {
    if text == canonical.as_bytes() {
        return Ok(());
    }
    let at = text.iter().zip(canonical.as_bytes()).take_while(|(found, expected)| found == expected).count();
    // what comes next up to the end of the next value
    let next = &canonical[at..];
    Err(ManifestError::syntax(part, at, if next.is_empty() { "the end" } else { next }))
}

/// The error for a text that serde could not read.
fn refused(part: Part, text: &[u8], error: &serde_json::Error) -> ManifestError {
    // a byte that the format does not allow is reported before any other error in the text
    let ascii = |byte: &u8| matches!(byte, b'\n' | 0x20..=0x7E);
    let text = match text.iter().position(|byte| !ascii(byte)) {
        Some(at) => return ManifestError::syntax(part, at, STRING),
        None => std::str::from_utf8(text).expect("it is ASCII"),
    };
    let lines = text.split_inclusive('\n').take(error.line().saturating_sub(1));
    let at = (lines.map(str::len).sum::<usize>() + error.column()).min(text.len());
    let message = error.to_string();
    let message = message.rsplit_once(" at line ").map_or(message.as_str(), |(message, _)| message);
    if let Some((found, expected)) = message.strip_prefix(VALUE).and_then(|rest| rest.split_once(VALUE)) {
        return ManifestError::value(part, key(&text[..at]), found, expected.to_owned());
    }
    if message.starts_with("EOF while parsing a string") {
        return ManifestError::syntax(part, at, STRING);
    }
    ManifestError::Syntax { part, at, problem: brief(message) }
}

/// The last key of a text that breaks off.
fn key(text: &str) -> String {
    let fits = |byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_');
    let ends = text.rmatch_indices("\":");
    let mut keys = ends.filter_map(|(end, _)| text[..end].rsplit('"').next());
    keys.find(|key| !key.is_empty() && key.bytes().all(fits)).unwrap_or("line").to_owned()
}

/// Gives each character its one escape: serde_json writes characters beyond ASCII as they are, and has shorter escapes
/// for some control characters.
fn ascii(text: String) -> String {
    if text.bytes().all(|byte| matches!(byte, b'\n' | 0x20..=0x7E) && byte != b'\\') {
        return text;
    }
    let mut out = String::with_capacity(text.len() + 64);
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        match character {
            '\\' => match characters.next() {
                Some('b') => push_escape(&mut out, '\u{8}'),
                Some('t') => push_escape(&mut out, '\t'),
                Some('n') => push_escape(&mut out, '\n'),
                Some('f') => push_escape(&mut out, '\u{c}'),
                Some('r') => push_escape(&mut out, '\r'),
                other => out.extend(['\\'].into_iter().chain(other)),
            },
            '\n' | ' '..='~' => out.push(character),
            _ => push_escape(&mut out, character),
        }
    }
    out
}

fn push_escape(out: &mut String, character: char) {
    for unit in character.encode_utf16(&mut [0; 2]) {
        write!(out, "\\u{unit:04x}").expect("writing to a String");
    }
}

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
                _ => push_escape(out, character),
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
    // a digest at a time: a line has five, and pushing digit after digit asks for room each time
    let mut text = [0; 64];
    for part in bytes.chunks(text.len() / 2) {
        for (byte, pair) in part.iter().zip(text.chunks_exact_mut(2)) {
            pair[0] = digits[usize::from(byte >> 4)];
            pair[1] = digits[usize::from(byte & 15)];
        }
        out.push_str(std::str::from_utf8(&text[..part.len() * 2]).expect("hexadecimal digits are ASCII"));
    }
    out.push('"');
}

/// Appends a number in decimal.
pub(super) fn push_number(out: &mut String, value: u64) {
    write!(out, "{value}").expect("writing to a String");
}

/// Reads a string that is the spelling of a value; what it is expected to be is for the message.
pub(super) struct Spelled<T>(pub(super) &'static str, pub(super) fn(&str) -> Option<T>);

impl<T> Visitor<'_> for Spelled<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<T, E> {
        let Self(expected, read) = self;
        read(text).ok_or_else(|| E::custom(format_args!("{VALUE}{text}{VALUE}{expected}")))
    }
}

/// Types that are a string in JSON: what the string must be, how it is read and how it is written.
macro_rules! strings {
    ($($type:ty: $expected:expr, $read:expr, $write:expr;)*) => {$(
        impl serde::Serialize for $type {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                let write: fn(&$type) -> _ = $write;
                serializer.collect_str(&write(self))
            }
        }

        impl<'de> serde::Deserialize<'de> for $type {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                deserializer.deserialize_str(crate::manifest::json::Spelled($expected, $read))
            }
        }
    )*};
}
pub(super) use strings;

strings! {
    Disposition: "`rejected` or `ignored`", |text| named([Self::Rejected, Self::Ignored], Self::as_str, text),
        |disposition| disposition.as_str();
    Family: "`stsafe-a`, `stsafe-l` or `generic`", |text| named(Self::ALL, Self::as_str, text), |family| family.as_str();
    ItemName: "an item name in printable ASCII", |text| Self::from_escaped(text).ok(), |name| name.clone();
    Relaxation: "the name of a relaxation", Self::from_name, |relaxation| relaxation.as_str();
    Seed: DIGEST, |text| Some(Self(*text.parse::<Sha256Digest>().ok()?.as_bytes())), |seed| hex::encode(seed.as_bytes());
    SerialNumber: "a serial number in upper-case hexadecimal", |text| Self::from_content(&upper_hex(text)?).ok(),
        |serial| hex::encode_upper(serial.content());
    Sha1Digest: "40 lower-case hexadecimal digits", |text| text.parse().ok(), |digest| *digest;
    Sha256Digest: DIGEST, |text| text.parse().ok(), |digest| *digest;
    Time: "a time such as 2026-01-31T00:00:00Z", time, |time| *time;
    Uid: "1 to 20 bytes in upper-case hexadecimal", |text| Self::from_bytes(&upper_hex(text)?).ok(), |uid| *uid;
}

pub(super) const DIGEST: &str = "64 lower-case hexadecimal digits";

/// The value that has this name.
pub(super) fn named<T: Copy, const N: usize>(all: [T; N], name: fn(T) -> &'static str, text: &str) -> Option<T> {
    all.into_iter().find(|one| name(*one) == text)
}

/// Decodes hexadecimal of upper-case letters only.
pub(super) fn upper_hex(text: &str) -> Option<Vec<u8>> {
    if text.bytes().any(|byte| byte.is_ascii_lowercase()) { None } else { hex::decode(text).ok() }
}

/// Decodes hexadecimal of lower-case letters only.
pub(super) fn lower_hex(text: &str) -> Option<Vec<u8>> {
    if text.bytes().any(|byte| byte.is_ascii_uppercase()) { None } else { hex::decode(text).ok() }
}

/// Reads a time in the one spelling that manifests have.
fn time(text: &str) -> Option<Time> {
    Time::from_rfc3339(text).ok().filter(|time| time.to_string() == text)
}

/// Reads a member that is there, regardless of its value: without it serde takes `null` for a member that is not.
pub(super) fn present<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}

/// The value of a member that can be `null` and, in some versions of its format, be absent.
#[derive(Deserialize, Serialize)]
#[serde(transparent)]
pub(super) struct Nullable<T>(pub(super) Option<T>);

/// Reads the name of a batch: a UUID of version 7 and of the variant of RFC 9562, in its one spelling.
pub(super) fn batch<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    deserializer.deserialize_str(Spelled("a UUIDv7 in lower case with hyphens (RFC 9562)", batch_name))
}

fn batch_name(text: &str) -> Option<String> {
    let uuid = uuid::Uuid::try_parse(text).ok()?;
    let version_7 = uuid.get_version_num() == 7 && uuid.get_variant() == uuid::Variant::RFC4122;
    (version_7 && uuid.hyphenated().to_string() == text).then(|| text.to_owned())
}

/// Reads an object whose members are strings in the order of their names.
pub(super) fn sorted<'de, D: Deserializer<'de>>(deserializer: D) -> Result<BTreeMap<String, String>, D::Error> {
    deserializer.deserialize_map(Sorted)
}

struct Sorted;

impl<'de> Visitor<'de> for Sorted {
    type Value = BTreeMap<String, String>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Self::Value, A::Error> {
        let mut sorted = Self::Value::new();
        while let Some((name, value)) = members.next_entry::<String, String>()? {
            if sorted.last_key_value().is_some_and(|(last, _)| *last >= name) {
                return Err(A::Error::custom(format_args!("{VALUE}{name}{VALUE}names in byte order, each once")));
            }
            sorted.insert(name, value);
        }
        Ok(sorted)
    }
}

/// Whether a reason is one as a statement or a line can have it. What is written is not blank either
/// ([`Entry::check_reason`](super::Entry::check_reason)).
pub(super) fn is_reason(text: &str) -> bool {
    !text.is_empty() && text.chars().nth(super::Entry::MAX_REASON).is_none()
}

pub(super) const REASON: &str = "null or a reason of 1 to 1000 characters";

const STRING: &str = "a string of printable ASCII with canonical escapes";
const TEXT_KEYS: &str = "keys are text";
/// Marks a message of [`Spelled`]: serde's own have no such character.
const VALUE: char = '\0';

#[cfg(test)]
mod tests {
    use super::*;

    fn read_string(text: &str) -> Result<String, ManifestError> {
        let string: String = read(Part::Entry, text.as_bytes())?;
        same(Part::Entry, text.as_bytes(), &line(&string))?;
        Ok(string)
    }

    #[test]
    fn strings_are_written_in_ascii_and_read_back() {
        for (text, json) in [
            ("", r#""""#),
            ("plain /text", r#""plain /text""#),
            ("a\"b\\c", r#""a\"b\\c""#),
            ("\\n\\u00e9\\\\", r#""\\n\\u00e9\\\\""#),
            ("\n\t\u{7f}\0\u{8}\u{c}\r\u{1f}", r#""\u000a\u0009\u007f\u0000\u0008\u000c\u000d\u001f""#),
            ("\u{e9}\u{202e}\u{1f512}", r#""\u00e9\u202e\ud83d\udd12""#),
        ] {
            let mut out = String::new();
            push_string(&mut out, text);
            assert_eq!(out, json);
            assert_eq!(line(&text), json, "the two writers agree");
            assert_eq!(read_string(json).unwrap(), text);
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
            assert!(read_string(text).is_err(), "{text}");
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
    fn a_message_says_the_place_and_the_key() {
        #[derive(Debug, Deserialize, Serialize)]
        #[serde(deny_unknown_fields)]
        struct Two {
            #[serde(rename = "note")]
            _note: String,
            digests: Vec<Sha1Digest>,
        }
        let message = |text: &str| {
            let error = read::<Two>(Part::Entry, text.as_bytes()).unwrap_err();
            error.to_string().strip_prefix("line of manifest.jsonl: ").unwrap().to_owned()
        };
        let good = "0123456789012345678901234567890123456789";
        assert_eq!(
            message(&format!(r#"{{"note":"a\":b","digests":["{good}","x\":"]}}"#)),
            "`digests` is \"x\":\", expected 40 lower-case hexadecimal digits"
        );
        assert_eq!(message(r#"{"note":"a"}"#), "at byte 12: missing field `digests`");
        assert_eq!(message("{\"note\":\n\"a"), format!("at byte 11: expected \"{STRING}\""));
    }

    #[test]
    fn numbers_have_no_leading_zeros_and_a_bound() {
        let read = |text: &str| read::<u64>(Part::Entry, text.as_bytes()).ok();
        assert_eq!(read("0"), Some(0));
        assert_eq!(read("18446744073709551615"), Some(u64::MAX));
        for text in ["", "00", "01", "-1", "+1", "1.0", "1e3", "18446744073709551616", "x"] {
            assert_eq!(read(text), None, "{text}");
        }
    }
}
