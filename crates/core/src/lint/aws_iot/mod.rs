//! What AWS IoT Core accepts.

mod key;
mod signature;
mod thing_name;

use super::rule::{PROFILE_HINT as HINT, Rule};

pub(super) const RULES: &[Rule] = &[signature::RULE, key::RULE, thing_name::RULE];
