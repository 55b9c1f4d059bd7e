//! Files that exist are opened here and nowhere else (held by `tests/check/architecture/mod.rs`).
//!
//! Guarantees: a file that was [reserved](reserve) is not opened under any name, neither through a link nor as a member
//! of a directory. POSIX gives up all locks of a process on a file as soon as the process closes any descriptor of it
//! (IEEE 1003.1 `fcntl`): an input that is the ledger under another name would take SQLite's lock away from the ledger.
//! Files that this program makes itself are `durable`'s; what they hold is checked by those who read.

use crate::text::Printable;
use std::fs::{File, Metadata};
use std::io;
use std::os::fd::AsFd;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use rustix::fs::{Mode, OFlags};

/// Which file it is, regardless of its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct FileId {
    device: u64,
    inode: u64,
}

impl FileId {
    /// The file that was looked at.
    pub fn of(metadata: &Metadata) -> Self {
        Self { device: metadata.dev(), inode: metadata.ino() }
    }
}

/// Opens a file for reading. A symbolic link is followed.
///
/// # Errors
/// The system refuses, or the file is reserved: see [`is_reserved`].
pub fn open(path: &Path) -> io::Result<File> {
    check(FileId::of(&path.metadata()?))?;
    checked(File::open(path)?)
}

/// Opens a file of a ledger to look at it, also where this process has the ledger: for its lock file, whose lock is of the
/// open file description (`flock`) and is not given up by closing a different one, and for its log, which has no lock.
///
/// # Errors
/// The system refuses.
pub fn open_beside_ledger(path: &Path) -> io::Result<File> {
    File::open(path)
}

/// Opens a member of a directory, which was looked at before. A symbolic link is not followed, and a pipe is not waited
/// for, should the file have been replaced by one in between.
///
/// # Errors
/// As [`open`].
pub fn open_member(path: &Path, seen: &Metadata) -> io::Result<File> {
    check(FileId::of(seen))?;
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    checked(File::from(rustix::fs::open(path, flags, Mode::empty())?))
}

/// Reads a whole file.
///
/// # Errors
/// As [`open`], or reading fails.
pub fn read(path: &Path) -> io::Result<Vec<u8>> {
    let mut file = open(path)?;
    let length = file.metadata().map_or(0, |about| usize::try_from(about.len()).unwrap_or(0));
    let mut content = Vec::with_capacity(length);
    io::Read::read_to_end(&mut file, &mut content)?;
    Ok(content)
}

/// Refuses a descriptor that the process was given, such as standard input, if its file is reserved.
///
/// # Errors
/// As [`open`].
pub fn check_descriptor(descriptor: impl AsFd) -> io::Result<()> {
    let about = rustix::fs::fstat(descriptor)?;
    check(FileId { device: about.st_dev, inode: about.st_ino })
}

/// Keeps this process from opening a file as an input until the returned value is dropped. `name` is for the message.
pub fn reserve(file: FileId, name: &Path) -> Reserved {
    let mut reserved = RESERVED.lock().unwrap_or_else(PoisonError::into_inner);
    reserved.push((file, name.to_owned()));
    Reserved(file)
}

/// A file that is not opened as an input.
#[derive(Debug)]
pub struct Reserved(FileId);

impl Drop for Reserved {
    fn drop(&mut self) {
        let mut reserved = RESERVED.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(at) = reserved.iter().position(|(file, _)| *file == self.0) {
            reserved.swap_remove(at);
        }
    }
}

/// Whether a file was not opened because it is reserved.
pub fn is_reserved(error: &io::Error) -> bool {
    error.get_ref().is_some_and(<dyn std::error::Error + Send + Sync>::is::<ReservedError>)
}

/// An input that is a file of the open ledger.
#[derive(Debug, thiserror::Error)]
#[error("it is the same file as `{}`, which belongs to the open ledger", Printable::new(name))]
struct ReservedError {
    name: PathBuf,
}

fn check(file: FileId) -> io::Result<()> {
    let reserved = RESERVED.lock().unwrap_or_else(PoisonError::into_inner);
    match reserved.iter().find(|(known, _)| *known == file) {
        Some((_, name)) => Err(io::Error::other(ReservedError { name: name.clone() })),
        None => Ok(()),
    }
}

/// The file that was opened may be another than the one that was looked at.
fn checked(file: File) -> io::Result<File> {
    match file.metadata().and_then(|about| check(FileId::of(&about))) {
        Ok(()) => Ok(file),
        Err(error) => {
            if is_reserved(&error) {
                // Closing it is what costs the lock: it stays open until the process ends.
                std::mem::forget(file);
            }
            Err(error)
        }
    }
}

/// Locks belong to the process, and so does this list.
static RESERVED: Mutex<Vec<(FileId, PathBuf)>> = Mutex::new(Vec::new());

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "the tests play another process with access to the folder")]
mod tests {
    use super::*;

    #[test]
    fn a_reserved_file_is_not_opened_under_any_name() {
        let folder = tempfile::tempdir().unwrap();
        let [file, link, hard] = ["file", "link", "hard"].map(|name| folder.path().join(name));
        std::fs::write(&file, "x").unwrap();
        std::os::unix::fs::symlink(&file, &link).unwrap();
        std::fs::hard_link(&file, &hard).unwrap();
        let seen = file.metadata().unwrap();
        let reserved = reserve(FileId::of(&seen), &file);
        for path in [&file, &link, &hard] {
            let error = open(path).unwrap_err();
            assert!(is_reserved(&error), "{error}");
            assert_eq!(
                error.to_string(),
                format!("it is the same file as `{}`, which belongs to the open ledger", Printable::new(&file))
            );
            assert!(is_reserved(&read(path).unwrap_err()));
        }
        assert!(is_reserved(&open_member(&hard, &seen).unwrap_err()));
        // replaced between the look and the opening
        let other = folder.path().join("other");
        std::fs::write(&other, "y").unwrap();
        assert!(is_reserved(&open_member(&hard, &other.metadata().unwrap()).unwrap_err()));
        assert_eq!(read(&other).unwrap(), b"y");
        let given = File::open(&hard).unwrap();
        assert!(is_reserved(&check_descriptor(&given).unwrap_err()));
        drop(reserved);
        assert_eq!(read(&link).unwrap(), b"x");
        check_descriptor(&given).unwrap();
    }
}
