//! A batch directory read back: its small files, its lines, its certificates, and what should not be there.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use crate::crypto::Sha256;
use crate::input;
use crate::manifest::{
    ENTRIES_FILE, Entry, INPUTS_FILE, MISSING_FILE, REJECTED_FILE, SEAL_FILE, STATEMENT_FILE, Statement,
};
use crate::origin::{ItemName, Uid};

use super::archive::{ArchiveReader, BUFFER, Digesting};
use super::directory::{CERTIFICATES, Form, SOURCES};
use super::error::{DeliveryError, codes};
use super::output::WrittenFile;
use super::parts::{ENTRIES_PER_PART, part_name};
use super::pem::{certificate_from_pem, certificate_to_pem};
use super::zip::Stamp;

/// A batch directory, opened for reading. Links are never followed.
#[derive(Debug)]
pub struct BatchReader {
    folder: PathBuf,
    /// Every name in the directory, escaped, and whether it is a plain file.
    names: BTreeMap<String, bool>,
}

impl BatchReader {
    /// Largest file that [`read`](Self::read) reads, in bytes.
    pub const MAX_FILE: usize = 16 * 1024 * 1024;

    /// Lists a batch directory.
    ///
    /// # Errors
    /// There is no directory, or it cannot be listed.
    pub fn open(folder: &Path) -> Result<Self, DeliveryError> {
        let failed = |source| DeliveryError::Read { path: folder.to_owned(), source };
        if !folder.is_dir() {
            return Err(DeliveryError::NotABatch { path: folder.to_owned() });
        }
        let mut names = BTreeMap::new();
        for found in std::fs::read_dir(folder).map_err(failed)? {
            let found = found.map_err(failed)?;
            let plain = found.file_type().map_err(failed)?.is_file();
            let name = ItemName::input(found.file_name().as_encoded_bytes()).as_str().to_owned();
            names.insert(name, plain);
        }
        Ok(Self { folder: folder.to_owned(), names })
    }

    /// The directory.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Every name in the directory, escaped, sorted.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.names.keys().map(String::as_str)
    }

    /// Names that a batch with this statement does not have: unlisted files, directories, links.
    pub fn unexpected(&self, statement: &Statement) -> Vec<&str> {
        let missing = statement.unmet().is_some();
        let listed = |name: &str| {
            ALWAYS.contains(&name)
                || (missing && name == MISSING_FILE)
                || statement.files.iter().any(|file| file.name == name)
        };
        self.names.iter().filter(|(name, plain)| !**plain || !listed(name)).map(|(name, _)| name.as_str()).collect()
    }

    /// Names of this statement that are not plain files in the directory.
    pub fn missing<'a>(&'a self, statement: &'a Statement) -> Vec<&'a str> {
        let missing = statement.unmet().map(|_| MISSING_FILE);
        let listed = ALWAYS.into_iter().chain(missing).chain(statement.files.iter().map(|file| file.name.as_str()));
        listed.filter(|name| self.names.get(*name) != Some(&true)).collect()
    }

    /// The bytes of a small file.
    ///
    /// # Errors
    /// The file is missing, not a plain file, larger than [`MAX_FILE`](Self::MAX_FILE), or cannot be read.
    pub fn read(&self, name: &str) -> Result<Vec<u8>, DeliveryError> {
        let file = self.file(name)?;
        let mut bytes = Vec::new();
        file.take(Self::MAX_FILE as u64 + 1).read_to_end(&mut bytes).map_err(|source| self.unreadable(name, source))?;
        if bytes.len() > Self::MAX_FILE {
            return Err(DeliveryError::TooLarge { name: name.to_owned(), limit: Self::MAX_FILE });
        }
        Ok(bytes)
    }

    /// Length and digest of any file.
    ///
    /// # Errors
    /// The file is missing, not a plain file, or cannot be read.
    pub fn digest(&self, name: &str) -> Result<WrittenFile, DeliveryError> {
        let mut file = self.file(name)?;
        let (mut digest, mut bytes) = (Sha256::new(), 0);
        let mut buffer = vec![0; BUFFER];
        loop {
            match file.read(&mut buffer).map_err(|source| self.unreadable(name, source))? {
                0 => return Ok(WrittenFile { name: name.to_owned(), bytes, sha256: digest.finish() }),
                count => {
                    digest.update(&buffer[..count]);
                    bytes += count as u64;
                }
            }
        }
    }

    /// The lines of a file, one after the other.
    ///
    /// # Errors
    /// The file is missing or not a plain file.
    pub fn lines(&self, name: &str) -> Result<Lines, DeliveryError> {
        let input = Digesting { inner: self.file(name)?, digest: Sha256::new(), bytes: 0 };
        let input = BufReader::with_capacity(BUFFER, input);
        Ok(Lines { input, path: self.folder.join(name), name: name.to_owned(), number: 0, line: Vec::new() })
    }

    /// The new certificates in UID order, through all parts of the archive.
    ///
    /// # Errors
    /// There is no such archive, or parts of it are missing.
    pub fn certificates(&self) -> Result<CertificateStream, DeliveryError> {
        self.stream(CERTIFICATES, None)
    }

    /// The source leaves in UID order, through all parts of the archive.
    ///
    /// # Errors
    /// There is no such archive, or parts of it are missing.
    pub fn sources(&self) -> Result<CertificateStream, DeliveryError> {
        self.stream(SOURCES, Some(Shape { der: true, pem: false }))
    }

    fn stream(&self, stem: &'static str, shape: Option<Shape>) -> Result<CertificateStream, DeliveryError> {
        let single = part_name(stem, None);
        let mut names = vec![];
        if self.names.contains_key(&single) {
            names.push(single);
        } else {
            names.extend(
                (1..).map(|number| part_name(stem, Some(number))).take_while(|name| self.names.contains_key(name)),
            );
        }
        // the last part comes first when popped
        names.reverse();
        if names.is_empty() {
            return Err(DeliveryError::Missing { name: part_name(stem, None) });
        }
        let files =
            names.iter().map(|name| Ok((name.clone(), self.file(name)?))).collect::<Result<_, DeliveryError>>()?;
        Ok(CertificateStream {
            waiting: files,
            current: None,
            peeked: None,
            shape,
            stamp: None,
            last: None,
            what: stem,
            files: Vec::new(),
            entries: 0,
            most: ENTRIES_PER_PART,
        })
    }

    fn file(&self, name: &str) -> Result<File, DeliveryError> {
        match self.names.get(name) {
            None => Err(DeliveryError::Missing { name: name.to_owned() }),
            Some(false) => Err(DeliveryError::NotAFile { name: name.to_owned() }),
            Some(true) => input::open(&self.folder.join(name)).map_err(|source| self.unreadable(name, source)),
        }
    }

    fn unreadable(&self, name: &str, source: std::io::Error) -> DeliveryError {
        DeliveryError::Read { path: self.folder.join(name), source }
    }
}

/// The lines of a file: printable ASCII, at most 64 KiB each, every one ended by a newline.
pub struct Lines {
    input: BufReader<Digesting<File>>,
    path: PathBuf,
    name: String,
    number: u64,
    line: Vec<u8>,
}

impl Lines {
    /// The next line without its newline.
    ///
    /// # Errors
    /// The line is not as lines are, or reading fails.
    pub fn next_line(&mut self) -> Result<Option<&str>, DeliveryError> {
        self.line.clear();
        let mut limited = (&mut self.input).take(Entry::MAX_LINE as u64 + 1);
        limited
            .read_until(b'\n', &mut self.line)
            .map_err(|source| DeliveryError::Read { path: self.path.clone(), source })?;
        self.number += 1;
        let what = match self.line.pop() {
            None => return Ok(None),
            Some(b'\n') if self.line.iter().all(|byte| matches!(byte, 0x20..=0x7E)) => {
                return Ok(Some(std::str::from_utf8(&self.line).expect("the line was just seen to be ASCII")));
            }
            Some(b'\n') => "is not printable ASCII",
            Some(_) if self.line.len() == Entry::MAX_LINE => "is longer than 64 KiB",
            Some(_) => "is not ended by a newline",
        };
        Err(DeliveryError::Line { name: self.name.clone(), line: self.number, what })
    }

    /// Length and digest of the whole file; lines that were not asked for yet are read for it.
    ///
    /// # Errors
    /// Reading fails.
    pub fn finish(self) -> Result<WrittenFile, DeliveryError> {
        let Self { mut input, path, name, .. } = self;
        std::io::copy(&mut input, &mut std::io::sink()).map_err(|source| DeliveryError::Read { path, source })?;
        let input = input.into_inner();
        Ok(WrittenFile { name, bytes: input.bytes, sha256: input.digest.finish() })
    }
}

/// A certificate as an archive holds it. Nothing about it is believed but its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredCertificate {
    /// The UID in its name.
    pub uid: Uid,
    /// Its bytes: of `<UID>.der`, or those inside `<UID>.pem`.
    pub der: Vec<u8>,
}

/// Which entries a chip has; all chips of an archive have the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Shape {
    der: bool,
    pem: bool,
}

/// Certificates of an archive, through all its parts, in strictly increasing order of UIDs.
pub struct CertificateStream {
    waiting: Vec<(String, File)>,
    current: Option<ArchiveReader<File>>,
    peeked: Option<(Uid, Form, Vec<u8>)>,
    shape: Option<Shape>,
    stamp: Option<Stamp>,
    last: Option<Uid>,
    what: &'static str,
    files: Vec<WrittenFile>,
    /// Entries of the current part that were read, and the most that it may have.
    entries: u64,
    most: u64,
}

impl CertificateStream {
    /// The next certificate. Where both forms are delivered, they were found to be the same certificate.
    ///
    /// # Errors
    /// The archive is not one that batches have: see [`ArchiveReader`]; names that are not UIDs, out of order, or of
    /// changing forms; a PEM text that is not the certificate beside it.
    pub fn next_certificate(&mut self) -> Result<Option<StoredCertificate>, DeliveryError> {
        let first = match self.peeked.take() {
            None => self.next_entry()?,
            peeked => peeked,
        };
        let Some((uid, form, content)) = first else { return Ok(None) };
        if let Some(last) = self.last.as_ref().filter(|last| **last >= uid) {
            let (previous, found) = (last.to_string(), uid.to_string());
            return Err(DeliveryError::Order { what: self.what, previous, found });
        }
        // parts that were read to their end
        let part = self.files.len();
        let (shape, der) = match form {
            Form::Pem => {
                let der = certificate_from_pem(&content);
                (Shape { der: false, pem: true }, der.ok_or_else(|| self.refused("PEM text", "a certificate's"))?)
            }
            Form::Der => match self.next_entry()? {
                Some((same, Form::Pem, _)) if same == uid && self.files.len() > part => {
                    return Err(self.refused("PEM text", "in the part of the certificate"));
                }
                Some((same, Form::Pem, text)) if same == uid => {
                    if text != certificate_to_pem(&content).as_bytes() {
                        return Err(self.refused("PEM text", "the certificate beside it"));
                    }
                    (Shape { der: true, pem: true }, content)
                }
                other => {
                    self.peeked = other;
                    (Shape { der: true, pem: false }, content)
                }
            },
        };
        if *self.shape.get_or_insert(shape) != shape {
            return Err(self.refused("choice of der and pem", "that of the other certificates"));
        }
        self.last = Some(uid);
        Ok(Some(StoredCertificate { uid, der }))
    }

    /// The time that all entries carry, once the last certificate was read; none if there was no certificate.
    pub fn stamp(&self) -> Option<Stamp> {
        self.stamp
    }

    /// Length and digest of each part, once the last certificate was read.
    pub fn files(&self) -> &[WrittenFile] {
        &self.files
    }

    fn next_entry(&mut self) -> Result<Option<(Uid, Form, Vec<u8>)>, DeliveryError> {
        loop {
            if self.current.is_none() {
                let Some((name, file)) = self.waiting.pop() else { return Ok(None) };
                self.current = Some(ArchiveReader::continuing(file, &name, self.stamp));
            }
            let Some(archive) = &mut self.current else { return Ok(None) };
            let at = archive.position();
            if let Some(entry) = archive.next_entry()? {
                self.entries += 1;
                if self.entries > self.most {
                    return Err(archive.refused(at, "number of entries", "at most 1,000,000", codes::ARCHIVE_CONTENT));
                }
                let named = entry.name.split_once('.').and_then(|(stem, suffix)| {
                    let uid: Uid = stem.parse().ok().filter(|uid: &Uid| uid.to_string() == stem)?;
                    match suffix {
                        "der" => Some((uid, Form::Der)),
                        "pem" => Some((uid, Form::Pem)),
                        _ => None,
                    }
                });
                if let Some((uid, form)) = named {
                    return Ok(Some((uid, form, entry.data.to_vec())));
                }
                let expected = "a UID in upper case with .der or .pem";
                return Err(archive.refused(at, "name of an entry", expected, codes::ARCHIVE_NAME));
            }
            if let Some(ended) = self.current.take() {
                self.stamp = ended.stamp();
                self.files.push(ended.finish()?);
                self.entries = 0;
            }
        }
    }

    fn refused(&self, what: &'static str, expected: &'static str) -> DeliveryError {
        let (name, at) = match (&self.current, self.files.last()) {
            (Some(archive), _) => (archive.name().to_owned(), archive.position()),
            (None, Some(file)) => (file.name.clone(), file.bytes),
            (None, None) => (part_name(self.what, None), 0),
        };
        DeliveryError::Archive { name, at, what, expected, code: codes::ARCHIVE_CONTENT }
    }
}

/// Files that every batch has and `files` of its statement does not list.
const ALWAYS: [&str; 5] = [ENTRIES_FILE, REJECTED_FILE, INPUTS_FILE, STATEMENT_FILE, SEAL_FILE];

#[cfg(test)]
mod tests;
