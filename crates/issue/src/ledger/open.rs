//! Opening a ledger, and the one way in which anything gets on it.

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use crate::crypto::sha256;
use crate::durable;
use crate::text::Printable;
use crate::x509::{Sha256Digest, Spki};

use super::LedgerError;
use super::batch::{BatchId, BatchState, Summary};
use super::codec::{Malformed, Reader, Writer};
use super::copy;
use super::held;
use super::index;
use super::memory::MemoryStore;
use super::noted::Noted;
use super::record::{Draft, Head, Kind, Place, Record};
use super::snapshot::Snapshot;
use super::sqlite::SqliteStore;
use super::store::{LedgerStore, StoreError};

/// The ledger of one issuer key. All methods may be called from several threads; calls run one after the other.
pub struct Ledger(Mutex<State>);

/// The store and what is remembered of it.
pub(super) struct State {
    pub(super) store: Box<dyn LedgerStore>,
    /// Every batch up to record number `known`.
    batches: Vec<Summary>,
    known: u64,
    /// What is known of the index.
    pub(super) index: index::Condition,
    /// Seeds of serial numbers, each with the batch that has it, of the first `seeded` batches.
    pub(super) seeds: HashMap<[u8; 32], BatchId>,
    pub(super) seeded: usize,
    /// Where the head is noted.
    pub(super) noted: Option<Noted>,
}

impl Ledger {
    /// Creates a ledger for this issuer key, readable by its owner alone.
    ///
    /// # Errors
    /// The file exists or cannot be written.
    pub fn create(path: &Path, issuer: &Spki) -> Result<Self, LedgerError> {
        if is_url(path) {
            return Self::over(server::create(path)?, issuer);
        }
        // closing moves the first record from the write-ahead log into the file: a file without one is not a ledger
        let ledger = Self::over(Box::new(SqliteStore::create(path)?), issuer)?;
        ledger.conclude()?;
        drop(ledger);
        Self::open(path, issuer)
    }

    /// Opens the ledger of this issuer key, or makes it where there is none: whole, or not at all.
    ///
    /// # Errors
    /// As [`open`](Self::open); or a new one cannot be written.
    pub fn open_or_create(path: &Path, issuer: &Spki) -> Result<Self, LedgerError> {
        if is_url(path) {
            // the schema is made in one transaction; one without a record is what a run left that was killed
            if !server::exists(path)? {
                return Self::create(path, issuer);
            }
            let mut store = server::open(path)?;
            not_moved(path, store.as_mut())?;
            return Self::over(store, issuer);
        }
        if path.symlink_metadata().is_ok() {
            return Self::open(path, issuer);
        }
        let beside = |suffix: &str| {
            let mut name = path.file_name().unwrap_or_default().to_owned();
            name.push(suffix);
            path.with_file_name(name)
        };
        // what an interrupted run left there has nothing on it
        for suffix in [".partial", ".partial-wal", ".partial-shm", ".partial-journal", ".partial-lock"] {
            durable::remove_partial_file(&beside(suffix))?;
        }
        let partial = beside(".partial");
        drop(Self::create(&partial, issuer)?);
        durable::publish(&partial, path)?;
        Self::open(path, issuer)
    }

    /// Opens the ledger of this issuer key and holds it until it is dropped. The time does not depend on the number of
    /// records.
    ///
    /// # Errors
    /// There is no such file, it is not a ledger, of a later format, of another issuer, or in use.
    pub fn open(path: &Path, issuer: &Spki) -> Result<Self, LedgerError> {
        let mut store: Box<dyn LedgerStore> =
            if is_url(path) { server::open(path)? } else { Box::new(SqliteStore::open(path)?) };
        if store.head()? == Head::EMPTY {
            return Err(LedgerError::Incomplete { path: path.to_owned() });
        }
        not_moved(path, store.as_mut())?;
        let records = store.head()?.records;
        let ledger = Self::over(store, issuer)?;
        tracing::info!(ledger = %Printable::new(path), records, "ledger opened");
        Ok(ledger)
    }

    /// Opens the ledger of this issuer key, which is on a server, beside other workers: nothing is locked. What may be
    /// signed is recorded for chunks alone that this worker [holds](Self::hold).
    ///
    /// # Errors
    /// As [`open`](Self::open); or it is not on a server.
    pub fn open_as_worker(url: &Path, issuer: &Spki) -> Result<Self, LedgerError> {
        if !is_url(url) {
            return Err(LedgerError::NotOnServer { path: url.to_owned() });
        }
        let mut store = server::open_as_worker(url)?;
        if store.head()? == Head::EMPTY {
            return Err(LedgerError::Incomplete { path: url.to_owned() });
        }
        not_moved(url, store.as_mut())?;
        Self::over(store, issuer)
    }

    /// Opens the ledger of any issuer to read it: also a copy that cannot be written, and a ledger that a run adds to,
    /// which is then read as it was when it was opened. Changes nothing and makes no other process wait. Every call
    /// that would add to the ledger fails.
    ///
    /// # Errors
    /// The file does not exist, is not a ledger, or has a later format; or a process of a release that does not know of
    /// readers has it open.
    pub fn open_to_read(path: &Path) -> Result<Self, LedgerError> {
        let mut store: Box<dyn LedgerStore> =
            if is_url(path) { server::open_to_read(path)? } else { Box::new(Snapshot::open(path)?) };
        if store.head()? == Head::EMPTY {
            return Err(LedgerError::Incomplete { path: path.to_owned() });
        }
        let mut state = State::over(store);
        state.issuer()?;
        Ok(Self(Mutex::new(state)))
    }

    /// The process that holds the ledger at this place, as the system says; 0 if it is one that this process does not
    /// see.
    /// `None`: no run is on, or the system does not say. Nothing is opened or locked.
    pub fn holder(path: &Path) -> Option<u32> {
        let lock = held::lock_path(&path.canonicalize().ok()?);
        held::holder("FLOCK", &lock.metadata().ok()?)
    }

    /// The SubjectPublicKeyInfo of the issuer that the ledger belongs to.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn issuer(&self) -> Result<Vec<u8>, LedgerError> {
        self.with(State::issuer)
    }

    /// Checks that it is the ledger of this issuer key.
    ///
    /// # Errors
    /// It is another one's, or the store cannot be read.
    pub fn check_issuer(&self, issuer: &Spki) -> Result<(), LedgerError> {
        self.with(|state| state.check_issuer(issuer))
    }

    /// A ledger that is gone when it is dropped, for tests and rehearsals.
    pub fn in_memory(issuer: &Spki) -> Self {
        Self::over(Box::new(MemoryStore::new()), issuer)
            .expect("a new store in memory has no other issuer and no fault")
    }

    /// A ledger over any store: a new one begins with a record of the issuer key, an old one must begin with it.
    ///
    /// # Errors
    /// The store belongs to another issuer or fails.
    pub fn over(store: Box<dyn LedgerStore>, issuer: &Spki) -> Result<Self, LedgerError> {
        let mut state = State::over(store);
        retried(|| {
            let head = state.store.head()?;
            if head == Head::EMPTY {
                let mut writer = Writer::default();
                writer.text(FORMAT);
                writer.bytes(issuer.der());
                let genesis = Draft::new(Place::new(Kind::Genesis, 0, 0), writer.finish());
                return state.append(&head, std::iter::once(genesis));
            }
            state.check_issuer(issuer)
        })?;
        Ok(Self(Mutex::new(state)))
    }

    /// Returns the digest of the chain through every record. An operator who notes it down can check later that no
    /// record up to it was changed or removed.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn head(&self) -> Result<Sha256Digest, LedgerError> {
        self.with(|state| Ok(state.store.head()?.digest))
    }

    /// Brings every record to where it stays. All of them are durable already; before success is reported, a disk that
    /// fails is to be noticed.
    ///
    /// # Errors
    /// The store cannot be written. Nothing is lost: the same command again does the rest.
    pub fn flush(&self) -> Result<(), LedgerError> {
        self.with(|state| Ok(state.store.flush()?))
    }

    /// As [`flush`](Self::flush), at the end of a run and before its result gets its name: everything is where it
    /// stays, the files are those that were opened, and the head is noted where [`note_head_in`](Self::note_head_in)
    /// says.
    ///
    /// # Errors
    /// The store, or the file for the head, cannot be written; or the store is not the one that was opened. Then
    /// nothing may be published.
    pub fn conclude(&self) -> Result<(), LedgerError> {
        self.with(|state| {
            state.store.conclude()?;
            state.note_head()
        })
    }

    /// Checks that the ledger is still the one that was opened and that no other process wrote to it. The caller checks
    /// this before it publishes what was signed.
    ///
    /// # Errors
    /// The ledger is a different one, or another process wrote to it.
    pub fn check(&self) -> Result<(), LedgerError> {
        self.with(|state| Ok(state.store.check()?))
    }

    /// Compares the ledger with the head that the last run noted in a file, if there is one. Returns whether there was
    /// one.
    ///
    /// # Errors
    /// The file cannot be read or is not a head, or this ledger was never at that head.
    pub fn compare_head_in(&self, file: &Path) -> Result<bool, LedgerError> {
        self.with(|state| state.compare_head(file))
    }

    /// As [`compare_head_in`](Self::compare_head_in), and notes the head in the file from now on, at the end of each
    /// run.
    ///
    /// # Errors
    /// As there.
    pub fn note_head_in(&self, file: &Path) -> Result<bool, LedgerError> {
        self.with(|state| {
            let there = state.compare_head(file)?;
            state.noted = Some(Noted { file: file.to_owned(), head: state.store.head()? });
            Ok(there)
        })
    }

    /// Runs `work` on the state. When another process added records in the meantime, it runs again from the start.
    pub(super) fn with<T>(&self, mut work: impl FnMut(&mut State) -> Result<T, LedgerError>) -> Result<T, LedgerError> {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        retried(|| work(&mut state))
    }
}

impl std::fmt::Debug for Ledger {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Ledger(..)")
    }
}

impl State {
    fn over(store: Box<dyn LedgerStore>) -> Self {
        Self {
            store,
            batches: Vec::new(),
            known: 0,
            index: index::Condition::NEW,
            seeds: HashMap::new(),
            seeded: 0,
            noted: None,
        }
    }

    /// Adds records after `head`, durably, all or none.
    pub(super) fn append(&mut self, head: &Head, drafts: impl Iterator<Item = Draft>) -> Result<(), LedgerError> {
        let mut at = *head;
        let mut records = drafts.map(|draft| {
            let record = Record::after(&at, draft);
            at = record.head();
            record
        });
        Ok(self.store.append(head, &mut records)?)
    }

    /// Whose ledger it is, as its first record says.
    pub(super) fn issuer(&mut self) -> Result<Vec<u8>, LedgerError> {
        let genesis = self.expect(Place::new(Kind::Genesis, 0, 0))?;
        let (format, issuer) = decoded(&genesis, |reader| Ok((reader.text()?.to_owned(), reader.bytes()?.to_vec())))?;
        if format != FORMAT {
            return Err(LedgerError::Damaged { position: 1, what: "it names another format" });
        }
        Ok(issuer)
    }

    fn check_issuer(&mut self, issuer: &Spki) -> Result<(), LedgerError> {
        let found = self.issuer()?;
        if found == issuer.der() {
            return Ok(());
        }
        Err(LedgerError::IssuerDiffers { found: sha256(&found), expected: sha256(issuer.der()) })
    }

    /// The record at a place where there must be one.
    pub(super) fn expect(&mut self, place: Place) -> Result<Record, LedgerError> {
        self.store
            .read(place)?
            .ok_or(LedgerError::Damaged { position: place.batch, what: "a record that belongs to it is missing" })
    }

    /// Every batch in the order in which they began.
    pub(super) fn batches(&mut self) -> Result<&[Summary], LedgerError> {
        let head = self.store.head()?;
        if head.records > self.known {
            for entry in self.store.entries(Kind::Batch, self.known + 1, u64::MAX)? {
                let missing = LedgerError::Damaged { position: entry.position, what: "it is missing" };
                let record = self.store.at(entry.position)?.ok_or(missing)?;
                let summary = Summary::decode(entry.place.batch, &record.body).map_err(|_| damaged(&record))?;
                self.known = summary.number;
                self.batches.push(summary);
            }
            self.known = self.known.max(head.records);
        }
        Ok(&self.batches)
    }

    /// The batch of this name.
    pub(super) fn summary(&mut self, id: &BatchId) -> Result<Option<Summary>, LedgerError> {
        Ok(self.batches()?.iter().rfind(|batch| batch.id == *id).cloned())
    }

    /// The batch of this name, which must be there.
    pub(super) fn known(&mut self, id: &BatchId) -> Result<Summary, LedgerError> {
        self.summary(id)?.ok_or_else(|| LedgerError::UnknownBatch { batch: id.clone() })
    }

    /// How far the batch of this number is.
    pub(super) fn state_of(&mut self, number: u64) -> Result<BatchState, LedgerError> {
        let mut has = |kind| Ok::<_, LedgerError>(self.store.entry(Place::new(kind, number, 0))?.is_some());
        Ok(match (has(Kind::Sealed)?, has(Kind::Abandoned)?) {
            (true, _) => BatchState::Sealed,
            (false, true) => BatchState::Abandoned,
            (false, false) => BatchState::Open,
        })
    }
}

/// Whether a ledger is named by a URL: it is then on a server, and not in a file.
pub fn is_url(path: &Path) -> bool {
    let text = path.as_os_str().as_encoded_bytes();
    text.starts_with(b"postgres://") || text.starts_with(b"postgresql://")
}

/// Refuses to add to a ledger that goes on elsewhere.
fn not_moved(path: &Path, store: &mut dyn LedgerStore) -> Result<(), LedgerError> {
    let end = store.head()?;
    match copy::moved(store, &end)? {
        Some(moved) => Err(copy::refusal(path, &moved)),
        None => Ok(()),
    }
}

/// The stores that a URL names.
#[cfg(feature = "postgres")]
pub(super) mod server {
    use super::{Head, LedgerError, LedgerStore, Path};
    use crate::ledger::postgres::PostgresStore;

    pub(super) fn create(url: &Path) -> Result<Box<dyn LedgerStore>, LedgerError> {
        Ok(Box::new(PostgresStore::create(url)?))
    }

    pub(in crate::ledger) fn begin_copy(url: &Path) -> Result<Box<dyn LedgerStore>, LedgerError> {
        Ok(Box::new(PostgresStore::begin_copy(url)?))
    }

    pub(in crate::ledger) fn finish_copy(url: &Path, head: &Head) -> Result<(), LedgerError> {
        PostgresStore::finish_copy(url, head)
    }

    pub(in crate::ledger) fn is_open(url: &Path) -> Result<bool, LedgerError> {
        PostgresStore::is_open(url)
    }

    pub(super) fn exists(url: &Path) -> Result<bool, LedgerError> {
        PostgresStore::exists(url)
    }

    pub(in crate::ledger) fn open(url: &Path) -> Result<Box<dyn LedgerStore>, LedgerError> {
        Ok(Box::new(PostgresStore::open(url)?))
    }

    pub(super) fn open_as_worker(url: &Path) -> Result<Box<dyn LedgerStore>, LedgerError> {
        Ok(Box::new(PostgresStore::open_as_worker(url)?))
    }

    pub(in crate::ledger) fn open_to_read(url: &Path) -> Result<Box<dyn LedgerStore>, LedgerError> {
        Ok(Box::new(PostgresStore::open_to_read(url)?))
    }
}

/// A program without the feature knows a URL when it sees one.
#[cfg(not(feature = "postgres"))]
pub(super) mod server {
    use super::{Head, LedgerError, LedgerStore, Path};

    pub(super) fn create(url: &Path) -> Result<Box<dyn LedgerStore>, LedgerError> {
        open(url)
    }

    pub(in crate::ledger) fn begin_copy(url: &Path) -> Result<Box<dyn LedgerStore>, LedgerError> {
        open(url)
    }

    pub(in crate::ledger) fn finish_copy(url: &Path, _: &Head) -> Result<(), LedgerError> {
        open(url).map(drop)
    }

    pub(in crate::ledger) fn is_open(url: &Path) -> Result<bool, LedgerError> {
        open(url).map(|_| true)
    }

    pub(super) fn exists(url: &Path) -> Result<bool, LedgerError> {
        open(url).map(|_| true)
    }

    pub(in crate::ledger) fn open(url: &Path) -> Result<Box<dyn LedgerStore>, LedgerError> {
        Err(LedgerError::NoPostgres { url: url.to_owned() })
    }

    pub(super) fn open_as_worker(url: &Path) -> Result<Box<dyn LedgerStore>, LedgerError> {
        open(url)
    }

    pub(in crate::ledger) fn open_to_read(url: &Path) -> Result<Box<dyn LedgerStore>, LedgerError> {
        open(url)
    }
}

/// Reads a whole body.
pub(super) fn decoded<T>(
    record: &Record,
    read: impl FnOnce(&mut Reader<'_>) -> Result<T, Malformed>,
) -> Result<T, LedgerError> {
    let mut reader = Reader::new(&record.body);
    let value = read(&mut reader).map_err(|_| damaged(record))?;
    reader.finish().map_err(|_| damaged(record))?;
    Ok(value)
}

/// The error for a body that no ledger wrote.
pub(super) fn damaged(record: &Record) -> LedgerError {
    LedgerError::Damaged { position: record.entry.position, what: "its body is not what its kind has" }
}

/// Tries again as long as other writers come first.
fn retried<T>(mut work: impl FnMut() -> Result<T, LedgerError>) -> Result<T, LedgerError> {
    for _ in 0..RETRIES {
        match work() {
            Err(LedgerError::Store(StoreError::HeadMoved { .. })) => {}
            other => return other,
        }
    }
    work()
}

/// A bound against a store that contradicts itself; real contention ends far earlier.
const RETRIES: u32 = 1_000;

const FORMAT: &str = "reroot-ledger/1";
