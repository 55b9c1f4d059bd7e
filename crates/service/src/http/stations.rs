//! Stations on the line: which line packs each has, and what it loaded.
//!
//! A station's name is the name of its principal. Loads are kept as they were sent, in the order of the station's own numbers: a
//! report that is sent a second time changes nothing.

use axum::body::Bytes;
use axum::extract::State;
use axum::extract::rejection::BytesRejection;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use axum::{Extension, Json};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reroot_core::crypto::sha256;
use reroot_core::origin::Uid;
use reroot_core::x509::Time;
use rusqlite::{OptionalExtension as _, params};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::batches::sent_pack;
use super::page::{At, In, Page, Wanted, page};
use super::reply::Changed;
use crate::app::App;
use crate::auth::users;
use crate::principal::Principal;
use crate::problem::{
    BATCH_UNKNOWN, Document, LOAD_DIFFERS, LOAD_DIGEST, LOAD_GAP, PACK_UNASSIGNED, Problem, REQUEST_MALFORMED,
    REQUEST_TOO_LARGE,
};
use crate::store::{StoreError, integer, natural};

/// A line pack of a station.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Assigned {
    /// The batch.
    batch: String,
    /// Bytes of the pack; `null` as long as it is being made.
    bytes: Option<u64>,
    /// SHA-256 of the pack.
    sha256: Option<String>,
    /// Who assigned it.
    by: String,
    /// When.
    since: String,
}

/// A station.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct StationRow {
    /// Its name.
    name: String,
    /// Packs that are assigned to it.
    packs: u64,
    /// The last number of its loads.
    last_seq: u64,
    /// When that was received.
    received: Option<String>,
}

/// What a station did with a chip.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Load {
    /// The station's own number, from 1 without a gap.
    seq: u64,
    /// The chip, in upper-case hexadecimal.
    uid: String,
    /// SHA-256 of the certificate.
    sha256: String,
    /// `loaded`, or `failed`.
    result: LoadResult,
    /// When, by the station's clock.
    time: String,
    /// The chip's own signature, where it showed that it holds its key, in hexadecimal (docs/spec/manifest-format.md).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    signature: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
enum LoadResult {
    Loaded,
    Failed,
}

/// What is kept of a station's loads.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Kept {
    /// The last number that is kept: the station sends what follows.
    last_seq: u64,
    /// How many of this report were new.
    new: u64,
}

/// Lists stations that have a pack or a load.
#[utoipa::path(get, path = "/v1/stations", tag = "stations", params(Wanted),
    responses((status = 200, body = Page<StationRow>), (status = "4XX", body = Document)))]
pub(super) async fn list(
    _: Principal,
    State(app): State<App>,
    In(wanted): In<Wanted>,
) -> Result<Json<Page<StationRow>>, Problem> {
    app.blocking(move |app| {
        let (limit, after) = (wanted.limit()?, wanted.place(app, STATIONS)?.unwrap_or_default());
        let sql = "SELECT name, (SELECT count(*) FROM pack WHERE station = name),
                   (SELECT coalesce(max(seq), 0) FROM chip_load WHERE station = name),
                   (SELECT max(received) FROM chip_load WHERE station = name)
                   FROM (SELECT station AS name FROM pack UNION SELECT station FROM chip_load)
                   WHERE name > ? ORDER BY name LIMIT ?";
        let connection = app.store().connection();
        let mut statement = connection.prepare_cached(sql).map_err(StoreError::from)?;
        let rows = statement.query_map(params![after, integer(limit + 1)], |row| {
            let (packs, last_seq) = (natural(row, 1)?, natural(row, 2)?);
            Ok(StationRow { name: row.get(0)?, packs, last_seq, received: row.get(3)? })
        });
        let rows = rows.and_then(Iterator::collect::<Result<Vec<_>, _>>).map_err(StoreError::from)?;
        Ok(Json(page(app, STATIONS, rows, limit, |row| row.name.clone())))
    })
    .await
}

/// Lists the line packs of a station.
#[utoipa::path(get, path = "/v1/stations/{station}/packs", tag = "stations",
    params(("station" = String, Path, description = "Its name"), Wanted),
    responses((status = 200, body = Page<Assigned>), (status = "4XX", body = Document)))]
pub(super) async fn packs(
    _: Principal,
    State(app): State<App>,
    At(station): At<String>,
    In(wanted): In<Wanted>,
) -> Result<Json<Page<Assigned>>, Problem> {
    app.blocking(move |app| {
        let list = format!("packs {station}");
        let (limit, after) = (wanted.limit()?, wanted.place(app, &list)?.unwrap_or_default());
        let mut rows: Vec<Assigned> = {
            let sql =
                "SELECT batch, assigned_by, assigned FROM pack WHERE station = ? AND batch > ? ORDER BY batch LIMIT ?";
            let connection = app.store().connection();
            let mut statement = connection.prepare_cached(sql).map_err(StoreError::from)?;
            let rows = statement.query_map(params![station, after, integer(limit + 1)], |row| {
                let (batch, by, since) = (row.get(0)?, row.get(1)?, row.get(2)?);
                Ok(Assigned { batch, bytes: None, sha256: None, by, since })
            });
            rows.and_then(Iterator::collect::<Result<_, _>>).map_err(StoreError::from)?
        };
        for row in &mut rows {
            if let Some(batch) = app.catalog().batch(&row.batch)? {
                (row.bytes, row.sha256) = (batch.pack_bytes, batch.pack_sha256);
            }
        }
        Ok(Json(page(app, &list, rows, limit, |row| row.batch.clone())))
    })
    .await
}

/// Assigns the line pack of a batch to a station.
#[utoipa::path(put, path = "/v1/stations/{station}/packs/{batch}", tag = "stations",
    params(("station" = String, Path, description = "Its name"), ("batch" = String, Path, description = "The batch")),
    responses((status = 204), (status = "4XX", body = Document)))]
pub(super) async fn assign(
    principal: Principal,
    State(app): State<App>,
    At((station, batch)): At<(String, String)>,
) -> Result<(StatusCode, Extension<Changed>), Problem> {
    app.blocking(move |app| {
        users::check_name("station", &station)?;
        if app.catalog().batch(&batch)?.is_none() {
            return Err(Problem::new(BATCH_UNKNOWN, format!("there is no batch `{batch}`")));
        }
        let sql = "INSERT OR IGNORE INTO pack (station, batch, assigned_by, assigned) VALUES (?, ?, ?, ?)";
        let row = params![station, batch, principal.name, app.world().now().to_string()];
        let new = app.store().connection().execute(sql, row).map_err(StoreError::from)? > 0;
        let changed = if new { Changed::new("assigned") } else { Changed::default() };
        Ok((StatusCode::NO_CONTENT, Extension(changed)))
    })
    .await
}

/// Takes the line pack of a batch away from a station.
#[utoipa::path(delete, path = "/v1/stations/{station}/packs/{batch}", tag = "stations",
    params(("station" = String, Path, description = "Its name"), ("batch" = String, Path, description = "The batch")),
    responses((status = 204), (status = "4XX", body = Document)))]
pub(super) async fn withdraw(
    _: Principal,
    State(app): State<App>,
    At((station, batch)): At<(String, String)>,
) -> Result<(StatusCode, Extension<Changed>), Problem> {
    app.blocking(move |app| {
        must_have(app, &station, &batch)?;
        let sql = "DELETE FROM pack WHERE station = ? AND batch = ?";
        app.store().connection().execute(sql, params![station, batch]).map_err(StoreError::from)?;
        Ok((StatusCode::NO_CONTENT, Extension(Changed::gone("assigned"))))
    })
    .await
}

/// Sends a line pack to the station that it is assigned to.
#[utoipa::path(get, path = "/v1/stations/{station}/packs/{batch}", tag = "stations",
    params(("station" = String, Path, description = "Its name"), ("batch" = String, Path, description = "The batch")),
    responses((status = 200, content_type = "application/octet-stream", body = Vec<u8>),
        (status = 206, content_type = "application/octet-stream", body = Vec<u8>),
        (status = 304, description = "The station has it"), (status = "4XX", body = Document)))]
pub(super) async fn pack(
    _: Principal,
    State(app): State<App>,
    At((station, batch)): At<(String, String)>,
    asked: HeaderMap,
) -> Result<Response, Problem> {
    app.blocking(move |app| {
        must_have(app, &station, &batch)?;
        Ok(sent_pack(app, &batch)?.answer(&asked))
    })
    .await
}

/// Takes loads, one a line. What is kept already is compared and not kept again; nothing of a report is kept where a part of
/// it is refused.
#[utoipa::path(post, path = "/v1/stations/{station}/loads", tag = "stations",
    params(("station" = String, Path, description = "Its name"),
        ("Content-Digest" = Option<String>, Header, description = "SHA-256 of the body (RFC 9530)")),
    request_body(content = String, content_type = "application/x-ndjson"),
    responses((status = 200, body = Kept), (status = "4XX", body = Document)))]
pub(super) async fn report(
    _: Principal,
    State(app): State<App>,
    At(station): At<String>,
    asked: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<(Extension<Changed>, Json<Kept>), Problem> {
    app.blocking(move |app| {
        let text = report_of(&asked, body)?;
        let mut loads = Vec::new();
        for (number, line) in (1..).zip(text.lines()) {
            loads.push(load(line).map_err(|what| Problem::new(REQUEST_MALFORMED, format!("line {number}: {what}")))?);
        }
        let received = app.world().now().to_string();
        app.store().transaction(|transaction| {
            let last = "SELECT coalesce(max(seq), 0) FROM chip_load WHERE station = ?";
            let mut last: u64 =
                transaction.query_row(last, [&station], |row| natural(row, 0)).map_err(StoreError::from)?;
            let (before, mut new) = (last, 0);
            for load in loads {
                let line =
                    serde_json::to_string(&load).map_err(|error| Problem::new(REQUEST_MALFORMED, error.to_string()))?;
                if load.seq <= last {
                    let kept = "SELECT line FROM chip_load WHERE station = ? AND seq = ?";
                    let row = params![station, integer(load.seq)];
                    let kept: Option<String> =
                        transaction.query_row(kept, row, |row| row.get(0)).optional().map_err(StoreError::from)?;
                    if kept.as_ref() == Some(&line) {
                        continue;
                    }
                    let what = format!("load {} of station `{station}` is kept with a different content", load.seq);
                    return Err(Problem::new(LOAD_DIFFERS, what));
                }
                if load.seq != last + 1 {
                    let what = format!("load {} does not follow {last}, the last one of station `{station}`", load.seq);
                    return Err(Problem::new(LOAD_GAP, what));
                }
                let sql = "INSERT INTO chip_load (station, seq, uid, line, received) VALUES (?, ?, ?, ?, ?)";
                let row = params![station, integer(load.seq), load.uid, line, received];
                transaction.execute(sql, row).map_err(StoreError::from)?;
                (last, new) = (load.seq, new + 1);
            }
            let changed = Changed::from(format!("load {before}"), format!("load {last}"));
            Ok((Extension(changed), Json(Kept { last_seq: last, new })))
        })
    })
    .await
}

/// Lists the loads of a station, oldest first.
#[utoipa::path(get, path = "/v1/stations/{station}/loads", tag = "stations",
    params(("station" = String, Path, description = "Its name"), Wanted),
    responses((status = 200, body = Page<Load>), (status = "4XX", body = Document)))]
pub(super) async fn loads(
    _: Principal,
    State(app): State<App>,
    At(station): At<String>,
    In(wanted): In<Wanted>,
) -> Result<Json<Page<Load>>, Problem> {
    app.blocking(move |app| {
        let list = format!("loads {station}");
        let limit = wanted.limit()?;
        let after: u64 = wanted.place(app, &list)?.and_then(|place| place.parse().ok()).unwrap_or(0);
        let sql = "SELECT line FROM chip_load WHERE station = ? AND seq > ? ORDER BY seq LIMIT ?";
        let connection = app.store().connection();
        let mut statement = connection.prepare_cached(sql).map_err(StoreError::from)?;
        let rows =
            statement.query_map(params![station, integer(after), integer(limit + 1)], |row| row.get::<_, String>(0));
        let rows = rows.and_then(Iterator::collect::<Result<Vec<_>, _>>).map_err(StoreError::from)?;
        let kept = |line: &String| {
            load(line).map_err(|what| Problem::from(StoreError::Content { what: format!("a load: {what}") }))
        };
        let loads = rows.iter().map(kept).collect::<Result<Vec<_>, _>>()?;
        Ok(Json(page(app, &list, loads, limit, |load| load.seq.to_string())))
    })
    .await
}

fn must_have(app: &App, station: &str, batch: &str) -> Result<(), Problem> {
    let sql = "SELECT 1 FROM pack WHERE station = ? AND batch = ?";
    let found = app.store().connection().query_row(sql, params![station, batch], |_| Ok(())).optional();
    match found.map_err(StoreError::from)? {
        Some(()) => Ok(()),
        None => {
            Err(Problem::new(PACK_UNASSIGNED, format!("the pack of batch `{batch}` is not assigned to `{station}`")))
        }
    }
}

/// Reads one load: of the schema, with a UID, a digest and a time in their one spelling.
fn load(line: &str) -> Result<Load, String> {
    let load: Load = serde_json::from_str(line).map_err(|error| error.to_string())?;
    let uid = load.uid.parse::<Uid>().is_ok_and(|uid| uid.to_string() == load.uid);
    let digest = load.sha256.parse::<reroot_core::x509::Sha256Digest>().is_ok();
    let time = Time::from_rfc3339(&load.time).is_ok_and(|time| time.to_string() == load.time);
    let signature = load.signature.as_ref().is_none_or(|text| text.len() <= 512 && hex::decode(text).is_ok());
    for (fits, member) in
        [(uid, "uid"), (digest, "sha256"), (time, "time"), (signature, "signature"), (load.seq > 0, "seq")]
    {
        if !fits {
            return Err(format!("`{member}` is not one"));
        }
    }
    Ok(load)
}

/// The text that a station sent: whole, and with the digest that it named.
pub(super) fn report_of(asked: &HeaderMap, body: Result<Bytes, BytesRejection>) -> Result<String, Problem> {
    let body = body.map_err(|rejection| Problem::new(REQUEST_TOO_LARGE, rejection.body_text()))?;
    check_digest(asked, &body)?;
    String::from_utf8(body.into()).map_err(|_| Problem::new(REQUEST_MALFORMED, "the report is not UTF-8"))
}

/// Compares the body with what was said of it (RFC 9530 §2), where something was.
fn check_digest(asked: &HeaderMap, body: &[u8]) -> Result<(), Problem> {
    let Some(said) = asked.get("content-digest") else { return Ok(()) };
    let expected = format!("sha-256=:{}:", STANDARD.encode(sha256(body).as_bytes()));
    let said = said.to_str().unwrap_or_default();
    let ours = said.split(',').map(str::trim).find(|one| one.starts_with("sha-256="));
    match ours {
        Some(one) if one == expected => Ok(()),
        Some(_) => Err(Problem::new(LOAD_DIGEST, "the report has a different SHA-256 than its Content-Digest")),
        None => Err(Problem::new(REQUEST_MALFORMED, "Content-Digest has no `sha-256`")),
    }
}

const STATIONS: &str = "stations";
