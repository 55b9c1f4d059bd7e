//! Why nothing was revoked, or no list was made.

use std::path::PathBuf;

use crate::class::Class;
use crate::text::Printable;
use crate::x509::Time;

/// Why nothing was revoked, or no list was made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RevokeError {
    /// The clock is behind the last round.
    #[error("this machine's clock says {now}, and the last round of revocation lists, {number}, has thisUpdate {last}")]
    ClockBehind {
        /// What the clock says.
        now: Time,
        /// Number of the last round.
        number: u64,
        /// Its thisUpdate.
        last: Time,
    },
    /// The person did not confirm.
    #[error("nothing was recorded: it was not confirmed")]
    Declined,
    /// The published lists are of another issuer.
    #[error("`{}` holds the lists of another issuer", Printable::new(path))]
    IndexIssuer {
        /// The index.
        path: PathBuf,
    },
    /// The index of published lists cannot be read.
    #[error("`{}` is not an index of revocation lists: {what}", Printable::new(path))]
    IndexMalformed {
        /// The index.
        path: PathBuf,
        /// What is wrong with it.
        what: String,
    },
    /// What was published is not on the ledger.
    #[error(
        "`{}` has round {published} of the revocation lists, and the last one on the ledger is {known}",
        Printable::new(path)
    )]
    LedgerBehind {
        /// The index.
        path: PathBuf,
        /// The round that was published.
        published: u64,
        /// The last round on the ledger; 0 if there is none.
        known: u64,
    },
    /// A list breaks a rule for lists.
    #[error("the list {scope} of round {number} breaks a rule: {finding}")]
    Lint {
        /// Which list.
        scope: String,
        /// The round.
        number: u64,
        /// The rule and what it found.
        finding: String,
    },
    /// What a plan says is not what this ledger gives.
    #[error("the plan's {what}: {found}, this ledger gives {expected}")]
    PlanDiffers {
        /// What differs.
        what: String,
        /// What the plan says.
        found: String,
        /// What the ledger gives.
        expected: String,
    },
    /// A plan or a file of signatures cannot be read.
    #[error("`{}` is not a {kind}: {what}", Printable::new(path))]
    PlanMalformed {
        /// The file.
        path: PathBuf,
        /// What it should be.
        kind: &'static str,
        /// What is wrong with it.
        what: String,
    },
    /// A signature that came back does not verify.
    #[error("a signature in `{}` does not verify under the issuer's key: {source}", Printable::new(path))]
    Returned {
        /// The file of signatures.
        path: PathBuf,
        /// What is wrong with it.
        source: crate::crypto::SignatureError,
    },
    /// Signatures of a round that a later one has followed.
    #[error("`{}` has signatures of round {number}, and round {last} was published since", Printable::new(path))]
    RoundOver {
        /// The file of signatures.
        path: PathBuf,
        /// Their round.
        number: u64,
        /// The last round that was signed.
        last: u64,
    },
    /// Where the certificates' lists are depends on what the ledger does not have.
    #[error(
        "the CRL distribution point of batch {batch} depends on the source leaf's common name, which is not on the ledger"
    )]
    ScopeUnknown {
        /// The batch.
        batch: String,
    },
    /// A new signature does not verify.
    #[error("a new signature of a revocation list does not verify under the issuer's key: {0}")]
    Signature(#[from] crate::crypto::SignatureError),
    /// No such batch.
    #[error("batch {batch} is not on the ledger")]
    UnknownBatch {
        /// The batch.
        batch: String,
    },
    /// The validity of a list does not begin before it ends.
    #[error("nextUpdate {next_update} is not after thisUpdate {this_update}")]
    Validity {
        /// thisUpdate
        this_update: Time,
        /// nextUpdate
        next_update: Time,
    },
}

impl RevokeError {
    /// The kind of failure.
    pub fn class(&self) -> Class {
        match self {
            Self::ClockBehind { .. }
            | Self::Declined
            | Self::IndexIssuer { .. }
            | Self::IndexMalformed { .. }
            | Self::LedgerBehind { .. }
            | Self::PlanDiffers { .. }
            | Self::PlanMalformed { .. }
            | Self::RoundOver { .. }
            | Self::ScopeUnknown { .. }
            | Self::UnknownBatch { .. }
            | Self::Validity { .. } => Class::Usage,
            Self::Lint { .. } => Class::Bug,
            Self::Returned { .. } | Self::Signature(_) => Class::Signer,
        }
    }

    /// What to do about it.
    pub fn hint(&self) -> Option<String> {
        let text = match self {
            Self::ClockBehind { .. } => {
                "Set the clock. If it is right, the last round was made with a wrong one: wait until its thisUpdate has passed."
            }
            Self::IndexIssuer { .. } => "Each issuer's lists have a directory of their own.",
            Self::IndexMalformed { .. } => "Name another directory, or restore the file from the web server.",
            Self::LedgerBehind { .. } => {
                "The ledger may have been restored from an old backup: revocations made since would be lost. Find the newest copy."
            }
            Self::PlanDiffers { .. } => {
                "Nothing was signed. The planner's ledger and this one must have the same revocations: make a new plan, and \
                 find out why they differ."
            }
            Self::Returned { .. } => {
                "The file was changed on its way, or another key made it: carry it again, or sign the plan again."
            }
            Self::RoundOver { .. } => "Lists do not go back: plan a new round.",
            Self::ScopeUnknown { .. } => "Chips of this batch cannot be put on a list by this program.",
            Self::Signature(_) => {
                "The private key is not the certificate's, or the signer or its connection is faulty. Run the same command \
                 again."
            }
            _ => return None,
        };
        Some(text.to_owned())
    }
}
