//! Keeps hold of a ledger's files for as long as it is open, and tells whether they still are the ones that it opened.
//!
//! SQLite locks the ledger with POSIX locks, which the process loses as soon as any of its code closes any descriptor
//! of the file. The lock here is of another kind (`flock`), on a file of its own: it lasts until this value is dropped.
//! SQLite's lock stays beside it, for releases that know no other.
//!
//! Guarantees: two values for one ledger never exist, in one process or in several. [`Held::check`] fails when the lock
//! is gone, when a file was removed, replaced or got a second name, and when the end of the write-ahead log is not what
//! was seen there last: then a different program has written in spite of the locks.

use std::fs::{File, Metadata};
use std::os::unix::fs::{FileExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock, major, minor};
use rustix::io::Errno;

use crate::durable::{self, DurableError};
use crate::input::{self, FileId, Reserved};

use super::LedgerError;
use super::log::Log;
use super::store::StoreError;

/// Hold of one ledger's files.
pub(super) struct Held {
    /// The ledger as the caller named it, for messages.
    shown: PathBuf,
    /// Where it is, links followed.
    path: PathBuf,
    file: FileId,
    lock: Lock,
    log: Option<Log>,
    reserved: Vec<Reserved>,
}

/// The file that is locked.
struct Lock {
    /// As the caller named the ledger, for messages.
    shown: PathBuf,
    path: PathBuf,
    file: File,
    id: FileId,
    /// How often the ledger's file has changed: odd while it changes.
    changes: u64,
}

impl Held {
    /// Locks the ledger at `path`, which exists.
    pub(super) fn take(path: &Path) -> Result<Self, LedgerError> {
        let look = |source| LedgerError::from(DurableError::Io { doing: "look at", path: path.to_owned(), source });
        let canonical = path.canonicalize().map_err(look)?;
        let about = canonical.metadata().map_err(look)?;
        if about.nlink() != 1 {
            return Err(LedgerError::Linked { path: path.to_owned(), links: about.nlink() });
        }
        let lock = Lock::take(path, &canonical, about.permissions().mode())?;
        let reserved = [(FileId::of(&about), &canonical), (lock.id, &lock.path)];
        Ok(Self {
            shown: path.to_owned(),
            file: FileId::of(&about),
            reserved: reserved.map(|(file, name)| input::reserve(file, name)).into(),
            path: canonical,
            lock,
            log: None,
        })
    }

    /// Where the ledger is, links followed.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Checks that nothing has happened to the files since they were opened, and that no other process wrote to them.
    pub(super) fn check(&mut self) -> Result<(), StoreError> {
        self.check_files()?;
        let path = log_path(&self.path);
        match (&self.log, path.symlink_metadata()) {
            (None, _) => {}
            (Some(log), Ok(about)) if FileId::of(&about) == log.id() && about.nlink() == 1 => {
                if let Some(what) = log.change().map_err(|source| self.unreadable(&path, source))? {
                    return Err(self.lost(what));
                }
            }
            (Some(_), _) => return Err(self.lost("its write-ahead log was removed, replaced or linked during the run")),
        }
        Ok(())
    }

    /// Notes how the write-ahead log ends, after something was written to it or it was moved into the file.
    pub(super) fn note_log(&mut self) -> Result<(), StoreError> {
        let path = log_path(&self.path);
        let mut log = match self.log.take() {
            Some(log) => log,
            None => match Log::open(&path) {
                Ok(log) => {
                    self.reserved.push(input::reserve(log.id(), &path));
                    log
                }
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
                Err(source) => return Err(self.unreadable(&path, source)),
            },
        };
        log.note().map_err(|source| self.unreadable(&path, source))?;
        self.log = Some(log);
        Ok(())
    }

    /// Tells those who read without a lock that the file is about to change under them.
    pub(super) fn begin_change(&mut self) -> Result<(), StoreError> {
        self.lock.count(|changes| changes | 1)
    }

    /// Tells them that it has changed, and that it stays as it is until the next time.
    pub(super) fn end_change(&mut self) -> Result<(), StoreError> {
        self.lock.count(|changes| (changes | 1) + 1)
    }

    fn check_files(&self) -> Result<(), StoreError> {
        match flock(&self.lock.file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => {}
            Err(Errno::WOULDBLOCK) => return Err(self.lost("its lock was lost, and another process has it")),
            Err(error) => return Err(self.unreadable(&self.lock.path, error.into())),
        }
        for (path, id, what) in [
            (&self.path, self.file, "its file was removed, replaced or linked during the run"),
            (&self.lock.path, self.lock.id, "its lock file was removed, replaced or linked during the run"),
        ] {
            let same = path.symlink_metadata().is_ok_and(|about| FileId::of(&about) == id && about.nlink() == 1);
            if !same {
                return Err(self.lost(what));
            }
        }
        Ok(())
    }

    fn lost(&self, what: &'static str) -> StoreError {
        StoreError::Lost { path: self.shown.clone(), what }
    }

    fn unreadable(&self, path: &Path, source: std::io::Error) -> StoreError {
        let _ = self;
        DurableError::Io { doing: "look at", path: path.to_owned(), source }.into()
    }
}

impl Lock {
    /// Locks the file beside the ledger, and makes it if it is not there.
    fn take(shown: &Path, canonical: &Path, mode: u32) -> Result<Self, LedgerError> {
        let path = beside(canonical, "-lock");
        for attempt in 0.. {
            let file = durable::open_lock(&path, mode & 0o666).map_err(|error| match error {
                DurableError::Io { doing, source, .. } => {
                    DurableError::Io { doing, path: beside(shown, "-lock"), source }
                }
                other => other,
            })?;
            match flock(&file, FlockOperation::NonBlockingLockExclusive) {
                Ok(()) => {}
                // a process that reads the ledger takes the lock for an instant
                Err(Errno::WOULDBLOCK) if attempt < PATIENCE => {
                    std::thread::sleep(std::time::Duration::from_millis(20));
                    continue;
                }
                Err(Errno::WOULDBLOCK) => {
                    let process = file.metadata().ok().and_then(|about| holder("FLOCK", &about));
                    return Err(LedgerError::Locked { path: shown.to_owned(), process });
                }
                Err(error) => {
                    return Err(LedgerError::NoLocks { path: shown.to_owned(), source: error.into() });
                }
            }
            // the previous holder may have removed the file after this process opened it and before it locked it
            let id = match (file.metadata(), path.symlink_metadata()) {
                (Ok(locked), Ok(there)) if FileId::of(&locked) == FileId::of(&there) && there.nlink() == 1 => {
                    FileId::of(&locked)
                }
                _ if attempt < 10 * PATIENCE => continue,
                _ => {
                    let what = "its lock file is removed, replaced or linked all the time";
                    return Err(StoreError::Lost { path: shown.to_owned(), what }.into());
                }
            };
            let mut lock = Self { shown: beside(shown, "-lock"), path, file, id, changes: 0 };
            // no other run begins with the same number, also where a new file gets the number of the old one
            let begin = u64::from(std::process::id()) << 32;
            let left = changes(&lock.file).unwrap_or(0);
            lock.count(|_| if left >> 32 == begin >> 32 { (left | 1) + 1 } else { begin })?;
            return Ok(lock);
        }
        unreachable!("the loop ends by returning")
    }

    fn count(&mut self, next: impl FnOnce(u64) -> u64) -> Result<(), StoreError> {
        let changes = next(self.changes);
        let written = self.file.write_all_at(&changes.to_be_bytes(), 0);
        written.map_err(|source| DurableError::Io { doing: "write", path: self.shown.clone(), source })?;
        self.changes = changes;
        Ok(())
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        // Only the file that is locked: no other process can then hold the lock except through this file, and a process
        // that waits for it checks the path again.
        if self.path.symlink_metadata().is_ok_and(|about| FileId::of(&about) == self.id) {
            let _ = durable::remove_partial_file(&self.path);
        }
    }
}

/// How often the ledger's file has changed, as its lock file says.
pub(super) fn changes(lock: &File) -> std::io::Result<u64> {
    let mut bytes = [0; 8];
    match lock.read_exact_at(&mut bytes, 0) {
        Ok(()) => Ok(u64::from_be_bytes(bytes)),
        Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => Ok(0),
        Err(error) => Err(error),
    }
}

/// Who holds a lock of a kind on a file, as Linux tells. The file itself is not opened: closing it would give up the
/// locks that this process may have on it.
///
/// The system hands its list of locks out in pieces and forgets its place when the list changes between two: a lock that is
/// there all the time can be missed. So a list without it is read again.
pub(super) fn holder(kind: &str, about: &Metadata) -> Option<u32> {
    let file = format!("{:02x}:{:02x}:{}", major(about.dev()), minor(about.dev()), about.ino());
    (0..LISTS).find_map(|_| listed(kind, &file))
}

fn listed(kind: &str, file: &str) -> Option<u32> {
    let locks = String::from_utf8(input::read(Path::new("/proc/locks")).ok()?).ok()?;
    // "1: POSIX  ADVISORY  WRITE 4711 fe:00:1234567 0 EOF"
    locks.lines().find_map(|line| {
        let words: Vec<&str> = line.split_whitespace().skip_while(|word| *word != kind).collect();
        let of_file = *words.get(4)? == file;
        words.get(3).filter(|_| of_file)?.parse().ok()
    })
}

/// Where SQLite keeps the write-ahead log.
pub(super) fn log_path(path: &Path) -> PathBuf {
    beside(path, "-wal")
}

/// Where the lock file of the ledger at this place is, links followed.
pub(super) fn lock_path(path: &Path) -> PathBuf {
    beside(path, "-lock")
}

fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

/// How often the list of locks is read.
const LISTS: u32 = 8;

/// How often a lock is tried that another process has.
const PATIENCE: u32 = 5;

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "the tests play another process with access to the folder")]
mod tests;
