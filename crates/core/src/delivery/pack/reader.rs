//! Reads a line pack that anyone may have written.
//!
//! Guarantees: only a file with exactly the schema of the format is read; the file is opened read-only and immutable,
//! so that no lock is taken and no journal or write-ahead log beside it is followed; each question ends after a bounded
//! number of steps, and each value that is read has a bounded size. What is read is a [`Proof`], and that is believed
//! only once it was checked, which is left to `proof`.

use std::fmt::Write as _;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use rusqlite::config::DbConfig;
use rusqlite::limits::Limit;
use rusqlite::types::ValueRef;
use rusqlite::{Connection, ErrorCode, OpenFlags, Row, params};

use crate::input;
use crate::manifest::{Entry, Proof, ProofChip, ProofLine, ProofVersion, SignedManifest, Statement};
use crate::origin::Uid;
use crate::x509::Sha256Digest;

use super::super::error::DeliveryError;
use super::{APPLICATION_ID, ISSUER, SOURCE, ST_SERIAL, VERSION_1, VERSION_2, Version, failed};

/// A pack, opened for reading. Nothing in it is believed.
pub struct PackReader {
    path: PathBuf,
    version: &'static Version,
    connection: Connection,
    /// How many times [`STEPS`] steps were taken since the last question began.
    taken: Arc<AtomicU32>,
}

impl PackReader {
    /// Whether the file begins as SQLite files do.
    pub fn is_one(path: &Path) -> bool {
        header(path).is_some_and(|header| header.starts_with(MAGIC))
    }

    /// Opens a pack: takes as long for ten million chips as for ten.
    ///
    /// # Errors
    /// It cannot be opened, or is not a pack of this format.
    pub fn open(path: &Path) -> Result<Self, DeliveryError> {
        let refused = |reason: &str| DeliveryError::Pack { path: path.to_owned(), reason: reason.to_owned() };
        // before SQLite sees the file: what the header says of its kind
        let header = header(path).ok_or_else(|| refused("is too short for a line pack, or cannot be read"))?;
        let number = |at: usize| u32::from_be_bytes([header[at], header[at + 1], header[at + 2], header[at + 3]]);
        let one = header.starts_with(MAGIC) && number(68) == APPLICATION_ID;
        let known = [&VERSION_1, &VERSION_2].into_iter().find(|version| one && number(60) == version.number);
        let version = known.ok_or_else(|| refused("is not a reroot-pack/1 or reroot-pack/2 file"))?;
        let format = version.format;
        if header[18..20] != [1, 1] {
            return Err(refused(&format!("is in WAL mode, which {format} excludes")));
        }
        let reader = Self::connect(path, version).map_err(|error| failed(path, &error))?;
        reader.check_schema()?;
        let said = "SELECT value FROM pack WHERE key = 'format'";
        if reader.one(said, params![], |row| text(row, 0, format.len()))?.as_deref() != Some(format) {
            return Err(refused(&format!("does not say that its format is {format}")));
        }
        Ok(reader)
    }

    fn connect(path: &Path, version: &'static Version) -> rusqlite::Result<Self> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_URI;
        let mut connection = Connection::open_with_flags(immutable(path), flags)?;
        for (limit, value) in LIMITS {
            connection.set_limit(limit, value)?;
        }
        for (setting, on) in [
            (DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true),
            (DbConfig::SQLITE_DBCONFIG_ENABLE_TRIGGER, false),
            (DbConfig::SQLITE_DBCONFIG_ENABLE_VIEW, false),
            (DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false),
        ] {
            connection.set_db_config(setting, on)?;
        }
        let taken = Arc::new(AtomicU32::new(0));
        let counter = Arc::clone(&taken);
        let handler = move || counter.fetch_add(1, Ordering::Relaxed) >= MAX_STEPS / STEPS;
        connection.progress_handler(STEPS.cast_signed(), Some(handler))?;
        connection.execute_batch("PRAGMA cell_size_check = ON; PRAGMA query_only = ON;")?;
        Ok(Self { path: path.to_owned(), version, connection, taken })
    }

    /// Another table, index, view, trigger or column could answer in place of what the format describes.
    fn check_schema(&self) -> Result<(), DeliveryError> {
        let Version { format, schema, .. } = self.version;
        let tables = schema.split(';').map(str::trim).filter(|sql| !sql.is_empty());
        let tables = tables.map(|sql| {
            let name = sql.split(' ').nth(2).expect("CREATE TABLE has a name");
            ("table", name, name, Some(sql))
        });
        // the index behind UNIQUE
        let expected: Vec<_> = tables.chain([("index", "sqlite_autoindex_chip_1", "chip", None)]).collect();
        let query = "SELECT type, name, tbl_name, sql FROM sqlite_schema ORDER BY rowid";
        let found = self.first(expected.len() + 1, query, params![], |row| {
            let column = |column| text(row, column, MAX_SQL);
            let sql = if row.get_ref(3)? == ValueRef::Null { None } else { Some(column(3)?) };
            Ok((column(0)?, column(1)?, column(2)?, sql))
        })?;
        if found.len() != expected.len() {
            let what = if found.len() > expected.len() { "more" } else { "fewer" };
            return Err(self.refused(&format!("has {what} tables and indexes than the {} of {format}", expected.len())));
        }
        for (kind, name, table, sql) in expected {
            let same = |found: &(String, String, String, Option<String>)| {
                (&*found.0, &*found.1, &*found.2, found.3.as_deref()) == (kind, name, table, sql)
            };
            if !found.iter().any(same) {
                return Err(self.refused(&format!("does not have the {kind} `{name}` as {format} spells it")));
            }
        }
        Ok(())
    }

    /// The place of a chip among the lines.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn position(&self, uid: &Uid) -> Result<Option<u64>, DeliveryError> {
        self.one("SELECT position FROM chip WHERE uid = ?1", params![uid.to_string()], position)
    }

    /// The UID of the STSAFE-A chip with this unique number.
    ///
    /// # Errors
    /// Several chips have it, or the file cannot be read.
    pub fn with_unique_number(&self, unique: &[u8]) -> Result<Option<Uid>, DeliveryError> {
        let from = format!("0209{}", hex::encode_upper(unique));
        // the digits after it come before `G`
        let next = "SELECT uid FROM chip WHERE uid > ?1 AND uid < ?2 || 'G' AND length(uid) = ?3 ORDER BY uid LIMIT 1";
        let after = |last: &str| {
            let values = params![last, from, i64::try_from(ST_SERIAL).expect("22")];
            self.one(next, values, |row| text(row, 0, ST_SERIAL))
        };
        let Some(uid) = after(&from)? else { return Ok(None) };
        if after(&uid)?.is_some() {
            return Err(self.refused("has several chips with this unique number"));
        }
        uid.parse().map(Some).map_err(|_| self.refused("contains a malformed UID"))
    }

    /// The proof of the chip at a position, as the pack has it.
    ///
    /// # Errors
    /// The pack lacks a part of it, or cannot be read.
    pub fn presence(&self, uid: &Uid, position: u64) -> Result<Proof, DeliveryError> {
        let query = "SELECT source, certificate FROM chip WHERE position = ?1";
        let chip = self.one(query, params![position.cast_signed()], |row| {
            Ok((blob(row, 0, Proof::MAX_CERTIFICATE)?, blob(row, 1, Proof::MAX_CERTIFICATE)?))
        })?;
        let Some((source, certificate)) = chip else { return Err(self.refused("lacks a line")) };
        let (chain, source_chain) = (self.chain(ISSUER)?, self.chain(SOURCE)?);
        let lines = [position.checked_sub(1), Some(position), position.checked_add(1)];
        let proof = self.absence(uid, &lines.into_iter().flatten().collect::<Vec<_>>())?;
        Ok(Proof { chip: Some(ProofChip { source, source_chain, certificate, chain }), ..proof })
    }

    /// The positions of the lines before and after these UIDs, where no line is of one of them.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn neighbours(&self, first: &Uid, last: &Uid) -> Result<Vec<u64>, DeliveryError> {
        let (first, last) = (first.to_string(), last.to_string());
        let before = "SELECT position FROM chip WHERE uid < ?1 ORDER BY uid DESC LIMIT 1";
        let after = "SELECT position FROM chip WHERE uid > ?1 ORDER BY uid LIMIT 1";
        let both = [self.one(before, params![first], position)?, self.one(after, params![last], position)?];
        Ok(both.into_iter().flatten().collect())
    }

    /// A proof with the lines at these positions, as far as there are any, and no chip.
    ///
    /// # Errors
    /// The pack lacks statement or seal, or cannot be read.
    pub fn absence(&self, uid: &Uid, positions: &[u64]) -> Result<Proof, DeliveryError> {
        let mut lines = Vec::new();
        for position in positions {
            let query = "SELECT line, path FROM chip WHERE position = ?1";
            let line = self.one(query, params![position.cast_signed()], |row| {
                Ok((text(row, 0, Entry::MAX_LINE)?, blob(row, 1, Proof::MAX_PATH * 32)?))
            })?;
            let Some((line, path)) = line else { continue };
            let (digests, rest) = path.as_chunks::<32>();
            if !rest.is_empty() {
                return Err(self.refused("has an inclusion path that does not consist of whole digests"));
            }
            let path = digests.iter().copied().map(Sha256Digest::new).collect();
            lines.push(ProofLine { index: *position, path, line });
        }
        let statement = self.fact("statement", Statement::MAX_BYTES)?;
        let seal = self.fact("seal", SignedManifest::MAX_SEAL_BYTES)?;
        let (version, policy) = if self.version.number == VERSION_1.number {
            (ProofVersion::One, None)
        } else {
            (ProofVersion::Two, self.optional_fact("policy", Proof::MAX_POLICY)?)
        };
        Ok(Proof { version, uid: *uid, chip: None, lines, policy, statement, seal, seals: vec![] })
    }

    fn fact(&self, key: &str, limit: usize) -> Result<Vec<u8>, DeliveryError> {
        self.optional_fact(key, limit)?.ok_or_else(|| self.refused("lacks its statement or its seal"))
    }

    fn optional_fact(&self, key: &str, limit: usize) -> Result<Option<Vec<u8>>, DeliveryError> {
        self.one("SELECT value FROM pack WHERE key = ?1", params![key], |row| blob(row, 0, limit))
    }

    fn chain(&self, kind: &str) -> Result<Vec<Vec<u8>>, DeliveryError> {
        let mut list = Vec::new();
        while list.len() < Proof::MAX_CHAIN {
            let query = "SELECT der FROM chain WHERE kind = ?1 AND position = ?2";
            let at = i64::try_from(list.len()).expect("a chain is short");
            let Some(der) = self.one(query, params![kind, at], |row| blob(row, 0, Proof::MAX_CERTIFICATE))? else {
                break;
            };
            list.push(der);
        }
        Ok(list)
    }

    /// The first row of the answer to one question.
    fn one<T>(
        &self,
        query: &str,
        values: impl rusqlite::Params,
        read: impl FnMut(&Row<'_>) -> Result<T, Unread>,
    ) -> Result<Option<T>, DeliveryError> {
        Ok(self.first(1, query, values, read)?.pop())
    }

    /// The first rows of the answer to one question, which may take [`MAX_STEPS`] steps.
    fn first<T>(
        &self,
        limit: usize,
        query: &str,
        values: impl rusqlite::Params,
        mut read: impl FnMut(&Row<'_>) -> Result<T, Unread>,
    ) -> Result<Vec<T>, DeliveryError> {
        self.taken.store(0, Ordering::Relaxed);
        let first = || -> Result<Vec<T>, Unread> {
            let mut statement = self.connection.prepare(query)?;
            let mut rows = statement.query(values)?;
            let mut list = Vec::new();
            while list.len() < limit {
                let Some(row) = rows.next()? else { break };
                list.push(read(row)?);
            }
            Ok(list)
        };
        first().map_err(|error| match error {
            Unread::Sqlite(error) if error.sqlite_error_code() == Some(ErrorCode::OperationInterrupted) => {
                self.refused("needs more steps for an answer than a pack of this format: it was damaged or forged")
            }
            Unread::Sqlite(error) => failed(&self.path, &error),
            Unread::Value { found, limit } => self
                .refused(&format!("has a value that is {found}, expected at most {limit} bytes of the column's type")),
        })
    }

    fn refused(&self, reason: &str) -> DeliveryError {
        DeliveryError::Pack { path: self.path.clone(), reason: reason.to_owned() }
    }
}

/// Why a row was not read.
enum Unread {
    Sqlite(rusqlite::Error),
    Value { found: String, limit: usize },
}

impl From<rusqlite::Error> for Unread {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sqlite(error)
    }
}

fn position(row: &Row<'_>) -> Result<u64, Unread> {
    Ok(row.get::<_, i64>(0).map(i64::cast_unsigned)?)
}

fn blob(row: &Row<'_>, column: usize, limit: usize) -> Result<Vec<u8>, Unread> {
    match row.get_ref(column)? {
        ValueRef::Blob(value) if value.len() <= limit => Ok(value.to_vec()),
        other => Err(unread(other, limit)),
    }
}

fn text(row: &Row<'_>, column: usize, limit: usize) -> Result<String, Unread> {
    match row.get_ref(column)? {
        ValueRef::Text(value) if value.len() <= limit => {
            let text = std::str::from_utf8(value);
            text.map(str::to_owned).map_err(|_| Unread::Value { found: "text that is not UTF-8".to_owned(), limit })
        }
        other => Err(unread(other, limit)),
    }
}

fn unread(value: ValueRef<'_>, limit: usize) -> Unread {
    let found = match value {
        ValueRef::Null => "NULL".to_owned(),
        ValueRef::Integer(_) | ValueRef::Real(_) => "a number".to_owned(),
        ValueRef::Text(text) => format!("text of {} bytes", text.len()),
        ValueRef::Blob(blob) => format!("a blob of {} bytes", blob.len()),
    };
    Unread::Value { found, limit }
}

/// The header of a regular file, if it is long enough for one (SQLite's file format, 1.3).
fn header(path: &Path) -> Option<[u8; 100]> {
    use std::io::Read as _;
    let mut header = [0; 100];
    let regular = path.is_file();
    (regular && input::open(path).and_then(|mut file| file.read_exact(&mut header)).is_ok()).then_some(header)
}

/// The URI under which SQLite opens a file without locks, and without a journal or write-ahead log beside it.
fn immutable(path: &Path) -> String {
    // an empty authority: otherwise two slashes at the front would begin the name of a host
    let mut uri = String::from(if path.is_absolute() { "file://" } else { "file:" });
    for byte in path.as_os_str().as_bytes() {
        match byte {
            b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' | b'/' | b'.' | b'-' | b'_' => uri.push(char::from(*byte)),
            _ => write!(uri, "%{byte:02X}").expect("a string takes everything"),
        }
    }
    uri + "?mode=ro&immutable=1"
}

const MAGIC: &[u8] = b"SQLite format 3\0";

/// Longest statement of the schema that is read.
const MAX_SQL: usize = 1_000;

/// Steps of SQLite's virtual machine between two looks at the counter.
const STEPS: u32 = 1_000;

/// Steps that one question may take: a lookup takes fewer than a hundred, regardless of the size of the pack.
const MAX_STEPS: u32 = 100_000;

/// Largest row, in bytes: the statement, and what SQLite adds.
const MAX_ROW: i32 = (16 << 20) + (64 << 10);

/// Far above what this program's questions need, far below what a forged file could ask for.
const LIMITS: [(Limit, i32); 10] = [
    (Limit::SQLITE_LIMIT_LENGTH, MAX_ROW),
    (Limit::SQLITE_LIMIT_SQL_LENGTH, 1_000),
    (Limit::SQLITE_LIMIT_COLUMN, 10),
    (Limit::SQLITE_LIMIT_EXPR_DEPTH, 20),
    (Limit::SQLITE_LIMIT_COMPOUND_SELECT, 1),
    (Limit::SQLITE_LIMIT_VDBE_OP, 1_000),
    (Limit::SQLITE_LIMIT_FUNCTION_ARG, 2),
    (Limit::SQLITE_LIMIT_ATTACHED, 0),
    (Limit::SQLITE_LIMIT_VARIABLE_NUMBER, 4),
    (Limit::SQLITE_LIMIT_WORKER_THREADS, 0),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_largest_statement_fits_into_a_row() {
        assert!(usize::try_from(MAX_ROW).unwrap() > Statement::MAX_BYTES + 1024);
    }

    #[test]
    fn a_path_becomes_a_uri_that_names_only_it() {
        assert_eq!(immutable(Path::new("a b.pack")), "file:a%20b.pack?mode=ro&immutable=1");
        assert_eq!(immutable(Path::new("/x/?mode=rw#%41")), "file:///x/%3Fmode%3Drw%23%2541?mode=ro&immutable=1");
        assert_eq!(immutable(Path::new("//host/x")), "file:////host/x?mode=ro&immutable=1");
    }
}
