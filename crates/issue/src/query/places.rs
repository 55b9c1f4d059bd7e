//! Where batches are: the ledger keeps no paths, so the folders that are named are looked at.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::delivery::BatchWriter;
use crate::error::Error;
use crate::ledger::{BatchId, Ledger};
use crate::pipeline::sealed_at;

/// What was found of one batch.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Places {
    /// Directories that hold the batch as this ledger sealed it.
    pub published: Vec<PathBuf>,
    /// Directories that a run began to write and did not finish: certificates that were signed may be in them.
    pub unfinished: Vec<PathBuf>,
}

/// Looks for batches of this ledger in these folders: each folder itself and what is in it. Statement and seal of a batch
/// are compared with the ledger's; its large files are not read.
///
/// # Errors
/// The ledger cannot be read. Folders that cannot be read are passed over.
pub fn look_in(ledger: &Ledger, folders: &[PathBuf]) -> Result<BTreeMap<BatchId, Places>, Error> {
    let mut found: BTreeMap<BatchId, Places> = BTreeMap::new();
    for folder in folders {
        for place in candidates(folder) {
            if let Some(batch) = BatchWriter::unfinished(&place).and_then(|batch| batch.parse::<BatchId>().ok()) {
                if ledger.batch(&batch)?.is_some() {
                    found.entry(batch).or_default().unfinished.push(place);
                }
            } else if let Some(statement) = sealed_at(&place, ledger)?
                && let Ok(batch) = statement.batch.parse()
            {
                found.entry(batch).or_default().published.push(place);
            }
        }
    }
    Ok(found)
}

/// A folder and the folders in it, by name.
fn candidates(folder: &Path) -> Vec<PathBuf> {
    let mut places: Vec<PathBuf> = folder
        .read_dir()
        .into_iter()
        .flatten()
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.is_dir())
        .map(|path| path.strip_prefix(".").map(Path::to_owned).unwrap_or(path))
        .collect();
    places.sort();
    places.insert(0, folder.to_owned());
    places
}
