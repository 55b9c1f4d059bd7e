//! A round of revocation lists: planned here, signed by the signer, published here.

use reroot_core::durable;
use reroot_core::x509::Time;
use reroot_issue::error::Error;
use reroot_issue::revoke::plan::{self, PlanJob, read_plan};
use reroot_issue::revoke::{Carried, RoundCarried, RoundPublished, read_index};
use serde_json::Value;

use super::issue::{Place, Planned, Ran, Stopped, config, ledger, planned, storage, value};
use super::spec::{CrlJob, Spec, StoredSpec};
use crate::app::App;
use crate::problem::Problem;
use crate::store::{Change, Job, JobState, NewJob};

/// Seconds after which a plan that waits for persons is made again: a day.
const OLD: i64 = 86_400;
/// Seconds that thisUpdate is before the clock: for relying parties whose clock is slow.
pub(crate) const SKEW: i64 = 300;

/// Plans the round. The signer is asked before anyone approves: whether a round needs that is its word.
pub(super) fn plan(app: &App, job: &Job, spec: &CrlJob) -> Result<Ran, Stopped> {
    let (settings, place, config) = (app.settings(), Place::of(app.settings(), &job.id), config(app)?);
    place.make()?;
    // of an earlier run that the signer has not seen
    durable::remove_partial_file(&place.plan()).map_err(storage)?;
    let issuer = config.issuer_identity().map_err(Error::from)?;
    let certificate = config.manifest_certificate().map_err(Error::from)?;
    let signer = config.open_manifest_signer(&*app.world().secrets).map_err(Error::from)?;
    let ledger = ledger(&config, issuer.spki())?;
    let days = spec.valid_days.unwrap_or(settings.revocation.valid_days);
    let out = place.plan();
    let round = plan::plan(
        &PlanJob {
            issuer: &issuer,
            planner: (&certificate, &*signer),
            out: &out,
            published: Some(&settings.crls()),
            now: app.world().now(),
            skew: SKEW,
            validity: i64::from(days) * 86_400,
        },
        &ledger,
    )?;
    let head = ledger.head().map_err(Error::from)?;
    let file = Carried::Plan(reroot_core::report::Place(std::path::Path::new("plan")));
    let result = value(&RoundCarried { round: &round, file, head })?;
    let read = read_plan(&out, std::slice::from_ref(&certificate))?;
    let demand = read.demand(&out)?;
    let planned = Planned { round: Some(round.number), ..Planned::of(&demand, read.facts()) };
    Ok(Ran::Planned(Box::new(planned), result, JobState::Approved))
}

/// Puts the signatures in, and publishes the lists. What they do not say yet gets a round of its own.
pub(super) fn finish(app: &App, job: &Job) -> Result<Ran, Stopped> {
    let (place, config, out) = (Place::of(app.settings(), &job.id), config(app)?, app.settings().crls());
    let issuer = config.issuer_identity().map_err(Error::from)?;
    let ledger = ledger(&config, issuer.spki())?;
    let made = plan::finish(&place.signatures(), &issuer, &ledger, &out)?;
    let head = ledger.head().map_err(Error::from)?;
    let result = value(&RoundPublished { made: &made, out: std::path::Path::new("crl"), head })?;
    let stale = plan::is_stale(&ledger, &issuer, &made.round)?;
    drop(ledger);
    if stale {
        post(app, &job.owner)?;
    }
    Ok(Ran::Published(result))
}

/// The round that was published last; 0 if there is none.
pub(crate) fn published(app: &App) -> Result<u64, Problem> {
    Ok(read_index(&app.settings().crls())?.map_or(0, |index| index.round))
}

/// Posts a round, or finds the one that is on its way. Returns the job's id.
pub(super) fn post(app: &App, owner: &str) -> Result<String, Problem> {
    let spec = Spec::Crl(CrlJob { valid_days: None, after: Some(published(app)?) });
    let stored = StoredSpec { spec, digests: std::collections::BTreeMap::new() };
    let (id, text) = (stored.key(), stored.to_text());
    let now = app.world().now().to_string();
    let new = NewJob { id: &id, kind: stored.spec.kind(), spec: &text, owner, uploads: &[], now: &now };
    let (job, already) = app.store().post_job(&new)?;
    if already {
        refresh(app, &job)?;
    }
    app.running().changed();
    Ok(id)
}

/// Has a round planned again that waits for persons and does not say everything, or is old: what they approve is what is true
/// now.
pub(super) fn refresh(app: &App, job: &Job) -> Result<(), Problem> {
    if job.state == JobState::AwaitingApproval && is_stale(app, job)? {
        let change = Change { state: Some(JobState::Received), reason: Some(None), ..Change::default() };
        if app.change(&job.id, &[JobState::AwaitingApproval], &change)?.is_some() {
            app.store().drop_approvals(&job.id)?;
        }
    }
    Ok(())
}

/// Whether what a job has planned does not say everything, or is old.
pub(super) fn is_stale(app: &App, job: &Job) -> Result<bool, Problem> {
    let config = app.config()?;
    let (ledger, issuer) = (app.ledger(&config)?, config.issuer_identity().map_err(Error::from)?);
    let number = planned(job)?.round.unwrap_or_default();
    let Some(round) = ledger.round(number).map_err(Error::from)? else { return Ok(true) };
    Ok(app.world().now().unix() - round.this_update.unix() > OLD || plan::is_stale(&ledger, &issuer, &round)?)
}

/// Posts a round if the settings say how often there is one, and it is time.
///
/// # Errors
/// The published lists or the store cannot be read.
pub fn post_due(app: &App) -> Result<(), Problem> {
    let Some(hours) = app.settings().revocation.round_hours else { return Ok(()) };
    let last = read_index(&app.settings().crls())?;
    let last = last.and_then(|index| Time::from_rfc3339(&index.this_update).ok());
    let due = last.is_none_or(|last| app.world().now().unix() >= next_round(last.unix(), hours));
    if due {
        post(app, app.world().tool)?;
    }
    Ok(())
}

/// When the round after one with this thisUpdate begins.
pub(crate) const fn next_round(this_update: i64, hours: u32) -> i64 {
    this_update + SKEW + hours as i64 * 3_600
}

/// A result to which the job of the lists was added.
pub(super) fn with_lists(mut result: Value, job: &str) -> Value {
    if let Some(members) = result.as_object_mut() {
        members.insert("crl_job".to_owned(), job.into());
    }
    result
}
