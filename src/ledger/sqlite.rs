//! Records in one SQLite file: WAL, synchronous FULL, held by one process at a time.

use std::ops::Range;
use std::path::{Path, PathBuf};

use rusqlite::blob::Blob;
use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode, MAIN_DB, OpenFlags, OptionalExtension, Row, TransactionBehavior, params};

use crate::durable::{self, Access, DurableError};
use crate::x509::Sha256Digest;

use super::LedgerError;
use super::record::{Entry, Head, Kind, Place, Record};
use super::store::{LedgerStore, StoreError, Wanted};

/// A ledger's file.
pub struct SqliteStore {
    connection: Connection,
    path: PathBuf,
    broken: bool,
    /// Whether the name of the write-ahead log is on disk: SQLite flushes it, and passes over a failure.
    named: bool,
    /// Octets appended since they were last moved into the file.
    waiting: u64,
    /// Whether the table of what is derived is known to be there.
    deriving: bool,
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
        let connection = Self::connect(path)?;
        let schema = format!(
            "PRAGMA page_size = {PAGE_SIZE}; PRAGMA journal_mode = WAL; BEGIN EXCLUSIVE; {SCHEMA} {DERIVED}
             PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = {FORMAT}; COMMIT;"
        );
        connection.execute_batch(&schema).map_err(|source| failed(path, source))?;
        durable::sync_directory(durable::parent(path))?;
        Self::configured(connection, path)
    }

    /// Opens a ledger and takes hold of it. Takes as long for ten million leaves as for ten.
    ///
    /// # Errors
    /// There is no file, it is not a ledger of this format, or another process holds it.
    pub fn open(path: &Path) -> Result<Self, LedgerError> {
        match path.metadata() {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Err(LedgerError::Missing { path: path.to_owned() });
            }
            Err(source) => return Err(DurableError::Io { doing: "look at", path: path.to_owned(), source }.into()),
            Ok(about) if !about.is_file() => return Err(LedgerError::Foreign { path: path.to_owned() }),
            Ok(about) if about.len() == 0 => return Err(LedgerError::Incomplete { path: path.to_owned() }),
            Ok(_) => {}
        }
        let left_behind = wal(path).metadata().is_ok_and(|about| about.len() > 0);
        let connection = Self::connect(path)?;
        let number = |pragma: &str| connection.query_row(&format!("PRAGMA {pragma}"), [], |row| row.get::<_, i64>(0));
        let application = number("application_id").map_err(|error| failed(path, error))?;
        let format = number("user_version").map_err(|error| failed(path, error))?;
        let tables = number("schema_version").map_err(|error| failed(path, error))?;
        match (application, format, tables) {
            (APPLICATION_ID, FORMAT, _) => {
                let mut store = Self::configured(connection, path)?;
                if left_behind {
                    // What a run left there may never have reached the disk, although it can be read: its flush may
                    // have failed. It is written once more, to its place, before anything is built on it.
                    store.flush()?;
                }
                Ok(store)
            }
            (APPLICATION_ID, found, _) => Err(LedgerError::Newer { path: path.to_owned(), found, supported: FORMAT }),
            (0, 0, 0) => Err(LedgerError::Incomplete { path: path.to_owned() }),
            _ => Err(LedgerError::Foreign { path: path.to_owned() }),
        }
    }

    /// A connection that has the file for itself from its first read on, until it is closed.
    fn connect(path: &Path) -> Result<Connection, LedgerError> {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(path, flags).map_err(|error| failed(path, error))?;
        let settings = "PRAGMA locking_mode = EXCLUSIVE; PRAGMA cell_size_check = ON; PRAGMA trusted_schema = OFF;";
        connection
            .busy_timeout(std::time::Duration::ZERO)
            .and_then(|()| connection.execute_batch(settings))
            // without it, statements are compiled again for each value bound to them
            .and_then(|()| connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true).map(drop))
            .map_err(|error| failed(path, error))?;
        Ok(connection)
    }

    fn configured(connection: Connection, path: &Path) -> Result<Self, LedgerError> {
        let settings = format!(
            "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = 0;
             PRAGMA journal_size_limit = {WAL_LIMIT}; PRAGMA cache_size = -{CACHE_KIB};"
        );
        connection.execute_batch(&settings).map_err(|error| failed(path, error))?;
        Ok(Self { connection, path: path.to_owned(), broken: false, named: false, waiting: 0, deriving: false })
    }

    /// Moves what is in the write-ahead log into the file. SQLite would do it by itself, and pass over a failure.
    fn checkpoint(&mut self) -> Result<(), StoreError> {
        self.connection
            .query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(()))
            .map_err(|source| StoreError::Sqlite { path: self.path.clone(), source })?;
        self.waiting = 0;
        Ok(())
    }

    /// After a failed flush the system may believe that what it could not write is on disk: only a new process, which
    /// reads the files again, can know what is there. Nothing is written any more, not even when closing.
    fn note<T>(&mut self, result: Result<T, StoreError>) -> Result<T, StoreError> {
        if matches!(result, Err(StoreError::Sqlite { .. } | StoreError::Durable(_))) {
            self.broken = true;
            let _ = self.connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true);
        }
        result
    }

    fn append_and_move(&mut self, at: &Head, records: &mut dyn Iterator<Item = Record>) -> Result<(), StoreError> {
        if !self.named {
            durable::sync_directory(durable::parent(&self.path))?;
            self.named = true;
        }
        self.append_all(at, records)?;
        if self.waiting > CHECKPOINT { self.checkpoint() } else { Ok(()) }
    }

    /// Lets the file grow by this many pages and no further, as a full disk would.
    #[cfg(test)]
    pub(crate) fn limit_growth(&mut self, extra_pages: u32) {
        let count: u32 = self.connection.query_row("PRAGMA page_count", [], |row| row.get(0)).unwrap();
        let limit = format!("PRAGMA max_page_count = {}", count + extra_pages);
        let set: u32 = self.connection.query_row(&limit, [], |row| row.get(0)).unwrap();
        assert_eq!(set, count + extra_pages);
    }

    fn append_all(&mut self, at: &Head, records: &mut dyn Iterator<Item = Record>) -> Result<(), StoreError> {
        let path = &self.path;
        let sqlite = |source| StoreError::Sqlite { path: path.clone(), source };
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(sqlite)?;
        let head = head(&transaction).map_err(sqlite)?;
        if head != *at {
            return Err(StoreError::HeadMoved { expected: at.records, found: head.records });
        }
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
        if !self.named {
            durable::sync_directory(durable::parent(&self.path))?;
            self.named = true;
        }
        self.write_derived(removed, written)
            .map_err(|source| StoreError::Sqlite { path: self.path.clone(), source })?;
        if self.waiting > CHECKPOINT { self.checkpoint() } else { Ok(()) }
    }

    fn write_derived(
        &mut self,
        removed: &[Range<u64>],
        written: &mut dyn Iterator<Item = (u64, Vec<u8>)>,
    ) -> rusqlite::Result<()> {
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        // a ledger from before there was an index lacks the table
        transaction.execute_batch(DERIVED)?;
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
        self.deriving = true;
        Ok(())
    }

    fn read_derived(&mut self, wanted: &[Wanted], found: &mut dyn FnMut(usize, &[u8])) -> rusqlite::Result<()> {
        if !self.deriving {
            let table = "SELECT 1 FROM sqlite_schema WHERE name = 'derived'";
            self.deriving = self.connection.prepare_cached(table)?.exists([])?;
        }
        if !self.deriving {
            return Ok(());
        }
        let mut open: Option<Blob<'_>> = None;
        let mut buffer = Vec::new();
        for (index, Wanted { number, octets }) in wanted.iter().enumerate() {
            let row = signed(*number);
            // opening compiles a statement, moving to another row does not
            let moved = match &mut open {
                Some(blob) => blob.reopen(row),
                None => self.connection.blob_open(MAIN_DB, "derived", "body", row, true).map(|blob| open = Some(blob)),
            };
            match (moved, &open) {
                (Ok(()), Some(blob)) => {
                    let (start, end) = (octets.start.min(blob.len()), octets.end.min(blob.len()));
                    buffer.resize(end.saturating_sub(start), 0);
                    blob.read_at_exact(&mut buffer, start)?;
                    found(index, &buffer);
                }
                // there is no such row, and the handle is of no more use
                (Err(error), _) if code(&error) == Some(rusqlite::ffi::SQLITE_ERROR) => open = None,
                (moved, _) => return moved,
            }
        }
        Ok(())
    }

    fn read_row(&mut self, sql: &str, key: impl rusqlite::Params) -> Result<Option<Record>, StoreError> {
        let path = &self.path;
        self.connection
            .prepare_cached(sql)
            .and_then(|mut statement| {
                statement
                    .query_row(key, |row| Ok((entry(row)?, row.get::<_, [u8; 32]>(7)?, row.get::<_, Vec<u8>>(8)?)))
                    .optional()
            })
            .map_err(|source| StoreError::Sqlite { path: path.clone(), source })?
            .map(|(entry, digest, body)| Ok(Record { entry: entry?, digest: Sha256Digest::new(digest), body }))
            .transpose()
    }
}

impl LedgerStore for SqliteStore {
    fn head(&mut self) -> Result<Head, StoreError> {
        head(&self.connection).map_err(|source| StoreError::Sqlite { path: self.path.clone(), source })
    }

    fn append(&mut self, at: &Head, records: &mut dyn Iterator<Item = Record>) -> Result<(), StoreError> {
        if self.broken {
            return Err(StoreError::Broken);
        }
        let result = self.append_and_move(at, records);
        self.note(result)
    }

    fn flush(&mut self) -> Result<(), StoreError> {
        if self.broken {
            return Err(StoreError::Broken);
        }
        let result = self.checkpoint();
        self.note(result)
    }

    fn read(&mut self, place: Place) -> Result<Option<Record>, StoreError> {
        let key = params![place.kind as u8, signed(place.batch), signed(place.chunk), place.part];
        self.read_row(SELECT_AT_PLACE, key)
    }

    fn entry(&mut self, place: Place) -> Result<Option<Entry>, StoreError> {
        let path = &self.path;
        self.connection
            .prepare_cached(SELECT_ENTRY)
            .and_then(|mut statement| {
                let key = params![place.kind as u8, signed(place.batch), signed(place.chunk), place.part];
                statement.query_row(key, entry).optional()
            })
            .map_err(|source| StoreError::Sqlite { path: path.clone(), source })?
            .transpose()
    }

    fn entries(&mut self, kind: Kind, first: u64, last: u64) -> Result<Vec<Entry>, StoreError> {
        let path = &self.path;
        self.connection
            .prepare_cached(SELECT_ENTRIES)
            .and_then(|mut statement| {
                let rows = statement.query_map(params![kind as u8, signed(first), signed(last)], entry)?;
                rows.collect::<Result<Vec<_>, _>>()
            })
            .map_err(|source| StoreError::Sqlite { path: path.clone(), source })?
            .into_iter()
            .collect()
    }

    fn at(&mut self, position: u64) -> Result<Option<Record>, StoreError> {
        self.read_row(SELECT_AT_POSITION, params![signed(position)])
    }

    fn derives(&mut self) -> Result<bool, StoreError> {
        Ok(!self.broken)
    }

    fn derived(&mut self, wanted: &[Wanted], found: &mut dyn FnMut(usize, &[u8])) -> Result<(), StoreError> {
        self.read_derived(wanted, found).map_err(|source| StoreError::Sqlite { path: self.path.clone(), source })
    }

    fn derive(
        &mut self,
        removed: &[Range<u64>],
        written: &mut dyn Iterator<Item = (u64, Vec<u8>)>,
    ) -> Result<(), StoreError> {
        if self.broken {
            return Err(StoreError::Broken);
        }
        let result = self.derive_and_move(removed, written);
        self.note(result)
    }
}

fn head(connection: &Connection) -> rusqlite::Result<Head> {
    let last = connection
        .prepare_cached("SELECT position, digest FROM record ORDER BY position DESC LIMIT 1")?
        .query_row([], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, [u8; 32]>(1)?)))
        .optional()?;
    Ok(last.map_or(Head::EMPTY, |(position, digest)| Head {
        records: position.cast_unsigned(),
        digest: Sha256Digest::new(digest),
    }))
}

/// Columns 0 to 6 of every query.
fn entry(row: &Row<'_>) -> rusqlite::Result<Result<Entry, StoreError>> {
    let unsigned = |column| row.get::<_, i64>(column).map(i64::cast_unsigned);
    let position = unsigned(0)?;
    let Some(kind) = Kind::from_number(row.get(1)?) else {
        return Ok(Err(StoreError::Damaged { position, what: "its kind is unknown" }));
    };
    let place = Place { kind, batch: unsigned(2)?, chunk: unsigned(3)?, part: row.get(4)? };
    Ok(Ok(Entry { position, place, count: unsigned(5)?, signatures: unsigned(6)? }))
}

/// `SQLite`'s primary error code.
fn code(error: &rusqlite::Error) -> Option<i32> {
    error.sqlite_error().map(|error| error.extended_code & 0xFF)
}

/// SQLite's integers are signed; positions and counts stay far below 2^63, and `u64::MAX` only means "to the end".
fn signed(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

/// Who holds the lock on a file, as Linux tells. The file itself is not opened: closing it would give up the locks that
/// this process may have on it.
fn holder(path: &Path) -> Option<u32> {
    let inode = std::os::unix::fs::MetadataExt::ino(&path.metadata().ok()?);
    let locks = std::fs::read_to_string("/proc/locks").ok()?;
    // "1: POSIX  ADVISORY  WRITE 4711 fe:00:1234567 0 EOF"
    locks.lines().find_map(|line| {
        let words: Vec<&str> = line.split_whitespace().skip_while(|word| *word != "POSIX").collect();
        let of_file = words.get(4)?.rsplit(':').next()?.parse() == Ok(inode);
        words.get(3).filter(|_| of_file)?.parse().ok()
    })
}

/// Where SQLite keeps the write-ahead log.
fn wal(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push("-wal");
    name.into()
}

fn failed(path: &Path, source: rusqlite::Error) -> LedgerError {
    let path = path.to_owned();
    match source.sqlite_error_code() {
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
            let process = holder(&path);
            LedgerError::Locked { path, process }
        }
        Some(ErrorCode::NotADatabase) => LedgerError::Foreign { path },
        _ => StoreError::Sqlite { path, source }.into(),
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
const SELECT_AT_POSITION: &str = "SELECT position, kind, batch, chunk, part, count, signatures, digest, body
    FROM record WHERE position = ?1";
const SELECT_AT_PLACE: &str =
    "SELECT r.position, r.kind, r.batch, r.chunk, r.part, r.count, r.signatures, r.digest, r.body
    FROM place p JOIN record r ON r.position = p.position
    WHERE p.kind = ?1 AND p.batch = ?2 AND p.chunk = ?3 AND p.part = ?4";
const SELECT_ENTRY: &str = "SELECT position, kind, batch, chunk, part, count, signatures
    FROM place WHERE kind = ?1 AND batch = ?2 AND chunk = ?3 AND part = ?4";
const SELECT_ENTRIES: &str = "SELECT position, kind, batch, chunk, part, count, signatures
    FROM place WHERE kind = ?1 AND batch BETWEEN ?2 AND ?3 ORDER BY batch, chunk, part";

/// "rrl1"
const APPLICATION_ID: i64 = 0x7272_6C31;
/// The one format so far.
const FORMAT: i64 = 1;
/// Most bodies are tens of kilobytes.
const PAGE_SIZE: u32 = 16_384;
/// Octets of records in the write-ahead log before they are moved into the file.
const CHECKPOINT: u64 = 32 << 20;
/// A batch's leaf list makes the write-ahead log long once; it is cut afterwards.
const WAL_LIMIT: u32 = 64 << 20;
/// Appends need few pages; scans read each page once.
const CACHE_KIB: u32 = 16 << 10;
