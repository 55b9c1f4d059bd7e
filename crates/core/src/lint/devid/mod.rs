//! IEEE 802.1AR: initial and local device identifiers.

mod authority_key_identifier;
mod hardware_module_name;
mod key_usage;
mod serial_number;

use super::rule::{PROFILE_HINT as HINT, Rule};

pub(super) const RULES: &[Rule] =
    &[serial_number::RULE, authority_key_identifier::RULE, key_usage::RULE, hardware_module_name::RULE];
