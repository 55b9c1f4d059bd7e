//! The names of a ledger's chips, in a file for other sites: each has an issuing key and a ledger of its own, which know
//! nothing of each other.
//!
//! The file (docs/spec/ledger.md) is text: a line with the format, one with the SHA-256 of the issuer's key, one with
//! the ledger's head, then UID after UID in strict order, and a last line with their number and the SHA-256 of every byte
//! before it. Chips that the ledger would not issue for again are in it: those of sealed and open batches, and those of
//! abandoned batches that may have been signed. It is read as a stream, and compared with leaves in the same order.

mod error;

use std::cmp::Reverse;
use std::collections::{BTreeSet, BinaryHeap};
use std::fmt::Display;
use std::fs::File;
use std::io::{BufRead, BufReader, BufWriter, Read, Write};
use std::path::{Path, PathBuf};

use crate::crypto::{Sha256, sha256};
use crate::durable::{self, Access, DurableError};
use crate::input;
use crate::x509::{Sha256Digest, Spki};

use super::abandoned::is_freed;
use super::batch::Summary;
use super::leaf::read_uids;
use super::open::{State, damaged};
use super::record::{Kind, Place};
use super::{Ledger, LedgerError};

pub use error::NamesError;

/// What was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ExportedNames {
    /// How many chips.
    pub names: u64,
    /// The ledger's head.
    pub head: Sha256Digest,
}

impl Ledger {
    /// Writes the names of all chips that the ledger would not issue for again to a new file.
    ///
    /// # Errors
    /// The file exists or cannot be written, or the store cannot be read.
    pub fn export_names(&self, out: &Path) -> Result<ExportedNames, LedgerError> {
        self.with(|state| {
            if out.symlink_metadata().is_ok() {
                return Err(DurableError::Exists { path: out.to_owned() }.into());
            }
            let mut partial = out.as_os_str().to_owned();
            partial.push(".partial");
            let partial = PathBuf::from(partial);
            durable::remove_partial_file(&partial)?;
            let exported = export(state, &partial);
            match &exported {
                Ok(_) => durable::publish(&partial, out)?,
                Err(_) => durable::remove_partial_file(&partial)?,
            }
            exported
        })
    }
}

fn export(state: &mut State, path: &Path) -> Result<ExportedNames, LedgerError> {
    let head = state.store.head()?;
    let issuer = sha256(&state.issuer()?);
    let mut sink = Sink {
        path,
        file: BufWriter::with_capacity(1 << 18, durable::create_new(path, Access::Private)?),
        hash: Sha256::new(),
    };
    sink.line(&FORMAT)?;
    sink.line(&format_args!("{ISSUER}{issuer}"))?;
    sink.line(&format_args!("{HEAD}{} {}", head.digest, head.records))?;
    let mut cursors = Vec::new();
    let mut next = BinaryHeap::new();
    for batch in state.batches()?.to_vec() {
        let kept = state.kept_chunks(&batch)?;
        let mut cursor = Cursor { batch, kept, chunk: 0, uids: Vec::new() };
        if let Some(uid) = cursor.next(state)? {
            next.push(Reverse((uid, cursors.len())));
            cursors.push(cursor);
        }
    }
    let (mut names, mut last) = (0, Vec::new());
    while let Some(Reverse((uid, at))) = next.pop() {
        if let Some(uid) = cursors[at].next(state)? {
            next.push(Reverse((uid, at)));
        }
        // a chip that was issued again is in several batches
        if uid != last {
            sink.line(&hex::encode_upper(&uid))?;
            names += 1;
            last = uid;
        }
    }
    let Sink { mut file, hash, .. } = sink;
    let written = writeln!(file, "{END}{names} {}", hash.finish()).and_then(|()| file.flush());
    written.map_err(|source| write_error(path, source))?;
    durable::sync_file(path, file.get_ref())?;
    Ok(ExportedNames { names, head: head.digest })
}

/// The chips of one batch, in order.
struct Cursor {
    batch: Summary,
    /// Chunks that still have their leaves, if the batch was abandoned.
    kept: Option<BTreeSet<u64>>,
    /// The next chunk.
    chunk: u64,
    /// What is left of the last one, the next chip at the end.
    uids: Vec<Vec<u8>>,
}

impl Cursor {
    fn next(&mut self, state: &mut State) -> Result<Option<Vec<u8>>, LedgerError> {
        let size = u64::from(self.batch.chunk_size);
        while self.uids.is_empty() && self.chunk * size < self.batch.leaves {
            let index = u32::try_from(self.chunk * size).expect("the number of leaves was checked to fit");
            if !is_freed(self.kept.as_ref(), &self.batch, index) {
                let record = state.expect(Place::new(Kind::Uids, self.batch.number, self.chunk))?;
                let uids = read_uids(&record.body).map_err(|_| damaged(&record))?;
                self.uids = uids.into_iter().rev().map(<[u8]>::to_vec).collect();
            }
            self.chunk += 1;
        }
        Ok(self.uids.pop())
    }
}

/// The file that is written.
struct Sink<'a> {
    path: &'a Path,
    file: BufWriter<File>,
    hash: Sha256,
}

impl Sink<'_> {
    fn line(&mut self, text: &dyn Display) -> Result<(), LedgerError> {
        let line = format!("{text}\n");
        self.hash.update(line.as_bytes());
        Ok(self.file.write_all(line.as_bytes()).map_err(|source| write_error(self.path, source))?)
    }
}

fn write_error(path: &Path, source: std::io::Error) -> DurableError {
    DurableError::Io { doing: "write", path: path.to_owned(), source }
}

/// A file with the names of chips that a different site has issued for.
#[derive(Debug)]
pub struct KnownNames(PathBuf);

impl KnownNames {
    /// Looks at the beginning of the file.
    ///
    /// # Errors
    /// It cannot be read, is not such a file, or is from the ledger of this issuer key.
    pub fn open(path: &Path, issuer: &Spki) -> Result<Self, NamesError> {
        let mut names = Source::open(path)?;
        if names.issuer()? == sha256(issuer.der()) {
            return Err(NamesError::Own { path: path.to_owned() });
        }
        Ok(Self(path.to_owned()))
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Reads all of the file, and returns the positions of those UIDs that it names. They are asked for in strict order.
    ///
    /// # Errors
    /// The file cannot be read, or is damaged.
    pub fn among<'a>(&self, uids: impl Iterator<Item = &'a [u8]>) -> Result<Vec<usize>, NamesError> {
        let mut source = Source::open(&self.0)?;
        source.issuer()?;
        let mut uids = uids.enumerate().peekable();
        let mut found = Vec::new();
        let mut last = Vec::new();
        let mut count = 0_u64;
        while let Some(name) = source.name()? {
            if name <= last {
                return Err(source.wrong("its UIDs are not in strict order"));
            }
            while uids.next_if(|(_, uid)| *uid < name.as_slice()).is_some() {}
            if let Some((at, _)) = uids.next_if(|(_, uid)| *uid == name.as_slice()) {
                found.push(at);
            }
            last = name;
            count += 1;
        }
        source.end(count)?;
        Ok(found)
    }
}

/// The file that is read, line by line.
struct Source<'a> {
    path: &'a Path,
    file: BufReader<File>,
    line: Vec<u8>,
    number: u64,
    /// Of the lines before the one that was read.
    hash: Sha256,
}

impl<'a> Source<'a> {
    fn open(path: &'a Path) -> Result<Self, NamesError> {
        let unreadable = |source| NamesError::Unreadable { path: path.to_owned(), source };
        let kind = std::fs::metadata(path).map_err(unreadable)?;
        if !kind.is_file() {
            return Err(unreadable(std::io::Error::other("it is not a regular file")));
        }
        let file = BufReader::with_capacity(1 << 18, input::open(path).map_err(unreadable)?);
        Ok(Self { path, file, line: Vec::new(), number: 0, hash: Sha256::new() })
    }

    /// Reads the lines before the names: whose ledger it was.
    fn issuer(&mut self) -> Result<Sha256Digest, NamesError> {
        self.advance()?;
        if self.line != FORMAT.as_bytes() {
            return Err(match self.line.strip_prefix(b"reroot-names/") {
                Some(version) if version.len() < 10 => NamesError::Newer {
                    path: self.path.to_owned(),
                    found: String::from_utf8_lossy(version).into_owned(),
                },
                _ => NamesError::Foreign { path: self.path.to_owned() },
            });
        }
        self.advance()?;
        let issuer = self.after(ISSUER).and_then(digest);
        let issuer = issuer.ok_or_else(|| self.wrong("it is not `issuer` and a digest"))?;
        self.advance()?;
        let head = self.after(HEAD).and_then(|head| head.split_once(' '));
        if head.and_then(|(head, records)| Some((digest(head)?, number(records)?))).is_none() {
            return Err(self.wrong("it is not `head`, a digest and a number"));
        }
        Ok(issuer)
    }

    /// The next name; `None` at the last line.
    fn name(&mut self) -> Result<Option<Vec<u8>>, NamesError> {
        let before = self.hash.clone();
        self.advance()?;
        if self.line.starts_with(END.as_bytes()) {
            self.hash = before;
            return Ok(None);
        }
        let is_plain = self.line.iter().all(|byte| byte.is_ascii_digit() || (b'A'..=b'F').contains(byte));
        let name = hex::decode(&self.line).ok().filter(|name| is_plain && (1..=20).contains(&name.len()));
        name.map(Some).ok_or_else(|| self.wrong("it is not a UID in capital hexadecimal digits"))
    }

    /// Checks the last line, and that nothing follows.
    fn end(&mut self, names: u64) -> Result<(), NamesError> {
        let said = self.after(END).and_then(|end| end.split_once(' '));
        let Some((count, sha256)) = said.and_then(|(count, sha256)| Some((number(count)?, digest(sha256)?))) else {
            return Err(self.wrong("it is not `end`, a number and a digest"));
        };
        if count != names {
            return Err(self.wrong("it counts other names than the file has"));
        }
        if sha256 != self.hash.clone().finish() {
            return Err(self.wrong("its digest is not that of the lines before it"));
        }
        let mut rest = [0];
        match self.file.read(&mut rest) {
            Ok(0) => Ok(()),
            Ok(_) => Err(self.wrong("there is more behind it")),
            Err(source) => Err(NamesError::Unreadable { path: self.path.to_owned(), source }),
        }
    }

    /// Reads a line. A file that was cut has no last one.
    fn advance(&mut self) -> Result<(), NamesError> {
        self.line.clear();
        self.number += 1;
        let read = self.file.by_ref().take(LONGEST).read_until(b'\n', &mut self.line);
        read.map_err(|source| NamesError::Unreadable { path: self.path.to_owned(), source })?;
        self.hash.update(&self.line);
        if self.line.pop() == Some(b'\n') {
            return Ok(());
        }
        let first = self.number == 1;
        let cut = self.line.len() < usize::try_from(LONGEST).expect("100") - 1;
        Err(match (first, cut) {
            (true, _) => NamesError::Foreign { path: self.path.to_owned() },
            (false, true) => self.wrong("the file ends before its last line does"),
            (false, false) => self.wrong("it is too long"),
        })
    }

    fn after(&self, word: &str) -> Option<&str> {
        std::str::from_utf8(&self.line).ok()?.strip_prefix(word)
    }

    fn wrong(&self, what: &'static str) -> NamesError {
        NamesError::Line { path: self.path.to_owned(), line: self.number, what }
    }
}

/// A digest as it is written: other spellings are refused.
fn digest(text: &str) -> Option<Sha256Digest> {
    text.parse().ok().filter(|digest: &Sha256Digest| digest.to_string() == text)
}

fn number(text: &str) -> Option<u64> {
    text.parse().ok().filter(|number: &u64| number.to_string() == text)
}

const FORMAT: &str = "reroot-names/1";
const ISSUER: &str = "issuer ";
const HEAD: &str = "head ";
const END: &str = "end ";
/// Bytes of the longest line, and more.
const LONGEST: u64 = 100;

#[cfg(test)]
mod tests;
