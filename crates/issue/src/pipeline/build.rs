//! The end of pass 1: every tbsCertificate is built and linted before the first one is recorded or signed.

use crate::cert::IssuerIdentity;
use crate::error::Error;
use crate::ledger::{self, BatchRow};
use crate::lint::LintedTbs;
use crate::origin::{Disposition, Finding};
use crate::reel::SpoolReader;
use crate::verify::{VerifiedLeaf, Verifier};

use super::job::Bound;
use super::settle::Settled;
use super::{Run, code};
use crate::intake::Row;
use crate::parallel;

/// Leaves built at once; bounds the memory.
const BLOCK: usize = 8_192;

/// Builds and lints the certificate of every row; rows with a finding leave the batch.
pub(super) fn lint_all(run: &Run<'_>, bound: &Bound, row: &BatchRow, settled: &mut Settled) -> Result<(), Error> {
    let rows = std::mem::take(&mut settled.rows);
    run.progress.total(rows.len() as u64);
    settled.rows = keep_clean(run, bound, row, settled, rows)?;

    let strangers = std::mem::take(&mut settled.strangers);
    let left_out = keep_clean(run, bound, row, settled, strangers)?;
    settled.left_out(row, left_out.len() as u64);
    for stranger in left_out {
        let reason = format!("chip {} verified now but is not in batch {}, which is closed", stranger.key.uid, row.id);
        settled.set_aside(&stranger, Disposition::Rejected, ledger::code::NOT_IN_BATCH, reason)?;
    }
    Ok(())
}

fn keep_clean(
    run: &Run<'_>,
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
        let built = parallel::map_shares(run.job.jobs, block.to_vec(), |share| {
            let mut spool = spool.reader();
            let mut finding =
                |at: usize| prepare(run.job.issuer, bound, batch, &mut spool, verifier, &rows[at], 0).map(Result::err);
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

/// One certificate from its spooled leaf to a linted tbsCertificate: a pure function of batch row, leaf and attempt.
pub(crate) fn prepare(
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
