//! Jobs: a stored command each, run by threads of their own.
//!
//! Guarantees: what a job does is in its [`Spec`], which is stored before anything is done; after a restart every job that
//! had not ended is run again, and running the same command again is the recovery, as everywhere in this program. A job's
//! id is the key of its terms, so the same work is the same job. The steps are those of the library
//! ([`reroot_issue::setup`]); there is no second pipeline here.
//!
//! What it leaves to others: whether a plan is signed is the signer's word.

mod crl;
mod export;
mod issue;
mod look;
mod revoke;
mod signing;
mod spec;
mod worker;

pub use spec::{
    BatchForm, CrlJob, ExportJob, ExportTo, InspectJob, IssueJob, OnMissingChip, OnRejectItem, OnSurplusLeaf,
    RevocationChange, RevokeJob, Spec, StoredSpec, VerifyJob,
};
pub use worker::{PARTIAL, note_interrupted, start, sweep};

use serde_json::Value;

use crate::app::App;
use crate::problem::Problem;
use crate::store::{Change, Job, JobState};

pub use crl::post_due;
pub(crate) use crl::{next_round, published};
pub(crate) use issue::{Planned, planned};
pub(crate) use revoke::check;

/// Ends a job, with why or with what came out, and removes what it needed on its way.
pub(crate) fn end(
    app: &App,
    job: &Job,
    state: JobState,
    problem: Option<&Problem>,
    result: Option<&Value>,
) -> Result<(), Problem> {
    let change = Change {
        state: Some(state),
        reason: Some(None),
        plan: None,
        result: result.map(Value::to_string),
        problem: problem.map(|problem| serde_json::to_string(problem.document()).expect("a problem has text for keys")),
    };
    if app.change(&job.id, &[job.state], &change)?.is_some() {
        tracing::info!(job = %job.id, state = state.as_str(), "the job ended");
        issue::Place::of(app.settings(), &job.id).remove();
    }
    Ok(())
}
