//! `certificate.subject`: the name of the device.

use std::ops::Range;

use der::asn1::ObjectIdentifier;

use crate::policy::document::Table;
use crate::policy::node::Node;
use crate::policy::value::Vocabulary;

use super::Field;
use super::name::{self, NameRecipe};

pub(super) const FIELD: Field = Field {
    path: "certificate.subject",
    meaning: "The subject's RDNs in order. One table is one RDN; several keys in a table make a multi-valued RDN, its \
              attributes in DER order. `[]` is the empty name. Attributes by name: C, CN, DC, GN, L, O, OU, SN, ST, UID, \
              dnQualifier, emailAddress, matterProductId, matterVendorId, name, pseudonym, serialNumber, title; as \
              UTF8String where X.520 leaves a choice. Others, or another string type, in the long form \
              `{ type = \"1.2.3\", value = \"...\", string = \"utf8\" }` (`utf8`, `printable`, `ia5`); an RDN of several \
              such attributes is an array of tables.",
    form: "array of tables (or of arrays of tables); values may have placeholders",
    clause: "RFC 5280 §4.1.2.6, X.520",
    criticality: None,
    checks: &[
        "X.520 bounds hold for every value that placeholders can have",
        "every value's characters belong to the string type (RFC 5280 §4.1.2.4)",
        "no value begins or ends with a space",
        "no attribute type twice in one RDN (X.501 §9.3)",
        "an empty subject needs a critical `subject_alt_name` (RFC 5280 §4.1.2.6)",
    ],
    example: "subject = [{ O = \"Acme SA\" }, { CN = \"{uid}\" }]",
};

/// The subject with its place.
#[derive(Clone, Debug)]
pub(in crate::policy) struct Subject {
    pub(in crate::policy) node: Node,
    pub(in crate::policy) types: Vec<ObjectIdentifier>,
    pub(in crate::policy) span: Range<usize>,
}

pub(in crate::policy) fn read(table: &Table<'_>, vocabulary: &Vocabulary) -> Option<Subject> {
    let value = table.required("subject")?;
    let NameRecipe { node, types } = name::read(&value, vocabulary)?;
    Some(Subject { node, types, span: value.span.clone() })
}
