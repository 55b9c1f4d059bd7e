//! Certificates that are revoked, as the ledger says.

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use serde::Deserialize;

use super::chrome::{Chrome, Trouble, Visit, show};
use super::desk::{Desk, part};
use super::form::Asked;
use super::words;

#[derive(Debug, Deserialize)]
struct Revocation {
    serial: String,
    batch: Option<String>,
    position: u64,
    reason: String,
    since: String,
    not_after: String,
}

#[derive(Debug, Deserialize)]
struct Revocations {
    items: Vec<Revocation>,
    next: Option<String>,
}

#[derive(Template)]
#[template(path = "revocations.html")]
struct Page {
    c: Chrome,
    revocations: Revocations,
}

pub(super) async fn page(State(desk): State<Desk>, visit: Visit, Asked(asked): Asked) -> Result<Response, Trouble> {
    let cursor = asked.some("cursor").map(|cursor| format!("&cursor={}", part(&cursor))).unwrap_or_default();
    let revocations = desk.get(&visit, &format!("/v1/revocations?limit=100{cursor}")).await?;
    Ok(show(&Page { c: visit.chrome("Revocation"), revocations }))
}
