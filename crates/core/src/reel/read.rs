//! From an input to its items.

use std::fs::File;
use std::io::Read;
use std::ops::ControlFlow;
use std::path::Path;

use crate::input;
use crate::origin::ItemName;

use super::bytes::{Bytes, SpoolFault};
use super::codes;
use super::content::{self, HEAD, Kind};
use super::directory::{self, Root};
use super::edition::Edition;
use super::error::ReelError;
use super::fault::{Fault, Stop};
use super::feed::{Buffered, InOrder};
use super::item_sink::{ItemSink, Place};
use super::limits::{Budget, Limits};
use super::source::{Input, InputRecord, Item};
use super::zip;

/// Reads an input and hands out what it holds, item by item, in the order in which it is there.
///
/// Every item is handed out exactly once, as a candidate or as a finding. What an input holds is never an error: an
/// archive that cannot be read is one rejection, named after the archive. `stdin` is read for [`Input::Stdin`] only
/// and set aside first, so that it is judged as a file of the same bytes would be. The receiver ends the reading by
/// breaking; then the records of what had been read to its end are returned.
///
/// Memory stays bounded by the limits: 80 MiB for the names of an archive's entries, and 8 bytes an entry of a zip
/// archive where they are in another order than its directory lists them (the names of a directory's files are held as
/// they are). Nothing is written but nameless files in `scratch_dir`.
///
/// # Errors
/// The environment's faults: the input cannot be opened or read, is neither file nor directory, changes while it is
/// read; the scratch directory cannot be written to.
pub fn read(
    input: &Input,
    stdin: Option<&mut dyn Read>,
    limits: &Limits,
    scratch_dir: &Path,
    each: &mut dyn FnMut(Item) -> ControlFlow<()>,
) -> Result<Vec<InputRecord>, ReelError> {
    let budget = Budget::new(limits.total_bytes);
    let mut sink = ItemSink::new(limits, &budget, scratch_dir, each);
    let mut records = Vec::new();
    let outcome = match input {
        Input::Path(path) => read_path(&mut sink, path, input, &mut records),
        Input::Stdin => read_stdin(&mut sink, stdin, &mut records),
    };
    match outcome {
        Ok(()) | Err(Fault::Stop(Stop::Finished)) => Ok(records),
        Err(Fault::Stop(Stop::Error(error))) => Err(error),
        Err(Fault::Content { .. } | Fault::Exhausted { .. }) => unreachable!("settled where the item's name is known"),
    }
}

fn read_path(sink: &mut ItemSink<'_>, path: &Path, input: &Input, records: &mut Vec<InputRecord>) -> Result<(), Fault> {
    let failed = |source| ReelError::Io { path: path.to_owned(), source };
    let (last, name) = (input.last(), input.name());
    // Looked at before it is opened: opening a pipe would wait for a writer.
    let kind = std::fs::metadata(path).map_err(failed)?.file_type();
    let mut raw = sink.limits.total_bytes;
    if kind.is_dir() {
        let root = Root { name, path, last };
        return directory::read(sink, &root, records, &mut |sink, place, file, path| {
            read_file(sink, place, file, path, &mut raw)
        });
    }
    if !kind.is_file() {
        return Err(ReelError::NotAFile { path: path.to_owned() }.into());
    }
    let place = Place::outside(name, last);
    let outcome = input::open(path).map_err(|error| failed(error).into());
    match outcome.and_then(|file| read_file(sink, &place, file, path, &mut raw)) {
        Ok(record) => records.push(record),
        Err(fault) => sink.settle(&place.name, Err(fault))?,
    }
    Ok(())
}

fn read_stdin(
    sink: &mut ItemSink<'_>,
    stdin: Option<&mut dyn Read>,
    records: &mut Vec<InputRecord>,
) -> Result<(), Fault> {
    let name = ItemName::input(b"-");
    let stdin = stdin.ok_or(ReelError::StdinMissing)?;
    let limit = sink.limits.total_bytes;
    let bytes = Bytes::spool(stdin, limit, sink.scratch).map_err(|fault| match fault {
        SpoolFault::Read(source) => ReelError::StdinRead { name: name.clone(), source },
        SpoolFault::Write(error) => error,
    })?;
    let place = Place::outside(name, b"");
    if bytes.length() > limit {
        return sink.settle(&place.name, Err(too_large(limit)));
    }
    records.push(read_bytes(sink, &place, bytes)?);
    Ok(())
}

/// `raw` is what is left of the limit on the files themselves: an attacker can make a sparse file of terabytes at no
/// cost.
fn read_file(
    sink: &mut ItemSink<'_>,
    place: &Place<'_>,
    file: File,
    path: &Path,
    raw: &mut u64,
) -> Result<InputRecord, Fault> {
    let bytes = Bytes::input(file, path)?;
    *raw = raw.checked_sub(bytes.length()).ok_or_else(|| too_large(sink.limits.total_bytes))?;
    read_bytes(sink, place, bytes)
}

fn too_large(limit: u64) -> Fault {
    let reason = format!("the input has more than {limit} octets; reading stopped here");
    Fault::Exhausted { code: codes::LIMIT_TOTAL_BYTES, reason }
}

/// Reads one file's content and hands out its items.
fn read_bytes(sink: &mut ItemSink<'_>, place: &Place<'_>, mut bytes: Bytes) -> Result<InputRecord, Fault> {
    let (budget, first) = (sink.budget, sink.items());
    if is_zip(&bytes, sink.limits.edition)? {
        // the archive itself counts as well as what comes out of it
        let charged = budget.charge(bytes.length()).and_then(|()| place.open(sink.limits));
        let outcome = charged.and_then(|inside| zip::read(sink, &inside, &mut bytes));
        sink.settle(&place.name, outcome)?;
    } else if let Some(mut content) = bytes.in_memory() {
        budget.charge(content.len() as u64)?;
        content::read(sink, place, &mut content)?;
    } else {
        content::read(sink, place, &mut Buffered::new(InOrder::new(&mut bytes, budget)))?;
    }
    let length = bytes.length();
    Ok(InputRecord { name: place.name.clone(), bytes: length, sha256: bytes.finish()?, first })
}

/// A zip archive begins or ends as one: something may be before it, a program that unpacks it, for instance.
fn is_zip(bytes: &Bytes, edition: Edition) -> Result<bool, Fault> {
    let mut head = vec![0; usize::try_from(bytes.length()).unwrap_or(HEAD).min(HEAD)];
    bytes.peek_at(0, &mut head)?;
    match Kind::of(&head, edition) {
        Kind::Zip => Ok(true),
        Kind::Other | Kind::Plain(_) | Kind::Text | Kind::Utf16(_) => zip::ends_like_zip(bytes),
        Kind::Der | Kind::Empty | Kind::Gzip | Kind::Pkcs7 | Kind::Tar | Kind::Unread(_) => Ok(false),
    }
}
