//! How much happens at once: one class of requests does not take the places of a different one.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use tokio::sync::Semaphore;

use super::jobs::wait;
use crate::problem::{Problem, REQUEST_SLOW, REQUEST_TOO_MANY};

/// Longest time for a request that neither sends a file nor waits.
const PATIENCE: Duration = Duration::from_secs(30);

/// Places of the classes.
#[derive(Clone)]
pub(super) struct Places {
    requests: Arc<Semaphore>,
    waiting: Arc<Semaphore>,
}

impl Places {
    pub(super) fn new(requests: u32) -> Self {
        let places = || Arc::new(Semaphore::new(requests as usize));
        Self { requests: places(), waiting: places() }
    }
}

/// Gives a request a place of its class, or sends it away for a moment.
pub(super) async fn limit(State(places): State<Places>, request: Request, next: Next) -> Response {
    let path = request.uri().path();
    // their number has a limit of its own, and their time depends on the network
    let moves_a_file = path.ends_with("/content");
    let waits = path.ends_with("/events") || wait(request.headers()).is_some();
    let class = if waits { &places.waiting } else { &places.requests };
    let Ok(_place) = class.try_acquire() else {
        return Problem::new(REQUEST_TOO_MANY, "there is no place for one more request of this class")
            .retry_after(1)
            .into_response();
    };
    if moves_a_file || waits {
        return next.run(request).await;
    }
    tokio::time::timeout(PATIENCE, next.run(request)).await.unwrap_or_else(|_| {
        let detail = format!("the request took longer than {} seconds", PATIENCE.as_secs());
        Problem::new(REQUEST_SLOW, detail).into_response()
    })
}
