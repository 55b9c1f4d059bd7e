//! A plan on the signing machine: what is signed is what an approved policy says of a genuine leaf, once.

use std::collections::BTreeMap;

use crate::audit;
use crate::cert::IssuerIdentity;
use crate::crypto::sha256;
use crate::error::{Error, PlanError};
use crate::intake::Row;
use crate::ledger::{BatchRow, BatchState, Ledger, LedgerError, Standing};
use crate::plan::head::Mode;
use crate::plan::{Ceremony, PlanFile, Shown};
use crate::text::brief;
use crate::x509::Time;

use super::super::job::SignJob;
use super::super::{Authority, Run};
use super::Ready;
use super::plan::{self, Reader};

/// Opens a plan and does everything that comes before the question, cheapest and most telling first.
pub(in super::super) fn admit<'a>(
    run: &mut Run<'_>,
    job: &SignJob<'a>,
    ledger: &Ledger,
    authority: &dyn Authority,
) -> Result<Ready<'a>, Error> {
    admit_plan(run, job, ledger, authority, PlanFile::open(job.basis.plan, job.basis.planners)?)
}

/// As [`admit`], of a plan that is open.
pub(in super::super) fn admit_plan<'a>(
    run: &mut Run<'_>,
    job: &SignJob<'a>,
    ledger: &Ledger,
    authority: &dyn Authority,
    plan: PlanFile,
) -> Result<Ready<'a>, Error> {
    let reader = Reader {
        mode: Mode::AirGapped,
        issuer: job.basis.issuer,
        anchors: job.basis.anchors,
        // on a machine that only signs there is none
        manifest_certificate: None,
        out: job.basis.out,
        now: job.basis.now,
        accept_clock: job.accept_clock,
        jobs: job.jobs,
    };
    let mut earlier = None;
    let mut ready = plan::admit(run, &reader, ledger, authority, plan, |plan, row| {
        // a policy is known by its digest before it is read
        if !cfg!(fuzzing) && !job.basis.policies.contains(&row.terms.policy_sha256) {
            let name = brief(&plan.head.policy_name);
            return Err(PlanError::PolicyNotApproved { name, sha256: row.terms.policy_sha256 }.into());
        }
        earlier = begun(ledger, &row)?;
        let state = earlier.unwrap_or(BatchState::Open);
        // a sealed batch is only written out again, so the clock does not matter
        if state == BatchState::Open {
            check_times(&row, job.basis.issuer, job.basis.max_days, job.basis.now)?;
        }
        Ok(BatchRow { state, ..row })
    })?;
    if earlier.is_none() {
        check_once(ledger, &ready)?;
    }
    if ready.row.state == BatchState::Open {
        ready.ceremony = Some(ceremony(job, &ready, earlier.is_some())?);
    }
    Ok(ready)
}

/// Returns how far an earlier run of this plan got. Refuses a different batch with the same name, the same batch under
/// a different name, and a different batch with the same seed: the planner chooses name and seed.
fn begun(ledger: &Ledger, row: &BatchRow) -> Result<Option<BatchState>, Error> {
    let other = |batch: &BatchRow| PlanError::OtherBatch { batch: batch.id.to_string() };
    if let Some(found) = ledger.batch(&row.id)? {
        let state = found.state;
        if state == BatchState::Abandoned {
            return Err(LedgerError::Abandoned { batch: found.id }.into());
        }
        return if (BatchRow { state: row.state, ..found }) == *row { Ok(Some(state)) } else { Err(other(row).into()) };
    }
    if let Some(found) = ledger.find(&row.terms.key())? {
        return Err(other(&found).into());
    }
    match ledger.batch_of_seed(&row.seed)? {
        Some(batch) => Err(PlanError::SeedTaken { batch: batch.to_string() }.into()),
        None => Ok(None),
    }
}

/// The clock is not far from the batch's instant, and the CA certificate is valid.
pub(in super::super) fn check_times(
    row: &BatchRow,
    issuer: &IssuerIdentity,
    max_days: u32,
    now: Time,
) -> Result<(), Error> {
    let issued_at = row.issued_at;
    if now.unix().abs_diff(issued_at.unix()) > u64::from(max_days) * 86_400 {
        return Err(PlanError::Clock { issued_at, now, max_days }.into());
    }
    let certificate = issuer.certificate();
    if !certificate.validity().contains(now) {
        return Err(audit::not_valid(certificate, now).into());
    }
    Ok(())
}

/// No chip of the plan was signed in another one, but for a reissue, which the plan gives its reason for.
fn check_once(ledger: &Ledger, admitted: &Ready<'_>) -> Result<(), Error> {
    let terms = &admitted.row.terms;
    let leaves = admitted.leaves();
    let standings = ledger.standings(&terms.policy_use(), &leaves, None)?;
    let reason = |standing| match standing {
        Standing::Free => None,
        Standing::Abandoned { .. } | Standing::Issued { .. } if terms.reissue.is_some() => None,
        Standing::Abandoned { batch } => Some(format!("batch {batch}, which was abandoned, may have signed it")),
        Standing::Issued { batch, .. } => Some(format!("signed in batch {batch}")),
        Standing::Held { batch } => Some(format!("batch {batch}, which is not finished, holds it")),
        Standing::UidWithOtherKey { batch } => Some(format!("it has another key in batch {batch}")),
        Standing::KeyUnderOtherUid { batch, uid } => Some(format!("its key belongs to chip {uid} in batch {batch}")),
    };
    let mut found: Vec<(usize, String)> =
        standings.iter().filter_map(|(at, standing)| Some((at, reason(standing)?))).collect();
    if found.is_empty() && admitted.policy.copies_serial() {
        let known = ledger.known_uids(&leaves, None)?.into_iter().enumerate();
        let known = known.filter_map(|(at, batch)| Some((at, batch?)));
        found.extend(known.map(|(at, batch)| (at, format!("batch {batch} could have used its serial number"))));
    }
    match found.first() {
        None => Ok(()),
        Some((at, reason)) => {
            let (count, uid, reason) = (found.len() as u64, admitted.rows[*at].uid(), reason.clone());
            Err(PlanError::Taken { count, uid, reason }.into())
        }
    }
}

fn ceremony(job: &SignJob<'_>, ready: &Ready<'_>, resumed: bool) -> Result<Ceremony, Error> {
    let plan = ready.plan.as_ref().expect("the leaves came from a plan");
    let Ready { row, rows, .. } = ready;
    let ends = [rows.first(), rows.last()].map(|row| row.expect("a plan without leaves was refused when it was read"));
    let [first, last] = ends.map(|row| example(ready, row));
    let mut anchors = BTreeMap::new();
    for row in rows {
        let anchor = &job.basis.anchors[row.anchor(&ready.verifier)];
        *anchors.entry(anchor.subject().to_string()).or_insert(0) += 1;
    }
    let planner = &job.basis.planners[plan.planner];
    Ok(Ceremony {
        plan_sha256: plan.digest,
        planner: (planner.subject().to_string(), sha256(planner.der())),
        batch: row.id.to_string(),
        issued_at: row.issued_at,
        issuer: ready.issuer.subject().to_string(),
        issuer_sha256: row.terms.issuer_sha256,
        policy: (ready.policy.name().to_owned(), row.terms.policy_sha256),
        params: ready.params.values().clone(),
        relaxations: row.terms.relaxations.clone(),
        reissue: row.terms.reissue.clone(),
        count: rows.len() as u64,
        approved_by: vec![],
        resumed,
        anchors,
        shown: [first?, last?],
        warnings: ready.account.warnings.clone(),
    })
}

fn example(ready: &Ready<'_>, row: &Row) -> Result<Shown, Error> {
    let leaf = row.readmit(&mut ready.spool.reader(), &ready.verifier, ready.row.issued_at)?;
    let template = leaf.and_then(|leaf| ready.bound.template(&leaf));
    let template = template.map_err(|finding| PlanError::Leaves { count: 1, first: finding.reason })?;
    Ok(Shown {
        uid: row.uid().to_string(),
        subject: template.subject.to_string(),
        serial: hex::encode_upper(ready.bound.serials.of(&template, 0).content()),
        not_before: template.validity.not_before(),
        not_after: template.validity.not_after(),
    })
}
