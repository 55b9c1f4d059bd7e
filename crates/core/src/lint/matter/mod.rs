//! Matter device attestation certificates (DAC).

mod algorithms;
mod basic_constraints;
mod key_identifiers;
mod key_usage;
mod size;
mod vendor_product;

use super::rule::{PROFILE_HINT as HINT, Rule};

pub(super) const RULES: &[Rule] = &[
    algorithms::RULE,
    size::RULE,
    basic_constraints::RULE,
    key_usage::RULE,
    key_identifiers::RULE,
    vendor_product::RULE,
];
