//! Why an event is not on the audit log.

use std::path::PathBuf;

use crate::class::Class;
use crate::durable::DurableError;
use crate::text::Printable;

/// Why an event is not on the audit log. What it is about was not done.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum JournalError {
    /// A file could not be read or written.
    #[error(transparent)]
    Durable(#[from] DurableError),
    /// Another process has the log.
    #[error("another process writes the audit log in `{}`", Printable::new(folder))]
    Held {
        /// The folder.
        folder: PathBuf,
    },
    /// A write failed, and the end of the file could not be put right.
    #[error("the audit log in `{}` failed before: it takes no events until it is opened again", Printable::new(folder))]
    Lost {
        /// The folder.
        folder: PathBuf,
    },
    /// The log cannot be continued.
    #[error("the audit log ends in `{}` with a line that is not an event", Printable::new(file))]
    NotAnEvent {
        /// The file.
        file: PathBuf,
    },
    /// The event is too long.
    #[error("an event of the audit log has {found} bytes, expected at most {expected}")]
    TooLong {
        /// Bytes of its line.
        found: usize,
        /// The limit.
        expected: usize,
    },
}

impl JournalError {
    /// The kind of failure.
    pub fn class(&self) -> Class {
        match self {
            Self::Durable(error) => error.class(),
            Self::Held { .. } => Class::Usage,
            Self::Lost { .. } | Self::NotAnEvent { .. } => Class::Storage,
            Self::TooLong { .. } => Class::Input,
        }
    }

    /// What to do about it.
    pub fn hint(&self) -> Option<String> {
        let text = match self {
            Self::Durable(error) => return error.hint(),
            Self::Held { .. } => "One service writes one audit log: stop the other one, or name another folder.",
            Self::Lost { .. } => "Check the disk of the audit log, then start the service again.",
            Self::NotAnEvent { .. } => {
                "The log was changed by another program. Verify it, keep the folder as evidence, and name a new folder."
            }
            Self::TooLong { .. } => return None,
        };
        Some(text.to_owned())
    }
}
