//! Files that are either complete and on disk, or absent: the only file that writes plain files.
//!
//! Guarantees: nothing is ever overwritten; a final name appears by one rename that refuses to replace; what was
//! renamed had been flushed to disk, and so is the directory afterwards. A happy path makes these system calls:
//! `openat(O_CREAT|O_EXCL)`, `write`…, `fsync`, `renameat2(RENAME_NOREPLACE)`, `openat(directory)`, `fsync`.
//!
//! Functions here demand every flush: they are for keys and for the ledger's folder. [`output`] has the same for
//! outputs, which may be on file systems that can do less.
#![expect(clippy::disallowed_methods, reason = "this is the one module that writes plain files")]

mod name;
pub mod output;

use crate::class::Class;
use crate::text::Printable;

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use rustix::fs::{CWD, FlockOperation, Mode, OFlags};
use rustix::io::Errno;

/// Who may read a new file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Everybody, as the umask allows: certificates, manifests.
    Public,
    /// Everybody may read it, as the umask allows; only the owner may change it (mode 0644, folders 0755):
    /// configuration, trust anchors.
    Trusted,
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
        Access::Trusted => 0o644,
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
    write_whole(path, access, content, sync_file)?;
    sync_directory(parent(path))
}

/// Writes and flushes a file beside its name, then gives it the name: a kill leaves nothing half-written under `path`.
/// What it does leave, `.reroot-….partial`, belongs to no later run.
fn write_whole(
    path: &Path,
    access: Access,
    content: &[u8],
    flush: impl Fn(&Path, &File) -> Result<(), DurableError>,
) -> Result<(), DurableError> {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    let free = |path: &Path| path.symlink_metadata().is_err();
    if !free(path) {
        return Err(DurableError::Exists { path: path.to_owned() });
    }
    // short, so that a name that is as long as names may be can still be written
    let (process, number) = (std::process::id(), NUMBER.fetch_add(1, Ordering::Relaxed));
    let partial = path.with_file_name(format!(".reroot-{process:x}-{number:x}.partial"));
    let mut file = match create_new(&partial, access) {
        Err(DurableError::Io { source, .. }) => return Err(at("create", path, source)),
        other => other?,
    };
    let written = file.write_all(content).map_err(|error| at("write", path, error));
    written.and_then(|()| flush(path, &file)).and_then(|()| name::give(&partial, path)).inspect_err(|_| {
        let _ = std::fs::remove_file(&partial);
    })
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

/// Opens a file that exists to be locked, made empty with this mode if it is not there. A link is not followed. Nothing
/// in it is worth flushing: who finds it after a power loss finds no lock on it.
///
/// # Errors
/// The file cannot be created or opened.
pub fn open_lock(path: &Path, mode: u32) -> Result<File, DurableError> {
    let flags = OFlags::CREATE | OFlags::RDWR | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let opened = rustix::fs::openat(CWD, path, flags, Mode::from_raw_mode(mode));
    opened.map(Into::into).map_err(|error| at("create", path, error.into()))
}

/// Opens a file to which lines are added at its end, and makes it, for its owner alone, if it is not there. A link is
/// followed, and a pipe is not waited for. Nothing in it is flushed: a log is no record.
///
/// # Errors
/// The file cannot be created or opened.
pub fn open_log(path: &Path) -> Result<File, DurableError> {
    let flags = OFlags::CREATE | OFlags::RDWR | OFlags::APPEND | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let opened = rustix::fs::openat(CWD, path, flags, Mode::from_raw_mode(0o600));
    opened.map(Into::into).map_err(|error| at("open", path, error.into()))
}

/// Opens a file to which records are added at its end, for its owner alone, and makes it if it is not there. A link is not
/// followed. The caller flushes each record, and the folder after it has made the file.
///
/// # Errors
/// The file cannot be created or opened.
pub fn open_record(path: &Path) -> Result<File, DurableError> {
    let flags = OFlags::CREATE | OFlags::RDWR | OFlags::APPEND | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let opened = rustix::fs::openat(CWD, path, flags, Mode::from_raw_mode(0o600));
    opened.map(Into::into).map_err(|error| at("open", path, error.into()))
}

/// Replaces the content of a small file, or makes the file: a reader finds the old content or the new one, also after a
/// power loss. The one exception to "nothing is ever overwritten", for a note that says how far something is.
///
/// # Errors
/// Writing, flushing or renaming fails; then the old content is there.
pub fn replace_note(path: &Path, content: &[u8]) -> Result<(), DurableError> {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".partial");
    let partial = path.with_file_name(name);
    remove_partial_file(&partial)?;
    write_unsynced(&partial, Access::Public, content)?;
    let synced = File::open(&partial).map_err(|error| at("open", &partial, error));
    synced.and_then(|file| sync_file(&partial, &file))?;
    std::fs::rename(&partial, path).map_err(|error| at("give its name to", path, error))?;
    sync_directory(parent(path))
}

/// Closes a new directory to all but its owner, and returns the mode that the umask had given it.
///
/// # Errors
/// The directory cannot be looked at or changed.
pub fn make_private(directory: &Path) -> Result<u32, DurableError> {
    let about = directory.metadata().map_err(|error| at("look at", directory, error))?;
    let mode = about.permissions().mode() & 0o7777;
    set_mode(directory, mode & 0o7700)?;
    Ok(mode)
}

/// Gives a directory the mode that it has once others may see it. A file system without modes (FAT, some network and
/// FUSE file systems) stays as it is: it was never private.
///
/// # Errors
/// The directory cannot be changed.
pub fn set_mode(directory: &Path, mode: u32) -> Result<(), DurableError> {
    let changed = rustix::fs::chmod(directory, Mode::from_raw_mode(mode));
    match changed {
        Err(Errno::PERM | Errno::NOTSUP | Errno::NOSYS) | Ok(()) => Ok(()),
        Err(error) => Err(at("give its mode to", directory, error.into())),
    }
}

/// Creates a directory that did not exist, with its parent flushed.
///
/// # Errors
/// The directory exists or cannot be created.
pub fn create_directory(path: &Path, access: Access) -> Result<(), DurableError> {
    make_directory(path, access)?;
    sync_directory(parent(path))
}

fn make_directory(path: &Path, access: Access) -> Result<(), DurableError> {
    let mode = match access {
        Access::Public => 0o777,
        Access::Trusted => 0o755,
        Access::Private => 0o700,
    };
    DirBuilder::new().mode(mode).create(path).map_err(|error| at("create", path, error))
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

/// Gives a finished file or directory its final name, never replacing anything, and flushes the directory.
///
/// # Errors
/// `to` exists ([`DurableError::Exists`]), or renaming or flushing fails.
pub fn publish(from: &Path, to: &Path) -> Result<(), DurableError> {
    name::give(from, to)?;
    sync_directory(parent(to))
}

/// Removes what an interrupted run left beside its output: a directory this program named and filled.
///
/// # Errors
/// Removing fails.
pub fn remove_partial(path: &Path) -> Result<(), DurableError> {
    match std::fs::remove_dir_all(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        other => other.map_err(|error| at("remove", path, error)),
    }
}

/// As [`remove_partial`], of a file.
///
/// # Errors
/// Removing fails.
pub fn remove_partial_file(path: &Path) -> Result<(), DurableError> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        other => other.map_err(|error| at("remove", path, error)),
    }
}

/// Creates a private file without a name in `directory`. The file is gone when it is closed, also after a crash.
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
            // the caller does not know this name: the error names the directory
            Err(DurableError::Io { source, .. }) => return Err(in_directory(directory, source)),
            Err(other) => return Err(other),
        }
    }
}

fn in_directory(directory: &Path, source: std::io::Error) -> DurableError {
    DurableError::Io { doing: "create a file in", path: directory.to_owned(), source }
}

/// Holds a directory against other processes that ask for the same, until the file is closed. None if one of them has
/// it.
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

/// Returns how many bytes this user can still write where `path` is.
///
/// # Errors
/// The file system does not say it.
pub fn free_bytes(path: &Path) -> std::io::Result<u64> {
    let about = rustix::fs::statvfs(path)?;
    Ok(about.f_bavail.saturating_mul(about.f_frsize))
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
        ErrorKind::AlreadyExists => DurableError::Exists { path: path.to_owned() },
        ErrorKind::InvalidFilename => DurableError::NameTooLong { path: path.to_owned() },
        _ => DurableError::Io { doing, path: path.to_owned(), source },
    }
}

/// Why something could not be written permanently.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DurableError {
    /// The name is taken; nothing is ever overwritten.
    #[error("`{}` exists already", Printable::new(path))]
    Exists {
        /// The name.
        path: PathBuf,
    },
    /// The system refused.
    #[error("cannot {doing} `{}`: {source}", Printable::new(path))]
    Io {
        /// What was to be done with it, as it is before a name: `write`, `flush`.
        doing: &'static str,
        /// The file or directory.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// The file system takes no names of this length.
    #[error(
        "`{}` is too long: the last part of a path may have at most 255 bytes on most file systems, the whole path 4095",
        Printable::new(path)
    )]
    NameTooLong {
        /// The path.
        path: PathBuf,
    },
    /// With what is added while an output is written, its name is too long.
    #[error(
        "the name of `{}` is too long: while the output is written it has {found} bytes, more than the file system takes",
        Printable::new(path)
    )]
    OutputNameTooLong {
        /// The output.
        path: PathBuf,
        /// Bytes of the longest name, or of the longest path.
        found: usize,
    },
    /// No way to give a finished output its name that cannot replace something.
    #[error(
        "the file system of `{}` can neither rename without replacing (renameat2) nor make {missing}: a finished output \
         could not get its name safely",
        Printable::new(path)
    )]
    NoSafeName {
        /// The folder.
        path: PathBuf,
        /// What the other way would need.
        missing: &'static str,
    },
}

impl DurableError {
    /// The kind of failure. A name that is taken or too long, and a file system that cannot give names, are the choice
    /// of who named the output.
    pub fn class(&self) -> Class {
        match self {
            Self::Exists { .. }
            | Self::NameTooLong { .. }
            | Self::NoSafeName { .. }
            | Self::OutputNameTooLong { .. } => Class::Usage,
            Self::Io { .. } => Class::Storage,
        }
    }

    /// What to do about it, where that can be said.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Exists { .. } => Some("Nothing is ever overwritten: choose another name.".into()),
            Self::Io { source, .. } => match source.kind() {
                ErrorKind::PermissionDenied => {
                    Some("This user must be able to write there: look at the owner and the mode of the folder.".into())
                }
                ErrorKind::ReadOnlyFilesystem => {
                    Some("The file system is mounted read-only: choose another place, or mount it for writing.".into())
                }
                _ => None,
            },
            Self::NameTooLong { .. } | Self::OutputNameTooLong { .. } => Some(
                "Choose a shorter name for the output, or a folder with a shorter path. Nothing was signed.".into(),
            ),
            Self::NoSafeName { .. } => {
                Some("Put the output on a local disk and copy it from there. Nothing was signed.".into())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A file that cannot be finished leaves neither its name nor a partial file.
    #[test]
    fn a_file_has_its_name_only_when_it_is_whole() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        let names = || std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        let refused = write_whole(&path, Access::Public, b"half", |_, file| {
            assert_eq!(file.metadata().unwrap().len(), 4);
            assert!(!path.exists(), "written, but not yet flushed");
            Err(at("flush", &path, std::io::Error::other("the disk is gone")))
        });
        assert!(matches!(refused, Err(DurableError::Io { doing: "flush", .. })), "{refused:?}");
        let left: Vec<std::ffi::OsString> = names();
        assert!(left.is_empty(), "{left:?}");
        write_new(&path, Access::Public, b"whole").unwrap();
        assert_eq!(names(), ["file"]);
    }

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
    fn what_cannot_be_removed_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.partial");
        remove_partial(&path).unwrap();
        remove_partial_file(&path).unwrap();
        // neither takes the other's kind for its own, nor what it cannot remove for removed
        create_directory(&path, Access::Public).unwrap();
        let error = remove_partial_file(&path).unwrap_err().to_string();
        assert!(error.contains("cannot remove") && error.contains("x.partial"), "{error}");
        assert!(path.is_dir());
        remove_partial(&path).unwrap();
        write_new(&path, Access::Public, b"x").unwrap();
        let error = remove_partial(&path).unwrap_err().to_string();
        assert!(error.contains("cannot remove") && error.contains("x.partial"), "{error}");
        assert!(path.is_file());
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
