//! Files that are either complete and on disk, or absent: the only file that writes plain files.
//!
//! Guarantees: nothing is ever overwritten; a final name appears by one rename that refuses to replace; what was
//! renamed had been flushed to disk, and so is the directory afterwards. A happy path makes these system calls:
//! `openat(O_CREAT|O_EXCL)`, `write`…, `fsync`, `renameat2(RENAME_NOREPLACE)`, `openat(directory)`, `fsync`.
#![expect(clippy::disallowed_methods, reason = "this is the one file that writes plain files")]

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, FlockOperation, Mode, OFlags, RenameFlags};
use rustix::io::Errno;

/// Who may read a new file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Everybody, as the umask allows: certificates, manifests.
    Public,
    /// Only the owner (mode 0600): keys, ledgers, spools.
    Private,
}

/// Creates a file that did not exist and opens it for writing (and reading).
///
/// # Errors
/// The file exists ([`DurableError::Exists`]) or cannot be created.
pub fn create_new(path: &Path, access: Access) -> Result<File, DurableError> {
    let mode = match access {
        Access::Public => 0o666,
        Access::Private => 0o600,
    };
    let opened = OpenOptions::new().read(true).write(true).create_new(true).mode(mode).open(path);
    opened.map_err(|error| at("create", path, error))
}

/// Writes a whole new file and flushes it and its directory to disk.
///
/// # Errors
/// The file exists, or writing or flushing fails; then no file is left under `path`.
pub fn write_new(path: &Path, access: Access, content: &[u8]) -> Result<(), DurableError> {
    let mut file = create_new(path, access)?;
    let written = file.write_all(content).map_err(|error| at("write", path, error));
    if let Err(error) = written.and_then(|()| sync_file(path, &file)) {
        let _ = std::fs::remove_file(path);
        return Err(error);
    }
    sync_directory(parent(path))
}

/// Writes a whole new file that is not on disk before the caller flushes it: for very many files at once.
///
/// # Errors
/// The file exists, or writing fails; then no file is left under `path`.
pub fn write_unsynced(path: &Path, access: Access, content: &[u8]) -> Result<(), DurableError> {
    let mut file = create_new(path, access)?;
    file.write_all(content).map_err(|error| {
        let _ = std::fs::remove_file(path);
        at("write", path, error)
    })
}

/// Appends to a file, made if it is not there, and flushes it: what stands in it already stays.
///
/// # Errors
/// Opening, writing or flushing fails; then the last line may be cut off.
pub fn append(path: &Path, access: Access, content: &[u8]) -> Result<(), DurableError> {
    match create_new(path, access) {
        Ok(_) => sync_directory(parent(path))?,
        Err(DurableError::Exists { .. }) => {}
        Err(error) => return Err(error),
    }
    let mut file = OpenOptions::new().append(true).open(path).map_err(|error| at("open", path, error))?;
    file.write_all(content).map_err(|error| at("write", path, error))?;
    sync_file(path, &file)
}

/// Creates a directory that did not exist, with its parent flushed.
///
/// # Errors
/// The directory exists or cannot be created.
pub fn create_directory(path: &Path, access: Access) -> Result<(), DurableError> {
    let mode = match access {
        Access::Public => 0o777,
        Access::Private => 0o700,
    };
    DirBuilder::new().mode(mode).create(path).map_err(|error| at("create", path, error))?;
    sync_directory(parent(path))
}

/// Flushes a file's content to disk.
///
/// # Errors
/// Flushing fails: the content may be lost.
pub fn sync_file(path: &Path, file: &File) -> Result<(), DurableError> {
    file.sync_all().map_err(|error| at("flush", path, error))
}

/// Flushes a directory, so that names created or renamed in it survive a power loss.
///
/// # Errors
/// The directory cannot be opened or flushed.
pub fn sync_directory(path: &Path) -> Result<(), DurableError> {
    let directory = File::open(path).map_err(|error| at("open", path, error))?;
    sync_file(path, &directory)
}

/// Flushes everything on the file system that holds a directory: for very many files at once.
///
/// # Errors
/// The directory cannot be opened, or flushing fails.
pub fn sync_filesystem(directory: &Path) -> Result<(), DurableError> {
    let opened = File::open(directory).map_err(|error| at("open", directory, error))?;
    rustix::fs::syncfs(&opened).map_err(|error| at("flush the file system of", directory, error.into()))
}

/// Gives a finished file or directory its final name, never replacing anything, and flushes the directory.
///
/// # Errors
/// `to` exists ([`DurableError::Exists`]), or renaming or flushing fails.
pub fn publish(from: &Path, to: &Path) -> Result<(), DurableError> {
    rustix::fs::renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE)
        .map_err(|error| at("give its name to", to, error.into()))?;
    sync_directory(parent(to))
}

/// Removes what an interrupted run left beside its output: a directory this program named and filled.
///
/// # Errors
/// Removing fails.
pub fn remove_partial(path: &Path) -> Result<(), DurableError> {
    match std::fs::remove_dir_all(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        other => other.map_err(|error| at("remove", path, error)),
    }
}

/// As [`remove_partial`], of a file.
///
/// # Errors
/// Removing fails.
pub fn remove_partial_file(path: &Path) -> Result<(), DurableError> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        other => other.map_err(|error| at("remove", path, error)),
    }
}

/// A private file without a name in `directory`: gone when it is closed, whatever happens.
///
/// # Errors
/// The file cannot be created.
pub fn scratch(directory: &Path) -> Result<File, DurableError> {
    let flags = OFlags::TMPFILE | OFlags::RDWR | OFlags::CLOEXEC;
    match rustix::fs::openat(CWD, directory, flags, Mode::RUSR | Mode::WUSR) {
        Ok(file) => Ok(file.into()),
        // file systems without such files: NFS, older FUSE
        Err(Errno::OPNOTSUPP | Errno::ISDIR | Errno::INVAL) => named_scratch(directory),
        Err(error) => Err(in_directory(directory, error.into())),
    }
}

/// As [`scratch`], with a name for an instant. A kill in that instant leaves an empty file.
fn named_scratch(directory: &Path) -> Result<File, DurableError> {
    let mut number = std::process::id();
    loop {
        let path = directory.join(format!(".reroot-scratch-{number:08x}"));
        match create_new(&path, Access::Private) {
            Ok(file) => {
                std::fs::remove_file(&path).map_err(|error| at("remove", &path, error))?;
                return Ok(file);
            }
            Err(DurableError::Exists { .. }) => number = number.wrapping_mul(1_664_525).wrapping_add(1_013_904_223),
            // the name is nobody's but this function's
            Err(DurableError::Io { source, .. }) => return Err(in_directory(directory, source)),
        }
    }
}

fn in_directory(directory: &Path, source: std::io::Error) -> DurableError {
    DurableError::Io { doing: "create a file in", path: directory.to_owned(), source }
}

/// Holds a directory against other processes that ask for the same, until the file is closed. None if one of them has it.
///
/// On file systems that know no locks every process gets it.
///
/// # Errors
/// The directory cannot be opened.
pub fn hold(directory: &Path) -> Result<Option<File>, DurableError> {
    let opened = File::open(directory).map_err(|error| at("open", directory, error))?;
    match rustix::fs::flock(&opened, FlockOperation::NonBlockingLockExclusive) {
        Err(Errno::WOULDBLOCK) => Ok(None),
        Ok(()) | Err(_) => Ok(Some(opened)),
    }
}

/// The directory that holds `path`, `.` for a bare name.
pub fn parent(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

fn at(doing: &'static str, path: &Path, source: std::io::Error) -> DurableError {
    match source.kind() {
        std::io::ErrorKind::AlreadyExists => DurableError::Exists { path: path.to_owned() },
        _ => DurableError::Io { doing, path: path.to_owned(), source },
    }
}

/// Why something could not be written for good.
#[derive(Debug, thiserror::Error)]
pub enum DurableError {
    /// The name is taken; nothing is ever overwritten.
    #[error("`{}` exists already", path.display())]
    Exists {
        /// The name.
        path: PathBuf,
    },
    /// The system refused.
    #[error("cannot {doing} `{}`: {source}", path.display())]
    Io {
        /// What was to be done with it, as it stands before a name: `write`, `flush`.
        doing: &'static str,
        /// The file or directory.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_overwritten() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        write_new(&path, Access::Private, b"one").unwrap();
        assert!(matches!(write_new(&path, Access::Private, b"two"), Err(DurableError::Exists { .. })));
        let other = folder.path().join("b");
        write_new(&other, Access::Public, b"two").unwrap();
        assert!(matches!(publish(&other, &path), Err(DurableError::Exists { .. })));
        assert_eq!(std::fs::read(&path).unwrap(), b"one");
        let empty = folder.path().join("empty");
        create_directory(&empty, Access::Public).unwrap();
        let full = folder.path().join("full");
        create_directory(&full, Access::Public).unwrap();
        assert!(matches!(publish(&full, &empty), Err(DurableError::Exists { .. })), "an empty directory is something");
    }

    #[test]
    fn private_files_are_the_owners_alone() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        write_new(&path, Access::Private, b"secret").unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn a_directory_is_held_once_at_a_time() {
        let folder = tempfile::tempdir().unwrap();
        let held = hold(folder.path()).unwrap();
        assert!(held.is_some());
        assert!(hold(folder.path()).unwrap().is_none());
        drop(held);
        assert!(hold(folder.path()).unwrap().is_some());
        assert!(hold(&folder.path().join("nowhere")).is_err());
    }

    #[test]
    fn a_scratch_file_has_no_name() {
        let folder = tempfile::tempdir().unwrap();
        let mut file = scratch(folder.path()).unwrap();
        file.write_all(b"x").unwrap();
        let mut named = named_scratch(folder.path()).unwrap();
        named.write_all(b"x").unwrap();
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
        let nowhere = scratch(&folder.path().join("nowhere")).unwrap_err().to_string();
        assert!(nowhere.starts_with("cannot create a file in `") && nowhere.contains("No such file"), "{nowhere}");
    }
}
