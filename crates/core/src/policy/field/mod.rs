//! One file for each field of a policy: its form, its checks with their clauses, its effect, and its documentation.
//!
//! [`FIELDS`] is the table from which `docs/reference/policy-reference.md` is generated; [`EXTENSIONS`] is the table by
//! which the
//! `[extensions]` section is read and the order in which extensions are encoded.

mod authority_info_access;
mod authority_key_identifier;
mod basic_constraints;
mod certificate_policies;
mod crl_distribution_points;
pub(super) mod device;
pub(super) mod extended_key_usage;
pub(super) mod foreign;
mod general_name;
pub(super) mod head;
mod key_usage;
mod name;
mod oid_text;
mod other;
pub(super) mod params;
mod related_certificate;
pub(super) mod revocation;
pub(super) mod serial;
pub(super) mod signature;
pub(super) mod source;
pub(super) mod subject;
mod subject_alt_name;
mod subject_key_identifier;
mod typed_value;
mod uri;
pub(super) mod validity;

use std::ops::Range;

use der::asn1::ObjectIdentifier;

use super::error;
use super::node::Node;
use super::value::Vocabulary;
use crate::toml::{Table, Value};
use crate::verify::SourceRules;

/// What the reference says of a field.
#[derive(Clone, Copy, Debug)]
pub struct Field {
    /// The key's path, such as `certificate.not_after`.
    pub path: &'static str,
    /// What it decides.
    pub meaning: &'static str,
    /// Its TOML form.
    pub form: &'static str,
    /// The document that defines what ends up in the certificate.
    pub clause: &'static str,
    /// For extensions: who decides `critical`.
    pub criticality: Option<&'static str>,
    /// What is proved when the policy is loaded or bound to an issuer.
    pub checks: &'static [&'static str],
    /// Lines as they are in a policy.
    pub example: &'static str,
}

/// Every field, in the order of the reference.
pub static FIELDS: &[&Field] = &[
    &head::VERSION,
    &head::NAME,
    &head::DESCRIPTION,
    &head::PROFILES,
    &source::FAMILY,
    &source::KEYS,
    &source::RELAX,
    &params::PARAMS,
    &subject::FIELD,
    &serial::FIELD,
    &validity::NOT_BEFORE,
    &validity::NOT_AFTER,
    &validity::OUTLIVES_ISSUER,
    &signature::FIELD,
    &basic_constraints::FIELD,
    &key_usage::FIELD,
    &extended_key_usage::FIELD,
    &subject_key_identifier::FIELD,
    &authority_key_identifier::FIELD,
    &subject_alt_name::FIELD,
    &certificate_policies::FIELD,
    &crl_distribution_points::FIELD,
    &authority_info_access::FIELD,
    &related_certificate::FIELD,
    &other::FIELD,
    &device::TARGET,
    &device::MAX_CERTIFICATE_BYTES,
    &device::FULL_WIDTH_SIGNATURE,
    &revocation::SHARDS,
    &revocation::EXPECTED_CERTIFICATES,
    &revocation::WORST_REVOKED_PERCENT,
    &revocation::MAX_CRL_BYTES,
    &foreign::MAY_DIFFER,
];

/// The line by which the example of a field writes its key.
pub(super) fn example_line(path: &str) -> Option<&'static str> {
    let field = FIELDS.iter().find(|field| field.path == path)?;
    let key = path.rsplit('.').next()?;
    field.example.lines().find(|line| line.strip_prefix(key).is_some_and(|rest| rest.trim_start().starts_with('=')))
}

/// An extension with a field of its own.
pub(super) struct ExtensionField {
    /// The key in `[extensions]`.
    pub(super) key: &'static str,
    /// extnID.
    pub(super) oid: ObjectIdentifier,
    read: fn(&Value<'_>, &Context<'_>) -> Option<Recipe>,
}

/// The extensions in the order in which certificates carry them; `other` follows.
pub(super) static EXTENSIONS: &[ExtensionField] = &[
    basic_constraints::EXTENSION,
    key_usage::EXTENSION,
    extended_key_usage::EXTENSION,
    subject_key_identifier::EXTENSION,
    authority_key_identifier::EXTENSION,
    subject_alt_name::EXTENSION,
    certificate_policies::EXTENSION,
    crl_distribution_points::EXTENSION,
    authority_info_access::EXTENSION,
    related_certificate::EXTENSION,
];

/// What an extension's reader may look at beyond its own table.
pub(super) struct Context<'c> {
    pub(super) vocabulary: &'c Vocabulary,
    pub(super) source: Option<&'c SourceRules>,
    pub(super) subject: Option<&'c subject::Subject>,
}

/// An extension as the policy wants it.
#[derive(Clone, Debug)]
pub(super) struct Recipe {
    pub(super) oid: ObjectIdentifier,
    pub(super) critical: bool,
    pub(super) value: Node,
    /// Its place in the policy.
    pub(super) span: Range<usize>,
    /// Its path in the policy.
    pub(super) path: String,
}

/// Reads `[extensions]`.
pub(super) fn read_extensions(table: &Table<'_>, context: &Context<'_>) -> Option<Vec<Recipe>> {
    let mut recipes = Some(Vec::new());
    let mut keep = |found: Option<Recipe>| match (&mut recipes, found) {
        (Some(list), Some(recipe)) => list.push(recipe),
        (recipes, _) => *recipes = None,
    };
    for extension in EXTENSIONS {
        if let Some(value) = table.optional(extension.key) {
            keep((extension.read)(&value, context));
        }
    }
    if let Some(value) = table.optional("other") {
        for found in other::read(&value, context) {
            keep(found);
        }
    }
    if let Some(recipes) = &recipes {
        extended_key_usage::check_against_key_usage(recipes, table.errors);
    }
    recipes
}

impl Recipe {
    fn new(oid: ObjectIdentifier, critical: bool, value: Node, place: &Value<'_>) -> Self {
        Self { oid, critical, value, span: place.span.clone(), path: place.path.clone() }
    }
}

/// The key `critical` where the standard leaves a choice.
fn critical(table: &Table<'_>) -> Option<bool> {
    table.required("critical").and_then(|value| value.boolean())
}

/// Where the standard leaves no choice, `critical` is not written.
fn never_critical(table: &Table<'_>, extension: &str, clause: &str) {
    table.forbid(
        "critical",
        error::CRITICALITY,
        &format!("{extension} is never critical ({clause}), so `critical` is not written"),
        "Leave `critical` away.",
    );
}
