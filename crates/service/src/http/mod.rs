//! The API: one file a resource. A handler checks who asks, calls what decides, and makes the answer.

mod approvals;
mod audit;
mod batches;
mod body;
mod chips;
mod crls;
mod exports;
mod file;
mod findings;
mod guard;
mod health;
mod jobs;
mod limit;
mod openapi;
mod page;
mod policies;
mod ready;
mod receipts;
mod reply;
mod revocations;
mod stations;
mod tokens;
mod uploads;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use tower_http::catch_panic::CatchPanicLayer;
use utoipa::openapi::OpenApi;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::App;
use crate::problem::{BUG, MEDIA_TYPE, METHOD, PATH_UNKNOWN, Problem, REQUEST_MALFORMED, REQUEST_TOO_LARGE};

pub use body::JsonBody;
pub use ready::metrics;
pub use reply::Reply;

/// Longest JSON document that is read.
const MAX_JSON: usize = 1 << 20;

/// Every route, with what the OpenAPI document says of it.
fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::with_openapi(openapi::frame())
        .routes(routes!(health::live))
        .routes(routes!(health::version))
        .merge(reading())
        .merge(working())
}

/// Routes of lookups, batches, stations, the audit log, tokens and users.
fn reading() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(ready::ready))
        .routes(routes!(audit::events))
        .routes(routes!(audit::head))
        .routes(routes!(batches::list))
        .routes(routes!(batches::show))
        .routes(routes!(batches::file))
        .routes(routes!(batches::findings))
        .routes(routes!(batches::pack))
        .routes(routes!(chips::digest))
        .routes(routes!(chips::chip))
        .routes(routes!(chips::absence))
        .routes(routes!(chips::certificate))
        .routes(routes!(chips::history))
        .routes(routes!(chips::proof))
        .routes(routes!(chips::serial))
        .routes(routes!(crls::file))
        .routes(routes!(crls::list))
        .routes(routes!(crls::show))
        .routes(routes!(revocations::list, revocations::post))
        .routes(routes!(stations::list))
        .routes(routes!(stations::loads, stations::report))
        .routes(routes!(stations::packs))
        .routes(routes!(receipts::list, receipts::report))
        .routes(routes!(stations::pack, stations::assign, stations::withdraw))
        .routes(routes!(tokens::list, tokens::create))
        .routes(routes!(tokens::revoke))
        .routes(routes!(tokens::users, tokens::add_user))
        .routes(routes!(tokens::remove_user))
}

/// Routes of uploads, policies, jobs and approvals.
fn working() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(uploads::post, uploads::list))
        .routes(routes!(uploads::get, uploads::delete))
        .routes(routes!(uploads::put))
        .routes(routes!(policies::list))
        .routes(routes!(policies::check))
        .routes(routes!(policies::get, policies::put))
        .routes(routes!(policies::state))
        .routes(routes!(policies::preview))
        .routes(routes!(jobs::post, jobs::list))
        .routes(routes!(jobs::get))
        .routes(routes!(jobs::events))
        .routes(routes!(findings::list))
        .routes(routes!(jobs::cancel))
        .routes(routes!(exports::get))
        .routes(routes!(approvals::text))
        .routes(routes!(approvals::plan))
        .routes(routes!(approvals::post))
}

/// The document that is served, checked in as `docs/reference/openapi.json`.
pub fn openapi() -> OpenApi {
    described().1
}

fn described() -> (Router<App>, OpenApi) {
    let (router, mut document) = routes().split_for_parts();
    openapi::open_variants(&mut document);
    (router, document)
}

/// The router of the listener for the API.
pub fn router(app: App) -> Router {
    let (router, document) = described();
    let text = document.to_pretty_json().expect("the document is JSON");
    let served = move || async move { ([(header::CONTENT_TYPE, "application/json")], text) };
    dressed(router.route("/v1/openapi.json", axum::routing::get(served)), app)
}

/// The router of the listener for relying parties: revocation lists, and nothing else.
pub fn lists(app: App) -> Router {
    dressed(Router::new().route("/crl/{file}", axum::routing::get(crls::file)), app)
}

/// What every router has around its routes.
fn dressed(router: Router<App>, app: App) -> Router {
    router
        .fallback(|| async { Problem::new(PATH_UNKNOWN, "there is no such resource") })
        .method_not_allowed_fallback(|method: Method| async move {
            Problem::new(METHOD, format!("the resource does not have the method {method}"))
        })
        .layer(DefaultBodyLimit::max(MAX_JSON))
        .layer(middleware::from_fn_with_state(app.clone(), guard::guard))
        .layer(middleware::from_fn_with_state(limit::Places::new(app.settings().limits.requests_at_once), limit::limit))
        .layer(middleware::from_fn(dress))
        .layer(CatchPanicLayer::custom(|_| {
            Problem::new(BUG, "the request ended in a panic, which is in the log").into_response()
        }))
        .with_state(app)
}

/// What every answer has: it is not sniffed, not framed, and not kept by a cache unless the handler says so.
async fn dress(request: axum::extract::Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    // a report of what works is JSON whatever its status
    let of_this_crate =
        response.headers().get(header::CONTENT_TYPE).is_some_and(|kind| kind == PROBLEM || kind == "application/json");
    if !of_this_crate && (response.status().is_client_error() || response.status().is_server_error()) {
        response = of_the_framework(response).await;
    }
    let headers = response.headers_mut();
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    headers
        .entry(header::CONTENT_SECURITY_POLICY)
        .or_insert(HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'"));
    response
}

/// What the framework refuses before a handler sees it, as a problem.
async fn of_the_framework(response: Response) -> Response {
    let (parts, body) = response.into_parts();
    let text = axum::body::to_bytes(body, MAX_JSON).await.unwrap_or_default();
    let kind = match parts.status {
        StatusCode::NOT_FOUND => PATH_UNKNOWN,
        StatusCode::METHOD_NOT_ALLOWED => METHOD,
        StatusCode::PAYLOAD_TOO_LARGE => REQUEST_TOO_LARGE,
        StatusCode::UNSUPPORTED_MEDIA_TYPE => MEDIA_TYPE,
        status if status.is_client_error() => REQUEST_MALFORMED,
        _ => BUG,
    };
    let detail = if text.is_empty() { kind.title.into() } else { String::from_utf8_lossy(&text) };
    let mut response = Problem::new(kind, detail).into_response();
    if let Some(allow) = parts.headers.get(header::ALLOW) {
        response.headers_mut().insert(header::ALLOW, allow.clone());
    }
    response
}

/// The media type of problems.
const PROBLEM: &str = "application/problem+json";
