//! The catalog: which chip has which certificate in which batch. A database that is derived from sealed batches, and made
//! again when it is lost.
//!
//! Guarantees: a batch is in the catalog whole or not at all, and only if its seal verified under the configured anchors and
//! its lines are those of its statement. Nothing is believed that only the catalog says: certificates and proofs come from a
//! line pack, which a recipient verifies.
//!
//! *Not trusted.* Who can change the files can make the service give wrong answers to lookups; a proof shows it.

mod build;
mod find;
mod looks;

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use reroot_core::durable::{self, Access};
use rusqlite::{Connection, OpenFlags};

use self::looks::Looks;
use crate::store::StoreError;

pub use build::{Builder, start};
pub use find::{BatchRow, Found};

/// The catalog, opened for questions.
#[derive(Debug)]
pub struct Catalog {
    readers: Vec<Mutex<Connection>>,
    next: AtomicUsize,
    folder: PathBuf,
    looks: Arc<Looks>,
    /// Signs cursors.
    secret: [u8; 32],
}

impl Catalog {
    /// Opens the catalog in a folder of its own, and makes it if there is none or one that cannot be used. `secret` is for a
    /// new one.
    ///
    /// # Errors
    /// The folder cannot be written.
    pub fn open(folder: &Path, secret: [u8; 32]) -> Result<Self, StoreError> {
        if !folder.is_dir() {
            durable::create_directory(folder, Access::Private).map_err(|error| unusable(&error))?;
        }
        let path = folder.join(FILE);
        let secret = if let Ok(secret) = prepare(&path, secret) {
            secret
        } else {
            for ending in ["", "-wal", "-shm"] {
                let file = folder.join(format!("{FILE}{ending}"));
                durable::remove_partial_file(&file).map_err(|error| unusable(&error))?;
            }
            prepare(&path, secret)?
        };
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let reader = || {
            let connection = Connection::open_with_flags(&path, flags)
                .map_err(|source| StoreError::Open { path: path.clone(), source })?;
            connection.busy_timeout(std::time::Duration::from_secs(5))?;
            connection.execute_batch("PRAGMA trusted_schema = OFF;")?;
            Ok::<_, StoreError>(Mutex::new(connection))
        };
        let readers = (0..READERS).map(|_| reader()).collect::<Result<_, _>>()?;
        Ok(Self { readers, next: AtomicUsize::new(0), folder: folder.to_owned(), looks: Arc::default(), secret })
    }

    /// What signs cursors.
    pub const fn secret(&self) -> &[u8; 32] {
        &self.secret
    }

    /// Waits until every batch that is sealed now was looked at: it is in the catalog, or the log says why not. Returns early
    /// when `cancel` is set.
    pub fn follow(&self, cancel: &AtomicBool) {
        self.looks.ask(cancel);
    }

    /// Where the line pack of a batch is.
    pub fn pack(&self, batch: &str) -> PathBuf {
        self.folder.join(format!("{batch}.pack"))
    }

    /// Asks one of the connections.
    fn ask<T>(&self, question: impl FnOnce(&Connection) -> Result<T, StoreError>) -> Result<T, StoreError> {
        let first = self.next.fetch_add(1, Ordering::Relaxed);
        let places = || (0..READERS).map(|step| &self.readers[(first + step) % READERS]);
        let free = places().find_map(|reader| reader.try_lock().ok());
        let connection =
            free.unwrap_or_else(|| self.readers[first % READERS].lock().unwrap_or_else(PoisonError::into_inner));
        question(&connection)
    }
}

fn unusable(error: &dyn std::fmt::Display) -> StoreError {
    StoreError::Content { what: format!("no catalog: {error}") }
}

/// Makes the tables, or looks whether they are there.
fn prepare(path: &Path, secret: [u8; 32]) -> Result<[u8; 32], StoreError> {
    let connection = Connection::open(path).map_err(|source| StoreError::Open { path: path.to_owned(), source })?;
    connection.execute_batch("PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;")?;
    let found: u32 = connection.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    if found == 0 {
        connection.execute_batch(&format!("BEGIN IMMEDIATE; {TABLES} PRAGMA user_version = {VERSION}; COMMIT;"))?;
        connection.execute("INSERT INTO meta VALUES ('cursor', ?)", [&secret[..]])?;
    } else if found != VERSION {
        return Err(StoreError::Content { what: format!("a catalog of version {found}") });
    }
    let kept: Vec<u8> = connection.query_row("SELECT value FROM meta WHERE key = 'cursor'", [], |row| row.get(0))?;
    kept.try_into().map_err(|_| StoreError::Content { what: "a catalog without its secret".to_owned() })
}

const FILE: &str = "catalog.sqlite";
const VERSION: u32 = 1;
/// Questions at the same time.
const READERS: usize = 4;

const TABLES: &str = "
CREATE TABLE meta (key TEXT PRIMARY KEY, value BLOB NOT NULL) STRICT;
CREATE TABLE batch (number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, folder TEXT NOT NULL UNIQUE,
  statement_sha256 TEXT NOT NULL, issued_at TEXT NOT NULL, created TEXT NOT NULL, policy TEXT NOT NULL,
  issuer TEXT NOT NULL, issuer_sha256 TEXT NOT NULL, items INTEGER NOT NULL, issued INTEGER NOT NULL,
  rejected INTEGER NOT NULL, ignored INTEGER NOT NULL, pack_bytes INTEGER, pack_sha256 TEXT) STRICT;
CREATE TABLE refused (folder TEXT PRIMARY KEY, statement_sha256 TEXT NOT NULL, reason TEXT NOT NULL) STRICT;
CREATE TABLE chip (uid BLOB NOT NULL, batch INTEGER NOT NULL, position INTEGER NOT NULL, serial BLOB NOT NULL,
  sha256 BLOB NOT NULL, not_after INTEGER NOT NULL, PRIMARY KEY (uid, batch)) STRICT, WITHOUT ROWID;
CREATE INDEX chip_serial ON chip(serial);
CREATE INDEX chip_sha256 ON chip(sha256);";

#[cfg(test)]
mod tests;
