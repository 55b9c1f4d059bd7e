//! Pass 2: chunk by chunk in UID order: build, record, sign, check, record, and hand on.

use std::sync::atomic::{AtomicBool, Ordering};

use crate::cert::{IssuedCertificate, IssuerIdentity, UncheckedCertificate};
use crate::error::Error;
use crate::issue::{IssueError, Issuer, SignReport, Signed};
use crate::ledger::{BatchRow, Ledger, Recorded, RecordedTbs};
use crate::lint::LintedTbs;
use crate::policy::BoundPolicy;
use crate::reel::Spool;
use crate::verify::{VerifiedLeaf, Verifier};

use super::Progress;
use super::lint::prepare;
use crate::intake::Row;
use crate::parallel;

/// Whoever signs what the ledger has recorded, or has signed it elsewhere.
pub(crate) trait SignRecorded: Sync {
    /// One outcome for each, in order; see [`Issuer::sign`].
    fn sign(&self, recorded: Vec<RecordedTbs>) -> SignReport;

    /// Looks at a signature that the ledger holds.
    fn check(&self, unchecked: UncheckedCertificate) -> Result<IssuedCertificate, IssueError>;
}

impl SignRecorded for Issuer {
    fn sign(&self, recorded: Vec<RecordedTbs>) -> SignReport {
        Issuer::sign(self, recorded)
    }

    fn check(&self, unchecked: UncheckedCertificate) -> Result<IssuedCertificate, IssueError> {
        Issuer::check(self, unchecked)
    }
}

/// What the second pass works on.
#[derive(Clone, Copy)]
pub(crate) struct Work<'a> {
    pub(crate) issuer: &'a IssuerIdentity,
    pub(crate) bound: &'a BoundPolicy,
    pub(crate) batch: &'a BatchRow,
    /// Leaves of the batch, strictly increasing by UID.
    pub(crate) rows: &'a [Row],
    pub(crate) spool: &'a Spool,
    pub(crate) verifier: &'a Verifier,
    pub(crate) jobs: usize,
    pub(crate) progress: &'a dyn Progress,
    pub(crate) cancel: &'a AtomicBool,
}

impl<'a> Work<'a> {
    /// The rows in the chunks that the batch row fixes, each with its number.
    pub(crate) fn chunks(&self) -> impl Iterator<Item = (u64, &'a [Row])> + use<'a> {
        let size = usize::try_from(self.batch.chunk_size).expect("a chunk fits into memory");
        (0_u64..).zip(self.rows.chunks(size))
    }

    /// Ctrl-C ends the run at the next chunk border; the batch stays open and the same command resumes it.
    pub(crate) fn interrupted(&self) -> Result<(), Error> {
        if self.cancel.load(Ordering::Relaxed) { Err(Error::Interrupted) } else { Ok(()) }
    }

    /// The leaf and its tbsCertificate, which were clean when they were linted.
    pub(crate) fn prepare(&self, row: &Row, attempt: u32) -> Result<(VerifiedLeaf, LintedTbs), Error> {
        prepare(self.issuer, self.bound, self.batch, self.spool, self.verifier, row, attempt)?
            .map_err(|finding| Error::LintDiffers { item: finding.item.to_string(), reason: finding.reason.clone() })
    }

    /// As [`prepare`](Self::prepare), on all cores, results in order.
    pub(crate) fn prepare_all(
        &self,
        rows: &[Row],
        attempts: &[u32],
    ) -> Result<(Vec<VerifiedLeaf>, Vec<LintedTbs>), Error> {
        let attempt = |at: usize| attempts.get(at).copied().unwrap_or(0);
        let tasks: Vec<(&Row, u32)> = rows.iter().enumerate().map(|(at, row)| (row, attempt(at))).collect();
        let built = parallel::map(self.jobs, tasks, |(row, attempt)| self.prepare(row, attempt));
        let mut leaves = Vec::with_capacity(rows.len());
        let mut linted = Vec::with_capacity(rows.len());
        for result in built {
            let (leaf, tbs) = result?;
            leaves.push(leaf);
            linted.push(tbs);
        }
        Ok((leaves, linted))
    }
}

/// Issues every leaf of the batch, or takes its certificate from the ledger where an earlier run got that far; `each`
/// gets them chunk by chunk. Returns whether the ledger already held certificates of this batch.
pub(crate) fn issue_all(
    work: &Work<'_>,
    ledger: &Ledger,
    signer: &dyn SignRecorded,
    each: &mut dyn FnMut(Vec<(VerifiedLeaf, IssuedCertificate)>) -> Result<(), Error>,
) -> Result<bool, Error> {
    work.progress.total(work.rows.len() as u64);
    let mut resumed = false;
    for (number, rows) in work.chunks() {
        work.interrupted()?;
        let chunk = Chunk { work, signer, number, rows };
        each(chunk.issue(ledger, &mut resumed)?)?;
        work.progress.advance(rows.len() as u64);
    }
    Ok(resumed)
}

struct Chunk<'a> {
    work: &'a Work<'a>,
    signer: &'a dyn SignRecorded,
    number: u64,
    rows: &'a [Row],
}

impl Chunk<'_> {
    /// Ends with a certificate for every row of the chunk, each recorded before and after its signature.
    fn issue(&self, ledger: &Ledger, resumed: &mut bool) -> Result<Vec<(VerifiedLeaf, IssuedCertificate)>, Error> {
        let batch = &self.work.batch.id;
        let attempts = ledger.attempts(batch, self.number)?;
        let (leaves, linted) = self.work.prepare_all(self.rows, &attempts)?;

        let mut certificates: Vec<Option<IssuedCertificate>> = vec![None; self.rows.len()];
        let mut to_sign = Vec::with_capacity(self.rows.len());
        let mut on_ledger = Vec::new();
        for (at, recorded) in ledger.record(batch, self.number, linted)?.into_iter().enumerate() {
            match recorded {
                Recorded::Fresh(tbs) | Recorded::Resumed(tbs) => to_sign.push((at, tbs)),
                Recorded::AlreadyIssued(certificate) => on_ledger.push((at, certificate)),
            }
        }
        *resumed |= !on_ledger.is_empty();
        let check = |(at, unchecked)| (at, self.signer.check(unchecked));
        for (at, certificate) in parallel::map(self.work.jobs, on_ledger, check) {
            certificates[at] = Some(certificate?);
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

    /// Signs what is recorded; whatever was signed is recorded again before anything else happens, also when the
    /// signer failed. Returns what needs another round: the same leaves with the next serial number.
    fn sign(
        &self,
        ledger: &Ledger,
        to_sign: Vec<(usize, RecordedTbs)>,
        certificates: &mut [Option<IssuedCertificate>],
    ) -> Result<Vec<(usize, RecordedTbs)>, Error> {
        let jobs = self.work.jobs.max(1);
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
        let reports: Vec<(Vec<usize>, SignReport)> =
            parallel::map_each(parts, |(places, part)| (places, self.signer.sign(part)));

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
        ledger.record_issued(&self.work.batch.id, self.number, &records, made)?;
        for (at, certificate) in fresh {
            certificates[at] = Some(certificate);
        }
        if let Some(failure) = failure {
            return Err(failure.into());
        }
        let mut next = Vec::with_capacity(again.len());
        for (at, tbs) in again {
            let (_, linted) = self.work.prepare(&self.rows[at], tbs.tbs().attempt() + 1)?;
            next.push((at, ledger.retry(&self.work.batch.id, self.number, linted)?));
        }
        Ok(next)
    }
}
