//! One chunk: its leaves are read and verified, its tbsCertificates are built, recorded, signed and recorded again.

use std::sync::atomic::{AtomicBool, Ordering};

use crate::cert::{IssuedCertificate, TbsCertificate, UncheckedCertificate};
use crate::crypto::{VerificationEngine, sha256};
use crate::error::{Error, PlanError};
use crate::intake::{Pass1, Source};
use crate::issue::{IssueError, Issuer, SignReport, Signed};
use crate::ledger::{Claim, Ledger, LedgerError, Recorded, StoreError};
use crate::plan::chunk_file::{self, ChunkLeaves};
use crate::reel::{Limits, Spool};

use super::super::build::Work;
use super::super::intake::plan::{build_all, verified};
use super::super::kept::Keeper;
use super::super::sign::{SignRecorded, issue_all};
use super::PoolJob;
use super::batch::{Batch, Batches};

/// Signatures between two looks at whether the chunk is still this worker's: a second on a slow token.
const SLICE: usize = 256;
/// How often a chunk is read again after a different worker was first.
const AGAIN: u32 = 3;

/// A chunk that this worker has.
pub(super) struct Held {
    pub(super) claim: Claim,
    /// Ends the work at the next slice.
    pub(super) stop: AtomicBool,
}

/// Why a chunk was not finished.
#[derive(Debug)]
pub(super) enum Fault {
    /// The chunk's own: every worker would find it.
    Chunk(String),
    /// A different worker has the chunk.
    Lost,
    /// The worker ends, or has lost the lease.
    Stopped,
    /// The worker's: it cannot go on with any chunk.
    Worker(Error),
}

impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        use LedgerError::{Abandoned, ChunkLength, LeafDiffers, NoSuchChunk, Store, TbsDiffers};
        match &error {
            _ if error.is_interrupted() => Self::Stopped,
            Error::Ledger(Store(StoreError::Fenced { .. })) => Self::Lost,
            Error::Plan(PlanError::Leaves { .. } | PlanError::Differs { .. } | PlanError::Malformed { .. })
            | Error::LintDiffers { .. }
            | Error::Ledger(
                Abandoned { .. } | ChunkLength { .. } | LeafDiffers { .. } | NoSuchChunk { .. } | TbsDiffers { .. },
            ) => Self::Chunk(error.to_string()),
            _ => Self::Worker(error),
        }
    }
}

impl From<LedgerError> for Fault {
    fn from(error: LedgerError) -> Self {
        Error::from(error).into()
    }
}

/// Signs what is not signed of a chunk. Returns its number of certificates, all of which are on the ledger.
pub(super) fn sign(job: &PoolJob<'_>, batches: &Batches<'_>, ledger: &Ledger, held: &Held) -> Result<u64, Fault> {
    let Held { claim, stop } = held;
    let batch = batches.get(&claim.batch)?;
    let file = leaves(job, claim)?;
    let Pass1 { rows, spool, verifier, .. } = verify(job, &batch, stop, file)?;
    let row = &batch.row;
    if rows.len() as u64 > u64::from(row.chunk_size) {
        return Err(Fault::Chunk(format!("its file has {} leaves, more than a chunk", rows.len())));
    }
    let mut work = Work {
        issuer: job.issuer.identity(),
        bound: &batch.bound,
        batch: row,
        rows: &rows,
        first: claim.chunk,
        spool: &spool,
        kept: None,
        verifier: &verifier,
        jobs: job.jobs_each(),
        progress: &(),
        cancel: stop,
    };
    let scratch = Spool::create(job.scratch).map_err(Error::from)?;
    let mut keeper = Keeper::new(scratch, row.chunk_size, work.jobs);
    build_all(&work, &mut keeper, &mut |_| {})?;
    let kept = keeper.finish()?;
    work.kept = Some(&kept);
    // every tbsCertificate is clean, and nothing is recorded
    ledger.hold(claim)?;
    let signed = recorded_and_signed(&work, ledger, &Slices { issuer: job.issuer, stop });
    ledger.let_go(claim);
    signed?;
    Ok(rows.len() as u64)
}

/// The file that was handed out with the chunk.
fn leaves(job: &PoolJob<'_>, claim: &Claim) -> Result<ChunkLeaves, Fault> {
    let digest = &claim.file.sha256;
    let content = job.leaves.fetch(digest).map_err(Error::from)?;
    if sha256(&content) != *digest {
        return Err(Fault::Chunk(format!("its file `{}` has a different SHA-256", chunk_file::name(digest))));
    }
    chunk_file::read(&content, claim.batch.as_str(), claim.chunk).map_err(Fault::Chunk)
}

/// Verifies every leaf under this machine's own anchors.
fn verify(job: &PoolJob<'_>, batch: &Batch, stop: &AtomicBool, file: ChunkLeaves) -> Result<Pass1, Error> {
    let limits = Limits::default();
    let source = Source {
        inputs: &[],
        limits: &limits,
        anchors: job.anchors,
        rules: batch.policy.source(),
        at: batch.row.issued_at,
        scratch: job.scratch,
        jobs: job.jobs_each(),
        engine: VerificationEngine::default(),
        advance: &|_| {},
        cancel: stop,
    };
    let ChunkLeaves { intermediates, leaves } = file;
    verified(&source, &intermediates, |send| {
        // an end before the last leaf is an interruption, which is noticed there
        let _ = leaves.into_iter().try_for_each(send);
        Ok(())
    })
}

/// The ledger decides what a chunk's certificates are: where a different worker was first, they are read from there.
fn recorded_and_signed(work: &Work<'_>, ledger: &Ledger, signer: &Slices<'_>) -> Result<(), Error> {
    let mut again = 0;
    loop {
        match issue_all(work, ledger, signer, &mut |_| Ok(())) {
            Err(Error::Ledger(
                LedgerError::AttemptDiffers { .. }
                | LedgerError::CertificateDiffers { .. }
                | LedgerError::Sealed { .. },
            )) if again < AGAIN => again += 1,
            other => return other.map(drop),
        }
    }
}

/// Signs slice by slice, until `stop` is set.
struct Slices<'a> {
    issuer: &'a Issuer,
    stop: &'a AtomicBool,
}

impl SignRecorded for Slices<'_> {
    fn sign(&self, recorded: Vec<Recorded<TbsCertificate>>) -> SignReport {
        let mut report = SignReport { outcomes: Vec::with_capacity(recorded.len()), signatures_made: 0, failure: None };
        let mut rest = recorded.into_iter();
        while rest.len() > 0 {
            if report.failure.is_some() || self.stop.load(Ordering::Relaxed) {
                report.outcomes.extend(rest.by_ref().map(Signed::Unsigned));
                break;
            }
            let slice = self.issuer.sign(rest.by_ref().take(SLICE).collect());
            report.outcomes.extend(slice.outcomes);
            report.signatures_made += slice.signatures_made;
            report.failure = slice.failure;
        }
        report
    }

    fn check_all(
        &self,
        unchecked: Vec<UncheckedCertificate>,
    ) -> Result<Vec<Result<IssuedCertificate, IssueError>>, IssueError> {
        self.issuer.check_all(unchecked)
    }

    fn expect(&self, count: u64) {
        self.issuer.expect(count);
    }
}
