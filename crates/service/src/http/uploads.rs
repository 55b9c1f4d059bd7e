//! Uploads: announced, sent, removed. A content is on the disk whole, with the digest that was said, or not at all.

use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use axum::Extension;
use axum::body::Body;
use axum::extract::{Path as Named, State};
use axum::http::{HeaderMap, StatusCode, header};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http_body_util::BodyExt as _;
use reroot_core::crypto::Sha256;
use reroot_core::durable::{self, Access};
use reroot_core::x509::Sha256Digest;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::body::JsonBody;
use super::page::{In, Page, Wanted, page};
use super::reply::{Changed, Reply};
use crate::app::App;
use crate::job::PARTIAL;
use crate::principal::{Principal, Role};
use crate::problem::{
    LENGTH_REQUIRED, Problem, REQUEST_MALFORMED, REQUEST_SLOW, REQUEST_TOO_LARGE, REQUEST_TOO_MANY, STORE,
    UPLOAD_DIGEST, UPLOAD_IN_USE, UPLOAD_LENGTH, UPLOAD_NO_SPACE, UPLOAD_TOO_MANY, UPLOAD_UNKNOWN,
};
use crate::store::{Upload, UploadState};

/// Longest name of an upload, in bytes.
const MAX_NAME: usize = 255;
/// Longest silence of a sender.
const SILENCE: Duration = Duration::from_secs(30);
/// Bytes that are collected before they are written.
const BLOCK: usize = 256 << 10;
/// Bytes after which the free space is looked at again.
const LOOK: u64 = 64 << 20;

/// The list, in its cursors.
const UPLOADS: &str = "uploads";

/// What is announced.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewUpload {
    /// A name for people. It is never a path.
    name: String,
    /// How long the content is.
    bytes: i64,
    /// SHA-256 that the content must have, in hexadecimal.
    #[serde(default)]
    sha256: Option<String>,
}

/// An upload.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct UploadView {
    id: String,
    name: String,
    bytes: i64,
    /// `expected` or `received`.
    state: &'static str,
    /// SHA-256 of what has arrived.
    sha256: Option<String>,
    owner: String,
    created: String,
    /// Where the content is put.
    content: String,
}

impl From<Upload> for UploadView {
    fn from(upload: Upload) -> Self {
        Self {
            content: format!("/v1/uploads/{}/content", upload.id),
            id: upload.id,
            name: upload.name,
            bytes: upload.bytes,
            state: upload.state.as_str(),
            sha256: upload.sha256,
            owner: upload.owner,
            created: upload.created,
        }
    }
}

/// Announces an upload.
#[utoipa::path(post, path = "/v1/uploads", tag = "uploads", request_body = NewUpload, responses(
    (status = 201, body = UploadView, headers(("Location" = String))),
    (status = "4XX", body = crate::problem::Document, content_type = "application/problem+json"),
    (status = "5XX", body = crate::problem::Document, content_type = "application/problem+json"),
))]
pub(super) async fn post(
    State(app): State<App>,
    principal: Principal,
    JsonBody(new): JsonBody<NewUpload>,
) -> Result<Reply, Problem> {
    let limits = &app.settings().limits;
    if new.name.is_empty() || new.name.len() > MAX_NAME {
        return Err(Problem::new(REQUEST_MALFORMED, format!("`name` has {} bytes, expected 1 to 255", new.name.len())));
    }
    let most = i64::try_from(limits.upload_bytes).unwrap_or(i64::MAX);
    if new.bytes < 1 {
        return Err(Problem::new(REQUEST_MALFORMED, format!("`bytes` is {}, expected at least 1", new.bytes)));
    }
    if new.bytes > most {
        return Err(Problem::new(REQUEST_TOO_LARGE, format!("`bytes` is {}, expected at most {most}", new.bytes)));
    }
    let wanted = new.sha256.map(|text| text.parse::<Sha256Digest>().map(|digest| digest.to_string()));
    let wanted = wanted.transpose().map_err(|error| Problem::new(REQUEST_MALFORMED, format!("`sha256`: {error}")))?;
    let (now, days) = (app.world().now(), i64::from(limits.upload_days));
    let upload = Upload {
        id: hex::encode(app.world().bytes::<16>()),
        name: new.name,
        bytes: new.bytes,
        wanted,
        sha256: None,
        state: UploadState::Expected,
        owner: principal.name,
        created: now.to_string(),
        expires: now.unix() + days * 86_400,
    };
    let most = limits.uploads_per_user;
    let upload = app
        .blocking(move |app| {
            if app.store().add_upload(&upload, most)? {
                return Ok(upload);
            }
            let detail = format!("`{}` has {most} open uploads", upload.owner);
            Err(Problem::new(UPLOAD_TOO_MANY, detail).retry_after(60).hint("Send or remove an earlier one."))
        })
        .await?;
    let place = format!("/v1/uploads/{}", upload.id);
    let changed = Changed::new(format!("upload {} {}", upload.id, upload.state.as_str()));
    let reply = Reply::new(&UploadView::from(upload))?.status(StatusCode::CREATED).changed(changed);
    Ok(reply.header(header::LOCATION, place))
}

/// Lists the caller's uploads, the last ones first; of an administrator or auditor, all.
#[utoipa::path(get, path = "/v1/uploads", tag = "uploads", params(Wanted), responses(
    (status = 200, body = Page<UploadView>),
    (status = "4XX", body = crate::problem::Document, content_type = "application/problem+json"),
))]
pub(super) async fn list(
    State(app): State<App>,
    principal: Principal,
    In(wanted): In<Wanted>,
) -> Result<Reply, Problem> {
    let all = principal.must_be(&[Role::Admin, Role::Auditor]).is_ok();
    let uploads = app
        .blocking(move |app| {
            let (limit, before) = (wanted.limit()?, wanted.place(app, UPLOADS)?);
            let before = before.as_deref().and_then(|place| place.split_once(' '));
            let owner = (!all).then_some(principal.name.as_str());
            let found = app.store().uploads(owner, before, limit + 1)?;
            Ok(page(app, UPLOADS, found, limit, |one| format!("{} {}", one.created, one.id)).map(UploadView::from))
        })
        .await?;
    Reply::new(&uploads)
}

/// Shows an upload.
#[utoipa::path(get, path = "/v1/uploads/{id}", tag = "uploads", params(("id" = String, Path)), responses(
    (status = 200, body = UploadView),
    (status = "4XX", body = crate::problem::Document, content_type = "application/problem+json"),
))]
pub(super) async fn get(
    State(app): State<App>,
    principal: Principal,
    Named(id): Named<String>,
) -> Result<Reply, Problem> {
    let upload = app.blocking(move |app| own(app, &principal, &id)).await?;
    Reply::new(&UploadView::from(upload))
}

/// Removes an upload that no open job reads.
#[utoipa::path(delete, path = "/v1/uploads/{id}", tag = "uploads", params(("id" = String, Path)), responses(
    (status = 204),
    (status = "4XX", body = crate::problem::Document, content_type = "application/problem+json"),
))]
pub(super) async fn delete(
    State(app): State<App>,
    principal: Principal,
    Named(id): Named<String>,
) -> Result<(StatusCode, Extension<Changed>), Problem> {
    app.blocking(move |app| {
        let upload = own(app, &principal, &id)?;
        if app.arriving().contains(&upload.id) || !app.store().remove_upload(&upload.id)? {
            return Err(Problem::new(UPLOAD_IN_USE, "the upload arrives now, or an open job reads it"));
        }
        durable::remove_partial_file(&app.settings().uploads().join(&upload.id))?;
        Ok((StatusCode::NO_CONTENT, Extension(Changed::gone(upload.state.as_str()))))
    })
    .await
}

/// The upload, if the principal may see it: others do not learn that it exists.
fn own(app: &App, principal: &Principal, id: &str) -> Result<Upload, Problem> {
    let sees_all = principal.must_be(&[Role::Admin, Role::Auditor]).is_ok();
    let found = app.store().upload(id)?.filter(|upload| sees_all || upload.owner == principal.name);
    found.ok_or_else(|| Problem::new(UPLOAD_UNKNOWN, format!("there is no upload `{id}`")))
}

/// Sends the content. If it breaks off, nothing is kept, and it is sent again from its beginning.
#[utoipa::path(put, path = "/v1/uploads/{id}/content", tag = "uploads",
    params(("id" = String, Path), ("Content-Digest" = Option<String>, Header)),
    request_body(content = Vec<u8>, content_type = "application/octet-stream"),
    responses(
        (status = 200, body = UploadView),
        (status = "4XX", body = crate::problem::Document, content_type = "application/problem+json"),
        (status = "5XX", body = crate::problem::Document, content_type = "application/problem+json"),
    )
)]
pub(super) async fn put(
    State(app): State<App>,
    principal: Principal,
    Named(id): Named<String>,
    headers: HeaderMap,
    body: Body,
) -> Result<Reply, Problem> {
    let said = content_digest(&headers)?;
    let (wanted, owner) = (id.clone(), principal.clone());
    let upload = app.blocking(move |app| own(app, &owner, &wanted)).await?;
    if upload.owner != principal.name {
        return Err(Problem::new(UPLOAD_UNKNOWN, format!("there is no upload `{id}`")));
    }
    if upload.state == UploadState::Received {
        // the answer to the first one was lost: the same content is here
        if said.is_some() && said == upload.sha256 {
            return Reply::new(&UploadView::from(upload));
        }
        return Err(Problem::new(UPLOAD_IN_USE, "the content has arrived already"));
    }
    let length = headers.get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<i64>().ok());
    let length = length.ok_or_else(|| Problem::new(LENGTH_REQUIRED, "there is no Content-Length"))?;
    if length != upload.bytes {
        let detail = format!("Content-Length is {length}, expected {}", upload.bytes);
        return Err(Problem::new(UPLOAD_LENGTH, detail));
    }
    let most = app.settings().limits.uploads_at_once as usize;
    let Some(arrival) = Arrival::begin(&app, &upload.id, most)? else {
        return Err(Problem::new(UPLOAD_IN_USE, "the content arrives on a different connection"));
    };
    has_room(&app, u64::try_from(length).unwrap_or(0)).await?;
    let sha256 = arrival.take(&app, body, &upload).await?;
    for expected in [&said, &upload.wanted].into_iter().flatten() {
        if *expected != sha256 {
            return Err(Problem::new(UPLOAD_DIGEST, format!("the content has SHA-256 {sha256}, expected {expected}")));
        }
    }
    let upload = app
        .blocking(move |app| {
            arrival.publish()?;
            app.store().received(&upload.id, &sha256)?;
            tracing::info!(upload = %upload.id, bytes = upload.bytes, "an upload has arrived");
            Ok(Upload { state: UploadState::Received, sha256: Some(sha256), ..upload })
        })
        .await?;
    let sha256 = upload.sha256.as_deref().unwrap_or_default();
    let changed = Changed::from(UploadState::Expected.as_str(), format!("{}, SHA-256 {sha256}", upload.state.as_str()));
    Ok(Reply::new(&UploadView::from(upload))?.changed(changed))
}

/// SHA-256 of `Content-Digest` (RFC 9530 §2), as hexadecimal text.
fn content_digest(headers: &HeaderMap) -> Result<Option<String>, Problem> {
    let Some(value) = headers.get("content-digest") else { return Ok(None) };
    let wrong = || {
        Problem::new(REQUEST_MALFORMED, "Content-Digest is not `sha-256=:BASE64:`")
            .hint("SHA-256 is the one digest that is checked here (RFC 9530).")
    };
    let text = value.to_str().map_err(|_| wrong())?;
    let member = text.split(',').map(str::trim).find_map(|member| member.strip_prefix("sha-256="));
    let encoded = member.and_then(|value| value.strip_prefix(':')?.strip_suffix(':')).ok_or_else(wrong)?;
    let bytes = STANDARD.decode(encoded).map_err(|_| wrong())?;
    if bytes.len() == 32 { Ok(Some(hex::encode(bytes))) } else { Err(wrong()) }
}

/// Checks that the disk has room for more bytes, and keeps free what the settings say.
async fn has_room(app: &App, more: u64) -> Result<(), Problem> {
    app.blocking(move |app| {
        let free = durable::free_bytes(&app.settings().uploads())
            .map_err(|error| Problem::new(STORE, format!("the disk does not say how full it is: {error}")))?;
        let keep = app.settings().limits.free_bytes;
        if free >= keep.saturating_add(more) {
            return Ok(());
        }
        let detail = format!("the disk has {free} free bytes, expected at least {more} and {keep} that stay free");
        Err(Problem::new(UPLOAD_NO_SPACE, detail).retry_after(300))
    })
    .await
}

/// A content that arrives. When it is dropped before it was published, nothing of it is left.
struct Arrival {
    app: App,
    id: String,
    partial: PathBuf,
}

impl Arrival {
    /// Begins, unless the content arrives already; a sender that has too many before it is sent away.
    fn begin(app: &App, id: &str, most: usize) -> Result<Option<Self>, Problem> {
        if app.arriving().count() >= most {
            return Err(Problem::new(REQUEST_TOO_MANY, format!("{most} uploads arrive now")).retry_after(5));
        }
        let partial = app.settings().uploads().join(format!("{id}{PARTIAL}"));
        let one = || Self { app: app.clone(), id: id.to_owned(), partial };
        Ok(app.arriving().begin(id).then(one))
    }

    /// Writes the content beside its name, counted and hashed. Returns its SHA-256.
    async fn take(&self, app: &App, mut body: Body, upload: &Upload) -> Result<String, Problem> {
        let partial = self.partial.clone();
        let mut writer = app.blocking(move |_| Writer::create(&partial)).await?;
        let expected = u64::try_from(upload.bytes).unwrap_or(0);
        let (mut count, mut looked, mut block) = (0_u64, 0_u64, Vec::with_capacity(BLOCK));
        loop {
            let frame = tokio::time::timeout(SILENCE, body.frame())
                .await
                .map_err(|_| Problem::new(REQUEST_SLOW, format!("nothing came for {} seconds", SILENCE.as_secs())))?;
            let Some(frame) = frame else { break };
            let frame =
                frame.map_err(|_| Problem::new(UPLOAD_LENGTH, format!("the content broke off after {count} bytes")))?;
            let Ok(data) = frame.into_data() else { continue };
            count += data.len() as u64;
            if count > expected {
                return Err(Problem::new(UPLOAD_LENGTH, format!("the content is longer than {expected} bytes")));
            }
            for part in data.chunks(BLOCK) {
                block.extend_from_slice(part);
                if block.len() >= BLOCK {
                    let full = std::mem::replace(&mut block, Vec::with_capacity(BLOCK));
                    writer = app.blocking(move |_| writer.write(&full)).await?;
                }
            }
            if count - looked >= LOOK {
                looked = count;
                has_room(app, expected - count).await?;
            }
        }
        if count != expected {
            return Err(Problem::new(UPLOAD_LENGTH, format!("the content has {count} bytes, expected {expected}")));
        }
        let partial = self.partial.clone();
        app.blocking(move |_| writer.write(&block)?.finish(&partial)).await
    }

    /// Gives the content its name.
    fn publish(&self) -> Result<(), Problem> {
        let own = self.app.settings().uploads().join(&self.id);
        // of a process that ended between the name and the store
        durable::remove_partial_file(&own)?;
        Ok(durable::publish(&self.partial, &own)?)
    }
}

impl Drop for Arrival {
    fn drop(&mut self) {
        let _ = durable::remove_partial_file(&self.partial);
        self.app.arriving().end(&self.id);
    }
}

/// A file that grows.
struct Writer {
    file: File,
    hash: Sha256,
}

impl Writer {
    fn create(path: &Path) -> Result<Self, Problem> {
        durable::remove_partial_file(path)?;
        Ok(Self { file: durable::create_new(path, Access::Private)?, hash: Sha256::new() })
    }

    fn write(mut self, bytes: &[u8]) -> Result<Self, Problem> {
        self.hash.update(bytes);
        self.file
            .write_all(bytes)
            .map_err(|error| Problem::new(STORE, format!("cannot write the content: {error}")))?;
        Ok(self)
    }

    fn finish(self, path: &Path) -> Result<String, Problem> {
        durable::sync_file(path, &self.file)?;
        Ok(self.hash.finish().to_string())
    }
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn digest(value: &'static str) -> Result<Option<String>, u16> {
        let mut headers = HeaderMap::new();
        headers.insert("content-digest", HeaderValue::from_static(value));
        content_digest(&headers).map_err(|problem| problem.document().status)
    }

    #[test]
    fn content_digest_is_sha_256_or_refused() {
        // RFC 9530, appendix D: the digest of {"hello": "world"} and a line feed
        let good = "sha-256=:RK/0qy18MlBSVnWgjwz6lZEWjP/lF5HF9bvEF8FabDg=:";
        let hex = "44aff4ab2d7c3250525675a08f0cfa9591168cffe51791c5f5bbc417c15a6c38";
        assert_eq!(digest(good), Ok(Some(hex.to_owned())));
        assert_eq!(
            digest("sha-512=:AA==:, sha-256=:RK/0qy18MlBSVnWgjwz6lZEWjP/lF5HF9bvEF8FabDg=:"),
            Ok(Some(hex.to_owned()))
        );
        for bad in ["sha-512=:AA==:", "sha-256=:AA==:", "sha-256=RK/0qy18MlBSVnWgjwz6lZEWjP/lF5HF9bvEF8FabDg=", "", "x"]
        {
            assert_eq!(digest(bad), Err(400), "{bad}");
        }
    }
}
