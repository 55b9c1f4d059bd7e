//! Records in one SQLite file: WAL, synchronous FULL, held by one process at a time.

use std::ops::Range;
use std::path::Path;

use rusqlite::config::DbConfig;
use rusqlite::{ErrorCode, MAIN_DB, OpenFlags, Transaction, TransactionBehavior, params};
use rustix::fs::FlockOperation;
use rustix::io::Errno;

use crate::durable::{self, Access, DurableError};
use crate::text::Printable;

use super::LedgerError;
use super::held::{Held, holder, log_path};
use super::log;
use super::record::{Entry, Head, Kind, Place, Record};
use super::rows::{APPLICATION_ID, FORMAT, FileFormat, Rows, head, signed};
use super::store::{LedgerStore, StoreError, Wanted};

/// A ledger's file.
#[expect(clippy::struct_excessive_bools, reason = "four facts about the file that do not depend on each other")]
pub struct SqliteStore {
    /// Closed first: what SQLite does then happens under the lock.
    rows: Rows,
    held: Held,
    broken: bool,
    /// Whether the name of the write-ahead log is on disk: SQLite flushes it, and passes over a failure.
    named: bool,
    /// Whether the file says that there are records in a write-ahead log.
    marked: bool,
    /// Whether what is in the write-ahead log has been moved into the file, so that the next write begins it again.
    moved: bool,
    /// Bytes appended since they were last moved into the file.
    waiting: u64,
}

impl SqliteStore {
    /// Creates the file, mode 0600, and takes hold of it.
    ///
    /// # Errors
    /// The file exists or cannot be written.
    pub fn create(path: &Path) -> Result<Self, LedgerError> {
        match durable::create_new(path, Access::Private) {
            Ok(file) => drop(file),
            Err(DurableError::Exists { path }) => return Err(LedgerError::Exists { path }),
            Err(error) => return Err(error.into()),
        }
        let held = Held::take(path)?;
        let rows = Self::connect(&held, path)?;
        let schema = format!(
            "PRAGMA page_size = {PAGE_SIZE}; PRAGMA journal_mode = WAL; BEGIN EXCLUSIVE; {SCHEMA} {DERIVED}
             PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = {FORMAT}; COMMIT;"
        );
        rows.connection.execute_batch(&schema).map_err(|source| failed(path, source))?;
        durable::sync_directory(durable::parent(path))?;
        Self::configured(rows, held, false)
    }

    /// Opens a ledger and takes hold of it. Takes as long for ten million leaves as for ten.
    ///
    /// # Errors
    /// There is no file, it is not a ledger of this format, another process holds it, or records are missing.
    pub fn open(path: &Path) -> Result<Self, LedgerError> {
        check_file(path)?;
        let held = Held::take(path)?;
        let log = log_path(held.path());
        let left_behind = log::is_one(&log).map_err(|source| look(&log, source))?;
        let rows = Self::connect(&held, path)?;
        if rows.connection.is_readonly(MAIN_DB).map_err(|error| failed(path, error))? {
            return Err(LedgerError::ReadOnly { path: path.to_owned() });
        }
        match rows.format().map_err(|error| failed(path, error))? {
            FileFormat::Known => {}
            FileFormat::Newer(found) => {
                return Err(LedgerError::Newer { path: path.to_owned(), found, supported: FORMAT });
            }
            FileFormat::Empty => return Err(LedgerError::Incomplete { path: path.to_owned() }),
            FileFormat::Foreign => return Err(LedgerError::Foreign { path: path.to_owned() }),
        }
        if !left_behind && rows.misses_log().map_err(|error| failed(path, error))? {
            if log.metadata().is_ok_and(|about| about.len() > 0) {
                // something is there, which SQLite takes for nothing and would remove
                let _ = rows.connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true);
            }
            return Err(LedgerError::LogMissing { path: path.to_owned(), log });
        }
        let mut store = Self::configured(rows, held, !left_behind)?;
        if left_behind {
            store.take_over()?;
            tracing::warn!(ledger = %Printable::new(path), "ledger recovered");
        }
        Ok(store)
    }

    /// A connection that has the file for itself from its first read on, until it is closed.
    fn connect(held: &Held, path: &Path) -> Result<Rows, LedgerError> {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE;
        Rows::connect(held.path(), path, flags, None).map_err(|error| failed(path, error))
    }

    fn configured(rows: Rows, held: Held, moved: bool) -> Result<Self, LedgerError> {
        let settings = format!(
            "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = 0;
             PRAGMA journal_size_limit = {WAL_LIMIT}; PRAGMA cache_size = -{CACHE_KIB};"
        );
        rows.connection.execute_batch(&settings).map_err(|error| failed(&rows.path, error))?;
        let mut store = Self { rows, held, broken: false, named: false, marked: false, moved, waiting: 0 };
        store.rows.head()?;
        store.held.note_log()?;
        store.held.check()?;
        Ok(store)
    }

    /// Does something to the files, which were not touched by others before and are not after.
    fn guarded<T>(&mut self, work: impl FnOnce(&mut Self) -> Result<T, StoreError>) -> Result<T, StoreError> {
        if self.broken {
            return Err(StoreError::Broken);
        }
        let mut result = self.held.check().and_then(|()| work(self));
        // also after an error that the store survives: what was undone may have left something in the log
        if !is_fatal(&result) {
            result = self.held.note_log().and_then(|()| self.held.check()).and(result);
        }
        self.note(result)
    }

    /// Moves what is in the write-ahead log into the file. SQLite would do it by itself, and pass over a failure.
    fn checkpoint(&mut self) -> Result<(), StoreError> {
        if self.marked && !self.moved {
            self.write(|store| store.execute(MARK))?;
        }
        self.move_log("PASSIVE")
    }

    fn move_log(&mut self, how: &str) -> Result<(), StoreError> {
        self.held.begin_change()?;
        let sql = format!("PRAGMA wal_checkpoint({how})");
        let moved = self.rows.connection.query_row(&sql, [], |_| Ok(()));
        moved.map_err(|source| self.rows.failed(source)).and(self.held.end_change())?;
        (self.waiting, self.moved) = (0, true);
        Ok(())
    }

    /// Takes over what a run left in the log: that may never have reached the disk, although it can be read, as its
    /// flush may have failed. It is written once more, to its place, before anything is built on it. Then the log is
    /// emptied: a transaction that was cut off would look like one of this run.
    fn take_over(&mut self) -> Result<(), StoreError> {
        self.guarded(|store| {
            if store.rows.is_marked().map_err(|source| store.rows.failed(source))? {
                store.write(|store| store.execute(UNMARK))?;
            }
            store.move_log("TRUNCATE")
        })
    }

    /// Runs what writes to the log. The first write after the log was moved begins it again.
    fn write<T>(&mut self, work: impl FnOnce(&mut Self) -> Result<T, StoreError>) -> Result<T, StoreError> {
        if !self.named {
            self.sync_folder()?;
            self.named = true;
        }
        if !self.moved {
            return work(self);
        }
        self.held.begin_change()?;
        let result = work(self);
        let ended = self.held.end_change();
        self.moved &= result.is_err();
        result.and_then(|value| ended.map(|()| value))
    }

    /// Flushes the folder of the file; an error names it as the caller does.
    fn sync_folder(&self) -> Result<(), StoreError> {
        durable::sync_directory(durable::parent(self.held.path())).map_err(|error| match error {
            DurableError::Io { doing, source, .. } => {
                let path = durable::parent(&self.rows.path).to_owned();
                DurableError::Io { doing, path, source }.into()
            }
            other => other.into(),
        })
    }

    /// Has what is in the log say that it is from there: who sees that in the file has lost nothing.
    fn in_log(transaction: &Transaction<'_>, moved: bool) -> rusqlite::Result<()> {
        if moved { transaction.prepare_cached(IN_LOG)?.execute([]).map(drop) } else { Ok(()) }
    }

    /// Has the file say, before there is a record in the log, that there are some: a log that is lost is then missed.
    fn mark(&mut self) -> Result<(), StoreError> {
        if self.marked {
            return Ok(());
        }
        self.write(|store| store.execute(MARK))?;
        self.checkpoint()?;
        self.marked = true;
        Ok(())
    }

    fn execute(&mut self, sql: &str) -> Result<(), StoreError> {
        self.rows.connection.execute_batch(sql).map_err(|source| self.rows.failed(source))
    }

    /// After a failed flush the system may believe that what it could not write is on disk: only a new process, which
    /// reads the files again, can know what is there. Nothing is written any more, not even when closing.
    fn note<T>(&mut self, result: Result<T, StoreError>) -> Result<T, StoreError> {
        if is_fatal(&result) {
            self.broken = true;
            let _ = self.rows.connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true);
        }
        result
    }

    fn append_and_move(&mut self, at: &Head, records: &mut dyn Iterator<Item = Record>) -> Result<(), StoreError> {
        self.mark()?;
        self.write(|store| store.append_all(at, records))?;
        if self.waiting > CHECKPOINT { self.checkpoint() } else { Ok(()) }
    }

    /// Lets the file grow by this many pages and no further, as a full disk would.
    #[cfg(test)]
    pub(crate) fn limit_growth(&mut self, extra_pages: u32) {
        let connection = &self.rows.connection;
        let count: u32 = connection.query_row("PRAGMA page_count", [], |row| row.get(0)).unwrap();
        let limit = format!("PRAGMA max_page_count = {}", count + extra_pages);
        let set: u32 = connection.query_row(&limit, [], |row| row.get(0)).unwrap();
        assert_eq!(set, count + extra_pages);
    }

    fn append_all(&mut self, at: &Head, records: &mut dyn Iterator<Item = Record>) -> Result<(), StoreError> {
        let path = &self.rows.path;
        let sqlite = |source| StoreError::Sqlite { path: path.clone(), source };
        let transaction =
            self.rows.connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(sqlite)?;
        let head = head(&transaction).map_err(sqlite)?;
        if head != *at {
            return Err(StoreError::HeadMoved { expected: at.records, found: head.records });
        }
        Self::in_log(&transaction, self.moved).map_err(sqlite)?;
        {
            let mut record_row = transaction.prepare_cached(INSERT_RECORD).map_err(sqlite)?;
            let mut place_row = transaction.prepare_cached(INSERT_PLACE).map_err(sqlite)?;
            for record in records {
                self.waiting += record.body.len() as u64;
                let Entry { position, place, count, signatures } = record.entry;
                let (kind, batch, chunk) = (place.kind as u8, signed(place.batch), signed(place.chunk));
                let (position, count, signatures) = (signed(position), signed(count), signed(signatures));
                place_row.execute(params![kind, batch, chunk, place.part, position, count, signatures]).map_err(
                    |source| match source.sqlite_error_code() {
                        Some(ErrorCode::ConstraintViolation) => {
                            StoreError::PlaceTaken { kind: place.kind, batch: place.batch, chunk: place.chunk }
                        }
                        _ => sqlite(source),
                    },
                )?;
                let digest = record.digest.as_bytes();
                record_row
                    .execute(params![position, kind, batch, chunk, place.part, count, signatures, digest, record.body])
                    .map_err(sqlite)?;
            }
        }
        transaction.commit().map_err(sqlite)
    }

    fn derive_and_move(
        &mut self,
        removed: &[Range<u64>],
        written: &mut dyn Iterator<Item = (u64, Vec<u8>)>,
    ) -> Result<(), StoreError> {
        self.write(|store| {
            let result = store.write_derived(removed, written);
            result.map_err(|source| store.rows.failed(source))
        })?;
        if self.waiting > CHECKPOINT { self.checkpoint() } else { Ok(()) }
    }

    fn write_derived(
        &mut self,
        removed: &[Range<u64>],
        written: &mut dyn Iterator<Item = (u64, Vec<u8>)>,
    ) -> rusqlite::Result<()> {
        let transaction = self.rows.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        // a ledger from before there was an index lacks the table
        transaction.execute_batch(DERIVED)?;
        if self.marked {
            Self::in_log(&transaction, self.moved)?;
        }
        for Range { start, end } in removed {
            let range = params![signed(*start), signed(*end)];
            transaction.prepare_cached("DELETE FROM derived WHERE number >= ?1 AND number < ?2")?.execute(range)?;
        }
        {
            let mut row = transaction.prepare_cached("INSERT INTO derived (number, body) VALUES (?1, ?2)")?;
            for (number, body) in written {
                self.waiting += body.len() as u64;
                row.execute(params![signed(number), body])?;
            }
        }
        transaction.commit()?;
        self.rows.deriving = true;
        Ok(())
    }
}

impl LedgerStore for SqliteStore {
    fn head(&mut self) -> Result<Head, StoreError> {
        self.rows.head()
    }

    fn append(&mut self, at: &Head, records: &mut dyn Iterator<Item = Record>) -> Result<(), StoreError> {
        self.guarded(|store| store.append_and_move(at, records))
    }

    fn flush(&mut self) -> Result<(), StoreError> {
        self.guarded(Self::checkpoint)
    }

    fn conclude(&mut self) -> Result<(), StoreError> {
        self.guarded(|store| {
            if store.marked {
                store.write(|store| store.execute(UNMARK))?;
                store.marked = false;
            }
            store.checkpoint()
        })
    }

    fn check(&mut self) -> Result<(), StoreError> {
        if self.broken {
            return Err(StoreError::Broken);
        }
        let result = self.held.check();
        self.note(result)
    }

    fn read(&mut self, place: Place) -> Result<Option<Record>, StoreError> {
        self.rows.read(place)
    }

    fn entry(&mut self, place: Place) -> Result<Option<Entry>, StoreError> {
        self.rows.entry(place)
    }

    fn entries(&mut self, kind: Kind, first: u64, last: u64) -> Result<Vec<Entry>, StoreError> {
        self.rows.entries(kind, first, last)
    }

    fn at(&mut self, position: u64) -> Result<Option<Record>, StoreError> {
        self.rows.at(position)
    }

    fn derives(&mut self) -> Result<bool, StoreError> {
        Ok(!self.broken)
    }

    fn derived(&mut self, wanted: &[Wanted], found: &mut dyn FnMut(usize, &[u8])) -> Result<(), StoreError> {
        self.rows.derived(wanted, found)
    }

    fn derive(
        &mut self,
        removed: &[Range<u64>],
        written: &mut dyn Iterator<Item = (u64, Vec<u8>)>,
    ) -> Result<(), StoreError> {
        self.guarded(|store| store.derive_and_move(removed, written))
    }
}

impl Drop for SqliteStore {
    /// What is in the log is moved into the file when SQLite closes it; then the file need not say any more that there
    /// is a log. If the files are not the ones that were opened, they are left alone.
    fn drop(&mut self) {
        let ended = if self.marked { self.conclude() } else { self.check() };
        if ended.is_ok() {
            // SQLite removes the log when it closes the file
            let _ = self.held.begin_change();
        }
    }
}

/// Whether the store must not be written any more.
const fn is_fatal<T>(result: &Result<T, StoreError>) -> bool {
    matches!(result, Err(StoreError::Sqlite { .. } | StoreError::Durable(_) | StoreError::Lost { .. }))
}

/// What can be told of a ledger before it is opened.
pub(super) fn check_file(path: &Path) -> Result<(), LedgerError> {
    match path.metadata() {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            Err(LedgerError::Missing { path: path.to_owned() })
        }
        Err(source) => Err(look(path, source)),
        Ok(about) if !about.is_file() => Err(LedgerError::Foreign { path: path.to_owned() }),
        Ok(about) if about.len() == 0 => Err(LedgerError::Incomplete { path: path.to_owned() }),
        Ok(_) => Ok(()),
    }
}

pub(super) fn look(path: &Path, source: std::io::Error) -> LedgerError {
    DurableError::Io { doing: "look at", path: path.to_owned(), source }.into()
}

/// The error for what SQLite said when it opened a file.
pub(super) fn failed(path: &Path, source: rusqlite::Error) -> LedgerError {
    let path = path.to_owned();
    match source.sqlite_error_code() {
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
            if let Some(source) = no_locks(&path) {
                return LedgerError::NoLocks { path, source };
            }
            let process = path.metadata().ok().and_then(|about| holder("POSIX", &about));
            LedgerError::Locked { path, process }
        }
        Some(ErrorCode::NotADatabase) => LedgerError::Foreign { path },
        Some(ErrorCode::ReadOnly) => LedgerError::ReadOnly { path },
        _ => StoreError::Sqlite { path, source }.into(),
    }
}

/// Why the file system keeps no locks, if it does not: SQLite takes that for a lock that another process has. No lock
/// of this process is lost: SQLite got none.
fn no_locks(path: &Path) -> Option<std::io::Error> {
    let file = path.canonicalize().and_then(|path| durable::open_lock(&path, 0).map_err(std::io::Error::other)).ok()?;
    match rustix::fs::fcntl_lock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) | Err(Errno::WOULDBLOCK | Errno::ACCESS) => None,
        Err(error) => Some(error.into()),
    }
}

const SCHEMA: &str = "
CREATE TABLE record (
    position INTEGER PRIMARY KEY,
    kind INTEGER NOT NULL,
    batch INTEGER NOT NULL,
    chunk INTEGER NOT NULL,
    part INTEGER NOT NULL,
    count INTEGER NOT NULL,
    signatures INTEGER NOT NULL,
    digest BLOB NOT NULL,
    body BLOB NOT NULL
) STRICT;
CREATE TABLE place (
    kind INTEGER NOT NULL,
    batch INTEGER NOT NULL,
    chunk INTEGER NOT NULL,
    part INTEGER NOT NULL,
    position INTEGER NOT NULL,
    count INTEGER NOT NULL,
    signatures INTEGER NOT NULL,
    PRIMARY KEY (kind, batch, chunk, part)
) STRICT, WITHOUT ROWID;
";
/// Beside the records: what can be made again from them.
const DERIVED: &str = "CREATE TABLE IF NOT EXISTS derived (number INTEGER PRIMARY KEY, body BLOB NOT NULL) STRICT;";
const INSERT_RECORD: &str = "INSERT INTO record (position, kind, batch, chunk, part, count, signatures, digest, body)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)";
const INSERT_PLACE: &str = "INSERT INTO place (kind, batch, chunk, part, position, count, signatures)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";
/// One row while the write-ahead log may hold records that are not in the file. The first transaction of a log changes
/// it: when anyone moves the log into the file, the change is there.
const MARK: &str = "CREATE TABLE IF NOT EXISTS open_run (number INTEGER PRIMARY KEY, in_log INTEGER NOT NULL) STRICT;
    INSERT OR REPLACE INTO open_run (number, in_log) VALUES (1, 0);";
const IN_LOG: &str = "UPDATE open_run SET in_log = 1";
const UNMARK: &str = "DELETE FROM open_run;";

/// Most bodies are tens of kilobytes.
const PAGE_SIZE: u32 = 16_384;
/// Bytes of records in the write-ahead log before they are moved into the file.
const CHECKPOINT: u64 = 32 << 20;
/// A batch's leaf list makes the write-ahead log long once; it is cut afterwards.
const WAL_LIMIT: u32 = 64 << 20;
/// Appends need few pages; scans read each page once.
const CACHE_KIB: u32 = 16 << 10;
