//! Every checking stage's errors under one roof. Wrapping only: messages and hints are the stages' own.

use crate::class::Class;
use crate::crypto::EngineError;
use crate::delivery::DeliveryError;
use crate::durable::DurableError;
use crate::findings::FindingsError;
use crate::load::LoadError;
use crate::manifest::ManifestError;
use crate::policy::PolicyErrors;
use crate::reel::ReelError;
use crate::verify::{ExpectError, VerifyError};
use crate::x509::Time;

/// The fault of the environment, the policy or this program; never of one leaf.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The issuing CA or the manifest signer is not valid now.
    #[error("`{subject}` is valid from {not_before} to {not_after}, not at {at}")]
    CertificateNotValid {
        /// Whose certificate.
        subject: String,
        /// Its first second.
        not_before: Time,
        /// Its last second.
        not_after: Time,
        /// The instant of the run.
        at: Time,
    },
    /// The chain of the issuing CA has no end.
    #[error("no batch can be verified: {reason}")]
    ChainIncomplete {
        /// Where it ends.
        reason: String,
    },
    /// Part of a UID names no chip of the batch, or could be part of several.
    #[error("`{chip}` {found}")]
    Chip {
        /// What was given, in hexadecimal.
        chip: String,
        /// What was found.
        found: &'static str,
        /// What to do about it.
        hint: &'static str,
    },
    /// The batch directory could not be written or read.
    #[error(transparent)]
    Delivery(#[from] DeliveryError),
    /// A file could not be written.
    #[error(transparent)]
    Durable(#[from] DurableError),
    /// The engine that checks many signatures is wrong.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// The file for all findings could not be written.
    #[error(transparent)]
    Findings(FindingsError),
    /// Two inputs have one name.
    #[error("two inputs are named `{name}`, and so would be their items")]
    InputTwice {
        /// The name, escaped.
        name: String,
    },
    /// Ctrl-C.
    #[error("interrupted")]
    Interrupted,
    /// A file that was named cannot be used.
    #[error(transparent)]
    Load(LoadError),
    /// The manifest could not be made or read.
    #[error(transparent)]
    Manifest(#[from] ManifestError),
    /// A batch whose seal, or whose account under the seal, does not hold.
    #[error("batch failed verification: {0}")]
    NotSealed(#[source] ManifestError),
    /// The policy is wrong.
    #[error(transparent)]
    Policy(#[from] PolicyErrors),
    /// An input could not be read.
    #[error(transparent)]
    Reel(#[from] ReelError),
    /// A scratch file gave back different bytes than were written.
    #[error("a scratch file was changed during the run: found different bytes, expected those that were written")]
    SpoolChanged,
    /// A batch would be sealed that `verify` refuses.
    #[error("the batch could not be verified: {reason} [{code}]")]
    Unverifiable {
        /// The code that `verify` would report.
        code: String,
        /// What it would find.
        reason: String,
    },
    /// The verifier could not be set up.
    #[error(transparent)]
    Verify(#[from] VerifyError),
}

impl Error {
    /// The kind of failure.
    pub fn class(&self) -> Class {
        match self {
            Self::CertificateNotValid { .. }
            | Self::ChainIncomplete { .. }
            | Self::Chip { .. }
            | Self::Findings(_)
            | Self::InputTwice { .. }
            | Self::Policy(_)
            | Self::Unverifiable { .. }
            | Self::Verify(_) => Class::Usage,
            Self::Delivery(error) => error.class(),
            Self::Durable(error) => error.class(),
            Self::Engine(_) => Class::Bug,
            Self::Interrupted => Class::Interrupted,
            Self::Load(error) => error.class(),
            Self::Manifest(error) => error.class(),
            Self::NotSealed(_) => Class::Content,
            Self::Reel(error) => error.class(),
            Self::SpoolChanged => Class::Storage,
        }
    }

    /// What to do about it, as a sentence, where that can be said.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::CertificateNotValid { .. } => {
                Some("Have a new certificate issued for the key, or look at this machine's clock.".into())
            }
            Self::ChainIncomplete { .. } => Some(
                "Name every certificate up to the root under [issuer] chain, nearest first: `verify` needs the root as its \
                 anchor."
                    .into(),
            ),
            Self::Chip { hint, .. } => Some((*hint).into()),
            Self::Delivery(error) => error.hint(),
            Self::Durable(error) => error.hint(),
            Self::Engine(error) => error.hint(),
            Self::Findings(error) => error.hint(),
            Self::InputTwice { .. } => Some("Rename one of them, or put them into one directory and name that.".into()),
            Self::Interrupted => Some("Run the same command again to resume.".into()),
            Self::Load(error) => error.hint(),
            Self::Manifest(error) | Self::NotSealed(error) => error.hint(),
            Self::Policy(_) => None, // each finding carries its own
            Self::Reel(error) => error.hint(),
            Self::SpoolChanged => Some("Check the disk of the scratch files (the folder of the output, or TMPDIR), then run again.".into()),
            Self::Unverifiable { .. } => Some(
                "Nothing was recorded or signed. Relying parties refuse certificates below such a chain: have the CA \
                 certificate that is named issued again, or issue under another CA."
                    .into(),
            ),
            Self::Verify(error) => error.hint(),
        }
    }
}

/// What is wrong in a policy is shown with its place in the file.
impl From<LoadError> for Error {
    fn from(error: LoadError) -> Self {
        match error {
            LoadError::Policy(errors) => Self::Policy(errors),
            error => Self::Load(error),
        }
    }
}

impl From<ExpectError> for Error {
    fn from(error: ExpectError) -> Self {
        Self::Load(LoadError::Expected(error))
    }
}

/// What is not the findings' own fault keeps its class.
impl From<FindingsError> for Error {
    fn from(error: FindingsError) -> Self {
        match error {
            FindingsError::Durable(error) => Self::Durable(error),
            FindingsError::Reel(error) => Self::Reel(error),
            error @ FindingsError::Taken { .. } => Self::Findings(error),
        }
    }
}
