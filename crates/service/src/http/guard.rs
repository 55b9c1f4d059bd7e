//! Before and after every handler: who asks, how often, whether they may, and the audit log.
//!
//! Guarantees: a route that is not in the table of [`allowed`](crate::principal::allowed) is refused; what the table says is
//! logged is on the audit log before the handler runs, and its outcome after; nothing is done where it cannot be.

use axum::extract::{FromRequestParts as _, MatchedPath, Request, State};
use axum::http::StatusCode;
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use reroot_core::journal::{Auth, Entry, Outcome};

use super::reply::Changed;
use crate::app::App;
use crate::principal::allowed::{self, Route};
use crate::principal::{Peer, Principal, Role};
use crate::problem::{AUTH_MISSING, AUTH_REFUSED, AUTH_ROLE, FORM_FOREIGN, Problem, ProblemCode, REQUEST_TOO_MANY};
use crate::rate::{Asker, Class};

/// The middleware.
pub(super) async fn guard(State(app): State<App>, request: Request, next: Next) -> Response {
    let method = request.method().to_string();
    let path = request.extensions().get::<MatchedPath>().map(|path| path.as_str().to_owned());
    let response = match guarded(&app, request, path.as_deref(), next).await {
        Ok(response) => response,
        Err(problem) => problem.into_response(),
    };
    let code = response.extensions().get::<ProblemCode>().map(|code| code.0.clone());
    app.metrics().answered(&method, path.as_deref().unwrap_or("other"), response.status().as_u16(), code);
    response
}

async fn guarded(app: &App, request: Request, path: Option<&str>, next: Next) -> Result<Response, Problem> {
    let peer = request.extensions().get::<Peer>().cloned().unwrap_or_default();
    let address = || Asker::at(peer.address);
    take(app, address(), Class::Address)?;
    let Some(path) = path.filter(|path| !allowed::OPEN.contains(path)) else { return Ok(next.run(request).await) };
    let Some(route) = allowed::route(request.method().as_str(), path) else {
        // the router answers a method that the path does not have
        if allowed::ROUTES.iter().any(|route| route.path == path) {
            return Ok(next.run(request).await);
        }
        return Err(Problem::new(AUTH_ROLE, "the resource is not in the table of roles"));
    };
    look(app, address(), Class::Stranger)?;
    not_from_a_page(&request)?;
    let (mut parts, body) = request.into_parts();
    let principal = match Principal::from_request_parts(&mut parts, app).await {
        Ok(principal) => principal,
        Err(problem) => {
            let code = problem.document().code.clone();
            if [AUTH_REFUSED.code, AUTH_MISSING.code].contains(&&*code) {
                let _ = app.rates().take(address(), Class::Stranger, (app.world().clock)());
            }
            let entry = stranger(&peer, route, parts.uri.path(), &code);
            record(app, entry).await?;
            return Err(problem);
        }
    };
    take(app, Asker::Principal(principal.name.clone()), route.class)?;
    let object = parts.uri.path().to_owned();
    if let Err(problem) = may(&principal, route, &object) {
        let code = Some(problem.document().code.clone());
        let entry = entry(&principal, &peer, route, &object, Outcome::Refused);
        record(app, Entry { code, ..entry }).await?;
        return Err(problem);
    }
    let started = if route.logged {
        Some(record(app, entry(&principal, &peer, route, &object, Outcome::Started)).await?)
    } else {
        None
    };
    parts.extensions.insert(principal.clone());
    let response = next.run(Request::from_parts(parts, body)).await;
    if let Some(started) = started {
        let code = response.extensions().get::<ProblemCode>().map(|code| code.0.clone());
        let result = outcome(response.status());
        let Changed { before, after } = response.extensions().get::<Changed>().cloned().unwrap_or_default();
        let entry = entry(&principal, &peer, route, &object, result);
        let entry = Entry { code, before, after, of: Some(started), ..entry };
        // it is done: an outcome that cannot be written is no reason to say otherwise
        if let Err(problem) = record(app, entry).await {
            tracing::error!(problem = problem.document().detail, of = started, "outcome not on the audit log");
        }
    }
    Ok(response)
}

/// Refuses what a page of a different site makes a browser send with its user's client certificate. Programs say nothing of a
/// site, and the console asks in this process.
fn not_from_a_page(request: &Request) -> Result<(), Problem> {
    let site = request.headers().get("sec-fetch-site").map(|site| site.as_bytes().to_owned());
    let reads = request.method().is_safe();
    match site.as_deref() {
        None | Some(b"same-origin" | b"none") => Ok(()),
        Some(_) if reads => Ok(()),
        Some(_) => Err(Problem::new(FORM_FOREIGN, "a page of a different site has sent the request")),
    }
}

fn outcome(status: StatusCode) -> Outcome {
    match status.as_u16() {
        0..400 => Outcome::Done,
        400..500 => Outcome::Refused,
        _ => Outcome::Failed,
    }
}

/// Whether the table allows it, the token is for this part of the API, and a station asks for its own.
fn may(principal: &Principal, route: &Route, path: &str) -> Result<(), Problem> {
    principal.must_be(route.roles)?;
    if principal.areas.as_ref().is_some_and(|areas| !areas.contains(&route.area)) {
        return Err(Problem::new(AUTH_ROLE, format!("the token is not for `{}`", route.area.as_str())));
    }
    let station = path.strip_prefix("/v1/stations/").and_then(|rest| rest.split('/').next());
    if let Some(station) = station
        && principal.roles.has(Role::Station)
        && station != principal.name
    {
        return Err(Problem::new(AUTH_ROLE, "a station has its own packs, loads and receipts, and no other station's"));
    }
    Ok(())
}

fn take(app: &App, asker: Asker, class: Class) -> Result<(), Problem> {
    app.rates().take(asker, class, (app.world().clock)()).map_err(|seconds| too_many(class, seconds))
}

fn look(app: &App, asker: Asker, class: Class) -> Result<(), Problem> {
    app.rates().look(asker, class, (app.world().clock)()).map_err(|seconds| too_many(class, seconds))
}

fn too_many(class: Class, seconds: u64) -> Problem {
    let detail = format!("there were too many requests of the class `{}`", class.as_str());
    Problem::new(REQUEST_TOO_MANY, detail).retry_after(seconds)
}

async fn record(app: &App, entry: Entry) -> Result<u64, Problem> {
    app.blocking(move |app| app.audit().record(entry)).await
}

fn entry(principal: &Principal, peer: &Peer, route: &Route, object: &str, result: Outcome) -> Entry {
    let roles: Vec<&str> = principal.roles.each().map(Role::as_str).collect();
    Entry {
        actor: principal.name.clone(),
        auth: principal.shown.auth(),
        role: roles.join(","),
        ip: peer.address.map(|address| address.to_string()),
        action: format!("{} {}", route.method, route.path),
        object: object.chars().take(LONGEST_OBJECT).collect(),
        before: None,
        after: None,
        result,
        code: None,
        of: None,
    }
}

fn stranger(peer: &Peer, route: &Route, object: &str, code: &str) -> Entry {
    Entry {
        actor: "unknown".to_owned(),
        auth: Auth::None,
        role: String::new(),
        ip: peer.address.map(|address| address.to_string()),
        action: format!("{} {}", route.method, route.path),
        object: object.chars().take(LONGEST_OBJECT).collect(),
        before: None,
        after: None,
        result: Outcome::Refused,
        code: Some(code.to_owned()),
        of: None,
    }
}

/// Characters of a path that are on the log. A longer one is that of no resource.
const LONGEST_OBJECT: usize = 500;
