//! Reads an archive from front to back and refuses all that [`ZipWriter`](super::ZipWriter) would not have written.
//!
//! Headers are rebuilt from what they say and compared byte by byte; of the central directory only a digest of what
//! it must be is kept, so that memory does not grow with the archive.

use std::io::{BufRead, BufReader, ErrorKind, Read};
use std::path::Path;

use crate::crypto::Sha256;
use crate::origin::Code;

use super::error::{DeliveryError, codes};
use super::output::WrittenFile;
use super::parts::MAX_ENTRY;
use super::zip::{CENTRAL_SIGNATURE, END_SIGNATURE, LOCAL_HEADER, LOCAL_SIGNATURE, Record, Stamp, end};

/// Reads one archive.
pub struct ArchiveReader<R: Read> {
    input: BufReader<Digesting<R>>,
    name: String,
    at: u64,
    stamp: Option<Stamp>,
    entries: u64,
    directory: Sha256,
    directory_bytes: u64,
    raw: Vec<u8>,
    expected: Vec<u8>,
    ended: bool,
}

/// One entry, valid until the next is read.
#[derive(Debug)]
pub struct ArchiveEntry<'a> {
    /// Its name: printable ASCII.
    pub name: &'a str,
    /// Its content, with the right CRC-32.
    pub data: &'a [u8],
}

impl<R: Read> ArchiveReader<R> {
    /// Reads from the first byte of `input`; `name` is for errors.
    pub fn new(input: R, name: &str) -> Self {
        Self::continuing(input, name, None)
    }

    /// As [`new`](Self::new), for the next part of an archive whose entries carry this time.
    pub(super) fn continuing(input: R, name: &str, stamp: Option<Stamp>) -> Self {
        let input = Digesting { inner: input, digest: Sha256::new(), bytes: 0 };
        Self {
            input: BufReader::with_capacity(BUFFER, input),
            name: name.to_owned(),
            at: 0,
            stamp,
            entries: 0,
            directory: Sha256::new(),
            directory_bytes: 0,
            raw: Vec::new(),
            expected: Vec::new(),
            ended: false,
        }
    }

    /// The next entry; after the last one the archive's end has been checked to its last byte.
    ///
    /// # Errors
    /// Reading fails, or the archive is not one that batches have.
    pub fn next_entry(&mut self) -> Result<Option<ArchiveEntry<'_>>, DeliveryError> {
        if self.ended {
            return Ok(None);
        }
        let start = self.at;
        self.take(4)?;
        if self.raw == CENTRAL_SIGNATURE || (self.raw == END_SIGNATURE && self.entries == 0) {
            self.end(start)?;
            return Ok(None);
        }
        if self.raw != LOCAL_SIGNATURE {
            return Err(self.refused(
                start,
                "signature",
                "that of an entry or of the directory",
                codes::ARCHIVE_HEADER,
            ));
        }
        self.take_more(LOCAL_HEADER - 4)?;
        let short = |at: usize| u16::from_le_bytes([self.raw[at], self.raw[at + 1]]);
        let long = |at: usize| u32::from_le_bytes(self.raw[at..at + 4].try_into().expect("4 bytes"));
        let stamp = Stamp { time: short(10), date: short(12) };
        let (crc, size, name_length) = (long(14), long(18), usize::from(short(26)));
        if *self.stamp.get_or_insert(stamp) != stamp {
            return Err(self.refused(start, "time of an entry", "that of the first", codes::ARCHIVE_HEADER));
        }
        if name_length > usize::from(u8::MAX) {
            return Err(self.refused(start, "length of a name", "at most 255", codes::ARCHIVE_NAME));
        }
        if size as usize > MAX_ENTRY {
            return Err(self.refused(start, "size of an entry", "at most 16 MiB", codes::ARCHIVE_HEADER));
        }
        self.take_more(name_length)?;
        let record = Record { name: &self.raw[LOCAL_HEADER..], crc, size };
        self.expected.clear();
        record.local(stamp, &mut self.expected);
        if self.raw != self.expected {
            return Err(self.refused(start, "header of an entry", "that of a stored file", codes::ARCHIVE_HEADER));
        }
        if record.name.is_empty() || !record.name.iter().all(u8::is_ascii_graphic) {
            return Err(self.refused(start, "name of an entry", "printable ASCII", codes::ARCHIVE_NAME));
        }
        self.expected.clear();
        record.central(stamp, start, &mut self.expected);
        self.directory.update(&self.expected);
        self.directory_bytes += self.expected.len() as u64;
        self.entries += 1;
        self.take_more(size as usize)?;
        let (head, data) = self.raw.split_at(LOCAL_HEADER + name_length);
        if crc32fast::hash(data) != crc {
            return Err(self.refused(start, "CRC-32 of an entry", "that in its header", codes::ARCHIVE_CRC));
        }
        let name = std::str::from_utf8(&head[LOCAL_HEADER..]).expect("the name was checked to be ASCII");
        Ok(Some(ArchiveEntry { name, data }))
    }

    /// The time of its entries, once there was one.
    pub(super) fn stamp(&self) -> Option<Stamp> {
        self.stamp
    }

    /// Its name, for errors.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// Bytes read so far.
    pub(super) fn position(&self) -> u64 {
        self.at
    }

    /// Length and digest of the whole archive, once its end was reached.
    ///
    /// # Errors
    /// The end was not reached yet.
    pub fn finish(self) -> Result<WrittenFile, DeliveryError> {
        if !self.ended {
            return Err(self.refused(self.at, "end", "reached", codes::ARCHIVE_END));
        }
        let input = self.input.into_inner();
        Ok(WrittenFile { name: self.name, bytes: input.bytes, sha256: input.digest.finish() })
    }

    /// Checks everything from the directory on; its first four bytes are in `raw`.
    fn end(&mut self, start: u64) -> Result<(), DeliveryError> {
        let mut found = Sha256::new();
        let mut left = self.directory_bytes;
        if left > 0 {
            found.update(&self.raw);
            left -= 4;
            while left > 0 {
                let step = usize::try_from(left.min(BUFFER as u64)).expect("a step fits into memory");
                self.take(step)?;
                found.update(&self.raw);
                left -= step as u64;
            }
            self.raw.clear();
        }
        let wanted = std::mem::replace(&mut self.directory, Sha256::new()).finish();
        if found.finish() != wanted {
            let expected = "that of the entries";
            return Err(self.refused(start, "central directory", expected, codes::ARCHIVE_DIRECTORY));
        }
        let mut expected = Vec::with_capacity(128);
        end(self.entries, start, self.directory_bytes, &mut expected);
        let at = self.at;
        self.take_more(expected.len() - self.raw.len())?;
        if self.raw != expected {
            let wanted = "that of the entries";
            return Err(self.refused(at, "end of the central directory", wanted, codes::ARCHIVE_DIRECTORY));
        }
        let rest = self.input.fill_buf().map(<[u8]>::len);
        if rest.map_err(|source| self.unreadable(source))? > 0 {
            return Err(self.refused(self.at, "rest", "empty", codes::ARCHIVE_END));
        }
        self.ended = true;
        Ok(())
    }

    /// Reads `count` bytes into `raw`.
    fn take(&mut self, count: usize) -> Result<(), DeliveryError> {
        self.raw.clear();
        self.take_more(count)
    }

    /// Reads `count` bytes behind those in `raw`.
    fn take_more(&mut self, count: usize) -> Result<(), DeliveryError> {
        let start = self.raw.len();
        self.raw.resize(start + count, 0);
        match self.input.read_exact(&mut self.raw[start..]) {
            Ok(()) => {
                self.at += count as u64;
                Ok(())
            }
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => {
                Err(self.refused(self.at, "archive", "complete", codes::ARCHIVE_TRUNCATED))
            }
            Err(source) => Err(self.unreadable(source)),
        }
    }

    fn unreadable(&self, source: std::io::Error) -> DeliveryError {
        DeliveryError::Read { path: Path::new(&self.name).to_owned(), source }
    }

    pub(super) fn refused(&self, at: u64, what: &'static str, expected: &'static str, code: Code) -> DeliveryError {
        DeliveryError::Archive { name: self.name.clone(), at, what, expected, code }
    }
}

/// Digests what is read through it.
pub(super) struct Digesting<R> {
    pub(super) inner: R,
    pub(super) digest: Sha256,
    pub(super) bytes: u64,
}

impl<R: Read> Read for Digesting<R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.digest.update(&buffer[..count]);
        self.bytes += count as u64;
        Ok(count)
    }
}

pub(super) const BUFFER: usize = 256 * 1024;

#[cfg(test)]
mod tests;
