//! Tells whether a file is the one that was read before.

use std::fs::Metadata;
use std::os::unix::fs::MetadataExt as _;

use reroot_core::input::FileId;

/// One version of a file: a different one by its inode, its length, or the time of its last change (`ctime`, which no
/// program sets).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Version {
    file: FileId,
    bytes: u64,
    changed: (i64, i64),
}

impl Version {
    /// The version of a file that was looked at.
    pub fn of(about: &Metadata) -> Self {
        Self { file: FileId::of(about), bytes: about.len(), changed: (about.ctime(), about.ctime_nsec()) }
    }
}
