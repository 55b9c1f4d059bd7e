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
    BatchReader, DeliveryError, ExportOptions, ExportWriter, Form, Object, Rows, Target, Zone, check_digest,
    check_parts, check_stated,
};
use crate::error::Error;
use crate::manifest::{self, CHAIN_FILE, Entry, ManifestAnchor, SignedManifest, Statement};
use crate::x509::{Certificate, bundle};

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
    let signer = bundle::one_of_batch(&file)
        .map_err(|reason| DeliveryError::malformed(manifest::SIGNER_FILE, reason.to_string()))?;
    let signed = SignedManifest::open(&octets, &seal, &signer, &anchors).map_err(Error::NotSealed)?;
    check_stated(signed.statement(), manifest::SIGNER_FILE, sha256(&file))?;
    Ok(signed.statement().clone())
}

/// The issuing CA that the statement names.
fn issuer(reader: &BatchReader, statement: &Statement) -> Result<Certificate, Error> {
    let issuer = reader.chain(CHAIN_FILE, statement)?.swap_remove(0);
    check_digest(CHAIN_FILE, sha256(issuer.der()), statement.issuer.sha256)?;
    Ok(issuer)
}

/// Hands every certificate of the batch to the writer and returns how many there were, after all that was read has been
/// found to be what the statement names.
fn walk(
    job: &Export<'_>,
    reader: &BatchReader,
    statement: &Statement,
    writer: &mut ExportWriter,
) -> Result<u64, Error> {
    let mut rows = Rows::without_sources(reader)?;
    let mut count = 0;
    while let Some(row) = rows.next_row().map_err(DeliveryError::from)? {
        if job.cancel.load(Ordering::Relaxed) {
            return Err(Error::Interrupted);
        }
        let entry = Entry::parse(statement.format, &row.line).map_err(Error::NotSealed)?;
        row.check_uid(entry.uid())?;
        let (der, differs) = (&row.certificate.der, |what| DeliveryError::EntryDiffers { uid: *entry.uid(), what });
        if sha256(der) != entry.sha256() {
            return Err(differs("SHA-256").into());
        }
        let certificate = Certificate::from_der(der).map_err(|_| differs("encoding"))?;
        if sha256(certificate.spki().der()) != entry.spki_sha256() {
            return Err(differs("SHA-256 of the public key").into());
        }
        writer.add(&Object { entry: &entry, certificate: &certificate })?;
        count = row.number;
        (job.advance)(1);
    }
    let (lines, certificates, _) = rows.into_parts();
    check_stated(statement, manifest::ENTRIES_FILE, lines.finish()?.sha256)?;
    check_parts(statement, certificates.files())?;
    Ok(count)
}
