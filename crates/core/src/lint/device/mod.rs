//! This program's own rules: rights that no device has, and the device's zone.

mod delegated_rights;
mod legacy_rights;
mod size;

use super::rule::Rule;

pub(super) const RULES: &[Rule] = &[delegated_rights::RULE, legacy_rights::RULE, size::RULE];

/// What to do about a finding of these rules.
const HINT: &str = "Change the policy: no device certificate may be like this.";
