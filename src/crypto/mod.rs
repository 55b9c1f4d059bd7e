//! Hashing, HMAC and signature verification.
//!
//! Guarantees: a [`PublicKey`] is a valid key of its algorithm (a point on the curve, not the identity); a signature
//! is accepted only in its one strict encoding. Signing is [`signer`](crate::signer)'s.
//!
//! Left to later: an engine with tables for one issuer's key. It belongs into [`PublicKey`], behind the same
//! [`verify`](PublicKey::verify), so that nobody above this module can tell which engine answered.

mod ecdsa;
mod ed25519;
mod error;
mod hash;
mod key;
mod rsa;

pub use ecdsa::{EcdsaSignature, is_full_width};
pub use error::{KeyError, SignatureError};
pub use hash::{Sha256, hmac_sha1, hmac_sha256, sha1, sha256, sha384, sha512};
pub use key::PublicKey;
