//! Why a worker of a pool, or the run that finishes its batch, ends.

use crate::class::Class;
use crate::text::Printable;
use crate::x509::Sha256Digest;

/// Why a worker of a pool, or the run that finishes its batch, ends.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PoolError {
    /// This machine demands approvals, which are for a whole plan.
    #[error("`[signing]` demands approvals ({needed}) of each plan, and a worker signs chunks without the plan")]
    Approvals {
        /// How many.
        needed: usize,
    },
    /// The batch is for a different certificate of the CA.
    #[error(
        "batch {batch} is for the CA certificate with SHA-256 {found}, but the configured one has SHA-256 {expected}"
    )]
    Issuer {
        /// The batch.
        batch: String,
        /// SHA-256 of its CA certificate.
        found: Sha256Digest,
        /// SHA-256 of the configured one.
        expected: Sha256Digest,
    },
    /// The file with the leaves of a chunk cannot be read.
    #[error("cannot read `{}`, the leaves of a chunk: {}", Printable::new(place), Printable::new(what))]
    Leaves {
        /// Where it was looked for.
        place: String,
        /// The reason.
        what: String,
    },
    /// Workers have not made all certificates.
    #[error("batch {batch} has {made} of {leaves} certificates on the ledger, and a finished batch has all of them")]
    NotDone {
        /// The batch.
        batch: String,
        /// Certificates on the ledger.
        made: u64,
        /// Leaves of the batch.
        leaves: u64,
    },
    /// A batch that was handed out although a different run makes it.
    #[error("batch {batch} was not made by `plan`, and no worker signs it")]
    NotPlanned {
        /// The batch.
        batch: String,
    },
}

impl PoolError {
    /// The kind of failure.
    pub const fn class(&self) -> Class {
        match self {
            Self::Approvals { .. } | Self::Issuer { .. } | Self::NotPlanned { .. } => Class::Usage,
            Self::Leaves { .. } | Self::NotDone { .. } => Class::Input,
        }
    }

    /// What to do about it.
    pub const fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Approvals { .. } => Some("Sign the whole plan on this machine."),
            Self::Issuer { .. } => Some("Check `certificate` in `[issuer]` on the planner's machine and on this one."),
            Self::Leaves { .. } => Some("Name the directory to which the planner wrote the leaves."),
            Self::NotDone { .. } => Some(
                "Run the same command again when the workers are done. Planning again hands out the chunks that are parked.",
            ),
            Self::NotPlanned { .. } => None,
        }
    }
}
