//! Approving: what will be signed, and the click or the signature of the second person.

use askama::Template;
use axum::extract::{Path as Named, State};
use axum::http::Method;
use axum::response::{IntoResponse as _, Redirect, Response};
use reroot_issue::approval::ApprovalMode;
use serde::Deserialize;
use serde_json::{Value, json};

use super::batches::Batch;
use super::chrome::{Chrome, Trouble, Visit, show};
use super::desk::{Desk, List, part};
use super::form::Fields;
use super::jobs::Job;
use super::policies::{Difference, difference};
use super::words;

#[derive(Debug, Deserialize)]
struct Text {
    #[serde(rename = "text")]
    line: String,
    facts: Vec<(String, String)>,
    needed: u32,
    given: Vec<String>,
}

#[derive(Debug, Deserialize)]
struct PolicyText {
    name: String,
    #[serde(default)]
    text: String,
}

/// Whether two texts have the same lines.
fn is_same(changes: &[Difference]) -> bool {
    changes.iter().all(|line| line.kind == "same")
}

#[derive(Template)]
#[template(path = "approve.html")]
struct Page {
    c: Chrome,
    job: Job,
    text: Text,
    counts: Vec<(String, String)>,
    warnings: Vec<String>,
    policy: Option<PolicyText>,
    last: Option<Batch>,
    /// What the policy says differently from that of the last batch.
    changes: Option<Vec<Difference>>,
    /// `console`, `signed`, or empty where the signer does not answer.
    mode: &'static str,
    mine: bool,
    may_approve: bool,
    may_plan: bool,
}

pub(super) async fn page(
    State(desk): State<Desk>,
    visit: Visit,
    Named(id): Named<String>,
) -> Result<Response, Trouble> {
    let path = format!("/v1/jobs/{}", part(&id));
    let job: Job = desk.get(&visit, &path).await?;
    if job.state != "awaiting-approval" {
        return Ok(Redirect::to(&format!("/console/jobs/{}", part(&id))).into_response());
    }
    let text: Text = desk.get(&visit, &format!("{path}/approval-text")).await?;
    let mode = desk
        .app
        .blocking(|app| {
            let state = app.signer();
            Ok(state.map_or("", |state| if state.approvals == ApprovalMode::Console { "console" } else { "signed" }))
        })
        .await?;
    let policy: Option<PolicyText> = match job.spec["policy"].as_str() {
        Some(sha256) => Some(desk.get(&visit, &format!("/v1/policies/{}", part(sha256))).await?),
        None => None,
    };
    let List { items, .. }: List<Batch> = desk.get(&visit, "/v1/batches?limit=50").await?;
    let last = items.into_iter().find(|batch| policy.as_ref().is_some_and(|policy| policy.name == batch.policy));
    let changes = match (&policy, &last) {
        (Some(policy), Some(last)) => last_policy(&desk, last).await.map(|text| difference(&text, &policy.text)),
        _ => None,
    };
    let result = job.result.clone().unwrap_or_default();
    let counts = result["counts"].as_object().cloned().unwrap_or_default();
    Ok(show(&Page {
        c: visit.chrome("Approve"),
        counts: counts
            .iter()
            .map(|(name, count)| (name.replace('_', " "), words::count(count.as_u64().unwrap_or(0))))
            .collect(),
        warnings: result["warnings"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|one| Some(one.as_str()?.to_owned()))
            .collect(),
        mine: job.owner == visit.principal().name,
        may_approve: visit.may("POST", "/v1/jobs/{id}/approvals"),
        may_plan: visit.may("GET", "/v1/jobs/{id}/plan"),
        job,
        text,
        policy,
        last,
        changes,
        mode,
    }))
}

/// The policy of a batch, as the store has it: by the digest that its statement names.
async fn last_policy(desk: &Desk, last: &Batch) -> Option<String> {
    let id = last.id.clone();
    let read = desk.app.blocking(move |app| {
        let row = app.catalog().batch(&id)?;
        Ok(row.and_then(|row| {
            let path = app.settings().batches().join(row.folder).join("policy.toml");
            let bytes = reroot_core::input::read(&path).ok()?;
            Some(String::from_utf8_lossy(&bytes).into_owned())
        }))
    });
    read.await.ok().flatten()
}

/// A click, or the text of an approval. Whether it counts decides the API, and in the end the signer.
pub(super) async fn post(
    State(desk): State<Desk>,
    visit: Visit,
    Named(id): Named<String>,
    fields: Fields,
) -> Result<Response, Trouble> {
    let document = match fields.some("approval") {
        Some(_) => json!({ "approval": fields.raw("approval").replace("\r\n", "\n") }),
        None => json!({ "console": fields.one("console") == "yes" }),
    };
    let _: Value = desk.send(&visit, Method::POST, &format!("/v1/jobs/{}/approvals", part(&id)), &document).await?;
    Ok(Redirect::to(&format!("/console/jobs/{}", part(&id))).into_response())
}
