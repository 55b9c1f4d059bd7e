//! IEEE 802.1AR.

use super::rule::Rule;

pub(super) const RULES: &[Rule] = &[];
