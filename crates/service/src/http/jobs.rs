//! Jobs: posted, watched, canceled.

use std::convert::Infallible;
use std::sync::atomic::Ordering;
use std::time::Duration;

use axum::extract::{Path as Named, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse as _, Response};
use futures_util::stream;
use reroot_core::crypto::sha256;
use reroot_core::policy::Policy;
use reroot_issue::error::Error;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::time::{Instant, timeout_at};
use utoipa::{IntoParams, ToSchema};

use super::body::JsonBody;
use super::page::{In, Page, Wanted, page};
use super::reply::{Changed, Reply, is_name};
use crate::app::App;
use crate::job::{CrlJob, Spec, StoredSpec, check, end, published};
use crate::principal::{Principal, Role};
use crate::problem::{
    AUTH_ROLE, JOB_COMMITTED, JOB_OVER, JOB_UNKNOWN, KEY_REUSED, POLICY_RETIRED, POLICY_UNKNOWN, Problem,
    REQUEST_MALFORMED, UPLOAD_INCOMPLETE, UPLOAD_UNKNOWN,
};
use crate::running::Progressed;
use crate::store::{Job, JobState, NewJob, PolicyState, UploadState};

/// Longest wait for a change that a caller can ask for, in seconds.
const MAX_WAIT: u64 = 60;
/// Shortest time between two reports of progress.
const SAMPLE: Duration = Duration::from_millis(250);
/// Most uploads of one job.
const MAX_INPUTS: usize = 1000;

/// A job.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct JobView {
    /// The key of its terms.
    id: String,
    kind: String,
    /// How far it is.
    state: &'static str,
    /// Counts changes; also the ETag.
    revision: i64,
    /// Who asked for it, and therefore cannot approve it.
    owner: String,
    created: String,
    changed: String,
    /// Counts runs from the beginning.
    attempt: u32,
    /// Why it waits.
    reason: Option<String>,
    progress: Option<ProgressView>,
    /// The command.
    #[schema(value_type = Object)]
    spec: Value,
    /// What is to be approved.
    #[schema(value_type = Option<Object>)]
    plan: Option<Value>,
    /// What came out.
    #[schema(value_type = Option<Object>)]
    result: Option<Value>,
    /// Why it was refused or failed: a problem.
    #[schema(value_type = Option<Object>)]
    problem: Option<Value>,
    /// Whether the job was there before it was posted.
    #[serde(skip_serializing_if = "Option::is_none")]
    already: Option<bool>,
}

/// How far a run is.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ProgressView {
    stage: &'static str,
    done: u64,
    /// 0 until it was counted.
    total: u64,
}

/// Which jobs.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Which {
    /// Only jobs in this state.
    state: Option<String>,
    /// `next` of the page before.
    cursor: Option<String>,
    /// The most that is on a page.
    #[param(minimum = 1, maximum = 1000, default = 100)]
    limit: Option<usize>,
}

impl From<Progressed> for ProgressView {
    fn from(found: Progressed) -> Self {
        Self { stage: found.stage, done: found.done, total: found.total }
    }
}

fn view(app: &App, job: Job, already: Option<bool>) -> JobView {
    let value = |text: Option<String>| text.and_then(|text| serde_json::from_str(&text).ok());
    let live = if job.state.is_end() { None } else { app.running().live(&job.id) };
    let spec: Option<Value> = value(Some(job.spec));
    JobView {
        progress: live.and_then(|live| live.progressed()).map(ProgressView::from),
        id: job.id,
        kind: job.kind,
        state: job.state.as_str(),
        revision: job.revision,
        owner: job.owner,
        created: job.created,
        changed: job.changed,
        attempt: job.attempt,
        reason: job.reason,
        spec: spec.and_then(|mut spec| spec.get_mut("spec").map(Value::take)).unwrap_or_default(),
        plan: value(job.plan),
        result: value(job.result),
        problem: value(job.problem),
        already,
    }
}

pub(super) fn find(app: &App, id: &str) -> Result<Job, Problem> {
    let found = if is_name(id) { app.store().job(id)? } else { None };
    found.ok_or_else(|| Problem::new(JOB_UNKNOWN, format!("there is no job `{id}`")))
}

/// Posts a job. The same work is the same job: it is answered with 200 and `already`, and not done again. One that was
/// refused, failed or canceled starts again.
#[utoipa::path(post, path = "/v1/jobs", tag = "jobs", request_body = Spec,
    params(("Idempotency-Key" = Option<String>, Header)),
    responses(
        (status = 200, body = JobView),
        (status = 202, body = JobView, headers(("Location" = String))),
        (status = "4XX", body = crate::problem::Document, content_type = "application/problem+json"),
        (status = "5XX", body = crate::problem::Document, content_type = "application/problem+json"),
    )
)]
pub(super) async fn post(
    State(app): State<App>,
    principal: Principal,
    headers: HeaderMap,
    JsonBody(spec): JsonBody<Spec>,
) -> Result<Reply, Problem> {
    accept(&app, principal, &headers, spec).await
}

/// Stores a command as a job, or finds the one that it is.
pub(super) async fn accept(app: &App, principal: Principal, headers: &HeaderMap, spec: Spec) -> Result<Reply, Problem> {
    let key = match headers.get("idempotency-key") {
        None => None,
        Some(value) => Some(
            value
                .to_str()
                .ok()
                .map(|text| text.trim_matches('"').to_owned())
                .filter(|text| (1..=200).contains(&text.len()))
                .ok_or_else(|| {
                    Problem::new(REQUEST_MALFORMED, "Idempotency-Key is not 1 to 200 printable characters")
                })?,
        ),
    };
    let view = app
        .blocking(move |app| {
            let request = sha256(&serde_json::to_vec(&spec).expect("a command has text for keys")).to_string();
            let now = app.world().now();
            if let Some(key) = &key
                && let Some((earlier, job)) = app.store().keyed(&principal.name, key, now.unix())?
            {
                if earlier != request {
                    return Err(Problem::new(KEY_REUSED, format!("the key `{key}` was used for a different request")));
                }
                return Ok(view(app, find(app, &job)?, Some(true)));
            }
            let stored = checked(app, &principal, placed(app, spec)?)?;
            let (id, text, uploads) = (stored.key(), stored.to_text(), stored.spec.uploads());
            let new = NewJob {
                id: &id,
                kind: stored.spec.kind(),
                spec: &text,
                owner: &principal.name,
                uploads: &uploads,
                now: &now.to_string(),
            };
            let (job, already) = app.store().post_job(&new)?;
            if let Some(key) = &key {
                app.store().note_key(&principal.name, key, &request, &id, now.unix())?;
            }
            app.running().changed();
            tracing::info!(job = %id, kind = stored.spec.kind(), already, "a job was posted");
            Ok(view(app, job, Some(already)))
        })
        .await?;
    let (status, changed) = if view.already == Some(true) {
        (StatusCode::OK, Changed::default())
    } else {
        (StatusCode::ACCEPTED, Changed::new(format!("job {} {}", view.id, view.state)))
    };
    let (place, revision) = (format!("/v1/jobs/{}", view.id), view.revision);
    Ok(Reply::new(&view)?
        .status(status)
        .revision(revision)
        .changed(changed)
        .header(header::LOCATION, place)
        .header(header::RETRY_AFTER, "1"))
}

/// Fills in what makes a command one of now: the same words after a different round, or a different revocation, are different
/// work.
fn placed(app: &App, mut spec: Spec) -> Result<Spec, Problem> {
    match &mut spec {
        Spec::Crl(job) => job.after = Some(published(app)?),
        Spec::Revoke(job) => {
            let ledger = app.ledger(&app.config()?)?;
            job.after = Some(ledger.revocations_changed().map_err(Error::from)?);
        }
        Spec::Export(_) | Spec::Inspect(_) | Spec::Issue(_) | Spec::Verify(_) => {}
    }
    Ok(spec)
}

/// Checks everything that can be checked before a job is stored.
fn checked(app: &App, principal: &Principal, spec: Spec) -> Result<StoredSpec, Problem> {
    let inputs = match &spec {
        Spec::Issue(job) => Some(&job.inputs),
        Spec::Inspect(job) => Some(&job.inputs),
        Spec::Crl(_) | Spec::Export(_) | Spec::Revoke(_) | Spec::Verify(_) => None,
    };
    if inputs.is_some_and(|inputs| inputs.is_empty() || inputs.len() > MAX_INPUTS) {
        return Err(Problem::new(REQUEST_MALFORMED, format!("`inputs` has no upload, or more than {MAX_INPUTS}")));
    }
    match &spec {
        Spec::Export(job) if job.batches.is_empty() || job.batches.len() > MAX_INPUTS => {
            return Err(Problem::new(
                REQUEST_MALFORMED,
                format!("`batches` is empty, or names more than {MAX_INPUTS}"),
            ));
        }
        Spec::Revoke(job) => check(job)?,
        Spec::Crl(CrlJob { valid_days: Some(days), .. }) if !(1..=400).contains(days) => {
            return Err(Problem::new(REQUEST_MALFORMED, format!("`valid_days` is {days}, expected 1 to 400")));
        }
        _ => {}
    }
    let mut stored = StoredSpec { digests: std::collections::BTreeMap::new(), spec };
    for id in stored.spec.uploads() {
        let found = app.store().upload(&id)?.filter(|upload| upload.owner == principal.name);
        let upload = found.ok_or_else(|| Problem::new(UPLOAD_UNKNOWN, format!("there is no upload `{id}`")))?;
        let (UploadState::Received, Some(digest)) = (upload.state, upload.sha256) else {
            let detail = format!("the content of upload `{id}` has not arrived");
            return Err(Problem::new(UPLOAD_INCOMPLETE, detail).hint("Send it, and post the job again."));
        };
        if stored.digests.values().any(|known| *known == digest) {
            return Err(Problem::new(REQUEST_MALFORMED, format!("upload `{id}` has the content of a different one")));
        }
        stored.digests.insert(id, digest);
    }
    if let Some(sha256) = stored.spec.policy() {
        let policy = app.store().policy(sha256)?;
        let policy = policy.ok_or_else(|| Problem::new(POLICY_UNKNOWN, format!("there is no policy `{sha256}`")))?;
        let only_looks = !matches!(&stored.spec, Spec::Issue(job) if !job.dry_run);
        if policy.state != PolicyState::Active && !(only_looks && policy.state == PolicyState::Draft) {
            let detail = format!("the policy `{}` is {}, expected active", policy.name, policy.state.as_str());
            return Err(Problem::new(POLICY_RETIRED, detail));
        }
        if let Spec::Issue(job) = &stored.spec {
            Policy::parse(&policy.text, "policy.toml")?.params(&job.params)?;
        }
    }
    Ok(stored)
}

/// Lists jobs, the last ones first.
#[utoipa::path(get, path = "/v1/jobs", tag = "jobs", params(Which), responses(
    (status = 200, body = Page<JobView>),
    (status = "4XX", body = crate::problem::Document, content_type = "application/problem+json"),
))]
pub(super) async fn list(State(app): State<App>, _: Principal, In(which): In<Which>) -> Result<Reply, Problem> {
    let state = which.state.map(|word| {
        let found = JobState::ALL.into_iter().find(|state| state.as_str() == word);
        found.ok_or_else(|| Problem::new(REQUEST_MALFORMED, format!("`state` is `{word}`, which no job has")))
    });
    let state = state.transpose()?;
    let wanted = Wanted { cursor: which.cursor, limit: which.limit };
    let jobs = app
        .blocking(move |app| {
            let limit = wanted.limit()?;
            // a place is of the jobs in one state
            let list = state.map_or_else(|| "jobs".to_owned(), |state| format!("jobs {}", state.as_str()));
            let before = wanted.place(app, &list)?.and_then(|place| place.parse::<i64>().ok());
            let most = u32::try_from(limit + 1).expect("a page is short");
            let found = app.store().jobs(before, state, most)?;
            let page = page(app, &list, found, limit, |job| job.seq.to_string());
            Ok(page.map(|job| view(app, job, None)))
        })
        .await?;
    Reply::new(&jobs)
}

/// Shows a job. `Prefer: wait=N` waits up to N seconds until it has a different revision than `If-None-Match` names, or
/// than it has now.
#[utoipa::path(get, path = "/v1/jobs/{id}", tag = "jobs",
    params(("id" = String, Path), ("Prefer" = Option<String>, Header), ("If-None-Match" = Option<String>, Header)),
    responses(
        (status = 200, body = JobView, headers(("ETag" = String))),
        (status = 304),
        (status = "4XX", body = crate::problem::Document, content_type = "application/problem+json"),
    )
)]
pub(super) async fn get(
    State(app): State<App>,
    _: Principal,
    Named(id): Named<String>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let known = headers.get(header::IF_NONE_MATCH).and_then(|value| value.to_str().ok()).map(str::to_owned);
    let until = wait(&headers).map(|seconds| Instant::now() + Duration::from_secs(seconds));
    let mut changes = app.running().changes();
    let mut first: Option<i64> = None;
    loop {
        changes.borrow_and_update();
        let wanted = id.clone();
        let job = app.blocking(move |app| find(app, &wanted)).await?;
        let seen = match &known {
            Some(tag) => *tag == format!("\"{}\"", job.revision),
            None => *first.get_or_insert(job.revision) == job.revision,
        };
        let over = match until {
            Some(until) if seen && !job.state.is_end() => timeout_at(until, changes.changed()).await.is_err(),
            _ => true,
        };
        if over {
            let revision = job.revision;
            if seen && known.is_some() {
                return Ok((StatusCode::NOT_MODIFIED, [(header::ETAG, format!("\"{revision}\""))]).into_response());
            }
            return Ok(Reply::new(&view(&app, job, None))?.revision(revision).into_response());
        }
    }
}

/// The seconds of `Prefer: wait=N` (RFC 7240 §4.3).
pub(super) fn wait(headers: &HeaderMap) -> Option<u64> {
    let value = headers.get("prefer")?.to_str().ok()?;
    let seconds = value.split([',', ';']).find_map(|part| part.trim().strip_prefix("wait=")?.parse::<u64>().ok())?;
    Some(seconds.min(MAX_WAIT))
}

/// Streams what happens to a job: `state` for each change, `progress` at most four times a second. It ends with the job.
#[utoipa::path(get, path = "/v1/jobs/{id}/events", tag = "jobs",
    params(("id" = String, Path), ("Last-Event-ID" = Option<String>, Header)),
    responses(
        (status = 200, body = String, content_type = "text/event-stream"),
        (status = "4XX", body = crate::problem::Document, content_type = "application/problem+json"),
    )
)]
pub(super) async fn events(
    State(app): State<App>,
    _: Principal,
    Named(id): Named<String>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let after = headers.get("last-event-id").and_then(|value| value.to_str().ok()?.parse::<i64>().ok()).unwrap_or(0);
    let wanted = id.clone();
    app.blocking(move |app| find(app, &wanted)).await?;
    let watch = Watch { changes: app.running().changes(), app, id, after, progress: None, queue: vec![], over: false };
    let stream = stream::unfold(watch, |mut watch| async move {
        let event = watch.next().await?;
        Some((Ok::<_, Infallible>(event), watch))
    });
    let mut response = Sse::new(stream).keep_alive(KeepAlive::new().interval(Duration::from_secs(15))).into_response();
    response.headers_mut().insert("x-accel-buffering", header::HeaderValue::from_static("no"));
    Ok(response)
}

/// One caller's view of the changes of a job.
struct Watch {
    app: App,
    id: String,
    changes: tokio::sync::watch::Receiver<u64>,
    /// Revision of the last event.
    after: i64,
    progress: Option<Progressed>,
    /// Events that were read, the last one first.
    queue: Vec<Event>,
    over: bool,
}

impl Watch {
    async fn next(&mut self) -> Option<Event> {
        loop {
            if let Some(event) = self.queue.pop() {
                return Some(event);
            }
            if self.over {
                return None;
            }
            self.changes.borrow_and_update();
            let (id, after) = (self.id.clone(), self.after);
            let read = self.app.blocking(move |app| {
                let job = find(app, &id)?;
                Ok((app.store().job_events(&id, after)?, job.state.is_end()))
            });
            let Ok((found, ended)) = read.await else { return None };
            if let Some(last) = found.last() {
                self.after = last.revision;
                let event = |one: &crate::store::JobEvent| {
                    let data = json!({ "state": one.state.as_str(), "reason": one.reason, "at": one.at });
                    let text = reroot_core::text::printable_json(&data.to_string()).into_owned();
                    Event::default().event("state").id(one.revision.to_string()).data(text)
                };
                self.queue = found.iter().rev().map(event).collect();
                continue;
            }
            if ended {
                self.over = true;
                continue;
            }
            let _ = tokio::time::timeout(SAMPLE, self.changes.changed()).await;
            let progress = self.app.running().live(&self.id).and_then(|live| live.progressed());
            if progress.is_some() && progress != self.progress {
                self.progress.clone_from(&progress);
                let view = progress.map(ProgressView::from);
                let text = serde_json::to_string(&view).unwrap_or_default();
                // changes of state that come faster do not make progress come faster
                tokio::time::sleep(SAMPLE).await;
                return Some(Event::default().event("progress").data(text));
            }
        }
    }
}

/// Ends a job that has not gone so far that it can only be finished.
#[utoipa::path(post, path = "/v1/jobs/{id}/cancel", tag = "jobs", params(("id" = String, Path)), responses(
    (status = 202, body = JobView),
    (status = "4XX", body = crate::problem::Document, content_type = "application/problem+json"),
))]
pub(super) async fn cancel(
    State(app): State<App>,
    principal: Principal,
    Named(id): Named<String>,
) -> Result<Reply, Problem> {
    let (view, before) = app
        .blocking(move |app| {
            let job = find(app, &id)?;
            if job.owner != principal.name && principal.must_be(&[Role::Admin]).is_err() {
                return Err(Problem::new(AUTH_ROLE, "the job is that of a different operator"));
            }
            match job.state {
                JobState::Received => end(app, &job, JobState::Canceled, None, None)?,
                // nothing was revoked by it, and a round that was planned and not signed has no effect
                JobState::AwaitingApproval if ["crl", "revoke"].contains(&&*job.kind) => {
                    end(app, &job, JobState::Canceled, None, None)?;
                }
                JobState::Checking => {
                    let live = app.running().stop_by_person(&job.id);
                    live.cancel.store(true, Ordering::Relaxed);
                    app.running().changed();
                }
                JobState::Interrupted if job.resumes == Some(JobState::Checking) => {
                    end(app, &job, JobState::Canceled, None, None)?;
                }
                state if state.is_end() => {
                    return Err(Problem::new(JOB_OVER, format!("the job is {}", state.as_str())));
                }
                state => {
                    let detail = format!("the job is {}: what it plans is on the ledger", state.as_str());
                    let hint = "Finish it. To give its batch up instead, an operator on this machine abandons it in the \
                                ledger.";
                    return Err(Problem::new(JOB_COMMITTED, detail).hint(hint));
                }
            }
            Ok((view(app, find(app, &id)?, None), job.state))
        })
        .await?;
    let (revision, changed) = (view.revision, Changed::from(before.as_str(), view.state));
    Ok(Reply::new(&view)?.status(StatusCode::ACCEPTED).revision(revision).changed(changed))
}
