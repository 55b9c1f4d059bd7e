//! Logging in at the OpenID provider: the browser goes there and comes back with a code.
//!
//! The state of a login is in a cookie that is `SameSite=Lax`, for ten minutes: the provider, a different site, sends the
//! browser back. The session's own cookie is strict, and is set on the page after it.

use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, Request, State};
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse as _, Redirect, Response};

use super::chrome::Trouble;
use super::desk::Desk;
use super::gate::too_many;
use super::login::{Cookie, begin_session, refused, slow_strangers};
use crate::app::App;
use crate::auth::oidc::of_claims;
use crate::auth::session::Login;
use crate::oidc::{Answer, Provider};
use crate::principal::{LoggedIn, Peer};
use crate::problem::{AUTH_REFUSED, Problem, REQUEST_MALFORMED};
use crate::rate::{Asker, Class};
use crate::settings::CALLBACK;

/// Sends the browser to the provider.
pub(super) async fn start(State(desk): State<Desk>, request: Request) -> Result<Response, Trouble> {
    let peer = request.extensions().get::<Peer>().cloned().unwrap_or_default();
    slow_strangers(&desk.app, &peer, false)?;
    // each login that was started takes a place for ten minutes: one address does not take all
    let now = (desk.app.world().clock)();
    desk.app.rates().take(Asker::at(peer.address), Class::Secret, now).map_err(too_many)?;
    let begun = desk
        .app
        .blocking(|app| {
            let provider = provider(app)?;
            provider.logins().begin(provider, &app.world().bytes(), app.world().now().unix())
        })
        .await?;
    let mut response = Redirect::to(&begun.url).into_response();
    response.headers_mut().insert(header::SET_COOKIE, Cookie::Login.set(desk.app.settings(), &begun.state, MINUTES_10));
    Ok(response)
}

/// Takes what the provider sent the browser back with.
pub(super) async fn end(
    State(desk): State<Desk>,
    headers: HeaderMap,
    answer: Result<Query<Answer>, QueryRejection>,
    request: Request,
) -> Result<Response, Trouble> {
    let peer = request.extensions().get::<Peer>().cloned().unwrap_or_default();
    slow_strangers(&desk.app, &peer, false)?;
    let Query(answer) = answer.map_err(|error| Problem::new(REQUEST_MALFORMED, error.body_text()))?;
    let cookie = Cookie::Login.of(desk.app.settings(), &headers).map(str::to_owned);
    let known = desk.app.blocking(move |app| {
        let provider = provider(app)?;
        let claims = provider.logins().end(provider, &answer, cookie.as_deref(), app.world().now().unix())?;
        of_claims(provider.settings(), &claims)
    });
    match known.await {
        Ok(principal) => {
            let login = Login { name: principal.name, roles: Some(principal.roles), by: LoggedIn::Oidc };
            let mut response = begin_session(&desk.app, &peer, login).await?;
            response.headers_mut().append(header::SET_COOKIE, Cookie::Login.set(desk.app.settings(), "", 0));
            Ok(response)
        }
        Err(problem) => {
            // a provider that does not answer is not the fault of the one who asks
            slow_strangers(&desk.app, &peer, problem.document().code == AUTH_REFUSED.code)?;
            refused(&desk.app, &peer, &problem).await?;
            Err(problem.into())
        }
    }
}

fn provider(app: &App) -> Result<&Provider, Problem> {
    app.oidc().ok_or_else(|| Problem::new(AUTH_REFUSED, "there is no OpenID provider in the settings"))
}

const MINUTES_10: i64 = 600;

/// The path of the answer, below the console.
pub(super) const ANSWER: &str = CALLBACK;
