//! The queries that read a ledger's SQLite file, for the run that writes to it and for readers.

use std::path::{Path, PathBuf};

use rusqlite::blob::Blob;
use rusqlite::config::DbConfig;
use rusqlite::{Connection, MAIN_DB, OpenFlags, OptionalExtension, Row, params};

use crate::x509::Sha256Digest;

use super::record::{Entry, Head, Kind, Place, Record};
use super::store::{StoreError, Wanted};

/// A connection to a ledger's file.
pub(super) struct Rows {
    pub(super) connection: Connection,
    /// The file, as the caller named it.
    pub(super) path: PathBuf,
    /// Whether the table of what is derived is known to be there.
    pub(super) deriving: bool,
}

impl Rows {
    /// A connection that has the file for itself from its first read on, until it is closed; with `vfs` by other means
    /// than SQLite's usual ones.
    pub(super) fn connect(at: &Path, path: &Path, flags: OpenFlags, vfs: Option<&str>) -> rusqlite::Result<Self> {
        let flags = flags | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = match vfs {
            Some(vfs) => Connection::open_with_flags_and_vfs(at, flags, vfs)?,
            None => Connection::open_with_flags(at, flags)?,
        };
        connection.busy_timeout(std::time::Duration::ZERO)?;
        let settings = "PRAGMA locking_mode = EXCLUSIVE; PRAGMA cell_size_check = ON; PRAGMA trusted_schema = OFF;";
        connection.execute_batch(settings)?;
        // without it, statements are compiled again for each value bound to them
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
        Ok(Self { connection, path: path.to_owned(), deriving: false })
    }

    /// What the file says of itself.
    pub(super) fn format(&self) -> rusqlite::Result<FileFormat> {
        let number =
            |pragma: &str| self.connection.query_row(&format!("PRAGMA {pragma}"), [], |row| row.get::<_, i64>(0));
        Ok(match (number("application_id")?, number("user_version")?, number("schema_version")?) {
            (APPLICATION_ID, FORMAT, _) => FileFormat::Known,
            (APPLICATION_ID, found, _) => FileFormat::Newer(found),
            (0, 0, 0) => FileFormat::Empty,
            _ => FileFormat::Foreign,
        })
    }

    /// Whether the file says that there is a write-ahead log, or was.
    pub(super) fn is_marked(&self) -> rusqlite::Result<bool> {
        let table = self.connection.prepare_cached(SELECT_TABLE)?.exists(["open_run"])?;
        Ok(table && self.connection.prepare("SELECT 1 FROM open_run")?.exists([])?)
    }

    /// Whether there is a write-ahead log with records that are not seen here, as the file says.
    pub(super) fn misses_log(&self) -> rusqlite::Result<bool> {
        let table = self.connection.prepare_cached(SELECT_TABLE)?.exists(["open_run"])?;
        Ok(table && self.connection.prepare("SELECT 1 FROM open_run WHERE in_log = 0")?.exists([])?)
    }

    pub(super) fn failed(&self, source: rusqlite::Error) -> StoreError {
        StoreError::Sqlite { path: self.path.clone(), source }
    }

    pub(super) fn head(&self) -> Result<Head, StoreError> {
        head(&self.connection).map_err(|source| self.failed(source))
    }

    pub(super) fn read(&self, place: Place) -> Result<Option<Record>, StoreError> {
        let key = params![place.kind as u8, signed(place.batch), signed(place.chunk), place.part];
        self.read_row(SELECT_AT_PLACE, key)
    }

    pub(super) fn at(&self, position: u64) -> Result<Option<Record>, StoreError> {
        self.read_row(SELECT_AT_POSITION, params![signed(position)])
    }

    pub(super) fn entry(&self, place: Place) -> Result<Option<Entry>, StoreError> {
        self.connection
            .prepare_cached(SELECT_ENTRY)
            .and_then(|mut statement| {
                let key = params![place.kind as u8, signed(place.batch), signed(place.chunk), place.part];
                statement.query_row(key, entry).optional()
            })
            .map_err(|source| self.failed(source))?
            .transpose()
    }

    pub(super) fn entries(&self, kind: Kind, first: u64, last: u64) -> Result<Vec<Entry>, StoreError> {
        self.connection
            .prepare_cached(SELECT_ENTRIES)
            .and_then(|mut statement| {
                let rows = statement.query_map(params![kind as u8, signed(first), signed(last)], entry)?;
                rows.collect::<Result<Vec<_>, _>>()
            })
            .map_err(|source| self.failed(source))?
            .into_iter()
            .collect()
    }

    pub(super) fn derived(&mut self, wanted: &[Wanted], found: &mut dyn FnMut(usize, &[u8])) -> Result<(), StoreError> {
        self.read_derived(wanted, found).map_err(|source| StoreError::Sqlite { path: self.path.clone(), source })
    }

    fn read_derived(&mut self, wanted: &[Wanted], found: &mut dyn FnMut(usize, &[u8])) -> rusqlite::Result<()> {
        if !self.deriving {
            self.deriving = self.connection.prepare_cached(SELECT_TABLE)?.exists(["derived"])?;
        }
        if !self.deriving {
            return Ok(());
        }
        let mut open: Option<Blob<'_>> = None;
        let mut buffer = Vec::new();
        for (index, Wanted { number, bytes }) in wanted.iter().enumerate() {
            let row = signed(*number);
            // opening compiles a statement, moving to another row does not
            let moved = match &mut open {
                Some(blob) => blob.reopen(row),
                None => self.connection.blob_open(MAIN_DB, "derived", "body", row, true).map(|blob| open = Some(blob)),
            };
            match (moved, &open) {
                (Ok(()), Some(blob)) => {
                    let (start, end) = (bytes.start.min(blob.len()), bytes.end.min(blob.len()));
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

    fn read_row(&self, sql: &str, key: impl rusqlite::Params) -> Result<Option<Record>, StoreError> {
        self.connection
            .prepare_cached(sql)
            .and_then(|mut statement| {
                statement
                    .query_row(key, |row| Ok((entry(row)?, row.get::<_, [u8; 32]>(7)?, row.get::<_, Vec<u8>>(8)?)))
                    .optional()
            })
            .map_err(|source| self.failed(source))?
            .map(|(entry, digest, body)| Ok(Record { entry: entry?, digest: Sha256Digest::new(digest), body }))
            .transpose()
    }
}

/// What an SQLite file says of itself.
pub(super) enum FileFormat {
    /// Nothing was ever written.
    Empty,
    /// It is another program's.
    Foreign,
    /// It is a ledger.
    Known,
    /// It is a ledger of this later format.
    Newer(i64),
}

pub(super) fn head(connection: &Connection) -> rusqlite::Result<Head> {
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
pub(super) fn signed(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

const SELECT_TABLE: &str = "SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = ?1";
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
pub(super) const APPLICATION_ID: i64 = 0x7272_6C31;
/// The one format so far.
pub(super) const FORMAT: i64 = 1;
