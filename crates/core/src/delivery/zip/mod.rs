//! Archives of stored entries (PKWARE APPNOTE 6.3.10), written from front to back.
//!
//! Sizes and CRC-32 are in front of the data, never behind; no comments, no extra fields but the ZIP64 ones where
//! numbers need them; one time for all entries. The same entries are therefore the same bytes.

use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use crate::durable::{self, DurableError};
use crate::x509::Time;

/// The time of all entries, in MS-DOS form: two-second steps in UTC from 1980 to 2107, clamped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp {
    pub(super) time: u16,
    pub(super) date: u16,
}

impl Stamp {
    /// The stamp of an instant.
    pub fn new(instant: Time) -> Self {
        let civil = instant.civil();
        if civil.year() < 1980 {
            return Self::packed([0, 0, 0], [0, 1, 1]);
        }
        if civil.year() > 2107 {
            return Self::packed([23, 59, 58], [127, 12, 31]);
        }
        let year = u16::try_from(civil.year() - 1980).expect("the year is from 1980 to 2107");
        let [month, day] = [u8::from(civil.month()), civil.day()].map(u16::from);
        Self::packed([civil.hour(), civil.minute(), civil.second()].map(u16::from), [year, month, day])
    }

    /// Hours, minutes and pairs of seconds in 5, 6 and 5 bits; years from 1980, months and days in 7, 4 and 5.
    fn packed([hour, minute, second]: [u16; 3], [year, month, day]: [u16; 3]) -> Self {
        Self { time: (hour << 11) | (minute << 5) | (second / 2), date: (year << 9) | (month << 5) | day }
    }
}

/// Writes one archive.
#[derive(Debug)]
pub struct ZipWriter<W: Write> {
    out: W,
    stamp: Stamp,
    rows: Rows,
    entries: u64,
    /// Where the first entry is: 0 but in tests.
    start: u64,
    offset: u64,
    header: Vec<u8>,
}

impl<W: Write> ZipWriter<W> {
    /// An archive without entries.
    pub fn new(out: W, stamp: Stamp) -> Self {
        Self { out, stamp, rows: Rows::default(), entries: 0, start: 0, offset: 0, header: Vec::with_capacity(128) }
    }

    /// Keeps the list of entries in a nameless file of this directory when it grows long, so that memory does not grow
    /// with the archive.
    #[must_use]
    pub fn with_scratch(mut self, directory: &Path) -> Self {
        self.rows.directory = Some(directory.to_owned());
        self
    }

    /// Entries so far.
    pub fn entries(&self) -> u64 {
        self.entries
    }

    /// Adds an entry. Names are not compared: the caller gives each once.
    ///
    /// # Errors
    /// Writing fails; the name is empty, longer than 255 bytes or not printable ASCII; or the data is 4 GiB or more.
    pub fn add(&mut self, name: &str, data: &[u8]) -> io::Result<()> {
        let invalid = |what| io::Error::new(io::ErrorKind::InvalidInput, what);
        let length = u8::try_from(name.len()).map_err(|_| invalid("entry name is longer than 255 bytes"))?;
        if name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(invalid("entry name is not printable ASCII"));
        }
        let size = u32::try_from(data.len()).ok().filter(|size| *size < u32::MAX);
        let size = size.ok_or_else(|| invalid("entry has 4 GiB or more"))?;
        let record = Record { name: name.as_bytes(), crc: crc32fast::hash(data), size };
        self.header.clear();
        record.local(self.stamp, &mut self.header);
        self.out.write_all(&self.header)?;
        self.out.write_all(data)?;
        self.header.clear();
        self.header.push(length);
        for part in [record.name, &record.crc.to_le_bytes(), &size.to_le_bytes()] {
            self.header.extend_from_slice(part);
        }
        self.rows.add(&self.header)?;
        self.entries += 1;
        self.offset += record.span();
        Ok(())
    }

    /// Writes the central directory and gives back what was written to.
    ///
    /// # Errors
    /// Writing fails.
    pub fn finish(mut self) -> io::Result<W> {
        let (mut offset, mut size) = (self.start, 0);
        for mut rows in std::mem::take(&mut self.rows).read_back()? {
            let mut row = Vec::with_capacity(usize::from(u8::MAX) + 8);
            let mut length = [0];
            while rows.read(&mut length)? > 0 {
                row.resize(usize::from(length[0]) + 8, 0);
                rows.read_exact(&mut row)?;
                let (name, numbers) = row.split_at(usize::from(length[0]));
                let number = |at: usize| u32::from_le_bytes(numbers[at..at + 4].try_into().expect("4 bytes"));
                let record = Record { name, crc: number(0), size: number(4) };
                self.header.clear();
                record.central(self.stamp, offset, &mut self.header);
                self.out.write_all(&self.header)?;
                offset += record.span();
                size += self.header.len() as u64;
            }
        }
        self.header.clear();
        end(self.entries, self.offset, size, &mut self.header);
        self.out.write_all(&self.header)?;
        Ok(self.out)
    }
}

/// The list of entries: length of the name, name, CRC-32, size of each. Offsets follow from these.
#[derive(Debug, Default)]
struct Rows {
    /// Where there is room for a file.
    directory: Option<PathBuf>,
    /// The first of them.
    file: Option<File>,
    /// What comes after them, in pieces of [`PIECE`] bytes, because a list of this length is not to be copied while it
    /// grows.
    pieces: Vec<Vec<u8>>,
}

impl Rows {
    fn add(&mut self, row: &[u8]) -> io::Result<()> {
        match self.pieces.last_mut() {
            Some(piece) if piece.len() + row.len() <= PIECE => piece.extend_from_slice(row),
            _ => {
                if self.pieces.len() == PIECES {
                    self.lay_off()?;
                }
                let mut piece = Vec::with_capacity(PIECE);
                piece.extend_from_slice(row);
                self.pieces.push(piece);
            }
        }
        Ok(())
    }

    /// Moves what is in memory to the file, if there may be one.
    fn lay_off(&mut self) -> io::Result<()> {
        let Some(directory) = &self.directory else { return Ok(()) };
        let file = match &mut self.file {
            Some(file) => file,
            none => none.insert(durable::scratch(directory).map_err(io_error)?),
        };
        self.pieces.drain(..).try_for_each(|piece| file.write_all(&piece))
    }

    /// All of it, in whole rows, one reader after the other.
    fn read_back(self) -> io::Result<impl Iterator<Item = Box<dyn Read>>> {
        let file = self.file.map(|mut file| file.seek(SeekFrom::Start(0)).map(|_| file)).transpose()?;
        let file = file.map(|file| -> Box<dyn Read> { Box::new(BufReader::with_capacity(PIECE, file)) });
        let pieces = self.pieces.into_iter().map(|piece| -> Box<dyn Read> { Box::new(io::Cursor::new(piece)) });
        Ok(file.into_iter().chain(pieces))
    }
}

fn io_error(error: DurableError) -> io::Error {
    match error {
        DurableError::Io { source, .. } => source,
        _ => io::Error::other(error),
    }
}

/// What the headers say about one entry.
pub(super) struct Record<'a> {
    pub(super) name: &'a [u8],
    pub(super) crc: u32,
    pub(super) size: u32,
}

impl Record<'_> {
    /// Bytes of header and data.
    pub(super) fn span(&self) -> u64 {
        LOCAL_HEADER as u64 + self.name.len() as u64 + u64::from(self.size)
    }

    /// The local file header (APPNOTE §4.3.7).
    pub(super) fn local(&self, stamp: Stamp, out: &mut Vec<u8>) {
        out.extend_from_slice(&LOCAL_SIGNATURE);
        number16(out, VERSION_PLAIN);
        self.common(stamp, out);
        number16(out, 0);
        out.extend_from_slice(self.name);
    }

    /// The central directory's file header (APPNOTE §4.3.12), with the ZIP64 field (§4.5.3) if the offset needs it.
    pub(super) fn central(&self, stamp: Stamp, offset: u64, out: &mut Vec<u8>) {
        let short = u32::try_from(offset).ok().filter(|offset| *offset < u32::MAX);
        out.extend_from_slice(&CENTRAL_SIGNATURE);
        number16(out, MADE_BY);
        number16(out, if short.is_some() { VERSION_PLAIN } else { VERSION_ZIP64 });
        self.common(stamp, out);
        number16(out, if short.is_some() { 0 } else { 12 });
        // comment length, disk number, internal attributes
        out.extend_from_slice(&[0; 6]);
        number32(out, PLAIN_FILE << 16);
        number32(out, short.unwrap_or(u32::MAX));
        out.extend_from_slice(self.name);
        if short.is_none() {
            number16(out, 1);
            number16(out, 8);
            number64(out, offset);
        }
    }

    /// From the flags to the name's length: equal in both headers.
    fn common(&self, stamp: Stamp, out: &mut Vec<u8>) {
        // flags; method 0: stored
        out.extend_from_slice(&[0; 4]);
        number16(out, stamp.time);
        number16(out, stamp.date);
        number32(out, self.crc);
        number32(out, self.size);
        number32(out, self.size);
        number16(out, u16::try_from(self.name.len()).expect("names have at most 255 bytes"));
    }
}

/// The end of the central directory (APPNOTE §4.3.14 to §4.3.16), with the ZIP64 records if a number needs them.
pub(super) fn end(entries: u64, offset: u64, size: u64, out: &mut Vec<u8>) {
    let short_entries = u16::try_from(entries).ok().filter(|number| *number < u16::MAX);
    let short = |number: u64| u32::try_from(number).ok().filter(|number| *number < u32::MAX);
    if short_entries.is_none() || short(offset).is_none() || short(size).is_none() {
        out.extend_from_slice(b"PK\x06\x06");
        number64(out, 44);
        number16(out, MADE_BY);
        number16(out, VERSION_ZIP64);
        out.extend_from_slice(&[0; 8]);
        for number in [entries, entries, size, offset] {
            number64(out, number);
        }
        out.extend_from_slice(b"PK\x06\x07");
        number32(out, 0);
        number64(out, offset + size);
        number32(out, 1);
    }
    out.extend_from_slice(&END_SIGNATURE);
    out.extend_from_slice(&[0; 4]);
    number16(out, short_entries.unwrap_or(u16::MAX));
    number16(out, short_entries.unwrap_or(u16::MAX));
    number32(out, short(size).unwrap_or(u32::MAX));
    number32(out, short(offset).unwrap_or(u32::MAX));
    number16(out, 0);
}

fn number16(out: &mut Vec<u8>, number: u16) {
    out.extend_from_slice(&number.to_le_bytes());
}

fn number32(out: &mut Vec<u8>, number: u32) {
    out.extend_from_slice(&number.to_le_bytes());
}

fn number64(out: &mut Vec<u8>, number: u64) {
    out.extend_from_slice(&number.to_le_bytes());
}

/// Bytes of one piece of the list of entries.
const PIECE: usize = 64 * 1024;
/// Pieces that stay in memory where there is room for a file: about 30,000 entries.
const PIECES: usize = 16;

/// Bytes of a local header before the name.
pub(super) const LOCAL_HEADER: usize = 30;
pub(super) const LOCAL_SIGNATURE: [u8; 4] = *b"PK\x03\x04";
pub(super) const CENTRAL_SIGNATURE: [u8; 4] = *b"PK\x01\x02";
pub(super) const END_SIGNATURE: [u8; 4] = *b"PK\x05\x06";
/// Made on UNIX by the rules of version 4.5.
const MADE_BY: u16 = 0x0300 + VERSION_ZIP64;
const VERSION_PLAIN: u16 = 10;
const VERSION_ZIP64: u16 = 45;
/// A regular file that everybody may read (mode 0644).
const PLAIN_FILE: u32 = 0o100_644;

#[cfg(test)]
mod tests;
