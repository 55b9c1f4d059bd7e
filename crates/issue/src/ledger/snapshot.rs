//! A ledger as it is at one moment, read without a lock: a copy that cannot be written, or the ledger of a run.
//!
//! SQLite is configured to use no locks and to keep its index of the write-ahead log in memory, so that it neither
//! writes nor waits. It sees all that was committed when the file was opened. Two things a run does would spoil that
//! view, and the run counts both in its lock file: moving the log into the file, and beginning the log again. When the
//! count has changed after a query, this module opens the file and runs the query again; as records are only added,
//! those up to the head that was seen first are the same.
//!
//! The process that has the ledger can read it so, too. Closing the file then gives up SQLite's own locks on it, which
//! exclude nobody: the lock file does.

use std::fs::File;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::OpenFlags;
use rusqlite::config::DbConfig;
use rustix::fs::{FlockOperation, flock};

use crate::input::{self, FileId};

use super::LedgerError;
use super::held::{changes, holder, lock_path, log_path};
use super::log;
use super::record::{Entry, Head, Kind, Place, Record};
use super::rows::{FORMAT, FileFormat, Rows};
use super::sqlite::{check_file, failed, look};
use super::store::{LedgerStore, StoreError, Wanted};

/// A ledger's file, opened to be read.
pub(super) struct Snapshot {
    /// The file as the caller named it, and where it is.
    shown: PathBuf,
    path: PathBuf,
    rows: Rows,
    state: State,
    /// What was seen first: records after it are not seen later.
    head: Head,
    /// Whether the file was opened again, so that there may be some.
    reopened: bool,
    lacks_log: bool,
}

/// What tells one state of the file from another: none while no run has the ledger.
type State = Option<(FileId, u64)>;

impl Snapshot {
    pub(super) fn open(path: &Path) -> Result<Self, LedgerError> {
        check_file(path)?;
        let about = path.metadata().map_err(|source| look(path, source))?;
        let place = path.canonicalize().map_err(|source| look(path, source))?;
        let mut uncounted = None;
        for _ in 0..ATTEMPTS {
            let state = state(path, &place)?;
            if state.is_none() {
                uncounted = holder("POSIX", &about);
                if uncounted.is_some() {
                    // a run that begins or ends, which has the file without its lock file for a moment; or a release
                    // that locks the file itself and does not count
                    std::thread::sleep(WAIT);
                    continue;
                }
            }
            let opened = Self::open_as_it_is(path, &place, state);
            if self::state(path, &place)? == state {
                return opened;
            }
        }
        Err(LedgerError::Locked { path: path.to_owned(), process: uncounted })
    }

    fn open_as_it_is(shown: &Path, path: &Path, state: State) -> Result<Self, LedgerError> {
        let log = log_path(path);
        let has_log = log::is_one(&log).map_err(|source| look(&log, source))?;
        let rows = connect(shown, path, has_log).map_err(|error| failed(shown, error))?;
        match rows.format().map_err(|error| failed(shown, error))? {
            FileFormat::Known => {}
            FileFormat::Newer(found) => {
                return Err(LedgerError::Newer { path: shown.to_owned(), found, supported: FORMAT });
            }
            FileFormat::Empty => return Err(LedgerError::Incomplete { path: shown.to_owned() }),
            FileFormat::Foreign => return Err(LedgerError::Foreign { path: shown.to_owned() }),
        }
        let lacks_log = !has_log && rows.misses_log().map_err(|error| failed(shown, error))?;
        let head = rows.head()?;
        Ok(Self { shown: shown.to_owned(), path: path.to_owned(), rows, state, head, reopened: false, lacks_log })
    }

    /// Asks until the file has not changed meanwhile.
    fn ask<T>(&mut self, question: impl Fn(&mut Rows) -> Result<T, StoreError>) -> Result<T, StoreError> {
        for _ in 0..ATTEMPTS {
            let answer = question(&mut self.rows);
            let now = self.now()?;
            if now == self.state {
                return answer;
            }
            let has_log = log::is_one(&log_path(&self.path)).unwrap_or(true);
            self.rows = connect(&self.shown, &self.path, has_log).map_err(|source| self.rows.failed(source))?;
            (self.state, self.reopened) = (now, true);
        }
        Err(StoreError::Lost { path: self.shown.clone(), what: "it changes too fast to be read" })
    }

    /// Whether a record was there when the file was opened first.
    fn sees(&self, position: u64) -> bool {
        !self.reopened || position <= self.head.records
    }

    fn now(&self) -> Result<State, StoreError> {
        state(&self.shown, &self.path)
            .map_err(|_| StoreError::Lost { path: self.shown.clone(), what: "its lock file cannot be read any more" })
    }
}

/// A connection that takes no locks and writes nothing.
fn connect(shown: &Path, path: &Path, has_log: bool) -> rusqlite::Result<Rows> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY;
    if has_log {
        let rows = Rows::connect(path, shown, flags, Some("unix-none"))?;
        rows.connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
        return Ok(rows);
    }
    // SQLite would make a log, which it cannot where it may not write
    let mut uri = PathBuf::from(format!("file:{}", escaped(path)));
    uri.as_mut_os_string().push("?immutable=1");
    Rows::connect(&uri, shown, flags | OpenFlags::SQLITE_OPEN_URI, None)
}

/// A path as it is in a URI.
fn escaped(path: &Path) -> String {
    use std::os::unix::ffi::OsStrExt as _;
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/-._~".contains(&byte);
    let bytes = path.as_os_str().as_bytes().iter();
    bytes.map(|byte| if plain(*byte) { char::from(*byte).to_string() } else { format!("%{byte:02X}") }).collect()
}

/// How often the file has changed, waiting until it does not change.
fn state(shown: &Path, path: &Path) -> Result<State, LedgerError> {
    let lock_path = lock_path(path);
    for _ in 0..WAITS {
        let lock = match input::open_beside_ledger(&lock_path) {
            Ok(lock) => lock,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(look(&lock_path, source)),
        };
        let count = changes(&lock).map_err(|source| look(&lock_path, source))?;
        // a run that was killed while it moved the log: what it left is whole and stays as it is
        if count % 2 == 0 || is_free(&lock) {
            let about = lock.metadata().map_err(|source| look(&lock_path, source))?;
            return Ok(Some((FileId::of(&about), count)));
        }
        drop(lock);
        std::thread::sleep(WAIT);
    }
    Err(LedgerError::Locked { path: shown.to_owned(), process: None })
}

/// Whether no run has the lock. It is tried for an instant, for which a run that begins waits.
fn is_free(lock: &File) -> bool {
    flock(lock, FlockOperation::NonBlockingLockShared).is_ok() && flock(lock, FlockOperation::Unlock).is_ok()
}

impl LedgerStore for Snapshot {
    fn head(&mut self) -> Result<Head, StoreError> {
        Ok(self.head)
    }

    fn append(&mut self, _at: &Head, _records: &mut dyn Iterator<Item = Record>) -> Result<(), StoreError> {
        Err(StoreError::ReadOnly)
    }

    fn flush(&mut self) -> Result<(), StoreError> {
        Err(StoreError::ReadOnly)
    }

    fn read(&mut self, place: Place) -> Result<Option<Record>, StoreError> {
        let record = self.ask(|rows| rows.read(place))?;
        Ok(record.filter(|record| self.sees(record.entry.position)))
    }

    fn entry(&mut self, place: Place) -> Result<Option<Entry>, StoreError> {
        let entry = self.ask(|rows| rows.entry(place))?;
        Ok(entry.filter(|entry| self.sees(entry.position)))
    }

    fn entries(&mut self, kind: Kind, first: u64, last: u64) -> Result<Vec<Entry>, StoreError> {
        let mut entries = self.ask(|rows| rows.entries(kind, first, last))?;
        entries.retain(|entry| self.sees(entry.position));
        Ok(entries)
    }

    fn at(&mut self, position: u64) -> Result<Option<Record>, StoreError> {
        Ok(self.ask(|rows| rows.at(position))?.filter(|_| self.sees(position)))
    }

    fn lacks_log(&mut self) -> Result<bool, StoreError> {
        Ok(self.lacks_log)
    }

    /// The index may be of later records if a run goes on.
    fn derives(&mut self) -> Result<bool, StoreError> {
        Ok(self.rows.head()?.records == self.head.records && self.now()? == self.state)
    }

    fn derived(&mut self, wanted: &[Wanted], found: &mut dyn FnMut(usize, &[u8])) -> Result<(), StoreError> {
        self.rows.derived(wanted, found)
    }

    fn derive(
        &mut self,
        _removed: &[Range<u64>],
        _written: &mut dyn Iterator<Item = (u64, Vec<u8>)>,
    ) -> Result<(), StoreError> {
        Err(StoreError::ReadOnly)
    }
}

/// How often a question is asked while the file changes under it.
const ATTEMPTS: u32 = 100;
/// How often, and how long each time, a run that moves its log is waited for.
const WAITS: u32 = 3_000;
const WAIT: Duration = Duration::from_millis(10);
