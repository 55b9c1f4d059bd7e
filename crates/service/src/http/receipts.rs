//! Receipts of stations: chips that showed on the line that they hold their keys.
//!
//! A receipt is the line that `reroot pop verify` keeps (docs/spec/manifest-format.md). Its signature is verified under the key
//! of the certificate that it names, so nothing of it is the station's word but its time. What is refused is said line by
//! line, and the other lines are kept: a station lays a refused line aside, and the line goes on.

use axum::body::Bytes;
use axum::extract::State;
use axum::extract::rejection::BytesRejection;
use axum::http::HeaderMap;
use axum::{Extension, Json};
use reroot_core::manifest::possession::Receipt;
use reroot_core::x509::Certificate;
use rusqlite::{OptionalExtension as _, Transaction, params};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::chips::certificate_of;
use super::page::{At, In, Page, Wanted, page};
use super::reply::Changed;
use super::stations::report_of;
use crate::app::App;
use crate::principal::Principal;
use crate::problem::{Document, Problem};
use crate::store::{StoreError, integer, natural};

/// A receipt as a station sends it.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Sent {
    /// The station's own number, from 1. A number names one receipt, once and for all.
    seq: u64,
    /// The batch of the certificate.
    batch: String,
    /// The line of the receipts file.
    #[schema(value_type = Object)]
    receipt: Receipt,
}

/// Why a line is not kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
enum Fault {
    /// The challenge was answered before, in a different receipt.
    #[serde(rename = "receipt.answered")]
    Answered,
    /// The batch has no such certificate of this chip, or is not known.
    #[serde(rename = "receipt.certificate-unknown")]
    CertificateUnknown,
    /// The number is that of a different receipt.
    #[serde(rename = "receipt.differs")]
    Differs,
    /// The line is not of the schema.
    #[serde(rename = "receipt.malformed")]
    Malformed,
    /// The chip did not sign the challenge.
    #[serde(rename = "receipt.signature")]
    Signature,
}

/// A line that was not kept.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(super) struct RefusedLine {
    /// Which line of the request, from 1.
    line: u64,
    /// Its number, if it has one.
    seq: Option<u64>,
    /// Why.
    code: Fault,
    /// What was found.
    detail: String,
}

/// What became of the lines.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct KeptReceipts {
    /// The last number that is kept of this station.
    last_seq: u64,
    /// How many of these lines were new.
    new: u64,
    /// Lines that were not kept.
    refused: Vec<RefusedLine>,
}

/// A receipt that is kept.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct KeptReceipt {
    /// The station's number.
    seq: u64,
    /// The batch.
    batch: String,
    /// The line of the receipts file.
    #[schema(value_type = Object)]
    receipt: Receipt,
    /// When the service received it.
    received: String,
}

/// A line whose receipt holds.
struct Verified {
    line: u64,
    sent: Sent,
}

/// Takes receipts, one a line. Lines that do not hold are named, and do not stop the others.
#[utoipa::path(post, path = "/v1/stations/{station}/receipts", tag = "stations",
    params(("station" = String, Path, description = "Its name"),
        ("Content-Digest" = Option<String>, Header, description = "SHA-256 of the body (RFC 9530)")),
    request_body(content = String, content_type = "application/x-ndjson"),
    responses((status = 200, body = KeptReceipts), (status = "4XX", body = Document)))]
pub(super) async fn report(
    _: Principal,
    State(app): State<App>,
    At(station): At<String>,
    asked: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<(Extension<Changed>, Json<KeptReceipts>), Problem> {
    app.blocking(move |app| {
        let text = report_of(&asked, body)?;
        let (mut verified, mut refused) = (Vec::new(), Vec::new());
        for (line, text) in (1..).zip(text.lines()) {
            match read(app, &station, text)? {
                Ok(sent) => verified.push(Verified { line, sent }),
                Err((seq, code, detail)) => refused.push(RefusedLine { line, seq, code, detail }),
            }
        }
        let received = app.world().now().to_string();
        let (last_seq, new) = app.store().transaction(|transaction| {
            let mut new = 0;
            for Verified { line, sent } in &verified {
                match keep(transaction, &station, sent, &received)? {
                    Ok(added) => new += u64::from(added),
                    Err((code, detail)) => {
                        refused.push(RefusedLine { line: *line, seq: Some(sent.seq), code, detail });
                    }
                }
            }
            let last = "SELECT coalesce(max(seq), 0) FROM receipt WHERE station = ?";
            let last = transaction.query_row(last, [&station], |row| natural(row, 0)).map_err(StoreError::from)?;
            Ok::<_, StoreError>((last, new))
        })?;
        refused.sort_by_key(|one| one.line);
        let changed = if new > 0 { Changed::new(format!("{new} receipts")) } else { Changed::default() };
        Ok((Extension(changed), Json(KeptReceipts { last_seq, new, refused })))
    })
    .await
}

type Refusal = (Option<u64>, Fault, String);

/// Reads and verifies a line. One that is kept already was verified when it came.
fn read(app: &App, station: &str, text: &str) -> Result<Result<Sent, Refusal>, Problem> {
    let sent: Sent = match serde_json::from_str(text) {
        Ok(sent) => sent,
        Err(error) => {
            let value: Option<serde_json::Value> = serde_json::from_str(text).ok();
            let seq = value.as_ref().and_then(|value| value.get("seq")?.as_u64());
            return Ok(Err((seq, Fault::Malformed, error.to_string())));
        }
    };
    let refused = |code, detail: String| Ok(Err((Some(sent.seq), code, detail)));
    if sent.seq == 0 || i64::try_from(sent.seq).is_err() {
        return refused(Fault::Malformed, "`seq` is not a number from 1 to 2^63 - 1".to_owned());
    }
    if let Err(error) = Receipt::parse(&sent.receipt.line()) {
        return refused(Fault::Malformed, error.to_string());
    }
    if kept(&app.store().connection(), station, sent.seq)?.as_ref() == Some(&stored(&sent)) {
        return Ok(Ok(sent));
    }
    let (uid, sha256) = (sent.receipt.uid, sent.receipt.certificate_sha256);
    let found = certificate_of(app, &uid, &sent.batch, sha256)?;
    let Some(certificate) = found.as_ref().and_then(|der| Certificate::from_der(der).ok()) else {
        let detail = format!("batch `{}` has no certificate {sha256} of chip {uid}", sent.batch);
        return refused(Fault::CertificateUnknown, detail);
    };
    match sent.receipt.verify(&sent.batch, certificate.spki()) {
        Ok(()) => Ok(Ok(sent)),
        Err(error) => refused(Fault::Signature, format!("chip {uid} did not sign the challenge: {error}")),
    }
}

/// Batch and line of the receipt that has a number.
fn kept(connection: &rusqlite::Connection, station: &str, seq: u64) -> Result<Option<(String, String)>, StoreError> {
    let sql = "SELECT batch, line FROM receipt WHERE station = ? AND seq = ?";
    let row = connection.query_row(sql, params![station, integer(seq)], |row| Ok((row.get(0)?, row.get(1)?)));
    Ok(row.optional()?)
}

fn stored(sent: &Sent) -> (String, String) {
    (sent.batch.clone(), sent.receipt.line())
}

/// Keeps a receipt. Returns whether it was new.
fn keep(
    transaction: &Transaction<'_>,
    station: &str,
    sent: &Sent,
    received: &str,
) -> Result<Result<bool, (Fault, String)>, StoreError> {
    match kept(transaction, station, sent.seq)? {
        Some(earlier) if earlier == stored(sent) => return Ok(Ok(false)),
        Some(_) => {
            let detail = format!("receipt {} of station `{station}` is kept with a different content", sent.seq);
            return Ok(Err((Fault::Differs, detail)));
        }
        None => {}
    }
    let nonce = hex::encode(sent.receipt.nonce);
    let answered = "SELECT station, seq FROM receipt WHERE nonce = ?";
    let answered = transaction.query_row(answered, [&nonce], |row| Ok((row.get::<_, String>(0)?, natural(row, 1)?)));
    if let Some((other, seq)) = answered.optional()? {
        let detail = format!("the challenge was answered before, in receipt {seq} of station `{other}`");
        return Ok(Err((Fault::Answered, detail)));
    }
    let (batch, line) = stored(sent);
    let sql = "INSERT INTO receipt (station, seq, batch, uid, nonce, line, received) VALUES (?, ?, ?, ?, ?, ?, ?)";
    let uid = sent.receipt.uid.to_string();
    transaction.execute(sql, params![station, integer(sent.seq), batch, uid, nonce, line, received])?;
    Ok(Ok(true))
}

/// Lists the receipts of a station, in the order of its numbers.
#[utoipa::path(get, path = "/v1/stations/{station}/receipts", tag = "stations",
    params(("station" = String, Path, description = "Its name"), Wanted),
    responses((status = 200, body = Page<KeptReceipt>), (status = "4XX", body = Document)))]
pub(super) async fn list(
    _: Principal,
    State(app): State<App>,
    At(station): At<String>,
    In(wanted): In<Wanted>,
) -> Result<Json<Page<KeptReceipt>>, Problem> {
    app.blocking(move |app| {
        let list = format!("receipts {station}");
        let limit = wanted.limit()?;
        let after: u64 = wanted.place(app, &list)?.and_then(|place| place.parse().ok()).unwrap_or(0);
        let sql = "SELECT seq, batch, line, received FROM receipt WHERE station = ? AND seq > ? ORDER BY seq LIMIT ?";
        let rows = {
            let connection = app.store().connection();
            let mut statement = connection.prepare_cached(sql).map_err(StoreError::from)?;
            let rows = statement.query_map(params![station, integer(after), integer(limit + 1)], |row| {
                let line: String = row.get(2)?;
                Ok((natural(row, 0)?, row.get(1)?, line, row.get(3)?))
            });
            rows.and_then(Iterator::collect::<Result<Vec<_>, _>>).map_err(StoreError::from)?
        };
        let receipt = |(seq, batch, line, received): (u64, String, String, String)| {
            let damaged = |error| StoreError::Content { what: format!("a receipt: {error}") };
            Ok::<_, StoreError>(KeptReceipt { seq, batch, receipt: Receipt::parse(&line).map_err(damaged)?, received })
        };
        let rows = rows.into_iter().map(receipt).collect::<Result<Vec<_>, _>>()?;
        Ok(Json(page(app, &list, rows, limit, |row| row.seq.to_string())))
    })
    .await
}
