//! Why the service does not start, or ends.

use std::path::PathBuf;

use reroot_core::class::Class;
use reroot_core::durable::DurableError;
use reroot_core::failure::{Failure, IntoFailure, MistakesIn};
use reroot_core::parallel::NoThread;
use reroot_core::text::Printable;
use reroot_issue::audit_log::JournalError;
use reroot_issue::error::Error;

use crate::settings::SettingsErrors;
use crate::store::StoreError;

/// Why the service does not start, or ends.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServiceError {
    /// A token for the first administrator, or a link that logs in, cannot be made.
    #[error("no token and no link was made: {}", Printable::new(what))]
    Admin {
        /// Why.
        what: String,
    },
    /// A folder cannot be made.
    #[error(transparent)]
    Durable(#[from] DurableError),
    /// A library failed.
    #[error(transparent)]
    Library(Box<Error>),
    /// The address or the socket cannot be listened on.
    #[error("cannot listen on `{}`: {source}", Printable::new(place))]
    Listen {
        /// The address or the path.
        place: String,
        /// The system's reason.
        source: std::io::Error,
    },
    /// A thread for jobs cannot be started.
    #[error("cannot run jobs: {0}")]
    NoThread(#[from] NoThread),
    /// A file of the OpenID provider's settings cannot be used.
    #[error("cannot use `{}` for OpenID Connect: {what}", Printable::new(path))]
    Oidc {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        what: String,
    },
    /// The runtime cannot be started.
    #[error("cannot start the runtime: {0}")]
    Runtime(#[source] std::io::Error),
    /// Something is wrong with the settings.
    #[error(transparent)]
    Settings(#[from] SettingsErrors),
    /// The store cannot be used.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A file of TLS cannot be used.
    #[error("cannot use `{}` for TLS: {what}", Printable::new(path))]
    Tls {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        what: String,
    },
}

impl ServiceError {
    /// The kind of failure.
    pub fn class(&self) -> Class {
        match self {
            Self::Durable(error) => error.class(),
            Self::Library(error) => error.class(),
            Self::Admin { .. } | Self::Listen { .. } | Self::Oidc { .. } | Self::Settings(_) | Self::Tls { .. } => {
                Class::Usage
            }
            Self::NoThread(_) | Self::Runtime(_) => Class::Storage,
            Self::Store(error) => error.class(),
        }
    }

    /// Whether another process has the folder with the data: it can be waited for.
    pub fn is_in_use(&self) -> bool {
        matches!(self, Self::Library(error) if matches!(**error, Error::Journal(JournalError::Held { .. })))
    }

    /// What to do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Durable(error) => error.hint(),
            Self::Library(error) => error.hint(),
            Self::Listen { .. } => Some("Choose a place that is free and that this user may use.".to_owned()),
            Self::NoThread(_) | Self::Runtime(_) => {
                Some("Allow this user more threads and more open files.".to_owned())
            }
            Self::Admin { .. } | Self::Settings(_) => None,
            Self::Oidc { .. } => Some("CAs are PEM; the client's secret is a file with one line.".to_owned()),
            Self::Store(error) => error.hint(),
            Self::Tls { .. } => Some("A certificate is PEM, its key PKCS#8 in PEM, lists of a CA PEM.".to_owned()),
        }
    }
}

impl Failure for ServiceError {
    fn class(&self) -> Class {
        self.class()
    }

    fn hint(&self) -> Option<String> {
        self.hint()
    }

    fn mistakes(&self) -> Option<MistakesIn<'_>> {
        match self {
            Self::Settings(errors) => Some(MistakesIn::of("settings", errors)),
            Self::Library(error) => Failure::mistakes(&**error),
            _ => None,
        }
    }
}

impl IntoFailure for ServiceError {
    fn into_failure(self) -> Box<dyn Failure> {
        Box::new(self)
    }
}

impl IntoFailure for SettingsErrors {
    fn into_failure(self) -> Box<dyn Failure> {
        Box::new(ServiceError::from(self))
    }
}

impl IntoFailure for StoreError {
    fn into_failure(self) -> Box<dyn Failure> {
        Box::new(ServiceError::from(self))
    }
}

impl From<Error> for ServiceError {
    fn from(error: Error) -> Self {
        Self::Library(Box::new(error))
    }
}
