//! Jobs: the list, one job, its findings.

use std::collections::BTreeMap;

use askama::Template;
use axum::body::Body;
use axum::extract::{Path as Named, State};
use axum::http::{HeaderMap, HeaderValue, Method, header};
use axum::response::{IntoResponse as _, Redirect, Response};
use reroot_core::x509::Time;
use serde::Deserialize;
use serde_json::Value;

use super::chrome::{Chrome, Trouble, Visit, show};
use super::desk::{Desk, List, part, shown};
use super::form::Asked;
use super::pictures::{self, Bar};
use super::results::{self, Change, Issued};
use super::uploads::Upload;
use super::words;

/// A job, as the API shows it.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Job {
    pub(super) id: String,
    pub(super) kind: String,
    pub(super) state: String,
    revision: i64,
    pub(super) owner: String,
    pub(super) created: String,
    pub(super) changed: String,
    pub(super) attempt: u32,
    pub(super) reason: Option<String>,
    pub(super) progress: Option<Progress>,
    pub(super) spec: Value,
    pub(super) plan: Option<Plan>,
    pub(super) result: Option<Value>,
    pub(super) problem: Option<Trouble>,
}

#[derive(Clone, Debug, Deserialize)]
pub(super) struct Progress {
    pub(super) stage: String,
    pub(super) done: u64,
    pub(super) total: u64,
}

/// What is to be approved.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Plan {
    pub(super) subject: String,
    pub(super) count: u64,
    /// The batch, if it is a plan of one.
    pub(super) batch: Option<String>,
    /// Names and values for people.
    #[serde(default)]
    pub(super) facts: Vec<(String, String)>,
}

impl Job {
    /// Whether it stays as it is.
    pub(super) fn is_over(&self) -> bool {
        ["canceled", "checked", "failed", "published", "recorded", "refused"].contains(&self.state.as_str())
    }

    /// What it is about, in a few words.
    pub(super) fn about(&self) -> String {
        let count = |key: &str| self.result.as_ref().and_then(|result| result["counts"][key].as_u64());
        let found = ["issued", "leaves", "revoke", "release"].into_iter().find_map(count);
        let round = self.result.as_ref().and_then(|result| result["round"].as_u64());
        // a verification is of one batch, an export of one or more
        let batches = self.spec["batches"].as_array().map_or(&[][..], Vec::as_slice);
        match (found, self.spec["batch"].as_str().or_else(|| batches.first()?.as_str())) {
            (Some(found), _) => words::counted(found, "certificate", "certificates"),
            (None, Some(_)) if batches.len() > 1 => format!("{} batches", words::count(batches.len())),
            (None, Some(batch)) => format!("batch {batch}"),
            (None, None) => round.map_or_else(String::new, |round| format!("round {}", words::count(round))),
        }
    }

    pub(super) fn is_dry_run(&self) -> bool {
        self.spec["dry_run"] == true
    }

    /// What it does: the heading of its pages.
    pub(super) fn what(&self) -> &'static str {
        match (self.kind.as_str(), self.spec["change"].as_str()) {
            ("crl", _) => "Round of revocation lists",
            ("export", _) => "Export",
            ("inspect", _) => "Inspection",
            ("issue", _) => "Issue certificates",
            ("revoke", Some("release")) => "Release certificates from hold",
            ("revoke", _) => "Revoke certificates",
            ("verify", _) => "Verify a batch",
            _ => "Job",
        }
    }

    /// What the button says that posts its command again.
    fn again(&self) -> &'static str {
        match (self.state == "checked", self.kind.as_str(), self.spec["change"].as_str()) {
            (false, ..) => "Start again",
            (true, "revoke", Some("release")) => "Release what was counted",
            (true, "revoke", _) => "Revoke what was counted",
            (true, ..) => "Issue what was checked",
        }
    }
}

#[derive(Template)]
#[template(path = "jobs.html")]
struct ListPage {
    c: Chrome,
    jobs: Vec<Job>,
    next: Option<String>,
    states: Vec<(&'static str, bool)>,
    wanted: String,
    may_ask: bool,
}

pub(super) async fn list(State(desk): State<Desk>, visit: Visit, Asked(asked): Asked) -> Result<Response, Trouble> {
    let mut path = "/v1/jobs?limit=50".to_owned();
    for key in ["state", "cursor"] {
        if let Some(value) = asked.some(key) {
            path = format!("{path}&{key}={}", part(&value));
        }
    }
    let List { items: jobs, next } = desk.get(&visit, &path).await?;
    let wanted = asked.one("state").to_owned();
    let states = crate::store::JobState::ALL.map(|state| (state.as_str(), state.as_str() == wanted)).to_vec();
    let (c, may_ask) = (visit.chrome("Jobs"), visit.may("POST", "/v1/jobs"));
    Ok(show(&ListPage { c, jobs, next, states, wanted, may_ask }))
}

/// A finding, as `rejected.jsonl` and the job's own file have it.
#[derive(Clone, Debug, Deserialize)]
struct Finding {
    #[serde(default)]
    item: Option<String>,
    #[serde(default)]
    uid: Option<String>,
    #[serde(default)]
    disposition: Option<String>,
    code: String,
    #[serde(default)]
    reason: String,
}

#[expect(clippy::struct_excessive_bools, reason = "what the user may do, each by its name")]
#[derive(Template)]
#[template(path = "job.html")]
struct JobPage {
    c: Chrome,
    job: Job,
    counts: Vec<(String, String)>,
    shares: Vec<Bar>,
    codes: Vec<Bar>,
    findings: Vec<Finding>,
    findings_total: u64,
    warnings: Vec<String>,
    history: Vec<Event>,
    spans: Vec<Bar>,
    timings: Vec<Timing>,
    /// Uploads, with their names where the user may see them.
    inputs: Vec<(String, Option<String>)>,
    terms: Vec<(String, String)>,
    steps: Vec<Step>,
    policy: Option<String>,
    change: Change,
    /// The first and the last certificate.
    ends: Vec<Issued>,
    may_approve: bool,
    may_cancel: bool,
    may_again: bool,
    may_plan: bool,
    may_export: bool,
}

/// A change of the job's state.
struct Event {
    at: String,
    state: String,
    reason: Option<String>,
}

/// How long a stage took, and its rate.
struct Timing {
    stage: String,
    wall: String,
    rate: String,
}

/// A step on the way of a job.
struct Step {
    label: &'static str,
    /// `done`, `now` or `later`.
    at: &'static str,
}

pub(super) async fn page(
    State(desk): State<Desk>,
    visit: Visit,
    Named(id): Named<String>,
) -> Result<Response, Trouble> {
    let job: Job = desk.get(&visit, &format!("/v1/jobs/{}", part(&id))).await?;
    // the API has said that the user may read the job; it streams these events and has no list of them
    let wanted = job.id.clone();
    let events = desk.app.blocking(move |app| Ok(app.store().job_events(&wanted, 0)?)).await?;
    // what came after the job was read is for the next page: this one says one thing everywhere
    let history: Vec<Event> = events
        .into_iter()
        .filter(|event| event.revision <= job.revision)
        .map(|event| Event {
            at: event.at,
            state: event.state.as_str().to_owned(),
            reason: event.reason.map(|text| reroot_core::text::Printable::new(&text).to_string()),
        })
        .collect();
    let result = job.result.clone().unwrap_or_default();
    let number = |value: &Value| value.as_u64().unwrap_or(0);
    let counts: Vec<(String, u64)> = members(&result["counts"]).map(|(name, value)| (name, number(&value))).collect();
    let share = |key: &str| counts.iter().find(|(name, _)| name == key).map_or(0, |(_, count)| *count);
    let issued = if share("issued") > 0 { share("issued") } else { share("leaves") };
    let shares = pictures::parts(&[
        (if job.state == "published" { "issued" } else { "to issue" }, issued, "good"),
        ("rejected", share("rejected"), "bad"),
        ("ignored", share("ignored"), "off"),
    ]);
    let codes: Vec<(String, u64)> = members(&result["codes"]).map(|(name, value)| (name, number(&value))).collect();
    let findings = serde_json::from_value(result["findings"].clone()).unwrap_or_default();
    let batch = job.plan.as_ref().and_then(|plan| plan.batch.clone()).filter(|_| job.state == "published");
    let ends = match batch {
        Some(batch) => desk.app.blocking(move |app| results::ends(app, &batch)).await?,
        None => vec![],
    };
    let inputs = named(&desk, &visit, strings(&job.spec["inputs"])).await;
    let end = job.is_over();
    let c = visit.chrome(format!("Job {}", words::short(&job.id)));
    let mine = job.owner == visit.principal().name;
    Ok(show(&JobPage {
        counts: counts
            .iter()
            // of the sorts of a revocation those that are there
            .filter(|(_, count)| job.kind != "revoke" || *count > 0)
            .map(|(name, count)| (words::state(&name.replace('_', " ")), words::count(*count)))
            .collect(),
        shares,
        codes: pictures::compared(&codes, "bad"),
        findings,
        findings_total: number(&result["findings_total"]),
        warnings: strings(&result["warnings"]),
        spans: spans(&history),
        timings: timings(&result["timings"], issued),
        inputs,
        terms: terms(&job.spec),
        steps: steps(&job),
        policy: job.spec["policy"].as_str().map(str::to_owned),
        change: Change::of(&result),
        ends,
        may_approve: job.state == "awaiting-approval" && visit.may("POST", "/v1/jobs/{id}/approvals") && !mine,
        may_cancel: !end
            && visit.may("POST", "/v1/jobs/{id}/cancel")
            && ["received", "checking"].contains(&job.state.as_str()),
        may_again: visit.may("POST", "/v1/jobs")
            && mine
            && (job.is_dry_run() && job.state == "checked"
                || ["canceled", "failed", "refused"].contains(&job.state.as_str())),
        may_plan: visit.may("GET", "/v1/jobs/{id}/plan") && job.plan.is_some() && !end,
        may_export: visit.may("GET", "/v1/jobs/{id}/export") && job.kind == "export" && job.state == "checked",
        history,
        job,
        c,
    }))
}

/// Uploads with their names, as far as the user may see them: those of one page, not of a thousand files.
async fn named(desk: &Desk, visit: &Visit, inputs: Vec<String>) -> Vec<(String, Option<String>)> {
    let mut named = Vec::new();
    for id in inputs {
        let asked = visit.may("GET", "/v1/uploads/{id}") && named.len() < MOST_SHOWN;
        let upload: Option<Upload> =
            if asked { desk.get(visit, &format!("/v1/uploads/{}", part(&id))).await.ok() } else { None };
        named.push((id, upload.map(|upload| upload.name)));
    }
    named
}

/// Members of a list of the command that are shown.
const MOST_SHOWN: usize = 8;

fn members(value: &Value) -> impl Iterator<Item = (String, Value)> {
    value.as_object().cloned().unwrap_or_default().into_iter()
}

fn strings(value: &Value) -> Vec<String> {
    value.as_array().into_iter().flatten().filter_map(|one| one.as_str().map(str::to_owned)).collect()
}

/// What was asked for besides inputs and policy: what is not as it is without being said.
fn terms(spec: &Value) -> Vec<(String, String)> {
    let mut terms = Vec::new();
    for (name, value) in members(spec) {
        if ["after", "change", "kind", "inputs", "policy"].contains(&name.as_str()) {
            continue;
        }
        let text = match value {
            Value::Null | Value::Bool(false) => continue,
            Value::Bool(true) => "yes".to_owned(),
            Value::String(text) => text,
            Value::Array(list) if list.is_empty() => continue,
            Value::Object(members) if members.is_empty() => continue,
            Value::Object(members) => {
                let pairs: Vec<String> = members
                    .iter()
                    .map(|(name, value)| format!("{name} = {}", value.as_str().unwrap_or_default()))
                    .collect();
                pairs.join(", ")
            }
            Value::Array(list) => {
                let shown: Vec<&str> = list.iter().filter_map(Value::as_str).take(MOST_SHOWN).collect();
                let more = list.len() - shown.len();
                let more = if more > 0 { format!(", and {} more", words::count(more)) } else { String::new() };
                shown.join(", ") + &more
            }
            Value::Number(number) => number.to_string(),
        };
        terms.push((name.replace('_', " "), text));
    }
    terms
}

/// Where the job is on its way.
fn steps(job: &Job) -> Vec<Step> {
    let way: &[(&str, &[&str])] = match job.kind.as_str() {
        "issue" | "crl" if !job.is_dry_run() => &[
            ("received", &["received"]),
            ("check", &["checking"]),
            ("approve", &["awaiting-approval", "approved"]),
            ("sign", &["signing"]),
            ("seal", &["sealing"]),
            ("published", &["published"]),
        ],
        "revoke" if !job.is_dry_run() => &[
            ("received", &["received"]),
            ("check", &["checking"]),
            ("approve", &["awaiting-approval", "approved"]),
            ("record", &["sealing"]),
            ("recorded", &["recorded"]),
        ],
        _ => &[("received", &["received"]), ("check", &["checking"]), ("done", &["checked"])],
    };
    let here = way.iter().position(|(_, states)| states.contains(&job.state.as_str()));
    let at = |place: usize| match here {
        Some(here) if place < here || place == here && job.is_over() => "done",
        Some(here) if place == here => "now",
        _ => "later",
    };
    way.iter().enumerate().map(|(place, (label, _))| Step { label, at: at(place) }).collect()
}

/// How long the job was in each state.
fn spans(history: &[Event]) -> Vec<Bar> {
    let seconds = |text: &str| Time::from_rfc3339(text).map_or(0, |time| u64::try_from(time.unix()).unwrap_or(0));
    let pairs = history.iter().zip(history.iter().skip(1));
    let spans: Vec<(String, u64, u64, &'static str)> = pairs
        .filter(|(one, next)| one.state != next.state)
        .map(|(one, next)| (words::state(&one.state), seconds(&one.at), seconds(&next.at), words::mood(&one.state)))
        .collect();
    pictures::spans(&spans)
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    reason = "a rate for people, of a count and a time that are not negative"
)]
fn timings(timings: &Value, count: u64) -> Vec<Timing> {
    members(timings)
        .filter_map(|(stage, value)| {
            let wall = value["wall"].as_f64()?;
            let rate = if wall > 0.0 && count > 0 {
                format!("{} /s", words::count((count as f64 / wall) as u64))
            } else {
                "–".to_owned()
            };
            Some(Timing { stage, wall: words::seconds(wall), rate })
        })
        .collect()
}

#[derive(Template)]
#[template(path = "findings.html")]
struct FindingsPage {
    c: Chrome,
    id: String,
    findings: Vec<Finding>,
    codes: Vec<(String, u64, bool)>,
    wanted: String,
    total: u64,
    next: Option<String>,
}

/// Findings of a job, by code.
pub(super) async fn findings(
    State(desk): State<Desk>,
    visit: Visit,
    Named(id): Named<String>,
    Asked(asked): Asked,
) -> Result<Response, Trouble> {
    let path = format!("/v1/jobs/{}", part(&id));
    let job: Job = desk.get(&visit, &path).await?;
    let result = job.result.unwrap_or_default();
    let mut query = "limit=100".to_owned();
    for key in ["code", "cursor"] {
        if let Some(value) = asked.some(key) {
            query = format!("{query}&{key}={}", part(&value));
        }
    }
    let List { items: findings, next }: List<Finding> = desk.get(&visit, &format!("{path}/findings?{query}")).await?;
    let wanted = asked.one("code").to_owned();
    let codes: BTreeMap<String, u64> =
        members(&result["codes"]).map(|(code, count)| (code, count.as_u64().unwrap_or(0))).collect();
    Ok(show(&FindingsPage {
        c: visit.chrome(format!("Findings of job {}", words::short(&job.id))),
        id: job.id,
        findings,
        codes: codes.into_iter().map(|(code, count)| (code.clone(), count, code == wanted)).collect(),
        wanted: shown(&wanted),
        total: result["findings_total"].as_u64().unwrap_or(0),
        next,
    }))
}

/// All findings of a job as a file, one a line.
pub(super) async fn findings_file(
    State(desk): State<Desk>,
    visit: Visit,
    Named(id): Named<String>,
) -> Result<Response, Trouble> {
    let path = format!("/v1/jobs/{}/findings", part(&id));
    let headers = HeaderMap::from_iter([(header::ACCEPT, HeaderValue::from_static("application/x-ndjson"))]);
    let mut response = desk.answered(&visit, Method::GET, &path, headers, Body::empty()).await?;
    let name = HeaderValue::from_static("attachment; filename=\"findings.jsonl\"");
    response.headers_mut().insert(header::CONTENT_DISPOSITION, name);
    Ok(response)
}

pub(super) async fn cancel(
    State(desk): State<Desk>,
    visit: Visit,
    Named(id): Named<String>,
) -> Result<Response, Trouble> {
    let path = format!("/v1/jobs/{}", part(&id));
    desk.act(&visit, Method::POST, &format!("{path}/cancel")).await?;
    Ok(Redirect::to(&format!("/console/jobs/{}", part(&id))).into_response())
}

/// Posts the command of a job again: after a dry run without it, after an end that was none in the same words.
pub(super) async fn again(
    State(desk): State<Desk>,
    visit: Visit,
    Named(id): Named<String>,
) -> Result<Response, Trouble> {
    let job: Job = desk.get(&visit, &format!("/v1/jobs/{}", part(&id))).await?;
    let mut spec = job.spec;
    if spec["dry_run"] == true && job.state == "checked" {
        spec["dry_run"] = false.into();
    }
    let posted: Job = desk.send(&visit, Method::POST, "/v1/jobs", &spec).await?;
    Ok(Redirect::to(&format!("/console/jobs/{}", part(&posted.id))).into_response())
}
