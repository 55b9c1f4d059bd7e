//! Key and signature are P-256 with SHA-256.

use crate::cert::Profile;
use crate::lint::rule::Rule;
use crate::lint::shared::p256_with_sha256;
use crate::origin::Code;

pub(super) const RULE: Rule = p256_with_sha256(
    Code::new("ieee2030-5.algorithms").hinted(&super::HINT),
    "IEEE 2030.5-2018 §6.11",
    Profile::Ieee2030,
);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lint::testing::Case;
    use crate::x509::{KeyAlgorithm, SignatureAlgorithm};

    #[test]
    fn other_curves_are_found() {
        Case::good().passes(&RULE);
        Case::good().key(KeyAlgorithm::P384).fails(&RULE, "key");
        Case { signature: SignatureAlgorithm::EcdsaSha384.identifier(), ..Case::good() }.fails(&RULE, "SHA256");
    }
}
