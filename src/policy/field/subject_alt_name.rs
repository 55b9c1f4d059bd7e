//! `extensions.subject_alt_name`: further names of the device.

use crate::policy::document::Value;
use crate::policy::error;
use crate::policy::node::Node;
use crate::x509::oid;

use super::{Context, ExtensionField, Field, Recipe, general_name};

pub(super) const FIELD: Field = Field {
    path: "extensions.subject_alt_name",
    meaning: "Further names of the device, in order, each a table with one key: `dns`, `uri`, `email` (texts with \
              placeholders), `ip` (an address), `directory_name` (as `certificate.subject`), `registered_id` (an object \
              identifier), `hardware_module_name = { type = OID, serial = OCTETS }` (RFC 4108 §5), \
              `permanent_identifier = { value = TEXT, assigner = OID }`, both optional (RFC 4043 §2), \
              `other_name = { type = OID, value = TYPED }` (typed values: see `extensions.other`). OCTETS are a text whose \
              characters are the octets, or `{uid|bytes}` for the octets behind hexadecimal.",
    form: "table: `critical`, `names` (array of tables)",
    clause: "RFC 5280 §4.2.1.6",
    criticality: Some(
        "true if the subject is empty, otherwise the policy's choice; RFC 5280 wants it non-critical then",
    ),
    checks: &[
        "at least one name",
        "every DNS name, URI and mail address is valid for every value that placeholders can have",
        "URIs are absolute; one with an authority has a fully qualified host",
        "`other_name` is none of the forms with a key of its own",
    ],
    example: "[extensions]\nsubject_alt_name = { critical = false, names = [{ uri = \"urn:stsafe:{uid|lower}\" }] }",
};

pub(super) const EXTENSION: ExtensionField =
    ExtensionField { key: "subject_alt_name", oid: oid::SUBJECT_ALT_NAME, read };

fn read(value: &Value<'_>, context: &Context<'_>) -> Option<Recipe> {
    let table = value.table()?;
    let critical = table.required("critical");
    let criticality = critical.as_ref().and_then(Value::boolean);
    let names = table.required("names");
    table.finish();
    let members = names?.filled_array("RFC 5280 §4.2.1.6: at least one name")?;
    let mut nodes = Some(Vec::new());
    for member in members {
        match (general_name::read(&member, context), &mut nodes) {
            (Some(node), Some(list)) => list.push(node),
            _ => nodes = None,
        }
    }
    let empty = context.subject.is_some_and(|subject| subject.types.is_empty());
    if empty && criticality == Some(false) {
        return critical?.error_hint(
            error::CRITICALITY,
            "`extensions.subject_alt_name.critical` is false, but the subject is empty (RFC 5280 §4.1.2.6 wants it critical then)",
            "Write critical = true.",
        );
    }
    Some(Recipe::new(oid::SUBJECT_ALT_NAME, criticality?, Node::sequence(nodes?), value))
}
