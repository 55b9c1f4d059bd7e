//! tar archives (POSIX.1-2024 pax and ustar, GNU, V7), read front to back.
//!
//! Own walk over the blocks, with the `tar` crate's view of a header: that crate's iterator holds long names of any
//! size in memory and resolves pax records that contain newlines wrongly.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hasher};

use tar::{EntryType, Header};

use super::codes;
use super::content;
use super::fault::Fault;
use super::feed::{Feed, Limited};
use super::item_sink::{ItemSink, Place};
use super::names::{NameProblem, problem};
use super::seen::Seen;
use crate::text::Printable;

const BLOCK: usize = 512;
/// Bytes of one pax header or long name: names have at most some thousands.
const MAX_EXTENSION: u64 = 256 << 10;
/// Names that may occur more than once before nothing more of an archive is read.
const REPEATED: usize = 1_000_000;

/// Whether a content begins with a tar header: one whose checksum is right, or that says `ustar`.
pub(super) fn begins_like_tar(head: &[u8]) -> bool {
    let Some(block) = head.first_chunk::<BLOCK>() else {
        return false;
    };
    block[0] != 0 && (&block[257..262] == b"ustar" || checksum_holds(block))
}

/// Whether there is nothing but what ends an archive: two blocks of zeros at least.
pub(super) fn is_all_zeros(head: &[u8]) -> bool {
    head.len() >= 2 * BLOCK && head.iter().all(|byte| *byte == 0)
}

/// POSIX.1-2024 pax, ustar interchange format: the sum of all bytes, with blanks in place of the sum itself.
fn checksum_holds(block: &[u8; BLOCK]) -> bool {
    let digits = block[148..156].trim_ascii_start();
    let digits = &digits[..digits.iter().position(|byte| !matches!(byte, b'0'..=b'7')).unwrap_or(digits.len())];
    let recorded = digits.iter().fold(0_u32, |sum, digit| sum << 3 | u32::from(digit - b'0'));
    let sum: u32 = block.iter().map(|byte| u32::from(*byte)).sum();
    let own: u32 = block[148..156].iter().map(|byte| u32::from(*byte)).sum();
    !digits.is_empty() && sum - own + 8 * u32::from(b' ') == recorded
}

/// Hands out the entries of an archive. `place` is the archive, opened.
pub(super) fn read(sink: &mut ItemSink<'_>, place: &Place<'_>, feed: &mut dyn Feed) -> Result<(), Fault> {
    let names = Seen::new(sink.scratch);
    let mut walk = Walk { names, repeated: HashMap::new(), extension: Extension::default(), entries: 0 };
    while walk.entry(sink, place, feed)? {}
    if walk.entries == 0 {
        return sink.ignored(place.name.clone(), codes::ARCHIVE_EMPTY, "the tar archive has no entries");
    }
    Ok(())
}

struct Walk {
    /// Hashes of names, not the names: in a hostile archive two names may fall together, and the later is refused.
    names: Seen,
    /// How often the names among them came that came more than once.
    repeated: HashMap<u64, u64>,
    extension: Extension,
    entries: u64,
}

/// What pax and GNU records say of the entry that follows them.
#[derive(Default)]
struct Extension {
    path: Option<Vec<u8>>,
    size: Option<u64>,
    /// What cannot be honoured, such as a sparse map.
    unsupported: bool,
}

impl Walk {
    /// Whether there may be another entry.
    fn entry(&mut self, sink: &mut ItemSink<'_>, place: &Place<'_>, feed: &mut dyn Feed) -> Result<bool, Fault> {
        let Some(block) = feed.need(BLOCK)?.first_chunk::<BLOCK>() else {
            return Err(Fault::content(codes::TAR_TRUNCATED, "the archive ends without an end mark of zero blocks"));
        };
        if block.iter().all(|byte| *byte == 0) {
            return end(feed).map(|()| false);
        }
        if !checksum_holds(block) {
            let reason = format!("the header after entry {} has a wrong checksum", self.entries);
            return Err(Fault::content(codes::TAR_HEADER, reason));
        }
        let header = Header::from_byte_slice(block);
        let kind = header.entry_type();
        let extends = matches!(kind.as_byte(), b'x' | b'g' | b'L' | b'K');
        let extension = if extends { Extension::default() } else { std::mem::take(&mut self.extension) };
        let size = header.entry_size().ok().filter(|size| *size < 1 << 62);
        let Some(size) = extension.size.or(size) else {
            let reason = format!("the size in the header after entry {} is no number", self.entries);
            return Err(Fault::content(codes::TAR_HEADER, reason));
        };
        let path = extension.path.unwrap_or_else(|| header.path_bytes().into_owned());
        feed.skip(BLOCK);
        // Links, directories and devices have no content: a reader ignores their size field (POSIX.1-2024 pax,
        // `typeflag`).
        let size = if matches!(kind.as_byte(), b'1'..=b'6') { 0 } else { size };
        let mut content = Limited::new(feed, size, codes::TAR_TRUNCATED);
        if extends {
            self.extend(kind, size, &mut content)?;
        } else {
            self.entries += 1;
            self.visit(sink, &place.entry(&path), kind, extension.unsupported, &mut content)?;
        }
        content.drain()?;
        let padding = (BLOCK as u64 - size % BLOCK as u64) % BLOCK as u64;
        Limited::new(feed, padding, codes::TAR_TRUNCATED).drain()?;
        Ok(true)
    }

    fn visit(
        &mut self,
        sink: &mut ItemSink<'_>,
        entry: &Place<'_>,
        kind: EntryType,
        unsupported: bool,
        content: &mut Limited<'_>,
    ) -> Result<(), Fault> {
        let refuse = |code, reason: String| Err(Fault::content(code, reason));
        let occurrence = self.occurrence(entry.path)?;
        let name = if occurrence > 1 { entry.name.again(occurrence) } else { entry.name.clone() };
        let outcome = match (kind.as_byte(), problem(entry.path)) {
            (_, Some(NameProblem::Absolute)) => refuse(codes::TAR_ABSOLUTE_NAME, NameProblem::Absolute.to_string()),
            (_, Some(NameProblem::Traversal)) => refuse(codes::TAR_PATH_TRAVERSAL, NameProblem::Traversal.to_string()),
            (b'1' | b'2', _) => refuse(codes::TAR_LINK, "a link, which is not followed".into()),
            (b'3' | b'4' | b'6', _) => refuse(codes::TAR_SPECIAL_FILE, "a device or pipe".into()),
            (b'5', _) => return sink.ignored(name, codes::TAR_DIRECTORY, "a directory entry"),
            _ if occurrence > 1 => refuse(codes::TAR_DUPLICATE_NAME, "an earlier entry has the same name".into()),
            (b'0' | b'\0' | b'7', _) if !unsupported => {
                if entry.path.ends_with(b"/") {
                    if !content.need(1)?.is_empty() {
                        return sink.rejected(name, codes::TAR_DIRECTORY_CONTENT, "a directory's name, and content");
                    }
                    return sink.ignored(name, codes::TAR_DIRECTORY, "a directory entry");
                }
                return content::read(sink, entry, content);
            }
            (other, _) => {
                let kind = char::from(other).to_string();
                refuse(
                    codes::TAR_UNSUPPORTED_ENTRY,
                    format!("an entry of type `{}`, expected a regular file", Printable::new(&kind)),
                )
            }
        };
        sink.settle(&name, outcome)
    }

    /// How often this name has come, now included.
    fn occurrence(&mut self, path: &[u8]) -> Result<u64, Fault> {
        let mut hasher = DefaultHasher::new();
        hasher.write(path);
        let hash = hasher.finish();
        if self.names.insert(hash)? {
            return Ok(1);
        }
        if self.repeated.len() == REPEATED && !self.repeated.contains_key(&hash) {
            let reason = format!("more than {REPEATED} names occur more than once; the rest was not read");
            return Err(Fault::content(codes::TAR_DUPLICATE_NAME, reason));
        }
        let count = self.repeated.entry(hash).or_insert(1);
        *count += 1;
        Ok(*count)
    }

    fn extend(&mut self, kind: EntryType, size: u64, content: &mut Limited<'_>) -> Result<(), Fault> {
        if size > MAX_EXTENSION {
            let reason = format!("a header extension of {size} octets, expected at most {MAX_EXTENSION}");
            return Err(Fault::content(codes::TAR_HEADER, reason));
        }
        let size = usize::try_from(size).expect("checked above");
        let bytes = &content.need(size)?[..size];
        match kind.as_byte() {
            b'L' => {
                let end = bytes.iter().position(|byte| *byte == 0).unwrap_or(size);
                self.extension.path = Some(bytes[..end].to_vec());
            }
            b'x' => self.extension.pax(bytes)?,
            // A long link name: the link is refused anyway. Global records: times and comments in practice; a path or
            // size for every entry to follow makes no sense and is not honoured by anyone.
            _ => {}
        }
        Ok(())
    }
}

impl Extension {
    /// Records `length key=value\n`, the length in decimal counting itself and the newline.
    fn pax(&mut self, mut bytes: &[u8]) -> Result<(), Fault> {
        while !bytes.is_empty() {
            let record =
                record(bytes).ok_or_else(|| Fault::content(codes::TAR_HEADER, "a pax record that cannot be read"))?;
            bytes = &bytes[record.length..];
            match record.key {
                b"path" => self.path = Some(record.value.to_vec()),
                b"size" => {
                    let size = decimal(record.value).filter(|size| *size < 1 << 62);
                    let size = size.ok_or_else(|| Fault::content(codes::TAR_HEADER, "a pax size that is no number"))?;
                    self.size = Some(size);
                }
                key if key.starts_with(b"GNU.sparse.") => self.unsupported = true,
                _ => {}
            }
        }
        Ok(())
    }
}

struct Record<'r> {
    length: usize,
    key: &'r [u8],
    value: &'r [u8],
}

fn record(bytes: &[u8]) -> Option<Record<'_>> {
    let blank = bytes.iter().take(20).position(|byte| *byte == b' ')?;
    let length = usize::try_from(decimal(&bytes[..blank])?).ok()?;
    let content = bytes.get(blank + 1..length)?.strip_suffix(b"\n")?;
    let equals = content.iter().position(|byte| *byte == b'=')?;
    Some(Record { length, key: &content[..equals], value: &content[equals + 1..] })
}

fn decimal(digits: &[u8]) -> Option<u64> {
    str::from_utf8(digits).ok().filter(|digits| digits.bytes().all(|digit| digit.is_ascii_digit()))?.parse().ok()
}

/// After the end mark only zeros may follow: a second archive behind it would be passed over by most programs.
fn end(feed: &mut dyn Feed) -> Result<(), Fault> {
    loop {
        let bytes = feed.need(1)?;
        if bytes.is_empty() {
            return Ok(());
        }
        if bytes.iter().any(|byte| *byte != 0) {
            return Err(Fault::content(codes::TAR_TRAILING_DATA, "octets follow the end mark, expected zeros only"));
        }
        let length = bytes.len();
        feed.skip(length);
    }
}
