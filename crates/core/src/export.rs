//! `export BATCH`: a sealed batch in the form that a cloud, a network or a person takes in.
//!
//! ```text
//! seal          the statement's signature under a manifest anchor, before a byte of it is parsed
//! issuer        chain.pem is the file that the statement names, and begins with the issuer it names
//! line by line  manifest.jsonl beside certificates.zip: UID, SHA-256 and key of each certificate are those of its line
//! files         what was read to its end has the digests that the statement names
//! publish       only then does the export get its name
//! ```
//!
//! What is exported is therefore what was sealed, to the octet. Whether what was sealed is right, is `verify`'s to find
//! out: export it after `verify`, best on the machine that did.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::crypto::sha256;
use crate::delivery::{
    BatchReader, DeliveryError, ExportOptions, ExportWriter, Form, Object, Target, WrittenFile, Zone,
};
use crate::error::Error;
use crate::manifest::{self, Entry, ManifestAnchor, SignedManifest, Statement};
use crate::x509::{Certificate, Sha256Digest, pem};

/// What to export and where to.
#[expect(missing_debug_implementations, reason = "holds a closure")]
pub struct Export<'a> {
    /// The batch directory.
    pub batch: &'a Path,
    /// Where the export appears.
    pub out: &'a Path,
    /// Who takes it in.
    pub target: Target,
    /// Encodings of plain files.
    pub forms: &'a [Form],
    /// The AWS IoT policy that templates attach.
    pub aws_policy: Option<&'a str>,
    /// The zone that the octets must fit, for that target alone.
    pub zone: Option<Zone>,
    /// Roots of the manifest signer, from the operator, never from the batch. `None`: the seal is not looked at, and
    /// nothing proves where the certificates come from.
    pub anchors: Option<&'a [Certificate]>,
    /// Told how many certificates have been exported.
    pub advance: &'a (dyn Fn(u64) + Sync),
    /// Ends the work early.
    pub cancel: &'a AtomicBool,
}

/// A finished export.
#[derive(Clone, Debug)]
pub struct Exported {
    /// What the batch's signer said; believed if anchors were given.
    pub statement: Statement,
    /// Certificates exported: all of the batch.
    pub certificates: u64,
}

/// Exports a whole batch, or nothing.
///
/// # Errors
/// The batch does not hold ([`Error::NotSealed`], or a [`DeliveryError`] about its content), the target cannot take a
/// certificate, something is at `out`, or the environment fails. Then nothing is left of the export.
pub fn export(job: &Export<'_>) -> Result<Exported, Error> {
    let reader = BatchReader::open(job.batch)?;
    let statement = statement(&reader, job.anchors)?;
    let issuer = issuer(&reader, &statement)?;
    let options = ExportOptions {
        target: job.target,
        batch: &statement.batch,
        issued_at: statement.issued_at,
        issuer: &issuer,
        forms: job.forms,
        aws_policy: job.aws_policy,
        zone: job.zone,
    };
    let mut writer = ExportWriter::create(job.out, &options)?;
    match walk(job, &reader, &statement, &mut writer) {
        Ok(certificates) => {
            writer.publish()?;
            Ok(Exported { statement, certificates })
        }
        Err(error) => {
            // the first error is the one to tell; a partial export has a name of its own
            let _ = writer.abandon();
            Err(error)
        }
    }
}

/// Verify before parse.
fn statement(reader: &BatchReader, anchors: Option<&[Certificate]>) -> Result<Statement, Error> {
    let octets = reader.read(manifest::STATEMENT_FILE)?;
    let Some(anchors) = anchors else {
        return Statement::parse(&octets).map_err(Error::NotSealed);
    };
    let anchors = anchors.iter().map(ManifestAnchor::from_certificate).collect::<Result<Vec<_>, _>>()?;
    let seal = reader.read(manifest::SEAL_FILE)?;
    let file = reader.read(manifest::SIGNER_FILE)?;
    let signer = first_certificate(manifest::SIGNER_FILE, &file)?;
    let signed = SignedManifest::open(&octets, &seal, &signer, &anchors).map_err(Error::NotSealed)?;
    check_digest(manifest::SIGNER_FILE, sha256(&file), stated(signed.statement(), manifest::SIGNER_FILE))?;
    Ok(signed.statement().clone())
}

/// The issuing CA that the statement names.
fn issuer(reader: &BatchReader, statement: &Statement) -> Result<Certificate, Error> {
    let octets = reader.read(CHAIN_FILE)?;
    check_digest(CHAIN_FILE, sha256(&octets), stated(statement, CHAIN_FILE))?;
    let issuer = first_certificate(CHAIN_FILE, &octets)?;
    check_digest(CHAIN_FILE, sha256(issuer.der()), Some(statement.issuer.sha256))?;
    Ok(issuer)
}

fn first_certificate(name: &str, octets: &[u8]) -> Result<Certificate, DeliveryError> {
    let malformed = |reason: String| DeliveryError::Malformed { name: name.to_owned(), reason };
    let blocks = pem::read_one_form(octets).map_err(|error| malformed(error.to_string()))?;
    let first = blocks.first().ok_or_else(|| malformed("no certificate".to_owned()))?;
    Certificate::from_named_der(&first.der).map_err(|error| malformed(error.to_string()))
}

/// Hands every certificate of the batch to the writer and returns how many there were, after all that was read has been
/// found to be what the statement names.
fn walk(
    job: &Export<'_>,
    reader: &BatchReader,
    statement: &Statement,
    writer: &mut ExportWriter,
) -> Result<u64, Error> {
    let mut lines = reader.lines(manifest::ENTRIES_FILE)?;
    let mut certificates = reader.certificates()?;
    let mut count = 0;
    loop {
        if job.cancel.load(Ordering::Relaxed) {
            return Err(Error::Interrupted);
        }
        let entry = lines
            .next_line()?
            .map(|line| Entry::parse(statement.format, line))
            .transpose()
            .map_err(Error::NotSealed)?;
        let (entry, stored) = match (entry, certificates.next_certificate()?) {
            (Some(entry), Some(stored)) => (entry, stored),
            (None, None) => break,
            _ => {
                let what = "is not as many as certificates";
                let name = manifest::ENTRIES_FILE.to_owned();
                return Err(DeliveryError::Line { name, line: count + 1, what }.into());
            }
        };
        let differs = |what| DeliveryError::EntryDiffers { uid: *entry.uid(), what };
        if stored.uid != *entry.uid() {
            return Err(differs("UID").into());
        }
        if sha256(&stored.der) != entry.sha256() {
            return Err(differs("SHA-256").into());
        }
        let certificate = Certificate::from_der(&stored.der).map_err(|_| differs("encoding"))?;
        if sha256(certificate.spki().der()) != entry.spki_sha256() {
            return Err(differs("SHA-256 of the public key").into());
        }
        writer.add(&Object { entry: &entry, certificate: &certificate })?;
        count += 1;
        (job.advance)(1);
    }
    check_digest(manifest::ENTRIES_FILE, lines.finish()?.sha256, Some(statement.entries.sha256))?;
    check_archives(certificates.files(), statement)?;
    Ok(count)
}

/// Every part of the archive is one that the statement names, and none that it names is missing.
fn check_archives(read: &[WrittenFile], statement: &Statement) -> Result<(), DeliveryError> {
    for file in read {
        check_digest(&file.name, file.sha256, stated(statement, &file.name))?;
    }
    let is_part = |name: &str| name.strip_suffix(".zip").is_some_and(|stem| stem.starts_with("certificates"));
    match statement.files.iter().find(|file| is_part(&file.name) && !read.iter().any(|part| part.name == file.name)) {
        Some(file) => Err(DeliveryError::Missing { name: file.name.clone() }),
        None => Ok(()),
    }
}

fn stated(statement: &Statement, name: &str) -> Option<Sha256Digest> {
    statement.files.iter().find(|file| file.name == name).map(|file| file.sha256)
}

fn check_digest(name: &str, found: Sha256Digest, expected: Option<Sha256Digest>) -> Result<(), DeliveryError> {
    match expected {
        Some(expected) if expected == found => Ok(()),
        Some(expected) => Err(DeliveryError::Differs { name: name.to_owned(), found, expected }),
        None => {
            let reason = "the statement does not name this file".to_owned();
            Err(DeliveryError::Malformed { name: name.to_owned(), reason })
        }
    }
}

/// The issuing CA's certificate and those above it.
const CHAIN_FILE: &str = "chain.pem";
