//! From a verified leaf to a linted tbsCertificate: [`prepare`], a pure function of batch row, leaf and attempt.
//!
//! Pass 1 builds and lints every one of them before the first is recorded ([`lint_all`]); pass 2 builds them again, chunk
//! by chunk ([`Work`]).

use std::sync::atomic::{AtomicBool, Ordering};

use crate::cert::{IssuerIdentity, ObjectTemplate};
use crate::error::Error;
use crate::intake::Row;
use crate::issue::Serials;
use crate::ledger::{self, BatchRow};
use crate::lint::LintedTbs;
use crate::origin::{Disposition, Finding};
use crate::parallel;
use crate::policy::{BatchContext, BoundPolicy, Params, Policy};
use crate::reel::{Spool, SpoolReader};
use crate::verify::{VerifiedLeaf, Verifier};

use super::job::Job;
use super::settle::Settled;
use super::{Progress, Run, code};

/// Leaves built at once; bounds the memory.
const BLOCK: usize = 8_192;

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

/// Builds and lints the certificate of every row; rows with a finding leave the batch.
pub(super) fn lint_all(
    run: &Run<'_>,
    job: &Job<'_>,
    bound: &Bound,
    row: &BatchRow,
    settled: &mut Settled,
) -> Result<(), Error> {
    let rows = std::mem::take(&mut settled.rows);
    run.progress.total(rows.len() as u64);
    settled.rows = keep_clean(run, job, bound, row, settled, rows)?;

    let not_in_batch = std::mem::take(&mut settled.not_in_batch);
    let left_out = keep_clean(run, job, bound, row, settled, not_in_batch)?;
    settled.left_out(row, left_out.len() as u64);
    for stranger in left_out {
        let reason = format!("chip {} verified now but is not in batch {}, which is closed", stranger.key.uid, row.id);
        settled.set_aside(&stranger, Disposition::Rejected, ledger::code::NOT_IN_BATCH, reason)?;
    }
    Ok(())
}

fn keep_clean(
    run: &Run<'_>,
    job: &Job<'_>,
    bound: &Bound,
    batch: &BatchRow,
    settled: &mut Settled,
    mut rows: Vec<Row>,
) -> Result<Vec<Row>, Error> {
    let mut clean = vec![false; rows.len()];
    // a chip's counter is little-endian, so neighbours by UID are far apart in the reel; what is read together is not
    let mut order: Vec<usize> = (0..rows.len()).collect();
    order.sort_unstable_by_key(|at| rows[*at].place());
    for block in order.chunks(BLOCK) {
        run.interrupted()?;
        run.progress.advance(block.len() as u64);
        let (spool, verifier) = (&settled.spool, &settled.verifier);
        let built = parallel::map_shares(job.jobs, block.to_vec(), |share| {
            let mut spool = spool.reader();
            let mut finding =
                |at: usize| prepare(job.issuer, bound, batch, &mut spool, verifier, &rows[at], 0).map(Result::err);
            share.into_iter().map(&mut finding).collect::<Vec<_>>()
        });
        for (at, finding) in block.iter().zip(built.into_iter().flatten()) {
            let finding = finding?;
            clean[*at] = finding.is_none();
            if let Some(finding) = finding {
                settled.findings.push(rows[*at].item, *finding)?;
            }
        }
    }
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
    pub(super) spool: &'a Spool,
    pub(super) verifier: &'a Verifier,
    pub(super) jobs: usize,
    pub(super) progress: &'a dyn Progress,
    pub(super) cancel: &'a AtomicBool,
}

impl<'a> Work<'a> {
    /// The rows in the chunks that the batch row fixes, each with its number.
    pub(super) fn chunks(&self) -> impl Iterator<Item = (u64, &'a [Row])> + use<'a> {
        let size = usize::try_from(self.batch.chunk_size).expect("a chunk fits into memory");
        (0_u64..).zip(self.rows.chunks(size))
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

    /// As [`prepare`](Self::prepare), on all cores, results in order.
    pub(super) fn prepare_all(&self, rows: &[Row], attempts: &[u32]) -> Result<Built, Error> {
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
    pub(super) fn prepare_one(&self, row: &Row) -> Result<(VerifiedLeaf, LintedTbs), Error> {
        self.prepare(&mut self.spool.reader(), row, 0)
    }
}

/// The leaf of each row, and what is to be signed for it.
pub(super) type Built = (Vec<VerifiedLeaf>, Vec<LintedTbs>);
