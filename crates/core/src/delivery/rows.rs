//! The chips of a batch one after the other: line, certificate and source leaf of each, read side by side.

use crate::manifest::ENTRIES_FILE;
use crate::origin::Uid;

use super::error::DeliveryError;
use super::read::{BatchReader, CertificateStream, Lines, StoredCertificate};

/// What a batch has of one chip. Nothing about it is believed but its place.
#[derive(Debug)]
pub struct Row {
    /// The number of the line, from 1.
    pub number: u64,
    /// The line.
    pub line: String,
    /// The new certificate.
    pub certificate: StoredCertificate,
    source: Option<StoredCertificate>,
}

/// The rows of a batch.
pub struct Rows {
    lines: Lines,
    certificates: CertificateStream,
    sources: Option<CertificateStream>,
    number: u64,
}

/// Lines, certificates and source leaves that do not go on together.
#[derive(Debug)]
pub struct Torn {
    /// What could not be read, by file.
    pub failed: Vec<(&'static str, DeliveryError)>,
    /// Which of them have no more.
    pub ended: Vec<&'static str>,
    /// How many rows there were before.
    pub after: u64,
    what: &'static str,
}

impl Row {
    /// The source leaf.
    ///
    /// # Panics
    /// The rows were read without source leaves.
    pub fn source(&self) -> &StoredCertificate {
        self.source.as_ref().expect("the rows are read with their source leaves")
    }

    /// Checks that certificate and source leaf are those of the chip that the line names.
    ///
    /// # Errors
    /// One is named after another chip.
    pub fn check_uid(&self, uid: &Uid) -> Result<(), DeliveryError> {
        let mut named = std::iter::once(&self.certificate).chain(&self.source);
        if named.all(|stored| stored.uid == *uid) {
            Ok(())
        } else {
            Err(DeliveryError::EntryDiffers { uid: *uid, what: "UID" })
        }
    }
}

impl Rows {
    /// Reads lines, certificates and source leaves.
    ///
    /// # Errors
    /// One of them is missing.
    pub fn open(reader: &BatchReader) -> Result<Self, DeliveryError> {
        Ok(Self::new(reader.lines(ENTRIES_FILE)?, reader.certificates()?, Some(reader.sources()?)))
    }

    /// Reads lines and certificates alone.
    ///
    /// # Errors
    /// One of them is missing.
    pub fn without_sources(reader: &BatchReader) -> Result<Self, DeliveryError> {
        Ok(Self::new(reader.lines(ENTRIES_FILE)?, reader.certificates()?, None))
    }

    /// Reads what was opened one by one.
    pub fn new(lines: Lines, certificates: CertificateStream, sources: Option<CertificateStream>) -> Self {
        Self { lines, certificates, sources, number: 0 }
    }

    /// The next row. After an error the rest is out of step, unless all three ended.
    ///
    /// # Errors
    /// One of the three cannot be read, or has no more while another one has.
    pub fn next_row(&mut self) -> Result<Option<Row>, Torn> {
        let mut failed = Vec::new();
        let line = kept(self.lines.next_line().map(|line| line.map(str::to_owned)), ENTRIES_FILE, &mut failed);
        let certificate = kept(self.certificates.next_certificate(), CERTIFICATES, &mut failed);
        let with_sources = self.sources.is_some();
        let source = self.sources.as_mut().and_then(|read| kept(read.next_certificate(), SOURCES, &mut failed));
        let complete = source.is_some() == with_sources;
        match (line, certificate, source) {
            (Some(line), Some(certificate), source) if complete => {
                self.number += 1;
                Ok(Some(Row { number: self.number, line, certificate, source }))
            }
            (None, None, None) if failed.is_empty() => Ok(None),
            (line, certificate, source) => {
                let ended = [
                    (line.is_none(), "lines"),
                    (certificate.is_none(), "certificates"),
                    (with_sources && source.is_none(), "sources"),
                ];
                let ended = ended.into_iter().filter(|(ended, _)| *ended).map(|(_, what)| what).collect();
                let what = if with_sources {
                    "is not as many as certificates and sources"
                } else {
                    "is not as many as certificates"
                };
                Err(Torn { failed, ended, after: self.number, what })
            }
        }
    }

    /// Ends reading: what is left of the lines is read for their digest.
    pub fn into_parts(self) -> (Lines, CertificateStream, Option<CertificateStream>) {
        (self.lines, self.certificates, self.sources)
    }
}

/// The first thing that is wrong.
impl From<Torn> for DeliveryError {
    fn from(torn: Torn) -> Self {
        let uneven = Self::Line { name: ENTRIES_FILE.to_owned(), line: torn.after + 1, what: torn.what };
        torn.failed.into_iter().next().map_or(uneven, |(_, error)| error)
    }
}

/// What was read, if anything; a failure is noted with its file.
fn kept<T>(
    read: Result<Option<T>, DeliveryError>,
    name: &'static str,
    failed: &mut Vec<(&'static str, DeliveryError)>,
) -> Option<T> {
    read.unwrap_or_else(|error| {
        failed.push((name, error));
        None
    })
}

const CERTIFICATES: &str = "certificates.zip";
const SOURCES: &str = "sources.zip";
