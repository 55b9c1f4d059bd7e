//! What ST's host library (STSELib) loads, as found by running it.

mod full_width;
mod issuer_key;
mod issuer_name;
mod subject_key;
mod tbs_length;

use super::rule::Rule;

pub(super) const RULES: &[Rule] =
    &[tbs_length::RULE, issuer_key::RULE, issuer_name::RULE, subject_key::RULE, full_width::RULE];

/// What to do about a finding of these rules.
const HINT: &str = "Change the policy, or the device target that it names: STSELib does not read such a certificate.";
