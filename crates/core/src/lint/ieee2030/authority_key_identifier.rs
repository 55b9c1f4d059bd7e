//! authorityKeyIdentifier is there.

use crate::cert::Profile;
use crate::lint::rule::Rule;
use crate::lint::shared::authority_key_identifier;
use crate::origin::Code;

pub(super) const RULE: Rule = authority_key_identifier(
    Code::new("ieee2030-5.authority-key-identifier").hinted(&super::HINT),
    "IEEE 2030.5-2018 §6.11",
    Profile::Ieee2030,
);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lint::testing::Case;
    use crate::x509::oid;

    #[test]
    fn the_issuers_key_is_named() {
        Case::good().passes(&RULE);
        Case::good().without(oid::AUTHORITY_KEY_IDENTIFIER).fails(&RULE, "absent");
    }
}
