//! Errors of this stage: faults of the configuration, never of a leaf.

use crate::crypto::KeyError;
use crate::origin::Code;

/// Why a verifier cannot be made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum VerifyError {
    /// A trust anchor is not of version 3, has a broken name or an extension that cannot be honoured.
    #[error("trust anchor `{anchor}` cannot be used: {reason} ({code})")]
    AnchorDefect {
        /// The anchor's name.
        anchor: String,
        /// The code of the fault, as in rejections.
        code: Code,
        /// What was found.
        reason: String,
    },
    /// A trust anchor's key is not valid.
    #[error("trust anchor `{anchor}` has a bad key: {source}")]
    AnchorKey {
        /// The anchor's name.
        anchor: String,
        /// What is wrong with the key.
        source: KeyError,
    },
    /// A trust anchor is not a CA's certificate.
    #[error("trust anchor `{anchor}` is not a CA certificate: basicConstraints cA is not TRUE (RFC 5280 §4.2.1.9)")]
    AnchorNotACa {
        /// The anchor's name.
        anchor: String,
    },
    /// No trust anchor at all.
    #[error("no trust anchor is given, expected at least one source anchor (RFC 5280 §6.1.1 (d))")]
    NoAnchor,
    /// No key algorithm is allowed.
    #[error("no kind of source key is allowed, expected at least one")]
    NoKeyAllowed,
}

impl VerifyError {
    /// What to do about it.
    pub fn hint(&self) -> Option<String> {
        Some(
            match self {
                Self::AnchorDefect { .. } | Self::AnchorKey { .. } => {
                    "Compare the file with the one its issuer publishes; a genuine root of ST passes these checks."
                }
                Self::AnchorNotACa { .. } => "Give the issuing CA's certificate, not a leaf or a demonstration key's certificate.",
                Self::NoAnchor => {
                    "Name the source CA's certificate in the configuration's [source] anchors or for this run; certificates inside an input are never trusted."
                }
                Self::NoKeyAllowed => "List the kinds of key in the policy's source.keys, for example [\"P-256\"].",
            }
            .to_owned(),
        )
    }
}
