//! A batch as a directory: written beside its final name, then renamed without replacing.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use crate::durable::output::Shape;
use crate::durable::{self, Access, DurableError};
use crate::manifest::{
    self, ENTRIES_FILE, Entry, FileDigest, INPUTS_FILE, MISSING_FILE, REJECTED_FILE, SEAL_FILE, STATEMENT_FILE,
};
use crate::origin::Uid;
use crate::parallel;
use crate::x509::{Sha256Digest, Time};

use super::error::DeliveryError;
use super::output::{Output, WrittenFile};
use super::parts::{ENTRIES_PER_PART, Parts};
use super::pem::certificate_to_pem;
use super::staged::Staged;
use super::zip::Stamp;

/// An encoding of the new certificates.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Form {
    /// `<UID>.der`
    Der,
    /// `<UID>.pem`
    Pem,
}

impl Form {
    /// At least one form, sorted, each once.
    pub(super) fn sorted(forms: &[Self]) -> Result<Vec<Self>, DeliveryError> {
        if forms.is_empty() {
            return Err(DeliveryError::NoForm);
        }
        let mut forms = forms.to_vec();
        forms.sort_unstable();
        forms.dedup();
        Ok(forms)
    }

    /// Name of a chip's file in this form.
    pub(super) fn file_name(self, uid: &Uid) -> String {
        match self {
            Self::Der => format!("{uid}.der"),
            Self::Pem => format!("{uid}.pem"),
        }
    }

    /// The certificate in this form; in PEM this text follows.
    pub(super) fn encode<'a>(self, der: &'a [u8], chain: &str) -> Cow<'a, [u8]> {
        match self {
            Self::Der => Cow::Borrowed(der),
            Self::Pem => Cow::Owned((certificate_to_pem(der) + chain).into_bytes()),
        }
    }

    /// The word for operators.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Der => "der",
            Self::Pem => "pem",
        }
    }
}

/// Writes a batch directory.
///
/// Everything goes into `<out>.partial-<batch>` beside the output. [`publish`](Self::publish) gives it its name;
/// without that, only the partial directory is left, which the next run of the same batch removes.
pub struct BatchWriter {
    staged: Staged,
    forms: Vec<Form>,
    open: Option<Open>,
    /// Small files, complete but for their flush: one flush waits as long as many at once.
    small: Vec<Output>,
    files: Vec<WrittenFile>,
    statement: bool,
    seal: bool,
}

/// What is open until the report.
struct Open {
    certificates: Parts,
    sources: Parts,
    entries: Entries,
    /// Files of lines beside the manifest, by name.
    lines: BTreeMap<String, Output>,
}

/// The manifest's lines.
struct Entries {
    output: Output,
    count: u64,
    last: String,
}

/// What a batch has of one chip.
#[derive(Clone, Copy, Debug)]
pub struct ChipFiles<'a> {
    /// The chip.
    pub uid: &'a Uid,
    /// Its new certificate in DER.
    pub certificate: &'a [u8],
    /// The leaf that it was issued for, in DER.
    pub source: &'a [u8],
    /// The manifest's line, without a newline.
    pub line: &'a str,
}

/// The files of a batch before its statement, sorted by name, all of them on disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    files: Vec<WrittenFile>,
}

impl BatchWriter {
    /// Begins a batch directory. Archive entries carry `issued_at`, so that the same batch is the same bytes.
    ///
    /// # Errors
    /// `out` exists (this is looked at first) or cannot be made; no form is asked for; or something that is not a
    /// directory has the partial directory's name.
    pub fn create(out: &Path, batch: &str, forms: &[Form], issued_at: Time) -> Result<Self, DeliveryError> {
        Self::with_part_limit(out, batch, forms, issued_at, ENTRIES_PER_PART)
    }

    /// As [`create`](Self::create), with numbered parts above `limit` entries.
    pub(super) fn with_part_limit(
        out: &Path,
        batch: &str,
        forms: &[Form],
        issued_at: Time,
        limit: u64,
    ) -> Result<Self, DeliveryError> {
        Self::check_free(out)?;
        let partial = partial_path(out, batch)?;
        let forms = Form::sorted(forms)?;
        // certificates that are not published are the owner's alone
        let staged = Staged::create(out, partial.clone())?.private()?;
        let stamp = Stamp::new(issued_at);
        let open = Open {
            certificates: Parts::create(partial.clone(), CERTIFICATES, limit, stamp)?,
            sources: Parts::create(partial.clone(), SOURCES, limit, stamp)?,
            entries: Entries { output: Output::create(&partial, ENTRIES_FILE)?, count: 0, last: String::new() },
            lines: BTreeMap::new(),
        };
        Ok(Self {
            staged,
            forms,
            open: Some(open),
            small: Vec::new(),
            files: Vec::new(),
            statement: false,
            seal: false,
        })
    }

    /// Directories that runs with this output left unfinished, sorted by name.
    pub fn leftovers(out: &Path) -> Vec<PathBuf> {
        let Some(name) = out.file_name() else { return vec![] };
        let begin = [name.as_bytes(), PARTIAL_MARK.as_bytes()].concat();
        let entries = std::fs::read_dir(durable::parent(out)).into_iter().flatten().flatten();
        let mut found: Vec<PathBuf> = entries
            .filter(|entry| entry.file_name().as_bytes().starts_with(&begin) && entry.path().is_dir())
            .map(|entry| out.with_file_name(entry.file_name()))
            .collect();
        found.sort();
        found
    }

    /// The batch whose unfinished directory this is, by its name.
    pub fn unfinished(place: &Path) -> Option<&str> {
        let (_, batch) = place.file_name()?.to_str()?.rsplit_once(PARTIAL_MARK)?;
        Some(batch)
    }

    /// Proves that a batch could be started at `out`, without writing anything.
    ///
    /// # Errors
    /// `out` exists, has no name, or there is no directory to hold it.
    pub fn check_free(out: &Path) -> Result<(), DeliveryError> {
        if !durable::output::is_free(out) {
            return Err(DeliveryError::OutputExists { path: out.to_owned() });
        }
        if out.file_name().is_none() {
            return Err(DeliveryError::OutputName { path: out.to_owned() });
        }
        let parent = durable::parent(out);
        if !parent.is_dir() {
            return Err(DeliveryError::OutputParent { path: parent.to_owned() });
        }
        // a sealed batch with one more file is refused by every verifier
        if [STATEMENT_FILE, SEAL_FILE].iter().all(|name| parent.join(name).symlink_metadata().is_ok()) {
            return Err(DeliveryError::InsideBatch { path: out.to_owned(), batch: parent.to_owned() });
        }
        Ok(())
    }

    /// As [`check_free`](Self::check_free), and tries out whether the file system of `out` can hold a batch and give it
    /// its name. Leaves nothing behind.
    ///
    /// # Errors
    /// As [`check_free`](Self::check_free), or as [`durable::output::check`].
    pub fn check_place(out: &Path) -> Result<(), DeliveryError> {
        check_place(out, Shape::directory(PARTIAL, LONGEST_FILE))
    }

    /// Adds a line to a file of lines, such as `rejected.jsonl`, creating it with its first line.
    ///
    /// # Errors
    /// The name is not one for a file of lines, the line is not printable ASCII or longer than 64 KiB, or writing
    /// fails.
    pub fn line(&mut self, name: &str, line: &str) -> Result<(), DeliveryError> {
        let partial = self.staged.folder();
        let open = self.open.as_mut().ok_or_else(|| DeliveryError::Finished { what: name.to_owned() })?;
        check_line(name, line, open.entries.count)?;
        if !open.lines.contains_key(name) {
            check_file_name(name)?;
            open.lines.insert(name.to_owned(), Output::create(partial, name)?);
        }
        append_line(open.lines.get_mut(name).expect("the file was just created"), line)
    }

    /// Adds a whole file: before [`finish`](Self::finish), which brings it to disk, any of the batch's small files; after
    /// it the statement and its seal, once each, which are on disk on return.
    ///
    /// # Errors
    /// The name is not one for a file of a batch, or not at this time; the file exists; or writing fails.
    pub fn add_file(&mut self, name: &str, content: &[u8]) -> Result<(), DeliveryError> {
        self.add_pieces(name, |write| write(content))
    }

    /// As [`add_file`](Self::add_file), of a content that comes in pieces and need not fit into memory.
    ///
    /// # Errors
    /// As there, or `content` failed.
    pub fn add_pieces<E: From<DeliveryError>>(
        &mut self,
        name: &str,
        content: impl FnOnce(&mut dyn FnMut(&[u8]) -> Result<(), DeliveryError>) -> Result<(), E>,
    ) -> Result<(), E> {
        check_file_name(name)?;
        let after = matches!(name, STATEMENT_FILE | SEAL_FILE);
        match (after, self.open.is_some()) {
            (true, true) => {
                return Err(DeliveryError::Incomplete { missing: "the report before statement and seal" }.into());
            }
            (false, false) => return Err(DeliveryError::Finished { what: name.to_owned() }.into()),
            _ => {}
        }
        let mut output = Output::create(self.staged.folder(), name)?;
        content(&mut |piece| output.append(piece))?;
        if after {
            output.finish()?;
            self.statement |= name == STATEMENT_FILE;
            self.seal |= name == SEAL_FILE;
        } else {
            self.small.push(output);
        }
        Ok(())
    }

    /// Completes archives and files of lines and reports all files so far. `rejected.jsonl` and `inputs.jsonl` exist
    /// from now on, if need be empty.
    ///
    /// # Errors
    /// Certificates, sources and lines are not equally many, or writing fails.
    pub fn finish(&mut self) -> Result<Report, DeliveryError> {
        let finished = || DeliveryError::Finished { what: "batch".to_owned() };
        let open = self.open.take().ok_or_else(finished)?;
        let (certificates, sources) = (open.certificates.chips(), open.sources.chips());
        let Open { certificates: new, sources: old, entries, lines } = open;
        if certificates != entries.count || sources != entries.count {
            return Err(DeliveryError::Counts { certificates, sources, entries: entries.count });
        }
        let small = std::mem::take(&mut self.small);
        let mut others: Vec<Output> = lines.into_values().chain([entries.output]).chain(small).collect();
        for name in [REJECTED_FILE, INPUTS_FILE] {
            if !others.iter().any(|file| file.name() == name) {
                others.push(Output::create(self.staged.folder(), name)?);
            }
        }
        // a disk takes its time for each file, but not ten times as long for ten at once
        let others = || parallel::map_each(others, Output::finish).into_iter().collect::<Result<Vec<_>, _>>();
        let (certificates, (sources, others)) =
            parallel::both(|| new.finish(), || parallel::both(|| old.finish(), others));
        self.files.extend(certificates?.into_iter().chain(sources?).chain(others?));
        self.files.sort_by(|one, other| one.name.cmp(&other.name));
        Ok(Report { files: self.files.clone() })
    }

    /// Gives the batch its name: everything in it is on disk before, the name is on disk after.
    ///
    /// # Errors
    /// The batch lacks its report, statement or seal; its name was taken in the meantime; or the file system fails.
    /// The partial directory is left then.
    pub fn publish(self) -> Result<(), DeliveryError> {
        for (there, missing) in [
            (self.open.is_none(), "the report"),
            (self.statement, manifest::STATEMENT_FILE),
            (self.seal, manifest::SEAL_FILE),
        ] {
            if !there {
                return Err(DeliveryError::Incomplete { missing });
            }
        }
        self.staged.publish()
    }

    /// Gives the batch up and removes what was written of it.
    ///
    /// # Errors
    /// Removing fails.
    pub fn abandon(self) -> Result<(), DeliveryError> {
        self.staged.remove()
    }
}

impl BatchWriter {
    /// Takes certificates, leaves and lines of chips, in strictly increasing order of UIDs. The archives and the manifest
    /// are written at the same time. On return the content is taken over, but not yet on disk.
    ///
    /// # Errors
    /// The batch has its report, the order is another, a line is not one of the manifest, or writing fails. Then the batch
    /// cannot be completed.
    pub fn add(&mut self, chips: &[ChipFiles<'_>]) -> Result<(), DeliveryError> {
        let finished =
            || DeliveryError::Finished { what: chips.first().map_or(String::new(), |chip| chip.uid.to_string()) };
        let Open { certificates, sources, entries, .. } = self.open.as_mut().ok_or_else(finished)?;
        let forms = &self.forms;
        let new = || chips.iter().try_for_each(|chip| add_certificate(certificates, forms, chip.uid, chip.certificate));
        let old = || chips.iter().try_for_each(|chip| sources.add(chip.uid, &[(".der", chip.source)]));
        let lines = || chips.iter().try_for_each(|chip| entries.add(chip.line));
        let (new, (old, lines)) = parallel::both(new, || parallel::both(old, lines));
        new.and(old).and(lines)
    }
}

fn add_certificate(to: &mut Parts, forms: &[Form], uid: &Uid, der: &[u8]) -> Result<(), DeliveryError> {
    match forms {
        [Form::Der] => to.add(uid, &[(".der", der)]),
        [Form::Pem] => to.add(uid, &[(".pem", certificate_to_pem(der).as_bytes())]),
        _ => to.add(uid, &[(".der", der), (".pem", certificate_to_pem(der).as_bytes())]),
    }
}

impl Entries {
    fn add(&mut self, line: &str) -> Result<(), DeliveryError> {
        // hexadecimal of one case sorts as the bytes do
        let Some(uid) = Entry::uid_of(line) else {
            let what = "not a line of the manifest";
            return Err(DeliveryError::Line { name: ENTRIES_FILE.to_owned(), line: self.count + 1, what });
        };
        if *self.last >= *uid {
            let (previous, found) = (self.last.clone(), uid.to_owned());
            return Err(DeliveryError::Order { what: "entries", previous, found });
        }
        check_line(ENTRIES_FILE, line, self.count)?;
        append_line(&mut self.output, line)?;
        self.count += 1;
        uid.clone_into(&mut self.last);
        Ok(())
    }
}

fn check_line(name: &str, line: &str, entries: u64) -> Result<(), DeliveryError> {
    if line.len() > Entry::MAX_LINE || !is_printable(line) {
        let what = "longer than 64 KiB or not printable ASCII";
        return Err(DeliveryError::Line { name: name.to_owned(), line: entries + 1, what });
    }
    Ok(())
}

fn append_line(to: &mut Output, line: &str) -> Result<(), DeliveryError> {
    to.append(line.as_bytes())?;
    to.append(b"\n")
}

impl Report {
    /// All files, sorted by name.
    pub fn files(&self) -> &[WrittenFile] {
        &self.files
    }

    /// SHA-256 of one file, which every batch has: entries, rejected or inputs.
    pub fn sha256(&self, name: &str) -> Option<Sha256Digest> {
        self.files.iter().find(|file| file.name == name).map(|file| file.sha256)
    }

    /// What the statement's `files` says: every file that no other field of the statement names.
    pub fn other_files(&self) -> Vec<FileDigest> {
        let others = self.files.iter().filter(|file| !LISTED.contains(&file.name.as_str()));
        others.map(|file| FileDigest { name: file.name.clone(), sha256: file.sha256 }).collect()
    }
}

/// Where a batch, or an export of one, is written before it has its name.
pub(super) fn partial_path(out: &Path, batch: &str) -> Result<PathBuf, DeliveryError> {
    if batch.is_empty() || !batch.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f' | b'-')) {
        return Err(DeliveryError::BatchName { found: batch.to_owned() });
    }
    let mut name = out.file_name().ok_or_else(|| DeliveryError::OutputName { path: out.to_owned() })?.to_owned();
    name.push(format!("{PARTIAL_MARK}{batch}"));
    Ok(out.with_file_name(name))
}

/// Tries out whether an output of this shape can be written at `out` and get its name. Leaves nothing behind but the
/// folders above `out`, which are made if they do not exist ([`durable::output::make_parents`]).
///
/// # Errors
/// `out` exists, has no name, or what is to hold it is not a directory; or as [`durable::output::check`].
pub fn check_place(out: &Path, shape: Shape) -> Result<(), DeliveryError> {
    if out.file_name().is_some() {
        durable::output::make_parents(out, Access::Public).map_err(|error| match error {
            DurableError::Io { path, source, .. } if source.kind() == std::io::ErrorKind::NotADirectory => {
                DeliveryError::OutputParent { path }
            }
            other => other.into(),
        })?;
    }
    BatchWriter::check_free(out)?;
    match durable::output::check(out, shape) {
        Err(DurableError::Exists { path }) => Err(DeliveryError::OutputExists { path }),
        other => Ok(other?),
    }
}

/// Whether a line is printable ASCII. Every byte is looked at, without a branch: the compiler takes many at once.
fn is_printable(line: &str) -> bool {
    line.bytes().fold(true, |printable, byte| printable & matches!(byte, 0x20..=0x7E))
}

fn check_file_name(name: &str) -> Result<(), DeliveryError> {
    let plain = |byte| matches!(byte, b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'.' | b'_' | b'-');
    let archive = name.strip_suffix(".zip").is_some();
    if name.is_empty() || name.starts_with(['.', '-']) || !name.bytes().all(plain) || archive {
        return Err(DeliveryError::FileName { found: name.to_owned() });
    }
    Ok(())
}

/// What is between the name of an output and its batch's while it is not finished.
const PARTIAL_MARK: &str = ".partial-";
/// Bytes that [`partial_path`] adds: the name of a batch is a UUID.
pub(super) const PARTIAL: usize = PARTIAL_MARK.len() + 36;
/// Bytes of the longest name in a batch directory.
const LONGEST_FILE: usize = "certificates-0001.zip".len();
pub(super) const CERTIFICATES: &str = "certificates";
pub(super) const SOURCES: &str = "sources";
/// Files that fields of their own in the statement name.
const LISTED: [&str; 4] = [ENTRIES_FILE, REJECTED_FILE, INPUTS_FILE, MISSING_FILE];

#[cfg(test)]
mod tests;
