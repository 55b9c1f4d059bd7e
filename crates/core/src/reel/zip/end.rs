//! The end of a zip archive: where its central directory is (APPNOTE.TXT 4.3.14 to 4.3.16).

use crate::reel::bytes::Bytes;
use crate::reel::codes;
use crate::reel::fault::Fault;

use super::field::{u16_at, u32_at, u64_at};
use super::record::RECORD_LENGTH;

/// Where the central directory is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Directory {
    /// Its first byte.
    pub(super) start: u64,
    /// Its length in bytes.
    pub(super) size: u64,
    /// Its records.
    pub(super) entries: u64,
    /// Bytes before the archive proper, which recorded offsets do not count.
    pub(super) prefix: u64,
}

const END: [u8; 4] = *b"PK\x05\x06";
const END_LENGTH: usize = 22;
const END64: [u8; 4] = *b"PK\x06\x06";
const END64_LENGTH: usize = 56;
const LOCATOR: [u8; 4] = *b"PK\x06\x07";
const LOCATOR_LENGTH: usize = 20;
const MAX_COMMENT: usize = 0xFFFF;

/// Returns whether a content ends as a zip archive does. Its beginning is not checked.
pub(in crate::reel) fn ends_like_zip(bytes: &Bytes) -> Result<bool, Fault> {
    let (_, tail) = tail(bytes)?;
    Ok(matches!(ends(&tail), Ends::One(_) | Ends::Several))
}

/// Reads the end record, and the zip64 one where there is one.
pub(super) fn find(bytes: &Bytes) -> Result<Directory, Fault> {
    let (start, tail) = tail(bytes)?;
    let at = match ends(&tail) {
        Ends::One(at) => at,
        Ends::Several => {
            let reason = "two end records reach to the end of the archive, expected one";
            return Err(Fault::content(codes::ZIP_AMBIGUOUS_END, reason));
        }
        Ends::Trailing(bytes) => {
            let reason = format!("{bytes} octets follow the end of the archive");
            return Err(Fault::content(codes::ZIP_TRAILING_DATA, reason));
        }
        Ends::None => {
            let reason = "the archive has no end record: it is truncated, or no zip archive";
            return Err(Fault::content(codes::ZIP_END_RECORD, reason));
        }
    };
    let end = &tail[at..];
    let position = start + at as u64;
    let short = Record {
        disk: u16_at(end, 4).into(),
        directory_disk: u16_at(end, 6).into(),
        disk_entries: u16_at(end, 8).into(),
        entries: u16_at(end, 10).into(),
        size: u32_at(end, 12).into(),
        offset: u32_at(end, 16).into(),
    };
    match zip64(bytes, position)? {
        None => short.place(position),
        Some(Long { position, recorded, record }) => {
            if !short.agrees(&record) {
                return Err(refuse("the end record and the zip64 end record differ"));
            }
            let directory = record.place(position)?;
            if position.checked_sub(recorded) != Some(directory.prefix) {
                return Err(refuse("the zip64 end record does not lie where its locator says"));
            }
            Ok(directory)
        }
    }
}

struct Record {
    disk: u64,
    directory_disk: u64,
    disk_entries: u64,
    entries: u64,
    size: u64,
    offset: u64,
}

impl Record {
    /// The directory must end where the end records begin. Where it begins then tells what was put before the archive.
    fn place(&self, end: u64) -> Result<Directory, Fault> {
        if self.disk != 0 || self.directory_disk != 0 || self.disk_entries != self.entries {
            return Err(Fault::content(codes::ZIP_SEVERAL_DISKS, "one part of a split archive, expected the whole"));
        }
        if self.entries > self.size / RECORD_LENGTH as u64 {
            let reason = format!("{} entries in a central directory of {} octets", self.entries, self.size);
            return Err(Fault::content(codes::ZIP_CENTRAL_DIRECTORY, reason));
        }
        let start =
            end.checked_sub(self.size).ok_or_else(|| refuse("the central directory is larger than the file"))?;
        let prefix = start.checked_sub(self.offset).ok_or_else(|| {
            refuse("the central directory does not lie where the end record says: octets are missing")
        })?;
        Ok(Directory { start, size: self.size, entries: self.entries, prefix })
    }

    /// A field of the short record that is all ones refers to the long one; any other must say the same.
    fn agrees(&self, long: &Self) -> bool {
        let same = |short: u64, long: u64, ones: u64| short == long || short == ones;
        same(self.disk, long.disk, 0xFFFF)
            && same(self.directory_disk, long.directory_disk, 0xFFFF)
            && same(self.disk_entries, long.disk_entries, 0xFFFF)
            && same(self.entries, long.entries, 0xFFFF)
            && same(self.size, long.size, 0xFFFF_FFFF)
            && same(self.offset, long.offset, 0xFFFF_FFFF)
    }
}

/// The zip64 end record: where it is, where its locator says that it is, and its fields.
struct Long {
    position: u64,
    recorded: u64,
    record: Record,
}

/// The zip64 end record, if a locator is before the end record.
fn zip64(bytes: &Bytes, end: u64) -> Result<Option<Long>, Fault> {
    let Some(at) = end.checked_sub(LOCATOR_LENGTH as u64) else {
        return Ok(None);
    };
    let mut locator = [0; LOCATOR_LENGTH];
    bytes.peek_at(at, &mut locator)?;
    if locator[..4] != LOCATOR {
        return Ok(None);
    }
    if u32_at(&locator, 4) != 0 || u32_at(&locator, 16) > 1 {
        return Err(Fault::content(codes::ZIP_SEVERAL_DISKS, "one part of a split archive, expected the whole"));
    }
    // As recorded, or right before the locator where something was put before the archive.
    let recorded = u64_at(&locator, 8);
    for position in [Some(recorded), at.checked_sub(END64_LENGTH as u64)].into_iter().flatten() {
        if position.checked_add(END64_LENGTH as u64).is_none_or(|end| end > at) {
            continue;
        }
        let mut record = [0; END64_LENGTH];
        bytes.peek_at(position, &mut record)?;
        if record[..4] != END64 || u64_at(&record, 4).checked_add(12 + position) != Some(at) {
            continue;
        }
        let record = Record {
            disk: u32_at(&record, 16).into(),
            directory_disk: u32_at(&record, 20).into(),
            disk_entries: u64_at(&record, 24),
            entries: u64_at(&record, 32),
            size: u64_at(&record, 40),
            offset: u64_at(&record, 48),
        };
        return Ok(Some(Long { position, recorded, record }));
    }
    Err(refuse("the zip64 end record does not lie where its locator says"))
}

fn refuse(reason: &str) -> Fault {
    Fault::content(codes::ZIP_END_RECORD, reason)
}

/// The last bytes, as many as can hold an end record with its comment, and where they begin.
fn tail(bytes: &Bytes) -> Result<(u64, Vec<u8>), Fault> {
    let most = (END_LENGTH + MAX_COMMENT) as u64;
    let length = bytes.length().min(most);
    let start = bytes.length() - length;
    let mut tail = vec![0; usize::try_from(length).expect("at most 65557")];
    bytes.peek_at(start, &mut tail)?;
    Ok((start, tail))
}

enum Ends {
    /// No end record.
    None,
    /// One whose comment reaches exactly to the end.
    One(usize),
    /// More than one such: which is meant is anyone's guess, and programs guess differently.
    Several,
    /// Only such that end this many bytes before the end.
    Trailing(usize),
}

fn ends(tail: &[u8]) -> Ends {
    let mut found = Ends::None;
    for at in (0..=tail.len().saturating_sub(END_LENGTH)).rev() {
        if !tail[at..].starts_with(&END) || tail.len() < at + END_LENGTH {
            continue;
        }
        let end = at + END_LENGTH + usize::from(u16_at(tail, at + 20));
        match (end == tail.len(), &found) {
            (true, Ends::One(_)) => return Ends::Several,
            (true, _) => found = Ends::One(at),
            (false, Ends::None) if end < tail.len() => found = Ends::Trailing(tail.len() - end),
            (false, _) => {}
        }
    }
    found
}
