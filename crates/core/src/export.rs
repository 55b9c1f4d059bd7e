//! `export BATCH...`: sealed batches in the form that a cloud, a network or a person takes in.
//!
//! ```text
//! seal          the statement's signature under a manifest anchor, before a byte of it is parsed
//! issuer        chain.pem is the file that the statement names, and begins with the issuer it names
//! line by line  manifest.jsonl beside certificates.zip: UID, SHA-256 and key of each certificate are those of its line
//! files         what was read to its end has the digests that the statement names
//! publish       only then does the export get its name
//! ```
//!
//! What is exported is therefore what was sealed, to the byte. Whether what was sealed is right, is `verify`'s to find
//! out: export it after `verify`, best on the machine that did.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use crate::crypto::sha256;
use crate::delivery::{
    BatchReader, DeliveryError, ExportOptions, ExportWriter, Form, Object, Rows, Target, Zone, certificate_to_pem,
    check_digest, check_parts, check_stated,
};
use crate::error::Error;
use crate::manifest::{self, CHAIN_FILE, Entry, ManifestAnchor, SignedManifest, Statement};
use crate::origin::{ChipName, Uid};
use crate::x509::{Certificate, bundle};

/// What to export and where to.
#[expect(missing_debug_implementations, reason = "holds a closure")]
pub struct Export<'a> {
    /// The batch directories: one or more, of one issuing CA.
    pub batches: &'a [PathBuf],
    /// The chips that are wanted; `None`: all.
    pub only: Option<&'a [ChipName]>,
    /// Whether each PEM file goes on with the CA certificates above it, without the root.
    pub with_chain: bool,
    /// Where the export appears.
    pub out: &'a Path,
    /// Who takes it in.
    pub target: Target,
    /// Encodings of plain files.
    pub forms: &'a [Form],
    /// The AWS IoT policy that templates attach.
    pub aws_policy: Option<&'a str>,
    /// The zone that the bytes must fit, for that target alone.
    pub zone: Option<Zone>,
    /// Whether a target that is a directory becomes one tar archive.
    pub archive: bool,
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
    /// The names of the batches, in the order given.
    pub batches: Vec<String>,
    /// Certificates exported: all that are wanted.
    pub certificates: u64,
}

/// Exports all that is wanted of some batches, in the order of UIDs, or nothing.
///
/// # Errors
/// A batch does not hold ([`Error::NotSealed`], or a [`DeliveryError`] about its content), the batches have several
/// issuing CAs or one chip twice, a chip that is wanted is in none, the target cannot take a certificate, something is
/// at `out`, or the environment fails. Then nothing is left of the export.
pub fn export(job: &Export<'_>) -> Result<Exported, Error> {
    let mut batches = Vec::with_capacity(job.batches.len());
    for path in job.batches {
        batches.push(Opened::open(path, job.anchors)?);
    }
    let first = batches.first().ok_or(DeliveryError::NoBatch)?;
    let issuer = first.chain[0].clone();
    if batches.iter().any(|batch| batch.chain[0].der() != issuer.der()) {
        return Err(DeliveryError::SeveralIssuers.into());
    }
    let chain = if job.with_chain { above(&first.chain) } else { String::new() };
    let name = first.statement.batch.clone();
    let issued_at = batches.iter().map(|batch| batch.statement.issued_at).max().expect("there is a batch");
    let options = ExportOptions {
        target: job.target,
        batch: &name,
        issued_at,
        issuer: &issuer,
        forms: job.forms,
        chain: &chain,
        aws_policy: job.aws_policy,
        zone: job.zone,
        archive: job.archive,
    };
    let names = batches.iter().map(|batch| batch.statement.batch.clone()).collect();
    let mut writer = ExportWriter::create(job.out, &options)?;
    match walk(job, batches, &mut writer) {
        Ok(certificates) => {
            writer.publish()?;
            Ok(Exported { batches: names, certificates })
        }
        Err(error) => {
            // the first error is the one to tell; a partial export has a name of its own
            let _ = writer.abandon();
            Err(error)
        }
    }
}

/// The issuing CA and those above it in PEM, without the root: a verifier has the root already.
fn above(chain: &[Certificate]) -> String {
    let between = chain.iter().filter(|certificate| certificate.subject() != certificate.issuer());
    between.map(|certificate| certificate_to_pem(certificate.der())).collect()
}

/// A batch that is read, and its next certificate.
struct Opened {
    statement: Statement,
    chain: Vec<Certificate>,
    rows: Rows,
    next: Option<(Entry, Certificate)>,
}

impl Opened {
    fn open(path: &Path, anchors: Option<&[Certificate]>) -> Result<Self, Error> {
        let reader = BatchReader::open(path)?;
        let statement = statement(&reader, anchors)?;
        let chain = reader.chain(CHAIN_FILE, &statement)?;
        // the issuing CA that the statement names
        check_digest(CHAIN_FILE, sha256(chain[0].der()), statement.issuer.sha256)?;
        let mut opened = Self { rows: Rows::without_sources(&reader)?, statement, chain, next: None };
        opened.advance()?;
        Ok(opened)
    }

    /// Reads the next line and its certificate, which must be the one that the line names.
    fn advance(&mut self) -> Result<(), Error> {
        self.next = match self.rows.next_row().map_err(DeliveryError::from)? {
            None => None,
            Some(row) => {
                let entry = Entry::parse(self.statement.format, &row.line).map_err(Error::NotSealed)?;
                row.check_uid(entry.uid())?;
                let der = &row.certificate.der;
                let differs = |what| DeliveryError::EntryDiffers { uid: *entry.uid(), what };
                if sha256(der) != entry.sha256() {
                    return Err(differs("SHA-256").into());
                }
                let certificate = Certificate::from_der(der).map_err(|_| differs("encoding"))?;
                if sha256(certificate.spki().der()) != entry.spki_sha256() {
                    return Err(differs("SHA-256 of the public key").into());
                }
                Some((entry, certificate))
            }
        };
        Ok(())
    }

    /// Whether what was read to its end has the digests that the statement names.
    fn finish(self) -> Result<(), Error> {
        let (lines, certificates, _) = self.rows.into_parts();
        check_stated(&self.statement, manifest::ENTRIES_FILE, lines.finish()?.sha256)?;
        check_parts(&self.statement, certificates.files())?;
        Ok(())
    }
}

/// Verify before parse.
fn statement(reader: &BatchReader, anchors: Option<&[Certificate]>) -> Result<Statement, Error> {
    let bytes = reader.read(manifest::STATEMENT_FILE)?;
    let Some(anchors) = anchors else {
        return Statement::parse(&bytes).map_err(Error::NotSealed);
    };
    let anchors = anchors.iter().map(ManifestAnchor::from_certificate).collect::<Result<Vec<_>, _>>()?;
    let seal = reader.read(manifest::SEAL_FILE)?;
    let file = reader.read(manifest::SIGNER_FILE)?;
    let signer = bundle::one_of_batch(&file)
        .map_err(|reason| DeliveryError::malformed(manifest::SIGNER_FILE, reason.to_string()))?;
    let signed = SignedManifest::open(&bytes, &seal, &signer, &anchors).map_err(Error::NotSealed)?;
    check_stated(signed.statement(), manifest::SIGNER_FILE, sha256(&file))?;
    Ok(signed.statement().clone())
}

/// Hands every certificate that is wanted to the writer, in the order of UIDs, and returns how many there were, after
/// all that was read has been found to be what the statements name.
fn walk(job: &Export<'_>, mut batches: Vec<Opened>, writer: &mut ExportWriter) -> Result<u64, Error> {
    let mut wanted = job.only.map(Wanted::new);
    let mut count = 0;
    let uid = |batch: &Opened| batch.next.as_ref().map(|(entry, _)| *entry.uid());
    while let Some((lowest, at)) = batches.iter().enumerate().filter_map(|(at, batch)| Some((uid(batch)?, at))).min() {
        if job.cancel.load(Ordering::Relaxed) {
            return Err(Error::Interrupted);
        }
        let chosen = wanted.as_mut().is_none_or(|wanted| wanted.take(&lowest));
        if chosen && batches.iter().filter(|batch| uid(batch) == Some(lowest)).count() > 1 {
            return Err(DeliveryError::ChipTwice { uid: lowest }.into());
        }
        let (entry, certificate) = batches[at].next.as_ref().expect("it has the lowest UID");
        if chosen {
            writer.add(&Object { entry, certificate })?;
            count += 1;
            (job.advance)(1);
        }
        batches[at].advance()?;
    }
    batches.into_iter().try_for_each(Opened::finish)?;
    wanted.map_or(Ok(()), |wanted| wanted.check())?;
    Ok(count)
}

/// The chips that are wanted, and which of them were there.
struct Wanted<'a> {
    chips: &'a [ChipName],
    by_uid: BTreeMap<Uid, usize>,
    found: Vec<bool>,
}

impl<'a> Wanted<'a> {
    fn new(chips: &'a [ChipName]) -> Self {
        let uids =
            chips.iter().enumerate().flat_map(|(at, chip)| chip.candidates().into_iter().map(move |uid| (uid, at)));
        Self { chips, by_uid: uids.collect(), found: vec![false; chips.len()] }
    }

    fn take(&mut self, uid: &Uid) -> bool {
        let found = self.by_uid.get(uid).copied();
        found.inspect(|at| self.found[*at] = true).is_some()
    }

    fn check(&self) -> Result<(), DeliveryError> {
        // a chip that is listed twice is found once
        let named = |at: usize| {
            self.chips[at].candidates().iter().any(|uid| self.by_uid.get(uid).is_some_and(|one| self.found[*one]))
        };
        let missing: Vec<usize> = (0..self.chips.len()).filter(|at| !self.found[*at] && !named(*at)).collect();
        match missing.first() {
            None => Ok(()),
            Some(first) => {
                Err(DeliveryError::NotInBatches { chip: self.chips[*first].to_string(), count: missing.len() })
            }
        }
    }
}
