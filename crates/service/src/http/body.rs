//! JSON bodies: of the schema, or a problem.

use axum::extract::rejection::JsonRejection;
use axum::extract::{FromRequest, Json, Request};
use serde::de::DeserializeOwned;

use crate::app::App;
use crate::problem::{MEDIA_TYPE, Problem, REQUEST_MALFORMED, REQUEST_TOO_LARGE};

/// A JSON body.
#[derive(Clone, Copy, Debug)]
pub struct JsonBody<T>(pub T);

impl<T: DeserializeOwned> FromRequest<App> for JsonBody<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, app: &App) -> Result<Self, Problem> {
        match Json::<T>::from_request(request, app).await {
            Ok(Json(value)) => Ok(Self(value)),
            Err(rejection) => Err(problem(&rejection)),
        }
    }
}

fn problem(rejection: &JsonRejection) -> Problem {
    let kind = match rejection.status().as_u16() {
        413 => REQUEST_TOO_LARGE,
        415 => MEDIA_TYPE,
        _ => REQUEST_MALFORMED,
    };
    Problem::new(kind, rejection.body_text())
}
