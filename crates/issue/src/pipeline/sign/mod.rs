//! Pass 2: chunk by chunk in UID order: build, record, sign, check, record, and hand on.
//!
//! Three threads take neighbouring chunks at once, each with as many workers as it likes: one builds the next chunk and
//! records what is to be signed, one signs and checks, and the caller's records what was signed and hands it on. The
//! order of steps is the same for each chunk. Chunks are handed on one at a time, so that what is fast waits and memory
//! stays bounded; the signer, which is slowest, never waits for the ledger.

use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Mutex, PoisonError};

use crate::cert::{IssuedCertificate, TbsCertificate, UncheckedCertificate};
use crate::error::Error;
use crate::intake::Row;
use crate::issue::{IssueError, Issuer, SignReport, Signed};
use crate::ledger::{Ledger, LedgerError, Recorded, RecordedLeaf, StoreError};
use crate::parallel;
use crate::verify::VerifiedLeaf;

use super::authority::{Chunk, Made};
use super::build::Work;
use super::events;

/// Signs what the ledger has recorded, or has the signatures that another machine made.
pub(super) trait SignRecorded: Sync {
    /// One outcome for each, in order; see [`Issuer::sign`]. A signer that stops early leaves the rest unsigned, without
    /// a failure.
    fn sign(&self, recorded: Vec<Recorded<TbsCertificate>>) -> SignReport;

    /// Looks at signatures that the ledger holds; see [`Issuer::check_all`].
    fn check_all(
        &self,
        unchecked: Vec<UncheckedCertificate>,
    ) -> Result<Vec<Result<IssuedCertificate, IssueError>>, IssueError>;

    /// So many are to come.
    fn expect(&self, count: u64);
}

impl SignRecorded for Issuer {
    fn sign(&self, recorded: Vec<Recorded<TbsCertificate>>) -> SignReport {
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

/// Issues every leaf of the batch, or takes its certificate from the ledger where an earlier run got that far; `each`
/// gets them chunk by chunk. Returns whether the ledger already held certificates of this batch.
pub(super) fn issue_all(
    work: &Work<'_>,
    ledger: &Ledger,
    signer: &dyn SignRecorded,
    each: &mut dyn FnMut(Chunk) -> Result<(), Error>,
) -> Result<bool, Error> {
    let count = work.rows.len() as u64;
    work.progress.total(count);
    signer.expect(count);
    let run = Run { work, ledger, signer, failure: Mutex::new(None) };
    let resumed = std::thread::scope(|scope| {
        let (to_sign, recorded) = sync_channel(0);
        let (to_finish, signed) = sync_channel(0);
        let run = &run;
        // without the other, each of them finds its channel closed and ends
        let started = parallel::start_in(scope, move || run.sign_all(recorded, &to_finish))
            .and_then(|_| parallel::start_in(scope, move || run.record_all(&to_sign)));
        match started {
            Ok(_) => run.finish_all(signed.into_iter(), each),
            Err(_) => run.finish_all(run.one_by_one(), each),
        }
    });
    run.failure.into_inner().unwrap_or_else(PoisonError::into_inner).map_or(Ok(resumed), Err)
}

struct Run<'a> {
    work: &'a Work<'a>,
    ledger: &'a Ledger,
    signer: &'a dyn SignRecorded,
    /// What failed first; what only follows from a failure, or is none (Ctrl-C), gives way to it. After it no further
    /// chunk is signed.
    failure: Mutex<Option<Error>>,
}

/// A chunk on its way.
struct Underway<'a, T> {
    number: u64,
    rows: &'a [Row],
    leaves: Vec<VerifiedLeaf>,
    /// What became of the leaves until now.
    state: T,
}

/// What the signer made of a chunk.
struct SignedChunk {
    /// In the order of the rows; None is in the making.
    certificates: Vec<Option<IssuedCertificate>>,
    /// An earlier run had signed some of it.
    resumed: bool,
    outcome: Outcome,
}

/// What came of having some leaves of a chunk signed, each with its place in it.
#[derive(Default)]
struct Outcome {
    fresh: Vec<(usize, IssuedCertificate)>,
    /// What needs the next serial number.
    again: Vec<(usize, Recorded<TbsCertificate>)>,
    signatures_made: u64,
}

impl<'a> Run<'a> {
    /// The value, or None after it has been noted why there is none.
    fn noted<T>(&self, result: Result<T, Error>) -> Option<T> {
        result.map_err(|error| self.fail(error)).ok()
    }

    fn fail(&self, error: Error) {
        let only_follows = |error: &Error| is_broken(error) || error.is_interrupted();
        let mut failure = self.failure.lock().unwrap_or_else(PoisonError::into_inner);
        if failure.as_ref().is_none_or(only_follows) {
            *failure = Some(error);
        }
    }

    fn has_failed(&self) -> bool {
        self.failure.lock().unwrap_or_else(PoisonError::into_inner).is_some()
    }

    /// Builds and records one chunk after the other, until the signing thread takes no more or a chunk fails.
    fn record_all(&self, to_sign: &SyncSender<Underway<'a, Vec<RecordedLeaf>>>) {
        for (number, rows) in self.work.chunks() {
            if self.has_failed() {
                return;
            }
            let Some(recorded) = self.noted(self.record(number, rows)) else { return };
            if to_sign.send(recorded).is_err() {
                return;
            }
        }
    }

    /// What is to be signed for every row of the chunk is on the ledger.
    fn record(&self, number: u64, rows: &'a [Row]) -> Result<Underway<'a, Vec<RecordedLeaf>>, Error> {
        let batch = &self.work.batch.id;
        let attempts = self.ledger.attempts(batch, number)?;
        let (leaves, linted) = self.work.read_back(number, rows, &attempts)?;
        Ok(Underway { number, rows, leaves, state: self.ledger.record(batch, number, linted)? })
    }

    /// Signs one chunk after the other, until something fails or Ctrl-C ends the run between two of them.
    fn sign_all(
        &self,
        recorded: Receiver<Underway<'a, Vec<RecordedLeaf>>>,
        to_finish: &SyncSender<Underway<'a, SignedChunk>>,
    ) {
        for chunk in recorded {
            if self.has_failed() {
                return;
            }
            let signed = self.work.interrupted().and_then(|()| self.sign(chunk));
            let Some(signed) = self.noted(signed) else { return };
            // also what was signed until the signer failed
            if to_finish.send(signed).is_err() || self.has_failed() {
                return;
            }
        }
    }

    /// The same on one thread: where the system has no others, a chunk is recorded and signed when the one before it is
    /// finished.
    fn one_by_one(&self) -> impl Iterator<Item = Underway<'a, SignedChunk>> {
        self.work.chunks().map_while(|(number, rows)| {
            if self.has_failed() {
                return None;
            }
            let recorded = self.noted(self.record(number, rows))?;
            self.noted(self.work.interrupted().and_then(|()| self.sign(recorded)))
        })
    }

    /// Has signed what is to be signed of a chunk, and looks at what the ledger has of it already.
    fn sign(&self, chunk: Underway<'a, Vec<RecordedLeaf>>) -> Result<Underway<'a, SignedChunk>, Error> {
        let mut certificates: Vec<Option<IssuedCertificate>> = vec![None; chunk.rows.len()];
        let mut to_sign = Vec::with_capacity(chunk.rows.len());
        let mut on_ledger = Vec::new();
        for (at, recorded) in chunk.state.into_iter().enumerate() {
            match recorded {
                RecordedLeaf::Fresh(tbs) | RecordedLeaf::Resumed(tbs) => to_sign.push((at, tbs)),
                RecordedLeaf::AlreadyIssued(certificate) => on_ledger.push((at, certificate)),
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
        let state = SignedChunk { certificates, resumed, outcome: self.have_signed(to_sign) };
        Ok(Underway { number: chunk.number, rows: chunk.rows, leaves: chunk.leaves, state })
    }

    /// Asks the signer, in as many calls at once as there are workers. A failure is noted at once, before anything that
    /// follows from it.
    fn have_signed(&self, to_sign: Vec<(usize, Recorded<TbsCertificate>)>) -> Outcome {
        let jobs = self.work.jobs.max(1);
        let share = to_sign.len().div_ceil(jobs).max(1);
        let mut parts: Vec<(Vec<usize>, Vec<Recorded<TbsCertificate>>)> = Vec::with_capacity(jobs);
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

        let mut outcome = Outcome::default();
        for (places, report) in reports {
            outcome.signatures_made += report.signatures_made;
            if let Some(failure) = report.failure {
                self.fail(failure.into());
            }
            for (at, signed) in places.into_iter().zip(report.outcomes) {
                match signed {
                    Signed::Issued(certificate) => outcome.fresh.push((at, certificate)),
                    Signed::NeedsNewSerial(tbs) => outcome.again.push((at, tbs)),
                    Signed::Unsigned(_) => {}
                }
            }
        }
        outcome
    }

    /// Records what was signed and hands it on. After a failure nothing is handed on, but what the signer has made until
    /// then is recorded all the same. Returns whether the ledger already held certificates.
    fn finish_all(
        &self,
        signed: impl Iterator<Item = Underway<'a, SignedChunk>>,
        each: &mut dyn FnMut(Chunk) -> Result<(), Error>,
    ) -> bool {
        let mut resumed = false;
        for chunk in signed {
            resumed |= chunk.state.resumed;
            let Some(finished) = self.noted(self.finish(chunk)).flatten() else { continue };
            if self.has_failed() {
                continue;
            }
            let count = finished.0.len() as u64;
            if self.noted(each(finished)).is_some() {
                self.work.progress.advance(count);
            }
        }
        resumed
    }

    /// Records what was signed of a chunk, and has signed what needs another serial number. None if the run has stopped
    /// before all of it was signed.
    fn finish(&self, chunk: Underway<'a, SignedChunk>) -> Result<Option<Chunk>, Error> {
        let Underway { number, rows, leaves, state: SignedChunk { mut certificates, mut outcome, .. } } = chunk;
        loop {
            let again = self.settle(number, outcome, &mut certificates)?;
            if self.has_failed() {
                return Ok(None);
            }
            if again.is_empty() {
                break;
            }
            outcome = self.have_signed(self.raise(number, rows, again)?);
        }
        if certificates.iter().any(Option::is_none) {
            // what was signed is recorded
            return Err(Error::INTERRUPTED);
        }
        let made = leaves.into_iter().zip(certificates).map(|(leaf, certificate)| {
            let certificate = certificate.expect("every row was taken from the ledger or signed");
            Made { leaf, certificate, differs: None }
        });
        Ok(Some(Chunk(made.collect())))
    }

    /// Records everything that was signed before anything else happens, also when the signer failed. Returns what must
    /// be signed again, with the next serial numbers.
    fn settle(
        &self,
        number: u64,
        mut outcome: Outcome,
        certificates: &mut [Option<IssuedCertificate>],
    ) -> Result<Vec<(usize, Recorded<TbsCertificate>)>, Error> {
        outcome.fresh.sort_unstable_by_key(|(at, _)| *at);
        let (places, fresh): (Vec<usize>, Vec<IssuedCertificate>) = outcome.fresh.into_iter().unzip();
        self.ledger.record_issued(&self.work.batch.id, number, &fresh, outcome.signatures_made)?;
        events::chunk_recorded(number, fresh.len(), outcome.signatures_made);
        for (at, certificate) in places.into_iter().zip(fresh) {
            certificates[at] = Some(certificate);
        }
        Ok(outcome.again)
    }

    /// The same leaves with their next serial numbers, recorded.
    fn raise(
        &self,
        number: u64,
        rows: &[Row],
        again: Vec<(usize, Recorded<TbsCertificate>)>,
    ) -> Result<Vec<(usize, Recorded<TbsCertificate>)>, Error> {
        let mut spool = self.work.spool.reader();
        let next = again.into_iter().map(|(at, tbs)| {
            let (_, linted) = self.work.prepare(&mut spool, &rows[at], tbs.tbs().attempt() + 1)?;
            Ok((at, self.ledger.retry(&self.work.batch.id, number, linted)?))
        });
        next.collect()
    }
}

/// Who comes to the ledger after a write has failed only hears that one did.
const fn is_broken(error: &Error) -> bool {
    matches!(error, Error::Ledger(LedgerError::Store(StoreError::Broken)))
}

#[cfg(test)]
pub(super) mod tests;
