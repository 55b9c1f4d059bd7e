//! The audit log: its end, and its events as the lines they are.

use std::io::{BufRead as _, BufReader, Read as _};

use axum::Json;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use reroot_core::input;
use reroot_core::journal::{Event, MAX_LINE, list};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::page::In;
use crate::app::App;
use crate::principal::Principal;
use crate::problem::{Document, Problem, REQUEST_MALFORMED, STORE};

/// The end of the audit log.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct AuditHead {
    /// Number and digest of the last event: note it elsewhere.
    head: String,
    /// The number of the last event.
    seq: u64,
    /// SHA-256 of its line.
    sha256: String,
    /// The last file that is sealed.
    sealed: Option<String>,
}

/// Which events.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Events {
    /// The number of the event after which the answer begins.
    after: Option<u64>,
    /// The most events of one answer.
    #[param(minimum = 1, maximum = 1000, default = 100)]
    limit: Option<usize>,
}

/// Shows the end of the audit log.
#[utoipa::path(get, path = "/v1/audit/head", tag = "audit",
    responses((status = 200, body = AuditHead), (status = "4XX", body = Document)))]
pub(super) async fn head(_: Principal, State(app): State<App>) -> Result<Json<AuditHead>, Problem> {
    app.blocking(|app| {
        let head = app.audit().head();
        let files = list(app.audit().folder())?;
        let sealed = files.iter().rev().find(|file| file.seal().exists()).map(|file| file.part.to_string());
        Ok(Json(AuditHead { head: head.to_string(), seq: head.seq, sha256: head.digest.to_string(), sealed }))
    })
    .await
}

/// Sends events, each as the line that the log has: `prev` is that of the line before it, and the digests can be compared.
/// What follows is asked for with `after`; an answer without lines is the end.
#[utoipa::path(get, path = "/v1/audit", tag = "audit", params(Events),
    responses((status = 200, content_type = "application/x-ndjson", body = String), (status = "4XX", body = Document)))]
pub(super) async fn events(_: Principal, State(app): State<App>, In(wanted): In<Events>) -> Result<Response, Problem> {
    app.blocking(move |app| {
        let limit = match wanted.limit.unwrap_or(100) {
            limit @ 1..=1000 => limit,
            other => return Err(Problem::new(REQUEST_MALFORMED, format!("`limit` is {other}, expected 1 to 1000"))),
        };
        let after = wanted.after.unwrap_or(0);
        // what is on disk and flushed; a line that is being written is not read
        let text =
            lines(app, after, app.audit().head().seq, limit).map_err(|error| Problem::new(STORE, error.to_string()))?;
        Ok((StatusCode::OK, [(header::CONTENT_TYPE, "application/x-ndjson")], text).into_response())
    })
    .await
}

fn lines(app: &App, after: u64, last: u64, limit: usize) -> std::io::Result<String> {
    let files = list(app.audit().folder()).map_err(std::io::Error::other)?;
    let mut firsts = Vec::new();
    for file in &files {
        let mut line = Vec::new();
        BufReader::new(input::open(&file.path)?).take(MAX_LINE as u64 + 1).read_until(b'\n', &mut line)?;
        firsts.push(number(&line));
    }
    // the file with the event that is wanted is the last one that does not begin after it
    let begin = firsts.iter().rposition(|first| first.is_some_and(|first| first <= after + 1)).unwrap_or(0);
    let (mut text, mut count) = (String::new(), 0);
    for file in &files[begin.min(files.len())..] {
        let mut input = BufReader::new(input::open(&file.path)?);
        loop {
            let mut line = Vec::new();
            (&mut input).take(MAX_LINE as u64 + 1).read_until(b'\n', &mut line)?;
            let Some(seq) = number(&line).filter(|seq| *seq <= last) else { break };
            if seq > after {
                text += &String::from_utf8_lossy(&line);
                count += 1;
                if count == limit {
                    return Ok(text);
                }
            }
        }
    }
    Ok(text)
}

fn number(line: &[u8]) -> Option<u64> {
    Event::read(line.strip_suffix(b"\n")?).map(|event| event.seq)
}
