//! The end: statement and seal are recorded once, then the directory gets its name.

use crate::cert::ENCODER;
use crate::crypto::sha256;
use crate::delivery::{BatchReader, BatchWriter, Report};
use crate::error::Error;
use crate::ledger::{BatchRow, Ledger};
use crate::manifest::{
    self, AnchorReference, Counts, EntriesReference, Expected, FindingLine, InputsReference, IssuerMode,
    IssuerReference, PolicyReference, Possession, Previous, Statement, TreeBuilder,
};
use crate::x509::{Certificate, Sha256Digest, pem};

use super::issue::Issued;
use super::settle::{Settled, input_lines};
use super::{Job, Run, Summary, is_sealed};

/// Refuses early what would be refused late: a place that cannot be used, or something at `out` that this ledger did not
/// seal.
pub(super) fn check_output_place(job: &Job<'_>, ledger: &Ledger) -> Result<(), Error> {
    if job.out.symlink_metadata().is_err() {
        return Ok(BatchWriter::check_free(job.out)?);
    }
    match sealed_at(job, ledger)? {
        Some(_) => Ok(()),
        None => Err(Error::OutputExists { path: job.out.to_owned() }),
    }
}

/// The sealed batch of this ledger that `out` holds, told by its statement and seal.
fn sealed_at(job: &Job<'_>, ledger: &Ledger) -> Result<Option<Statement>, Error> {
    let Ok(reader) = BatchReader::open(job.out) else { return Ok(None) };
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
pub(super) fn already_published(
    job: &Job<'_>,
    ledger: &Ledger,
    row: &BatchRow,
    settled: &mut Settled,
) -> Result<Option<Summary>, Error> {
    if job.out.symlink_metadata().is_err() {
        return Ok(None);
    }
    let statement = sealed_at(job, ledger)?.filter(|statement| statement.batch == row.id.to_string());
    let Some(statement) = statement else { return Err(Error::OutputExists { path: job.out.to_owned() }) };
    check_whole(job, &statement)?;
    let mut summary = settled.summary(row);
    summary.signatures_made = statement.counts.signatures_made;
    summary.root_hash = Some(statement.entries.root_hash);
    summary.statement_sha256 = Some(sha256(&statement.to_bytes()));
    summary.head = Some(ledger.head()?);
    Ok(Some(summary))
}

/// Every file of a published batch is what was sealed.
fn check_whole(job: &Job<'_>, statement: &Statement) -> Result<(), Error> {
    let reader = BatchReader::open(job.out)?;
    for (name, sealed) in statement.digests() {
        let whole = match reader.digest(name) {
            Ok(found) => found.sha256 == sealed,
            Err(error) if error.is_about_content() => false,
            Err(error) => return Err(error.into()),
        };
        if !whole {
            return Err(Error::OutputDamaged { path: job.out.to_owned(), file: name.to_owned() });
        }
    }
    Ok(())
}

/// Writes the small files, records statement and seal, and gives the directory its name.
pub(super) fn seal_and_publish(
    run: &Run<'_>,
    ledger: &mut Ledger,
    row: &BatchRow,
    settled: &mut Settled,
    issued: Issued,
) -> Result<Summary, Error> {
    let job = run.job;
    let Issued { mut writer, tree, discarded, resumed } = issued;
    let identity = job.issuer.identity();
    let chain: Vec<&Certificate> = std::iter::once(identity.certificate()).chain(identity.chain()).collect();
    let source_chain = pem_file(&settled.verifier.intermediates().chain(job.anchors).collect::<Vec<_>>());
    let mut summary = settled.summary(row);
    let rejected: String = summary.findings.iter().map(|finding| FindingLine::new(finding).line() + "\n").collect();
    let inputs = input_lines(&settled.inputs);
    writer.add_file("chain.pem", pem_file(&chain).as_bytes())?;
    writer.add_file("source-chain.pem", source_chain.as_bytes())?;
    writer.add_file(manifest::SIGNER_FILE, pem_file(&[job.manifest_certificate]).as_bytes())?;
    writer.add_file("policy.toml", job.policy.bytes())?;
    writer.add_file(manifest::REJECTED_FILE, rejected.as_bytes())?;
    writer.add_file(manifest::INPUTS_FILE, inputs.as_bytes())?;
    let report = writer.finish()?;

    let (statement, seal) = if let Some((statement, seal)) = ledger.sealed(&row.id)? {
        check_republished(row, &statement, &report, tree.root())?;
        (statement, seal)
    } else {
        let counts = Counts {
            items: settled.items,
            issued: summary.issued,
            rejected: summary.rejected,
            ignored: summary.ignored,
            signatures_made: ledger.signatures_made(&row.id)?,
        };
        let previous = ledger.last_sealed()?;
        let statement = Statement {
            discarded_serials: discarded,
            entries: EntriesReference {
                sha256: written(&report, manifest::ENTRIES_FILE),
                tree_size: tree.size(),
                root_hash: tree.root(),
            },
            previous: previous.map(|(batch, statement_sha256)| Previous { batch: batch.to_string(), statement_sha256 }),
            ..statement(job, row, &report, settled.inputs.len(), counts)
        };
        let created = statement.created;
        let statement = statement.to_bytes();
        let seal = manifest::seal::sign(&statement, job.manifest_certificate, job.manifest_signer, created)?;
        ledger.seal(&row.id, &statement, &seal)?;
        (statement, seal)
    };
    publish(writer, &statement, &seal)?;

    summary.resumed = resumed || is_sealed(row);
    summary.signatures_made = ledger.signatures_made(&row.id)?;
    summary.root_hash = Some(tree.root());
    summary.statement_sha256 = Some(sha256(&statement));
    summary.head = Some(ledger.head()?);
    Ok(summary)
}

/// What the job and the batch row say; lines, discarded serials and the predecessor are the caller's.
fn statement(job: &Job<'_>, row: &BatchRow, report: &Report, inputs: usize, counts: Counts) -> Statement {
    let identity = job.issuer.identity();
    let expected = job.expected.zip(job.expected_sha256);
    Statement {
        batch: row.id.to_string(),
        issued_at: row.issued_at,
        created: job.now.max(row.issued_at),
        tool: job.tool.to_owned(),
        encoder: ENCODER,
        inputs: InputsReference { sha256: written(report, manifest::INPUTS_FILE), count: inputs as u64 },
        anchors: job.anchors.iter().map(anchor_reference).collect(),
        relaxations: job.policy.source().relax.clone(),
        policy: PolicyReference {
            name: job.policy.name().to_owned(),
            version: job.policy.version(),
            sha256: sha256(job.policy.bytes()),
        },
        params: job.params.values().clone(),
        reissue: job.reissue.clone(),
        bulk_id: job.bulk_id.clone().filter(|_| job.publish_bulk_id),
        issuer: IssuerReference {
            mode: IssuerMode::Local,
            subject: identity.subject().to_string(),
            sha256: sha256(identity.certificate().der()),
            spki_sha256: sha256(identity.spki().der()),
        },
        serial_seed: Some(*row.seed.as_bytes()),
        discarded_serials: vec![],
        expected: expected.map(|(list, sha256)| Expected { sha256, count: list.len() as u64 }),
        counts,
        entries: EntriesReference {
            sha256: written(report, manifest::ENTRIES_FILE),
            tree_size: 0,
            root_hash: TreeBuilder::new().root(),
        },
        rejected: written(report, manifest::REJECTED_FILE),
        files: report.other_files(),
        previous: None,
        proof_of_possession: Possession::None,
    }
}

fn written(report: &Report, name: &str) -> Sha256Digest {
    report.sha256(name).expect("every batch has this file")
}

fn publish(mut writer: BatchWriter, statement: &[u8], seal: &[u8]) -> Result<(), Error> {
    writer.add_file(manifest::STATEMENT_FILE, statement)?;
    writer.add_file(manifest::SEAL_FILE, seal)?;
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
