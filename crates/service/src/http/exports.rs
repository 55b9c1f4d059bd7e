//! Exports: the file that a job of that kind has made.

use axum::extract::{Path as Named, State};
use axum::response::Response;
use reroot_core::input;

use super::file::attachment;
use super::jobs::find;
use crate::app::App;
use crate::job::{Spec, StoredSpec};
use crate::principal::Principal;
use crate::problem::{JOB_UNKNOWN, Problem};
use crate::store::JobState;

/// Gives out the file that an export has made.
#[utoipa::path(get, path = "/v1/jobs/{id}/export", tag = "jobs", params(("id" = String, Path)), responses(
    (status = 200, body = Vec<u8>, content_type = "application/octet-stream"),
    (status = "4XX", body = crate::problem::Document, content_type = "application/problem+json"),
))]
pub(super) async fn get(State(app): State<App>, _: Principal, Named(id): Named<String>) -> Result<Response, Problem> {
    let (file, bytes, name) = app
        .blocking(move |app| {
            let job = find(app, &id)?;
            let none = || Problem::new(JOB_UNKNOWN, format!("the job `{}` has no export", job.id));
            let stored = StoredSpec::of_text(&job.spec).filter(|_| job.state == JobState::Checked);
            let Some(Spec::Export(spec)) = stored.map(|stored| stored.spec) else { return Err(none()) };
            let file = input::open(&app.settings().exports().join(&job.id)).map_err(|_| none())?;
            let bytes = file.metadata().map_err(|_| none())?.len();
            Ok((file, bytes, format!("{}.{}", job.id, spec.to.extension())))
        })
        .await?;
    Ok(attachment(file, bytes, &name))
}
