//! Matter device attestation certificates.

use super::rule::Rule;

pub(super) const RULES: &[Rule] = &[];
