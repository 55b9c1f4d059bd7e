//! The public half of a key where nothing is signed: a sealed batch is published again without the CA's key.

use crate::x509::{SignatureAlgorithm, Spki};

use super::{Signer, SignerError};

/// A signer without its private key: it refuses to sign.
#[derive(Clone, Debug)]
pub struct Keyless(Spki);

impl Keyless {
    /// Takes the public half.
    pub const fn new(public: Spki) -> Self {
        Self(public)
    }
}

impl Signer for Keyless {
    fn public_key(&self) -> &Spki {
        &self.0
    }

    fn sign_batch(
        &self,
        algorithm: SignatureAlgorithm,
        _messages: &[&[u8]],
        _signatures: &mut Vec<Vec<u8>>,
    ) -> Result<(), SignerError> {
        Err(SignerError::Failed { algorithm })
    }
}
