//! authorityKeyIdentifier is there.

use crate::cert::Profile;
use crate::lint::rule::Rule;
use crate::lint::shared::authority_key_identifier;
use crate::origin::Code;

pub(super) const RULE: Rule = authority_key_identifier(
    Code::new("devid.authority-key-identifier").hinted(&super::HINT),
    "IEEE 802.1AR-2018 §8.10.1",
    Profile::DevId,
);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lint::testing::Case;
    use crate::x509::oid;

    #[test]
    fn a_devid_names_its_issuers_key() {
        Case::good().passes(&RULE);
        Case::good().without(oid::AUTHORITY_KEY_IDENTIFIER).fails(&RULE, "absent");
    }
}
