//! Records of the central directory (APPNOTE.TXT 4.3.12), and the entry that a record describes.

use crate::reel::bytes::{Bytes, Window};
use crate::reel::codes;
use crate::reel::fault::Fault;

use super::end::Directory;
use super::field::{u16_at, u32_at, u64_at};

/// What the central directory says of an entry, its name apart.
#[derive(Clone, Copy, Debug)]
pub(super) struct Record {
    pub(super) flags: u16,
    pub(super) method: u16,
    pub(super) crc: u32,
    pub(super) compressed: u64,
    pub(super) size: u64,
    /// Where its local header is, counted from the first byte of the file.
    pub(super) offset: u64,
    /// Unix file type and permissions, zero where the archive was not made on Unix.
    pub(super) mode: u16,
    /// Bytes of its name.
    pub(super) name_length: usize,
}

/// General purpose bit flag (APPNOTE.TXT 4.4.4).
pub(super) mod flag {
    pub(in crate::reel::zip) const ENCRYPTED: u16 = 1 << 0 | 1 << 6 | 1 << 13;
    pub(in crate::reel::zip) const DESCRIPTOR: u16 = 1 << 3;
    pub(in crate::reel::zip) const PATCH: u16 = 1 << 5;
}

/// Bytes of a local header before name and extra field.
pub(super) const LOCAL_LENGTH: u64 = 30;

const RECORD: [u8; 4] = *b"PK\x01\x02";
/// Bytes of a record before name, extra field and comment.
pub(super) const RECORD_LENGTH: usize = 46;
/// Hashes of names that are held at once: 80 MiB.
const HASHES: u64 = 10 << 20;
/// Names that may occur more than once before an archive is refused as a whole.
const REPEATED: usize = 1_000_000;
/// Bytes of the directory that are read at once.
const WINDOW: usize = 64 << 10;

impl Record {
    /// The smallest end that its local header and data can have.
    pub(super) fn least_end(&self) -> Option<u64> {
        self.offset.checked_add(LOCAL_LENGTH + self.name_length as u64)?.checked_add(self.compressed)
    }

    /// What the Unix mode says it is; 0 for nothing.
    pub(super) fn file_type(&self) -> u16 {
        self.mode & 0o170_000
    }
}

/// Reads records one after the other.
pub(super) struct Records {
    directory: Directory,
    window: Window,
    position: u64,
    left: u64,
}

impl Records {
    pub(super) fn of(directory: Directory) -> Self {
        Self { directory, window: Window::new(WINDOW), position: directory.start, left: directory.entries }
    }

    /// The next record and its name; none when the directory's size and count end together.
    pub(super) fn next(&mut self, bytes: &Bytes) -> Result<Option<(Record, &[u8])>, Fault> {
        let end = self.directory.start + self.directory.size;
        if self.left == 0 {
            return if self.position == end {
                Ok(None)
            } else {
                let reason = format!("the central directory holds more than its {} records", self.directory.entries);
                Err(refuse(reason))
            };
        }
        let number = self.directory.entries - self.left;
        let left = usize::try_from(end - self.position).unwrap_or(usize::MAX);
        let fixed = &self.window.peek(bytes, self.position, RECORD_LENGTH)?;
        if left < RECORD_LENGTH || !fixed.starts_with(&RECORD) {
            return Err(refuse(format!("record {number} of the central directory is not where it must be")));
        }
        let name_length = usize::from(u16_at(fixed, 28));
        let extra_length = usize::from(u16_at(fixed, 30));
        let length = RECORD_LENGTH + name_length + extra_length + usize::from(u16_at(fixed, 32));
        if left < length {
            return Err(refuse(format!("record {number} of the central directory is truncated")));
        }
        let position = self.position;
        self.position += length as u64;
        self.left -= 1;
        let bytes = self.window.peek(bytes, position, length)?;
        let (name, extra) = bytes[RECORD_LENGTH..].split_at(name_length);
        let record = parse(bytes, name_length, &extra[..extra_length], self.directory.prefix)
            .ok_or_else(|| refuse(format!("record {number} of the central directory contradicts itself")))?;
        Ok(Some((record, name)))
    }
}

fn parse(fixed: &[u8], name_length: usize, extra: &[u8], prefix: u64) -> Option<Record> {
    let mut size = u64::from(u32_at(fixed, 24));
    let mut compressed = u64::from(u32_at(fixed, 20));
    let mut offset = u64::from(u32_at(fixed, 42));
    let mut disk = u64::from(u16_at(fixed, 34));
    let mut long = zip64_extra(extra)?.unwrap_or_default();
    for field in [&mut size, &mut compressed, &mut offset] {
        // A field that is all ones is in the zip64 extra field (APPNOTE.TXT 4.5.3), in this order.
        if *field == u64::from(u32::MAX) && !long.is_empty() {
            *field = u64_at(long.split_off(..8)?, 0);
        }
    }
    if disk == u64::from(u16::MAX) && !long.is_empty() {
        disk = u32_at(long.get(..4)?, 0).into();
    }
    let mode = u16::try_from(u32_at(fixed, 38) >> 16).expect("sixteen bits");
    (disk == 0).then_some(Record {
        flags: u16_at(fixed, 8),
        method: u16_at(fixed, 10),
        crc: u32_at(fixed, 16),
        compressed,
        size,
        offset: offset.checked_add(prefix)?,
        mode,
        name_length,
    })
}

/// The zip64 extended information among the extra fields; `None`: they cannot be read, or it is there twice.
///
/// Fewer than four bytes at the end are padding, as alignment tools leave it.
#[expect(clippy::option_option, reason = "unreadable, absent and present are three things")]
fn zip64_extra(mut extra: &[u8]) -> Option<Option<&[u8]>> {
    const ZIP64: u16 = 1;
    let mut found = None;
    while extra.len() >= 4 {
        let (id, length) = (u16_at(extra, 0), usize::from(u16_at(extra, 2)));
        let content = extra.get(4..4 + length)?;
        if id == ZIP64 && found.replace(content).is_some() {
            return None;
        }
        extra = &extra[4 + length..];
    }
    Some(found)
}

fn refuse(reason: String) -> Fault {
    Fault::content(codes::ZIP_CENTRAL_DIRECTORY, reason)
}

/// What must be known of all entries before the first is read.
pub(super) struct Survey {
    /// Hashes of names that occur more than once, sorted, and how often they were seen in the second pass.
    duplicates: Vec<(u64, u64)>,
    /// Beginnings of all entries, sorted; empty where the directory lists them in this order.
    offsets: Vec<u64>,
    document: Marks,
}

/// Which of the names were seen that make a zip archive an office document: a bit for each of [`Marks::NAMES`].
#[derive(Clone, Copy, Debug, Default)]
struct Marks(u8);

impl Marks {
    const NAMES: [&[u8]; 4] = [b"[Content_Types].xml", b"mimetype", b"content.xml", b"Index/Document.iwa"];

    fn see(&mut self, name: &[u8]) {
        if let Some(at) = Self::NAMES.iter().position(|mark| *mark == name) {
            self.0 |= 1 << at;
        }
    }

    fn form(self) -> Option<&'static str> {
        match self.0 {
            marks if marks & 1 != 0 => Some("an Office document (OOXML)"),
            marks if marks & 6 == 6 => Some("an office document (OpenDocument)"),
            marks if marks & 8 != 0 => Some("an office document (iWork)"),
            _ => None,
        }
    }
}

impl Survey {
    /// Goes through the directory once.
    ///
    /// Names are kept as hashes of eight bytes, not as text, and as many of them as [`HASHES`]: of a larger directory a
    /// share at a time, going through it again. Two different names that fall together (one chance in 370,000 with ten
    /// million names) are both refused, never both accepted.
    pub(super) fn of(bytes: &Bytes, directory: Directory) -> Result<Self, Fault> {
        Self::in_shares(bytes, directory, directory.entries.div_ceil(HASHES).max(1))
    }

    fn in_shares(bytes: &Bytes, directory: Directory, shares: u64) -> Result<Self, Fault> {
        // hashes fall into shares of about the same size
        let share = directory.entries / shares;
        let room = if shares == 1 { share } else { share + share / 8 };
        let mut hashes = Vec::with_capacity(usize::try_from(room).unwrap_or_default());
        let mut duplicates = Vec::new();
        let mut document = Marks::default();
        let ordered = survey(bytes, directory, |name| {
            document.see(name);
            let hash = name_hash(name);
            if hash.is_multiple_of(shares) {
                hashes.push(hash);
            }
        })?;
        take_duplicates(&mut hashes, &mut duplicates)?;
        for share in 1..shares {
            hashes.clear();
            let mut records = Records::of(directory);
            while let Some((_, name)) = records.next(bytes)? {
                hashes.extend(Some(name_hash(name)).filter(|hash| hash % shares == share));
            }
            take_duplicates(&mut hashes, &mut duplicates)?;
        }
        drop(hashes);
        duplicates.sort_unstable();
        let offsets = if ordered { Vec::new() } else { offsets(bytes, directory)? };
        Ok(Self { duplicates, offsets, document })
    }

    /// What the archive is, if it is an office document. Its text would be read in pieces: cells and runs lie apart,
    /// and what a sheet shows is not what it holds.
    pub(super) fn document(&self) -> Option<&'static str> {
        self.document.form()
    }

    /// How often this name was asked for, now included, if several entries have it.
    pub(super) fn occurrence(&mut self, name: &[u8]) -> Option<u64> {
        if self.duplicates.is_empty() {
            return None;
        }
        let at = self.duplicates.binary_search_by_key(&name_hash(name), |(hash, _)| *hash).ok()?;
        self.duplicates[at].1 += 1;
        Some(self.duplicates[at].1)
    }

    /// Whether the directory lists the entries as they are in the archive.
    pub(super) fn is_ordered(&self) -> bool {
        self.offsets.is_empty()
    }

    /// Where the next entry begins, where the directory's order does not tell.
    pub(super) fn successor(&self, offset: u64) -> Option<u64> {
        self.offsets.get(self.offsets.partition_point(|other| *other <= offset)).copied()
    }
}

/// Goes through the directory for the first time. Whether it lists the entries in the order in which they are there.
fn survey(bytes: &Bytes, directory: Directory, mut each: impl FnMut(&[u8])) -> Result<bool, Fault> {
    let mut ordered = true;
    let mut count = 0_u64;
    let mut last = (0, directory.prefix);
    let mut records = Records::of(directory);
    while let Some((record, name)) = records.next(bytes)? {
        each(name);
        count += 1;
        let end = record.least_end().filter(|end| *end <= directory.start);
        let end = end.ok_or_else(|| refuse(format!("entry {count} lies outside the archive")))?;
        if record.offset < last.0 {
            ordered = false;
        } else if record.offset < last.1 {
            return Err(overlap());
        }
        last = (record.offset, end);
    }
    Ok(ordered)
}

/// Adds the hashes that are there more than once.
fn take_duplicates(hashes: &mut [u64], duplicates: &mut Vec<(u64, u64)>) -> Result<(), Fault> {
    hashes.sort_unstable();
    for pair in hashes.windows(2).filter(|pair| pair[0] == pair[1]) {
        if duplicates.last().is_none_or(|(last, _)| *last != pair[0]) {
            if duplicates.len() == REPEATED {
                let reason = format!("more than {REPEATED} names occur more than once; the archive was not read");
                return Err(Fault::content(codes::ZIP_DUPLICATE_NAME, reason));
            }
            duplicates.push((pair[0], 0));
        }
    }
    Ok(())
}

/// Where the entries begin, sorted, if each has its own bytes.
fn offsets(bytes: &Bytes, directory: Directory) -> Result<Vec<u64>, Fault> {
    let mut offsets = Vec::with_capacity(usize::try_from(directory.entries).unwrap_or_default());
    let mut records = Records::of(directory);
    while let Some((record, _)) = records.next(bytes)? {
        offsets.push(record.offset);
    }
    offsets.sort_unstable();
    let mut records = Records::of(directory);
    while let Some((record, _)) = records.next(bytes)? {
        let next = offsets.partition_point(|other| *other < record.offset) + 1;
        let end = record.least_end().unwrap_or(u64::MAX);
        if offsets.get(next).is_some_and(|next| *next < end) {
            return Err(overlap());
        }
    }
    Ok(offsets)
}

fn name_hash(name: &[u8]) -> u64 {
    use std::hash::{DefaultHasher, Hasher};
    let mut hasher = DefaultHasher::new();
    hasher.write(name);
    hasher.finish()
}

fn overlap() -> Fault {
    Fault::content(codes::ZIP_OVERLAP, "two entries share octets of the archive, expected each to have its own")
}

#[cfg(test)]
mod tests {
    use std::io::{Cursor, Write};

    use super::*;
    use crate::reel::zip::end;

    #[test]
    fn names_that_occur_twice_are_found_in_as_many_shares_as_there_are() {
        let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
        for number in 0..1_000 {
            writer.start_file(format!("name-{number:04}"), zip::write::SimpleFileOptions::default()).unwrap();
            writer.write_all(b"a").unwrap();
        }
        let mut archive = writer.finish().unwrap().into_inner();
        for (from, to) in [("name-0500", "name-0001"), ("name-0998", "name-0001"), ("name-0700", "name-0600")] {
            let places: Vec<usize> =
                (0..archive.len()).filter(|at| archive[*at..].starts_with(from.as_bytes())).collect();
            assert_eq!(places.len(), 2, "local header and directory");
            for at in places {
                archive[at..at + to.len()].copy_from_slice(to.as_bytes());
            }
        }
        let folder = tempfile::tempdir().unwrap();
        let bytes = Bytes::spool(&mut &archive[..], 1 << 20, folder.path()).unwrap_or_else(|_| panic!("it is small"));
        let directory = end::find(&bytes).unwrap();
        let mut expected = ["name-0001", "name-0600"].map(|name| (name_hash(name.as_bytes()), 0));
        expected.sort_unstable();
        for shares in [1, 2, 7, 1_000] {
            let survey = Survey::in_shares(&bytes, directory, shares).unwrap();
            assert_eq!(survey.duplicates, expected, "{shares} shares");
            assert!(survey.is_ordered());
        }
    }
}
