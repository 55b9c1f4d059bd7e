//! Typed values: the contents of `other` extensions and other names, as ASN.1 types and not as templates of DER.

use crate::policy::error;
use crate::policy::node::Node;
use crate::policy::shape::CharSet;
use crate::policy::text::Text;
use crate::policy::value::Vocabulary;
use crate::toml::Value;
use crate::x509::tlv::{Reader, tag};

use super::{name, oid_text};

/// The types, with what their TOML value is.
const TYPES: [&str; 10] =
    ["utf8", "printable", "ia5", "octets", "integer", "boolean", "null", "oid", "sequence", "der"];

/// Deepest nesting of sequences and of constant DER.
const MAX_DEPTH: usize = 8;
/// Longest text or byte string: this program's own bound.
const MAX_LENGTH: usize = 1024;

/// Reads a table with one key, the type, and its value.
pub(super) fn read(value: &Value<'_>, vocabulary: &Vocabulary) -> Option<Node> {
    nested(value, vocabulary, 0)
}

fn nested(value: &Value<'_>, vocabulary: &Vocabulary, depth: usize) -> Option<Node> {
    if depth > MAX_DEPTH {
        return value.error(error::FORM, format!("`{}` is nested deeper than {MAX_DEPTH} sequences", value.path));
    }
    let table = value.table()?;
    let mut found = Vec::new();
    for kind in TYPES {
        if let Some(content) = table.optional(kind) {
            found.push((kind, content));
        }
    }
    table.finish();
    let [(kind, content)] = found.as_slice() else {
        let message = format!("`{}` has {} types, expected one of {}", value.path, found.len(), TYPES.join(", "));
        return value.error(error::FORM, message);
    };
    match *kind {
        "utf8" => text(content, vocabulary, tag::UTF8_STRING, CharSet::ANY, "UTF8String"),
        "printable" => text(content, vocabulary, tag::PRINTABLE_STRING, CharSet::PRINTABLE_STRING, "PrintableString"),
        "ia5" => text(content, vocabulary, tag::IA5_STRING, CharSet::ASCII, "IA5String"),
        "octets" => {
            let bytes = Text::read_bytes(content, vocabulary)?;
            let fits = name::length(content, bytes.shape(), 0, MAX_LENGTH, "the bound is this program's");
            fits.then(|| Node::text(tag::OCTET_STRING, bytes))
        }
        "integer" => content.number().map(|number| Node::primitive(tag::INTEGER, &integer(number))),
        "boolean" => content.boolean().map(|truth| Node::primitive(tag::BOOLEAN, if truth { &[0xFF] } else { &[0] })),
        "null" if content.boolean()? => Some(Node::primitive(tag::NULL, &[])),
        "null" => content.error(error::FORM, format!("`{}` is false, expected true", content.path)),
        "oid" => oid_text::read(content).map(Node::oid),
        "sequence" => {
            let mut members = Some(Vec::new());
            for member in content.array()? {
                match (nested(&member, vocabulary, depth + 1), &mut members) {
                    (Some(node), Some(list)) => list.push(node),
                    _ => members = None,
                }
            }
            members.map(Node::sequence)
        }
        _ => constant_der(content),
    }
}

fn text(value: &Value<'_>, vocabulary: &Vocabulary, tag: u8, characters: CharSet, kind: &str) -> Option<Node> {
    let text = Text::read(value, vocabulary)?;
    let fits = name::length(value, text.shape(), 0, MAX_LENGTH, "the bound is this program's")
        & name::all_within(value, text.shape(), characters, kind);
    fits.then(|| Node::text(tag, text))
}

/// The content bytes of a non-negative INTEGER.
fn integer(number: u32) -> Vec<u8> {
    let bytes: Vec<u8> = number.to_be_bytes().into_iter().skip_while(|byte| *byte == 0).collect();
    if bytes.first().is_none_or(|first| *first > 0x7F) { [&[0], &bytes[..]].concat() } else { bytes }
}

/// One element of DER, written in hexadecimal: constant, and strict in lengths down to every constructed element.
fn constant_der(value: &Value<'_>) -> Option<Node> {
    let text = value.string()?;
    let Ok(bytes) = hex::decode(text) else {
        return value.error(error::FORM, format!("`{}` is not hexadecimal", value.path));
    };
    let mut reader = Reader::new(&bytes);
    let read = reader.element("value").and_then(|element| {
        reader.finish("value")?;
        check_nested(element.tag, element.content, 0)
    });
    match read {
        Ok(()) => Some(Node::Bytes(bytes)),
        Err(reason) => value.error(error::FORM, format!("`{}` is not one element of DER: {reason}", value.path)),
    }
}

fn check_nested(tag: u8, content: &[u8], depth: usize) -> Result<(), crate::x509::tlv::DerError> {
    // bit 6 says constructed (X.690 §8.1.2.5)
    if tag & 0x20 == 0 || depth > 2 * MAX_DEPTH {
        return Ok(());
    }
    let mut reader = Reader::new(content);
    while !reader.is_empty() {
        let element = reader.element("element inside value")?;
        check_nested(element.tag, element.content, depth + 1)?;
    }
    Ok(())
}
