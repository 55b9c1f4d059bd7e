//! Why a command failed: a library's error, or the front door's own.

use reroot_core::failure::{Failure, IntoFailure};

use crate::exit::Exit;

/// Ends a command.
#[derive(Debug)]
pub enum Fault {
    /// Something typed, or a file that only the front door reads, is wrong.
    FrontDoor {
        /// The exit.
        exit: Exit,
        /// What was found and what was expected.
        message: String,
        /// What to do about it.
        hint: Option<String>,
    },
    /// A library's error.
    Library(Box<dyn Failure>),
}

impl Fault {
    /// Wrong usage.
    pub fn usage(message: impl Into<String>) -> Self {
        Self::FrontDoor { exit: Exit::Usage, message: message.into(), hint: None }
    }

    /// Adds what to do about it.
    #[must_use]
    pub fn hint(self, text: &str) -> Self {
        match self {
            Self::FrontDoor { exit, message, .. } => {
                let hint = (!text.is_empty()).then(|| text.to_owned());
                Self::FrontDoor { exit, message, hint }
            }
            library @ Self::Library(_) => library,
        }
    }
}

impl<E: IntoFailure> From<E> for Fault {
    fn from(error: E) -> Self {
        Self::Library(error.into_failure())
    }
}
