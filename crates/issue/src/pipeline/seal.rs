//! The end: statement and seal are recorded once, then the directory gets its name.

use std::path::Path;

use crate::cert::{Encoder, IssuerIdentity};
use crate::crypto::{Sha256, sha256};
use crate::delivery::{BatchReader, BatchWriter, Report};
use crate::durable::{self, output};
use crate::error::Error;
use crate::findings::Findings;
use crate::ledger::{BatchRow, Ledger};
use crate::manifest::{
    self, AnchorReference, Counts, EntriesReference, Expected, Format, InputsReference, IssuerMode, IssuerReference,
    PolicyReference, Possession, Previous, Statement, Unmet,
};
use crate::parallel;
use crate::policy::{Params, Policy};
use crate::signer::Signer;
use crate::x509::{Certificate, Sha256Digest, Time, pem};

use super::settle::Met;
use super::write::Written;
use super::{Summary, is_sealed, preflight};

/// Everything that the small files and the statement say besides the lines.
pub(crate) struct Sealing<'a> {
    pub(crate) row: &'a BatchRow,
    pub(crate) issuer: &'a IssuerIdentity,
    pub(crate) mode: IssuerMode,
    pub(crate) manifest_certificate: &'a Certificate,
    pub(crate) manifest_signer: &'a dyn Signer,
    pub(crate) policy: &'a Policy,
    pub(crate) params: &'a Params,
    pub(crate) anchors: &'a [Certificate],
    /// CA certificates of the inputs through which paths lead.
    pub(crate) intermediates: Vec<&'a Certificate>,
    pub(crate) expected: Option<Met>,
    /// ST's bulk identifier, if it is to be published.
    pub(crate) bulk_id: Option<String>,
    /// The content of `rejected.jsonl`.
    pub(crate) rejected: Rejected<'a>,
    /// The content of `inputs.jsonl`.
    pub(crate) inputs: String,
    /// Items of the inputs, by what became of them. The ledger knows of the signatures, unless somebody else made them.
    pub(crate) counts: Counts,
    pub(crate) now: Time,
    pub(crate) tool: &'a str,
}

/// Takes pieces of a file.
type Each<'a> = &'a mut dyn FnMut(&[u8]) -> Result<(), Error>;

/// Where the lines of `rejected.jsonl` come from: there may be millions.
pub(crate) enum Rejected<'a> {
    /// The findings of this run.
    Listed(Findings),
    /// What a plan has, handed over piece by piece.
    Planned(&'a dyn Fn(Each<'_>) -> Result<(), Error>),
}

impl Rejected<'_> {
    fn pieces(&self, each: Each<'_>) -> Result<(), Error> {
        match self {
            Self::Listed(findings) => findings.lines(each),
            Self::Planned(pieces) => pieces(each),
        }
    }
}

/// Refuses early what would be refused late: a place that cannot be used, or something at `out` that this ledger did not
/// seal.
pub(crate) fn check_output_place(out: &Path, ledger: &Ledger) -> Result<(), Error> {
    if output::is_free(out) {
        return Ok(BatchWriter::check_place(out)?);
    }
    match sealed_at(out, ledger)? {
        Some(_) => Ok(()),
        None => Err(Error::OutputExists { path: out.to_owned() }),
    }
}

/// The sealed batch of this ledger that `out` holds, told by its statement and seal.
pub(super) fn sealed_at(out: &Path, ledger: &Ledger) -> Result<Option<Statement>, Error> {
    let Ok(reader) = BatchReader::open(out) else { return Ok(None) };
    let (Ok(bytes), Ok(seal)) = (reader.read(manifest::STATEMENT_FILE), reader.read(manifest::SEAL_FILE)) else {
        return Ok(None);
    };
    let Ok(statement) = Statement::parse(&bytes) else { return Ok(None) };
    let Ok(batch) = statement.batch.parse() else { return Ok(None) };
    if ledger.batch(&batch)?.is_none() {
        return Ok(None);
    }
    match ledger.sealed(&batch)? {
        Some(sealed) if sealed == (bytes, seal) => Ok(Some(statement)),
        _ => Ok(None),
    }
}

/// If `out` holds this batch already, whole, there is nothing to do; if it holds anything else, nothing may be done.
pub(crate) fn already_published(
    out: &Path,
    ledger: &Ledger,
    row: &BatchRow,
    summary: impl FnOnce() -> Summary,
) -> Result<Option<Summary>, Error> {
    if output::is_free(out) {
        return Ok(None);
    }
    let statement = sealed_at(out, ledger)?.filter(|statement| statement.batch == row.id.to_string());
    let Some(statement) = statement else { return Err(Error::OutputExists { path: out.to_owned() }) };
    check_whole(out, &statement)?;
    // the run that gave it its name may have been killed before the name was on disk
    output::sync_directory(durable::parent(out))?;
    let mut summary = summary();
    summary.signatures_made = statement.counts.signatures_made;
    summary.root_hash = Some(statement.entries.root_hash);
    summary.statement_sha256 = Some(sha256(&statement.to_bytes()));
    summary.head = Some(ledger.head()?);
    Ok(Some(summary))
}

/// Whether a sealed batch has the lines of these findings in `rejected.jsonl`, and these missing chips in
/// `missing.jsonl`, should it have one: neither can be made again from anything but the list.
pub(super) fn has_lists(
    ledger: &Ledger,
    row: &BatchRow,
    findings: &Findings,
    met: Option<&Met>,
) -> Result<bool, Error> {
    let Some((statement, _)) = ledger.sealed(&row.id)? else { return Ok(false) };
    let mut hash = Sha256::new();
    findings.lines(|line| {
        hash.update(line);
        Ok::<(), Error>(())
    })?;
    let statement = Statement::parse(&statement)?;
    let missing = statement.unmet().is_none() || missing_as_sealed(&statement, met).is_some();
    Ok(missing && statement.rejected == hash.finish())
}

/// The content of `missing.jsonl` of a sealed batch: what the list of this run gives, or nothing, if that is what was sealed.
fn missing_as_sealed<'a>(statement: &Statement, met: Option<&'a Met>) -> Option<&'a str> {
    let sealed = statement.unmet()?.missing;
    [met.map_or("", |met| met.missing.as_str()), ""].into_iter().find(|text| sha256(text.as_bytes()) == sealed)
}

/// Every file of a published batch is what was sealed.
fn check_whole(out: &Path, statement: &Statement) -> Result<(), Error> {
    let reader = BatchReader::open(out)?;
    for (name, sealed) in statement.digests() {
        let whole = match reader.digest(name) {
            Ok(found) => found.sha256 == sealed,
            Err(error) if error.is_about_content() => false,
            Err(error) => return Err(error.into()),
        };
        if !whole {
            return Err(Error::OutputDamaged { path: out.to_owned(), file: name.to_owned() });
        }
    }
    Ok(())
}

/// Writes the small files, records statement and seal, and gives the directory its name. The summary is completed with
/// what is known then.
pub(crate) fn seal_and_publish(
    sealing: &Sealing<'_>,
    ledger: &Ledger,
    written: Written,
    summary: &mut Summary,
) -> Result<(), Error> {
    let Written { mut writer, tree, discarded, .. } = written;
    let Sealing { row, issuer, .. } = sealing;
    let chain: Vec<&Certificate> = std::iter::once(issuer.certificate()).chain(issuer.chain()).collect();
    let source_chain: Vec<&Certificate> = sealing.intermediates.iter().copied().chain(sealing.anchors).collect();
    writer.add_file(manifest::CHAIN_FILE, pem_file(&chain).as_bytes())?;
    writer.add_file(manifest::SOURCE_CHAIN_FILE, pem_file(&source_chain).as_bytes())?;
    writer.add_file(manifest::SIGNER_FILE, pem_file(&[sealing.manifest_certificate]).as_bytes())?;
    writer.add_file("policy.toml", sealing.policy.bytes())?;
    writer.add_pieces(manifest::REJECTED_FILE, |each| sealing.rejected.pieces(&mut |piece| Ok(each(piece)?)))?;
    writer.add_file(manifest::INPUTS_FILE, sealing.inputs.as_bytes())?;
    let sealed = ledger.sealed(&row.id)?;
    let met = sealing.expected.as_ref();
    let missing = match &sealed {
        Some((statement, _)) => missing_as_sealed(&Statement::parse(statement)?, met),
        None => met.filter(|_| row.terms.encoder >= Encoder::Two).map(|met| met.missing.as_str()),
    };
    if let Some(missing) = missing {
        writer.add_file(manifest::MISSING_FILE, missing.as_bytes())?;
    }
    // most of the ledger gets to its place while the large files do
    let (flushed, report) = parallel::both(|| ledger.flush(), || writer.finish());
    let report = report?;
    flushed?;

    let (statement, seal) = if let Some((statement, seal)) = sealed {
        check_republished(row, &statement, &report, tree.root())?;
        (statement, seal)
    } else {
        let previous = ledger.last_sealed()?;
        let entries = EntriesReference {
            sha256: digest_of(&report, manifest::ENTRIES_FILE),
            tree_size: tree.size(),
            root_hash: tree.root(),
        };
        let statement = Statement {
            discarded_serials: discarded,
            previous: previous.map(|(batch, statement_sha256)| Previous { batch: batch.to_string(), statement_sha256 }),
            ..sealing.statement(&report, entries, preflight::created(ledger, sealing.now, row.issued_at)?)
        };
        let created = statement.created;
        let statement = statement.to_bytes();
        let seal = crate::seal::sign(&statement, sealing.manifest_certificate, sealing.manifest_signer, created)?;
        ledger.seal(&row.id, &statement, &seal)?;
        (statement, seal)
    };
    ledger.conclude()?;
    publish(writer, ledger, &statement, &seal)?;

    summary.resumed |= is_sealed(row);
    summary.signatures_made = Statement::parse(&statement)?.counts.signatures_made;
    summary.root_hash = Some(tree.root());
    summary.statement_sha256 = Some(sha256(&statement));
    summary.head = Some(ledger.head()?);
    Ok(())
}

impl Sealing<'_> {
    /// What is known without the lines; discarded serials and the predecessor are the caller's.
    fn statement(&self, report: &Report, entries: EntriesReference, created: Time) -> Statement {
        let Self { row, policy, issuer, .. } = self;
        let encoder = row.terms.encoder;
        let unmet = |met: &Met| Unmet {
            missing: digest_of(report, manifest::MISSING_FILE),
            missing_count: met.missing.lines().count() as u64,
            surplus: met.surplus,
        };
        Statement {
            format: Format::of(encoder, policy.source().family),
            batch: row.id.to_string(),
            issued_at: row.issued_at,
            created,
            tool: self.tool.to_owned(),
            inputs: InputsReference {
                sha256: digest_of(report, manifest::INPUTS_FILE),
                count: self.inputs.lines().count() as u64,
            },
            anchors: self.anchors.iter().map(anchor_reference).collect(),
            relaxations: policy.source().relax.clone(),
            policy: PolicyReference {
                name: policy.name().to_owned(),
                version: policy.version(),
                sha256: sha256(policy.bytes()),
            },
            params: self.params.values().clone(),
            reissue: row.terms.reissue.clone(),
            bulk_id: self.bulk_id.clone(),
            issuer: IssuerReference {
                mode: self.mode,
                subject: issuer.subject().to_string(),
                sha256: sha256(issuer.certificate().der()),
                spki_sha256: sha256(issuer.spki().der()),
            },
            serial_seed: (self.mode != IssuerMode::Foreign).then(|| row.seed.clone()),
            beacon: row.beacon,
            discarded_serials: vec![],
            expected: self.expected.as_ref().map(|met| Expected {
                sha256: met.sha256,
                count: met.count,
                unmet: (encoder >= Encoder::Two).then(|| unmet(met)),
            }),
            counts: self.counts.clone(),
            entries,
            rejected: digest_of(report, manifest::REJECTED_FILE),
            files: report.other_files(),
            previous: None,
            proof_of_possession: Possession::None,
            seals: vec![],
        }
    }
}

fn digest_of(report: &Report, name: &str) -> Sha256Digest {
    report.sha256(name).expect("every batch has this file")
}

fn publish(mut writer: BatchWriter, ledger: &Ledger, statement: &[u8], seal: &[u8]) -> Result<(), Error> {
    writer.add_file(manifest::STATEMENT_FILE, statement)?;
    writer.add_file(manifest::SEAL_FILE, seal)?;
    // what has its name was signed under a ledger that is still there
    ledger.check()?;
    Ok(writer.publish()?)
}

/// A sealed batch comes out byte for byte or not at all.
fn check_republished(row: &BatchRow, statement: &[u8], report: &Report, root: Sha256Digest) -> Result<(), Error> {
    let statement = Statement::parse(statement)?;
    let differs = |file: &str| Error::RepublishDiffers { batch: row.id.to_string(), file: file.to_owned() };
    for (name, sealed) in [
        (manifest::ENTRIES_FILE, statement.entries.sha256),
        (manifest::REJECTED_FILE, statement.rejected),
        (manifest::INPUTS_FILE, statement.inputs.sha256),
    ] {
        if report.sha256(name) != Some(sealed) {
            return Err(differs(name));
        }
    }
    if report.sha256(manifest::MISSING_FILE) != statement.unmet().map(|unmet| unmet.missing) {
        return Err(differs(manifest::MISSING_FILE));
    }
    let written = report.other_files();
    if let Some(file) = written.iter().find(|file| !statement.files.contains(file)) {
        return Err(differs(&file.name));
    }
    if statement.entries.root_hash != root || statement.files.len() != written.len() {
        return Err(differs(manifest::ENTRIES_FILE));
    }
    Ok(())
}

fn anchor_reference(anchor: &Certificate) -> AnchorReference {
    AnchorReference {
        subject: anchor.subject().to_string(),
        spki_sha256: sha256(anchor.spki().der()),
        sha256: sha256(anchor.der()),
    }
}

fn pem_file(certificates: &[&Certificate]) -> String {
    certificates.iter().map(|certificate| pem::write("CERTIFICATE", certificate.der()).to_string()).collect()
}
