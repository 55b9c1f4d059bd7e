//! The encoding says what the policy decided, nothing else.

mod fields;
mod serial;
mod spki;

use super::rule::Rule;

pub(super) const RULES: &[Rule] = &[serial::RULE, spki::RULE, fields::RULE];
