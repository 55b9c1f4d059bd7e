//! Pass 2: chunk by chunk in UID order: build, record, sign, check, record, write.

use crate::cert::{IssuedCertificate, UncheckedCertificate};
use crate::delivery::BatchWriter;
use crate::error::Error;
use crate::issue::{SignReport, Signed};
use crate::ledger::{BatchRow, Ledger, Recorded, RecordedTbs};
use crate::manifest::{Entry, TreeBuilder};
use crate::policy::BoundPolicy;
use crate::verify::VerifiedLeaf;
use crate::x509::SerialNumber;

use super::Run;
use super::lint::prepare;
use super::settle::Settled;
use crate::intake::Row;
use crate::parallel;

/// What pass 2 leaves behind: everything but the small files.
pub(super) struct Issued {
    pub(super) writer: BatchWriter,
    pub(super) tree: TreeBuilder,
    /// Serial numbers that were given up for full-width signatures (design §8).
    pub(super) discarded: Vec<SerialNumber>,
    /// Whether the ledger already held certificates of this batch.
    pub(super) resumed: bool,
}

/// Issues every leaf of the batch, or takes its certificate from the ledger where an earlier run got that far.
pub(super) fn issue_all(
    run: &Run<'_>,
    ledger: &mut Ledger,
    bound: &BoundPolicy,
    batch: &BatchRow,
    settled: &Settled,
) -> Result<Issued, Error> {
    let writer = BatchWriter::create(run.job.out, &batch.id.to_string(), &run.job.forms, batch.issued_at)?;
    let mut issued = Issued { writer, tree: TreeBuilder::new(), discarded: vec![], resumed: false };
    run.progress.total(settled.rows.len() as u64);
    let size = usize::try_from(batch.chunk_size).expect("a chunk fits into memory");
    for (number, rows) in (0_u64..).zip(settled.rows.chunks(size)) {
        run.interrupted()?;
        let chunk = Chunk { run, bound, batch, settled, number, rows };
        let certificates = chunk.issue(ledger, &mut issued)?;
        chunk.write(&mut issued, certificates)?;
        run.progress.advance(rows.len() as u64);
    }
    Ok(issued)
}

struct Chunk<'a> {
    run: &'a Run<'a>,
    bound: &'a BoundPolicy,
    batch: &'a BatchRow,
    settled: &'a Settled,
    number: u64,
    rows: &'a [Row],
}

impl Chunk<'_> {
    /// Ends with a certificate for every row of the chunk, each recorded before and after its signature.
    fn issue(&self, ledger: &mut Ledger, issued: &mut Issued) -> Result<Vec<(VerifiedLeaf, IssuedCertificate)>, Error> {
        let attempts = ledger.attempts(&self.batch.id, self.number)?;
        let tasks: Vec<(&Row, u32)> =
            self.rows.iter().enumerate().map(|(at, row)| (row, attempts.get(at).copied().unwrap_or(0))).collect();
        let built = parallel::map(self.run.job.jobs, tasks, |(row, attempt)| self.prepare(row, attempt));
        let mut leaves = Vec::with_capacity(self.rows.len());
        let mut linted = Vec::with_capacity(self.rows.len());
        for result in built {
            let (leaf, tbs) = result?;
            leaves.push(leaf);
            linted.push(tbs);
        }

        let mut certificates: Vec<Option<IssuedCertificate>> = vec![None; self.rows.len()];
        let mut to_sign = Vec::with_capacity(self.rows.len());
        let mut on_ledger = Vec::new();
        for (at, recorded) in ledger.record(&self.batch.id, self.number, linted)?.into_iter().enumerate() {
            match recorded {
                Recorded::Fresh(tbs) | Recorded::Resumed(tbs) => to_sign.push((at, tbs)),
                Recorded::AlreadyIssued(certificate) => on_ledger.push((at, certificate)),
            }
        }
        issued.resumed |= !on_ledger.is_empty();
        let issuer = self.run.job.issuer;
        let checked = parallel::map_shares(self.run.job.jobs, on_ledger, |share| {
            let (places, unchecked): (Vec<usize>, Vec<UncheckedCertificate>) = share.into_iter().unzip();
            (places, issuer.check_all(unchecked))
        });
        for (places, share) in checked {
            for (at, certificate) in places.into_iter().zip(share?) {
                certificates[at] = Some(certificate?);
            }
        }
        while !to_sign.is_empty() {
            to_sign = self.sign(ledger, to_sign, &mut certificates)?;
        }

        let certificates = leaves
            .into_iter()
            .zip(certificates)
            .map(|(leaf, certificate)| (leaf, certificate.expect("every row was taken from the ledger or signed")));
        Ok(certificates.collect())
    }

    fn prepare(&self, row: &Row, attempt: u32) -> Result<(VerifiedLeaf, crate::lint::LintedTbs), Error> {
        let Settled { spool, verifier, .. } = self.settled;
        prepare(self.run.job, self.bound, self.batch, spool, verifier, row, attempt)?
            .map_err(|finding| Error::LintDiffers { item: finding.item.to_string(), reason: finding.reason.clone() })
    }

    /// Signs what is recorded; whatever was signed is recorded again before anything else happens, also when the
    /// signer failed. Returns what needs another round: the same leaves with the next serial number.
    fn sign(
        &self,
        ledger: &mut Ledger,
        to_sign: Vec<(usize, RecordedTbs)>,
        certificates: &mut [Option<IssuedCertificate>],
    ) -> Result<Vec<(usize, RecordedTbs)>, Error> {
        let jobs = self.run.job.jobs.max(1);
        let share = to_sign.len().div_ceil(jobs).max(1);
        let mut parts: Vec<(Vec<usize>, Vec<RecordedTbs>)> = Vec::with_capacity(jobs);
        for (at, tbs) in to_sign {
            match parts.last_mut() {
                Some((places, part)) if places.len() < share => {
                    places.push(at);
                    part.push(tbs);
                }
                _ => parts.push((vec![at], vec![tbs])),
            }
        }
        let issuer = self.run.job.issuer;
        let reports: Vec<(Vec<usize>, SignReport)> =
            parallel::map_each(parts, |(places, part)| (places, issuer.sign(part)));

        let mut made = 0;
        let mut failure = None;
        let mut again = Vec::new();
        let mut fresh = Vec::new();
        for (places, report) in reports {
            made += report.signatures_made;
            failure = failure.or(report.failure);
            for (at, outcome) in places.into_iter().zip(report.outcomes) {
                match outcome {
                    Signed::Issued(certificate) => fresh.push((at, certificate)),
                    Signed::NeedsNewSerial(tbs) => again.push((at, tbs)),
                    Signed::Unsigned(_) => {}
                }
            }
        }
        fresh.sort_unstable_by_key(|(at, _)| *at);
        let records: Vec<IssuedCertificate> = fresh.iter().map(|(_, certificate)| certificate.clone()).collect();
        ledger.record_issued(&self.batch.id, self.number, &records, made)?;
        for (at, certificate) in fresh {
            certificates[at] = Some(certificate);
        }
        if let Some(failure) = failure {
            return Err(failure.into());
        }
        let mut next = Vec::with_capacity(again.len());
        for (at, tbs) in again {
            let (_, linted) = self.prepare(&self.rows[at], tbs.tbs().attempt() + 1)?;
            next.push((at, ledger.retry(&self.batch.id, self.number, linted)?));
        }
        Ok(next)
    }

    fn write(&self, issued: &mut Issued, certificates: Vec<(VerifiedLeaf, IssuedCertificate)>) -> Result<(), Error> {
        let reissue = self.run.job.reissue.as_deref();
        let lines = parallel::map(self.run.job.jobs, certificates, |(leaf, certificate)| {
            let line = Entry::new(&certificate, &leaf, reissue).line();
            (leaf, certificate, line)
        });
        for (leaf, certificate, line) in lines {
            issued.writer.certificate(leaf.uid(), certificate.der())?;
            issued.writer.source(leaf.uid(), leaf.certificate().der())?;
            issued.writer.entry_line(&line)?;
            issued.tree.push(line.as_bytes());
            if certificate.attempt() > 0 {
                let batch = self.batch;
                let issuer = self.run.job.issuer.identity();
                issued.discarded.extend((0..certificate.attempt()).map(|attempt| {
                    crate::issue::derive_serial(&batch.seed, issuer.spki(), &leaf.origin().fingerprint, attempt)
                }));
            }
        }
        Ok(())
    }
}
