//! What was written, and where.

use std::path::Path;

use serde::{Serialize, Serializer};

use crate::manifest::timestamp::Stamped;
use crate::origin::Uid;
use crate::x509::Time;

use super::path;

/// A place of the file system, for programs.
#[derive(Clone, Copy, Debug)]
pub struct Place<'a>(pub &'a Path);

impl Serialize for Place<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&path(self.0))
    }
}

/// A file that was written.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct FileMade<'a> {
    /// The file.
    pub out: Place<'a>,
}

/// A batch in another form.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct ExportMade<'a> {
    /// The output.
    pub out: Place<'a>,
    /// The form.
    pub to: &'a str,
    /// The first batch.
    pub batch: &'a str,
    /// The batches.
    pub batches: &'a [String],
    /// Certificates in it.
    pub certificates: u64,
    /// Whether the batch's seal was verified.
    pub verified: bool,
}

/// Proofs.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct ProofsMade<'a> {
    /// The output.
    pub out: Place<'a>,
    /// The batch.
    pub batch: &'a str,
    /// Chips that are proved to be in it.
    pub present: u64,
    /// Chips that are proved not to be in it.
    pub absent: u64,
}

/// A time-stamp that was put beside its batch.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct StampMade<'a> {
    /// The output.
    pub out: Place<'a>,
    /// The time, if the authority's signature was verified.
    pub time: Option<Time>,
    /// The authority, if its signature was verified.
    pub authority: Option<&'a str>,
}

impl<'a> StampMade<'a> {
    /// Takes what was verified of the time-stamp, if anything was.
    pub fn new(out: &'a Path, stamped: Option<&'a Stamped>) -> Self {
        let authority = stamped.map(|stamped| stamped.authority.as_str());
        Self { out: Place(out), time: stamped.map(|stamped| stamped.time), authority }
    }
}

/// A chip has shown that it holds its key.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct PossessionMade<'a> {
    /// The chip.
    pub uid: &'a Uid,
    /// Always true: what is not shown is a refusal.
    pub possession: bool,
}

/// A sealed supplement of possession.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct SupplementMade<'a> {
    /// The output.
    pub out: Place<'a>,
    /// Chips that have shown that they hold their keys.
    pub shown: u64,
    /// Chips of the batch.
    pub chips: u64,
}
