//! Azure Device Provisioning Service.

use super::rule::Rule;

pub(super) const RULES: &[Rule] = &[];
