//! IEEE 2030.5 device certificates (SunSpec CSIP).

mod algorithms;
mod authority_key_identifier;
mod certificate_policies;
mod key_usage;
mod subject;
mod validity;

use super::rule::{PROFILE_HINT as HINT, Rule};

pub(super) const RULES: &[Rule] = &[
    algorithms::RULE,
    subject::RULE,
    validity::RULE,
    key_usage::RULE,
    certificate_policies::RULE,
    authority_key_identifier::RULE,
];
