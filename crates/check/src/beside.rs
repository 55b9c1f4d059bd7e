//! What is beside a batch: its time-stamp, and what its chips have shown. The batch directory itself is sealed and
//! takes nothing more.

use std::path::{Path, PathBuf};

use reroot_core::audit::Supplements;
use reroot_core::text::Printable;

use crate::fault::Fault;
use crate::load;

/// Returns where the time-stamp of a batch is.
pub fn timestamp(batch: &Path) -> Option<PathBuf> {
    let mut name = batch.file_name()?.to_owned();
    name.push(".tst");
    Some(batch.with_file_name(name))
}

/// Returns where the CRLs of a proof or of a line pack are: beside it, with `.crl` behind its name.
pub fn crls(path: &Path) -> Option<PathBuf> {
    let mut name = path.file_name()?.to_owned();
    name.push(".crl");
    Some(path.with_file_name(name))
}

/// Largest receipts file: some three million chips. It is held in memory while the batch is verified.
pub const MAX_RECEIPTS: u64 = 1 << 30;

/// The three files about possession.
pub struct PossessionFiles {
    /// How many chips have shown their keys.
    pub supplement: PathBuf,
    /// The seal over the supplement.
    pub seal: PathBuf,
    /// What the chips signed.
    pub receipts: PathBuf,
}

impl PossessionFiles {
    /// Names the files beside this batch.
    pub fn beside(batch: &Path) -> Result<Self, Fault> {
        let name = batch
            .file_name()
            .ok_or_else(|| Fault::usage(format!("`{}` does not end in a name", Printable::new(batch))))?;
        let beside = |suffix: &str| {
            let mut name = name.to_owned();
            name.push(suffix);
            batch.with_file_name(name)
        };
        let (supplement, seal) = (beside(".pop.json"), beside(".pop.json.p7s"));
        Ok(Self { supplement, seal, receipts: beside(".pop.jsonl") })
    }
}

/// The bytes of the three files, if there is a supplement.
pub struct Possession {
    supplement: Vec<u8>,
    seal: Vec<u8>,
    receipts: Vec<u8>,
}

impl Possession {
    /// Reads what is beside a batch.
    pub fn read(batch: &Path) -> Result<Option<Self>, Fault> {
        let Ok(files) = PossessionFiles::beside(batch) else { return Ok(None) };
        if !files.supplement.exists() {
            return Ok(None);
        }
        Ok(Some(Self {
            supplement: load::bytes("supplement of possession", &files.supplement)?,
            seal: load::bytes("seal of possession", &files.seal)?,
            receipts: load::bytes_up_to(MAX_RECEIPTS, "receipts of possession", &files.receipts)?,
        }))
    }

    /// Returns the files as the audit takes them.
    pub fn files(&self) -> Supplements<'_> {
        Supplements { supplement: &self.supplement, seal: &self.seal, receipts: &self.receipts }
    }
}
