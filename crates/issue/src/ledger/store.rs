//! Port: where the records of a ledger are kept.

use std::ops::Range;
use std::path::PathBuf;

use crate::durable::DurableError;
use crate::text::Printable;

use super::record::{Entry, Head, Kind, Place, Record};

/// Keeps records in order, permanently. It knows no rule of the ledger: the caller decides which record may come next.
///
/// The contract:
/// - Records are only ever added. A record that was added is never changed, moved or removed.
/// - [`append`](Self::append) is atomic and durable: after `Ok` all of its records survive a power loss; after `Err`
///   either all of them or none are there, and which it is shows on the next call. Records become visible to other
///   writers with their positions in order and without gaps.
/// - `append` compares and adds in one step: if the head is not the one that the caller has seen, nothing is added
///   and the error is [`StoreError::HeadMoved`]. What the caller concluded from the records up to that head is
///   therefore still true when its own are added.
/// - No two records share a [`Place`]; one that would is refused.
/// - A read sees every record whose `append` has returned before.
pub trait LedgerStore: Send {
    /// The end of the chain, [`Head::EMPTY`] if there is no record.
    ///
    /// # Errors
    /// The store cannot be read.
    fn head(&mut self) -> Result<Head, StoreError>;

    /// Adds records after `at`, all or none, durably. They are asked for one at a time: a batch of millions of leaves
    /// is never in memory.
    ///
    /// # Errors
    /// The head is another one, a place is taken, or the store cannot be written.
    fn append(&mut self, at: &Head, records: &mut dyn Iterator<Item = Record>) -> Result<(), StoreError>;

    /// Brings everything that was appended to its permanent place. It was durable before; a failing disk is noticed
    /// here, before the run reports success.
    ///
    /// # Errors
    /// The store cannot be written; nothing is lost then.
    fn flush(&mut self) -> Result<(), StoreError>;

    /// As [`flush`](Self::flush), at the end of a run: nothing that was appended is waiting anywhere. A store that
    /// notes that something is waiting takes the note back.
    ///
    /// # Errors
    /// The store cannot be written; nothing is lost then.
    fn conclude(&mut self) -> Result<(), StoreError> {
        self.flush()
    }

    /// Checks that the store is still the one that was opened and, if it allows only one writer, that no other process
    /// has written to it. Every write checks it too.
    ///
    /// # Errors
    /// It is not: [`StoreError::Lost`]; or it cannot be read.
    fn check(&mut self) -> Result<(), StoreError> {
        Ok(())
    }

    /// The record at a place.
    ///
    /// # Errors
    /// The store cannot be read.
    fn read(&mut self, place: Place) -> Result<Option<Record>, StoreError>;

    /// What is at a place, without its body.
    ///
    /// # Errors
    /// The store cannot be read.
    fn entry(&mut self, place: Place) -> Result<Option<Entry>, StoreError>;

    /// What is at the places of one kind, of the batches numbered `first` to `last`, in the order of places.
    ///
    /// # Errors
    /// The store cannot be read.
    fn entries(&mut self, kind: Kind, first: u64, last: u64) -> Result<Vec<Entry>, StoreError>;

    /// The record at a position.
    ///
    /// # Errors
    /// The store cannot be read.
    fn at(&mut self, position: u64) -> Result<Option<Record>, StoreError>;

    /// Whether records may be missing at the end, because what a run left to be moved to its place is not there.
    ///
    /// # Errors
    /// The store cannot be read.
    fn lacks_log(&mut self) -> Result<bool, StoreError> {
        Ok(false)
    }

    /// Whether this process may write what is derived from records. One may at a time; a store that keeps nothing
    /// beside records says no to all, and leaves are then looked for in every batch.
    ///
    /// # Errors
    /// The store cannot be read.
    fn derives(&mut self) -> Result<bool, StoreError> {
        Ok(false)
    }

    /// Adds Intent and Retry records of a chunk under this token of its lease from now on. A store that one process
    /// writes to asks for none.
    fn hold(&mut self, batch: u64, chunk: u64, token: u64) {
        let _ = (batch, chunk, token);
    }

    /// Forgets the token.
    fn let_go(&mut self, token: u64) {
        let _ = token;
    }

    /// Hands over bytes that are kept beside the records, each with its index in `wanted`; passes over what is not
    /// there.
    ///
    /// # Errors
    /// The store cannot be read.
    fn derived(&mut self, wanted: &[Wanted], found: &mut dyn FnMut(usize, &[u8])) -> Result<(), StoreError> {
        let _ = (wanted, found);
        Ok(())
    }

    /// Removes numbers, then writes others, all or nothing. What is written has to follow from records, as it may be
    /// lost.
    ///
    /// # Errors
    /// The store cannot be written.
    fn derive(
        &mut self,
        removed: &[Range<u64>],
        written: &mut dyn Iterator<Item = (u64, Vec<u8>)>,
    ) -> Result<(), StoreError> {
        let _ = (removed, written);
        Ok(())
    }
}

/// Bytes that are kept beside the records.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// Their number.
    pub number: u64,
    /// Which of them; as many as there are.
    pub bytes: Range<usize>,
}

/// Why a store did not do as it was asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// An earlier write failed in a way that leaves open what is on disk.
    #[error("an earlier write to the ledger failed, so what is on disk has to be read again before anything is added")]
    Broken,
    /// The store holds what no store wrote.
    #[error("record {position} of the ledger is unreadable: {what}")]
    Damaged {
        /// Position of the record.
        position: u64,
        /// What is wrong with it.
        what: &'static str,
    },
    /// The folder of the store cannot be flushed.
    #[error("ledger: {0}")]
    Durable(#[from] DurableError),
    /// Made by a test.
    #[error("the store was told to fail")]
    Fault,
    /// A worker would record what may be signed of a chunk that it has no lease for. Nothing was added.
    #[error("this worker does not hold chunk {chunk} of batch number {batch} any more")]
    Fenced {
        /// Number of the batch.
        batch: u64,
        /// Number of the chunk.
        chunk: u64,
    },
    /// PostgreSQL refused, or does not answer.
    #[error("ledger `{}`: {}", Printable::new(url), Printable::new(what))]
    Postgres {
        /// The ledger's URL.
        url: PathBuf,
        /// The server's reason, or that of the connection.
        what: String,
    },
    /// The store was opened to be read.
    #[error("the ledger was opened to be read, and nothing is added to it")]
    ReadOnly,
    /// A different process added records.
    #[error("the ledger's head moved from record {expected} to record {found} in the meantime")]
    HeadMoved {
        /// Number of records that the writer had seen.
        expected: u64,
        /// Number of records found.
        found: u64,
    },
    /// The files are not those that were opened, or others wrote to them.
    #[error("ledger `{}`: {what}", Printable::new(path))]
    Lost {
        /// The ledger's file.
        path: PathBuf,
        /// What was found.
        what: &'static str,
    },
    /// The place of a new record is taken.
    #[error("a second {kind:?} record for chunk {chunk} of batch number {batch} was refused")]
    PlaceTaken {
        /// Kind of the record.
        kind: Kind,
        /// Number of the batch.
        batch: u64,
        /// Number of the chunk.
        chunk: u64,
    },
    /// SQLite refused.
    #[error("ledger `{}`: {}", Printable::new(path), reason(source))]
    Sqlite {
        /// The ledger's file.
        path: PathBuf,
        /// SQLite's reason.
        source: rusqlite::Error,
    },
}

/// What SQLite says, and what it was doing: its own texts say only that something went wrong.
fn reason(source: &rusqlite::Error) -> String {
    use rusqlite::ffi;
    let doing = match source.sqlite_error().map(|error| error.extended_code) {
        Some(ffi::SQLITE_IOERR_READ | ffi::SQLITE_IOERR_SHORT_READ) => "reading",
        Some(ffi::SQLITE_IOERR_WRITE | ffi::SQLITE_FULL | ffi::SQLITE_READONLY) => "writing",
        Some(ffi::SQLITE_IOERR_FSYNC | ffi::SQLITE_IOERR_DIR_FSYNC) => "flushing it to disk",
        Some(ffi::SQLITE_IOERR_TRUNCATE) => "cutting it to its length",
        Some(ffi::SQLITE_IOERR_FSTAT) => "looking at its length",
        Some(ffi::SQLITE_IOERR_DELETE) => "removing its write-ahead log",
        Some(ffi::SQLITE_IOERR_LOCK | ffi::SQLITE_IOERR_RDLOCK) => "locking it",
        Some(ffi::SQLITE_CANTOPEN) => "opening it or its write-ahead log",
        _ => return source.to_string(),
    };
    format!("{source}, when {doing}")
}
