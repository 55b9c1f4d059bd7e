//! Hashing, HMAC and signature verification.
//!
//! Guarantees: a [`PublicKey`] is a valid key of its algorithm (a point on the curve, not the identity); a signature
//! is accepted only in its one strict encoding. Signing is `reroot-issue`'s.
//!
//! Many signatures of one key are checked by an [`IssuerKey`], several times as fast and with the same verdicts.

mod ca_path;
mod ecdsa;
mod ed25519;
mod error;
mod hash;
mod issuer_key;
mod key;
mod rsa;

pub use ca_path::{
    NotSigned, chain_end, check_authority, check_signed, named_notes, other_algorithm_hint, reaches_anchor, signed_by,
};
pub use ecdsa::{EcdsaSignature, ecdsa_signature, is_full_width, is_kept_form, keeps_higher_s, kept_form, low_s};
pub use error::{EngineError, KeyError, SignatureError};
pub use hash::{HmacSha256, Sha256, hmac_sha1, hmac_sha256, sha1, sha2, sha256, sha384, sha512};
pub use issuer_key::{Claim, IssuerKey, Verdict, VerificationEngine};
pub use key::PublicKey;
