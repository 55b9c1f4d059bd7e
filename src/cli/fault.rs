//! Why a command failed: the library's error, or the front door's own.

use reroot::error::Error;

use super::Exit;

/// Ends a command.
#[derive(Debug)]
pub(crate) enum Fault {
    /// Something typed, or a file that only the front door reads, is wrong.
    FrontDoor {
        /// The exit.
        exit: Exit,
        /// What was found and what was expected.
        message: String,
        /// What to do about it.
        hint: Option<String>,
    },
    /// The library's error.
    Library(Box<Error>),
}

impl Fault {
    /// Wrong usage.
    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self::FrontDoor { exit: Exit::Usage, message: message.into(), hint: None }
    }

    /// Adds what to do about it.
    pub(crate) fn hint(self, text: &str) -> Self {
        match self {
            Self::FrontDoor { exit, message, .. } => Self::FrontDoor { exit, message, hint: Some(text.to_owned()) },
            library @ Self::Library(_) => library,
        }
    }
}

impl<E: Into<Error>> From<E> for Fault {
    fn from(error: E) -> Self {
        Self::Library(Box::new(error.into()))
    }
}
