//! What became of items that get no certificate: set aside while a run goes on, then listed in the order of the input.
//!
//! An archive of 100 kB can make a million findings, so none of them stays in memory but the few that are shown: they
//! are in a scratch file, as the leaves are. Item names share their archive's name there, and reasons their text.
//!
//! Guarantees: every finding is listed once, in the order of the items; memory is bounded for any number of findings.
//! What a finding means is decided by its stage.

use std::collections::BTreeMap;
use std::io::{BufReader, BufWriter, Read, Write};
use std::path::Path;
use std::sync::Arc;

use crate::durable::{self, Access, DurableError, output};
use crate::input;
use crate::manifest::FindingLine;
use crate::origin::{Code, Disposition, Finding, ItemName, Uid};
use crate::reel::{ReelError, Sorted, SortedRecord, SortedRecords, SortedSpool};
use crate::text::Printable;
use crate::x509::Sha256Digest;

/// Findings kept in memory in order to be shown; the others are only counted there.
pub const SHOWN: usize = 1_000;

/// Findings of one code and disposition.
#[derive(Clone, Debug)]
pub struct CodeCount {
    /// How many.
    pub count: u64,
    /// The first of them in the order of the input.
    pub first: Finding,
    /// The position of its item.
    pub number: u64,
    /// Stands for the code in the scratch file.
    short: u16,
}

/// Findings of a run that goes on.
#[derive(Debug)]
pub struct FindingSpool {
    sorted: SortedSpool,
    codes: BTreeMap<(Code, Disposition), CodeCount>,
}

impl FindingSpool {
    /// No findings yet. A file is made in `scratch` only if there are many.
    pub fn new(scratch: &Path) -> Self {
        Self { sorted: SortedSpool::new(scratch), codes: BTreeMap::new() }
    }

    /// No findings, where these are.
    #[must_use]
    pub fn empty(&self) -> Self {
        Self::new(self.sorted.folder())
    }

    /// Sets aside the finding of the item at this position of the input.
    ///
    /// # Errors
    /// The scratch file cannot be written.
    pub fn push(&mut self, number: u64, finding: Finding) -> Result<(), ReelError> {
        self.push_with(number, finding, &[])
    }

    /// As [`push`](Self::push), with bytes that come back with the finding.
    pub(crate) fn push_with(&mut self, number: u64, finding: Finding, more: &[u8]) -> Result<(), ReelError> {
        let short = u16::try_from(self.codes.len()).expect("codes are a few hundred");
        let name = finding.item.clone();
        let key = (finding.code, finding.disposition);
        let known = self.codes.get_mut(&key);
        let body = body(&finding, known.as_ref().map_or(short, |known| known.short), more);
        match known {
            Some(known) if known.number <= number => known.count += 1,
            Some(known) => *known = CodeCount { count: known.count + 1, first: finding, number, short: known.short },
            None => drop(self.codes.insert(key, CodeCount { count: 1, first: finding, number, short })),
        }
        self.sorted.add(SortedRecord { key: number.into(), name: name.as_str().as_bytes(), body: &body })
    }

    /// Findings so far.
    pub fn len(&self) -> u64 {
        self.sorted.count()
    }

    /// Returns whether the list has no finding.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Findings so far of this disposition.
    pub fn count(&self, disposition: Disposition) -> u64 {
        count(&self.codes, disposition)
    }

    /// Puts the findings in order.
    ///
    /// # Errors
    /// The scratch file cannot be written or read.
    pub fn finish(self) -> Result<Findings, ReelError> {
        let mut kinds: Vec<(u16, Code, Disposition)> =
            self.codes.iter().map(|((code, disposition), known)| (known.short, *code, *disposition)).collect();
        kinds.sort_unstable_by_key(|(short, _, _)| *short);
        let kinds = kinds.into_iter().map(|(_, code, disposition)| (code, disposition)).collect();
        let mut listed = Listed { sorted: self.sorted.finish()?, kinds, codes: self.codes, shown: Vec::new() };
        let mut records = Reading(Some((&listed, listed.sorted.records())));
        let mut shown = Vec::new();
        while shown.len() < SHOWN
            && let Some(placed) = records.next_finding()?
        {
            shown.push(placed.finding);
        }
        listed.shown = shown;
        Ok(Findings(Some(Arc::new(listed))))
    }
}

/// Every finding of a run, in the order of the input. Copies share what they list.
#[derive(Clone, Debug, Default)]
pub struct Findings(Option<Arc<Listed>>);

#[derive(Debug)]
struct Listed {
    sorted: Sorted,
    /// Of each short code, in order.
    kinds: Vec<(Code, Disposition)>,
    codes: BTreeMap<(Code, Disposition), CodeCount>,
    shown: Vec<Finding>,
}

impl Findings {
    /// Number of findings.
    pub fn len(&self) -> u64 {
        self.0.as_ref().map_or(0, |listed| listed.sorted.count())
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Number of findings of this disposition.
    pub fn count(&self, disposition: Disposition) -> u64 {
        count(self.codes(), disposition)
    }

    /// Returns the counts by code, with the first finding of each. The same code may
    /// reject one item and ignore a different one.
    pub fn codes(&self) -> &BTreeMap<(Code, Disposition), CodeCount> {
        static NONE: BTreeMap<(Code, Disposition), CodeCount> = BTreeMap::new();
        self.0.as_ref().map_or(&NONE, |listed| &listed.codes)
    }

    /// The first [`SHOWN`] findings: all of them, if there are no more.
    pub fn first(&self) -> &[Finding] {
        self.0.as_ref().map_or(&[], |listed| &listed.shown)
    }

    /// Goes through all of them.
    pub(crate) fn read(&self) -> Reading<'_> {
        Reading(self.0.as_ref().map(|listed| (&**listed, listed.sorted.records())))
    }

    /// Hands over the line of every finding as `rejected.jsonl` has it, with its newline.
    ///
    /// # Errors
    /// The scratch file cannot be read, or what `each` says.
    pub fn lines<E: From<ReelError>>(&self, mut each: impl FnMut(&[u8]) -> Result<(), E>) -> Result<(), E> {
        let mut reading = self.read();
        while let Some(placed) = reading.next_finding()? {
            let mut line = FindingLine::new(&placed.finding).line();
            line.push('\n');
            each(line.as_bytes())?;
        }
        Ok(())
    }

    /// Writes all of them as lines of JSON, in the form of `rejected.jsonl`, to a file that appears whole.
    ///
    /// A file that is there already stays as it is: if it says just this, there is nothing to do, since running the same
    /// command again is always safe.
    ///
    /// # Errors
    /// The name is taken by something else, the file cannot be written, or the scratch file cannot be read.
    pub fn write_to(&self, path: &Path) -> Result<(), FindingsError> {
        let mut partial = path.file_name().unwrap_or_default().to_owned();
        partial.push(".partial");
        let partial = path.with_file_name(partial);
        if !output::is_free(path) {
            if !self.is_written(path)? {
                return Err(FindingsError::Taken { path: path.to_owned() });
            }
            // it has both names if a run was killed just then
            return Ok(durable::remove_partial_file(&partial)?);
        }
        // an interrupted run may have left one: the name is this command's alone
        durable::remove_partial_file(&partial)?;
        let failed = |source| FindingsError::from(DurableError::Io { doing: "write", path: partial.clone(), source });
        let mut file = BufWriter::with_capacity(1 << 20, durable::create_new(&partial, Access::Public)?);
        self.lines(|line| file.write_all(line).map_err(failed))?;
        file.flush().map_err(failed)?;
        output::sync_file(&partial, file.get_ref())?;
        Ok(output::publish(&partial, path)?)
    }

    /// Whether a file has just these lines.
    fn is_written(&self, path: &Path) -> Result<bool, FindingsError> {
        let Ok(file) = input::open(path) else { return Ok(false) };
        if !file.metadata().is_ok_and(|found| found.is_file()) {
            return Ok(false);
        }
        let mut file = BufReader::new(file);
        let mut same = true;
        let mut found = Vec::new();
        self.lines(|line| {
            found.resize(line.len(), 0);
            same = same && file.read_exact(&mut found).is_ok() && found == line;
            Ok::<(), ReelError>(())
        })?;
        Ok(same && matches!(file.read(&mut [0]), Ok(0)))
    }
}

/// Reads findings one after the other.
#[derive(Debug)]
pub(crate) struct Reading<'a>(Option<(&'a Listed, SortedRecords<'a>)>);

/// A finding and where its item is in the input.
#[derive(Debug)]
pub(crate) struct Placed {
    pub(crate) number: u64,
    pub(crate) finding: Finding,
    /// What was pushed with it.
    pub(crate) more: Vec<u8>,
}

impl Reading<'_> {
    /// The next finding.
    ///
    /// # Errors
    /// The scratch file cannot be read, or is not as it was written.
    pub(crate) fn next_finding(&mut self) -> Result<Option<Placed>, ReelError> {
        let Some((listed, records)) = &mut self.0 else { return Ok(None) };
        let Some(record) = records.next_record()? else { return Ok(None) };
        let placed = placed(&listed.kinds, record);
        placed.map(Some).ok_or_else(|| ReelError::SpoolRead { source: std::io::ErrorKind::InvalidData.into() })
    }
}

fn count(codes: &BTreeMap<(Code, Disposition), CodeCount>, disposition: Disposition) -> u64 {
    codes.iter().filter(|((_, of), _)| *of == disposition).map(|(_, known)| known.count).sum()
}

/// Code and reason first, which neighbours share.
fn body(finding: &Finding, short: u16, more: &[u8]) -> Vec<u8> {
    let uid = finding.uid.as_ref().map_or(&[][..], Uid::as_bytes);
    let digest = finding.source_sha256.as_ref().map_or(&[][..], |digest| &digest.as_bytes()[..]);
    let mut body = Vec::with_capacity(8 + finding.reason.len() + uid.len() + digest.len() + more.len());
    body.extend_from_slice(&short.to_be_bytes());
    body.extend_from_slice(&u32::try_from(finding.reason.len()).expect("a reason is short").to_be_bytes());
    body.extend_from_slice(finding.reason.as_bytes());
    for part in [uid, digest] {
        body.push(u8::try_from(part.len()).expect("20 or 32 bytes at most"));
        body.extend_from_slice(part);
    }
    body.extend_from_slice(more);
    body
}

fn placed(kinds: &[(Code, Disposition)], record: SortedRecord<'_>) -> Option<Placed> {
    let (short, rest) = record.body.split_first_chunk::<2>()?;
    let (code, disposition) = *kinds.get(usize::from(u16::from_be_bytes(*short)))?;
    let (length, rest) = rest.split_first_chunk::<4>()?;
    let (reason, rest) = rest.split_at_checked(usize::try_from(u32::from_be_bytes(*length)).ok()?)?;
    let (length, rest) = rest.split_first()?;
    let (uid, rest) = rest.split_at_checked(usize::from(*length))?;
    let (length, rest) = rest.split_first()?;
    let (digest, more) = rest.split_at_checked(usize::from(*length))?;
    let item = ItemName::from_escaped(std::str::from_utf8(record.name).ok()?).ok()?;
    let uid = if uid.is_empty() { None } else { Some(Uid::from_bytes(uid).ok()?) };
    let digest = if digest.is_empty() { None } else { Some(Sha256Digest::new(digest.try_into().ok()?)) };
    let reason = std::str::from_utf8(reason).ok()?;
    let finding = match disposition {
        Disposition::Ignored => Finding::ignored(item, code, reason),
        Disposition::Rejected => Finding::rejected(item, code, reason),
    };
    Some(Placed { number: u64::try_from(record.key).ok()?, finding: finding.of(uid, digest), more: more.to_vec() })
}

/// Why findings cannot be listed in a file.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FindingsError {
    /// The file cannot be written.
    #[error(transparent)]
    Durable(#[from] DurableError),
    /// The scratch file cannot be read.
    #[error(transparent)]
    Reel(#[from] ReelError),
    /// There is a file of this name that says something else.
    #[error("`{}` exists already and does not list these findings", Printable::new(path))]
    Taken {
        /// The name.
        path: std::path::PathBuf,
    },
}

impl FindingsError {
    /// What to do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Taken { .. } => Some("Nothing is ever overwritten: name another file, or move this one away.".into()),
            Self::Durable(_) | Self::Reel(_) => None,
        }
    }
}

#[cfg(test)]
mod tests;
