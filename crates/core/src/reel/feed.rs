//! Bytes that come one after the other, with a look ahead as long as a format needs. All readers of contents use this,
//! for a content in a file, in an archive's entry or in a compressed stream.

use crate::origin::Code;

use super::bytes::{Bytes, PIECE};
use super::fault::Fault;
use super::limits::Budget;

/// A content that is read from its beginning to its end.
pub(super) trait Feed {
    /// What comes next: at least `bytes` bytes, fewer only if the content ends there.
    fn need(&mut self, bytes: usize) -> Result<&[u8], Fault>;

    /// Goes forward by bytes that [`need`](Self::need) has shown.
    fn skip(&mut self, bytes: usize);
}

/// A content in memory.
impl Feed for &[u8] {
    fn need(&mut self, _bytes: usize) -> Result<&[u8], Fault> {
        Ok(self)
    }

    fn skip(&mut self, bytes: usize) {
        *self = &self[bytes..];
    }
}

/// Where a [`Buffered`] feed gets its bytes from.
pub(super) trait Source {
    /// Appends some more bytes; none at the end.
    fn more(&mut self, into: &mut Vec<u8>) -> Result<(), Fault>;
}

/// A feed over a source, with a buffer that grows to what was asked for.
pub(super) struct Buffered<S> {
    source: S,
    buffer: Vec<u8>,
    start: usize,
    ended: bool,
    /// A content that failed once goes on failing the same way.
    failed: Option<(Code, String)>,
}

impl<S: Source> Buffered<S> {
    pub(super) fn new(source: S) -> Self {
        Self { source, buffer: Vec::new(), start: 0, ended: false, failed: None }
    }
}

impl<S: Source> Feed for Buffered<S> {
    fn need(&mut self, bytes: usize) -> Result<&[u8], Fault> {
        while self.buffer.len() - self.start < bytes && !self.ended {
            if let Some((code, reason)) = &self.failed {
                return Err(Fault::content(*code, reason.clone()));
            }
            self.buffer.drain(..self.start);
            self.start = 0;
            let before = self.buffer.len();
            if let Err(fault) = self.source.more(&mut self.buffer) {
                if let Fault::Content { code, reason } = &fault {
                    self.failed = Some((*code, reason.clone()));
                }
                return Err(fault);
            }
            self.ended = self.buffer.len() == before;
        }
        Ok(&self.buffer[self.start..])
    }

    fn skip(&mut self, bytes: usize) {
        self.start += bytes;
        debug_assert!(self.start <= self.buffer.len(), "only what was seen can be skipped");
    }
}

/// A file's content, in order.
pub(super) struct InOrder<'o> {
    bytes: &'o mut Bytes,
    position: u64,
    budget: &'o Budget,
}

impl<'o> InOrder<'o> {
    pub(super) fn new(bytes: &'o mut Bytes, budget: &'o Budget) -> Self {
        Self { bytes, position: 0, budget }
    }
}

impl Source for InOrder<'_> {
    fn more(&mut self, into: &mut Vec<u8>) -> Result<(), Fault> {
        let left = self.bytes.length() - self.position;
        let length = usize::try_from(left).unwrap_or(PIECE).min(PIECE);
        self.budget.charge(length as u64)?;
        let before = into.len();
        into.resize(before + length, 0);
        self.bytes.read_at(self.position, &mut into[before..])?;
        self.position += length as u64;
        Ok(())
    }
}

/// The next `left` bytes of another feed: an entry of a stream archive.
pub(super) struct Limited<'f> {
    feed: &'f mut dyn Feed,
    left: u64,
    truncated: Code,
}

impl<'f> Limited<'f> {
    pub(super) fn new(feed: &'f mut dyn Feed, bytes: u64, truncated: Code) -> Self {
        Self { feed, left: bytes, truncated }
    }

    /// Skips what was not read.
    pub(super) fn drain(mut self) -> Result<(), Fault> {
        while self.left > 0 {
            let length = self.need(1)?.len();
            self.skip(length);
        }
        Ok(())
    }
}

impl Feed for Limited<'_> {
    fn need(&mut self, bytes: usize) -> Result<&[u8], Fault> {
        let left = usize::try_from(self.left).unwrap_or(usize::MAX);
        let wanted = bytes.min(left);
        let (truncated, missing) = (self.truncated, self.left);
        let seen = self.feed.need(wanted)?;
        if seen.len() < wanted {
            let found = seen.len();
            return Err(Fault::content(
                truncated,
                format!("{missing} more octets are announced, and {found} are there"),
            ));
        }
        Ok(&seen[..seen.len().min(left)])
    }

    fn skip(&mut self, bytes: usize) {
        self.feed.skip(bytes);
        self.left -= bytes as u64;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Ones(usize);

    impl Source for Ones {
        fn more(&mut self, into: &mut Vec<u8>) -> Result<(), Fault> {
            if self.0 == 0 {
                return Err(Fault::content(crate::reel::codes::TAR_TRUNCATED, "gone"));
            }
            self.0 -= 1;
            into.push(1);
            Ok(())
        }
    }

    #[test]
    fn a_content_that_failed_goes_on_failing_and_keeps_what_was_read() {
        let mut feed = Buffered::new(Ones(3));
        assert_eq!(feed.need(2).unwrap(), [1, 1]);
        assert!(feed.need(4).is_err());
        assert!(feed.need(4).is_err());
        assert_eq!(feed.need(3).unwrap(), [1, 1, 1]);
        feed.skip(3);
        assert!(feed.need(1).is_err());
    }

    #[test]
    fn an_entry_ends_where_its_size_says_or_is_truncated() {
        let mut all = &b"abcdef"[..];
        let mut entry = Limited::new(&mut all, 4, crate::reel::codes::TAR_TRUNCATED);
        assert_eq!(entry.need(100).unwrap(), b"abcd");
        entry.skip(1);
        entry.drain().unwrap();
        assert_eq!(all, b"ef");
        let mut entry = Limited::new(&mut all, 4, crate::reel::codes::TAR_TRUNCATED);
        assert!(entry.need(1).is_ok());
        assert!(entry.need(3).is_err());
        assert!(entry.drain().is_err());
    }
}
