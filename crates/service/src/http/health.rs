//! Whether the process lives, and which one it is.

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use crate::app::App;

/// The process answers.
#[utoipa::path(get, path = "/livez", tag = "health", responses((status = 200, body = String)))]
pub(super) async fn live() -> &'static str {
    "OK\n"
}

/// Name and version of the program.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Version {
    /// Name and version of the program.
    program: &'static str,
    /// Version of the API.
    api: &'static str,
}

/// Name and version of the program.
#[utoipa::path(get, path = "/v1/version", tag = "health", responses((status = 200, body = Version)))]
pub(super) async fn version(State(app): State<App>) -> Json<Version> {
    Json(Version { program: app.world().tool, api: "v1" })
}
