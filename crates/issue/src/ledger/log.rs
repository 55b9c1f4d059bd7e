//! The end of SQLite's write-ahead log, read from the disk's cache and not through SQLite's own.
//!
//! The format is SQLite's (<https://www.sqlite.org/fileformat2.html#the_write_ahead_log>): a header of 32 bytes with
//! two salts, then frames of 24 bytes and one page each. A frame has the salts of the header it belongs to, the size of
//! the database if it ends a transaction, and a checksum over all frames up to it: two logs that have the same last
//! frame hold the same.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;

use crate::input::{self, FileId};

/// An open log and what was last seen of it.
pub(super) struct Log {
    file: File,
    id: FileId,
    seen: Seen,
}

/// What tells one state of a log from another.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Seen {
    length: u64,
    header: Option<[u8; HEADER]>,
    /// Where the last transaction ends; 0 if there is none.
    end: u64,
    /// The head of its last frame.
    last: Option<[u8; FRAME]>,
    /// What is after it: the begin of what another program would add.
    next: Option<[u8; FRAME]>,
}

impl Log {
    pub(super) fn open(path: &Path) -> std::io::Result<Self> {
        let file = input::open(path)?;
        let id = FileId::of(&file.metadata()?);
        Ok(Self { file, id, seen: Seen::default() })
    }

    pub(super) const fn id(&self) -> FileId {
        self.id
    }

    /// What of the log is not as it was when it was noted, if anything.
    pub(super) fn change(&self) -> std::io::Result<Option<&'static str>> {
        let seen = &self.seen;
        let last = |seen: &Seen| self.frame(seen.end - page(seen.header) - FRAME as u64);
        Ok(if self.header()? != seen.header {
            Some("its write-ahead log was started again by another program")
        } else if seen.end > 0 && last(seen)? != seen.last {
            Some("its write-ahead log does not end as this run left it: another program has written to it")
        } else if self.frame(seen.end.max(HEADER as u64))? != seen.next {
            Some("its write-ahead log has another transaction than those of this run")
        } else if self.file.metadata()?.len() != seen.length {
            Some("its write-ahead log has another length than this run left it with")
        } else {
            None
        })
    }

    /// Notes how the log ends now. Reads only what was added since the last time.
    pub(super) fn note(&mut self) -> std::io::Result<()> {
        let length = self.file.metadata()?.len();
        let header = self.header()?;
        let last = || self.frame(self.seen.end - page(header) - FRAME as u64);
        let went_on = self.seen.end > 0 && header == self.seen.header && last()? == self.seen.last;
        let mut seen = Seen { length, header, ..if went_on { self.seen.clone() } else { Seen::default() } };
        let mut at = seen.end.max(HEADER as u64);
        seen.next = self.frame(at)?;
        let mut found = seen.next;
        while let (Some(header), Some(frame)) = (header, found) {
            // salts: what is left of an earlier log has others
            if frame[8..16] != header[16..24] {
                break;
            }
            at += FRAME as u64 + page(seen.header);
            found = self.frame(at)?;
            // a transaction's last frame names the size of the database
            if frame[4..8] != [0; 4] {
                (seen.end, seen.last, seen.next) = (at, Some(frame), found);
            }
        }
        self.seen = seen;
        Ok(())
    }

    fn header(&self) -> std::io::Result<Option<[u8; HEADER]>> {
        read(&self.file, 0)
    }

    fn frame(&self, at: u64) -> std::io::Result<Option<[u8; FRAME]>> {
        read(&self.file, at)
    }
}

/// Whether the file begins as a log does that something was written to.
pub(super) fn is_one(path: &Path) -> std::io::Result<bool> {
    let file = match input::open_beside_ledger(path) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(false),
        Err(error) => return Err(error),
    };
    let magic = |header: [u8; HEADER]| matches!(header[..4], [0x37, 0x7F, 0x06, 0x82 | 0x83]);
    Ok(read::<HEADER>(&file, 0)?.is_some_and(magic))
}

/// The bytes at a place, if there are so many.
fn read<const N: usize>(file: &File, at: u64) -> std::io::Result<Option<[u8; N]>> {
    let mut bytes = [0; N];
    match file.read_exact_at(&mut bytes, at) {
        Ok(()) => Ok(Some(bytes)),
        Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => Ok(None),
        Err(error) => Err(error),
    }
}

/// Bytes of a page, as the header says.
fn page(header: Option<[u8; HEADER]>) -> u64 {
    header.map_or(0, |header| u32::from_be_bytes([header[8], header[9], header[10], header[11]]).into())
}

const HEADER: usize = 32;
const FRAME: usize = 24;
