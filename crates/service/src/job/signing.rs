//! Signing: the plan goes to the signer, and its signatures come back. A signer that is gone, hangs or waits for its PIN
//! makes the job wait with the reason; nothing is lost, and the same call is made again.

use reroot_core::x509::{Sha256Digest, Time};
use reroot_issue::error::Error;
use reroot_issue::signing_service::{Click, Client, RequestState, SigningServiceError};

use super::issue::{Place, Planned, planned};
use super::{crl, end};
use crate::app::App;
use crate::problem::{Problem, SIGNER_REFUSED};
use crate::running::Running;
use crate::store::{Change, Job, JobState};

/// What a look at the signer came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Looked {
    /// The job has changed: look again at once.
    Changed,
    /// It is as it was: look again soon.
    Soon,
    /// The signer does not do its part: look again later.
    Later,
}

/// Asks the signer for a job in `approved` or `signing`, once.
pub(super) fn look(app: &App, client: &Client, job: &Job) -> Result<Looked, Problem> {
    let mut planned = planned(job)?;
    let place = Place::of(app.settings(), &job.id);
    let answer = match (job.state, request(&planned)) {
        (JobState::Signing, Some(id)) => client.request(id).map(|state| (id, state)),
        _ => submit(app, client, job, &place),
    };
    let (id, state) = match answer {
        Ok(answer) => answer,
        // it has lost the request, as after a restore of its disk: it gets the plan again
        Err(SigningServiceError::Refused { .. }) if job.state == JobState::Signing => {
            return waits(app, job, JobState::Approved, "the signer does not know the plan; it gets it again");
        }
        Err(error) => return waits(app, job, job.state, &Error::from(error).to_string()),
    };
    match state {
        RequestState::Signed { .. } => match client.fetch(id, &place.signatures()) {
            Ok(_) => {
                let change = Change { state: Some(JobState::Sealing), reason: Some(None), ..Change::default() };
                app.change(&job.id, &[job.state], &change)?;
                Ok(Looked::Changed)
            }
            Err(error) => waits(app, job, job.state, &Error::from(error).to_string()),
        },
        RequestState::Refused { code, text } => {
            let (approvals, again) = (code.starts_with("approval"), job.kind == "crl" && crl::is_stale(app, job)?);
            let what = if approvals { "approvals" } else { "plan" };
            // no approval was refused where none was given: a round is first shown to the signer without one
            let unasked = code == "approval.too-few" && app.store().approvals(&job.id)?.is_empty();
            let reason = if unasked { text } else { format!("the signer refused the {what} ({code}): {text}") };
            if !approvals && !again {
                end(app, job, JobState::Refused, Some(&Problem::new(SIGNER_REFUSED, reason)), None)?;
                return Ok(Looked::Changed);
            }
            app.store().drop_approvals(&job.id)?;
            // a round that does not say everything is planned again: the signer may know batches that came after it
            let next = if again { JobState::Received } else { JobState::AwaitingApproval };
            let change = Change { state: Some(next), reason: Some(Some(reason)), ..Change::default() };
            if let Some(waiting) = app.change(&job.id, &[job.state], &change)?
                && waiting.kind == "crl"
            {
                // after the change: what is recorded from now on finds it waiting
                crl::refresh(app, &waiting)?;
            }
            Ok(Looked::Changed)
        }
        RequestState::Failed { text } => waits(app, job, JobState::Approved, &format!("the signer failed: {text}")),
        RequestState::Queued {} | RequestState::Signing { .. } | RequestState::WaitingForSecret {} => {
            let reason = match state {
                RequestState::WaitingForSecret {} => Some("the signer waits for the secret of its key".to_owned()),
                RequestState::Signing { done, total } => {
                    app.running().follow(&job.id).signing(done, total);
                    None
                }
                _ => None,
            };
            if job.state == JobState::Signing && job.reason == reason {
                return Ok(Looked::Soon);
            }
            planned.request = Some(id.to_string());
            let plan = serde_json::to_string(&planned).expect("a plan has text for keys");
            let state = Some(JobState::Signing);
            let change = Change { state, reason: Some(reason), plan: Some(plan), ..Change::default() };
            app.change(&job.id, &[job.state], &change)?;
            Ok(Looked::Soon)
        }
    }
}

fn request(planned: &Planned) -> Option<Sha256Digest> {
    planned.request.as_deref()?.parse().ok()
}

fn submit(
    app: &App,
    client: &Client,
    job: &Job,
    place: &Place,
) -> Result<(Sha256Digest, RequestState), SigningServiceError> {
    let given = app.store().approvals(&job.id).unwrap_or_default();
    let signed: Vec<String> = given.iter().filter(|one| one.kind == "signed").map(|one| one.body.clone()).collect();
    let click = given.iter().rev().find(|one| one.kind == "console").and_then(|one| {
        let at = Time::from_rfc3339(&one.at).ok()?;
        Some(Click { person: one.person.clone(), requester: job.owner.clone(), at })
    });
    client.submit(&place.plan(), &signed, click.as_ref())
}

/// Notes why a job waits, if that is new.
fn waits(app: &App, job: &Job, state: JobState, reason: &str) -> Result<Looked, Problem> {
    if job.state != state || job.reason.as_deref() != Some(reason) {
        let change = Change { state: Some(state), reason: Some(Some(reason.to_owned())), ..Change::default() };
        app.change(&job.id, &[job.state], &change)?;
    }
    Ok(Looked::Later)
}

/// Asks the signer how many approvals it wants, and notes it.
pub(super) fn note_needed(client: &Client, running: &Running) {
    if let Ok(state) = client.state() {
        running.note_needed(state.approvals_needed);
    }
}
