//! GeneralName (RFC 5280 §4.2.1.6) as people read it.

use std::net::{Ipv4Addr, Ipv6Addr};

use crate::x509::tlv::{DerError, Element, Reader, oid_from_content, tag};
use crate::x509::{Name, oid};

use super::{asn1, fields, names};

/// One line for each name.
pub(super) fn lines(content: &[u8]) -> Result<Vec<String>, DerError> {
    let mut reader = Reader::new(content);
    let mut lines = Vec::new();
    while !reader.is_empty() {
        lines.push(show(reader.element("GeneralName")?)?);
    }
    Ok(lines)
}

fn show(name: Element<'_>) -> Result<String, DerError> {
    let text = |form: &str| format!("{form} {}", asn1::quote(name.content));
    Ok(match name.tag {
        0x81 => text("email"),
        0x82 => text("dns"),
        0x86 => text("uri"),
        0x87 => match name.content {
            [a, b, c, d] => format!("ip {}", Ipv4Addr::new(*a, *b, *c, *d)),
            bytes => match <[u8; 16]>::try_from(bytes) {
                Ok(bytes) => format!("ip {}", Ipv6Addr::from(bytes)),
                Err(_) => format!("ip {}", hex::encode(bytes)),
            },
        },
        0x88 => format!("registered id {}", oid_from_content(name.content, "registeredID")?),
        0xA0 => other_name(name.content)?,
        0xA4 => match Name::from_der(name.content) {
            Ok(name) => format!("directory name {}", fields::name(&name).join(", ")),
            Err(_) => format!("directory name {}", asn1::show(name.content)?),
        },
        _ => asn1::show(name.raw)?,
    })
}

/// OtherName ::= SEQUENCE { type-id OBJECT IDENTIFIER, value [0] EXPLICIT ANY }
fn other_name(content: &[u8]) -> Result<String, DerError> {
    let mut reader = Reader::new(content);
    let kind = reader.oid("type-id")?;
    let value = reader.expect(0xA0, "value")?.content;
    let inside = || Reader::new(value).expect(tag::SEQUENCE, "value").map(|sequence| Reader::new(sequence.content));
    Ok(match kind {
        oid::ON_HARDWARE_MODULE_NAME => {
            let mut fields = inside()?;
            let module = fields.oid("hwType")?;
            let serial = fields.expect(tag::OCTET_STRING, "hwSerialNum")?.content;
            format!("hardwareModuleName type {module}, serial {}", hex::encode_upper(serial))
        }
        oid::ON_PERMANENT_IDENTIFIER => {
            let mut fields = inside()?;
            let mut parts = vec![names::other(kind)];
            if let Some(value) = fields.optional(tag::UTF8_STRING, "identifierValue")? {
                parts.push(asn1::quote(value.content));
            }
            if !fields.is_empty() {
                parts.push(format!("assigned by {}", fields.oid("assigner")?));
            }
            parts.join(" ")
        }
        _ => format!("other name {kind}: {}", asn1::show(value)?),
    })
}
