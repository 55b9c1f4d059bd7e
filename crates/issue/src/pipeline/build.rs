//! From a verified leaf to a linted tbsCertificate: [`prepare`], a pure function of batch row, leaf and attempt.
//!
//! Pass 1 builds and lints every tbsCertificate before the first is recorded ([`lint_all`]), and writes them to a scratch
//! file ([`Kept`]). Pass 2 reads them back, chunk by chunk ([`Work`]).

use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::cert::{IssuerIdentity, ObjectTemplate, TbsCertificate};
use crate::error::Error;
use crate::intake::Row;
use crate::issue::Serials;
use crate::ledger::{self, BatchRow};
use crate::lint::{LintedReceipt, LintedTbs};
use crate::origin::{Disposition, Finding};
use crate::parallel;
use crate::policy::{BatchContext, BoundPolicy, Params, Policy};
use crate::reel::{Spool, SpoolReader, SpoolRef};
use crate::verify::{VerifiedLeaf, Verifier};

use super::job::Job;
use super::kept::{self, Keeper, Kept};
use super::settle::Settled;
use super::{Progress, Run, code};

/// Leaves that a worker builds before it hands them over: four blocks for each worker, so that all end at about the same
/// time. With up to 128 workers at most 8,192 leaves are under way, which bounds the memory.
fn block(leaves: usize, jobs: usize) -> usize {
    let most = (4_096 / jobs.max(1)).clamp(32, 512);
    leaves.div_ceil(4 * jobs.max(1)).clamp(32, most)
}

/// Everything that a tbsCertificate of a batch follows from, but for its leaf and the issuing CA.
#[derive(Debug)]
pub(super) struct Bound {
    pub(super) policy: BoundPolicy,
    pub(super) serials: Serials,
}

impl Bound {
    /// Binds a policy to the issuer and to what the batch row fixes.
    pub(super) fn new(
        policy: &Policy,
        params: &Params,
        issuer: &IssuerIdentity,
        row: &BatchRow,
    ) -> Result<Self, Error> {
        let context = BatchContext { batch: row.id.to_string(), issued_at: row.issued_at, params: params.clone() };
        let policy = policy.bind(issuer, &context)?;
        Ok(Self { policy, serials: Serials::new(&row.serial_basis(), issuer.spki()) })
    }

    /// As [`BoundPolicy::template`].
    pub(super) fn template(&self, leaf: &VerifiedLeaf) -> Result<ObjectTemplate, Finding> {
        self.policy.template(leaf)
    }
}

/// Builds and lints the tbsCertificate of one spooled leaf, or says why it cannot be issued.
pub(super) fn prepare(
    issuer: &IssuerIdentity,
    bound: &Bound,
    batch: &BatchRow,
    spool: &mut SpoolReader<'_>,
    verifier: &Verifier,
    row: &Row,
    attempt: u32,
) -> Result<Result<(VerifiedLeaf, LintedTbs), Box<Finding>>, Error> {
    let leaf = match row.readmit(spool, verifier, batch.issued_at)? {
        Ok(leaf) => leaf,
        Err(finding) => return Ok(Err(Box::new(finding))),
    };
    let template = match bound.template(&leaf) {
        Ok(template) => template,
        Err(finding) => return Ok(Err(Box::new(finding))),
    };
    let serial = bound.serials.of(&template, attempt);
    match issuer.prepare(&template, serial, attempt) {
        Ok(linted) => Ok(Ok((leaf, linted))),
        Err(lints) => {
            let origin = leaf.origin();
            let reason: Vec<String> = lints.iter().map(ToString::to_string).collect();
            let code = lints.first().map_or(code::UNNAMED_LINT, |lint| lint.code);
            let finding = Finding::rejected(origin.item.clone(), code, reason.join("; "))
                .of(Some(origin.uid), Some(origin.fingerprint));
            Ok(Err(Box::new(finding)))
        }
    }
}

/// Builds and lints the tbsCertificate of every row, and writes it to the scratch file. Rows with a finding leave the
/// batch.
pub(super) fn lint_all(
    run: &Run<'_>,
    job: &Job<'_>,
    bound: &Bound,
    row: &BatchRow,
    settled: &mut Settled,
    scratch: Spool,
) -> Result<(), Error> {
    let rows = std::mem::take(&mut settled.rows);
    run.progress.total(rows.len() as u64);
    let mut keeper = Keeper::new(scratch, row.chunk_size, job.jobs);
    settled.rows = keep_clean(run, job, bound, row, settled, rows, |linted, der| keeper.add_encoded(linted, der))?;
    settled.kept = Some(keeper.finish()?);

    let not_in_batch = std::mem::take(&mut settled.not_in_batch);
    let left_out = keep_clean(run, job, bound, row, settled, not_in_batch, |_, _| Ok(()))?;
    settled.left_out(row, left_out.len() as u64);
    for stranger in left_out {
        let reason = format!("chip {} verified now but is not in batch {}, which is closed", stranger.key.uid, row.id);
        settled.set_aside(&stranger, Disposition::Rejected, ledger::code::NOT_IN_BATCH, reason)?;
    }
    Ok(())
}

/// The receipt and the place of a row's tbsCertificate, or why it has no tbsCertificate.
type BuiltRow = Result<(LintedReceipt, Range<usize>), Box<Finding>>;

/// What a worker has built of a block. Only encodings leave the worker: it frees everything around them, which is fastest
/// where it was made.
struct BuiltBlock {
    rows: Vec<BuiltRow>,
    /// The tbsCertificates one after the other.
    der: Vec<u8>,
}

fn keep_clean(
    run: &Run<'_>,
    job: &Job<'_>,
    bound: &Bound,
    batch: &BatchRow,
    settled: &mut Settled,
    mut rows: Vec<Row>,
    mut keep: impl FnMut(&LintedReceipt, &[u8]) -> Result<(), Error>,
) -> Result<Vec<Row>, Error> {
    let Settled { spool, verifier, findings, .. } = settled;
    let mut clean = Vec::with_capacity(rows.len());
    // in UID order, as pass 2 reads them: the leaves are read here and there, the tbsCertificates then in one sweep
    let build = |block: &[Row]| -> Result<BuiltBlock, Error> {
        let mut spool = spool.reader();
        let mut built = BuiltBlock { rows: Vec::with_capacity(block.len()), der: vec![] };
        for row in block {
            let prepared = prepare(job.issuer, bound, batch, &mut spool, verifier, row, 0)?;
            built.rows.push(prepared.map(|(_, linted)| {
                let begin = built.der.len();
                built.der.extend_from_slice(linted.tbs().der());
                (linted.receipt(), begin..built.der.len())
            }));
        }
        Ok(built)
    };
    parallel::in_order(job.jobs, rows.chunks(block(rows.len(), job.jobs)), build, |block| -> Result<(), Error> {
        run.interrupted()?;
        let BuiltBlock { rows: of_block, der } = block?;
        run.progress.advance(of_block.len() as u64);
        for built in of_block {
            clean.push(built.is_ok());
            match built {
                Ok((linted, place)) => keep(&linted, &der[place])?,
                Err(finding) => findings.push(rows[clean.len() - 1].load(spool)?.number, *finding)?,
            }
        }
        Ok(())
    })?;
    // in place: a second list of millions would be the largest thing in memory
    let mut clean = clean.into_iter();
    rows.retain(|_| clean.next() == Some(true));
    Ok(rows)
}

/// What the second pass works on.
#[derive(Clone, Copy)]
pub(super) struct Work<'a> {
    pub(super) issuer: &'a IssuerIdentity,
    pub(super) bound: &'a Bound,
    pub(super) batch: &'a BatchRow,
    /// Leaves of the batch, strictly increasing by UID.
    pub(super) rows: &'a [Row],
    /// Number of the chunk with which they begin.
    pub(super) first: u64,
    pub(super) spool: &'a Spool,
    /// What pass 1 built; `None` during pass 1.
    pub(super) kept: Option<&'a Kept>,
    pub(super) verifier: &'a Verifier,
    pub(super) jobs: usize,
    pub(super) progress: &'a dyn Progress,
    pub(super) cancel: &'a AtomicBool,
}

impl<'a> Work<'a> {
    /// The rows in the chunks that the batch row fixes, each with its number.
    pub(super) fn chunks(&self) -> impl Iterator<Item = (u64, &'a [Row])> + use<'a> {
        let size = usize::try_from(self.batch.chunk_size).expect("a chunk fits into memory");
        (self.first..).zip(self.rows.chunks(size))
    }

    /// Ctrl-C ends the run at the next chunk border; the batch stays open and the same command resumes it.
    pub(super) fn interrupted(&self) -> Result<(), Error> {
        if self.cancel.load(Ordering::Relaxed) { Err(Error::INTERRUPTED) } else { Ok(()) }
    }

    /// The leaf and its tbsCertificate, which were clean when they were linted.
    pub(super) fn prepare(
        &self,
        spool: &mut SpoolReader<'_>,
        row: &Row,
        attempt: u32,
    ) -> Result<(VerifiedLeaf, LintedTbs), Error> {
        let (leaf, linted) = prepare(self.issuer, self.bound, self.batch, spool, self.verifier, row, attempt)?
            .map_err(|finding| Error::LintDiffers { item: finding.item.to_string(), reason: finding.reason.clone() })?;
        // here, where many work at once, and not when it is recorded
        linted.tbs().sha256();
        Ok((leaf, linted))
    }

    /// Reads back the leaves of a chunk and the tbsCertificates that pass 1 built for them, on all cores. Where an attempt
    /// is not the first, the tbsCertificate is built now.
    pub(super) fn read_back(&self, number: u64, rows: &[Row], attempts: &[u32]) -> Result<Built, Error> {
        let kept = self.kept.expect("pass 2 begins after pass 1 has built everything");
        let chunk = kept.chunk(number - self.first)?;
        let shares = parallel::map_each(kept.shares(chunk, rows), |(at, rows)| self.read_back_share(kept, at, rows));
        let mut leaves = Vec::with_capacity(rows.len());
        let mut built = Vec::with_capacity(rows.len());
        for share in shares {
            let (of_share, tbs) = share?;
            leaves.extend(of_share);
            built.extend(tbs);
        }
        // not what was linted: the run ends before the chunk is recorded, so nothing of it is signed
        let linted = chunk.digest().admit(built).filter(|linted| linted.len() == rows.len());
        let mut linted = linted.ok_or_else(kept::changed)?;
        let mut spool = self.spool.reader();
        for (at, attempt) in attempts.iter().enumerate().filter(|(_, attempt)| **attempt > 0) {
            (leaves[at], linted[at]) = self.prepare(&mut spool, &rows[at], *attempt)?;
        }
        Ok((leaves, linted))
    }

    fn read_back_share(
        &self,
        kept: &Kept,
        at: SpoolRef,
        rows: &[Row],
    ) -> Result<(Vec<VerifiedLeaf>, Vec<TbsCertificate>), Error> {
        let mut spool = self.spool.reader();
        let mut leaves = Vec::with_capacity(rows.len());
        let mut built = Vec::with_capacity(rows.len());
        kept.read(at, |der| {
            let row = rows.get(built.len()).ok_or_else(kept::changed)?;
            let leaf = row.readmit(&mut spool, self.verifier, self.batch.issued_at)?.map_err(Error::lint_differs)?;
            let tbs = self.bound.policy.kept(der, &leaf).ok_or_else(kept::changed)?;
            // here, where many work at once, and not when it is compared and recorded
            tbs.sha256();
            leaves.push(leaf);
            built.push(tbs);
            Ok(())
        })?;
        Ok((leaves, built))
    }

    /// As [`prepare`](Self::prepare), of one row alone.
    pub(super) fn prepare_one(&self, row: &Row, attempt: u32) -> Result<(VerifiedLeaf, LintedTbs), Error> {
        self.prepare(&mut self.spool.reader(), row, attempt)
    }
}

/// The leaf of each row, and what is to be signed for it.
pub(super) type Built = (Vec<VerifiedLeaf>, Vec<LintedTbs>);
