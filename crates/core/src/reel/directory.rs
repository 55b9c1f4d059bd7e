//! Directories: every regular file below, in byte order of names, links neither followed nor passed over in silence.

use std::fs::File;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};

use crate::input;
use crate::origin::ItemName;

use super::codes;
use super::error::ReelError;
use super::fault::Fault;
use super::item_sink::{ItemSink, Place};
use super::source::InputRecord;

/// What reads one file of the directory: its items go to the sink, its digest comes back.
pub(super) type ReadFile<'r> = dyn FnMut(&mut ItemSink<'_>, &Place<'_>, File, &Path) -> Result<InputRecord, Fault> + 'r;

/// Hands out the items of all files below a directory.
///
/// The names of one directory at a time (and of those around it) are held in memory, in order to sort them.
pub(super) fn read(
    sink: &mut ItemSink<'_>,
    root: &Root<'_>,
    records: &mut Vec<InputRecord>,
    read_file: &mut ReadFile<'_>,
) -> Result<(), Fault> {
    let items = sink.items();
    Walk { root, records, read_file }.directory(sink, root.path, &mut Vec::new(), 0)?;
    if sink.items() == items {
        sink.ignored(root.name.clone(), codes::ARCHIVE_EMPTY, "the directory has no files")?;
    }
    Ok(())
}

/// The directory that was named as an input.
pub(super) struct Root<'r> {
    pub(super) name: ItemName,
    pub(super) path: &'r Path,
    /// The last component of the path as given.
    pub(super) last: &'r [u8],
}

struct Walk<'w, 'r> {
    root: &'w Root<'w>,
    records: &'w mut Vec<InputRecord>,
    read_file: &'w mut ReadFile<'r>,
}

impl Walk<'_, '_> {
    /// `below` is the path from the root.
    fn directory(
        &mut self,
        sink: &mut ItemSink<'_>,
        path: &Path,
        below: &mut Vec<u8>,
        depth: u32,
    ) -> Result<(), Fault> {
        for name in names(path)? {
            let length = below.len();
            if length > 0 {
                below.push(b'/');
            }
            below.extend_from_slice(&name);
            let outcome = self.member(sink, &path.join(std::ffi::OsStr::from_bytes(&name)), below, depth);
            sink.settle(&self.root.name.entry(below), outcome)?;
            below.truncate(length);
        }
        Ok(())
    }

    fn member(&mut self, sink: &mut ItemSink<'_>, path: &Path, below: &mut Vec<u8>, depth: u32) -> Result<(), Fault> {
        let failed = |source| ReelError::Io { path: path.to_owned(), source };
        let seen = path.symlink_metadata().map_err(failed)?;
        let kind = seen.file_type();
        if kind.is_symlink() {
            return Err(Fault::content(codes::DIRECTORY_LINK, "a symbolic link, which is not followed"));
        }
        if kind.is_dir() {
            if depth >= sink.limits.directory_depth {
                let reason = format!("a directory inside {depth} others, expected at most that many");
                return Err(Fault::content(codes::LIMIT_DIRECTORY_DEPTH, reason));
            }
            return self.directory(sink, path, below, depth + 1);
        }
        if kind.is_fifo() || kind.is_socket() || kind.is_char_device() || kind.is_block_device() || !kind.is_file() {
            return Err(Fault::content(codes::DIRECTORY_SPECIAL_FILE, "a pipe, socket or device"));
        }
        let file = input::open_member(path, &seen).map_err(failed)?;
        if !file.metadata().map_err(failed)?.is_file() {
            return Err(ReelError::Changed { path: path.to_owned() }.into());
        }
        let place = Place::outside(self.root.name.entry(below), below);
        let mut record = (self.read_file)(sink, &place, file, path)?;
        record.name = ItemName::input(&[self.root.last, b"/", below].concat());
        self.records.push(record);
        Ok(())
    }
}

/// The names in a directory, sorted by their bytes.
fn names(path: &Path) -> Result<Vec<Vec<u8>>, ReelError> {
    let failed = |source| ReelError::Io { path: PathBuf::from(path), source };
    let mut names = Vec::new();
    for entry in std::fs::read_dir(path).map_err(failed)? {
        names.push(entry.map_err(failed)?.file_name().into_vec());
    }
    names.sort_unstable();
    Ok(names)
}
