//! Errors of the environment: nothing that an item of an input can be blamed for.

use std::path::PathBuf;

use crate::class::Class;
use crate::durable::DurableError;
use crate::input;
use crate::origin::ItemName;
use crate::text::Printable;

/// Why an input could not be read at all, or not to its end. What an input *holds* never ends here: that is a
/// [`Finding`](crate::origin::Finding).
///
/// Paths appear as Rust string literals: a file's name may hold anything, and none of it may reach a terminal.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReelError {
    /// The input is not the one that was opened any more.
    #[error("\"{}\" changed while it was read", Printable::new(path))]
    Changed {
        /// The file.
        path: PathBuf,
    },
    /// A configuration file holds no certificate, or not only certificates.
    #[error("{problem}, expected one certificate in DER, or PEM blocks CERTIFICATE (RFC 7468 §5)")]
    Configuration {
        /// What was found.
        problem: String,
    },
    /// The system refused to read.
    #[error("cannot read \"{}\": {source}", Printable::new(path))]
    Io {
        /// The file or directory.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// A pipe, socket or device named as an input.
    #[error("\"{}\" is neither a file nor a directory", Printable::new(path))]
    NotAFile {
        /// The name as given.
        path: PathBuf,
    },
    /// The scratch directory cannot hold what must be set aside.
    #[error("leaves cannot be set aside while they are checked: {source}")]
    Scratch {
        /// The reason.
        #[from]
        source: DurableError,
    },
    /// The spool does not give back what was put there.
    #[error("cannot read the spool of leaves and findings: {source}")]
    SpoolRead {
        /// The system's reason.
        source: std::io::Error,
    },
    /// The spool cannot be written.
    #[error("cannot write the spool of leaves and findings: {source}")]
    SpoolWrite {
        /// The system's reason.
        source: std::io::Error,
    },
    /// Standard input was asked for and not given.
    #[error("standard input was named as an input, and this caller has none")]
    StdinMissing,
    /// Standard input broke off.
    #[error("cannot read standard input ({name}): {source}")]
    StdinRead {
        /// The name of the item.
        name: ItemName,
        /// The system's reason.
        source: std::io::Error,
    },
}

impl ReelError {
    /// The kind of failure.
    pub fn class(&self) -> Class {
        match self {
            Self::Changed { .. }
            | Self::Configuration { .. }
            | Self::Io { .. }
            | Self::NotAFile { .. }
            | Self::StdinMissing
            | Self::StdinRead { .. } => Class::Input,
            // what is set aside is beside the output
            Self::Scratch { .. } | Self::SpoolRead { .. } | Self::SpoolWrite { .. } => Class::Storage,
        }
    }

    /// What to do about it.
    pub fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Changed { .. } => {
                "Wait until the file is complete (a download may still be running), then run the same command again."
                    .into()
            }
            Self::Configuration { .. } => {
                "Name a file with CA certificates only; keys and chains of other kinds belong in files of their own."
                    .into()
            }
            Self::Io { source, .. } if input::is_reserved(source) => RESERVED_HINT.into(),
            Self::Io { source, .. } if source.kind() == std::io::ErrorKind::NotFound => {
                "Check the name; it is relative to the current directory.".into()
            }
            Self::Io { source, .. } if source.kind() == std::io::ErrorKind::PermissionDenied => {
                "Check who may read it.".into()
            }
            Self::NotAFile { .. } => "Give standard input as `-`, or copy the data to a file.".into(),
            Self::Scratch { source: DurableError::Io { source, .. } }
                if source.kind() == std::io::ErrorKind::PermissionDenied =>
            {
                "Leaves wait beside the output while they are checked (`inspect` and `verify`: in TMPDIR); this user must \
                 be able to write there."
                    .into()
            }
            Self::Scratch { .. } | Self::SpoolWrite { .. } => {
                "Leaves wait beside the output while they are checked (`inspect` and `verify`: in TMPDIR): there must be room \
                 for all of them, about as much as the archive unpacked."
                    .into()
            }
            Self::Io { .. } | Self::SpoolRead { .. } | Self::StdinMissing | Self::StdinRead { .. } => return None,
        })
    }
}

const RESERVED_HINT: &str = "Name the archives or folders that hold the leaves; the ledger lies outside of them.";
