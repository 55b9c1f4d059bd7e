//! Port: the holder of a private key, which signs bytes with it.
//!
//! A signer sees bytes and an algorithm, never a leaf, a policy or a ledger. What it signs and in which order is
//! decided elsewhere; every signature it returns is verified before anyone else sees it.
//!
//! A [`KeyLocation`] says where a key is, a [`Secret`] opens it. Nothing here asks a terminal or the environment: the
//! caller passes a [`SecretResolver`].

mod encryption;
mod error;
pub mod file;
mod keyless;
mod location;
mod open;
pub mod pkcs11;
pub mod secret;

use crate::crypto::low_s;
use crate::x509::{SignatureAlgorithm, Spki};

pub use encryption::KeyEncryption;
pub use error::SignerError;
pub use file::{BatchSigning, FileSigner, GeneratedKey, generate};
pub use keyless::Keyless;
pub use location::KeyLocation;
pub use open::KeyFile;
pub use pkcs11_pool::{KeyUri, KeyUriError, Pkcs11Error, Pkcs11Signer};
pub use secret::{Answers, ResolveWith, Secret, SecretError, SecretResolver, SecretSource};

/// Holds one private key.
pub trait Signer: Send + Sync {
    /// The key's public half. The caller proves that it is the certificate's.
    fn public_key(&self) -> &Spki;

    /// Whether signatures of `algorithm` can be had from this key, asked before anything is recorded. What this
    /// accepts, [`sign_batch`](Self::sign_batch) does not refuse for its algorithm.
    ///
    /// # Errors
    /// The key is of another kind, or its holder lacks the algorithm ([`SignerError::Algorithm`]).
    fn check_algorithm(&self, algorithm: SignatureAlgorithm) -> Result<(), SignerError> {
        let key = self.public_key().algorithm();
        if algorithm.fits(key) { Ok(()) } else { Err(SignerError::Algorithm { key, algorithm }) }
    }

    /// What went wrong without stopping the work, for the operator: a token of a pool that was given up.
    fn notes(&self) -> Vec<String> {
        Vec::new()
    }

    /// Signs each message in order and appends the signatures to `signatures`, as the key's holder makes them. Callers
    /// use
    /// `sign_bytes`, which keeps one of the two forms of an ECDSA signature.
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

impl dyn Signer + '_ {
    /// As [`sign_batch`](Signer::sign_batch); of each ECDSA signature the form with the lower s is kept ([`low_s`]).
    /// Everything that this program signs is signed through here, with a CA key only by `issue::sign_recorded`.
    ///
    /// # Errors
    /// As for [`sign_batch`](Signer::sign_batch).
    pub fn sign_bytes(
        &self,
        algorithm: SignatureAlgorithm,
        messages: &[&[u8]],
        signatures: &mut Vec<Vec<u8>>,
    ) -> Result<(), SignerError> {
        let key = self.public_key().algorithm();
        let before = signatures.len();
        let result = self.sign_batch(algorithm, messages, signatures);
        for signature in signatures.iter_mut().skip(before) {
            *signature = low_s(key, std::mem::take(signature));
        }
        result
    }
}
