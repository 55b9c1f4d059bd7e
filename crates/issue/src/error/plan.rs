//! Why a plan, or the signatures for one, are not taken.

use std::path::PathBuf;

use crate::class::Class;
use crate::manifest::ManifestError;
use crate::origin::Uid;
use crate::text::Printable;
use crate::x509::{Sha256Digest, Time};

/// Why a plan, or the signatures for one, are not taken. Nothing was signed because of them.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PlanError {
    /// The source anchors are not those of the plan.
    #[error("the configured source anchors are not those that the plan was made under")]
    Anchors,
    /// The plan is too old or from the future.
    #[error("the plan is of {issued_at}, more than {max_days} days from this machine's clock, which says {now}")]
    Clock {
        /// The plan's instant.
        issued_at: Time,
        /// This machine's.
        now: Time,
        /// The distance allowed.
        max_days: u32,
    },
    /// The person did not confirm.
    #[error("nothing was signed: the plan was not confirmed")]
    Declined,
    /// What was derived again is not what the plan says.
    #[error("the plan's {what} is not the one that leaves, policy, parameters and seed give")]
    Differs {
        /// What differs.
        what: &'static str,
    },
    /// The rules by which tbsCertificates are made are others.
    #[error("the plan was made by encoder {found}, its format goes with {expected}")]
    Encoder {
        /// Found.
        found: u32,
        /// Expected.
        expected: u32,
    },
    /// The plan is for another CA.
    #[error("the plan is for the CA `{subject}` with SHA-256 {found}, the configured one has {expected}")]
    Issuer {
        /// Name in the plan, escaped.
        subject: String,
        /// Digest of its certificate.
        found: String,
        /// Digest of the configured one's.
        expected: Sha256Digest,
    },
    /// Leaves that this machine does not take.
    #[error("{count} of the plan's leaves are not taken: {first}")]
    Leaves {
        /// How many.
        count: u64,
        /// The first of them and the reason.
        first: String,
    },
    /// Not the structure of a plan.
    #[error("not a plan: {what}")]
    Malformed {
        /// What was found.
        what: String,
    },
    /// The plan is for another kind of signing.
    #[error("the plan is for {found}, expected one for {expected}")]
    Mode {
        /// Found.
        found: &'static str,
        /// Expected.
        expected: &'static str,
    },
    /// The ledger has no such batch.
    #[error("batch {batch} of the plan is not on this ledger")]
    NotPlanned {
        /// The batch.
        batch: String,
    },
    /// The authority has nothing that was returned for the plan.
    #[error("nothing was returned for the plan: no signature file and no certificates")]
    NothingReturned,
    /// The ledger has another batch of this name.
    #[error("batch {batch} is on this ledger with other terms than the plan's")]
    OtherBatch {
        /// The batch.
        batch: String,
    },
    /// The planner's signature does not hold.
    #[error("the planner's signature does not hold: {source}")]
    PlannerSignature {
        /// What is wrong with it.
        source: ManifestError,
    },
    /// No configured planner signed it.
    #[error("the plan was not signed by an allowed planner")]
    PlannerUnknown,
    /// The policy is not approved.
    #[error("policy `{name}` with SHA-256 {sha256} is not approved on this machine")]
    PolicyNotApproved {
        /// Its name, escaped.
        name: String,
        /// Its digest.
        sha256: Sha256Digest,
    },
    /// A file cannot be read.
    #[error("cannot read `{}`: {source}", Printable::new(path))]
    Read {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// A part of the file is not the one that the planner signed.
    #[error("the plan's section `{name}` is not the one that the planner signed")]
    Section {
        /// The section.
        name: &'static str,
    },
    /// The seed is another batch's.
    #[error("the plan has the seed of batch {batch}, whose serial numbers it would give to other certificates")]
    SeedTaken {
        /// The batch on this ledger.
        batch: String,
    },
    /// A signature file that is not one, or of another plan.
    #[error("`{}` does not hold the signatures for this plan: {what}", Printable::new(path))]
    Signatures {
        /// The file.
        path: PathBuf,
        /// What was found.
        what: String,
    },
    /// Chips that this machine's ledger does not let pass.
    #[error("{count} of the plan's chips cannot be signed, the first is {uid}: {reason}")]
    Taken {
        /// How many.
        count: u64,
        /// The first of them.
        uid: Uid,
        /// Why.
        reason: String,
    },
}

impl PlanError {
    /// The kind of failure. A plan or a signature file is an input like any other; what this machine's configuration
    /// does not allow is its matter.
    pub fn class(&self) -> Class {
        match self {
            Self::Anchors
            | Self::Issuer { .. }
            | Self::Mode { .. }
            | Self::NotPlanned { .. }
            | Self::NothingReturned => Class::Usage,
            Self::Clock { .. }
            | Self::Differs { .. }
            | Self::Encoder { .. }
            | Self::Leaves { .. }
            | Self::Malformed { .. }
            | Self::OtherBatch { .. }
            | Self::PlannerSignature { .. }
            | Self::PlannerUnknown
            | Self::PolicyNotApproved { .. }
            | Self::Read { .. }
            | Self::Section { .. }
            | Self::SeedTaken { .. }
            | Self::Signatures { .. }
            | Self::Taken { .. } => Class::Input,
            Self::Declined => Class::Interrupted,
        }
    }

    /// What to do about it.
    pub fn hint(&self) -> Option<String> {
        let text = match self {
            Self::Anchors => "Finish with the configuration of `plan`: lines and statement name its anchors.",
            Self::Clock { .. } => {
                "Look at both clocks. A plan that is too old is made again from a new input or policy."
            }
            Self::Declined => "Run the same command again when the summary is as it should be.",
            Self::Encoder { .. } => "Plan, sign and finish with releases that know the plan's format.",
            Self::Differs { .. } | Self::Leaves { .. } | Self::Malformed { .. } | Self::Section { .. } => {
                "The plan was changed on its way, or its planner is not to be trusted: find out before it is made again."
            }
            Self::Issuer { .. } => "Check `certificate` in `[issuer]` on both machines.",
            Self::Mode { .. } => "The signing machine takes plans for its own key, not those for an external CA.",
            Self::NotPlanned { .. } | Self::OtherBatch { .. } => "Finish where the plan was made, with its ledger.",
            Self::PlannerSignature { .. } | Self::PlannerUnknown => {
                "`planners` in `[signing]` lists the manifest certificates of those who may plan; `finish` wants the plan of \
                 the configured manifest signer."
            }
            Self::PolicyNotApproved { .. } => {
                "Read the policy in the plan. If it may be signed, add its SHA-256 to `policies` in `[signing]`."
            }
            Self::NothingReturned | Self::Read { .. } => return None,
            Self::SeedTaken { .. } => {
                "Every batch has a seed of its own. The planner's program or its source of randomness is faulty, or the \
                 planner cannot be trusted: find out which before it plans again."
            }
            Self::Signatures { .. } => "Sign the plan again: the same signatures come out.",
            Self::Taken { .. } => {
                "Every chip is signed once under a policy's name; a plan with a reason for issuing again asks for another certificate."
            }
        };
        Some(text.to_owned())
    }
}
