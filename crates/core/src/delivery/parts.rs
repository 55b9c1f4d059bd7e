//! An archive of certificates in UID order, in numbered parts where it grows too large.
//!
//! One part is `certificates.zip`. When a second one is needed, the first is called `certificates-0001.zip`, the
//! second `certificates-0002.zip`. A chip's entries are never apart.

use std::fmt::Write as _;
use std::path::PathBuf;

use crate::durable;
use crate::origin::Uid;

use super::error::DeliveryError;
use super::output::{Output, WrittenFile, at};
use super::zip::{Stamp, ZipWriter};

/// Most entries of one archive.
pub(super) const ENTRIES_PER_PART: u64 = 1_000_000;

/// Largest entry, in bytes.
pub(super) const MAX_ENTRY: usize = 16 * 1024 * 1024;

/// Name of the only part, or of the n-th (from 1).
pub(super) fn part_name(stem: &str, number: Option<u32>) -> String {
    match number {
        None => format!("{stem}.zip"),
        Some(number) => format!("{stem}-{number:04}.zip"),
    }
}

pub(super) struct Parts {
    folder: PathBuf,
    stem: &'static str,
    limit: u64,
    stamp: Stamp,
    current: ZipWriter<Output>,
    done: Vec<WrittenFile>,
    last: Option<Uid>,
    chips: u64,
    /// Name of the entry that was added last: its memory is used again.
    name: String,
}

impl Parts {
    pub(super) fn create(folder: PathBuf, stem: &'static str, limit: u64, stamp: Stamp) -> Result<Self, DeliveryError> {
        let current = ZipWriter::new(Output::create(&folder, &part_name(stem, None))?, stamp).with_scratch(&folder);
        Ok(Self { folder, stem, limit, stamp, current, done: Vec::new(), last: None, chips: 0, name: String::new() })
    }

    /// Adds a chip's entries: a suffix and the content of each.
    pub(super) fn add(&mut self, uid: &Uid, entries: &[(&str, &[u8])]) -> Result<(), DeliveryError> {
        if let Some(last) = self.last.as_ref().filter(|last| *last >= uid) {
            let (previous, found) = (last.to_string(), uid.to_string());
            return Err(DeliveryError::Order { what: self.stem, previous, found });
        }
        if let Some((_, data)) = entries.iter().find(|(_, data)| data.len() > MAX_ENTRY) {
            return Err(DeliveryError::EntryTooLarge { uid: *uid, bytes: data.len(), limit: MAX_ENTRY });
        }
        if self.current.entries() > 0 && self.current.entries() + entries.len() as u64 > self.limit {
            self.next_part()?;
        }
        for (suffix, data) in entries {
            self.name.clear();
            write!(self.name, "{uid}{suffix}").expect("writing to a String");
            self.current.add(&self.name, data).map_err(|source| at(&self.path(), source))?;
        }
        self.last = Some(*uid);
        self.chips += 1;
        Ok(())
    }

    /// Chips so far.
    pub(super) fn chips(&self) -> u64 {
        self.chips
    }

    /// The part that is being written.
    fn path(&self) -> PathBuf {
        let number = u32::try_from(self.done.len()).expect("parts are few") + 1;
        self.folder.join(part_name(self.stem, (number > 1).then_some(number)))
    }

    /// Completes the last part; all of them are on disk then.
    pub(super) fn finish(mut self) -> Result<Vec<WrittenFile>, DeliveryError> {
        let path = self.path();
        let output = self.current.finish().map_err(|source| at(&path, source))?;
        self.done.push(output.finish()?);
        Ok(self.done)
    }

    fn next_part(&mut self) -> Result<(), DeliveryError> {
        let number = u32::try_from(self.done.len()).expect("parts are few") + 1;
        let path = self.path();
        let next = Output::create(&self.folder, &part_name(self.stem, Some(number + 1)))?;
        let next = ZipWriter::new(next, self.stamp).with_scratch(&self.folder);
        let full = std::mem::replace(&mut self.current, next);
        let mut file = full.finish().map_err(|source| at(&path, source))?.finish()?;
        if number == 1 {
            let name = part_name(self.stem, Some(1));
            durable::output::rename_inside(&self.folder.join(&file.name), &self.folder.join(&name))?;
            file.name = name;
        }
        self.done.push(file);
        Ok(())
    }
}
