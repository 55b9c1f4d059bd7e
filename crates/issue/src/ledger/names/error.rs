//! Why a list of names is refused.

use std::path::PathBuf;

use crate::class::Class;
use crate::text::Printable;

/// Why a file with the names of another site cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NamesError {
    /// It is something else.
    #[error("`{}` is not a list of names: it does not begin with `reroot-names/1`", Printable::new(path))]
    Foreign {
        /// The file.
        path: PathBuf,
    },
    /// A line is wrong.
    #[error("list of names `{}`, line {line}: {what}", Printable::new(path))]
    Line {
        /// The file.
        path: PathBuf,
        /// The number of the line, from 1.
        line: u64,
        /// What is wrong with it.
        what: &'static str,
    },
    /// A later release wrote it.
    #[error("list of names `{}` has version {}, expected 1", Printable::new(path), Printable::new(found))]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its version.
        found: String,
    },
    /// It is from the ledger of this run.
    #[error(
        "list of names `{}` is of the issuing key of this run, expected one of a different site",
        Printable::new(path)
    )]
    Own {
        /// The file.
        path: PathBuf,
    },
    /// The system refuses.
    #[error("cannot read the list of names `{}`: {source}", Printable::new(path))]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The reason.
        source: std::io::Error,
    },
}

impl NamesError {
    /// The kind of failure.
    pub fn class(&self) -> Class {
        match self {
            Self::Own { .. } => Class::Usage,
            Self::Foreign { .. } | Self::Line { .. } | Self::Newer { .. } | Self::Unreadable { .. } => Class::Input,
        }
    }

    /// What to do about it.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Foreign { .. } => "Ask the other site for the list of its names.",
            Self::Line { .. } => {
                "The file is damaged or was cut: transfer it again, or export it again at the other site."
            }
            Self::Newer { .. } => {
                "Export it at the other site with the release that is used here, or use a later release here."
            }
            Self::Own { .. } => {
                "The ledger of this key knows its own chips: leave the option out, or give the list of the other site."
            }
            Self::Unreadable { .. } => "Check the path of the list.",
        }
    }
}
