//! Port: whoever holds a private key and signs octets with it.
//!
//! A signer sees octets and an algorithm, never a leaf, a policy or a ledger. What it signs and in which order is
//! decided elsewhere; every signature it returns is verified before anyone else sees it.

use crate::x509::{SignatureAlgorithm, Spki};

/// Holds one private key.
pub trait Signer: Send + Sync {
    /// The key's public half. The caller proves that it is the certificate's.
    fn public_key(&self) -> &Spki;

    /// Signs each message in order and appends the signatures to `signatures`.
    ///
    /// Messages are **not hashed**: the implementer hashes them as `algorithm` says. A signature is the content of the
    /// certificate's BIT STRING (ECDSA: an ECDSA-Sig-Value, RFC 3279 §2.2.3).
    ///
    /// # Errors
    /// When a message cannot be signed. Signatures made before it are in `signatures`, in order: what was signed is
    /// never lost.
    fn sign_batch(
        &self,
        algorithm: SignatureAlgorithm,
        messages: &[&[u8]],
        signatures: &mut Vec<Vec<u8>>,
    ) -> Result<(), SignerError>;
}

/// Why a message could not be signed or a key not be opened.
#[derive(Debug, thiserror::Error)]
pub enum SignerError {
    /// The key cannot make signatures of this algorithm.
    #[error("a {key} key cannot sign with {algorithm}")]
    Algorithm {
        /// The key found.
        key: crate::x509::KeyAlgorithm,
        /// The algorithm asked for.
        algorithm: SignatureAlgorithm,
    },
}
