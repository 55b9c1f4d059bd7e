//! A private scratch file that keeps the leaves of one run between its two passes.

use std::fs::File;
use std::io::Write;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::Path;

use crate::durable;

use super::error::ReelError;

/// Bytes written one record after the other and read back by position. The file has no name and is gone with this
/// value. One writer; then any number of readers at once.
#[derive(Debug)]
pub struct Spool {
    file: File,
    /// Bytes in the file.
    written: u64,
    /// What comes after them and is not in the file yet.
    buffer: Vec<u8>,
}

/// Where a record is in its spool.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SpoolRef {
    offset: u64,
    length: u32,
}

impl SpoolRef {
    /// Returns the place of a record, from the offset and length that the caller has stored.
    pub const fn new(offset: u64, length: u32) -> Self {
        Self { offset, length }
    }

    /// Bytes of the record.
    pub const fn length(self) -> u32 {
        self.length
    }

    /// Bytes in the spool before the record.
    pub const fn offset(self) -> u64 {
        self.offset
    }
}

/// Bytes that are written at once.
const PIECE: usize = 1 << 20;

/// Bytes up to which nothing is written at all: the leaves of a small reel are read from memory.
const SMALL: usize = 4 << 20;

/// Bytes that a reader takes at once when records follow each other.
const WINDOW: usize = 64 << 10;

/// Reads records of one spool, several with one call where they follow each other, as those of a reel mostly do.
#[derive(Debug)]
pub struct SpoolReader<'a> {
    spool: &'a Spool,
    window: Vec<u8>,
    /// Where in the spool the window begins.
    start: u64,
    /// Where the last record ended.
    end: u64,
    /// A record that was read alone.
    alone: Vec<u8>,
}

impl SpoolReader<'_> {
    /// Reads a record back.
    ///
    /// # Errors
    /// As for [`Spool::read`].
    pub fn read(&mut self, at: SpoolRef) -> Result<&[u8], ReelError> {
        let follows = at.offset == self.end;
        self.end = at.offset.saturating_add(u64::from(at.length));
        if let Some(known) = self.known(at) {
            return Ok(&self.window[known]);
        }
        let left = self.spool.written.saturating_sub(at.offset);
        let whole = usize::try_from(left).unwrap_or(usize::MAX).min(WINDOW);
        if !follows || u64::from(at.length) > whole as u64 {
            return self.spool.bytes(at, &mut self.alone);
        }
        self.window.resize(whole, 0);
        self.start = at.offset;
        let read = self.spool.file.read_exact_at(&mut self.window, at.offset);
        read.map_err(|source| ReelError::SpoolRead { source })?;
        let known = self.known(at).expect("the window begins with the record");
        Ok(&self.window[known])
    }

    /// Where in the window the record is.
    fn known(&self, at: SpoolRef) -> Option<Range<usize>> {
        let from = usize::try_from(at.offset.checked_sub(self.start)?).ok()?;
        let end = from.checked_add(usize::try_from(at.length).ok()?)?;
        (end <= self.window.len()).then_some(from..end)
    }
}

impl Spool {
    /// An empty spool in a directory that has room for it.
    ///
    /// # Errors
    /// The file cannot be created.
    pub fn create(dir: &Path) -> Result<Self, ReelError> {
        Ok(Self { file: durable::scratch(dir)?, written: 0, buffer: Vec::new() })
    }

    /// Adds a record.
    ///
    /// # Errors
    /// The file cannot be written, or the record has 4 GiB or more.
    pub fn append(&mut self, record: &[u8]) -> Result<SpoolRef, ReelError> {
        self.append_parts(&[record])
    }

    /// Adds a record that consists of these parts.
    ///
    /// # Errors
    /// As [`append`](Self::append).
    pub fn append_parts(&mut self, parts: &[&[u8]]) -> Result<SpoolRef, ReelError> {
        let bytes: usize = parts.iter().map(|part| part.len()).sum();
        let length = u32::try_from(bytes).map_err(|_| {
            let source = std::io::Error::new(std::io::ErrorKind::InvalidInput, "a record of 4 GiB or more");
            ReelError::SpoolWrite { source }
        })?;
        let limit = if self.written == 0 { SMALL } else { PIECE };
        if self.buffer.len() + bytes > limit {
            self.flush()?;
            self.buffer.shrink_to(PIECE);
        }
        let offset = self.written + self.buffer.len() as u64;
        for part in parts {
            self.buffer.extend_from_slice(part);
        }
        Ok(SpoolRef { offset, length })
    }

    /// Bytes that were added.
    pub(super) fn length(&self) -> u64 {
        self.written + self.buffer.len() as u64
    }

    /// Hands what was added to the file, for [`read_at`](Self::read_at).
    ///
    /// # Errors
    /// The file cannot be written.
    pub(super) fn flush(&mut self) -> Result<(), ReelError> {
        self.file.write_all(&self.buffer).map_err(|source| ReelError::SpoolWrite { source })?;
        self.written += self.buffer.len() as u64;
        self.buffer.clear();
        Ok(())
    }

    /// Fills `into` from what was handed to the file, wherever records begin.
    ///
    /// # Errors
    /// The file cannot be read or is shorter than that.
    pub(super) fn read_at(&self, offset: u64, into: &mut [u8]) -> Result<(), ReelError> {
        self.file.read_exact_at(into, offset).map_err(|source| ReelError::SpoolRead { source })
    }

    /// A reader of its own for each thread, for records that mostly follow each other.
    pub fn reader(&self) -> SpoolReader<'_> {
        SpoolReader { spool: self, window: Vec::new(), start: 0, end: 0, alone: Vec::new() }
    }

    /// Reads a record back.
    ///
    /// # Errors
    /// The file cannot be read or is shorter than it was, or the reference is another spool's.
    pub fn read(&self, at: SpoolRef) -> Result<Vec<u8>, ReelError> {
        let mut fetched = Vec::new();
        let waiting = self.bytes(at, &mut fetched)?;
        if at.offset >= self.written {
            return Ok(waiting.to_vec());
        }
        Ok(fetched)
    }

    /// A record: in `buffer` if it has to be fetched.
    fn bytes<'a>(&'a self, at: SpoolRef, buffer: &'a mut Vec<u8>) -> Result<&'a [u8], ReelError> {
        let missing = || ReelError::SpoolRead { source: std::io::ErrorKind::UnexpectedEof.into() };
        let length = usize::try_from(at.length).map_err(|_| missing())?;
        if let Some(start) = at.offset.checked_sub(self.written) {
            let start = usize::try_from(start).map_err(|_| missing())?;
            return self.buffer.get(start..).and_then(|rest| rest.get(..length)).ok_or_else(missing);
        }
        buffer.resize(length, 0);
        self.file.read_exact_at(buffer, at.offset).map_err(|source| ReelError::SpoolRead { source })?;
        Ok(buffer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_spooled_comes_back_by_position_in_any_order_and_from_several_threads() {
        let folder = tempfile::tempdir().unwrap();
        let mut spool = Spool::create(folder.path()).unwrap();
        let record = |n: u32| vec![n.to_le_bytes()[0]; usize::try_from(n * 7919 % 5000).unwrap()];
        let refs: Vec<SpoolRef> = (0..1000).map(|n| spool.append(&record(n)).unwrap()).collect();
        let large = spool.append(&vec![9; 3 << 20]).unwrap();
        let last = spool.append(b"last").unwrap();
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "the file has no name");
        std::thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| {
                    for (n, at) in (0..1000).zip(&refs).rev() {
                        assert_eq!(spool.read(*at).unwrap(), record(n));
                    }
                });
                scope.spawn(|| {
                    let mut reader = spool.reader();
                    let runs = (0..1000).zip(&refs).skip(3).step_by(2).chain((0..1000).zip(&refs));
                    for (n, at) in runs {
                        assert_eq!(reader.read(*at).unwrap(), record(n));
                    }
                    assert_eq!(reader.read(large).unwrap().len(), 3 << 20);
                    assert_eq!(reader.read(last).unwrap(), b"last");
                    assert_eq!(reader.read(refs[1]).unwrap(), record(1));
                });
            }
        });
        assert_eq!(spool.read(large).unwrap().len(), 3 << 20);
        assert_eq!(spool.read(last).unwrap(), b"last");
    }

    #[test]
    fn a_small_spool_stays_in_memory_and_a_large_one_does_not() {
        let folder = tempfile::tempdir().unwrap();
        let mut spool = Spool::create(folder.path()).unwrap();
        let record = vec![7; SMALL / 8];
        let refs: Vec<SpoolRef> = (0..8).map(|_| spool.append(&record).unwrap()).collect();
        assert_eq!((spool.written, spool.buffer.len()), (0, SMALL));
        assert_eq!(spool.reader().read(refs[7]).unwrap(), record);
        let one_more = spool.append(b"one more").unwrap();
        assert_eq!((spool.written, spool.buffer.as_slice()), (SMALL as u64, &b"one more"[..]));
        assert!(spool.buffer.capacity() <= PIECE, "what a small one took is given back");
        for _ in 0..2 {
            spool.append(&record).unwrap();
        }
        assert_eq!(spool.written, (SMALL + b"one more".len() + record.len()) as u64, "from then on in pieces");
        let mut reader = spool.reader();
        assert!(refs.iter().all(|at| reader.read(*at).unwrap() == record));
        assert_eq!(spool.read(one_more).unwrap(), b"one more");
    }

    #[test]
    fn another_spools_reference_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let mut one = Spool::create(folder.path()).unwrap();
        let at = one.append(b"abc").unwrap();
        let other = Spool::create(folder.path()).unwrap();
        assert!(other.read(at).is_err());
        assert!(other.read(SpoolRef { offset: u64::MAX, length: 1 }).is_err());
        assert!(other.reader().read(at).is_err());
        assert!(other.reader().read(SpoolRef { offset: u64::MAX, length: u32::MAX }).is_err());
    }
}
