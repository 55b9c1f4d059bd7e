//! Certificates that are revoked, as the ledger says. Lists for relying parties are made of them.

use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use reroot_issue::ledger::Revoked;
use serde::Serialize;
use utoipa::ToSchema;

use super::body::JsonBody;
use super::jobs::{JobView, accept};
use super::page::{In, Page, Wanted, page};
use super::reply::Reply;
use crate::app::App;
use crate::job::{RevokeJob, Spec};
use crate::principal::Principal;
use crate::problem::{Document, Problem};

/// A certificate that is revoked.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Revocation {
    /// Its serial number, in upper-case hexadecimal.
    serial: String,
    /// Its batch; `null` if it is of none.
    batch: Option<String>,
    /// The line of the manifest, from 0.
    position: u32,
    /// Why.
    reason: String,
    /// Since when.
    since: String,
    /// The end of its validity, or the latest that it can be.
    not_after: String,
    #[serde(skip)]
    place: (u64, u32),
}

/// Asks for a revocation or a release: a job of that kind. `dry_run` counts, and shows what the lists would weigh.
#[utoipa::path(post, path = "/v1/revocations", tag = "crls", request_body = RevokeJob,
    params(("Idempotency-Key" = Option<String>, Header)),
    responses(
        (status = 200, body = JobView),
        (status = 202, body = JobView, headers(("Location" = String))),
        (status = "4XX", body = Document, content_type = "application/problem+json"),
        (status = "5XX", body = Document, content_type = "application/problem+json"),
    )
)]
pub(super) async fn post(
    State(app): State<App>,
    principal: Principal,
    headers: HeaderMap,
    JsonBody(job): JsonBody<RevokeJob>,
) -> Result<Reply, Problem> {
    accept(&app, principal, &headers, Spec::Revoke(Box::new(job))).await
}

/// Lists certificates that are revoked, in the order of their batches.
#[utoipa::path(get, path = "/v1/revocations", tag = "crls", params(Wanted),
    responses((status = 200, body = Page<Revocation>), (status = "4XX", body = Document)))]
pub(super) async fn list(
    _: Principal,
    State(app): State<App>,
    In(wanted): In<Wanted>,
) -> Result<Json<Page<Revocation>>, Problem> {
    app.blocking(move |app| {
        let limit = wanted.limit()?;
        let after = wanted.place(app, REVOCATIONS)?.and_then(|place| {
            let (batch, index) = place.split_once(' ')?;
            Some((batch.parse::<u64>().ok()?, index.parse::<u32>().ok()?))
        });
        let ledger = app.ledger(&app.config()?)?;
        let batches = ledger.batch_ids()?;
        let of = |one: &Revoked| {
            let batch = batches.iter().find(|(_, number)| *number == one.batch).map(|(id, _)| id.to_string());
            Revocation {
                serial: one.serial.to_string(),
                batch,
                position: one.index,
                reason: one.reason.to_string(),
                since: one.since.to_string(),
                not_after: one.not_after.to_string(),
                place: (one.batch, one.index),
            }
        };
        let revocations = ledger.revocations(u64::MAX)?;
        let wanted =
            revocations.certificates().iter().filter(|one| after.is_none_or(|after| (one.batch, one.index) > after));
        let items: Vec<Revocation> = wanted.take(limit + 1).map(of).collect();
        Ok(Json(page(app, REVOCATIONS, items, limit, place)))
    })
    .await
}

fn place(one: &Revocation) -> String {
    format!("{} {}", one.place.0, one.place.1)
}

const REVOCATIONS: &str = "revocations";
