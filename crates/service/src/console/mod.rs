//! The console: pages for people in a browser. It is the API plus rendering.
//!
//! Guarantees: a page asks the API's own router, in this process, as the user of the session (`desk`); so the table of
//! roles, the rates and the audit log are those of the API, and there is no second copy of them here. A form is taken only
//! from a page of this console and of this session (`gate`). Every text is escaped by the templates; no page has a script or a
//! style in it, and none is fetched from elsewhere.
//!
//! Where a further way to log in is added, it ends with [`login::begin_session`].

mod admin;
mod approve;
mod assets;
mod audit;
mod batches;
mod chips;
mod chrome;
mod crls;
mod dashboard;
mod desk;
mod form;
mod gate;
mod jobs;
pub mod login;
mod new_job;
mod oidc;
mod part;
mod pictures;
mod policies;
mod results;
mod revocations;
mod stations;
mod uploads;
mod words;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware;
use axum::response::{IntoResponse as _, Redirect};
use axum::routing::{MethodRouter, get, post};
use tower_http::catch_panic::CatchPanicLayer;

use crate::app::App;
use crate::http;
use crate::problem::{BUG, METHOD, PATH_UNKNOWN, Problem};
use chrome::Trouble;
use desk::Desk;

/// The router of the public listener: the console, and the API for every path that is not the console's.
pub fn router(app: App) -> Router {
    let api = http::router(app.clone());
    let desk = Desk::new(app, api.clone());
    pages()
        .into_iter()
        .fold(Router::new(), |router, (path, page)| router.route(path, page))
        .route("/console/{*path}", get(|| async { Trouble::from(Problem::new(PATH_UNKNOWN, "there is no such page")) }))
        .method_not_allowed_fallback(|| async { Trouble::from(Problem::new(METHOD, "the page takes no such form")) })
        .layer(DefaultBodyLimit::max(MAX_FORM))
        .layer(middleware::from_fn_with_state(desk.clone(), gate::gate))
        .layer(middleware::from_fn_with_state(desk.clone(), gate::dress))
        .layer(CatchPanicLayer::custom(|_| {
            Problem::new(BUG, "the request ended in a panic, which is in the log").into_response()
        }))
        .route("/", get(|| async { Redirect::to("/console/") }))
        .route("/console", get(|| async { Redirect::to("/console/") }))
        .with_state(desk)
        .fallback_service(api)
}

/// The path of every page and form, as the router has it.
pub fn paths() -> Vec<&'static str> {
    pages().into_iter().map(|(path, _)| path).collect()
}

/// Every page and form.
fn pages() -> Vec<(&'static str, MethodRouter<Desk>)> {
    vec![
        ("/console/", get(dashboard::page)),
        ("/console/assets/{name}", get(assets::send)),
        ("/console/login", get(login::page)),
        ("/console/login/certificate", post(login::by_certificate)),
        ("/console/login/oidc", get(oidc::start)),
        (oidc::ANSWER, get(oidc::end)),
        ("/console/login/link", post(login::by_link)),
        ("/console/login/link/{secret}", get(login::link)),
        ("/console/logout", post(login::logout)),
        ("/console/v1/{*path}", get(desk::forward)),
        ("/console/uploads", get(uploads::page).post(uploads::take)),
        ("/console/uploads/{id}/remove", post(uploads::remove)),
        ("/console/jobs", get(jobs::list).post(new_job::post)),
        ("/console/jobs/new", get(new_job::page)),
        ("/console/jobs/{id}", get(jobs::page)),
        ("/console/jobs/{id}/cancel", post(jobs::cancel)),
        ("/console/jobs/{id}/again", post(jobs::again)),
        ("/console/jobs/{id}/findings", get(jobs::findings)),
        ("/console/jobs/{id}/findings.jsonl", get(jobs::findings_file)),
        ("/console/jobs/{id}/approve", get(approve::page).post(approve::post)),
        ("/console/batches", get(batches::list)),
        ("/console/batches/{id}", get(batches::page)),
        ("/console/batches/{id}/work", post(batches::work)),
        ("/console/search", get(chips::search)),
        ("/console/chips/{chip}", get(chips::page)),
        ("/console/crls", get(crls::page).post(crls::start)),
        ("/console/revocations", get(revocations::page)),
        ("/console/revocations/new", get(revocations::ask).post(revocations::post)),
        ("/console/policies", get(policies::list).post(policies::put)),
        ("/console/policies/new", get(policies::new)),
        ("/console/policies/{sha256}", get(policies::page)),
        ("/console/policies/{sha256}/state", post(policies::state)),
        ("/console/stations", get(stations::list).post(stations::assign)),
        ("/console/stations/{station}", get(stations::page).post(stations::withdraw)),
        ("/console/audit", get(audit::page)),
        ("/console/audit/verify", post(audit::verify)),
        ("/console/admin", get(admin::page)),
        ("/console/admin/users", post(admin::add_user)),
        ("/console/admin/users/remove", post(admin::remove_user)),
        ("/console/admin/tokens", post(admin::make_token)),
        ("/console/admin/tokens/revoke", post(admin::revoke_token)),
    ]
}

/// Longest form that is read into memory: the text of a policy. An upload is read piece by piece.
const MAX_FORM: usize = 2 << 20;
