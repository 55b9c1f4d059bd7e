//! One entry: its local header (APPNOTE.TXT 4.3.7), its data, its data descriptor (4.3.9).

use crc32fast::Hasher;
use flate2::{Decompress, FlushDecompress, Status};

use crate::reel::bytes::{Bytes, Window};
use crate::reel::codes;
use crate::reel::fault::Fault;
use crate::reel::feed::Source;

use super::field::{u16_at, u32_at, u64_at};
use super::record::{LOCAL_LENGTH, Record, flag};

/// What a local header begins with.
pub(super) const LOCAL: [u8; 4] = *b"PK\x03\x04";
const DESCRIPTOR: [u8; 4] = *b"PK\x07\x08";
/// Bytes of the longest data descriptor: signature, CRC-32 and two zip64 sizes.
const MAX_DESCRIPTOR: usize = 24;
/// Bytes that are unpacked at once from a large entry.
const PIECE: usize = 64 << 10;

/// Compares the local header with the central directory's record; where the data begins.
pub(super) fn data(bytes: &mut Bytes, window: &mut Window, record: &Record, name: &[u8]) -> Result<u64, Fault> {
    let fixed = usize::try_from(LOCAL_LENGTH).expect("thirty");
    let header = window.at(bytes, record.offset, fixed + name.len())?;
    if header.len() < fixed + name.len() || !header.starts_with(&LOCAL) {
        return disagrees("no local header where the central directory says");
    }
    // The bits that change what the data is; others, such as the compression level, may differ.
    let meaning = flag::ENCRYPTED | flag::PATCH | flag::DESCRIPTOR;
    if (u16_at(header, 6) ^ record.flags) & meaning != 0 || u16_at(header, 8) != record.method {
        return disagrees("flags or compression method differ from the central directory's");
    }
    if usize::from(u16_at(header, 26)) != name.len() || &header[fixed..fixed + name.len()] != name {
        return disagrees("the name differs from the central directory's");
    }
    let extra_length = u16_at(header, 28);
    let deferred = u16_at(header, 6) & flag::DESCRIPTOR != 0;
    let (crc, compressed, size) = (u32_at(header, 14), u32_at(header, 18), u32_at(header, 22));
    let data = record.offset + LOCAL_LENGTH + name.len() as u64 + u64::from(extra_length);
    let crc_agrees = crc == record.crc || deferred && crc == 0;
    let sizes_agree = |found: u32, expected: u64| {
        // All ones: in the zip64 extra field, whose first two fields are size and compressed size (4.5.3).
        u64::from(found) == expected || deferred && found == 0 || found == u32::MAX
    };
    if !crc_agrees || !sizes_agree(compressed, record.compressed) || !sizes_agree(size, record.size) {
        return disagrees("checksum or sizes differ from the central directory's");
    }
    if compressed == u32::MAX || size == u32::MAX {
        let start = record.offset + LOCAL_LENGTH + name.len() as u64;
        let extra = window.at(bytes, start, extra_length.into())?;
        let Some([long_size, long_compressed]) = zip64(extra.get(..extra_length.into()).unwrap_or_default()) else {
            return disagrees("no zip64 sizes in the local header, which refers to them");
        };
        let agrees = |long: u64, expected: u64| long == expected || deferred && long == 0;
        if !agrees(long_size, record.size) || !agrees(long_compressed, record.compressed) {
            return disagrees("the zip64 sizes differ from the central directory's");
        }
    }
    Ok(data)
}

/// Size and compressed size in a local header's zip64 field, which has both (APPNOTE.TXT 4.5.3).
fn zip64(mut extra: &[u8]) -> Option<[u64; 2]> {
    while extra.len() >= 4 {
        let (id, length) = (u16_at(extra, 0), usize::from(u16_at(extra, 2)));
        let content = extra.get(4..4 + length)?;
        if id == 1 && length >= 16 {
            return Some([u64_at(content, 0), u64_at(content, 8)]);
        }
        extra = &extra[4 + length..];
    }
    None
}

fn disagrees<T>(reason: &str) -> Result<T, Fault> {
    Err(Fault::content(codes::ZIP_LOCAL_HEADER, reason))
}

fn damaged(reason: impl Into<String>) -> Fault {
    Fault::content(codes::ZIP_DATA, reason)
}

/// The content of an entry: at once, or piece by piece as a [`Source`].
pub(super) struct Unpack<'r> {
    bytes: &'r mut Bytes,
    window: &'r mut Window,
    inflate: &'r mut Decompress,
    record: &'r Record,
    /// The next packed byte, and how many are left.
    position: u64,
    left: u64,
    unpacked: u64,
    crc: Hasher,
    ended: bool,
}

impl<'r> Unpack<'r> {
    pub(super) fn new(
        bytes: &'r mut Bytes,
        window: &'r mut Window,
        inflate: &'r mut Decompress,
        record: &'r Record,
        data: u64,
    ) -> Self {
        inflate.reset(false);
        let left = record.compressed;
        Self { bytes, window, inflate, record, position: data, left, unpacked: 0, crc: Hasher::new(), ended: false }
    }

    /// The whole content of a small entry, in `into`.
    pub(super) fn whole(mut self, into: &mut Vec<u8>) -> Result<&[u8], Fault> {
        let packed_length = usize::try_from(self.left).expect("a small entry");
        let size = usize::try_from(self.record.size).expect("a small entry");
        let packed = self.window.at(self.bytes, self.position, packed_length + MAX_DESCRIPTOR)?;
        let Some(packed) = packed.get(..packed_length) else {
            return Err(damaged("the archive ends inside the entry"));
        };
        if into.len() <= size {
            // One byte more than recorded, so that an entry that holds more shows.
            into.resize(size + 1, 0);
        }
        if self.record.method == 0 {
            into[..size].copy_from_slice(packed);
        } else {
            let outcome = self.inflate.decompress(packed, &mut into[..=size], FlushDecompress::Finish);
            let status = outcome.map_err(|error| damaged(format!("deflated data: {error}")))?;
            let (used, made) = (self.inflate.total_in(), self.inflate.total_out());
            self.check_end(status == Status::StreamEnd, used, made)?;
        }
        let content = &into[..size];
        self.crc.update(content);
        self.position += self.left;
        self.left = 0;
        self.finish()?;
        Ok(content)
    }

    fn check_end(&self, ended: bool, used: u64, made: u64) -> Result<(), Fault> {
        let Record { size, compressed, .. } = *self.record;
        if ended && used == compressed && made == size {
            return Ok(());
        }
        let end = if ended { "ends" } else { "does not end" };
        Err(damaged(format!("the data {end} after {used} octets that become {made}, expected {compressed} and {size}")))
    }

    /// After the last byte: checksum and data descriptor.
    fn finish(&mut self) -> Result<(), Fault> {
        let (found, expected) = (self.crc.clone().finalize(), self.record.crc);
        if found != expected {
            let reason = format!("the content has CRC-32 {found:08x}, expected {expected:08x}");
            return Err(Fault::content(codes::ZIP_CHECKSUM, reason));
        }
        if self.record.flags & flag::DESCRIPTOR != 0 {
            let bytes = self.window.at(self.bytes, self.position, MAX_DESCRIPTOR)?;
            if !describes(bytes, self.record) {
                return disagrees("the data descriptor differs from the central directory's record");
            }
        }
        Ok(())
    }
}

/// A data descriptor comes with or without a signature, with sizes of four or eight bytes, and does not say which.
fn describes(bytes: &[u8], record: &Record) -> bool {
    let sizes = |bytes: &[u8]| {
        let short = bytes.len() >= 12
            && u64::from(u32_at(bytes, 4)) == record.compressed
            && u64::from(u32_at(bytes, 8)) == record.size;
        let long = bytes.len() >= 20 && u64_at(bytes, 4) == record.compressed && u64_at(bytes, 12) == record.size;
        bytes.len() >= 4 && u32_at(bytes, 0) == record.crc && (short || long)
    };
    sizes(bytes) || bytes.strip_prefix(&DESCRIPTOR).is_some_and(sizes)
}

impl Source for Unpack<'_> {
    fn more(&mut self, into: &mut Vec<u8>) -> Result<(), Fault> {
        if self.ended {
            return Ok(());
        }
        let before = into.len();
        while into.len() == before && !self.ended {
            let packed = self.window.at(self.bytes, self.position, 1)?;
            let length = usize::try_from(self.left).unwrap_or(usize::MAX).min(packed.len());
            let packed = &packed[..length];
            if packed.is_empty() && self.left > 0 {
                return Err(damaged("the archive ends inside the entry"));
            }
            let used;
            if self.record.method == 0 {
                used = length.min(PIECE);
                into.extend_from_slice(&packed[..used]);
                self.ended = self.left == used as u64;
            } else {
                let (read, made) = (self.inflate.total_in(), self.inflate.total_out());
                into.resize(before + PIECE, 0);
                let outcome = self.inflate.decompress(packed, &mut into[before..], FlushDecompress::None);
                let made = usize::try_from(self.inflate.total_out() - made).expect("at most a piece");
                into.truncate(before + made);
                used = usize::try_from(self.inflate.total_in() - read).expect("at most a window");
                self.ended = outcome.map_err(|error| damaged(format!("deflated data: {error}")))? == Status::StreamEnd;
                let stuck = used == 0 && made == 0 && !self.ended;
                if stuck || self.inflate.total_out() > self.record.size {
                    let (used, made) = (self.inflate.total_in(), self.inflate.total_out());
                    into.truncate(before);
                    return self.check_end(false, used, made);
                }
            }
            self.position += used as u64;
            self.left -= used as u64;
        }
        self.crc.update(&into[before..]);
        self.unpacked += (into.len() - before) as u64;
        if self.ended {
            let used = self.record.compressed - self.left;
            let outcome = self.check_end(true, used, self.unpacked).and_then(|()| self.finish());
            if outcome.is_err() {
                into.truncate(before);
            }
            return outcome;
        }
        Ok(())
    }
}
