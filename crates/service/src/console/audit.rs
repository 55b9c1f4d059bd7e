//! The audit log: its events, its end, and whether the chain holds.

use askama::Template;
use axum::extract::State;
use axum::http::{HeaderMap, Method};
use axum::response::Response;
use reroot_core::crypto::sha256;
use serde::Deserialize;

use super::chrome::{Chrome, Trouble, Visit, show};
use super::desk::{Desk, part, shown as printable};
use super::form::Asked;
use super::words;
use crate::problem::{Problem, STORE};

#[derive(Debug, Deserialize)]
struct Head {
    #[serde(rename = "head")]
    name: String,
    seq: u64,
    sealed: Option<String>,
}

/// An event, as its line has it.
#[derive(Clone, Debug, Deserialize)]
struct Event {
    seq: u64,
    time: String,
    actor: String,
    auth: String,
    role: String,
    ip: Option<String>,
    action: String,
    object: String,
    result: String,
    code: Option<String>,
    prev: String,
}

#[derive(Template)]
#[template(path = "audit.html")]
struct Page {
    c: Chrome,
    head: Head,
    /// Newest first; none where the user may not read them.
    events: Option<Vec<Event>>,
    /// The number before the first event that is shown.
    before: u64,
    actor: String,
    action: String,
    result: String,
    /// What the verification found.
    verdict: Option<Result<String, String>>,
}

pub(super) async fn page(State(desk): State<Desk>, visit: Visit, Asked(asked): Asked) -> Result<Response, Trouble> {
    shown(&desk, &visit, &asked, None).await
}

async fn shown(
    desk: &Desk,
    visit: &Visit,
    asked: &super::form::Fields,
    verdict: Option<Result<String, String>>,
) -> Result<Response, Trouble> {
    let head: Head = desk.get(visit, "/v1/audit/head").await?;
    let (actor, action, result) = (asked.one("actor"), asked.one("action"), asked.one("result"));
    let last = asked.one("before").parse::<u64>().unwrap_or(u64::MAX).min(head.seq.saturating_add(1));
    let mut events = None;
    let mut before = last.saturating_sub(PAGE + 1);
    if visit.may("GET", "/v1/audit") {
        let filtered = !(actor.is_empty() && action.is_empty() && result.is_empty());
        let mut found: Vec<Event> = Vec::new();
        let mut to = last;
        // a filter looks further back, but not through years for one page
        for _ in 0..if filtered { 20 } else { 1 } {
            let after = to.saturating_sub(PAGE + 1);
            let read = lines(desk, visit, after).await?;
            let fits = |one: &Event| {
                (actor.is_empty() || one.actor.contains(actor))
                    && (action.is_empty() || one.action.contains(action) || one.object.contains(action))
                    && (result.is_empty() || one.result == result)
            };
            let kept = read.into_iter().map(|(event, _)| event).filter(|event| event.seq < to && fits(event));
            let mut kept: Vec<Event> = kept.collect();
            kept.reverse();
            found.extend(kept);
            (to, before) = (after + 1, after);
            if after == 0 || found.len() as u64 >= PAGE {
                break;
            }
        }
        events = Some(found);
    }
    Ok(show(&Page {
        c: visit.chrome("Audit log"),
        head,
        events,
        before: before + u64::from(before > 0),
        // a link of a different person may have filled the fields in
        actor: printable(actor),
        action: printable(action),
        result: printable(result),
        verdict,
    }))
}

/// Events after a number, each with its line.
async fn lines(desk: &Desk, visit: &Visit, after: u64) -> Result<Vec<(Event, String)>, Trouble> {
    let path = format!("/v1/audit?after={after}&limit={PAGE}");
    let response = desk.ask(visit, Method::GET, &path, HeaderMap::new(), axum::body::Body::empty()).await?;
    if !response.status().is_success() {
        return Err(Problem::new(STORE, "the audit log cannot be read now").into());
    }
    let bytes = axum::body::to_bytes(response.into_body(), LONGEST).await;
    let bytes = bytes.map_err(|error| Problem::new(STORE, error.to_string()))?;
    let text = String::from_utf8_lossy(&bytes);
    let read = |line: &str| {
        let mut value = serde_json::from_str(line).ok()?;
        super::desk::clean(&mut value);
        Some((serde_json::from_value(value).ok()?, line.to_owned()))
    };
    Ok(text.lines().filter_map(read).collect())
}

/// Reads the log from its first event to its head, and compares each `prev` with the line before it. Seals are verified with
/// `reroot audit verify`, which needs no service.
pub(super) async fn verify(State(desk): State<Desk>, visit: Visit) -> Result<Response, Trouble> {
    let head: Head = desk.get(&visit, "/v1/audit/head").await?;
    let (mut seq, mut digest) = (0, "0".repeat(64));
    let mut verdict = None;
    while seq < head.seq && verdict.is_none() {
        let read = lines(&desk, &visit, seq).await?;
        if read.is_empty() {
            verdict = Some(Err(format!("event {} is missing", seq + 1)));
        }
        for (event, line) in read {
            if event.seq != seq + 1 || event.prev != digest {
                verdict = Some(Err(format!("event {} does not follow event {seq}", event.seq)));
                break;
            }
            (seq, digest) = (event.seq, sha256(line.as_bytes()).to_string());
            if seq == head.seq && !head.name.ends_with(&digest) {
                verdict = Some(Err(format!("event {seq} is not the head")));
            }
        }
    }
    let held = || Ok(format!("{} events, each with the digest of the one before it", words::count(seq)));
    shown(&desk, &visit, &super::form::Fields::default(), Some(verdict.unwrap_or_else(held))).await
}

/// Events of one page.
const PAGE: u64 = 200;
/// Bytes of that many lines.
const LONGEST: usize = 4 << 20;
