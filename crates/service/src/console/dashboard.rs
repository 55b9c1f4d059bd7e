//! The dashboard: what waits, what runs, whether the parts work, and what ends soon.

use std::collections::BTreeSet;

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use reroot_issue::config::NamedCertificate;
use reroot_issue::signing_service::Readiness;
use serde::Deserialize;

use super::batches::Batch;
use super::chrome::{Chrome, Trouble, Visit, show};
use super::crls::Crl;
use super::desk::{Desk, List, shown};
use super::jobs::Job;
use super::pictures::{self, Bar};
use super::words;
use crate::app::App;

#[derive(Debug, Deserialize)]
struct Ready {
    ready: bool,
    parts: Vec<Part>,
}

#[derive(Debug, Deserialize)]
struct Part {
    part: String,
    works: bool,
}

/// A certificate that this service works with, and its end.
struct Ending {
    name: &'static str,
    subject: String,
    not_after: String,
    days: i64,
    elapsed: u64,
}

impl Ending {
    /// Whether someone should act: half a year before the end of a CA, there is still time to.
    const fn mood(&self) -> &'static str {
        if self.days < 30 {
            "bad"
        } else if self.days < 180 {
            "wait"
        } else {
            "good"
        }
    }
}

#[expect(clippy::struct_excessive_bools, reason = "what the user may do, each by its name")]
#[derive(Template)]
#[template(path = "dashboard.html")]
struct Page {
    c: Chrome,
    waiting: Vec<Job>,
    running: Vec<Job>,
    recent: Vec<Job>,
    ready: Ready,
    /// Whether the signer waits for the secret of its key.
    locked: bool,
    batches: Vec<Batch>,
    per_batch: Vec<Bar>,
    totals: (u64, u64, u64),
    endings: Vec<Ending>,
    /// The full revocation list, which has every entry of the others.
    full_list: Option<Crl>,
    now: i64,
    may_ask: bool,
    may_approve: bool,
    may_upload: bool,
    me: String,
}

pub(super) async fn page(State(desk): State<Desk>, visit: Visit) -> Result<Response, Trouble> {
    let List { items: jobs, .. }: List<Job> = desk.get(&visit, "/v1/jobs?limit=100").await?;
    let waiting: Vec<Job> = jobs.iter().filter(|job| job.state == "awaiting-approval").cloned().collect();
    let running = jobs.iter().filter(|job| !job.is_over() && job.state != "awaiting-approval").cloned().collect();
    let recent = jobs.iter().filter(|job| job.is_over()).take(6).cloned().collect();
    let List { items: batches, .. }: List<Batch> = desk.get(&visit, "/v1/batches?limit=12").await?;
    let mut counts: Vec<(String, u64)> =
        batches.iter().map(|batch| (batch.created.chars().take(10).collect(), batch.issued)).collect();
    counts.reverse();
    let ready = readiness(&desk, &visit).await?;
    let signs = ready.parts.iter().any(|part| part.part == "signer" && part.works);
    let locked = !signs && desk.app.blocking(|app| Ok(is_locked(app))).await?;
    let totals = desk.app.blocking(|app| Ok(app.catalog().counts()?)).await?;
    let endings = desk.app.blocking(|app| Ok(endings(app))).await?;
    let List { items: lists, .. } = desk.get(&visit, "/v1/crls?limit=1").await?;
    Ok(show(&Page {
        c: visit.chrome("Dashboard"),
        full_list: lists.into_iter().next(),
        now: desk.app.world().now().unix(),
        waiting,
        running,
        recent,
        ready,
        locked,
        per_batch: pictures::compared(&counts, "busy"),
        batches: batches.into_iter().take(6).collect(),
        totals,
        endings,
        may_ask: visit.may("POST", "/v1/jobs"),
        may_approve: visit.may("POST", "/v1/jobs/{id}/approvals"),
        may_upload: visit.may("POST", "/v1/uploads"),
        me: visit.principal().name.clone(),
    }))
}

/// What `/readyz` says: it is not a refusal where a part does not work.
async fn readiness(desk: &Desk, visit: &Visit) -> Result<Ready, Trouble> {
    let method = axum::http::Method::GET;
    let response = desk.ask(visit, method, "/readyz", axum::http::HeaderMap::new(), axum::body::Body::empty()).await?;
    let bytes = axum::body::to_bytes(response.into_body(), 1 << 16).await.unwrap_or_default();
    Ok(serde_json::from_slice(&bytes).unwrap_or(Ready { ready: false, parts: vec![] }))
}

/// Whether the signer waits for the secret of its key. One that does not answer is shown by the readiness.
fn is_locked(app: &App) -> bool {
    app.signer().is_ok_and(|state| matches!(state.readiness, Readiness::WaitingForSecret { .. }))
}

/// The ends of the certificates that this service works with, the next one first, each certificate once. One that cannot be
/// read is shown by the readiness.
fn endings(app: &App) -> Vec<Ending> {
    let now = app.world().now().unix();
    let Ok(config) = app.config() else { return vec![] };
    let mut certificates = config.certificates().0;
    // the anchors of parts are the vendor's, and what they end is said by each job
    certificates.retain(|one| one.role != "source anchor");
    let mut seen = BTreeSet::new();
    certificates.retain(|one| seen.insert(one.certificate.der().to_vec()));
    let ending = |one: &NamedCertificate| {
        let validity = one.certificate.validity();
        let (from, to) = (validity.not_before(), validity.not_after());
        Ending {
            // `chain` of the configuration
            name: if one.role == "above it" { "CA above it" } else { one.role },
            subject: shown(&one.certificate.subject().to_string()),
            not_after: to.to_string(),
            days: (to.unix() - now).div_euclid(86_400),
            elapsed: pictures::elapsed(from.unix(), to.unix(), now),
        }
    };
    let mut endings: Vec<Ending> = certificates.iter().map(ending).collect();
    endings.sort_by_key(|one| one.days);
    endings
}
