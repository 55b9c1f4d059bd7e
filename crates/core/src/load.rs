//! Files that a person names, read whole and as what they are: policies, certificates, expected lists, beacons; and the
//! trust anchors that a check goes by.
//!
//! What every front door needs before it can call anything else. Nothing here looks for a file that was not named.

use std::path::{Path, PathBuf};

use crate::class::Class;
use crate::crypto::sha256;
use crate::input;
use crate::policy::{Policy, PolicyErrors};
use crate::reel::Input;
use crate::text::{Printable, exact_path};
use crate::verify::{ExpectError, ExpectedList, Family};
use crate::x509::bundle::{self, BundleError};
use crate::x509::{Certificate, Sha256Digest, form};

/// Why a file that was named cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LoadError {
    /// A beacon without content.
    #[error("beacon `{}` is empty", Printable::new(path))]
    BeaconEmpty {
        /// The file.
        path: PathBuf,
    },
    /// A file is not one of certificates.
    #[error("`{}`: {reason}", Printable::new(path))]
    Certificates {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: BundleError,
    },
    /// An expected list cannot be read.
    #[error(transparent)]
    Expected(#[from] ExpectError),
    /// There is no trust anchor for source leaves, or none for new certificates.
    #[error("no trust anchor")]
    NoAnchor,
    /// A policy is not text.
    #[error("policy `{}` {found}", Printable::new(path))]
    NotText {
        /// The file.
        path: PathBuf,
        /// What was found, and what was expected.
        found: String,
    },
    /// The policy is wrong.
    #[error(transparent)]
    Policy(#[from] PolicyErrors),
    /// A file cannot be read.
    #[error("cannot read {what} `{}`: {reason}", Printable::new(path))]
    Read {
        /// What it is.
        what: &'static str,
        /// The file.
        path: PathBuf,
        /// Why.
        reason: std::io::Error,
    },
    /// Standard input can be read once.
    #[error("standard input (`-`) is named twice, and can be read once")]
    StdinTwice,
    /// A file is too long to be held in memory.
    #[error("{what} `{}` has {length} bytes, expected at most {most}", Printable::new(path))]
    TooLong {
        /// What it is.
        what: &'static str,
        /// The file.
        path: PathBuf,
        /// Its length.
        length: u64,
        /// Longest that is read.
        most: u64,
    },
}

impl LoadError {
    /// The kind of failure.
    pub const fn class(&self) -> Class {
        Class::Usage
    }

    /// What to do about it, as a sentence, where that can be said.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::BeaconEmpty { .. } => Some(
                "Name a file with a public value that could not be known earlier; every empty file is the same.".into(),
            ),
            Self::Certificates { reason, .. } => reason.hint().map(Into::into),
            Self::Expected(error) => error.hint(),
            Self::NoAnchor => Some(
                "Name the root of the source leaves as the source anchor and your own as the issuer anchor.".into(),
            ),
            Self::Read { reason, .. } if reason.kind() == std::io::ErrorKind::NotFound => {
                Some("Check the name; it is relative to the current directory.".into())
            }
            Self::NotText { .. } | Self::Policy(_) | Self::Read { .. } | Self::StdinTwice | Self::TooLong { .. } => {
                None
            }
        }
    }
}

/// Reads a file that must fit into memory; `what` it is, for the message.
///
/// # Errors
/// The file cannot be read, or is longer than 64 MiB.
pub fn bytes(what: &'static str, path: &Path) -> Result<Vec<u8>, LoadError> {
    bytes_up_to(MAX_FILE, what, path)
}

/// As [`bytes`](fn@bytes), of a file that may be of another length.
///
/// # Errors
/// The file cannot be read, or is longer than `most`.
pub fn bytes_up_to(most: u64, what: &'static str, path: &Path) -> Result<Vec<u8>, LoadError> {
    let failed = |reason| LoadError::Read { what, path: path.to_owned(), reason };
    let length = std::fs::metadata(path).map_err(failed)?.len();
    if length > most {
        return Err(LoadError::TooLong { what, path: path.to_owned(), length, most });
    }
    input::read(path).map_err(failed)
}

/// Reads and proves a policy.
///
/// # Errors
/// The file cannot be read, is not text, or is not a policy.
pub fn policy(path: &Path) -> Result<Policy, LoadError> {
    let text = String::from_utf8(bytes("policy", path)?).map_err(|error| {
        let found = match form::byte_order_mark(error.as_bytes()) {
            Some(mark) => format!("starts with {mark}, expected UTF-8 text"),
            None => "is not UTF-8 text".to_owned(),
        };
        LoadError::NotText { path: path.to_owned(), found }
    })?;
    Ok(Policy::parse(&text, &exact_path(path))?)
}

/// The digest of a beacon, which may be any file.
///
/// # Errors
/// The file cannot be read, or is empty.
pub fn beacon(path: &Path) -> Result<Sha256Digest, LoadError> {
    let content = bytes("beacon", path)?;
    if content.is_empty() {
        return Err(LoadError::BeaconEmpty { path: path.to_owned() });
    }
    Ok(sha256(&content))
}

/// Reads an expected list; and the SHA-256 of its bytes.
///
/// # Errors
/// The file cannot be read, or is not a list of chips of this family.
pub fn expected(path: &Path, family: Family) -> Result<(ExpectedList, Sha256Digest), LoadError> {
    let content = bytes("expected list", path)?;
    Ok((ExpectedList::parse(family, &content, &exact_path(path))?, sha256(&content)))
}

/// Reads the certificates of files, PEM or DER.
///
/// # Errors
/// A file cannot be read, or is not one of certificates.
pub fn certificates<P: AsRef<Path>>(paths: &[P]) -> Result<Vec<Certificate>, LoadError> {
    let mut list = Vec::new();
    for path in paths.iter().map(AsRef::as_ref) {
        let found = bundle::named(&bytes("certificate", path)?);
        list.extend(found.map_err(|reason| LoadError::Certificates { path: path.to_owned(), reason })?);
    }
    Ok(list)
}

/// Paths as inputs; `-` is standard input.
///
/// # Errors
/// Standard input is named twice.
pub fn inputs(paths: &[PathBuf]) -> Result<Vec<Input>, LoadError> {
    let stdin = |path: &&PathBuf| path.as_os_str() == "-";
    if paths.iter().filter(stdin).count() > 1 {
        return Err(LoadError::StdinTwice);
    }
    Ok(paths.iter().map(|path| if stdin(&path) { Input::Stdin } else { Input::Path(path.clone()) }).collect())
}

/// The trust anchors that a check goes by. The person who checks gives them; a batch never does.
#[derive(Clone, Debug)]
pub struct Anchors {
    /// Of the source leaves.
    pub source: Vec<Certificate>,
    /// Of the new certificates.
    pub issuer: Vec<Certificate>,
    /// Of the manifest signer.
    pub manifest: Vec<Certificate>,
}

impl Anchors {
    /// Takes the anchors. Without anchors of its own, the manifest signer's are those of the new certificates.
    ///
    /// # Errors
    /// There is no anchor for the source leaves, or none for the new certificates.
    pub fn new(
        source: Vec<Certificate>,
        issuer: Vec<Certificate>,
        manifest: Option<Vec<Certificate>>,
    ) -> Result<Self, LoadError> {
        if issuer.is_empty() || source.is_empty() {
            return Err(LoadError::NoAnchor);
        }
        let manifest = manifest.unwrap_or_else(|| issuer.clone());
        Ok(Self { source, issuer, manifest })
    }
}

/// Largest policy, list or certificate file that is read.
const MAX_FILE: u64 = 64 << 20;
