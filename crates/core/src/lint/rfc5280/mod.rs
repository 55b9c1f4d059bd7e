//! RFC 5280 and the documents that update it: what every certificate must meet.

mod authority_key_identifier;
mod basic_constraints;
mod ca_extensions;
mod certificate_policies;
mod extended_key_usage;
mod extension_critical_encoding;
mod extensions_unique;
mod issuer_name;
mod key_usage_ca;
mod key_usage_key;
mod name_lengths;
mod name_strings;
mod never_critical;
mod serial_length;
mod serial_positive;
mod signature_algorithm;
mod subject_alt_name;
mod subject_empty;
mod subject_key_identifier;
mod unique_identifiers;
mod validity_encoding;
mod validity_issuer;
mod validity_order;
mod version;

use super::rule::Rule;

pub(super) const RULES: &[Rule] = &[
    version::RULE,
    serial_positive::RULE,
    serial_length::RULE,
    signature_algorithm::RULE,
    issuer_name::RULE,
    validity_encoding::RULE,
    validity_order::RULE,
    validity_issuer::RULE,
    unique_identifiers::RULE,
    subject_empty::RULE,
    name_strings::RULE,
    name_lengths::RULE,
    extensions_unique::RULE,
    extension_critical_encoding::RULE,
    authority_key_identifier::RULE,
    subject_key_identifier::RULE,
    basic_constraints::RULE,
    ca_extensions::RULE,
    key_usage_ca::RULE,
    key_usage_key::RULE,
    extended_key_usage::RULE,
    subject_alt_name::RULE,
    never_critical::RULE,
    certificate_policies::RULE,
];

/// What to do about a finding of these rules.
const HINT: &str =
    "Change what the policy says about the field that is named: RFC 5280 allows no certificate like this.";
