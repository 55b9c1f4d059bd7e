//! Pass 2: chunk by chunk in UID order: build, record, sign, check, record, write.
//!
//! Three threads take neighbouring chunks at once, each with as many workers as it likes: one builds the next chunk, one
//! records and signs, one writes the last. The order of steps is the same for each chunk, and the ledger is written by
//! one of them only; chunks are handed on one at a time, so that what is fast waits and memory stays bounded.

use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use crate::cert::{IssuedCertificate, UncheckedCertificate};
use crate::delivery::BatchWriter;
use crate::error::Error;
use crate::issue::{SignReport, Signed};
use crate::ledger::{BatchRow, Ledger, Recorded, RecordedTbs};
use crate::lint::LintedTbs;
use crate::manifest::{Entry, TreeBuilder};
use crate::policy::BoundPolicy;
use crate::reel::SpoolReader;
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
    ledger: &Ledger,
    bound: &BoundPolicy,
    batch: &BatchRow,
    settled: &Settled,
) -> Result<Issued, Error> {
    let writer = BatchWriter::create(run.job.out, &batch.id.to_string(), &run.job.forms, batch.issued_at)?;
    let issued = Issued { writer, tree: TreeBuilder::new(), discarded: vec![], resumed: false };
    let count = settled.rows.len() as u64;
    run.progress.total(count);
    run.job.issuer.expect(count);
    let size = usize::try_from(batch.chunk_size).expect("a chunk fits into memory");
    let chunks = (0_u64..).zip(settled.rows.chunks(size)).map(|(number, rows)| Chunk {
        run,
        bound,
        batch,
        settled,
        number,
        rows,
    });
    std::thread::scope(|scope| {
        let (to_sign, built) = sync_channel(0);
        let (to_write, signed) = sync_channel(0);
        scope.spawn(move || build_all(chunks, ledger, &to_sign));
        let writing = scope.spawn(move || write_all(issued, signed));
        let signing = sign_all(ledger, built, &to_write);
        drop(to_write);
        let written = writing.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        signing?;
        written
    })
}

type Built = Vec<(VerifiedLeaf, LintedTbs)>;

/// Builds one chunk after the other, until nobody takes them or one fails.
fn build_all<'a>(
    chunks: impl Iterator<Item = Chunk<'a>>,
    ledger: &Ledger,
    to_sign: &SyncSender<(Chunk<'a>, Result<Built, Error>)>,
) {
    for chunk in chunks {
        let built = chunk.build(ledger);
        let failed = built.is_err();
        if to_sign.send((chunk, built)).is_err() || failed {
            return;
        }
    }
}

/// A chunk of which every certificate is on the ledger.
struct Finished<'a> {
    chunk: Chunk<'a>,
    certificates: Vec<(VerifiedLeaf, IssuedCertificate)>,
    /// Whether an earlier run had signed some of them.
    resumed: bool,
}

/// Records and signs one chunk after the other, until the writer has stopped, which then says why.
fn sign_all<'a>(
    ledger: &Ledger,
    built: Receiver<(Chunk<'a>, Result<Built, Error>)>,
    to_write: &SyncSender<Finished<'a>>,
) -> Result<(), Error> {
    for (chunk, built) in built {
        chunk.run.interrupted()?;
        if to_write.send(chunk.issue(ledger, built?)?).is_err() {
            break;
        }
    }
    Ok(())
}

fn write_all(mut issued: Issued, signed: Receiver<Finished<'_>>) -> Result<Issued, Error> {
    for Finished { chunk, certificates, resumed } in signed {
        issued.resumed |= resumed;
        chunk.write(&mut issued, certificates)?;
        chunk.run.progress.advance(chunk.rows.len() as u64);
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

impl<'a> Chunk<'a> {
    /// What is to be signed for every row of the chunk.
    fn build(&self, ledger: &Ledger) -> Result<Built, Error> {
        let attempts = ledger.attempts(&self.batch.id, self.number)?;
        let tasks: Vec<(&Row, u32)> =
            self.rows.iter().enumerate().map(|(at, row)| (row, attempts.get(at).copied().unwrap_or(0))).collect();
        let built = parallel::map_shares(self.run.job.jobs, tasks, |share| {
            let mut spool = self.settled.spool.reader();
            share.into_iter().map(|(row, attempt)| self.prepare(&mut spool, row, attempt)).collect::<Vec<_>>()
        });
        built.into_iter().flatten().collect()
    }

    /// Ends with a certificate for every row of the chunk, each recorded before and after its signature.
    fn issue(self, ledger: &Ledger, built: Built) -> Result<Finished<'a>, Error> {
        let (leaves, linted): (Vec<VerifiedLeaf>, Vec<LintedTbs>) = built.into_iter().unzip();
        let mut certificates: Vec<Option<IssuedCertificate>> = vec![None; self.rows.len()];
        let mut to_sign = Vec::with_capacity(self.rows.len());
        let mut on_ledger = Vec::new();
        for (at, recorded) in ledger.record(&self.batch.id, self.number, linted)?.into_iter().enumerate() {
            match recorded {
                Recorded::Fresh(tbs) | Recorded::Resumed(tbs) => to_sign.push((at, tbs)),
                Recorded::AlreadyIssued(certificate) => on_ledger.push((at, certificate)),
            }
        }
        let resumed = !on_ledger.is_empty();
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
        let certificates = certificates.collect();
        Ok(Finished { chunk: self, certificates, resumed })
    }

    fn prepare(
        &self,
        spool: &mut SpoolReader<'_>,
        row: &Row,
        attempt: u32,
    ) -> Result<(VerifiedLeaf, LintedTbs), Error> {
        prepare(self.run.job, self.bound, self.batch, spool, &self.settled.verifier, row, attempt)?
            .map_err(|finding| Error::LintDiffers { item: finding.item.to_string(), reason: finding.reason.clone() })
    }

    /// Signs what is recorded; whatever was signed is recorded again before anything else happens, also when the
    /// signer failed. Returns what needs another round: the same leaves with the next serial number.
    fn sign(
        &self,
        ledger: &Ledger,
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
        let (places, fresh): (Vec<usize>, Vec<IssuedCertificate>) = fresh.into_iter().unzip();
        ledger.record_issued(&self.batch.id, self.number, &fresh, made)?;
        for (at, certificate) in places.into_iter().zip(fresh) {
            certificates[at] = Some(certificate);
        }
        if let Some(failure) = failure {
            return Err(failure.into());
        }
        let mut next = Vec::with_capacity(again.len());
        let mut spool = self.settled.spool.reader();
        for (at, tbs) in again {
            let (_, linted) = self.prepare(&mut spool, &self.rows[at], tbs.tbs().attempt() + 1)?;
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
