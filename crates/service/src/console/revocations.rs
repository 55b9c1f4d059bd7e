//! Revocation: what is revoked, and the request for a change.

use askama::Template;
use axum::extract::State;
use axum::http::{Method, StatusCode};
use axum::response::{IntoResponse as _, Redirect, Response};
use reroot_issue::error::Error;
use serde::Deserialize;
use serde_json::json;

use super::chrome::{Chrome, Trouble, Visit, show};
use super::desk::{Desk, List, part};
use super::form::{Asked, Fields};
use super::jobs::Job;
use super::pictures::{self, Bar};
use super::uploads::Upload;
use super::words;
use crate::app::App;
use crate::problem::{AUTH_ROLE, Problem};

#[derive(Debug, Deserialize)]
struct Revocation {
    serial: String,
    batch: Option<String>,
    position: u64,
    reason: String,
    since: String,
    not_after: String,
}

#[derive(Template)]
#[template(path = "revocations.html")]
struct Page {
    c: Chrome,
    revocations: List<Revocation>,
    /// How many, by the time since when they are revoked; empty on later pages.
    over_time: Vec<Bar>,
    reasons: Vec<Bar>,
    total: u64,
    may_ask: bool,
}

pub(super) async fn page(State(desk): State<Desk>, visit: Visit, Asked(asked): Asked) -> Result<Response, Trouble> {
    let cursor = asked.cursor();
    let revocations = desk.get(&visit, &format!("/v1/revocations?limit=100{cursor}")).await?;
    let (over_time, reasons, total) =
        if cursor.is_empty() { desk.app.blocking(pictured).await? } else { (vec![], vec![], 0) };
    let may_ask = visit.may("POST", "/v1/revocations");
    Ok(show(&Page { c: visit.chrome("Revocation"), revocations, over_time, reasons, total, may_ask }))
}

/// All of the ledger's revocations as pictures. The API pages through them.
fn pictured(app: &App) -> Result<(Vec<Bar>, Vec<Bar>, u64), Problem> {
    let ledger = app.ledger(&app.config()?)?;
    let revocations = ledger.revocations(u64::MAX).map_err(Error::from)?;
    let certificates = revocations.certificates();
    let times = certificates.iter().map(|one| one.since.unix());
    let mut reasons = std::collections::BTreeMap::<String, u64>::new();
    for one in certificates {
        *reasons.entry(one.reason.to_string()).or_default() += 1;
    }
    let reasons: Vec<(String, u64)> = reasons.into_iter().collect();
    let columns = pictures::columns(&pictures::over_time(times, app.world().now().unix()), "bad");
    Ok((columns, pictures::compared(&reasons, "bad"), certificates.len() as u64))
}

#[derive(Template)]
#[template(path = "revoke.html")]
struct AskPage {
    c: Chrome,
    fields: Fields,
    uploads: Vec<Upload>,
    trouble: Option<Trouble>,
    alone: u64,
}

impl AskPage {
    fn is(&self, name: &str, value: &str) -> bool {
        self.fields.all(name).iter().any(|one| one == value)
    }
}

/// The form of a request. A query fills it: the pages of a chip, a batch and an upload lead here.
pub(super) async fn ask(State(desk): State<Desk>, visit: Visit, Asked(asked): Asked) -> Result<Response, Trouble> {
    if !visit.may("POST", "/v1/revocations") {
        return Err(Problem::new(AUTH_ROLE, "only an operator asks for a revocation").into());
    }
    form(&desk, &visit, asked, None).await
}

async fn form(desk: &Desk, visit: &Visit, fields: Fields, trouble: Option<Trouble>) -> Result<Response, Trouble> {
    let List { items: uploads, .. }: List<Upload> = desk.get(visit, "/v1/uploads?limit=1000").await?;
    let mine = |one: &Upload| one.state == "received" && one.owner == visit.principal().name;
    let status = trouble.as_ref().and_then(|trouble| StatusCode::from_u16(trouble.status).ok());
    let (uploads, fields) = (uploads.into_iter().filter(mine).collect(), fields.printable());
    let alone = desk.app.settings().revocation.alone;
    let mut response = show(&AskPage { c: visit.chrome("New revocation"), fields, uploads, trouble, alone });
    if let Some(status) = status {
        *response.status_mut() = status;
    }
    Ok(response)
}

/// Posts the request, as a dry run unless the other button was used. What is wrong with it is shown on the form.
pub(super) async fn post(State(desk): State<Desk>, visit: Visit, fields: Fields) -> Result<Response, Trouble> {
    let names = |field: &str| -> Vec<String> {
        let split = |c: char| c.is_whitespace() || c == ',' || c == ';';
        fields.raw(field).split(split).filter(|one| !one.is_empty()).map(str::to_owned).collect()
    };
    let lines = |field: &str| -> Vec<String> {
        fields.raw(field).lines().map(str::trim).filter(|one| !one.is_empty()).map(str::to_owned).collect()
    };
    let change = if fields.one("change") == "release" { "release" } else { "revoke" };
    let job = json!({
        "change": change,
        "uids": names("uids"),
        "serials": names("serials"),
        "batches": names("batches"),
        "policies": lines("policies"),
        "superseded_by": fields.some("superseded_by"),
        "uid_lists": fields.all("uid_list"),
        "lists": fields.all("list"),
        "reels": fields.all("reel"),
        "reason": fields.some("reason").filter(|_| change == "revoke"),
        "at": fields.some("at"),
        "skip_unknown": fields.one("skip_unknown") == "yes",
        "dry_run": fields.one("run") != "change",
    });
    match desk.send::<Job>(&visit, Method::POST, "/v1/revocations", &job).await {
        Ok(job) => Ok(Redirect::to(&format!("/console/jobs/{}", part(&job.id))).into_response()),
        Err(trouble) if trouble.status < 500 && trouble.code != AUTH_ROLE.code => {
            form(&desk, &visit, fields, Some(trouble)).await
        }
        Err(trouble) => Err(trouble),
    }
}

/// Why a certificate is revoked (RFC 5280 §5.3.1), as a request names it.
const REASONS: [&str; 7] = [
    "keyCompromise",
    "cACompromise",
    "affiliationChanged",
    "superseded",
    "cessationOfOperation",
    "certificateHold",
    "privilegeWithdrawn",
];
