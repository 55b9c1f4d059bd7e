//! What came out of a job, beside its counts: lists and batches of a revocation, and the first and last certificate of a batch.

use std::io::{Read as _, Seek as _, SeekFrom};

use reroot_core::input;
use reroot_core::manifest::ENTRIES_FILE;
use serde::Deserialize;
use serde_json::Value;

use super::desk::clean;
use crate::app::App;
use crate::problem::Problem;

/// A revocation list as a request would make it, or as a round has planned it.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct ListSize {
    urls: Vec<String>,
    #[serde(default)]
    pub(super) added: Option<u64>,
    pub(super) entries: u64,
    #[serde(default)]
    pub(super) bytes: Option<u64>,
    #[serde(default)]
    pub(super) max_bytes: Option<u64>,
}

impl ListSize {
    pub(super) fn name(&self) -> &str {
        self.urls.first().map_or("full list", String::as_str)
    }

    /// Whether it would be larger than its policy allows.
    pub(super) fn is_too_large(&self) -> bool {
        matches!((self.bytes, self.max_bytes), (Some(bytes), Some(most)) if bytes > most)
    }
}

/// How many certificates of a batch are named.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct OfBatch {
    pub(super) batch: Option<String>,
    pub(super) certificates: u64,
}

/// A name that is in doubt.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Doubt {
    pub(super) place: String,
    pub(super) kind: String,
    pub(super) finding: String,
    #[serde(default)]
    pub(super) hint: Option<String>,
}

/// What a revocation, a release or a round of lists came to.
#[derive(Clone, Debug, Default)]
pub(super) struct Change {
    pub(super) lists: Vec<ListSize>,
    pub(super) batches: Vec<OfBatch>,
    pub(super) doubts: Vec<Doubt>,
    /// The job of the lists that say it.
    pub(super) round: Option<String>,
}

impl Change {
    pub(super) fn of(result: &Value) -> Self {
        fn read<T: for<'a> Deserialize<'a>>(value: &Value) -> Vec<T> {
            serde_json::from_value(value.clone()).unwrap_or_default()
        }
        Self {
            lists: read(&result["lists"]),
            batches: read(&result["batches"]),
            doubts: read(&result["findings"]),
            round: result["crl_job"].as_str().map(str::to_owned),
        }
    }
}

/// A certificate, as the manifest of its batch has it.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Issued {
    pub(super) uid: String,
    pub(super) serial: String,
    pub(super) sha256: String,
    pub(super) not_before: String,
    pub(super) not_after: String,
}

/// The first and the last certificate of a sealed batch; the last is left out where it is the first.
///
/// # Errors
/// The catalog cannot be read.
pub(super) fn ends(app: &App, batch: &str) -> Result<Vec<Issued>, Problem> {
    let Some(row) = app.catalog().batch(batch)? else { return Ok(vec![]) };
    let path = app.settings().batches().join(row.folder).join(ENTRIES_FILE);
    // the page does without where the file cannot be read: the batch's verification says so
    let read = || -> std::io::Result<Vec<Issued>> {
        let mut file = input::open(&path)?;
        let length = file.metadata()?.len();
        let mut head = Vec::new();
        file.by_ref().take(LONGEST_LINE).read_to_end(&mut head)?;
        let mut tail = Vec::new();
        file.seek(SeekFrom::Start(length.saturating_sub(LONGEST_LINE)))?;
        file.take(LONGEST_LINE).read_to_end(&mut tail)?;
        let lines = |text: &[u8]| -> Vec<Vec<u8>> { text.split(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect() };
        let first = lines(&head).into_iter().next();
        let last = lines(&tail).into_iter().rfind(|line| !line.is_empty());
        let mut ends: Vec<Issued> = first.iter().chain(&last).filter_map(|line| issued(line)).collect();
        ends.dedup_by(|one, other| one.sha256 == other.sha256);
        Ok(ends)
    };
    Ok(read().unwrap_or_default())
}

fn issued(line: &[u8]) -> Option<Issued> {
    let mut value = serde_json::from_slice(line).ok()?;
    clean(&mut value);
    serde_json::from_value(value).ok()
}

/// Bytes at each end of a manifest among which there is a whole line.
const LONGEST_LINE: u64 = 64 << 10;
