//! Why the signing service was not reached, did not start, or did not take a call.

use std::path::PathBuf;

use crate::class::Class;
use crate::text::{Printable, brief};

/// Why the signing service was not reached, did not start, or did not take a call. A request that it took and refused is
/// not an error: it is the state of that request.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SigningServiceError {
    /// A click would count, and others could have written that it does.
    #[error("`approvals` in [signing] is \"console\", and other users can change that: {what}")]
    Console {
        /// The file or folder at fault.
        what: String,
    },
    /// The other side does not answer, or does not take what is sent.
    #[error("the other side of the socket of the signing service was silent for {seconds} seconds")]
    Deadline {
        /// How long it was waited for.
        seconds: u64,
    },
    /// A call came without the descriptor that it needs, or with one too many.
    #[error("the call has {found} file descriptors, expected {expected}")]
    Descriptors {
        /// How many came.
        found: usize,
        /// How many the call needs.
        expected: usize,
    },
    /// The two programs speak different versions.
    #[error("the other side of the socket speaks `{}`, expected `{expected}`", brief(found))]
    Format {
        /// What it says.
        found: String,
        /// What this program speaks.
        expected: &'static str,
    },
    /// What came is not a frame.
    #[error("what came over the socket is not a message: {what}")]
    Frame {
        /// What is wrong with it.
        what: String,
    },
    /// A file cannot be read or written.
    #[error("cannot {doing} `{}`: {source}", Printable::new(path))]
    Io {
        /// What was to be done.
        doing: &'static str,
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// The content of a frame is not a message.
    #[error("a message of the signing service cannot be read: {what}")]
    Message {
        /// What is wrong with it.
        what: String,
    },
    /// No person would have to approve what is signed.
    #[error("`approvals` in [signing] is missing: the signing service signs nothing that no person approved")]
    NoApprovals,
    /// There is no `[signer]`.
    #[error("there is no [signer], which the signing service needs")]
    NoSection,
    /// A descriptor is not of a regular file.
    #[error("the plan is not a regular file")]
    NotAFile,
    /// The service refused the call.
    #[error("the signing service refused the call ({}): {}", brief(code), brief(text))]
    Refused {
        /// A stable code.
        code: String,
        /// Why.
        text: String,
    },
    /// Another signing service has the directory.
    #[error("another signing service uses the directory `{}`", Printable::new(path))]
    Running {
        /// The directory.
        path: PathBuf,
    },
    /// The socket cannot be used.
    #[error("cannot {doing} the socket `{}`: {source}", Printable::new(path))]
    Socket {
        /// What was to be done.
        doing: &'static str,
        /// The socket.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// Something that is not a socket has its name.
    #[error("`{}` exists and is not a socket", Printable::new(path))]
    SocketTaken {
        /// The path.
        path: PathBuf,
    },
    /// The answer is not one to the call.
    #[error("the signing service answered a call with `{found}`, expected `{expected}`")]
    Unexpected {
        /// The answer.
        found: &'static str,
        /// The answer that belongs to the call.
        expected: &'static str,
    },
    /// A user that may connect does not exist.
    #[error("`peers` in [signer] names `{}`, who is not a user of this machine", brief(name))]
    UnknownPeer {
        /// The name.
        name: String,
    },
    /// The secret is wrong or was not needed.
    #[error("the signing service could not use the secret: {}", brief(text))]
    Unlock {
        /// Why.
        text: String,
    },
    /// The transfer broke off or failed.
    #[error("the connection to the signing service failed: {0}")]
    Wire(#[source] std::io::Error),
}

impl SigningServiceError {
    /// The kind of failure.
    pub const fn class(&self) -> Class {
        match self {
            Self::Console { .. }
            | Self::NoApprovals
            | Self::NoSection
            | Self::Running { .. }
            | Self::SocketTaken { .. }
            | Self::UnknownPeer { .. } => Class::Usage,
            Self::Descriptors { .. }
            | Self::Format { .. }
            | Self::Frame { .. }
            | Self::Message { .. }
            | Self::NotAFile
            | Self::Refused { .. }
            | Self::Unexpected { .. } => Class::Input,
            Self::Io { .. } => Class::Storage,
            Self::Deadline { .. } | Self::Socket { .. } | Self::Unlock { .. } | Self::Wire(_) => Class::Signer,
        }
    }

    /// What to do about it.
    pub fn hint(&self) -> Option<String> {
        let text = match self {
            Self::Console { .. } => {
                "The configuration and every folder above it must belong to root or the service's user, and no other user may \
                 write to them."
            }
            Self::Deadline { .. } | Self::Wire(_) => {
                "Look at the log of the signing service, then run the same command again: nothing is signed twice."
            }
            Self::Format { .. } => "Install the same version on both sides.",
            Self::NoApprovals => {
                "Name the persons under [signing.approvers] and set `approvals` to how many of them must approve."
            }
            Self::NoSection => "docs/guide/service.md has an example.",
            Self::Refused { code, .. } if code == "peer" => {
                "`peers` in [signer] of the service's own configuration lists the users that may connect."
            }
            Self::Running { .. } => "One signing service has one directory and one ledger. Stop the other one first.",
            Self::Socket { source, .. } if source.kind() == std::io::ErrorKind::PermissionDenied => {
                "This user must be able to write to the socket: look at its mode and its group."
            }
            Self::Socket { .. } => "Start the signing service, and compare the path with `socket` in its [signer].",
            Self::SocketTaken { .. } => "Remove it, or choose another path for `socket` in [signer].",
            Self::UnknownPeer { .. } => "Name a user of /etc/passwd, or a number.",
            Self::Unlock { .. } => "Type it again. A token counts wrong PINs, and locks itself after a few.",
            Self::Descriptors { .. }
            | Self::Frame { .. }
            | Self::Io { .. }
            | Self::Message { .. }
            | Self::NotAFile
            | Self::Refused { .. }
            | Self::Unexpected { .. } => return None,
        };
        Some(text.to_owned())
    }
}
