//! Chips that have a certificate by an earlier issuing key: a new key has a new ledger, which knows nothing of them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::error::Error;
use crate::intake::Row;
use crate::ledger::{BatchId, ChunkLeaf, Ledger, LedgerError};
use crate::text::Printable;

/// The ledger of an earlier key, read and not written.
#[expect(missing_debug_implementations, reason = "holds a ledger")]
pub struct KnownLedger {
    /// Its file, for messages.
    path: PathBuf,
    ledger: Ledger,
}

/// Chips that are looked up at once.
const PIECE: usize = 1 << 16;
/// Chips that the report names.
const NAMED: usize = 10;

impl KnownLedger {
    /// Opens it to read.
    ///
    /// # Errors
    /// There is no such file, or it is not a ledger that can be read.
    pub fn open(path: &Path) -> Result<Self, LedgerError> {
        Ok(Self { path: path.to_owned(), ledger: Ledger::open_to_read(path)? })
    }

    /// Says which chips have a certificate on this ledger; nothing if none has.
    pub(super) fn report(&self, rows: &[Row]) -> Result<Option<String>, Error> {
        let mut chips: BTreeMap<String, BatchId> = BTreeMap::new();
        for piece in rows.chunks(PIECE) {
            let uids: Vec<_> = piece.iter().map(Row::uid).collect();
            let mut chunk = Chunk { ledger: &self.ledger, at: None };
            for leaf in self.ledger.find_uids(&uids)? {
                if chunk.is_issued(&leaf.batch, leaf.index)? {
                    // a later batch than the one before it
                    chips.insert(uids[leaf.sought].to_string(), leaf.batch);
                }
            }
        }
        if chips.is_empty() {
            return Ok(None);
        }
        let named: Vec<String> =
            chips.iter().take(NAMED).map(|(uid, batch)| format!("{uid} (batch {batch})")).collect();
        let more = chips.len().saturating_sub(NAMED);
        let more = if more == 0 { String::new() } else { format!(", and {more} more") };
        let path = Printable::new(&self.path);
        let named = named.join(", ");
        Ok(Some(format!("chips that have a certificate on the ledger `{path}`: {}: {named}{more}", chips.len())))
    }
}

/// The chunk of leaves that was read last.
struct Chunk<'a> {
    ledger: &'a Ledger,
    at: Option<(BatchId, u64, u32, Vec<ChunkLeaf>)>,
}

impl Chunk<'_> {
    fn is_issued(&mut self, batch: &BatchId, index: u32) -> Result<bool, Error> {
        let size = match &self.at {
            Some((known, _, size, _)) if known == batch => *size,
            _ => match self.ledger.batch(batch)? {
                Some(row) => row.chunk_size,
                None => return Ok(false),
            },
        };
        let (number, place) = (u64::from(index / size), index % size);
        if self.at.as_ref().is_none_or(|(known, at, ..)| known != batch || *at != number) {
            self.at = Some((batch.clone(), number, size, self.ledger.chunk_leaves(batch, number)?));
        }
        let leaves = self.at.as_ref().map_or(&[][..], |(.., leaves)| leaves);
        Ok(usize::try_from(place).ok().and_then(|place| leaves.get(place)).is_some_and(|leaf| leaf.issued))
    }
}
