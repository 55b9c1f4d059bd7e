//! What the Azure Device Provisioning Service accepts.

mod client_auth;
mod registration_id;

use super::rule::{PROFILE_HINT as HINT, Rule};

pub(super) const RULES: &[Rule] = &[registration_id::RULE, client_auth::RULE];
