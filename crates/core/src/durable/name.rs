//! How something that is finished gets its final name without replacing anything.
//!
//! `renameat2(RENAME_NOREPLACE)` where the file system has it. FUSE, NFS and 9p do not. There a file gets a second name by
//! `link`, which fails if the name is taken, and loses the first. A directory's name is claimed with an empty directory,
//! over which it is renamed: `rename` never replaces a directory that has something in it.

use std::os::unix::fs::MetadataExt;
use std::path::Path;

use rustix::fs::{AtFlags, CWD, Mode, RenameFlags};
use rustix::io::Errno;

use super::{DurableError, at};

/// Renames `from` to `to`, which must not exist.
pub(super) fn give(from: &Path, to: &Path) -> Result<(), DurableError> {
    match exclusive(from, to) {
        Err(error) if is_missing(error) => {
            let is_directory = from.symlink_metadata().is_ok_and(|found| found.is_dir());
            if is_directory { by_claim(from, to) } else { by_link(from, to) }
        }
        other => other.map_err(|error| failed(to, error)),
    }
}

/// The one system call that renames and refuses to replace.
pub(super) fn exclusive(from: &Path, to: &Path) -> Result<(), Errno> {
    rustix::fs::renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE)
}

/// Whether a call failed because the file system, or the kernel, does not have it.
pub(super) fn is_missing(error: Errno) -> bool {
    matches!(error, Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP)
}

/// A second name and then no first one. A kill between them leaves the whole file under both names.
fn by_link(from: &Path, to: &Path) -> Result<(), DurableError> {
    match link(from, to) {
        // over NFS, an answer that was lost makes the repeated call find the name that the first one made
        Err(Errno::EXIST) if is_same(from, to) => {}
        other => other.map_err(|error| failed(to, error))?,
    }
    std::fs::remove_file(from).map_err(|error| at("remove", from, error))
}

pub(super) fn link(from: &Path, to: &Path) -> Result<(), Errno> {
    rustix::fs::linkat(CWD, from, CWD, to, AtFlags::empty())
}

fn is_same(one: &Path, other: &Path) -> bool {
    let about = |path: &Path| path.symlink_metadata().map(|found| (found.dev(), found.ino())).ok();
    about(one).is_some() && about(one) == about(other)
}

/// An empty directory of the final name, and over it the whole one. A kill between them leaves the empty one, which the
/// next run finds ([`is_claim`]).
fn by_claim(from: &Path, to: &Path) -> Result<(), DurableError> {
    let made = match rustix::fs::mkdirat(CWD, to, Mode::RWXU) {
        Ok(()) => true,
        Err(Errno::EXIST) if is_empty(to) => false,
        Err(error) => return Err(failed(to, error)),
    };
    rustix::fs::renameat(CWD, from, CWD, to).map_err(|error| {
        if made {
            // fails if something was put into it, which is right
            let _ = std::fs::remove_dir(to);
        }
        failed(to, if matches!(error, Errno::NOTEMPTY | Errno::NOTDIR) { Errno::EXIST } else { error })
    })
}

/// Whether `out` is the empty directory that a killed run claimed a name with: then what it was about to rename is beside
/// it, under the same name and `.partial`.
pub(super) fn is_claim(out: &Path) -> bool {
    let Some(name) = out.file_name() else { return false };
    let begin = [name.as_encoded_bytes(), b".partial"].concat();
    let is_partial = |found: &std::fs::DirEntry| {
        found.file_name().as_encoded_bytes().starts_with(&begin) && found.file_type().is_ok_and(|kind| kind.is_dir())
    };
    is_empty(out)
        && std::fs::read_dir(super::parent(out)).is_ok_and(|entries| entries.flatten().any(|entry| is_partial(&entry)))
}

fn is_empty(path: &Path) -> bool {
    path.symlink_metadata().is_ok_and(|found| found.is_dir())
        && std::fs::read_dir(path).is_ok_and(|mut entries| entries.next().is_none())
}

fn failed(to: &Path, error: Errno) -> DurableError {
    at("give its name to", to, error.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::durable::{Access, create_directory, write_new};

    #[test]
    fn without_the_exclusive_rename_nothing_is_replaced_either() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        write_new(&path("file"), Access::Public, b"new").unwrap();
        write_new(&path("taken"), Access::Public, b"old").unwrap();
        assert!(matches!(by_link(&path("file"), &path("taken")), Err(DurableError::Exists { .. })));
        assert_eq!(std::fs::read(path("taken")).unwrap(), b"old");
        by_link(&path("file"), &path("free")).unwrap();
        assert!(!path("file").exists() && path("free").exists());

        for name in ["batch.partial-1", "full", "empty"] {
            create_directory(&path(name), Access::Public).unwrap();
        }
        write_new(&path("batch.partial-1/a"), Access::Public, b"new").unwrap();
        write_new(&path("full/a"), Access::Public, b"old").unwrap();
        for taken in ["full", "taken"] {
            let refused = by_claim(&path("batch.partial-1"), &path(taken));
            assert!(matches!(refused, Err(DurableError::Exists { .. })), "{taken}: {refused:?}");
        }
        assert_eq!(std::fs::read(path("full/a")).unwrap(), b"old");
        assert!(!is_claim(&path("batch")) && !is_claim(&path("empty")) && !is_claim(&path("full")));
        // killed between the claim and the rename
        create_directory(&path("batch"), Access::Public).unwrap();
        assert!(is_claim(&path("batch")));
        by_claim(&path("batch.partial-1"), &path("batch")).unwrap();
        assert_eq!(std::fs::read(path("batch/a")).unwrap(), b"new");
    }

    #[test]
    fn a_link_whose_answer_was_lost_is_the_same_file() {
        let folder = tempfile::tempdir().unwrap();
        let (from, to) = (folder.path().join("a"), folder.path().join("b"));
        write_new(&from, Access::Public, b"x").unwrap();
        link(&from, &to).unwrap();
        by_link(&from, &to).unwrap();
        assert!(!from.exists() && to.exists());
    }
}
