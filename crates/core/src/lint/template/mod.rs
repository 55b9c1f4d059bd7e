//! The encoding says what the policy decided, nothing else.

mod fields;
mod serial;
mod spki;

use super::rule::Rule;

pub(super) const RULES: &[Rule] = &[serial::RULE, spki::RULE, fields::RULE];

/// What to do about a finding of these rules.
const HINT: &str = "The encoder made something else than the policy decided: report this with the policy and the leaf.";
