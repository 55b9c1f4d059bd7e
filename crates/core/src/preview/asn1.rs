//! Any DER as people read it: types by name, texts quoted, structure in braces.

use crate::text::Printable;
use crate::x509::tlv::{DerError, Element, MAX_NESTING, Reader, oid_from_content, tag};

use super::names;

/// All elements of `content`, separated by commas.
pub(super) fn show(content: &[u8]) -> Result<String, DerError> {
    list(content, MAX_NESTING)
}

/// Text in quotes.
pub(super) fn quote(text: &[u8]) -> String {
    format!("\"{}\"", Printable::bytes(text).to_string().replace('"', "\\\""))
}

/// The name of a universal type, or `[n]`.
pub(super) fn type_name(found: u8) -> String {
    let name = match found {
        tag::BIT_STRING => "BIT STRING",
        tag::BMP_STRING => "BMPString",
        tag::BOOLEAN => "BOOLEAN",
        tag::ENUMERATED => "ENUMERATED",
        tag::GENERALIZED_TIME => "GeneralizedTime",
        tag::IA5_STRING => "IA5String",
        tag::INTEGER => "INTEGER",
        tag::NULL => "NULL",
        tag::OBJECT_IDENTIFIER => "OBJECT IDENTIFIER",
        tag::OCTET_STRING => "OCTET STRING",
        tag::PRINTABLE_STRING => "PrintableString",
        tag::SEQUENCE => "SEQUENCE",
        tag::SET => "SET",
        tag::TELETEX_STRING => "TeletexString",
        tag::UNIVERSAL_STRING => "UniversalString",
        tag::UTC_TIME => "UTCTime",
        tag::UTF8_STRING => "UTF8String",
        _ => return format!("[{}]", found & 0x1F),
    };
    name.to_owned()
}

fn list(content: &[u8], depth: u8) -> Result<String, DerError> {
    let mut reader = Reader::new(content);
    let mut shown = Vec::new();
    while !reader.is_empty() {
        shown.push(one(reader.element("value")?, depth)?);
    }
    Ok(shown.join(", "))
}

fn one(element: Element<'_>, depth: u8) -> Result<String, DerError> {
    let Element { tag: found, content, .. } = element;
    let name = type_name(found);
    let hex = || if content.is_empty() { name.clone() } else { format!("{name} {}", hex::encode(content)) };
    Ok(match found {
        tag::BOOLEAN => (if content == [0] { "FALSE" } else { "TRUE" }).to_owned(),
        tag::INTEGER if (1..=4).contains(&content.len()) && content[0] < 0x80 => {
            content.iter().fold(0_u32, |number, byte| number << 8 | u32::from(*byte)).to_string()
        }
        tag::OBJECT_IDENTIFIER => names::other(oid_from_content(content, "value")?),
        tag::UTF8_STRING | tag::PRINTABLE_STRING | tag::IA5_STRING => match std::str::from_utf8(content) {
            Ok(text) => format!("{name} {}", quote(text.as_bytes())),
            Err(_) => hex(),
        },
        // bit 6 says constructed (X.690 §8.1.2.5)
        _ if found & 0x20 != 0 && depth > 0 => match list(content, depth - 1)? {
            inside if inside.is_empty() => format!("{name} {{}}"),
            inside => format!("{name} {{ {inside} }}"),
        },
        _ => hex(),
    })
}
