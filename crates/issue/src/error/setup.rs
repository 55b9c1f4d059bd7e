//! Why a run cannot be set up as it was chosen.

use crate::class::Class;
use crate::manifest::Entry;
use crate::origin::Code;

/// Why a run cannot be set up as it was chosen. Nothing was read or recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SetupError {
    /// The reason for which the clock is accepted is not a text that can be recorded.
    #[error("accepting the clock: the reason is empty or longer than 1000 characters")]
    AcceptClock,
    /// The reason for which a CA is asked again is not a text that can be recorded.
    #[error("asking the CA again: the reason is empty or longer than 1000 characters")]
    AskAgain,
    /// The bulk identifier is not a text that can be recorded.
    #[error("the bulk identifier is empty or longer than {} characters", Entry::MAX_BULK_ID)]
    BulkId,
    /// Certificates that were made for a plan are files: they are read more than once.
    #[error("the CA's certificates cannot be read from standard input")]
    CertificatesFromStdin,
    /// The reason for which certificates are issued again is not a text that can be recorded.
    #[error("issuing again: the reason is empty or longer than 1000 characters")]
    Reissue,
}

impl SetupError {
    /// The kind of failure.
    pub const fn class(self) -> Class {
        Class::Usage
    }

    /// The stable code.
    pub const fn code(self) -> Code {
        match self {
            Self::AcceptClock => codes::ACCEPT_CLOCK,
            Self::AskAgain => codes::ASK_AGAIN,
            Self::BulkId => codes::BULK_ID,
            Self::CertificatesFromStdin => codes::CERTIFICATES_FROM_STDIN,
            Self::Reissue => codes::REISSUE,
        }
    }
}

/// The codes, each with its hint.
pub mod codes {
    codes! {
        pub const;
        ACCEPT_CLOCK = "setup.accept-clock", "the reason for which the clock is accepted is not fit to be recorded"
            => "Say in a few words why; it is kept permanently.";
        ASK_AGAIN = "setup.ask-again", "the reason for which a CA is asked again is not fit to be recorded";
        BULK_ID = "setup.bulk-id", "the bulk identifier is not fit to be recorded";
        CERTIFICATES_FROM_STDIN = "setup.certificates-from-stdin", "certificates for a plan are not in files";
        REISSUE = "setup.reissue", "the reason for which certificates are issued again is not fit to be recorded"
            => "State in a few words why these chips get another certificate; the reason is kept permanently.";
    }
}
