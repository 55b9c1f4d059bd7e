//! Batches, their files, and what became of items that got no certificate.

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse as _, Response};
use reroot_core::crypto::sha256;
use reroot_core::delivery::BatchReader;
use reroot_core::input;
use reroot_core::manifest::{REJECTED_FILE, SEAL_FILE, STATEMENT_FILE, Statement};
use serde::Serialize;
use utoipa::ToSchema;

use super::file::Sent;
use super::findings::{Findings, Lines, NDJSON, lines_are_wanted};
use super::page::{At, In, Page, Wanted, page};
use crate::app::App;
use crate::catalog::BatchRow;
use crate::principal::Principal;
use crate::problem::{BATCH_UNKNOWN, Document, FILE_UNKNOWN, Problem, STORE};

/// A batch with its files.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Batch {
    /// What a list says of it.
    #[serde(flatten)]
    row: BatchRow,
    /// Its files, by name.
    files: Vec<BatchFile>,
}

/// A file of a batch.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct BatchFile {
    /// Its name.
    name: String,
    /// Its length.
    bytes: u64,
    /// Its SHA-256 as the statement has it; `null` of the statement and its seal.
    sha256: Option<String>,
}

/// Lists batches, newest first.
#[utoipa::path(get, path = "/v1/batches", tag = "batches", params(Wanted),
    responses((status = 200, body = Page<BatchRow>), (status = "4XX", body = Document)))]
pub(super) async fn list(
    _: Principal,
    State(app): State<App>,
    In(wanted): In<Wanted>,
) -> Result<Json<Page<BatchRow>>, Problem> {
    app.blocking(move |app| {
        let (limit, before) = (wanted.limit()?, wanted.place(app, BATCHES)?);
        let rows = app.catalog().batches(before.as_deref(), limit + 1)?;
        Ok(Json(page(app, BATCHES, rows, limit, |row| row.id.clone())))
    })
    .await
}

/// Shows a batch.
#[utoipa::path(get, path = "/v1/batches/{id}", tag = "batches",
    params(("id" = String, Path, description = "Its name, a UUID")),
    responses((status = 200, body = Batch), (status = "4XX", body = Document)))]
pub(super) async fn show(_: Principal, State(app): State<App>, At(id): At<String>) -> Result<Response, Problem> {
    app.blocking(move |app| {
        let (row, reader, statement) = opened(app, &id)?;
        let mut files = Vec::new();
        for name in reader.names() {
            let about = reader.folder().join(name).symlink_metadata().map_err(|error| unreadable(&error))?;
            let digest = stated(&statement, name);
            if digest.is_some() || ALWAYS.contains(&name) {
                files.push(BatchFile { name: name.to_owned(), bytes: about.len(), sha256: digest });
            }
        }
        let tag = format!("\"{}\"", row.statement_sha256);
        Ok(([(header::ETAG, tag)], Json(Batch { row, files })).into_response())
    })
    .await
}

/// Sends a file of a batch.
#[utoipa::path(get, path = "/v1/batches/{id}/files/{name}", tag = "batches",
    params(("id" = String, Path, description = "Name of the batch"), ("name" = String, Path, description = "Name of the file")),
    responses((status = 200, content_type = "application/octet-stream", body = Vec<u8>),
        (status = 206, content_type = "application/octet-stream", body = Vec<u8>),
        (status = 304, description = "The caller has it"), (status = "4XX", body = Document)))]
pub(super) async fn file(
    _: Principal,
    State(app): State<App>,
    At((id, name)): At<(String, String)>,
    asked: HeaderMap,
) -> Result<Response, Problem> {
    app.blocking(move |app| {
        let (_, reader, statement) = opened(app, &id)?;
        let unknown = || Problem::new(FILE_UNKNOWN, format!("batch {id} has no file `{name}`"));
        if !reader.names().any(|known| known == name) {
            return Err(unknown());
        }
        let path = reader.folder().join(&name);
        let seen = path.symlink_metadata().map_err(|_| unknown())?;
        if !seen.is_file() {
            return Err(unknown());
        }
        let sha256 = match stated(&statement, &name) {
            Some(digest) => digest,
            None if ALWAYS.contains(&&*name) => sha256(&reader.read(&name)?).to_string(),
            None => return Err(unknown()),
        };
        let file = input::open_member(&path, &seen).map_err(|error| unreadable(&error))?;
        Ok(Sent { file, bytes: seen.len(), sha256, media: media(&name), name }.answer(&asked))
    })
    .await
}

/// Sends the line pack of a batch.
#[utoipa::path(get, path = "/v1/batches/{id}/pack", tag = "batches",
    params(("id" = String, Path, description = "Name of the batch")),
    responses((status = 200, content_type = "application/octet-stream", body = Vec<u8>),
        (status = 206, content_type = "application/octet-stream", body = Vec<u8>),
        (status = 304, description = "The caller has it"), (status = "4XX", body = Document)))]
pub(super) async fn pack(
    _: Principal,
    State(app): State<App>,
    At(id): At<String>,
    asked: HeaderMap,
) -> Result<Response, Problem> {
    app.blocking(move |app| Ok(sent_pack(app, &id)?.answer(&asked))).await
}

/// The line pack of a batch, to be sent.
pub(super) fn sent_pack(app: &App, id: &str) -> Result<Sent, Problem> {
    let row = app.catalog().batch(id)?.ok_or_else(|| unknown(id))?;
    let missing = || Problem::new(FILE_UNKNOWN, format!("batch {id} has no line pack yet"));
    let (Some(bytes), Some(sha256)) = (row.pack_bytes, row.pack_sha256) else { return Err(missing()) };
    let file = input::open(&app.catalog().pack(id)).map_err(|_| missing())?;
    Ok(Sent { file, bytes, sha256, media: "application/octet-stream", name: format!("{id}.pack") })
}

/// Lists what became of items that got no certificate: a page, or all of it as one line each.
#[utoipa::path(get, path = "/v1/batches/{id}/findings", tag = "batches",
    params(("id" = String, Path, description = "Name of the batch"), Wanted),
    responses((status = 200, content((Findings = "application/json"), (String = "application/x-ndjson"))),
        (status = "4XX", body = Document)))]
pub(super) async fn findings(
    _: Principal,
    State(app): State<App>,
    At(id): At<String>,
    In(wanted): In<Wanted>,
    asked: HeaderMap,
) -> Result<Response, Problem> {
    app.blocking(move |app| {
        let (_, reader, statement) = opened(app, &id)?;
        let path = reader.folder().join(REJECTED_FILE);
        let seen = path.symlink_metadata().map_err(|error| unreadable(&error))?;
        let file = input::open_member(&path, &seen).map_err(|error| unreadable(&error))?;
        if lines_are_wanted(&asked) {
            let (sha256, name) = (statement.rejected.to_string(), REJECTED_FILE.to_owned());
            return Ok(Sent { file, bytes: seen.len(), sha256, media: NDJSON, name }.answer(&asked));
        }
        let page = Lines::of(file, seen.len()).page(app, &format!("findings {id}"), &wanted)?;
        Ok(Json(page).into_response())
    })
    .await
}

/// A batch of the catalog, its folder and its statement.
fn opened(app: &App, id: &str) -> Result<(BatchRow, BatchReader, Statement), Problem> {
    let row = app.catalog().batch(id)?.ok_or_else(|| unknown(id))?;
    let reader = BatchReader::open(&app.settings().batches().join(&row.folder))?;
    let bytes = reader.read(STATEMENT_FILE)?;
    // what the catalog verified, and nothing else, says what the digests of the files are
    if sha256(&bytes).to_string() != row.statement_sha256 {
        return Err(Problem::new(STORE, format!("the statement of batch {id} was changed after it was verified")));
    }
    let statement = Statement::parse(&bytes)?;
    Ok((row, reader, statement))
}

/// SHA-256 of a file as the statement has it.
fn stated(statement: &Statement, name: &str) -> Option<String> {
    statement.digests().find(|(known, _)| *known == name).map(|(_, digest)| digest.to_string())
}

fn media(name: &str) -> &'static str {
    match name.rsplit_once('.').map(|(_, ending)| ending) {
        Some("json") => "application/json",
        Some("jsonl") => NDJSON,
        Some("p7s") => "application/pkcs7-signature",
        Some("pem") => "application/x-pem-file",
        Some("toml") => "application/toml",
        Some("zip") => "application/zip",
        _ => "application/octet-stream",
    }
}

fn unknown(id: &str) -> Problem {
    Problem::new(BATCH_UNKNOWN, format!("there is no batch `{id}`"))
}

fn unreadable(error: &dyn std::fmt::Display) -> Problem {
    Problem::new(STORE, format!("a file of the batch cannot be read: {error}"))
}

const BATCHES: &str = "batches";
/// Files that no statement has a digest of.
const ALWAYS: [&str; 2] = [STATEMENT_FILE, SEAL_FILE];
