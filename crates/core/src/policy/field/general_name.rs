//! GeneralName (RFC 5280 §4.2.1.6) in its forms for devices.

use std::net::IpAddr;

use crate::policy::error;
use crate::policy::node::Node;
use crate::policy::text::Text;
use crate::text::Printable;
use crate::toml::{Table, Value};
use crate::x509::oid;
use crate::x509::tlv::tag;

use super::{Context, name, oid_text, typed_value, uri};

/// The forms of a name in `subject_alt_name.names`.
pub(super) const FORMS: [&str; 9] = [
    "dns",
    "uri",
    "email",
    "ip",
    "directory_name",
    "registered_id",
    "hardware_module_name",
    "permanent_identifier",
    "other_name",
];

/// Most bytes of a hwSerialNum or of another byte string: this program's own bound.
const MAX_BYTES: usize = 256;

/// Reads one name: a table with exactly one key, its form.
pub(super) fn read(value: &Value<'_>, context: &Context<'_>) -> Option<Node> {
    let table = value.table()?;
    let mut found = Vec::new();
    for form in FORMS {
        if let Some(content) = table.optional(form) {
            found.push((form, content));
        }
    }
    let path = value.path.clone();
    table.finish();
    match found.as_slice() {
        [(form, content)] => one(form, content, context),
        [] => value.error(error::EMPTY, format!("`{path}` names nothing, expected one of {}", FORMS.join(", "))),
        _ => {
            let forms: Vec<&str> = found.iter().map(|(form, _)| *form).collect();
            let message = format!("`{path}` has {} in one table, expected one form", forms.join(" and "));
            value.error_hint(error::CONTRADICTION, message, "Give each name its own table.")
        }
    }
}

fn one(form: &str, value: &Value<'_>, context: &Context<'_>) -> Option<Node> {
    let vocabulary = context.vocabulary;
    match form {
        "dns" => Some(Node::text(0x82, uri::dns_name(value, vocabulary)?)),
        "uri" => Some(Node::text(0x86, uri::uri(value, vocabulary, &[])?)),
        "email" => Some(Node::text(0x81, uri::email(value, vocabulary)?)),
        "ip" => ip(value),
        "registered_id" => Some(Node::primitive(0x88, oid_text::read(value)?.as_bytes())),
        "directory_name" => {
            let name = name::read(value, vocabulary)?;
            if name.types.is_empty() {
                return value
                    .error(error::EMPTY, format!("`{}` is the empty name, expected at least one RDN", value.path));
            }
            // a CHOICE inside a context tag is tagged explicitly (X.680 §31.2.7)
            Some(Node::Element(0xA4, vec![name.node]))
        }
        "hardware_module_name" => hardware_module_name(&value.table()?, context),
        "permanent_identifier" => permanent_identifier(value, &value.table()?, context),
        _ => other_name(&value.table()?, context),
    }
}

fn ip(value: &Value<'_>) -> Option<Node> {
    let text = value.string()?;
    match text.parse() {
        Ok(IpAddr::V4(address)) => Some(Node::primitive(0x87, &address.octets())),
        Ok(IpAddr::V6(address)) => Some(Node::primitive(0x87, &address.octets())),
        Err(_) => {
            let message = format!("`{}` is \"{}\", expected an IPv4 or IPv6 address", value.path, Printable::new(text));
            value.error_hint(error::FORM, message, "An address cannot have placeholders.")
        }
    }
}

/// OtherName ::= SEQUENCE { type-id OBJECT IDENTIFIER, value [0] EXPLICIT ANY }
fn other(oid: der::asn1::ObjectIdentifier, content: Node) -> Node {
    Node::Element(0xA0, vec![Node::oid(oid), Node::Element(0xA0, vec![content])])
}

/// HardwareModuleName ::= SEQUENCE { hwType OBJECT IDENTIFIER, hwSerialNum OCTET STRING } (RFC 4108 §5)
fn hardware_module_name(table: &Table<'_>, context: &Context<'_>) -> Option<Node> {
    let kind = table.required("type").and_then(|value| oid_text::read(&value));
    let serial = table.required("serial").and_then(|value| {
        let bytes = Text::read_bytes(&value, context.vocabulary)?;
        name::length(&value, bytes.shape(), 1, MAX_BYTES, "RFC 4108 §5; the bound is this program's").then_some(bytes)
    });
    table.report_unknown();
    let content = Node::sequence(vec![Node::oid(kind?), Node::text(tag::OCTET_STRING, serial?)]);
    Some(other(oid::ON_HARDWARE_MODULE_NAME, content))
}

/// PermanentIdentifier ::= SEQUENCE { identifierValue UTF8String OPTIONAL, assigner OBJECT IDENTIFIER OPTIONAL }
fn permanent_identifier(place: &Value<'_>, table: &Table<'_>, context: &Context<'_>) -> Option<Node> {
    let mut members = Some(Vec::new());
    let mut add = |found: Option<Node>| match (&mut members, found) {
        (Some(list), Some(node)) => list.push(node),
        (members, _) => *members = None,
    };
    let value = table.optional("value");
    if let Some(value) = &value {
        add(Text::read(value, context.vocabulary).and_then(|text| {
            let fits = name::length(value, text.shape(), 1, MAX_BYTES, "RFC 4043 §2; the bound is this program's")
                & name::all_within(value, text.shape(), name::StringType::Utf8.characters(), "UTF8String");
            fits.then(|| Node::text(tag::UTF8_STRING, text))
        }));
    }
    if let Some(assigner) = table.optional("assigner") {
        add(oid_text::read(&assigner).map(Node::oid));
    }
    table.report_unknown();
    let serials =
        context.subject.map(|subject| subject.types.iter().filter(|kind| **kind == oid::SERIAL_NUMBER).count());
    if value.is_none() && serials.is_some_and(|count| count != 1) {
        let message = format!(
            "`{}` has no `value`, and the subject does not have exactly one serialNumber to stand for it (RFC 4043 §2)",
            place.path
        );
        return place.error(error::CONTRADICTION, message);
    }
    Some(other(oid::ON_PERMANENT_IDENTIFIER, Node::sequence(members?)))
}

fn other_name(table: &Table<'_>, context: &Context<'_>) -> Option<Node> {
    let kind = table.required("type").and_then(|value| {
        let kind = oid_text::read(&value)?;
        let own = [
            (oid::ON_HARDWARE_MODULE_NAME, "hardware_module_name"),
            (oid::ON_PERMANENT_IDENTIFIER, "permanent_identifier"),
        ];
        match own.iter().find(|(oid, _)| *oid == kind) {
            Some((_, form)) => {
                value.error(error::OID_HAS_FIELD, format!("`{}` is that of `{form}`, a form of its own", value.path))
            }
            None => Some(kind),
        }
    });
    let content = table.required("value").and_then(|value| typed_value::read(&value, context.vocabulary));
    table.report_unknown();
    Some(other(kind?, content?))
}

/// GeneralNames of URIs, as distribution points carry them.
pub(super) fn uri_element(text: Text) -> Node {
    Node::text(0x86, text)
}
