//! Outputs: batches, plans, signature files, proofs, exports, reports.
//!
//! They may be on file systems that can do less than a local disk: [`check`] tries out the output's folder before
//! anything is signed, and refuses where a finished output could not get its name safely. A flush that the file system
//! does not have is tolerated here and noted ([`notes`]); a flush that fails is an error, here as everywhere.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::Write;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use rustix::io::Errno;

use crate::text::Printable;

use super::{Access, DurableError, at, create_new, name, parent};

/// What an output is while it is written and when it is finished.
#[derive(Clone, Copy, Debug)]
pub struct Shape {
    kind: Kind,
    /// Bytes added to its name while it is written.
    added: usize,
    /// Bytes of the longest name inside it.
    inside: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Directory,
    File,
}

impl Shape {
    /// A small file, written by [`write_new`].
    pub const PLAIN: Self = Self { kind: Kind::File, added: 0, inside: 0 };

    /// A directory that is filled beside its name.
    pub const fn directory(added: usize, inside: usize) -> Self {
        Self { kind: Kind::Directory, added, inside }
    }

    /// A file that is written beside its name; `inside` a directory there, if it has a name of that length.
    pub const fn file(added: usize, inside: usize) -> Self {
        Self { kind: Kind::File, added, inside }
    }

    /// Whether it is a directory.
    pub const fn is_directory(self) -> bool {
        matches!(self.kind, Kind::Directory)
    }
}

/// Tries out whether an output can be written and get its name: that the name and the paths in it are not too long,
/// that its folder can be written to, and that there is a way to give a name that replaces nothing. Leaves nothing
/// behind.
///
/// # Errors
/// The name is too long, or there is no such way; or the folder cannot be written to or flushed.
pub fn check(out: &Path, shape: Shape) -> Result<(), DurableError> {
    let folder = parent(out);
    let length = out.file_name().map_or(0, |name| name.as_bytes().len());
    let written = length + shape.added;
    let separators = 1 + usize::from(shape.inside > 0);
    let longest = folder.as_os_str().as_bytes().len() + written + shape.inside + separators;
    let too_long = |found| DurableError::OutputNameTooLong { path: out.to_owned(), found };
    if longest >= PATH_MAX {
        return Err(too_long(longest));
    }
    // first, while there is nothing new in it that would have to be written
    sync_directory(folder)?;
    let exclusive = match try_out(out, folder, shape.kind, written.max(shape.inside)) {
        Err(DurableError::NameTooLong { .. }) => return Err(too_long(written.max(shape.inside))),
        other => other?,
    };
    // an empty directory is a killed run's claim only where claims are made
    if (exclusive || shape.kind != Kind::Directory) && name::is_claim(out) {
        return Err(DurableError::Exists { path: out.to_owned() });
    }
    Ok(())
}

/// Makes the folders above an output that do not exist, each flushed. [`remove_unused_parents`] takes them away again.
///
/// # Errors
/// Something that is not a directory has the name of one of them, or it cannot be made.
pub fn make_parents(out: &Path, access: Access) -> Result<(), DurableError> {
    let folder = parent(out);
    if folder.is_dir() || folder == Path::new(".") {
        return Ok(());
    }
    make_parents(folder, access)?;
    match create_directory(folder, access) {
        Ok(()) => {
            MADE.lock().unwrap_or_else(PoisonError::into_inner).push(folder.to_owned());
            Ok(())
        }
        // another process has made it in between
        Err(DurableError::Exists { .. }) if folder.is_dir() => Ok(()),
        Err(DurableError::Exists { .. }) => Err(super::in_directory(folder, std::io::ErrorKind::NotADirectory.into())),
        other => other,
    }
}

/// Removes the folders that [`make_parents`] made in this process and that hold nothing. A front door calls this when its
/// command has ended, with success or without: a folder that holds an output, finished or not, is not empty and stays.
pub fn remove_unused_parents() {
    for folder in std::mem::take(&mut *MADE.lock().unwrap_or_else(PoisonError::into_inner)).iter().rev() {
        // never what holds something: the system refuses it
        let _ = std::fs::remove_dir(folder);
    }
}

/// Whether nothing has the output's name, but for the empty directory of a run that was killed just before it renamed
/// the finished one over it, on a file system where that is how a directory gets its name.
pub fn is_free(out: &Path) -> bool {
    out.symlink_metadata().is_err() || name::is_claim(out)
}

/// Gives names in `folder` to something of this kind. Returns whether the exclusive rename works.
fn try_out(out: &Path, folder: &Path, kind: Kind, length: usize) -> Result<bool, DurableError> {
    // the same command finds and removes what a killed one left
    let seed = out.file_name().map_or(0, |name| crc32fast::hash(name.as_bytes()));
    let mut attempt = 0;
    loop {
        let number = if attempt < 2 { seed } else { seed ^ std::process::id().wrapping_mul(attempt) };
        let path = |end: &str| {
            let begin = format!(".reroot-probe-{number:08x}");
            let fill = length.saturating_sub(begin.len() + end.len());
            folder.join(format!("{begin}{}{end}", "x".repeat(fill)))
        };
        let (one, other) = (path("a"), path("b"));
        let tried = give_names(kind, &one, &other);
        if let Err(error) = &tried {
            remove(&one);
            remove(&other);
            let gone = |source: &std::io::Error| source.kind() == std::io::ErrorKind::NotFound;
            // a leftover, or another run of this moment that took ours for one
            let again = match error {
                DurableError::Exists { .. } => true,
                DurableError::Io { source, .. } => gone(source),
                _ => false,
            };
            if again && attempt < ATTEMPTS {
                attempt += 1;
                continue;
            }
        }
        return tried;
    }
}

fn give_names(kind: Kind, one: &Path, other: &Path) -> Result<bool, DurableError> {
    let is_directory = kind == Kind::Directory;
    let make = |path: &Path| {
        if is_directory {
            std::fs::DirBuilder::new().create(path).map_err(|error| at("create", path, error))
        } else {
            create_new(path, Access::Private).map(drop)
        }
        .map_err(|error| match error {
            // the name says nothing to anyone, the folder does
            DurableError::Io { source, .. } => super::in_directory(parent(path), source),
            other => other,
        })
    };
    let take = |path: &Path| {
        let removed = if is_directory { std::fs::remove_dir(path) } else { std::fs::remove_file(path) };
        removed.map_err(|error| at("remove", path, error))
    };
    make(one)?;
    match name::exclusive(one, other) {
        Ok(()) => {
            take(other)?;
            return Ok(true);
        }
        Err(error) if name::is_missing(error) => {}
        Err(error) => return Err(at("rename", one, error.into())),
    }
    let folder = parent(one).to_owned();
    if is_directory {
        make(other)?;
        match rustix::fs::renameat(rustix::fs::CWD, one, rustix::fs::CWD, other) {
            Ok(()) => {}
            Err(error @ (Errno::IO | Errno::NOSPC | Errno::DQUOT | Errno::NOENT)) => {
                return Err(at("rename", one, error.into()));
            }
            Err(_) => {
                return Err(DurableError::NoSafeName { path: folder, missing: "a rename over an empty directory" });
            }
        }
        take(other)?;
    } else {
        match name::link(one, other) {
            Ok(()) => {}
            Err(Errno::PERM | Errno::MLINK | Errno::ACCESS | Errno::XDEV) => {
                return Err(DurableError::NoSafeName { path: folder, missing: "hard links" });
            }
            Err(error) if name::is_missing(error) => {
                return Err(DurableError::NoSafeName { path: folder, missing: "hard links" });
            }
            Err(error) => return Err(at("link", one, error.into())),
        }
        take(one)?;
        take(other)?;
    }
    Ok(false)
}

/// Removes what a trial left: a file or an empty directory.
fn remove(path: &Path) {
    if std::fs::remove_file(path).is_err() {
        let _ = std::fs::remove_dir(path);
    }
}

/// As [`super::write_new`].
///
/// # Errors
/// As there, but for a flush that the file system does not have.
pub fn write_new(path: &Path, access: Access, content: &[u8]) -> Result<(), DurableError> {
    super::write_whole(path, access, content, sync_file)?;
    sync_directory(parent(path))
}

/// Appends to a file, which is made if it does not exist, and flushes it: what it has already stays.
///
/// # Errors
/// Opening, writing or flushing fails; then the last line may be cut off.
pub fn append(path: &Path, access: Access, content: &[u8]) -> Result<(), DurableError> {
    match create_new(path, access) {
        Ok(_) => sync_directory(parent(path))?,
        Err(DurableError::Exists { .. }) => {}
        Err(error) => return Err(error),
    }
    let opened = std::fs::OpenOptions::new().append(true).open(path);
    let mut file = opened.map_err(|error| at("open", path, error))?;
    file.write_all(content).map_err(|error| at("write", path, error))?;
    sync_file(path, &file)
}

/// As [`super::create_directory`].
///
/// # Errors
/// As there, but for a flush that the file system does not have.
pub fn create_directory(path: &Path, access: Access) -> Result<(), DurableError> {
    super::make_directory(path, access)?;
    sync_directory(parent(path))
}

/// As [`super::sync_file`].
///
/// # Errors
/// As there, but for a flush that the file system does not have.
pub fn sync_file(path: &Path, file: &File) -> Result<(), DurableError> {
    tolerate(parent(path), super::sync_file(path, file))
}

/// As [`super::sync_directory`].
///
/// # Errors
/// As there, but for a flush that the file system does not have.
pub fn sync_directory(path: &Path) -> Result<(), DurableError> {
    tolerate(path, super::sync_directory(path))
}

/// Flushes everything on the file system that holds a directory: for very many files at once.
///
/// # Errors
/// The directory cannot be opened, or flushing fails.
pub fn sync_filesystem(directory: &Path) -> Result<(), DurableError> {
    let opened = File::open(directory).map_err(|error| at("open", directory, error))?;
    let flushed = rustix::fs::syncfs(&opened);
    tolerate(directory, flushed.map_err(|error| at("flush the file system of", directory, error.into())))
}

/// As [`super::publish`].
///
/// # Errors
/// As there, but for a flush that the file system does not have.
pub fn publish(from: &Path, to: &Path) -> Result<(), DurableError> {
    name::give(from, to)?;
    sync_directory(parent(to))
}

/// Renames a file inside a directory that this run made and no other process writes to.
///
/// # Errors
/// `to` exists, or renaming fails.
pub fn rename_inside(from: &Path, to: &Path) -> Result<(), DurableError> {
    if to.symlink_metadata().is_ok() {
        return Err(DurableError::Exists { path: to.to_owned() });
    }
    std::fs::rename(from, to).map_err(|error| at("give its name to", to, error))
}

/// What was tolerated since the last call, for the operator.
pub fn notes() -> Vec<String> {
    let folders = std::mem::take(&mut *UNFLUSHED.lock().unwrap_or_else(PoisonError::into_inner));
    let note = |folder: PathBuf| {
        format!(
            "the file system of `{}` cannot flush (fsync): a power loss may damage the output there; check it before you \
             rely on it",
            Printable::new(&folder)
        )
    };
    folders.into_iter().map(note).collect()
}

/// Folders that this process made for its outputs, those above before those in them.
static MADE: Mutex<Vec<PathBuf>> = Mutex::new(Vec::new());

/// Folders in which a flush was asked for that their file system does not have.
static UNFLUSHED: Mutex<BTreeSet<PathBuf>> = Mutex::new(BTreeSet::new());

fn tolerate(folder: &Path, flushed: Result<(), DurableError>) -> Result<(), DurableError> {
    match flushed {
        Err(DurableError::Io { source, .. }) if Errno::from_io_error(&source).is_some_and(name::is_missing) => {
            // one note for the output's folder and what is written in it
            let folder = match folder.file_name() {
                Some(name) if name.to_string_lossy().contains(".partial") => parent(folder),
                _ => folder,
            };
            UNFLUSHED.lock().unwrap_or_else(PoisonError::into_inner).insert(folder.to_owned());
            Ok(())
        }
        other => other,
    }
}

/// Longest path that a system call takes, with the zero at its end (Linux, `limits.h`).
const PATH_MAX: usize = 4096;
/// How often a trial is repeated when something else is in its way.
const ATTEMPTS: u32 = 4;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trial_leaves_nothing_and_finds_what_an_earlier_one_left() {
        let folder = tempfile::tempdir().unwrap();
        let out = folder.path().join("batch");
        for shape in [Shape::PLAIN, Shape::file(8, 0), Shape::directory(45, 20)] {
            check(&out, shape).unwrap();
            assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "{shape:?}");
        }
        let probe = format!(".reroot-probe-{:08x}{}", crc32fast::hash(b"batch"), "x".repeat(50 - 23));
        create_directory(&folder.path().join(probe.clone() + "a"), Access::Public).unwrap();
        create_directory(&folder.path().join(probe + "b"), Access::Public).unwrap();
        check(&out, Shape::directory(45, 20)).unwrap();
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "the leftover is gone");
    }

    #[test]
    fn folders_above_an_output_are_made_and_only_empty_ones_of_ours_are_removed() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        make_parents(&at("a/b/c/out"), Access::Public).unwrap();
        make_parents(&at("d/x/../e/out"), Access::Trusted).unwrap();
        create_directory(&at("theirs"), Access::Public).unwrap();
        make_parents(&at("theirs/out"), Access::Public).unwrap();
        write_new(&at("d/file"), Access::Public, b"x").unwrap();
        for below in ["d/file/out", "d/file/f/g/out"] {
            let refused = make_parents(&at(below), Access::Public).unwrap_err();
            let DurableError::Io { path, source, .. } = refused else { panic!("{refused}") };
            assert_eq!((path, source.kind()), (at("d/file"), std::io::ErrorKind::NotADirectory));
        }
        remove_unused_parents();
        assert!(!at("a").exists() && !at("d/x").exists() && !at("d/e").exists());
        assert!(at("d/file").exists() && at("theirs").exists());
    }

    #[test]
    fn names_that_will_be_too_long_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let out = |length: usize| folder.path().join("n".repeat(length));
        check(&out(255 - 45), Shape::directory(45, 20)).unwrap();
        let refused = check(&out(256 - 45), Shape::directory(45, 20));
        assert!(matches!(refused, Err(DurableError::OutputNameTooLong { found: 256, .. })), "{refused:?}");
        check(&out(255), Shape::PLAIN).unwrap();
        assert!(check(&out(256), Shape::PLAIN).is_err());
        create_directory(&folder.path().join("d"), Access::Public).unwrap();
        let deep = folder.path().join("d/../".repeat(780)).join("batch");
        let inside = 4_095 - deep.as_os_str().len() - 45 - 1;
        check(&deep, Shape::directory(45, inside)).unwrap();
        assert!(matches!(
            check(&deep, Shape::directory(45, inside + 1)),
            Err(DurableError::OutputNameTooLong { found: 4_096, .. })
        ));
    }

    #[test]
    fn only_a_flush_that_does_not_exist_is_tolerated() {
        let failed =
            |error: Errno| Err(DurableError::Io { doing: "flush", path: "somewhere".into(), source: error.into() });
        for error in [Errno::INVAL, Errno::OPNOTSUPP] {
            tolerate(Path::new("somewhere/batch.partial-1"), failed(error)).unwrap();
        }
        assert!(notes().iter().any(|note| note.contains("`somewhere`")), "the output's folder is named once");
        for error in [Errno::IO, Errno::NOSPC, Errno::ROFS, Errno::BADF] {
            assert!(tolerate(Path::new("somewhere"), failed(error)).is_err(), "{error}");
        }
    }
}
