//! A plan back at the planner's, with what came back for it.

use crate::crypto::sha256;
use crate::error::{Error, PlanError};
use crate::ledger::{BatchRow, BatchState, Ledger, LedgerError};
use crate::plan::head::Mode;
use crate::plan::{PlanFile, hand_over};
use crate::x509::Sha256Digest;

use super::super::job::FinishJob;
use super::super::{Authority, Run};
use super::Ready;
use super::plan::{self, Reader};

/// Opens the plan of a batch that this ledger has started and derives everything in it again.
pub(in super::super) fn admit<'a>(
    run: &mut Run<'_>,
    job: &FinishJob<'a>,
    ledger: &Ledger,
    authority: &dyn Authority,
) -> Result<Ready<'a>, Error> {
    let place = if job.basis.plan.is_dir() { job.basis.plan.join(hand_over::PLAN) } else { job.basis.plan.to_owned() };
    let plan = PlanFile::open(&place, std::slice::from_ref(job.basis.manifest_certificate))?;
    let reader = Reader {
        mode: Mode::of(authority.kind()),
        issuer: job.basis.issuer,
        anchors: job.basis.anchors,
        manifest_certificate: Some(job.basis.manifest_certificate),
        out: job.basis.out,
        now: job.basis.now,
        accept_clock: job.accept_clock,
        jobs: job.jobs,
    };
    let mut ready = plan::admit(run, &reader, ledger, authority, plan, |_, planned| {
        let row = on_ledger(ledger, planned)?;
        if row.terms.anchors
            != job.basis.anchors.iter().map(|anchor| sha256(anchor.der())).collect::<Vec<Sha256Digest>>()
        {
            return Err(PlanError::Anchors.into());
        }
        if row.delivery.authority != authority.kind() {
            return Err(PlanError::Malformed { what: "its `delivery` is not one".to_owned() }.into());
        }
        Ok(row)
    })?;
    ready.findings = job.findings;
    Ok(ready)
}

/// The batch as this ledger has it, which must be the plan's.
fn on_ledger(ledger: &Ledger, planned: BatchRow) -> Result<BatchRow, Error> {
    let batch = planned.id.to_string();
    let Some(row) = ledger.batch(&planned.id)? else { return Err(PlanError::NotPlanned { batch }.into()) };
    let state = row.state;
    if state == BatchState::Abandoned {
        return Err(LedgerError::Abandoned { batch: row.id }.into());
    }
    if row != (BatchRow { state, ..planned }) {
        return Err(PlanError::OtherBatch { batch }.into());
    }
    Ok(row)
}
