//! Whether the service can do its work, and what is measured.

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use axum::{Json, Router, routing};
use reroot_core::durable;
use reroot_issue::ledger::{Pool, PoolStatus, is_url};
use reroot_issue::signing_service::Readiness;
use serde::Serialize;
use utoipa::ToSchema;

use super::crls::Published;
use crate::app::App;
use crate::metrics::{Crls, Measured};
use crate::problem::Problem;

/// Whether the service can do its work. Why a part of it cannot is in the log.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Ready {
    /// Whether every part works.
    ready: bool,
    /// Each part.
    parts: Vec<Part>,
}

#[derive(Debug, Serialize, ToSchema)]
struct Part {
    /// `audit-log`, `catalog`, `clock`, `disk`, `ledger`, `signer`, `store`.
    part: &'static str,
    /// Whether it works.
    works: bool,
}

/// Tells whether the service can do its work.
#[utoipa::path(get, path = "/readyz", tag = "health",
    responses((status = 200, body = Ready), (status = 503, body = Ready)))]
pub(super) async fn ready(State(app): State<App>) -> Result<Response, Problem> {
    app.blocking(|app| {
        let parts = parts(app).into_iter().map(|(part, works)| Part { part, works }).collect::<Vec<_>>();
        let ready = parts.iter().all(|part| part.works);
        let status = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
        Ok((status, Json(Ready { ready, parts })).into_response())
    })
    .await
}

/// The router of the listener for metrics.
pub fn metrics(app: App) -> Router {
    let text = |State(app): State<App>| async move {
        app.blocking(|app| {
            let measured = Measured {
                ready: parts(app),
                audit_events: app.audit().head().seq,
                audit_sealing: app.audit().seals(),
                catalog: app.catalog().counts()?,
                free_bytes: free_bytes(app).unwrap_or(0),
                crls: crls(app),
                pool: pool(app),
            };
            let media = "application/openmetrics-text; version=1.0.0; charset=utf-8";
            Ok(([(header::CONTENT_TYPE, media)], app.metrics().text(&measured)).into_response())
        })
        .await
    };
    Router::new().route("/metrics", routing::get(text)).with_state(app)
}

/// What is measured of revocation lists. What cannot be read is in the log, and shows as lists that have ended.
fn crls(app: &App) -> Option<Crls> {
    let now = app.world().now();
    match Published::read(app) {
        Ok(published) => published.map(|published| {
            let (entries, bytes) = published.sizes();
            let (next_update_seconds, oldest_unpublished_seconds) =
                (published.seconds_left(now), published.oldest_missing(now));
            Crls { bytes, entries, next_update_seconds, oldest_unpublished_seconds }
        }),
        Err(problem) => {
            tracing::warn!(problem = problem.document().detail, "revocation lists were not measured");
            None
        }
    }
}

/// What is handed out to workers, if the ledger is on a server. What cannot be read is in the log, and is as it was.
fn pool(app: &App) -> Option<PoolStatus> {
    let config = app.config().ok()?;
    let url = Some(config.ledger_path()).filter(|path| is_url(path))?;
    let status = Pool::open_to_read(url).and_then(|mut pool| pool.status());
    status.inspect_err(|error| tracing::warn!(%error, "the pool of workers was not measured")).ok()
}

/// Each part and whether it works, cheapest first.
fn parts(app: &App) -> Vec<(&'static str, bool)> {
    let said = |part, works: Result<(), String>| {
        if let Err(reason) = &works {
            tracing::warn!(part, reason, "not ready");
        }
        (part, works.is_ok())
    };
    let audit = if app.audit().works() { Ok(()) } else { Err("the last event could not be written".to_owned()) };
    vec![
        said("audit-log", audit),
        said("catalog", app.catalog().counts().map(drop).map_err(|error| error.to_string())),
        said("clock", clock(app)),
        said("disk", disk(app)),
        said("ledger", ledger(app)),
        said("signer", signer(app)),
        said("store", store(app)),
    ]
}

/// A clock before the first event of this release is not set.
fn clock(app: &App) -> Result<(), String> {
    let now = app.world().now();
    if now.unix() > RELEASED { Ok(()) } else { Err(format!("the clock says {now}")) }
}

fn disk(app: &App) -> Result<(), String> {
    let wanted = app.settings().limits.free_bytes;
    match free_bytes(app) {
        Some(free) if free >= wanted => Ok(()),
        Some(free) => Err(format!("{free} bytes are free, expected {wanted}")),
        None => Err("the disk cannot be asked".to_owned()),
    }
}

fn free_bytes(app: &App) -> Option<u64> {
    durable::free_bytes(&app.settings().data).ok()
}

fn ledger(app: &App) -> Result<(), String> {
    app.config().and_then(|config| app.ledger(&config)).map(drop).map_err(|error| error.to_string())
}

fn signer(app: &App) -> Result<(), String> {
    let state = app.signer().map_err(|error| error.to_string())?;
    match state.readiness {
        Readiness::Ready {} => Ok(()),
        other => Err(format!("the signer cannot sign now: {other:?}")),
    }
}

fn store(app: &App) -> Result<(), String> {
    app.store().connection().query_row("SELECT 1", [], |_| Ok(())).map_err(|error| error.to_string())
}

/// 2026-01-01T00:00:00Z.
const RELEASED: i64 = 1_767_225_600;
