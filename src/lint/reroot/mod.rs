//! This program's own rules: rights that no device has, and the device's zone.

mod delegated_rights;
mod device_size;
mod legacy_rights;

use super::rule::Rule;

pub(super) const RULES: &[Rule] = &[delegated_rights::RULE, legacy_rights::RULE, device_size::RULE];
