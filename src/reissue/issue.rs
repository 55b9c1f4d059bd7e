//! Pass 2: chunk by chunk in UID order: build, record, sign, check, record, and hand on.
//!
//! Three threads take neighbouring chunks at once, each with as many workers as it likes: one builds the next chunk, one
//! records and signs, and the caller's takes what is finished. The order of steps is the same for each chunk, and the
//! ledger is written by one of them only; chunks are handed on one at a time, so that what is fast waits and memory
//! stays bounded.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use crate::cert::{IssuedCertificate, IssuerIdentity, UncheckedCertificate};
use crate::crypto::sha256;
use crate::error::Error;
use crate::issue::{IssueError, Issuer, SignReport, Signed};
use crate::ledger::{BatchRow, Ledger, Recorded, RecordedTbs};
use crate::lint::LintedTbs;
use crate::policy::BoundPolicy;
use crate::reel::{Spool, SpoolReader};
use crate::verify::{VerifiedLeaf, Verifier};

use super::Progress;
use super::lint::prepare;
use crate::intake::Row;
use crate::parallel;

/// Whoever signs what the ledger has recorded, or has signed it elsewhere.
pub(crate) trait SignRecorded: Sync {
    /// One outcome for each, in order; see [`Issuer::sign`].
    fn sign(&self, recorded: Vec<RecordedTbs>) -> SignReport;

    /// Looks at signatures that the ledger holds; see [`Issuer::check_all`].
    fn check_all(
        &self,
        unchecked: Vec<UncheckedCertificate>,
    ) -> Result<Vec<Result<IssuedCertificate, IssueError>>, IssueError>;

    /// So many are to come.
    fn expect(&self, count: u64);
}

impl SignRecorded for Issuer {
    fn sign(&self, recorded: Vec<RecordedTbs>) -> SignReport {
        Issuer::sign(self, recorded)
    }

    fn check_all(
        &self,
        unchecked: Vec<UncheckedCertificate>,
    ) -> Result<Vec<Result<IssuedCertificate, IssueError>>, IssueError> {
        Issuer::check_all(self, unchecked)
    }

    fn expect(&self, count: u64) {
        Issuer::expect(self, count);
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
    fn prepare(
        &self,
        spool: &mut SpoolReader<'_>,
        row: &Row,
        attempt: u32,
    ) -> Result<(VerifiedLeaf, LintedTbs), Error> {
        let (leaf, linted) = prepare(self.issuer, self.bound, self.batch, spool, self.verifier, row, attempt)?
            .map_err(|finding| Error::LintDiffers { item: finding.item.to_string(), reason: finding.reason.clone() })?;
        // here, where many work at once, and not when it is recorded
        linted.tbs().sha256(sha256);
        Ok((leaf, linted))
    }

    /// As [`prepare`](Self::prepare), on all cores, results in order.
    pub(crate) fn prepare_all(&self, rows: &[Row], attempts: &[u32]) -> Result<Built, Error> {
        let attempt = |at: usize| attempts.get(at).copied().unwrap_or(0);
        let tasks: Vec<(&Row, u32)> = rows.iter().enumerate().map(|(at, row)| (row, attempt(at))).collect();
        let built = parallel::map_shares(self.jobs, tasks, |share| {
            let mut spool = self.spool.reader();
            share.into_iter().map(|(row, attempt)| self.prepare(&mut spool, row, attempt)).collect::<Vec<_>>()
        });
        let mut leaves = Vec::with_capacity(rows.len());
        let mut linted = Vec::with_capacity(rows.len());
        for result in built.into_iter().flatten() {
            let (leaf, tbs) = result?;
            leaves.push(leaf);
            linted.push(tbs);
        }
        Ok((leaves, linted))
    }

    /// As [`prepare_all`](Self::prepare_all), of one row alone.
    pub(crate) fn prepare_one(&self, row: &Row) -> Result<(VerifiedLeaf, LintedTbs), Error> {
        self.prepare(&mut self.spool.reader(), row, 0)
    }
}

/// The leaf of each row, and what is to be signed for it.
pub(crate) type Built = (Vec<VerifiedLeaf>, Vec<LintedTbs>);

/// A chunk of which every certificate is on the ledger.
pub(crate) type Finished = Vec<(VerifiedLeaf, IssuedCertificate)>;

/// Issues every leaf of the batch, or takes its certificate from the ledger where an earlier run got that far; `each`
/// gets them chunk by chunk. Returns whether the ledger already held certificates of this batch.
pub(crate) fn issue_all(
    work: &Work<'_>,
    ledger: &Ledger,
    signer: &dyn SignRecorded,
    each: &mut dyn FnMut(Finished) -> Result<(), Error>,
) -> Result<bool, Error> {
    let count = work.rows.len() as u64;
    work.progress.total(count);
    signer.expect(count);
    std::thread::scope(|scope| {
        let (to_sign, built) = sync_channel(0);
        let (finish, finished) = sync_channel(0);
        scope.spawn(move || build_all(work, signer, ledger, &to_sign));
        let signing = scope.spawn(move || sign_all(ledger, built, &finish));
        let taken = take_all(work, finished, each);
        signing.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))?;
        taken
    })
}

/// Builds one chunk after the other, until nobody takes them or one fails.
fn build_all<'a>(
    work: &'a Work<'a>,
    signer: &'a dyn SignRecorded,
    ledger: &Ledger,
    to_sign: &SyncSender<(Chunk<'a>, Result<Built, Error>)>,
) {
    for (number, rows) in work.chunks() {
        let chunk = Chunk { work, signer, number, rows };
        let built = chunk.build(ledger);
        let failed = built.is_err();
        if to_sign.send((chunk, built)).is_err() || failed {
            return;
        }
    }
}

/// Records and signs one chunk after the other, until nobody takes them, who then says why. Each is handed on with
/// whether an earlier run had signed some of it.
fn sign_all(
    ledger: &Ledger,
    built: Receiver<(Chunk<'_>, Result<Built, Error>)>,
    finish: &SyncSender<(Finished, bool)>,
) -> Result<(), Error> {
    for (chunk, built) in built {
        chunk.work.interrupted()?;
        if finish.send(chunk.issue(ledger, built?)?).is_err() {
            break;
        }
    }
    Ok(())
}

fn take_all(
    work: &Work<'_>,
    finished: Receiver<(Finished, bool)>,
    each: &mut dyn FnMut(Finished) -> Result<(), Error>,
) -> Result<bool, Error> {
    let mut resumed = false;
    for (certificates, from_ledger) in finished {
        resumed |= from_ledger;
        let count = certificates.len() as u64;
        each(certificates)?;
        work.progress.advance(count);
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
    /// What is to be signed for every row of the chunk.
    fn build(&self, ledger: &Ledger) -> Result<Built, Error> {
        let attempts = ledger.attempts(&self.work.batch.id, self.number)?;
        self.work.prepare_all(self.rows, &attempts)
    }

    /// Ends with a certificate for every row of the chunk, each recorded before and after its signature.
    fn issue(&self, ledger: &Ledger, (leaves, linted): Built) -> Result<(Finished, bool), Error> {
        let batch = &self.work.batch.id;
        let mut certificates: Vec<Option<IssuedCertificate>> = vec![None; self.rows.len()];
        let mut to_sign = Vec::with_capacity(self.rows.len());
        let mut on_ledger = Vec::new();
        for (at, recorded) in ledger.record(batch, self.number, linted)?.into_iter().enumerate() {
            match recorded {
                Recorded::Fresh(tbs) | Recorded::Resumed(tbs) => to_sign.push((at, tbs)),
                Recorded::AlreadyIssued(certificate) => on_ledger.push((at, certificate)),
            }
        }
        let resumed = !on_ledger.is_empty();
        let checked = parallel::map_shares(self.work.jobs, on_ledger, |share| {
            let (places, unchecked): (Vec<usize>, Vec<UncheckedCertificate>) = share.into_iter().unzip();
            (places, self.signer.check_all(unchecked))
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
        Ok((certificates.collect(), resumed))
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
        let (places, fresh): (Vec<usize>, Vec<IssuedCertificate>) = fresh.into_iter().unzip();
        ledger.record_issued(&self.work.batch.id, self.number, &fresh, made)?;
        for (at, certificate) in places.into_iter().zip(fresh) {
            certificates[at] = Some(certificate);
        }
        if let Some(failure) = failure {
            return Err(failure.into());
        }
        let mut next = Vec::with_capacity(again.len());
        let mut spool = self.work.spool.reader();
        for (at, tbs) in again {
            let (_, linted) = self.work.prepare(&mut spool, &self.rows[at], tbs.tbs().attempt() + 1)?;
            next.push((at, ledger.retry(&self.work.batch.id, self.number, linted)?));
        }
        Ok(next)
    }
}
