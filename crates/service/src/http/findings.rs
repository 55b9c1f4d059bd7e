//! Findings: what became of items that get no certificate. Those of a job are there before there is a batch that says it.

use std::fs::File;
use std::io::{BufRead as _, BufReader, Read as _, Seek as _, SeekFrom};

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::{IntoResponse as _, Response};
use futures_util::stream;
use hyper::body::Bytes;
use reroot_core::input;
use reroot_core::manifest::FindingLine;
use reroot_core::origin::Disposition;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use utoipa::{IntoParams, ToSchema};

use super::jobs::find;
use super::page::{At, In, Wanted, cursor};
use crate::app::App;
use crate::principal::Principal;
use crate::problem::{Document, Problem, REQUEST_MALFORMED, STORE};

/// Which findings.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Asked {
    /// `rejected` or `ignored`.
    #[param(inline)]
    severity: Option<Severity>,
    /// Only findings with this code.
    code: Option<String>,
    /// `next` of the page before.
    cursor: Option<String>,
    /// The most that is on a page.
    #[param(minimum = 1, maximum = 1000, default = 100)]
    limit: Option<usize>,
}

/// What a finding did to its item.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
enum Severity {
    Ignored,
    Rejected,
}

/// A page of findings, each as `rejected.jsonl` has it.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Findings {
    /// What is on it.
    #[schema(value_type = Vec<Object>)]
    items: Vec<Box<RawValue>>,
    /// The cursor of the next page; `null` on the last one.
    next: Option<String>,
}

/// The lines of a file that are asked for, from a place on.
#[derive(Debug)]
pub(super) struct Lines {
    file: BufReader<File>,
    at: u64,
    bytes: u64,
    severity: Option<Severity>,
    code: Option<String>,
}

impl Lines {
    /// All lines of a file that has this many bytes.
    pub(super) fn of(file: File, bytes: u64) -> Self {
        Self { file: BufReader::new(file), at: 0, bytes, severity: None, code: None }
    }

    /// Goes on at the place of a cursor.
    fn go_to(&mut self, app: &App, list: &str, wanted: &Wanted) -> Result<(), Problem> {
        let Some(place) = wanted.place(app, list)? else { return Ok(()) };
        self.at = place.parse().map_err(|_| Problem::new(REQUEST_MALFORMED, "`cursor` is not one of this list"))?;
        self.file.seek(SeekFrom::Start(self.at)).map_err(|error| unreadable(&error))?;
        Ok(())
    }

    /// Makes a page. It can have fewer lines than were asked for and go on all the same.
    pub(super) fn page(mut self, app: &App, list: &str, wanted: &Wanted) -> Result<Findings, Problem> {
        let limit = wanted.limit()?;
        self.go_to(app, list, wanted)?;
        let found = self.next(limit)?.into_iter().map(RawValue::from_string);
        let items = found.collect::<Result<Vec<_>, _>>().map_err(|error| unreadable(&error))?;
        let next = (self.at < self.bytes).then(|| cursor(app, list, &self.at.to_string()));
        Ok(Findings { items, next })
    }

    /// Reads the next lines that are asked for: at most so many, and not much more than [`SCANNED`] bytes of the file.
    fn next(&mut self, most: usize) -> Result<Vec<String>, Problem> {
        let (mut lines, end) = (Vec::new(), self.bytes.min(self.at.saturating_add(SCANNED)));
        while lines.len() < most && self.at < end {
            let mut line = String::new();
            let read = (&mut self.file).take(FindingLine::MAX_LINE as u64 + 1).read_line(&mut line);
            let read = read.map_err(|error| unreadable(&error))?;
            if read == 0 {
                return Err(unreadable(&"the file ends before its end"));
            }
            self.at += read as u64;
            let line = line.trim_end();
            if self.wants(line)? {
                lines.push(line.to_owned());
            }
        }
        Ok(lines)
    }

    fn wants(&self, line: &str) -> Result<bool, Problem> {
        if self.severity.is_none() && self.code.is_none() {
            return Ok(true);
        }
        let read = FindingLine::parse(line).map_err(|error| unreadable(&error))?;
        let severity = match read.disposition() {
            Disposition::Ignored => Severity::Ignored,
            Disposition::Rejected => Severity::Rejected,
        };
        Ok(self.severity.is_none_or(|wanted| wanted == severity)
            && self.code.as_ref().is_none_or(|wanted| wanted == read.code()))
    }
}

/// Lists the findings of a job, in the order of its input: page by page, or all of them as lines of JSON
/// (`Accept: application/x-ndjson`). There are none before the inputs were read.
#[utoipa::path(get, path = "/v1/jobs/{id}/findings", tag = "jobs", params(("id" = String, Path), Asked),
    responses(
        (status = 200, content((Findings = "application/json"), (String = "application/x-ndjson"))),
        (status = "4XX", body = Document, content_type = "application/problem+json")))]
pub(super) async fn list(
    _: Principal,
    State(app): State<App>,
    At(id): At<String>,
    In(asked): In<Asked>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    app.blocking(move |app| {
        let job = find(app, &id)?;
        let list = format!("job findings {id} {:?} {:?}", asked.severity, asked.code);
        let wanted = Wanted { cursor: asked.cursor, limit: asked.limit };
        let mut lines = match input::open(&app.settings().findings(&job.id)) {
            Ok(file) => {
                let bytes = file.metadata().map_err(|error| unreadable(&error))?.len();
                Some(Lines { severity: asked.severity, code: asked.code, ..Lines::of(file, bytes) })
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
            Err(error) => return Err(unreadable(&error)),
        };
        if lines_are_wanted(&headers) {
            if let Some(lines) = &mut lines {
                lines.go_to(app, &list, &wanted)?;
            }
            return Ok(streamed(lines));
        }
        let none = || Ok(Findings { items: vec![], next: None });
        let page = lines.map_or_else(none, |lines| lines.page(app, &list, &wanted))?;
        Ok(Json(page).into_response())
    })
    .await
}

pub(super) fn lines_are_wanted(headers: &HeaderMap) -> bool {
    headers.get(header::ACCEPT).is_some_and(|accept| accept.as_bytes().starts_with(NDJSON.as_bytes()))
}

/// All lines that are left, some at a time: a slow reader holds neither memory nor a thread.
fn streamed(lines: Option<Lines>) -> Response {
    let pieces = stream::unfold(lines, |lines| async {
        let mut lines = lines.filter(|lines| lines.at < lines.bytes)?;
        let read = tokio::task::spawn_blocking(move || {
            let found = lines.next(PIECE);
            (found, lines)
        });
        Some(match read.await {
            Ok((Ok(found), lines)) => {
                let text: String = found.into_iter().flat_map(|line| [line, "\n".to_owned()]).collect();
                (Ok(Bytes::from(text)), Some(lines))
            }
            // the connection ends before the last piece: the reader sees that something is missing
            Ok((Err(problem), _)) => (Err(std::io::Error::other(problem.document().detail.clone())), None),
            Err(error) => (Err(std::io::Error::other(error)), None),
        })
    });
    let mut response = Body::from_stream(pieces).into_response();
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(NDJSON));
    response
}

fn unreadable(error: &dyn std::fmt::Display) -> Problem {
    Problem::new(STORE, format!("the findings of the job cannot be read: {error}"))
}

pub(super) const NDJSON: &str = "application/x-ndjson";
/// Bytes that are read for one page.
const SCANNED: u64 = 16 << 20;
/// Lines of one piece of a stream.
const PIECE: usize = 1000;
