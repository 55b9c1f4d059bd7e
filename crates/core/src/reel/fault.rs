//! Why reading something ends early.

use crate::origin::Code;

use super::error::ReelError;

/// Whose fault it is, and how far it reaches.
#[derive(Debug)]
pub(super) enum Fault {
    /// This content cannot be read (further): a rejection of the item that holds it. Its neighbours are read.
    Content { code: Code, reason: String },
    /// A limit of the whole input is reached: a rejection, after which nothing more is read.
    Exhausted { code: Code, reason: String },
    /// Reading stops: no further item is read or reported.
    Stop(Stop),
}

/// Why reading ends altogether.
#[derive(Debug)]
pub(super) enum Stop {
    /// The receiver of the items wants no more, or a limit was reported.
    Finished,
    /// The environment failed.
    Error(ReelError),
}

impl Fault {
    pub(super) fn content(code: Code, reason: impl Into<String>) -> Self {
        Self::Content { code, reason: reason.into() }
    }
}

impl From<ReelError> for Fault {
    fn from(error: ReelError) -> Self {
        Self::Stop(Stop::Error(error))
    }
}
