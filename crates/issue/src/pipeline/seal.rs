//! The end: statement and seal are recorded once, then the directory gets its name.

use std::path::Path;

use crate::cert::Encoder;
use crate::crypto::{Sha256, sha256};
use crate::delivery::{BatchReader, BatchWriter, Report};
use crate::durable::{self, output};
use crate::error::Error;
use crate::findings::Findings;
use crate::ledger::{AuthorityKind, BatchRow, BatchState, Ledger};
use crate::manifest::{
    self, AnchorReference, Counts, EntriesReference, Expected, Format, InputsReference, IssuerMode, IssuerReference,
    PolicyReference, Possession, Previous, Statement, Unmet,
};
use crate::parallel;
use crate::plan::head::Met;
use crate::x509::{Certificate, Sha256Digest, Time, pem};

use super::events;
use super::intake::Ready;
use super::outcome::Summary;
use super::output::{Batch, Written};
use super::preflight;

/// Refuses early what would be refused late: a place that cannot be used, or something at `out` that this ledger did not
/// seal.
pub(super) fn check_output_place(out: &Path, ledger: &Ledger) -> Result<(), Error> {
    if output::is_free(out) {
        return Ok(BatchWriter::check_place(out)?);
    }
    match sealed_at(out, ledger)? {
        Some(_) => Ok(()),
        None => Err(Error::OutputExists { path: out.to_owned() }),
    }
}

/// The sealed batch of this ledger that `out` holds, told by its statement and seal.
pub(crate) fn sealed_at(out: &Path, ledger: &Ledger) -> Result<Option<Statement>, Error> {
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
pub(super) fn already_published(out: &Path, ledger: &Ledger, ready: &mut Ready<'_>) -> Result<Option<Summary>, Error> {
    if output::is_free(out) {
        return Ok(None);
    }
    let row = &ready.row;
    let statement = sealed_at(out, ledger)?.filter(|statement| statement.batch == row.id.to_string());
    let Some(statement) = statement else { return Err(Error::OutputExists { path: out.to_owned() }) };
    check_whole(out, &statement)?;
    // the run that gave it its name may have been killed before the name was on disk
    output::sync_directory(durable::parent(out))?;
    let mut summary = ready.summary();
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
pub(super) fn seal_and_publish(
    batch: &Batch<'_>,
    ready: &Ready<'_>,
    ledger: &Ledger,
    written: Written,
    signatures_made: u64,
    summary: &mut Summary,
) -> Result<(), Error> {
    let Written { mut writer, tree, discarded } = written;
    let row = &ready.row;
    let sealed = ledger.sealed(&row.id)?;
    add_small_files(batch, ready, &mut writer, sealed.as_ref())?;
    // most of the ledger gets to its place while the large files do
    let (flushed, report) = parallel::both(|| ledger.flush(), || writer.finish());
    let report = report?;
    flushed?;

    // Every file but the statement and its seal is on disk, in a directory with an unfinished name.
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
            ..statement(
                batch,
                ready,
                &report,
                entries,
                signatures_made,
                preflight::created(ledger, batch.now, row.issued_at)?,
            )
        };
        let created = statement.created;
        let statement = statement.to_bytes();
        let seal = crate::seal::sign(&statement, batch.manifest_certificate, batch.manifest_signer, created)?;
        // A crash here loses a seal that was never published: the next run seals again, with another time of sealing.
        ledger.seal(&row.id, &statement, &seal)?;
        events::sealed(&row.id, &sha256(&statement));
        (statement, seal)
    };
    ledger.conclude()?;
    // Statement and seal are on the ledger, on disk. From here on the batch comes out with these bytes or not at all.
    publish(writer, ledger, &statement, &seal)?;

    summary.republished = row.state == BatchState::Sealed;
    events::published(&row.id, batch.out, summary.republished);
    summary.resumed |= summary.republished;
    summary.signatures_made = Statement::parse(&statement)?.counts.signatures_made;
    summary.root_hash = Some(tree.root());
    summary.statement_sha256 = Some(sha256(&statement));
    summary.head = Some(ledger.head()?);
    Ok(())
}

/// Everything besides the large files, the statement and its seal.
fn add_small_files(
    batch: &Batch<'_>,
    ready: &Ready<'_>,
    writer: &mut BatchWriter,
    sealed: Option<&(Vec<u8>, Vec<u8>)>,
) -> Result<(), Error> {
    let Ready { row, issuer, account, .. } = ready;
    let chain: Vec<&Certificate> = std::iter::once(issuer.certificate()).chain(issuer.chain()).collect();
    let source_chain: Vec<&Certificate> = ready.verifier.intermediates().chain(ready.anchors).collect();
    writer.add_file(manifest::CHAIN_FILE, pem_file(&chain).as_bytes())?;
    writer.add_file(manifest::SOURCE_CHAIN_FILE, pem_file(&source_chain).as_bytes())?;
    writer.add_file(manifest::SIGNER_FILE, pem_file(&[batch.manifest_certificate]).as_bytes())?;
    writer.add_file("policy.toml", ready.policy.bytes())?;
    // there may be millions of lines: they go from file to file
    writer.add_pieces(manifest::REJECTED_FILE, |each| {
        let mut piece = |piece: &[u8]| Ok::<(), Error>(each(piece)?);
        match &ready.plan {
            Some(plan) => plan.rejected(&mut piece),
            None => account.findings.lines(piece),
        }
    })?;
    writer.add_file(manifest::INPUTS_FILE, account.inputs.as_bytes())?;
    let met = account.expected.as_ref();
    let missing = match sealed {
        Some((statement, _)) => missing_as_sealed(&Statement::parse(statement)?, met),
        None => met.filter(|_| row.terms.encoder >= Encoder::Two).map(|met| met.missing.as_str()),
    };
    if let Some(missing) = missing {
        writer.add_file(manifest::MISSING_FILE, missing.as_bytes())?;
    }
    Ok(())
}

/// What is known without the lines; discarded serials and the predecessor are the caller's.
fn statement(
    batch: &Batch<'_>,
    ready: &Ready<'_>,
    report: &Report,
    entries: EntriesReference,
    signatures_made: u64,
    created: Time,
) -> Statement {
    let Ready { row, policy, issuer, account, .. } = ready;
    let encoder = row.terms.encoder;
    let mode = match row.delivery.authority {
        AuthorityKind::AirGapped => IssuerMode::AirGapped,
        AuthorityKind::Cmp | AuthorityKind::ExternalFile => IssuerMode::Foreign,
        AuthorityKind::Local => IssuerMode::Local,
    };
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
        tool: batch.tool.to_owned(),
        inputs: InputsReference {
            sha256: digest_of(report, manifest::INPUTS_FILE),
            count: account.inputs.lines().count() as u64,
        },
        anchors: ready.anchors.iter().map(anchor_reference).collect(),
        relaxations: policy.source().relax.clone(),
        policy: PolicyReference {
            name: policy.name().to_owned(),
            version: policy.version(),
            sha256: sha256(policy.bytes()),
        },
        params: ready.params.values().clone(),
        reissue: row.terms.reissue.clone(),
        bulk_id: account.bulk_id.clone(),
        issuer: IssuerReference {
            mode,
            subject: issuer.subject().to_string(),
            sha256: sha256(issuer.certificate().der()),
            spki_sha256: sha256(issuer.spki().der()),
        },
        serial_seed: (mode != IssuerMode::Foreign).then(|| row.seed.clone()),
        beacon: row.beacon,
        discarded_serials: vec![],
        expected: account.expected.as_ref().map(|met| Expected {
            sha256: met.sha256,
            count: met.count,
            unmet: (encoder >= Encoder::Two).then(|| unmet(met)),
        }),
        counts: Counts {
            items: account.items,
            issued: ready.rows.len() as u64,
            rejected: account.rejected,
            ignored: account.ignored,
            signatures_made,
        },
        entries,
        rejected: digest_of(report, manifest::REJECTED_FILE),
        files: report.other_files(),
        previous: None,
        proof_of_possession: Possession::None,
        seals: vec![],
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
