//! Bytes that can be read by position: a file, or a small content held in memory. No memory maps: they need `unsafe`,
//! and a file that shrinks would kill the process.

use std::fs::{File, Metadata};
use std::io::{Read, Write};
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};

use aws_lc_rs::digest;

use crate::durable;
use crate::x509::Sha256Digest;

use super::error::ReelError;
use super::fault::Fault;
use super::feed::Feed;

/// Contents up to this size are held in memory.
pub(super) const SMALL: u64 = 1 << 20;

/// Bytes of a piece that is read at once from a larger file.
pub(super) const PIECE: usize = 256 << 10;

/// A content of known length.
pub(super) struct Bytes {
    store: Store,
    length: u64,
    hash: Option<Hash>,
}

enum Store {
    File { file: File, path: PathBuf, opened: Stamp },
    Memory(Vec<u8>),
}

/// The digest of everything before `next`, computed from the same bytes that were handed out where they are read in
/// order: a file need not be read a second time.
struct Hash {
    context: digest::Context,
    next: u64,
}

/// What changes when a file is written to.
#[derive(PartialEq, Eq)]
struct Stamp {
    length: u64,
    modified: (i64, i64),
    changed: (i64, i64),
    file: (u64, u64),
}

impl Bytes {
    /// An input: a regular file that was opened for reading. Small ones are read at once.
    pub(super) fn input(file: File, path: &Path) -> Result<Self, ReelError> {
        let opened = Stamp::of(&metadata(&file, path)?);
        let length = opened.length;
        let mut bytes =
            Self { store: Store::File { file, path: path.to_owned(), opened }, length, hash: Some(Hash::new()) };
        if length <= SMALL {
            let mut content = vec![0; usize::try_from(length).expect("small")];
            bytes.read_at(0, &mut content)?;
            bytes.check_unchanged()?;
            bytes.store = Store::Memory(content);
        }
        Ok(bytes)
    }

    /// Everything that a feed still holds: in memory if it is small, else in a nameless scratch file.
    pub(super) fn gather(feed: &mut dyn Feed, scratch: &Path) -> Result<Self, Fault> {
        let mut spill = Spill::new(scratch);
        loop {
            let piece = feed.need(1)?;
            if piece.is_empty() {
                return Ok(spill.finish(None)?);
            }
            let length = piece.len();
            spill.write(piece)?;
            feed.skip(length);
        }
    }

    /// Everything that comes from standard input, with its digest, up to `limit` bytes and one more.
    pub(super) fn spool(input: &mut dyn Read, limit: u64, scratch: &Path) -> Result<Self, SpoolFault> {
        let mut spill = Spill::new(scratch);
        let mut hash = Hash::new();
        let mut piece = vec![0; 64 << 10];
        let mut input = input.take(limit.saturating_add(1));
        loop {
            let length = match input.read(&mut piece) {
                Ok(0) => return Ok(spill.finish(Some(hash))?),
                Ok(length) => length,
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(SpoolFault::Read(error)),
            };
            hash.update(hash.next, &piece[..length]);
            spill.write(&piece[..length])?;
        }
    }

    pub(super) fn length(&self) -> u64 {
        self.length
    }

    /// The whole content, where it is in memory.
    pub(super) fn in_memory(&self) -> Option<&[u8]> {
        match &self.store {
            Store::Memory(content) => Some(content),
            Store::File { .. } => None,
        }
    }

    /// Fills `into` from `position` on; everything must be inside. What is read this way in ascending order enters
    /// the digest as it passes.
    pub(super) fn read_at(&mut self, position: u64, into: &mut [u8]) -> Result<(), ReelError> {
        self.hash_up_to(position)?;
        self.peek_at(position, into)?;
        if let Some(hash) = &mut self.hash {
            hash.update(position, into);
        }
        Ok(())
    }

    /// As [`read_at`](Self::read_at), without the digest: for looks at the end of a file before its beginning.
    pub(super) fn peek_at(&self, position: u64, into: &mut [u8]) -> Result<(), ReelError> {
        match &self.store {
            Store::Memory(content) => {
                let start = usize::try_from(position).expect("positions lie inside a content in memory");
                into.copy_from_slice(&content[start..start + into.len()]);
                Ok(())
            }
            Store::File { file, path, .. } => file.read_exact_at(into, position).map_err(|source| {
                if source.kind() == std::io::ErrorKind::UnexpectedEof {
                    ReelError::Changed { path: path.clone() }
                } else {
                    ReelError::Io { path: path.clone(), source }
                }
            }),
        }
    }

    /// The digest of the whole input, reading what was not read yet.
    pub(super) fn finish(mut self) -> Result<Sha256Digest, ReelError> {
        self.hash_up_to(self.length)?;
        self.check_unchanged()?;
        let hash = self.hash.expect("an input has a digest");
        let value = hash.context.finish();
        Ok(Sha256Digest::new(value.as_ref().try_into().expect("SHA-256 has 32 bytes")))
    }

    fn hash_up_to(&mut self, position: u64) -> Result<(), ReelError> {
        let Some(mut hash) = self.hash.take() else {
            return Ok(());
        };
        if let Store::Memory(content) = &self.store {
            let end = usize::try_from(position).expect("positions lie inside a content in memory");
            hash.update(0, &content[..end]);
        } else if hash.next < position {
            let mut piece = vec![0; PIECE];
            while hash.next < position {
                let length = usize::try_from(position - hash.next).unwrap_or(PIECE).min(PIECE);
                self.peek_at(hash.next, &mut piece[..length])?;
                hash.update(hash.next, &piece[..length]);
            }
        }
        self.hash = Some(hash);
        Ok(())
    }

    fn check_unchanged(&self) -> Result<(), ReelError> {
        if let Store::File { file, path, opened } = &self.store
            && Stamp::of(&metadata(file, path)?) != *opened
        {
            return Err(ReelError::Changed { path: path.clone() });
        }
        Ok(())
    }
}

impl Hash {
    fn new() -> Self {
        Self { context: digest::Context::new(&digest::SHA256), next: 0 }
    }

    /// Adds what of `bytes`, which are at `position`, is new.
    fn update(&mut self, position: u64, bytes: &[u8]) {
        let Some(known) = self.next.checked_sub(position) else {
            return;
        };
        if let Some(new) = usize::try_from(known).ok().and_then(|known| bytes.get(known..)) {
            self.context.update(new);
            self.next += new.len() as u64;
        }
    }
}

impl Stamp {
    fn of(metadata: &Metadata) -> Self {
        Self {
            length: metadata.len(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
            file: (metadata.dev(), metadata.ino()),
        }
    }
}

fn metadata(file: &File, path: &Path) -> Result<Metadata, ReelError> {
    file.metadata().map_err(|source| ReelError::Io { path: path.to_owned(), source })
}

/// Why standard input could not be set aside.
pub(super) enum SpoolFault {
    Read(std::io::Error),
    Write(ReelError),
}

impl From<ReelError> for SpoolFault {
    fn from(error: ReelError) -> Self {
        Self::Write(error)
    }
}

/// Memory that becomes a scratch file when it grows.
struct Spill<'d> {
    scratch: &'d Path,
    memory: Vec<u8>,
    file: Option<File>,
    written: u64,
}

impl<'d> Spill<'d> {
    fn new(scratch: &'d Path) -> Self {
        Self { scratch, memory: Vec::new(), file: None, written: 0 }
    }

    fn write(&mut self, piece: &[u8]) -> Result<(), ReelError> {
        if self.memory.len() + piece.len() > usize::try_from(SMALL).expect("small") {
            self.flush()?;
        }
        self.memory.extend_from_slice(piece);
        Ok(())
    }

    fn flush(&mut self) -> Result<(), ReelError> {
        let file = match &mut self.file {
            Some(file) => file,
            none => none.insert(durable::scratch(self.scratch)?),
        };
        file.write_all(&self.memory).map_err(|source| durable::DurableError::Io {
            doing: "write to a file in",
            path: self.scratch.to_owned(),
            source,
        })?;
        self.written += self.memory.len() as u64;
        self.memory.clear();
        Ok(())
    }

    fn finish(mut self, hash: Option<Hash>) -> Result<Bytes, ReelError> {
        if self.file.is_none() {
            return Ok(Bytes { length: self.memory.len() as u64, store: Store::Memory(self.memory), hash });
        }
        self.flush()?;
        let file = self.file.take().expect("checked above");
        let opened = Stamp::of(&metadata(&file, self.scratch)?);
        Ok(Bytes { store: Store::File { file, path: self.scratch.to_owned(), opened }, length: self.written, hash })
    }
}

/// A piece of a content that moves along with its reader.
pub(super) struct Window {
    buffer: Vec<u8>,
    start: u64,
    size: usize,
}

impl Window {
    pub(super) fn new(size: usize) -> Self {
        Self { buffer: Vec::new(), start: 0, size }
    }

    /// At least `length` bytes from `position` on, or as many as the content has.
    pub(super) fn at(&mut self, bytes: &mut Bytes, position: u64, length: usize) -> Result<&[u8], ReelError> {
        if self.moves(position, length, bytes.length) {
            let outcome = bytes.read_at(position, &mut self.buffer);
            self.keep_if(outcome)?;
        }
        Ok(self.from(position))
    }

    /// As [`at`](Self::at), not part of the digest.
    pub(super) fn peek(&mut self, bytes: &Bytes, position: u64, length: usize) -> Result<&[u8], ReelError> {
        if self.moves(position, length, bytes.length) {
            let outcome = bytes.peek_at(position, &mut self.buffer);
            self.keep_if(outcome)?;
        }
        Ok(self.from(position))
    }

    fn from(&self, position: u64) -> &[u8] {
        let skip = usize::try_from(position.saturating_sub(self.start)).unwrap_or(usize::MAX);
        self.buffer.get(skip..).unwrap_or_default()
    }

    /// Whether something must be read; then the buffer has been moved to `position`.
    fn moves(&mut self, position: u64, length: usize, end: u64) -> bool {
        let wanted = position.saturating_add(length as u64).min(end);
        if position >= self.start && wanted <= self.start + self.buffer.len() as u64 {
            return false;
        }
        let size = usize::try_from(end.saturating_sub(position)).unwrap_or(usize::MAX).min(self.size.max(length));
        self.buffer.resize(size, 0);
        self.start = position;
        size > 0
    }

    /// Bytes that could not be read are not kept for the next look.
    fn keep_if(&mut self, outcome: Result<(), ReelError>) -> Result<(), ReelError> {
        if outcome.is_err() {
            self.buffer.clear();
        }
        outcome
    }
}
