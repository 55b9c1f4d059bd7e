//! How a request shows who asks.
//!
//! It shows a client certificate ([`certificate`]), a token ([`token`]), an ID token of an OpenID provider ([`oidc`]), the
//! cookie of a session ([`session`]: the console asks with its principal), or a secret of this one run of the program
//! ([`Passing`](crate::principal::Passing), for demonstrations). The connection is trusted to say which certificate was
//! verified.

pub mod certificate;
mod cidr;
pub mod oidc;
pub mod session;
pub mod token;
pub mod users;

use axum::extract::FromRequestParts;
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;

use crate::app::App;
use crate::principal::{Peer, Principal};
use crate::problem::{AUTH_MISSING, AUTH_REFUSED, Problem};

impl FromRequestParts<App> for Principal {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        // the guard has asked already
        if let Some(principal) = parts.extensions.get::<Self>() {
            return Ok(principal.clone());
        }
        let peer = parts.extensions.get::<Peer>().cloned().unwrap_or_default();
        let bearer = parts.headers.get(AUTHORIZATION).map(|value| {
            let text = value.to_str().ok().and_then(|text| text.strip_prefix("Bearer "));
            text.map(|text| text.trim().to_owned())
        });
        match (bearer, peer.certificate.clone()) {
            (Some(Some(secret)), _) => match app.passing().find(&secret) {
                Some(principal) => Ok(principal),
                None => app.blocking(move |app| of_bearer(app, &secret, &peer)).await,
            },
            (Some(None), _) => Err(Problem::new(AUTH_REFUSED, "the Authorization header is not `Bearer TOKEN`")),
            (None, Some(certificate)) => app.blocking(move |app| certificate::principal(app, &certificate)).await,
            (None, None) => Err(Problem::new(AUTH_MISSING, "there is neither a token nor a client certificate")),
        }
    }
}

/// An ID token has two dots; a token of ours has none.
fn of_bearer(app: &App, secret: &str, peer: &Peer) -> Result<Principal, Problem> {
    if secret.contains('.') { oidc::principal(app, secret) } else { token::principal(app, secret, peer) }
}
