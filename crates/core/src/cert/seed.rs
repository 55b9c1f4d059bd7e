//! The random bytes from which a batch's serial numbers are derived.

use std::fmt;

/// A batch's seed: 32 random bytes, on the ledger before the first signature, published in the statement
/// afterwards. An attacker who knows it before then can predict serial numbers, so `Debug` does not show it.
#[derive(Clone, PartialEq, Eq)]
pub struct Seed(pub [u8; 32]);

impl Seed {
    /// The bytes.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Debug for Seed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Seed(..)")
    }
}
