//! A private scratch file that keeps the leaves of one run between its two passes.

use std::fs::File;
use std::io::Write;
use std::os::unix::fs::FileExt;
use std::path::Path;

use crate::durable;

use super::error::ReelError;

/// Octets written one record after the other and read back by position. The file has no name and is gone with this
/// value. One writer; then any number of readers at once.
#[derive(Debug)]
pub struct Spool {
    file: File,
    /// Octets in the file.
    written: u64,
    /// What comes after them and is not in the file yet.
    buffer: Vec<u8>,
}

/// Where a record lies in its spool.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SpoolRef {
    offset: u64,
    length: u32,
}

impl SpoolRef {
    /// Octets of the record.
    pub const fn length(self) -> u32 {
        self.length
    }

    /// Octets in the spool before the record.
    pub const fn offset(self) -> u64 {
        self.offset
    }
}

/// Octets that are written at once.
const PIECE: usize = 1 << 20;

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
        let length = u32::try_from(record.len()).map_err(|_| {
            let source = std::io::Error::new(std::io::ErrorKind::InvalidInput, "a record of 4 GiB or more");
            ReelError::SpoolWrite { source }
        })?;
        if self.buffer.len() + record.len() > PIECE {
            self.file.write_all(&self.buffer).map_err(|source| ReelError::SpoolWrite { source })?;
            self.written += self.buffer.len() as u64;
            self.buffer.clear();
        }
        let offset = self.written + self.buffer.len() as u64;
        self.buffer.extend_from_slice(record);
        Ok(SpoolRef { offset, length })
    }

    /// Reads a record back.
    ///
    /// # Errors
    /// The file cannot be read or is shorter than it was, or the reference is another spool's.
    pub fn read(&self, at: SpoolRef) -> Result<Vec<u8>, ReelError> {
        let missing = || ReelError::SpoolRead { source: std::io::ErrorKind::UnexpectedEof.into() };
        let length = usize::try_from(at.length).map_err(|_| missing())?;
        if let Some(start) = at.offset.checked_sub(self.written) {
            let start = usize::try_from(start).map_err(|_| missing())?;
            return Ok(self.buffer.get(start..).and_then(|rest| rest.get(..length)).ok_or_else(missing)?.to_vec());
        }
        let mut record = vec![0; length];
        self.file.read_exact_at(&mut record, at.offset).map_err(|source| ReelError::SpoolRead { source })?;
        Ok(record)
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
            }
        });
        assert_eq!(spool.read(large).unwrap().len(), 3 << 20);
        assert_eq!(spool.read(last).unwrap(), b"last");
    }

    #[test]
    fn another_spools_reference_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let mut one = Spool::create(folder.path()).unwrap();
        let at = one.append(b"abc").unwrap();
        let other = Spool::create(folder.path()).unwrap();
        assert!(other.read(at).is_err());
        assert!(other.read(SpoolRef { offset: u64::MAX, length: 1 }).is_err());
    }
}
