//! Names: `certificate.subject` and directory names, attribute by attribute (X.501, X.520, RFC 5280 appendix A).

use der::asn1::ObjectIdentifier;

use crate::policy::error;
use crate::policy::node::Node;
use crate::policy::shape::{CharSet, Shape};
use crate::policy::text::Text;
use crate::policy::value::Vocabulary;
use crate::text::{Printable, did_you_mean};
use crate::toml::{Table, Value};
use crate::x509::oid;
use crate::x509::tlv::tag;

use super::oid_text;

/// A string type that attributes may have. TeletexString, BMPString and UniversalString are left out: RFC 5280 §4.1.2.4
/// keeps them for CAs that used them before 2003.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum StringType {
    Utf8,
    Printable,
    Ia5,
}

impl StringType {
    const CHOICES: [(&'static str, Self); 3] =
        [("utf8", Self::Utf8), ("printable", Self::Printable), ("ia5", Self::Ia5)];

    pub(super) const fn tag(self) -> u8 {
        match self {
            Self::Utf8 => tag::UTF8_STRING,
            Self::Printable => tag::PRINTABLE_STRING,
            Self::Ia5 => tag::IA5_STRING,
        }
    }

    /// The characters a policy may put into it; control characters are in none.
    pub(super) const fn characters(self) -> CharSet {
        match self {
            Self::Utf8 => CharSet::ANY,
            Self::Printable => CharSet::PRINTABLE_STRING,
            Self::Ia5 => CharSet::ASCII,
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Utf8 => "UTF8String",
            Self::Printable => "PrintableString",
            Self::Ia5 => "IA5String",
        }
    }
}

/// What is known of an attribute type.
pub(super) struct AttributeType {
    pub(super) key: &'static str,
    pub(super) oid: ObjectIdentifier,
    strings: &'static [StringType],
    characters: CharSet,
    min: usize,
    max: usize,
    clause: &'static str,
}

const DIRECTORY: &[StringType] = &[StringType::Utf8, StringType::Printable];

const fn directory(key: &'static str, oid: ObjectIdentifier, max: usize, clause: &'static str) -> AttributeType {
    AttributeType { key, oid, strings: DIRECTORY, characters: CharSet::ANY, min: 1, max, clause }
}

const HEX4: CharSet = CharSet::UPPER_HEX;

/// The attribute types with names; the first string type is the one written if the policy names none.
pub(super) static ATTRIBUTES: &[AttributeType] = &[
    AttributeType {
        key: "C",
        oid: oid::COUNTRY_NAME,
        strings: &[StringType::Printable],
        characters: CharSet::UPPER,
        min: 2,
        max: 2,
        clause: "X.520 §6.3.1, ISO 3166-1",
    },
    directory("CN", oid::COMMON_NAME, 64, "ub-common-name"),
    AttributeType {
        key: "DC",
        oid: oid::DOMAIN_COMPONENT,
        strings: &[StringType::Ia5],
        characters: CharSet::ALPHANUMERIC.or(CharSet::of("-")),
        min: 1,
        max: 63,
        clause: "RFC 4519 §2.4",
    },
    directory("GN", oid::GIVEN_NAME, 32_768, "ub-name"),
    directory("L", oid::LOCALITY_NAME, 128, "ub-locality-name"),
    directory("O", oid::ORGANIZATION_NAME, 64, "ub-organization-name"),
    directory("OU", oid::ORGANIZATIONAL_UNIT_NAME, 64, "ub-organizational-unit-name"),
    directory("SN", oid::SURNAME, 32_768, "ub-name"),
    directory("ST", oid::STATE_OR_PROVINCE_NAME, 128, "ub-state-name"),
    directory("UID", oid::USER_ID, 256, "RFC 4519 §2.39, bound of RFC 1274 §9.3.1"),
    AttributeType {
        key: "dnQualifier",
        oid: oid::DN_QUALIFIER,
        strings: &[StringType::Printable],
        characters: CharSet::PRINTABLE_STRING,
        min: 1,
        max: 64,
        clause: "X.520 §6.2.8; the bound is this program's",
    },
    AttributeType {
        key: "emailAddress",
        oid: oid::EMAIL_ADDRESS,
        strings: &[StringType::Ia5],
        characters: CharSet::ASCII.without(CharSet::of(" ")),
        min: 1,
        max: 255,
        clause: "ub-emailaddress-length",
    },
    AttributeType {
        key: "matterProductId",
        oid: oid::MATTER_PRODUCT_ID,
        strings: &[StringType::Utf8],
        characters: HEX4,
        min: 4,
        max: 4,
        clause: "Matter core specification §6.2.2",
    },
    AttributeType {
        key: "matterVendorId",
        oid: oid::MATTER_VENDOR_ID,
        strings: &[StringType::Utf8],
        characters: HEX4,
        min: 4,
        max: 4,
        clause: "Matter core specification §6.2.2",
    },
    directory("name", oid::NAME, 32_768, "ub-name"),
    directory("pseudonym", oid::PSEUDONYM, 128, "ub-pseudonym"),
    AttributeType {
        key: "serialNumber",
        oid: oid::SERIAL_NUMBER,
        strings: &[StringType::Printable],
        characters: CharSet::PRINTABLE_STRING,
        min: 1,
        max: 64,
        clause: "ub-serial-number",
    },
    directory("title", oid::TITLE, 64, "ub-title"),
];

/// The bound for attribute types without a row: this program's own.
const MAX_UNKNOWN: usize = 1024;

/// A name, compiled.
#[derive(Clone, Debug)]
pub(in crate::policy) struct NameRecipe {
    /// The RDNSequence.
    pub(in crate::policy) node: Node,
    /// The attribute types in order.
    pub(in crate::policy) types: Vec<ObjectIdentifier>,
}

struct AttributeRecipe {
    oid: ObjectIdentifier,
    node: Node,
}

/// Reads a name: an array of RDNs, each a table of attributes, or an array of tables where one needs the long form.
pub(super) fn read(value: &Value<'_>, vocabulary: &Vocabulary) -> Option<NameRecipe> {
    let mut rdns = Some(Vec::new());
    let mut types = Vec::new();
    for member in value.array()? {
        match (rdn(&member, vocabulary), &mut rdns) {
            (Some(attributes), Some(list)) => {
                types.extend(attributes.iter().map(|attribute| attribute.oid));
                list.push(Node::SetOf(attributes.into_iter().map(|attribute| attribute.node).collect()));
            }
            _ => rdns = None,
        }
    }
    Some(NameRecipe { node: Node::sequence(rdns?), types })
}

fn rdn(value: &Value<'_>, vocabulary: &Vocabulary) -> Option<Vec<AttributeRecipe>> {
    let tables = if value.is_array() { value.filled_array("RFC 5280 §4.1.2.4")? } else { vec![value.clone()] };
    let mut attributes = Some(Vec::new());
    for table in tables {
        match (attributes_of(&table, vocabulary), &mut attributes) {
            (Some(found), Some(list)) => list.extend(found),
            _ => attributes = None,
        }
    }
    let attributes: Vec<AttributeRecipe> = attributes?;
    if attributes.is_empty() {
        return value.error(
            error::EMPTY,
            format!("`{}` has no attribute, expected at least one (RFC 5280 §4.1.2.4)", value.path),
        );
    }
    for (at, attribute) in attributes.iter().enumerate() {
        if attributes[..at].iter().any(|other| other.oid == attribute.oid) {
            let message =
                format!("`{}` has attribute type {} twice in one RDN (X.501 §9.3)", value.path, attribute.oid);
            return value.error_hint(error::DUPLICATE, message, "Give each its own table.");
        }
    }
    Some(attributes)
}

fn attributes_of(value: &Value<'_>, vocabulary: &Vocabulary) -> Option<Vec<AttributeRecipe>> {
    let table = value.table()?;
    if ["type", "value", "string"].iter().any(|key| table.has(key)) {
        return long_form(table, vocabulary).map(|attribute| vec![attribute]);
    }
    let mut attributes = Some(Vec::new());
    for (key, value) in table.entries() {
        let Some(kind) = ATTRIBUTES.iter().find(|kind| kind.key == key) else {
            let message = format!("`{}` has an unknown attribute `{}`", table.path, Printable::new(key));
            let hint = did_you_mean(key, ATTRIBUTES.iter().map(|kind| kind.key)).unwrap_or_else(|| {
                "Other attributes are written { type = \"1.2.3\", value = \"...\", string = \"utf8\" }.".to_owned()
            });
            table.errors.push_hint::<()>(error::KEY_UNKNOWN, &value.header, message, hint);
            attributes = None;
            continue;
        };
        let attribute = attribute(kind.oid, Some(kind), kind.strings[0], &value, vocabulary);
        match (attribute, &mut attributes) {
            (Some(attribute), Some(list)) => list.push(attribute),
            _ => attributes = None,
        }
    }
    attributes
}

fn long_form(table: Table<'_>, vocabulary: &Vocabulary) -> Option<AttributeRecipe> {
    let kind = table.required("type").and_then(|value| {
        let text = value.string()?;
        match ATTRIBUTES.iter().find(|kind| kind.key == text) {
            Some(kind) => Some(kind.oid),
            None => oid_text::read(&value),
        }
    });
    let known = kind.and_then(|oid| ATTRIBUTES.iter().find(|kind| kind.oid == oid));
    let string = table.required("string").and_then(|value| {
        let string = value.choice(&StringType::CHOICES)?;
        match known {
            Some(kind) if !kind.strings.contains(&string) => {
                let allowed: Vec<&str> = kind.strings.iter().map(|string| string.name()).collect();
                let message = format!(
                    "`{}` is {}, expected {} for {}",
                    value.path,
                    string.name(),
                    allowed.join(" or "),
                    kind.key
                );
                value.error(error::VALUE, message)
            }
            _ => Some(string),
        }
    });
    let value = table.required("value");
    table.finish();
    attribute(kind?, known, string?, &value?, vocabulary)
}

fn attribute(
    oid: ObjectIdentifier,
    known: Option<&AttributeType>,
    string: StringType,
    value: &Value<'_>,
    vocabulary: &Vocabulary,
) -> Option<AttributeRecipe> {
    let text = Text::read(value, vocabulary)?;
    let shape = text.shape();
    let (characters, min, max, clause) = known
        .map_or((CharSet::ANY, 1, MAX_UNKNOWN, "the bound is this program's"), |kind| {
            (kind.characters, kind.min, kind.max, kind.clause)
        });
    let fits = length(value, shape, min, max, clause)
        & (all_within(value, shape, string.characters(), string.name())
            && all_within(value, shape, characters, clause))
        & no_outer_space(value, shape);
    let node = Node::sequence(vec![Node::oid(oid), Node::text(string.tag(), text)]);
    fits.then_some(AttributeRecipe { oid, node })
}

/// Whether no value can be shorter or longer.
pub(super) fn length(value: &Value<'_>, shape: Shape, min: usize, max: usize, clause: &str) -> bool {
    let unit = if shape.bytes { "bytes" } else { "characters" };
    let found = if shape.min == shape.max { shape.min.to_string() } else { format!("{} to {}", shape.min, shape.max) };
    if shape.min < min || shape.max > max {
        let expected = if min == max { format!("exactly {min}") } else { format!("{min} to {max}") };
        let message = format!("`{}` has {found} {unit}, expected {expected} ({clause})", value.path);
        value.error::<()>(error::LENGTH, message);
        return false;
    }
    true
}

/// Whether every value stays within a set of characters.
pub(super) fn all_within(value: &Value<'_>, shape: Shape, allowed: CharSet, what: &str) -> bool {
    let foreign = shape.chars.without(allowed);
    if foreign.is_empty() {
        return true;
    }
    let message = format!("`{}` can hold {}, which is not allowed ({what})", value.path, foreign.show());
    value.error::<()>(error::CHARACTERS, message);
    false
}

fn no_outer_space(value: &Value<'_>, shape: Shape) -> bool {
    if shape.first.has(' ') || shape.last.has(' ') {
        let message = format!(
            "`{}` can begin or end with a space, which comparisons of names may drop (RFC 5280 §7.1)",
            value.path
        );
        value.error::<()>(error::CHARACTERS, message);
        return false;
    }
    true
}
