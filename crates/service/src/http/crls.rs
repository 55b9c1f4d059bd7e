//! Revocation lists: what is published, what it lacks, and the files themselves, which anyone may have.

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::Response;
use reroot_core::x509::Time;
use reroot_issue::error::Error;
use reroot_issue::revoke::{Index, IndexList, read_index};
use serde::Serialize;
use utoipa::ToSchema;

use super::file::{Sent, http_date};
use super::page::{At, In, Page, Wanted, page};
use crate::app::App;
use crate::job::next_round;
use crate::principal::Principal;
use crate::problem::{CRL_UNKNOWN, Document, Problem, STORE};

/// A revocation list that is published.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(super) struct CrlView {
    /// Its file, below `/crl/`.
    name: String,
    /// Where relying parties look for it; none of the full list.
    urls: Vec<String>,
    /// Its number: that of the round.
    number: u64,
    this_update: String,
    next_update: String,
    /// Certificates on it.
    entries: u64,
    bytes: u64,
    sha256: String,
    /// The time of the oldest revocation or release that it does not say yet.
    oldest_missing: Option<String>,
    /// How long ago that was, in seconds.
    oldest_missing_seconds: Option<u64>,
}

/// What is published and what it lacks.
pub(super) struct Published {
    index: Index,
    missing: std::collections::BTreeMap<Vec<String>, Time>,
}

impl Published {
    /// Reads the folder and the ledger. Nothing comes back before the first round.
    pub(super) fn read(app: &App) -> Result<Option<Self>, Problem> {
        let Some(index) = read_index(&app.settings().crls())? else { return Ok(None) };
        let ledger = app.ledger(&app.config()?)?;
        let round = ledger.round(index.round).map_err(Error::from)?;
        let position = round.map_or(0, |round| round.position);
        let missing = ledger.oldest_changes_after(position).map_err(Error::from)?;
        let missing = missing.into_iter().map(|(scope, at)| (scope.urls().to_vec(), at)).collect();
        Ok(Some(Self { index, missing }))
    }

    /// Seconds until the first list ends; negative after it.
    pub(super) fn seconds_left(&self, now: Time) -> i64 {
        Time::from_rfc3339(&self.index.next_update).map_or(0, |next| next.unix() - now.unix())
    }

    /// Seconds since the oldest revocation that no list says yet; 0 if there is none.
    pub(super) fn oldest_missing(&self, now: Time) -> u64 {
        self.missing.get(&Vec::new()).map_or(0, |at| seconds_since(*at, now))
    }

    /// Entries of the full list, and bytes of the largest list that has a scope, or of the full one where none has.
    pub(super) fn sizes(&self) -> (u64, u64) {
        let full = self.index.lists.iter().find(|list| list.urls.is_empty());
        let largest = self.index.lists.iter().filter(|list| !list.urls.is_empty()).map(|list| list.bytes).max();
        (full.map_or(0, |list| list.entries), largest.or(full.map(|list| list.bytes)).unwrap_or(0))
    }

    fn view(&self, list: &IndexList, now: Time) -> CrlView {
        let missing = self.missing.get(&list.urls).copied();
        CrlView {
            name: list.file.clone(),
            urls: list.urls.clone(),
            number: self.index.round,
            this_update: self.index.this_update.clone(),
            next_update: self.index.next_update.clone(),
            entries: list.entries,
            bytes: list.bytes,
            sha256: list.sha256.clone(),
            oldest_missing: missing.map(|at| at.to_string()),
            oldest_missing_seconds: missing.map(|at| seconds_since(at, now)),
        }
    }
}

fn seconds_since(at: Time, now: Time) -> u64 {
    u64::try_from(now.unix() - at.unix()).unwrap_or(0)
}

/// Lists the revocation lists that are published, the full one first.
#[utoipa::path(get, path = "/v1/crls", tag = "crls", params(Wanted),
    responses((status = 200, body = Page<CrlView>), (status = "4XX", body = Document)))]
pub(super) async fn list(
    _: Principal,
    State(app): State<App>,
    In(wanted): In<Wanted>,
) -> Result<Json<Page<CrlView>>, Problem> {
    app.blocking(move |app| {
        let limit = wanted.limit()?;
        // a place is of one round: lists of two rounds are not mixed on one way through the pages
        let after = wanted.place(app, CRLS)?;
        let Some(published) = Published::read(app)? else {
            return Ok(Json(page(app, CRLS, vec![], limit, |_: &(usize, CrlView)| String::new()).map(|(_, one)| one)));
        };
        let round = published.index.round;
        let from = after.map_or(Some(0), |place| {
            let (of, at) = place.split_once(' ')?;
            (of.parse() == Ok(round)).then(|| at.parse::<usize>().ok().map(|at| at + 1))?
        });
        let from = from.ok_or_else(|| {
            let detail = "the lists of a later round were published since the page before";
            Problem::new(crate::problem::REQUEST_MALFORMED, detail).hint("Begin again without `cursor`.")
        })?;
        let now = app.world().now();
        let lists = published.index.lists.iter().enumerate().skip(from).take(limit + 1);
        let items: Vec<_> = lists.map(|(at, list)| (at, published.view(list, now))).collect();
        let page = page(app, CRLS, items, limit, |(at, _)| format!("{round} {at}"));
        Ok(Json(page.map(|(_, one)| one)))
    })
    .await
}

/// Shows a revocation list that is published, by its file's name with or without `.crl`.
#[utoipa::path(get, path = "/v1/crls/{shard}", tag = "crls",
    params(("shard" = String, Path, description = "Its file's name, such as `full` or `17.crl`")),
    responses((status = 200, body = CrlView), (status = "4XX", body = Document)))]
pub(super) async fn show(
    _: Principal,
    State(app): State<App>,
    At(shard): At<String>,
) -> Result<Json<CrlView>, Problem> {
    app.blocking(move |app| {
        let published = Published::read(app)?;
        let named = |list: &&IndexList| list.file == shard || list.file.strip_suffix(".crl") == Some(&*shard);
        let found = published.as_ref().and_then(|published| {
            let list = published.index.lists.iter().find(named)?;
            Some(published.view(list, app.world().now()))
        });
        found.map(Json).ok_or_else(|| unknown(&shard))
    })
    .await
}

/// Gives a revocation list out, to anyone. Caches keep it until the next round.
#[utoipa::path(get, path = "/crl/{file}", tag = "crls",
    params(("file" = String, Path, description = "Its file's name, such as `full.crl`")),
    responses(
        (status = 200, body = Vec<u8>, content_type = "application/pkix-crl",
            headers(("ETag" = String), ("Expires" = String), ("Last-Modified" = String))),
        (status = 206, body = Vec<u8>, content_type = "application/pkix-crl"),
        (status = 304, description = "The caller has it"),
        (status = "4XX", body = Document)))]
pub(super) async fn file(State(app): State<App>, At(name): At<String>, asked: HeaderMap) -> Result<Response, Problem> {
    app.blocking(move |app| {
        let found = app.lists().open(&app.settings().crls(), &name);
        let found = found.map_err(|error| Problem::new(STORE, format!("the list cannot be read: {error}")))?;
        let (file, list) = found.ok_or_else(|| unknown(&name))?;
        let hours = app.settings().revocation.round_hours.unwrap_or(USUAL_HOURS);
        let now = app.world().now().unix();
        let fresh = next_round(list.this_update.unix(), hours).min(list.next_update.unix()) - now;
        let sent =
            Sent { file, bytes: list.bytes, sha256: list.sha256.to_string(), media: "application/pkix-crl", name };
        let mut response = sent.answer(&asked);
        if response.status().is_success() || response.status() == axum::http::StatusCode::NOT_MODIFIED {
            // a round that is late is looked for every minute
            let control = format!("public, max-age={}", fresh.max(60));
            for (name, text) in [
                (header::CACHE_CONTROL, control),
                (header::LAST_MODIFIED, http_date(list.this_update)),
                (header::EXPIRES, http_date(list.next_update)),
            ] {
                if let Ok(text) = HeaderValue::from_str(&text) {
                    response.headers_mut().insert(name, text);
                }
            }
        }
        Ok(response)
    })
    .await
}

fn unknown(name: &str) -> Problem {
    Problem::new(CRL_UNKNOWN, format!("no revocation list `{name}` is published"))
}

const CRLS: &str = "crls";
/// Hours between two rounds where the settings do not say it.
const USUAL_HOURS: u32 = 24;
