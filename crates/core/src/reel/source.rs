//! The values that leave this stage.

use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

use crate::origin::{Disposition, Finding, ItemName};
use crate::x509::Sha256Digest;

/// Something to read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Input {
    /// A file or directory.
    Path(PathBuf),
    /// Standard input, named `-`.
    Stdin,
}

impl Input {
    /// The name that its items begin with: the last component of the path as given (for `.`, `..` and `/`, which have
    /// none, the path itself), or `-`.
    pub fn name(&self) -> ItemName {
        ItemName::input(self.last())
    }

    pub(super) fn last(&self) -> &[u8] {
        match self {
            Self::Path(path) => path.file_name().unwrap_or(path.as_os_str()).as_bytes(),
            Self::Stdin => b"-",
        }
    }
}

/// One certificate candidate: bytes and the name of the item they came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceLeaf {
    /// The item.
    pub item: ItemName,
    /// What is claimed to be one certificate in DER (possibly followed by a zone dump's padding).
    pub der: Vec<u8>,
    /// The last component of the file's name where the item is a file of its own, for the warning on a name that
    /// disagrees with the certificate. Escaped as in item names, so it is safe to print.
    pub file_name: Option<String>,
}

/// What an input turned out to hold, item by item.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Item {
    /// A certificate candidate, CA certificates included: the verifier tells.
    Candidate(SourceLeaf),
    /// An item that is not a candidate (ignored) or that could not be read (rejected).
    Finding(Finding),
}

impl Item {
    /// Whether an input yields something with it: a candidate, or a rejection that says what is there.
    pub fn is_certificate_or_fault(&self) -> bool {
        match self {
            Self::Candidate(_) => true,
            Self::Finding(finding) => finding.disposition == Disposition::Rejected,
        }
    }
}

/// One line of `inputs.jsonl`: what was read.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct InputRecord {
    /// The input's name; for a directory one record a file, `directory/path`.
    pub name: ItemName,
    /// Bytes read.
    pub bytes: u64,
    /// SHA-256 of those bytes.
    pub sha256: Sha256Digest,
    /// How many items of the input came before those of this file.
    #[serde(skip)]
    pub first: u64,
}
