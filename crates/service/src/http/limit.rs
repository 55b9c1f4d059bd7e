//! How much happens at once: one class of requests does not take the places of a different one, so a rush of downloads leaves
//! room for `/readyz`.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{MatchedPath, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use tokio::sync::Semaphore;

use super::jobs::wait;
use crate::principal::allowed;
use crate::problem::{Problem, REQUEST_SLOW, REQUEST_TOO_MANY};
use crate::rate::Class;

/// Longest time for a request that neither sends a file nor waits.
const PATIENCE: Duration = Duration::from_secs(30);

/// Places of the classes, and of callers who wait. Requests that need no principal take the places of [`Class::Address`].
#[derive(Clone)]
pub(super) struct Places {
    classes: Arc<[Semaphore; Class::ALL.len()]>,
    waiting: Arc<Semaphore>,
}

impl Places {
    pub(super) fn new(requests: u32) -> Self {
        let places = || Semaphore::new(requests as usize);
        Self { classes: Arc::new(Class::ALL.map(|_| places())), waiting: Arc::new(places()) }
    }

    /// The places of a request.
    fn of(&self, request: &Request) -> &Semaphore {
        let path = request.extensions().get::<MatchedPath>();
        let route = path.and_then(|path| allowed::route(request.method().as_str(), path.as_str()));
        &self.classes[route.map_or(Class::Address, |route| route.class) as usize]
    }
}

/// Gives a request a place of its class, or sends it away for a moment.
pub(super) async fn limit(State(places): State<Places>, request: Request, next: Next) -> Response {
    let path = request.uri().path();
    // their number has a limit of its own, and their time depends on the network
    let moves_a_file = path.ends_with("/content");
    let waits = path.ends_with("/events") || wait(request.headers()).is_some();
    let class = if waits { &*places.waiting } else { places.of(&request) };
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

#[cfg(test)]
mod tests {
    use axum::Router;
    use axum::body::Body;
    use axum::http::StatusCode;
    use axum::middleware::from_fn_with_state;
    use axum::routing::get;
    use hyper::service::Service as _;
    use hyper_util::service::TowerToHyperService;

    use super::*;

    #[tokio::test]
    async fn a_class_that_is_full_takes_no_place_of_a_different_one() {
        let places = Places::new(1);
        let answer = || get(|| async { StatusCode::OK });
        let router = Router::new()
            .route("/v1/chips/{chip}", answer())
            .route("/v1/batches/{id}/pack", answer())
            .route("/readyz", answer())
            .layer(from_fn_with_state(places.clone(), limit));
        let ask = async |path: &str| {
            let request = Request::builder().uri(path).body(Body::empty()).unwrap();
            TowerToHyperService::new(router.clone()).call(request).await.unwrap().status()
        };
        let held = places.classes[Class::Download as usize].try_acquire().unwrap();
        assert_eq!(ask("/v1/batches/b/pack").await, StatusCode::TOO_MANY_REQUESTS);
        assert_eq!(ask("/v1/chips/c").await, StatusCode::OK);
        assert_eq!(ask("/readyz").await, StatusCode::OK);
        drop(held);
        assert_eq!(ask("/v1/batches/b/pack").await, StatusCode::OK);
    }
}
