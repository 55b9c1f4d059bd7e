//! Why the store cannot be used.

use std::path::PathBuf;

use reroot_core::class::Class;
use reroot_core::text::Printable;

/// Why the store cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// A row says something that this program does not write.
    #[error("the store holds {what}")]
    Content {
        /// What was found.
        what: String,
    },
    /// The file cannot be opened.
    #[error("cannot open the store `{}`: {source}", Printable::new(path))]
    Open {
        /// The file.
        path: PathBuf,
        /// SQLite's reason.
        source: rusqlite::Error,
    },
    /// A later release has written it.
    #[error("the store `{}` has version {found}, this program knows versions up to {known}", Printable::new(path))]
    Version {
        /// The file.
        path: PathBuf,
        /// Its version.
        found: u32,
        /// The last version that is known.
        known: u32,
    },
    /// The file cannot be read or written.
    #[error("cannot use the store: {0}")]
    Use(#[from] rusqlite::Error),
}

impl StoreError {
    /// The kind of failure.
    pub const fn class(&self) -> Class {
        match self {
            Self::Version { .. } => Class::Usage,
            Self::Content { .. } | Self::Open { .. } | Self::Use(_) => Class::Storage,
        }
    }

    /// What to do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Version { .. } => Some("Use the release that wrote it, or a later one.".to_owned()),
            Self::Open { .. } => Some("Look at the folder's owner, its mode and its free space.".to_owned()),
            Self::Content { .. } | Self::Use(_) => None,
        }
    }
}
