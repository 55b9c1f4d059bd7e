//! Before every page: the host, the session, and where a form comes from. After it: the headers.
//!
//! Guarantees: a request with the name of a different host is refused, so no other site's name leads here; without a session
//! there are the pages of the login and nothing else; a form that changes something comes from a page of this console
//! (`Sec-Fetch-Site`, or `Origin` where that is missing) and carries the token of its session.

use axum::body::Body;
use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Redirect, Response};

use super::MAX_FORM;
use super::chrome::{Trouble, Visit, trouble_page};
use super::desk::Desk;
use super::form::Fields;
use super::login::cookie;
use crate::auth::session;
use crate::principal::Peer;
use crate::problem::{
    AUTH_MISSING, FORM_FOREIGN, HOST_UNKNOWN, MEDIA_TYPE, Problem, REQUEST_MALFORMED, REQUEST_TOO_LARGE,
    REQUEST_TOO_MANY,
};
use crate::rate::{Asker, Class};
use crate::settings::{Listen, Settings};

/// The middleware.
pub(super) async fn gate(State(desk): State<Desk>, request: Request, next: Next) -> Response {
    match gated(&desk, request, next).await {
        Ok(response) => response,
        Err(trouble) => trouble.into_response(),
    }
}

async fn gated(desk: &Desk, mut request: Request, next: Next) -> Result<Response, Trouble> {
    let app = &desk.app;
    let peer = request.extensions().get::<Peer>().cloned().unwrap_or_default();
    let asker = Asker::at(peer.address);
    app.rates().take(asker, Class::Address, (app.world().clock)()).map_err(too_many)?;
    check_host(app.settings(), request.headers())?;
    let changes = request.method() != Method::GET && request.method() != Method::HEAD;
    if changes {
        check_origin(request.headers())?;
    }
    let path = request.uri().path().to_owned();
    let secret = cookie(app.settings(), request.headers());
    let found = match secret {
        Some(secret) => app.blocking(move |app| session::find(app, &secret)).await?,
        None => None,
    };
    let visit = found.map(|session| Visit { session, peer, path: path.clone(), tool: app.world().tool });
    let open = path.starts_with("/console/login") || path.starts_with("/console/assets/");
    if visit.is_none() && !open {
        if changes {
            let ended = Problem::new(AUTH_MISSING, "the session has ended");
            return Err(ended.hint("Log in, and send the form again.").into());
        }
        return Ok(Redirect::to("/console/login").into_response());
    }
    if changes {
        request = read_form(request, visit.as_ref()).await?;
    }
    if let Some(visit) = &visit {
        request.extensions_mut().insert(visit.clone());
    }
    let mut response = next.run(request).await;
    if let Some(visit) = visit {
        response.extensions_mut().insert(visit);
    }
    Ok(response)
}

/// Reads a form that is small, and checks its token. The form with a file is read by the page that takes it, which checks the
/// token before the file.
async fn read_form(request: Request, visit: Option<&Visit>) -> Result<Request, Trouble> {
    let media = request.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let is_upload = request.uri().path() == UPLOADS && request.method() == Method::POST;
    if is_upload && media.starts_with("multipart/form-data") {
        return Ok(request);
    }
    if !media.starts_with("application/x-www-form-urlencoded") {
        return Err(Problem::new(MEDIA_TYPE, "the form is not `application/x-www-form-urlencoded`").into());
    }
    let (mut parts, body) = request.into_parts();
    let too_large = |_| Problem::new(REQUEST_TOO_LARGE, format!("the form is longer than {MAX_FORM} bytes"));
    let bytes = axum::body::to_bytes(body, MAX_FORM).await.map_err(too_large)?;
    let fields = Fields::read(&bytes).map_err(|what| Problem::new(REQUEST_MALFORMED, what))?;
    if let Some(visit) = visit
        && !session::is_form_token(&visit.session, fields.one("form_token"))
    {
        return Err(foreign("the form does not carry the token of this session").into());
    }
    parts.extensions.insert(fields);
    Ok(Request::from_parts(parts, Body::empty()))
}

/// A form that is not of a page of this session.
pub(super) fn foreign(what: &str) -> Problem {
    Problem::new(FORM_FOREIGN, what).hint("Open the page again, and send the form from there.")
}

/// Checks that the request names this service: a page of a different name that leads to this address is refused.
fn check_host(settings: &Settings, headers: &HeaderMap) -> Result<(), Problem> {
    let host = headers.get(header::HOST).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let name = name_of(host);
    if !name.is_empty() && knows(settings, name) {
        return Ok(());
    }
    Err(Problem::new(HOST_UNKNOWN, format!("the request is for the host `{host}`, which is not this service")).hint(
        "Open the console under its own name. An administrator adds a name to `hosts` in [console] of service.toml.",
    ))
}

fn knows(settings: &Settings, name: &str) -> bool {
    let listed = settings.console.hosts.iter().any(|host| host.eq_ignore_ascii_case(name));
    let public = settings.oidc.as_ref().and_then(|oidc| oidc.public_url.split_once("://"));
    let listed = listed || public.is_some_and(|(_, host)| name_of(host).eq_ignore_ascii_case(name));
    let Listen::Tcp(address) = &settings.listen else { return listed };
    let own = address.ip();
    let bare = name.trim_start_matches('[').trim_end_matches(']');
    let same = bare.parse() == Ok(own) && !own.is_unspecified();
    let here = own.is_loopback() && (name.eq_ignore_ascii_case("localhost") || LOOPBACK.contains(&name));
    listed || same || here
}

/// A host without its port.
fn name_of(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) && !name.ends_with(':') => name,
        _ => host,
    }
}

/// Checks that a page of this console sends the request.
fn check_origin(headers: &HeaderMap) -> Result<(), Problem> {
    let text = |name: HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
    match text(HeaderName::from_static("sec-fetch-site")) {
        Some("same-origin") => return Ok(()),
        Some(_) => return Err(foreign("the form comes from a different site")),
        None => {}
    }
    // a browser that does not know Sec-Fetch-Site; the scheme is that of the proxy, if there is one
    let origin = text(header::ORIGIN).and_then(|origin| origin.split_once("://")).map(|(_, host)| host);
    match (origin, text(header::HOST)) {
        (Some(origin), Some(host)) if origin.eq_ignore_ascii_case(host) => Ok(()),
        (Some(_), _) => Err(foreign("the form comes from a different site")),
        (None, _) => Err(foreign("the request does not say where it comes from")),
    }
}

pub(super) fn too_many(seconds: u64) -> Problem {
    Problem::new(REQUEST_TOO_MANY, "there were too many requests from this address").retry_after(seconds)
}

/// Puts a page around a trouble, and the headers on every answer.
pub(super) async fn dress(State(desk): State<Desk>, request: Request, next: Next) -> Response {
    let method = request.method().to_string();
    let path = request.extensions().get::<MatchedPath>().map_or("other", MatchedPath::as_str).to_owned();
    let mut response = next.run(request).await;
    let app = &desk.app;
    let mut code = None;
    if let Some(trouble) = response.extensions_mut().remove::<Trouble>() {
        code = Some(trouble.code.clone());
        let visit = response.extensions_mut().remove::<Visit>();
        let kept = response.headers_mut().remove(header::RETRY_AFTER);
        response = trouble_page(trouble, visit.as_ref(), app.world().tool);
        if let Some(value) = kept {
            response.headers_mut().insert(header::RETRY_AFTER, value);
        }
    }
    app.metrics().answered(&method, &path, response.status().as_u16(), code);
    let headers = response.headers_mut();
    for (name, value) in HEADERS {
        headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    headers.entry(header::CONTENT_SECURITY_POLICY).or_insert(HeaderValue::from_static(CSP));
    if app.settings().tls.is_some() {
        headers.insert(header::STRICT_TRANSPORT_SECURITY, HeaderValue::from_static("max-age=31536000"));
    }
    response
}

const UPLOADS: &str = "/console/uploads";
const LOOPBACK: [&str; 2] = ["127.0.0.1", "[::1]"];

/// What every answer has.
const HEADERS: [(&str, &str); 6] = [
    ("cross-origin-opener-policy", "same-origin"),
    ("cross-origin-resource-policy", "same-origin"),
    ("permissions-policy", "camera=(), geolocation=(), microphone=(), payment=(), usb=()"),
    // not `no-referrer`: a browser would then send forms with `Origin: null`
    ("referrer-policy", "same-origin"),
    ("x-content-type-options", "nosniff"),
    ("x-frame-options", "DENY"),
];

/// A page fetches from this service alone, runs no script and has no style that is written in it, and is in no frame.
const CSP: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
                   form-action 'self'; base-uri 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_a_name_and_perhaps_a_port() {
        for (host, name) in [
            ("reroot.example", "reroot.example"),
            ("reroot.example:8443", "reroot.example"),
            ("127.0.0.1:1", "127.0.0.1"),
            ("[::1]:8443", "[::1]"),
            ("[::1]", "[::1]"),
            ("", ""),
        ] {
            assert_eq!(name_of(host), name, "{host}");
        }
    }

    #[test]
    fn a_form_comes_from_this_console_or_is_refused() {
        let check = |headers: &[(&'static str, &'static str)]| {
            let headers =
                headers.iter().map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)));
            check_origin(&headers.collect()).is_ok()
        };
        for good in [
            &[("sec-fetch-site", "same-origin")][..],
            &[("origin", "https://reroot.example"), ("host", "reroot.example")],
            &[("origin", "http://127.0.0.1:80"), ("host", "127.0.0.1:80")],
        ] {
            assert!(check(good), "{good:?}");
        }
        for bad in [
            &[][..],
            &[("host", "reroot.example")],
            &[("sec-fetch-site", "cross-site")],
            &[("sec-fetch-site", "same-site")],
            &[("sec-fetch-site", "none")],
            &[("sec-fetch-site", "cross-site"), ("origin", "https://reroot.example"), ("host", "reroot.example")],
            &[("origin", "null"), ("host", "reroot.example")],
            &[("origin", "https://reroot.example.evil"), ("host", "reroot.example")],
            &[("origin", "https://reroot.example:1"), ("host", "reroot.example")],
        ] {
            assert!(!check(bad), "{bad:?}");
        }
    }
}
