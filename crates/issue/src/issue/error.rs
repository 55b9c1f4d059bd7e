//! Why something was not signed or not released.

use crate::cert::WrongSignature;
use crate::class::Class;
use crate::crypto::{EngineError, KeyError};
use crate::origin::Uid;
use crate::signer::SignerError;
use crate::x509::{KeyAlgorithm, SignatureAlgorithm};

/// Why something was not signed or not released.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum IssueError {
    /// The issuer's key cannot make signatures of the algorithm that the certificate names.
    #[error("certificate of {uid} names {algorithm}, which the issuer's {key} key cannot make")]
    AlgorithmNotOfKey {
        /// The chip.
        uid: Uid,
        /// The algorithm in its tbsCertificate.
        algorithm: SignatureAlgorithm,
        /// The issuer's key.
        key: KeyAlgorithm,
    },
    /// The engine that checks the signatures is wrong.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// The issuer's own key is not usable.
    #[error("issuer key: {0}")]
    Key(#[from] KeyError),
    /// The signer holds another key than the issuer's certificate.
    #[error("signer's public key is not the one in the issuer's certificate: found {found}, expected {expected}")]
    KeyMismatch {
        /// SHA-256 of the signer's SubjectPublicKeyInfo.
        found: crate::x509::Sha256Digest,
        /// SHA-256 of the certificate's SubjectPublicKeyInfo.
        expected: crate::x509::Sha256Digest,
    },
    /// Signatures kept coming out short.
    #[error(
        "{signatures} signatures for {uid} in a row had a value with a leading zero byte, which chance does not explain"
    )]
    NeverFullWidth {
        /// The chip.
        uid: Uid,
        /// How many were made.
        signatures: u32,
    },
    /// A signature from elsewhere is not as the policy wants it.
    #[error("signature for {uid} has a value with a leading zero byte, which `device.full_width_signature` forbids")]
    NotFullWidth {
        /// The chip.
        uid: Uid,
    },
    /// What came back is not what an earlier run was given.
    #[error("the signature that came back for {uid} is not the one that was recorded when it came back before")]
    ReturnedDiffers {
        /// The chip.
        uid: Uid,
    },
    /// The signer broke its contract.
    #[error("signer returned {found} signatures for {expected} messages")]
    SignatureCount {
        /// Signatures returned.
        found: usize,
        /// Messages handed over.
        expected: usize,
    },
    /// The signer failed.
    #[error(transparent)]
    Signer(#[from] SignerError),
    /// A signature that does not verify under the issuer's own key. It has not left this program.
    #[error(transparent)]
    WrongSignature(#[from] WrongSignature),
}

impl IssueError {
    /// The kind of failure.
    pub fn class(&self) -> Class {
        match self {
            Self::AlgorithmNotOfKey { .. } | Self::Key(_) | Self::KeyMismatch { .. } => Class::Usage,
            Self::NeverFullWidth { .. }
            | Self::NotFullWidth { .. }
            | Self::ReturnedDiffers { .. }
            | Self::SignatureCount { .. }
            | Self::WrongSignature { .. } => Class::Signer,
            Self::Engine(_) => Class::Bug,
            Self::Signer(error) => error.class(),
        }
    }

    /// What to do about it.
    pub fn hint(&self) -> Option<String> {
        let text = match self {
            Self::AlgorithmNotOfKey { .. } => "Set `signature` in the policy to an algorithm of the issuer's key.",
            Self::Engine(error) => return error.hint(),
            Self::Key(_) => return None,
            Self::KeyMismatch { .. } => "Check `certificate` and `key` in the `[issuer]` table of the configuration.",
            Self::NeverFullWidth { .. } | Self::NotFullWidth { .. } | Self::SignatureCount { .. } => {
                "The signer or its connection is faulty: for a token, have it examined; then run \
                 the same command again."
            }
            Self::WrongSignature(_) => {
                "The private key is not the certificate's although the token's public key object is (a stale public key \
                 object), or the signer or its connection is faulty. docs/guide/hsm.md, \"A public key object that is stale or \
                 missing\", says how to tell. Then run the same command again."
            }
            Self::ReturnedDiffers { .. } => {
                "Finish with the file that was taken first. The signing machine writes it again from the same plan, and prints \
                 its SHA-256."
            }
            Self::Signer(error @ SignerError::Algorithm { .. }) => return error.hint(),
            Self::Signer(_) => "What was signed is on the ledger: when the signer is back, run the same command again.",
        };
        Some(text.to_owned())
    }
}
