//! Uploads: what has arrived, and the form that sends a file.

use askama::Template;
use axum::extract::{Path as Named, Request, State};
use axum::http::{HeaderMap, Method, header};
use axum::response::{IntoResponse as _, Redirect, Response};
use serde::Deserialize;
use serde_json::{Value, json};

use super::chrome::{Chrome, Trouble, Visit, show};
use super::desk::{Desk, List, part};
use super::form::Asked;
use super::gate::foreign;
use super::part::Form;
use super::words;
use crate::auth::session::is_form_token;
use crate::problem::{MEDIA_TYPE, Problem, REQUEST_MALFORMED};

/// An upload, as the API shows it.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Upload {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) bytes: u64,
    pub(super) state: String,
    pub(super) sha256: Option<String>,
    pub(super) owner: String,
    pub(super) created: String,
}

#[derive(Template)]
#[template(path = "uploads.html")]
struct Page {
    c: Chrome,
    uploads: Vec<Upload>,
    next: Option<String>,
    may_send: bool,
    may_remove: bool,
    may_ask: bool,
    longest: u64,
}

pub(super) async fn page(State(desk): State<Desk>, visit: Visit, Asked(asked): Asked) -> Result<Response, Trouble> {
    let cursor = asked.cursor();
    let List { items: uploads, next } = desk.get(&visit, &format!("/v1/uploads?limit=100{cursor}")).await?;
    Ok(show(&Page {
        c: visit.chrome("Uploads"),
        uploads,
        next,
        may_send: visit.may("POST", "/v1/uploads"),
        may_remove: visit.may("DELETE", "/v1/uploads/{id}"),
        may_ask: visit.may("POST", "/v1/jobs"),
        longest: desk.app.settings().limits.upload_bytes,
    }))
}

/// Takes a file: announces it to the API and sends it on, piece by piece.
pub(super) async fn take(State(desk): State<Desk>, visit: Visit, request: Request) -> Result<Response, Trouble> {
    let media =
        request.headers().get(header::CONTENT_TYPE).is_some_and(|value| value.as_bytes().starts_with(b"multipart/"));
    if !media {
        return Err(Problem::new(MEDIA_TYPE, "the form with a file is not `multipart/form-data`").into());
    }
    let form = Form::read(request).await?;
    if !is_form_token(&visit.session, form.fields.one("form_token")) {
        return Err(foreign("the form does not carry the token of this session").into());
    }
    if form.name.is_empty() {
        return Err(Problem::new(REQUEST_MALFORMED, "no file was chosen").into());
    }
    // a list for a revocation was sent from there
    let list = form.fields.some("list").filter(|kind| ["uid_list", "list", "reel"].contains(&kind.as_str()));
    let announced = json!({ "name": form.name, "bytes": form.bytes, "sha256": form.fields.some("sha256") });
    let upload: Upload = desk.send(&visit, Method::POST, "/v1/uploads", &announced).await?;
    let path = format!("/v1/uploads/{}", part(&upload.id));
    let headers = HeaderMap::from_iter([(header::CONTENT_LENGTH, form.bytes.into())]);
    let sent = desk.call::<Value>(&visit, Method::PUT, &format!("{path}/content"), headers, form.content()).await;
    if let Err(trouble) = sent {
        // it would count as an open one
        let _ = desk.act(&visit, Method::DELETE, &path).await;
        return Err(trouble);
    }
    let next = list.map(|kind| format!("/console/revocations/new?{kind}={}", part(&upload.id)));
    Ok(Redirect::to(next.as_deref().unwrap_or("/console/uploads")).into_response())
}

pub(super) async fn remove(
    State(desk): State<Desk>,
    visit: Visit,
    Named(id): Named<String>,
) -> Result<Redirect, Trouble> {
    desk.act(&visit, Method::DELETE, &format!("/v1/uploads/{}", part(&id))).await?;
    Ok(Redirect::to("/console/uploads"))
}
