//! A batch's leaf list, read back piece by piece.

use crate::origin::Uid;
use crate::x509::Sha256Digest;

use super::LedgerError;
use super::leaf;
use super::open::{Book, damaged};
use super::record::{Kind, Place, Record};

/// The leaf list of a batch. What was looked at last is kept, as neighbours are usually asked for next.
pub(super) struct LeafList<'a> {
    book: &'a mut Book,
    batch: u64,
    /// Leaves in a chunk, but for the last.
    chunk_size: u32,
    last_digests: Option<Record>,
    last_uids: Option<Record>,
}

impl<'a> LeafList<'a> {
    pub(super) fn new(book: &'a mut Book, batch: u64) -> Result<Self, LedgerError> {
        let missing = LedgerError::Damaged { position: batch, what: "the batch that begins here has no leaves" };
        let first = book.store.entry(Place::new(Kind::Uids, batch, 0))?;
        let chunk_size = first.and_then(|entry| u32::try_from(entry.count).ok()).filter(|count| *count > 0);
        let chunk_size = chunk_size.ok_or(missing)?;
        Ok(Self { book, batch, chunk_size, last_digests: None, last_uids: None })
    }

    /// First and last UID of every chunk.
    pub(super) fn ranges(&mut self) -> Result<Ranges, LedgerError> {
        self.book.expect(Place::new(Kind::Ranges, self.batch, 0)).map(Ranges)
    }

    /// The UIDs of a chunk.
    pub(super) fn uids(&mut self, chunk: u32) -> Result<Uids, LedgerError> {
        self.book.expect(Place::new(Kind::Uids, self.batch, u64::from(chunk))).map(Uids)
    }

    /// A run of sorted key prefixes, if there is one of that number.
    pub(super) fn keys(&mut self, run: u64) -> Result<Option<Keys>, LedgerError> {
        Ok(self.book.store.read(Place::new(Kind::Keys, self.batch, run))?.map(Keys))
    }

    /// The index in the batch of a leaf of a chunk.
    pub(super) fn index(&self, chunk: u32, in_chunk: usize) -> u32 {
        chunk * self.chunk_size + u32::try_from(in_chunk).expect("a chunk's leaves were counted in 32 bits")
    }

    /// Digests of key and source of one leaf.
    pub(super) fn digests(&mut self, index: u32) -> Result<(Sha256Digest, Sha256Digest), LedgerError> {
        let record = chunk_of(self.book, &mut self.last_digests, Kind::Digests, self.batch, index / self.chunk_size)?;
        leaf::read_digests(&record.body, (index % self.chunk_size) as usize).map_err(|_| damaged(record))
    }

    /// The UID of one leaf.
    pub(super) fn uid(&mut self, index: u32) -> Result<Uid, LedgerError> {
        let record = chunk_of(self.book, &mut self.last_uids, Kind::Uids, self.batch, index / self.chunk_size)?;
        let uids = leaf::read_uids(&record.body).map_err(|_| damaged(record))?;
        let uid = uids.get((index % self.chunk_size) as usize).ok_or_else(|| damaged(record))?;
        Uid::from_bytes(uid).map_err(|_| damaged(record))
    }
}

fn chunk_of<'k>(
    book: &mut Book,
    kept: &'k mut Option<Record>,
    kind: Kind,
    batch: u64,
    chunk: u32,
) -> Result<&'k Record, LedgerError> {
    let place = Place::new(kind, batch, u64::from(chunk));
    match kept.take().filter(|record| record.entry.place == place) {
        Some(record) => Ok(kept.insert(record)),
        None => Ok(kept.insert(book.expect(place)?)),
    }
}

/// A `Ranges` record.
pub(super) struct Ranges(Record);

impl Ranges {
    pub(super) fn list(&self) -> Result<Vec<leaf::Range<'_>>, LedgerError> {
        leaf::read_ranges(&self.0.body).map_err(|_| damaged(&self.0))
    }
}

/// A `Uids` record.
pub(super) struct Uids(pub(super) Record);

impl Uids {
    pub(super) fn list(&self) -> Result<Vec<&[u8]>, LedgerError> {
        leaf::read_uids(&self.0.body).map_err(|_| damaged(&self.0))
    }
}

/// A `Keys` record.
pub(super) struct Keys(Record);

impl Keys {
    pub(super) fn pairs(&self) -> Result<impl Iterator<Item = (u64, u32)>, LedgerError> {
        leaf::read_keys(&self.0.body).map_err(|_| damaged(&self.0))
    }
}
