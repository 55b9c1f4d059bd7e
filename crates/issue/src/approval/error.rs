//! Why an approval was not made, or is not accepted.

use std::path::PathBuf;

use crate::class::Class;
use crate::manifest::ManifestError;
use crate::signer::SignerError;
use crate::text::{Printable, brief};
use crate::x509::Time;

/// Why an approval was not made, or is not accepted. Nothing was signed because of it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ApprovalError {
    /// The certificate cannot stand for a person now.
    #[error("the approver's certificate `{subject}` {what}")]
    Certificate {
        /// Its subject, escaped.
        subject: String,
        /// What is wrong with it.
        what: String,
    },
    /// A click was given where signatures are needed.
    #[error("a click in a console is not an approval on this machine")]
    ClickNotTaken,
    /// A click by, or for, a person who has no name.
    #[error("the click's {who} {what}")]
    ClickPerson {
        /// Whose name it is.
        who: &'static str,
        /// What is wrong with it.
        what: &'static str,
    },
    /// A click that was too long ago, or is not yet.
    #[error("the click is of {at}; this machine's clock says {now}")]
    ClickTime {
        /// When it was.
        at: Time,
        /// The clock.
        now: Time,
    },
    /// The person did not confirm.
    #[error("nothing was approved: it was not confirmed")]
    Declined,
    /// The approval is too old.
    #[error("approval `{}` expired at {not_after}; this machine's clock says {now}", brief(name))]
    Expired {
        /// The approval.
        name: String,
        /// Its last second.
        not_after: Time,
        /// The clock.
        now: Time,
    },
    /// The key is not that of the certificate.
    #[error("the key is not that of the approver's certificate `{subject}`")]
    KeyMismatch {
        /// Its subject, escaped.
        subject: String,
    },
    /// Not the form of an approval.
    #[error("`{}` is not an approval: {what}", brief(name))]
    Malformed {
        /// The file.
        name: String,
        /// What was found.
        what: String,
    },
    /// No configured approver signed it.
    #[error("approval `{}` has no valid signature of a configured approver", brief(name))]
    NoApprover {
        /// The approval.
        name: String,
    },
    /// The approval is for something else.
    #[error("approval `{}` is for another signature: its `{what}` is {found}, expected {expected}", brief(name))]
    OtherDemand {
        /// The approval.
        name: String,
        /// The member that differs.
        what: &'static str,
        /// What it says.
        found: String,
        /// What is to be signed.
        expected: String,
    },
    /// The person who asked cannot approve.
    #[error("approval `{}` is by `{}`, who made the request", brief(name), brief(person))]
    OwnRequest {
        /// The approval.
        name: String,
        /// Who signed it.
        person: String,
    },
    /// The file cannot be read.
    #[error("cannot read `{}`: {source}", Printable::new(path))]
    Read {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// A requester that cannot be written down.
    #[error("the requester's name {what}")]
    Requester {
        /// What is wrong with it.
        what: &'static str,
    },
    /// Two approvals name different requesters.
    #[error(
        "approval `{}` names the requester `{}`, an earlier one names `{}`",
        brief(name),
        brief(found),
        brief(expected)
    )]
    Requesters {
        /// The approval.
        name: String,
        /// Whom it names.
        found: String,
        /// Whom the first one names.
        expected: String,
    },
    /// The signature could not be made or checked.
    #[error("cannot sign the approval: {0}")]
    Signature(#[from] ManifestError),
    /// The approver's key failed.
    #[error("cannot sign the approval: {0}")]
    Signer(#[source] SignerError),
    /// Too few persons approved.
    #[error("nothing was signed: {found} of {needed} approvals were given")]
    TooFew {
        /// Approvals that hold.
        found: usize,
        /// Approvals that are needed.
        needed: usize,
    },
    /// One person approved twice.
    #[error("approval `{}` is a second one by `{}`", brief(name), brief(person))]
    Twice {
        /// The approval.
        name: String,
        /// Who signed both.
        person: String,
    },
}

impl ApprovalError {
    /// The kind of failure.
    pub fn class(&self) -> Class {
        match self {
            Self::Certificate { .. } | Self::KeyMismatch { .. } | Self::Requester { .. } => Class::Usage,
            Self::Declined => Class::Interrupted,
            Self::Signature(error) => error.class(),
            Self::Signer(error) => error.class(),
            Self::ClickNotTaken
            | Self::ClickPerson { .. }
            | Self::ClickTime { .. }
            | Self::Expired { .. }
            | Self::Malformed { .. }
            | Self::NoApprover { .. }
            | Self::OtherDemand { .. }
            | Self::OwnRequest { .. }
            | Self::Read { .. }
            | Self::Requesters { .. }
            | Self::TooFew { .. }
            | Self::Twice { .. } => Class::Input,
        }
    }

    /// What to do about it.
    pub fn hint(&self) -> Option<String> {
        let text = match self {
            Self::Certificate { .. } => {
                "An approver's certificate is an end entity's with a key of P-256 or P-384, for digital signatures."
            }
            Self::ClickNotTaken => {
                "Have the plan approved with a signature. Clicks count only where `approvals` in `[signing]` is \"console\"."
            }
            Self::ClickTime { .. } | Self::Expired { .. } => "Have the plan approved again.",
            Self::KeyMismatch { .. } => "Name the key that belongs to the certificate.",
            Self::Malformed { .. } => "An approval is one line of JSON and one PEM block: docs/spec/approval.md.",
            Self::NoApprover { .. } => {
                "`approvers` in `[signing]` lists the certificates of those who may approve. If the file was changed on its \
                 way, have the plan approved again."
            }
            Self::OtherDemand { .. } => "Have this very plan approved.",
            Self::OwnRequest { .. } | Self::Twice { .. } => "Have a different person approve the plan.",
            Self::Requesters { .. } => "Find out who asked for the plan, and have it approved again with that name.",
            Self::TooFew { .. } => "Have the plan approved by more of the persons under `approvers` in `[signing]`.",
            Self::ClickPerson { .. }
            | Self::Declined
            | Self::Read { .. }
            | Self::Requester { .. }
            | Self::Signature(_) => return None,
            Self::Signer(error) => return error.hint(),
        };
        Some(text.to_owned())
    }
}
