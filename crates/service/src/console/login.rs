//! Logging in and out.

use askama::Template;
use axum::extract::{Path as Named, Request, State};
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::{IntoResponse as _, Redirect, Response};
use reroot_core::journal::{Auth, Entry, Outcome};

use super::chrome::{Chrome, Trouble, Visit, show};
use super::desk::Desk;
use super::form::Fields;
use crate::app::App;
use crate::auth::certificate;
use crate::auth::session::{self, LONGEST, Login};
use crate::principal::{LoggedIn, Peer, Principal, Role, Roles};
use crate::problem::{AUTH_MISSING, AUTH_REFUSED, Problem, REQUEST_TOO_MANY};
use crate::rate::{Asker, Class};
use crate::settings::{Listen, Settings};

/// Begins a session and leads on to the dashboard: what every way to log in ends with. The cookie is `SameSite=Strict`, so it is
/// set on a page of this site that leads on, and not on a redirect that a different site began.
///
/// # Errors
/// The user is not one of this service, is a station, or the store or the audit log cannot be written.
pub async fn begin_session(app: &App, peer: &Peer, login: Login) -> Result<Response, Problem> {
    let entry = entry(&login.name, login.by, login.roles.unwrap_or_default(), peer, "console.login");
    let began = login.clone();
    let secret = app
        .blocking(move |app| {
            let started = app.audit().record(entry.clone())?;
            let made = session::begin(app, &began);
            let (result, code) = match &made {
                Ok(_) => (Outcome::Done, None),
                Err(problem) => (Outcome::Refused, Some(problem.document().code.clone())),
            };
            app.audit().record(Entry { result, code, of: Some(started), ..entry })?;
            made
        })
        .await?;
    let mut c = Chrome::of_stranger("Logged in", app.world().tool);
    c.refresh = Some((0, "/console/".to_owned()));
    let mut response = show(&LoggedInPage { c, name: login.name });
    response.headers_mut().insert(header::SET_COOKIE, Cookie::Session.set(app.settings(), &secret, LONGEST));
    Ok(response)
}

#[derive(Template)]
#[template(path = "logged_in.html")]
struct LoggedInPage {
    c: Chrome,
    name: String,
}

#[derive(Template)]
#[template(path = "login.html")]
struct LoginPage {
    c: Chrome,
    /// Whether the connection shows a client certificate.
    certificate: bool,
    /// Whether the service takes them.
    certificates: bool,
    /// Whether there is an OpenID provider.
    oidc: bool,
}

pub(super) async fn page(State(desk): State<Desk>, request: Request) -> Response {
    if request.extensions().get::<Visit>().is_some() {
        return Redirect::to("/console/").into_response();
    }
    let certificate = request.extensions().get::<Peer>().is_some_and(|peer| peer.certificate.is_some());
    let certificates = desk.app.settings().tls.as_ref().is_some_and(|tls| tls.client_ca.is_some());
    let oidc = desk.app.oidc().is_some();
    show(&LoginPage { c: Chrome::of_stranger("Log in", desk.app.world().tool), certificate, certificates, oidc })
}

#[derive(Template)]
#[template(path = "link.html")]
struct LinkPage {
    c: Chrome,
    name: String,
    secret: String,
}

/// Shows whose link it is. Opening it takes nothing: programs that look at links before people do not use it up.
pub(super) async fn link(
    State(desk): State<Desk>,
    Named(secret): Named<String>,
    request: Request,
) -> Result<Response, Trouble> {
    let peer = request.extensions().get::<Peer>().cloned().unwrap_or_default();
    slow_strangers(&desk.app, &peer, false)?;
    let wanted = secret.clone();
    let name = desk.app.blocking(move |app| session::look_at_link(app, &wanted)).await?;
    let Some(name) = name else {
        slow_strangers(&desk.app, &peer, true)?;
        return Err(Problem::new(AUTH_REFUSED, "the link is not known, was used already, or is older than 15 minutes")
            .hint("Have a new link made on the machine: `reroot serve --login-link NAME`.")
            .into());
    };
    Ok(show(&LinkPage { c: Chrome::of_stranger("Log in", desk.app.world().tool), name, secret }))
}

pub(super) async fn by_link(State(desk): State<Desk>, fields: Fields, request: Request) -> Result<Response, Trouble> {
    let peer = request.extensions().get::<Peer>().cloned().unwrap_or_default();
    slow_strangers(&desk.app, &peer, false)?;
    let secret = fields.one("secret").to_owned();
    match desk.app.blocking(move |app| session::take_link(app, &secret)).await {
        Ok(login) => Ok(begin_session(&desk.app, &peer, login).await?),
        Err(problem) => {
            slow_strangers(&desk.app, &peer, true)?;
            refused(&desk.app, &peer, &problem).await?;
            Err(problem.into())
        }
    }
}

pub(super) async fn by_certificate(State(desk): State<Desk>, request: Request) -> Result<Response, Trouble> {
    let peer = request.extensions().get::<Peer>().cloned().unwrap_or_default();
    slow_strangers(&desk.app, &peer, false)?;
    let Some(shown) = peer.certificate.clone() else {
        return Err(Problem::new(AUTH_MISSING, "the browser has shown no client certificate").into());
    };
    match desk.app.blocking(move |app| certificate::principal(app, &shown)).await {
        Ok(Principal { name, .. }) => {
            let login = Login { name, roles: None, by: LoggedIn::Certificate };
            Ok(begin_session(&desk.app, &peer, login).await?)
        }
        Err(problem) => {
            slow_strangers(&desk.app, &peer, true)?;
            refused(&desk.app, &peer, &problem).await?;
            Err(problem.into())
        }
    }
}

pub(super) async fn logout(
    State(desk): State<Desk>,
    headers: HeaderMap,
    request: Request,
) -> Result<Response, Trouble> {
    let visit = request.extensions().get::<Visit>().cloned();
    let secret = cookie(desk.app.settings(), &headers);
    if let (Some(visit), Some(secret)) = (visit, secret) {
        let principal = visit.principal().clone();
        desk.app
            .blocking(move |app| {
                let entry = Entry {
                    auth: principal.shown.auth(),
                    result: Outcome::Done,
                    ..entry(&principal.name, LoggedIn::Link, principal.roles, &visit.peer, "console.logout")
                };
                app.audit().record(entry)?;
                Ok(session::end(app.store(), &secret)?)
            })
            .await?;
    }
    let mut response = Redirect::to("/console/login").into_response();
    response.headers_mut().insert(header::SET_COOKIE, Cookie::Session.set(desk.app.settings(), "", 0));
    Ok(response)
}

fn entry(name: &str, by: LoggedIn, roles: Roles, peer: &Peer, action: &str) -> Entry {
    let roles: Vec<&str> = roles.each().map(Role::as_str).collect();
    Entry {
        actor: name.to_owned(),
        auth: crate::principal::Shown::Session(by).auth(),
        role: roles.join(","),
        ip: peer.address.map(|address| address.to_string()),
        action: action.to_owned(),
        object: "session".to_owned(),
        before: None,
        after: None,
        result: Outcome::Started,
        code: None,
        of: None,
    }
}

/// Notes a login that was refused.
pub(super) async fn refused(app: &App, peer: &Peer, problem: &Problem) -> Result<(), Problem> {
    let (peer, code) = (peer.clone(), problem.document().code.clone());
    app.blocking(move |app| {
        let entry = Entry {
            auth: Auth::None,
            result: Outcome::Refused,
            code: Some(code),
            ..entry("unknown", LoggedIn::Link, Roles::default(), &peer, "console.login")
        };
        app.audit().record(entry).map(drop)
    })
    .await
}

/// Slows down an address that tries logins.
pub(super) fn slow_strangers(app: &App, peer: &Peer, failed: bool) -> Result<(), Problem> {
    let (asker, now) = (Asker::at(peer.address), (app.world().clock)());
    let looked = if failed {
        app.rates().take(asker, Class::Stranger, now)
    } else {
        app.rates().look(asker, Class::Stranger, now)
    };
    looked.map_err(|seconds| {
        Problem::new(REQUEST_TOO_MANY, "there were too many logins that failed").retry_after(seconds)
    })
}

/// The session in a request.
pub(super) fn cookie(settings: &Settings, headers: &HeaderMap) -> Option<String> {
    let secret = Cookie::Session.of(settings, headers)?;
    let form = secret.len() == 64 && secret.bytes().all(|byte| byte.is_ascii_hexdigit());
    form.then(|| secret.to_owned())
}

/// With TLS, here or at a proxy before a unix socket, a cookie that no other host and no request without TLS can set.
const fn is_secure(settings: &Settings) -> bool {
    settings.tls.is_some() || matches!(settings.listen, Listen::Unix(_))
}

/// A cookie of the console.
#[derive(Clone, Copy, Debug)]
pub(super) enum Cookie {
    /// The session. No other site's request carries it.
    Session,
    /// The state of a login at the OpenID provider, which sends the browser back.
    Login,
}

impl Cookie {
    /// Its value in a request.
    pub(super) fn of<'a>(self, settings: &Settings, headers: &'a HeaderMap) -> Option<&'a str> {
        let name = self.name(settings);
        let values = headers.get_all(header::COOKIE).into_iter().filter_map(|value| value.to_str().ok());
        let mut pairs = values.flat_map(|value| value.split(';')).filter_map(|pair| pair.trim().split_once('='));
        pairs.find(|(known, _)| *known == name).map(|(_, value)| value)
    }

    /// The header that gives it to a browser for so many seconds. The value has letters, digits, `-` and `_`.
    pub(super) fn set(self, settings: &Settings, value: &str, seconds: i64) -> HeaderValue {
        let secure = if is_secure(settings) { "; Secure" } else { "" };
        let site = match self {
            Self::Session => "Strict",
            Self::Login => "Lax",
        };
        let name = self.name(settings);
        let text = format!("{name}={value}; Path=/; Max-Age={seconds}; HttpOnly; SameSite={site}{secure}");
        HeaderValue::from_str(&text).expect("names and values are ASCII")
    }

    const fn name(self, settings: &Settings) -> &'static str {
        match (self, is_secure(settings)) {
            (Self::Session, true) => "__Host-reroot",
            (Self::Session, false) => "reroot",
            (Self::Login, true) => "__Host-reroot-login",
            (Self::Login, false) => "reroot-login",
        }
    }
}
