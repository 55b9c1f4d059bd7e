//! IEEE 2030.5.

use super::rule::Rule;

pub(super) const RULES: &[Rule] = &[];
