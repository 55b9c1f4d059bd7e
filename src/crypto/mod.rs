//! Hashing, HMAC and signature verification.
//!
//! Guarantees: a [`PublicKey`] is a valid key of its algorithm (a point on the curve, not the identity); a signature
//! is accepted only in its one strict encoding. Signing is [`signer`](crate::signer)'s.

mod hash;

pub use hash::{Sha256, hmac_sha256, sha1, sha256};
