//! Revocation lists: what is published, what it lacks, and the form that starts a round.

use askama::Template;
use axum::extract::State;
use axum::http::Method;
use axum::response::{IntoResponse as _, Redirect, Response};
use reroot_core::x509::Time;
use serde::Deserialize;
use serde_json::json;

use super::chrome::{Chrome, Trouble, Visit, show};
use super::desk::{Desk, List, part};
use super::form::{Asked, Fields};
use super::jobs::Job;
use super::pictures;
use super::words;
use crate::problem::{Problem, REQUEST_MALFORMED};

/// A revocation list that is published.
#[derive(Debug, Deserialize)]
pub(super) struct Crl {
    name: String,
    urls: Vec<String>,
    pub(super) number: u64,
    this_update: String,
    pub(super) next_update: String,
    pub(super) entries: u64,
    bytes: u64,
    sha256: String,
    pub(super) oldest_missing: Option<String>,
}

impl Crl {
    /// How old the list is, of [`pictures::WIDTH`].
    pub(super) fn elapsed(&self, now: i64) -> u64 {
        pictures::elapsed(unix(&self.this_update), unix(&self.next_update), now)
    }

    /// What a person should make of it: `good`, `wait` or `bad`.
    pub(super) fn mood(&self, now: i64) -> &'static str {
        match unix(&self.next_update) - now {
            ..=0 => "bad",
            left if left < DAY || self.oldest_missing.is_some() => "wait",
            _ => "good",
        }
    }

    /// The same in words.
    pub(super) fn verdict(&self, now: i64) -> &'static str {
        match unix(&self.next_update) - now {
            ..=0 => "expired",
            _ if self.oldest_missing.is_some() => "a change is missing",
            left if left < DAY => "expires within a day",
            _ => "current",
        }
    }
}

fn unix(text: &str) -> i64 {
    Time::from_rfc3339(text).map_or(0, Time::unix)
}

#[derive(Template)]
#[template(path = "crls.html")]
struct Page {
    c: Chrome,
    lists: List<Crl>,
    /// Rounds that have not ended.
    rounds: Vec<Job>,
    usual_days: u32,
    now: i64,
    may_ask: bool,
}

pub(super) async fn page(State(desk): State<Desk>, visit: Visit, Asked(asked): Asked) -> Result<Response, Trouble> {
    let cursor = asked.cursor();
    let lists = desk.get(&visit, &format!("/v1/crls?limit=100{cursor}")).await?;
    let List { items: jobs, .. }: List<Job> = desk.get(&visit, "/v1/jobs?limit=100").await?;
    let rounds = jobs.into_iter().filter(|job| job.kind == "crl" && !job.is_over()).collect();
    let (now, may_ask) = (desk.app.world().now().unix(), visit.may("POST", "/v1/jobs"));
    let usual_days = desk.app.settings().revocation.valid_days;
    Ok(show(&Page { c: visit.chrome("Revocation lists"), lists, rounds, usual_days, now, may_ask }))
}

/// Starts a round.
pub(super) async fn start(State(desk): State<Desk>, visit: Visit, fields: Fields) -> Result<Response, Trouble> {
    let wrong = |text: String| Problem::new(REQUEST_MALFORMED, format!("`valid_days` is `{text}`, expected a number"));
    let days = fields.some("valid_days").map(|text| text.parse::<u32>().map_err(|_| wrong(text))).transpose()?;
    let round = json!({ "kind": "crl", "valid_days": days });
    let job: Job = desk.send(&visit, Method::POST, "/v1/jobs", &round).await?;
    Ok(Redirect::to(&format!("/console/jobs/{}", part(&job.id))).into_response())
}

/// Seconds before the end at which a list should have a successor.
const DAY: i64 = 86_400;
