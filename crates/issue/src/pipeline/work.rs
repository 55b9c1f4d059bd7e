//! What pass 2 works on, and how a leaf of it becomes what is to be signed.

use std::sync::atomic::{AtomicBool, Ordering};

use crate::cert::IssuerIdentity;
use crate::error::Error;
use crate::intake::Row;
use crate::ledger::BatchRow;
use crate::lint::LintedTbs;
use crate::parallel;
use crate::reel::{Spool, SpoolReader};
use crate::verify::{VerifiedLeaf, Verifier};

use super::Progress;
use super::build::prepare;
use super::job::Bound;

/// What the second pass works on.
#[derive(Clone, Copy)]
pub(crate) struct Work<'a> {
    pub(crate) issuer: &'a IssuerIdentity,
    pub(crate) bound: &'a Bound,
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
