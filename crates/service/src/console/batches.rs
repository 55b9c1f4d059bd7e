//! Batches: the list, and one with its files, its findings and what can be made of it.

use askama::Template;
use axum::extract::{Path as Named, State};
use axum::http::Method;
use axum::response::{IntoResponse as _, Redirect, Response};
use serde::Deserialize;
use serde_json::{Value, json};

use super::chrome::{Chrome, Trouble, Visit, show};
use super::desk::{Desk, List, part};
use super::form::{Asked, Fields};
use super::jobs::Job;
use super::pictures::{self, Bar};
use super::results::{self, Issued};
use super::words;

/// A batch, as the API shows it.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Batch {
    pub(super) id: String,
    pub(super) statement_sha256: String,
    pub(super) issued_at: String,
    pub(super) created: String,
    pub(super) policy: String,
    pub(super) issuer: String,
    pub(super) issuer_sha256: String,
    pub(super) items: u64,
    pub(super) issued: u64,
    pub(super) rejected: u64,
    pub(super) ignored: u64,
    pub(super) pack_bytes: Option<u64>,
    pub(super) pack_sha256: Option<String>,
    #[serde(default)]
    pub(super) files: Vec<File>,
}

#[derive(Clone, Debug, Deserialize)]
pub(super) struct File {
    name: String,
    bytes: u64,
    sha256: Option<String>,
}

#[derive(Template)]
#[template(path = "batches.html")]
struct ListPage {
    c: Chrome,
    batches: Vec<Batch>,
    next: Option<String>,
}

pub(super) async fn list(State(desk): State<Desk>, visit: Visit, Asked(asked): Asked) -> Result<Response, Trouble> {
    let cursor = asked.cursor();
    let List { items: batches, next } = desk.get(&visit, &format!("/v1/batches?limit=50{cursor}")).await?;
    Ok(show(&ListPage { c: visit.chrome("Batches"), batches, next }))
}

/// A line of `rejected.jsonl`.
#[derive(Debug, Deserialize)]
struct Line {
    #[serde(default)]
    item: Option<String>,
    #[serde(default)]
    disposition: Option<String>,
    #[serde(default)]
    code: String,
    #[serde(default)]
    reason: String,
}

#[expect(clippy::struct_excessive_bools, reason = "what the user may do, each by its name")]
#[derive(Template)]
#[template(path = "batch.html")]
struct BatchPage {
    c: Chrome,
    batch: Batch,
    shares: Vec<Bar>,
    findings: List<Line>,
    exports: Vec<&'static str>,
    /// The first and the last certificate.
    ends: Vec<Issued>,
    may_revoke: bool,
    may_read_files: bool,
    may_read_pack: bool,
    may_work: bool,
    may_assign: bool,
}

pub(super) async fn page(
    State(desk): State<Desk>,
    visit: Visit,
    Named(id): Named<String>,
    Asked(asked): Asked,
) -> Result<Response, Trouble> {
    let path = format!("/v1/batches/{}", part(&id));
    let batch: Batch = desk.get(&visit, &path).await?;
    let cursor = asked.cursor();
    let findings = desk.get(&visit, &format!("{path}/findings?limit=100{cursor}")).await?;
    let shares = pictures::parts(&[
        ("issued", batch.issued, "good"),
        ("rejected", batch.rejected, "bad"),
        ("ignored", batch.ignored, "off"),
    ]);
    let id = batch.id.clone();
    let ends = desk.app.blocking(move |app| results::ends(app, &id)).await?;
    Ok(show(&BatchPage {
        ends,
        may_revoke: visit.may("POST", "/v1/revocations"),
        c: visit.chrome(format!("Batch {}", batch.id)),
        shares,
        batch,
        findings,
        exports: vec!["csv", "zip", "aws-bulk", "aws-thingpress", "azure-dps", "stsafe-zone"],
        may_read_files: visit.may("GET", "/v1/batches/{id}/files/{name}"),
        may_read_pack: visit.may("GET", "/v1/batches/{id}/pack"),
        may_work: visit.may("POST", "/v1/jobs"),
        may_assign: visit.may("PUT", "/v1/stations/{station}/packs/{batch}"),
    }))
}

/// Posts a job about a batch: an export, or its verification.
pub(super) async fn work(
    State(desk): State<Desk>,
    visit: Visit,
    Named(id): Named<String>,
    fields: Fields,
) -> Result<Response, Trouble> {
    let spec = match fields.one("to") {
        "" => json!({ "kind": "verify", "batch": id }),
        to => {
            let mut spec = json!({ "kind": "export", "batches": [id], "to": to });
            if let Some(policy) = fields.some("aws_policy") {
                spec["aws_policy"] = Value::String(policy);
            }
            if let Some(bytes) = fields.some("zone") {
                let bytes = bytes.parse::<u32>().map_or(Value::String(bytes), Value::from);
                spec["zone"] = json!({ "bytes": bytes });
            }
            spec
        }
    };
    let job: Job = desk.send(&visit, Method::POST, "/v1/jobs", &spec).await?;
    Ok(Redirect::to(&format!("/console/jobs/{}", part(&job.id))).into_response())
}
