//! A ledger moves to another place: from a file to a server, or back, record for record.
//!
//! The order is what keeps it from having two writers, and the same command from having none:
//!
//! 1. The old ledger is held. The new one is filled under a name, or with a mark, with which nothing writes to it.
//! 2. Each record is read back from it and compared.
//! 3. The old ledger gets a Moved record. From here on nothing is added to it: a crash leaves it closed, and the new one
//!    not open yet. The same command does the last step.
//! 4. The new ledger is opened.

use std::path::Path;

use crate::durable;
use crate::text::Printable;
use crate::x509::Sha256Digest;

use super::codec::Writer;
use super::open::{decoded, server};
use super::record::{Draft, Head, Kind, Place, Record};
use super::store::{LedgerStore, StoreError};
use super::{Ledger, LedgerError, SqliteStore, is_url};

/// Where a ledger went.
pub(super) struct Moved {
    /// The path or URL of the new one.
    pub(super) to: String,
    /// The last record that was copied: the one before the Moved record.
    pub(super) head: Head,
}

/// A step of [`Ledger::copy`] that is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    Held,
    Copied,
    Compared,
    Moved,
    Opened,
}

impl Ledger {
    /// Where the ledger goes on, if it was moved: the place that the command was given.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn moved_to(&self) -> Result<Option<String>, LedgerError> {
        self.with(|state| {
            let end = state.store.head()?;
            Ok(moved(state.store.as_mut(), &end)?.map(|moved| moved.to))
        })
    }

    /// Moves the ledger at `from` to the new place `to`, each a path or a URL, and returns the number of records and the
    /// head of the new one. The old one stays, closed by a record that names the new one. After a crash the same call
    /// does the rest.
    ///
    /// # Errors
    /// `from` cannot be opened to be written, or its chain is broken; `to` exists, cannot be written or reads back
    /// differently; or `from` was moved to a different place.
    pub fn copy(from: &Path, to: &Path) -> Result<(u64, Sha256Digest), LedgerError> {
        copy(from, to, &mut |_| Ok(()))
    }
}

/// As [`Ledger::copy`]. `done` is told of each step, and ends it with an error.
pub(super) fn copy(
    from: &Path,
    to: &Path,
    done: &mut dyn FnMut(Step) -> Result<(), LedgerError>,
) -> Result<(u64, Sha256Digest), LedgerError> {
    let mut old: Box<dyn LedgerStore> =
        if is_url(from) { server::open(from)? } else { Box::new(SqliteStore::open(from)?) };
    let end = old.head()?;
    if end == Head::EMPTY {
        return Err(LedgerError::Incomplete { path: from.to_owned() });
    }
    let name = name(to)?;
    let moved = moved(old.as_mut(), &end)?;
    let head = match &moved {
        Some(moved) if moved.to == name => moved.head,
        Some(moved) => return Err(refusal(from, moved)),
        None => end,
    };
    done(Step::Held)?;
    let target = Target(to);
    if target.is_open()? {
        let has = |store: &mut dyn LedgerStore| store.at(head.records).map(|found| found.map(|record| record.digest));
        if moved.is_some() && has(target.open_to_read()?.as_mut())? == Some(head.digest) {
            return Ok((head.records, head.digest));
        }
        return Err(LedgerError::Exists { path: to.to_owned() });
    }
    let mut new = target.begin()?;
    fill(old.as_mut(), new.as_mut(), &head)?;
    new.conclude()?;
    done(Step::Copied)?;
    compare(old.as_mut(), new.as_mut(), to, &head)?;
    drop(new);
    done(Step::Compared)?;
    if moved.is_none() {
        let mut writer = Writer::default();
        writer.text(&name);
        writer.u64(head.records);
        writer.digest(&head.digest);
        let draft = Draft::new(Place::new(Kind::Moved, 0, head.records + 1), writer.finish());
        old.append(&head, &mut std::iter::once(Record::after(&head, draft)))?;
        old.conclude()?;
    }
    done(Step::Moved)?;
    target.finish(&head)?;
    done(Step::Opened)?;
    tracing::info!(to = %Printable::new(&name), records = head.records, "ledger moved");
    Ok((head.records, head.digest))
}

/// Where the ledger went, if its last record says so.
pub(super) fn moved(store: &mut dyn LedgerStore, end: &Head) -> Result<Option<Moved>, LedgerError> {
    let last = store.at(end.records)?.filter(|last| last.entry.place.kind == Kind::Moved);
    last.map(|last| read(&last)).transpose()
}

/// The error for a ledger that went elsewhere.
pub(super) fn refusal(path: &Path, moved: &Moved) -> LedgerError {
    LedgerError::Moved { path: path.to_owned(), to: moved.to.clone(), head: moved.head.digest }
}

/// Whether a Moved record says what it has to; it is the last one.
pub(super) fn check(record: &Record, end: &Head) -> Result<(), &'static str> {
    match read(record) {
        Ok(_) if record.entry.position != end.records => Err("the ledger was moved, and goes on"),
        Ok(moved) if moved.head.records + 1 != record.entry.position => Err("it does not name the record before it"),
        Ok(_) => Ok(()),
        Err(_) => Err("where the ledger was moved to cannot be read"),
    }
}

fn read(record: &Record) -> Result<Moved, LedgerError> {
    decoded(record, |reader| {
        let to = reader.text()?.to_owned();
        Ok(Moved { to, head: Head { records: reader.u64()?, digest: reader.digest()? } })
    })
}

/// What a Moved record calls a place: a URL as it is, a file by its whole path.
fn name(place: &Path) -> Result<String, LedgerError> {
    if is_url(place) {
        return Ok(place.to_string_lossy().into_owned());
    }
    let absolute = std::path::absolute(place).map_err(|source| super::sqlite::look(place, source))?;
    Ok(absolute.to_string_lossy().into_owned())
}

/// Adds the records up to `end` to an empty store, each checked to continue the chain.
fn fill(old: &mut dyn LedgerStore, new: &mut dyn LedgerStore, end: &Head) -> Result<(), LedgerError> {
    let mut head = Head::EMPTY;
    while head.records < end.records {
        let (mut last, mut bytes, mut failed) = (head, 0, None);
        let mut records = std::iter::from_fn(|| {
            if bytes > APPEND || last.records == end.records || failed.is_some() {
                return None;
            }
            let position = last.records + 1;
            match old.at(position) {
                Ok(Some(record)) if record.follows(&last) => {
                    (last, bytes) = (record.head(), bytes + record.body.len());
                    return Some(record);
                }
                Ok(Some(_)) => {
                    failed = Some(StoreError::Damaged { position, what: "it does not continue the hash chain" });
                }
                Ok(None) => failed = Some(StoreError::Damaged { position, what: "it is missing" }),
                Err(error) => failed = Some(error),
            }
            None
        });
        new.append(&head, &mut records)?;
        if let Some(error) = failed {
            return Err(error.into());
        }
        head = last;
    }
    Ok(())
}

/// Reads every record back.
fn compare(old: &mut dyn LedgerStore, new: &mut dyn LedgerStore, to: &Path, end: &Head) -> Result<(), LedgerError> {
    let differs = |what| StoreError::Lost { path: to.to_owned(), what };
    if new.head()? != *end {
        return Err(differs("the copy ends with a different record").into());
    }
    for position in 1..=end.records {
        if new.at(position)? != old.at(position)? {
            return Err(differs("a record of the copy reads back differently").into());
        }
    }
    Ok(())
}

/// The new ledger's place.
struct Target<'a>(&'a Path);

impl Target<'_> {
    fn is_open(&self) -> Result<bool, LedgerError> {
        if is_url(self.0) { server::is_open(self.0) } else { Ok(self.0.symlink_metadata().is_ok()) }
    }

    fn open_to_read(&self) -> Result<Box<dyn LedgerStore>, LedgerError> {
        if is_url(self.0) {
            server::open_to_read(self.0)
        } else {
            Ok(Box::new(super::snapshot::Snapshot::open(self.0)?))
        }
    }

    /// An empty store that nothing else writes to; what an interrupted copy left is removed.
    fn begin(&self) -> Result<Box<dyn LedgerStore>, LedgerError> {
        if is_url(self.0) {
            return server::begin_copy(self.0);
        }
        for suffix in ["", "-wal", "-shm", "-journal", "-lock"] {
            durable::remove_partial_file(&self.partial(suffix))?;
        }
        Ok(Box::new(SqliteStore::create(&self.partial(""))?))
    }

    fn finish(&self, head: &Head) -> Result<(), LedgerError> {
        if is_url(self.0) {
            return server::finish_copy(self.0, head);
        }
        Ok(durable::publish(&self.partial(""), self.0)?)
    }

    fn partial(&self, suffix: &str) -> std::path::PathBuf {
        let mut name = self.0.as_os_str().to_owned();
        name.push(".partial");
        name.push(suffix);
        name.into()
    }
}

/// Bytes of bodies in one append.
const APPEND: usize = 16 << 20;

#[cfg(test)]
mod tests;
