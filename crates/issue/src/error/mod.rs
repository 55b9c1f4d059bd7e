//! Every stage's errors under one roof. Wrapping only: messages and hints are the stages' own.

mod cmp;
mod plan;
mod pool;
mod revoke;
pub mod setup;
mod signing_service;

use std::path::PathBuf;

use crate::crypto::EngineError;
use crate::delivery::DeliveryError;
use crate::durable::DurableError;
use crate::failure::{Failure, IntoFailure, MistakesIn};
use crate::findings::FindingsError;
use crate::manifest::ManifestError;
use crate::origin::{Finding, Uid};
use crate::policy::PolicyErrors;
use crate::reel::ReelError;
use crate::text::Printable;
use crate::verify::VerifyError;
use crate::x509::{Sha256Digest, Time};

use crate::approval::ApprovalError;
use crate::audit_log::JournalError;
use crate::ca::CaError;
use crate::class::Class;
use crate::config::ConfigErrors;
use crate::issue::IssueError;
use crate::ledger::{AuthorityKind, LedgerError, NamesError};
use crate::signer::SignerError;

pub use cmp::{CmpError, RequestError, TransportError};
pub use plan::PlanError;
pub use pool::PoolError;
/// What checking says.
pub use reroot_core::error::Error as CoreError;
pub use revoke::RevokeError;
pub use setup::SetupError;
pub use signing_service::SigningServiceError;

/// The fault of the environment, the policy or this program; never of one leaf.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// An item would be neither issued nor rejected nor ignored.
    #[error("{items} items were read and {accounted} accounted for")]
    Account {
        /// Items read.
        items: u64,
        /// Items issued, rejected or ignored.
        accounted: u64,
    },
    /// A certificate of an external CA that was checked before is not one any more.
    #[error("the certificate that the CA made for chip {uid} cannot be used: {reason}")]
    AnswerUnusable {
        /// The chip.
        uid: Uid,
        /// What is wrong with it now.
        reason: String,
    },
    /// An approval was not made, or is not accepted.
    #[error(transparent)]
    Approval(#[from] ApprovalError),
    /// A task was given to an authority that cannot serve it.
    #[error("a run that {task} cannot use {}", authority.describe())]
    AuthorityUnfit {
        /// What the run does.
        task: &'static str,
        /// The authority.
        authority: AuthorityKind,
    },
    /// A beacon was given, and no serial number would depend on it.
    #[error("a beacon was given, but no serial number would depend on it: {reason}")]
    BeaconUnused {
        /// Why.
        reason: &'static str,
    },
    /// Making or showing a CA failed.
    #[error(transparent)]
    Ca(#[from] CaError),
    /// This machine's clock is not where it can be.
    #[error(
        "this machine's clock says {clock}, which is {} the newest instant that is known, {known}{}",
        if *what == "behind" { "before" } else { "far after" },
        if *what == "behind" { String::new() } else { format!(" (more than {limit} days)") }
    )]
    ClockJump {
        /// What the clock says.
        clock: Time,
        /// The newest instant known: of the ledger, the certificates, or this release.
        known: Time,
        /// `behind` or `ahead`.
        what: &'static str,
        /// Days that it may be ahead.
        limit: i64,
    },
    /// A CA could not be asked by CMP.
    #[error(transparent)]
    Cmp(#[from] CmpError),
    /// `reroot.toml` or a file it names is wrong.
    #[error(transparent)]
    Config(#[from] ConfigErrors),
    /// Something could not be read, checked or written.
    #[error(transparent)]
    Core(CoreError),
    /// The batch was started in another form.
    #[error("batch {batch} was started with `{recorded}`, but this command uses `{asked}`")]
    DeliveryDiffers {
        /// The batch.
        batch: String,
        /// The options it was started with.
        recorded: String,
        /// The options now.
        asked: String,
    },
    /// The ledger is not the one the operator expects.
    #[error("ledger head is {found}, expected {expected} (the head that was given)")]
    HeadDiffers {
        /// Head found.
        found: Sha256Digest,
        /// Head expected.
        expected: Sha256Digest,
    },
    /// A certificate could not be signed or checked.
    #[error(transparent)]
    Issue(#[from] IssueError),
    /// An event is not on the audit log.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// A resumed batch would have other leaves.
    #[error("batch {batch} on the ledger has other leaves than this input gives now")]
    LeavesDiffer {
        /// The batch.
        batch: String,
    },
    /// The ledger failed.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// A leaf that was clean in pass 1 is not in pass 2.
    #[error("{item} was clean when it was linted and is not now: {reason}")]
    LintDiffers {
        /// The item.
        item: String,
        /// What is wrong now.
        reason: String,
    },
    /// The manifest could not be sealed.
    #[error("manifest signer: {0}")]
    ManifestSigner(#[source] SignerError),
    /// The list of another site's chips cannot be used.
    #[error(transparent)]
    Names(#[from] NamesError),
    /// Inputs that another batch, or none, was made of.
    #[error("these inputs are not those that batch {batch} was made of")]
    NotItsSources {
        /// The batch.
        batch: String,
    },
    /// A batch that is not sealed cannot be published again.
    #[error("batch {batch} is not sealed")]
    NotSealedYet {
        /// The batch.
        batch: String,
    },
    /// A published batch was changed.
    #[error("`{file}` in `{}` is not what was sealed", Printable::new(path))]
    OutputDamaged {
        /// The batch directory.
        path: PathBuf,
        /// The file.
        file: String,
    },
    /// Something is at the output's place.
    #[error("`{}` exists already and is not this batch", Printable::new(path))]
    OutputExists {
        /// The place.
        path: PathBuf,
    },
    /// A plan, or the signatures for one, are not taken.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// A worker of a pool, or the run that finishes its batch, ends.
    #[error(transparent)]
    Pool(#[from] PoolError),
    /// A sealed batch would come out with other bytes.
    #[error("`{file}` of batch {batch} would not be what was sealed")]
    RepublishDiffers {
        /// The batch.
        batch: String,
        /// The file.
        file: String,
    },
    /// Nothing was revoked, or no list was made.
    #[error(transparent)]
    Revoke(#[from] RevokeError),
    /// A run cannot be set up as it was chosen.
    #[error(transparent)]
    Setup(#[from] SetupError),
    /// Some of an issuing key's certificates would be on shards and some not.
    #[error(
        "policy `{}` has {}, and batch {batch} was issued with this key under policy `{}`, which has {}: an issuing key \
         has shards in all of its policies or in none",
        Printable::new(policy), shards_in_words(*shards), Printable::new(earlier), shards_in_words(*earlier_shards)
    )]
    ShardsDiffer {
        /// Name of the policy.
        policy: String,
        /// Its `revocation.shards`.
        shards: Option<u16>,
        /// The newest batch of the key.
        batch: String,
        /// The name of its policy.
        earlier: String,
        /// The `revocation.shards` of that policy.
        earlier_shards: Option<u16>,
    },
    /// A key could not be opened or used.
    #[error(transparent)]
    Signer(#[from] SignerError),
    /// The signing service was not reached, did not start, or did not take a call.
    #[error(transparent)]
    SigningService(#[from] SigningServiceError),
}

fn shards_in_words(shards: Option<u16>) -> String {
    shards.map_or_else(|| "no `revocation.shards`".to_owned(), |count| format!("`revocation.shards` = {count}"))
}

impl Error {
    /// Ctrl-C.
    pub const INTERRUPTED: Self = Self::Core(CoreError::Interrupted);

    /// Returns whether the run was ended early on request.
    pub const fn is_interrupted(&self) -> bool {
        matches!(self, Self::Core(CoreError::Interrupted))
    }

    /// A leaf that was clean in pass 1 is not in pass 2.
    pub(crate) fn lint_differs(finding: Finding) -> Self {
        Self::LintDiffers { item: finding.item.to_string(), reason: finding.reason }
    }

    /// The kind of failure.
    pub fn class(&self) -> Class {
        match self {
            Self::Account { .. } | Self::LintDiffers { .. } => Class::Bug,
            Self::AnswerUnusable { .. } | Self::LeavesDiffer { .. } | Self::RepublishDiffers { .. } => Class::Storage,
            Self::Ca(error) => error.class(),
            Self::NotItsSources { .. } => Class::Input,
            Self::AuthorityUnfit { .. }
            | Self::BeaconUnused { .. }
            | Self::ClockJump { .. }
            | Self::DeliveryDiffers { .. }
            | Self::HeadDiffers { .. }
            | Self::NotSealedYet { .. }
            | Self::OutputDamaged { .. }
            | Self::OutputExists { .. }
            | Self::ShardsDiffer { .. } => Class::Usage,
            Self::Cmp(_) => Class::Signer,
            Self::Config(errors) => errors.class(),
            Self::Core(error) => error.class(),
            Self::Issue(error) => error.class(),
            Self::Journal(error) => error.class(),
            Self::Ledger(error) => error.class(),
            Self::ManifestSigner(error) | Self::Signer(error) => error.class(),
            Self::Names(error) => error.class(),
            Self::Approval(error) => error.class(),
            Self::Plan(error) => error.class(),
            Self::Pool(error) => error.class(),
            Self::Revoke(error) => error.class(),
            Self::Setup(error) => error.class(),
            Self::SigningService(error) => error.class(),
        }
    }

    /// What to do about it, as a sentence, where that can be said.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Ca(error) => error.hint(),
            Self::ClockJump { what, .. } => Some(format!(
                "Set the clock. If it is right and the {}, accept it for a reason; the reason is recorded on the ledger.",
                if *what == "behind" { "ledger's last batch was made with a wrong one" } else { "gap is real" }
            )),
            Self::Cmp(error) => error.hint(),
            Self::Core(error) => error.hint(),
            Self::Names(error) => Some(error.hint().to_owned()),
            Self::Config(_) => None, // each finding carries its own
            Self::DeliveryDiffers { .. } => Some(
                "A batch has one form, so that it always comes out the same: give the options that it was started with. \
                 `openssl x509 -inform DER` makes PEM of a certificate."
                    .into(),
            ),
            Self::BeaconUnused { .. } => {
                Some("Leave the beacon out. A time-stamp says when the batch existed at the latest.".into())
            }
            Self::HeadDiffers { .. } => Some(
                "The ledger may have been restored from an old backup: chips issued since would be issued again. \
                 Find the newest copy."
                    .into(),
            ),
            Self::Issue(error) => error.hint(),
            Self::Journal(error) => error.hint(),
            Self::LeavesDiffer { .. } => {
                Some("This program, or how it judges leaves, has changed since the batch was started: use that version.".into())
            }
            Self::Ledger(error) => error.hint(),
            Self::NotItsSources { .. } => Some(
                "Give the same files, in the same order and under the same names, as `inputs.jsonl` of the batch had them."
                    .into(),
            ),
            Self::NotSealedYet { .. } => Some("The command that began it finishes it and publishes it.".into()),
            Self::Account { .. } | Self::AuthorityUnfit { .. } | Self::LintDiffers { .. } => None,
            Self::AnswerUnusable { .. } => Some(
                "Check the disk that holds the ledger and the output's folder, then run the same command again.".into(),
            ),
            Self::OutputDamaged { .. } => {
                Some("Move it away and run the same command again: the batch comes out as it was sealed.".into())
            }
            Self::OutputExists { .. } => Some("Nothing is ever overwritten: choose another output.".into()),
            Self::Approval(error) => error.hint(),
            Self::Plan(error) => error.hint(),
            Self::Pool(error) => error.hint().map(str::to_owned),
            Self::Revoke(error) => error.hint(),
            Self::RepublishDiffers { .. } => Some(
                "Publish again with the version of this program that sealed the batch (`tool` in manifest.json) and with \
                 the manifest certificate and chain that the configuration named then."
                    .into(),
            ),
            Self::ManifestSigner(_) => None,
            Self::Setup(error) => error.code().hint().map(Into::into),
            Self::ShardsDiffer { .. } => Some(
                "Issue under this policy with another issuing CA, or give both policies [revocation] or neither. A certificate \
                 without a CRL distribution point passes, although it is revoked, where a relying party has a shard."
                    .into(),
            ),
            Self::Signer(error) => error.hint(),
            Self::SigningService(error) => error.hint(),
        }
    }
}

/// Wraps the errors of `reroot-core` in `Error::Core`, so that both crates report them alike.
macro_rules! from_core {
    ($($error:ty),* $(,)?) => {
        $(impl From<$error> for Error {
            fn from(error: $error) -> Self {
                Self::Core(error.into())
            }
        })*
    };
}

from_core! {
    CoreError,
    DeliveryError,
    DurableError,
    EngineError,
    FindingsError,
    ManifestError,
    PolicyErrors,
    ReelError,
    VerifyError,
}

/// Lets a front door report the errors of signing and of the ledger as it reports those of `reroot-core`.
macro_rules! into_failure {
    ($($error:ty),* $(,)?) => {
        $(impl IntoFailure for $error {
            fn into_failure(self) -> Box<dyn Failure> {
                Box::new(Error::from(self))
            }
        })*
    };
}

into_failure! {
    CaError,
    CmpError,
    ConfigErrors,
    Error,
    IssueError,
    JournalError,
    LedgerError,
    NamesError,
    PlanError,
    PoolError,
    SignerError,
    SigningServiceError,
}

impl Failure for Error {
    fn class(&self) -> Class {
        self.class()
    }

    fn hint(&self) -> Option<String> {
        self.hint()
    }

    fn mistakes(&self) -> Option<MistakesIn<'_>> {
        match self {
            // the file is right, the key that it names is not
            Self::Config(errors) if errors.only_signers() => Some(MistakesIn::of("a key that is named in", errors)),
            Self::Config(errors) => Some(MistakesIn::of("configuration", errors)),
            Self::Core(error) => error.mistakes(),
            _ => None,
        }
    }

    fn is_list(&self) -> bool {
        matches!(self, Self::Ca(CaError::Config(_) | CaError::NewConfig(_))) || self.mistakes().is_some()
    }
}
