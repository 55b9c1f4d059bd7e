//! Every stage's errors under one roof. Wrapping only: messages and hints are the stages' own.

use std::path::PathBuf;

use crate::ca::CaError;
use crate::cmp::CmpError;
use crate::config::ConfigErrors;
use crate::crypto::EngineError;
use crate::delivery::DeliveryError;
use crate::durable::DurableError;
use crate::findings::FindingsError;
use crate::issue::IssueError;
use crate::ledger::LedgerError;
use crate::manifest::ManifestError;
use crate::plan::PlanError;
use crate::policy::PolicyErrors;
use crate::reel::ReelError;
use crate::signer::SignerError;
use crate::text::Printable;
use crate::verify::{ExpectError, VerifyError};
use crate::x509::{Sha256Digest, Time};

/// The fault of the environment, the policy or this program; never of one leaf.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// An item would be neither issued nor rejected nor ignored.
    #[error("{items} items were read and {accounted} accounted for")]
    Account {
        /// Items read.
        items: u64,
        /// Items issued, rejected or ignored.
        accounted: u64,
    },
    /// Making or showing a CA failed.
    #[error(transparent)]
    Ca(#[from] CaError),
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
    /// The chain of the issuing CA has no end.
    #[error("no batch can be verified: {reason}")]
    ChainIncomplete {
        /// Where it ends.
        reason: String,
    },
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
    /// The batch directory could not be written or read.
    #[error(transparent)]
    Delivery(#[from] DeliveryError),
    /// The batch was begun in another form.
    #[error("batch {batch} was begun with `{recorded}`, this command says `{asked}`")]
    DeliveryDiffers {
        /// The batch.
        batch: String,
        /// The options it was begun with.
        recorded: String,
        /// The options now.
        asked: String,
    },
    /// A file could not be written.
    #[error(transparent)]
    Durable(#[from] DurableError),
    /// An expected list cannot be read.
    #[error(transparent)]
    Expected(#[from] ExpectError),
    /// The file for all findings could not be written.
    #[error(transparent)]
    Findings(FindingsError),
    /// The engine that checks many signatures is wrong.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// The ledger is not the one the operator expects.
    #[error("ledger head is {found}, expected {expected} (--expect-head)")]
    HeadDiffers {
        /// Head found.
        found: Sha256Digest,
        /// Head expected.
        expected: Sha256Digest,
    },
    /// Two inputs have one name.
    #[error("two inputs are named `{name}`, and so would be their items")]
    InputTwice {
        /// The name, escaped.
        name: String,
    },
    /// Ctrl-C.
    #[error("interrupted")]
    Interrupted,
    /// A certificate could not be signed or checked.
    #[error(transparent)]
    Issue(#[from] IssueError),
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
    /// The manifest could not be made or read.
    #[error(transparent)]
    Manifest(#[from] ManifestError),
    /// A batch whose seal, or whose account under the seal, does not hold.
    #[error("batch is not to be believed: {0}")]
    NotSealed(#[source] ManifestError),
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
    /// The policy is wrong.
    #[error(transparent)]
    Policy(#[from] PolicyErrors),
    /// An input could not be read.
    #[error(transparent)]
    Reel(#[from] ReelError),
    /// A sealed batch would come out with other bytes.
    #[error("`{file}` of batch {batch} would not be what was sealed")]
    RepublishDiffers {
        /// The batch.
        batch: String,
        /// The file.
        file: String,
    },
    /// A key could not be opened or used.
    #[error(transparent)]
    Signer(#[from] SignerError),
    /// The spool gave back other bytes than were written.
    #[error("a spooled leaf changed under the run")]
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
    /// What to do about it, as a sentence, where that can be said.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Ca(error) => error.hint(),
            Self::Chip { hint, .. } => Some((*hint).into()),
            Self::ChainIncomplete { .. } => Some(
                "Name every certificate up to the root under [issuer] chain, nearest first: `verify` needs the root as its \
                 anchor."
                    .into(),
            ),
            Self::ClockJump { what, .. } => Some(format!(
                "Set the clock. If it is right and the {}, pass --accept-clock REASON; the reason is recorded on the ledger.",
                if *what == "behind" { "ledger's last batch was made with a wrong one" } else { "gap is real" }
            )),
            Self::Cmp(error) => error.hint(),
            Self::CertificateNotValid { .. } => {
                Some("Have a new certificate issued for the key, or look at this machine's clock.".into())
            }
            Self::Config(_) | Self::Policy(_) => None, // each finding carries its own
            Self::Delivery(error) => error.hint(),
            Self::DeliveryDiffers { .. } => Some(
                "A batch has one form, so that it always comes out the same: give the options that it was begun with. \
                 `openssl x509 -inform DER` makes PEM of a certificate."
                    .into(),
            ),
            Self::Durable(error) => error.hint(),
            Self::Engine(error) => error.hint(),
            Self::Expected(error) => error.hint(),
            Self::Findings(error) => error.hint(),
            Self::HeadDiffers { .. } => Some(
                "The ledger may have been restored from an old backup: chips issued since would be issued again. \
                 Find the newest copy."
                    .into(),
            ),
            Self::InputTwice { .. } => {
                Some("Rename one of them, or put them into one directory and name that.".into())
            }
            Self::Interrupted => Some("Run the same command again to resume.".into()),
            Self::Issue(error) => error.hint(),
            Self::LeavesDiffer { .. } => {
                Some("This program, or how it judges leaves, has changed since the batch was begun: use that version.".into())
            }
            Self::Ledger(error) => error.hint(),
            Self::Account { .. } | Self::LintDiffers { .. } => None,
            Self::Manifest(error) | Self::NotSealed(error) => error.hint(),
            Self::OutputDamaged { .. } => {
                Some("Move it away and run the same command again: the batch comes out as it was sealed.".into())
            }
            Self::OutputExists { .. } => Some("Nothing is ever overwritten: choose another --out.".into()),
            Self::Plan(error) => error.hint(),
            Self::Reel(error) => error.hint(),
            Self::RepublishDiffers { .. } => Some(
                "Publish again with the version of this program that sealed the batch (`tool` in manifest.json) and with \
                 the manifest certificate and chain that the configuration named then."
                    .into(),
            ),
            Self::Signer(error) => error.hint(),
            Self::SpoolChanged => Some("Check the disk that holds the output's folder, then run again.".into()),
            Self::Unverifiable { .. } => Some(
                "Nothing was recorded or signed. Relying parties refuse certificates below such a chain: have the CA \
                 certificate that is named issued again, or issue under another CA."
                    .into(),
            ),
            Self::Verify(error) => error.hint(),
        }
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
