//! Logging in with a browser: authorization code flow with PKCE (OpenID Connect Core 1.0 §3.1, RFC 7636).
//!
//! Guarantees: an answer counts once, within ten minutes, in the browser in which the login began, and for the nonce
//! that was sent with it. Nothing of a login is on disk.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use reroot_core::crypto::sha256;
use reroot_core::x509::Sha256Digest;

use super::provider::Provider;
use super::token::Claims;
use crate::problem::{AUTH_PROVIDER, AUTH_REFUSED, Problem};

/// Logins that have begun.
#[derive(Debug, Default)]
pub struct Logins(Mutex<HashMap<Sha256Digest, Waiting>>);

/// What the answer must fit.
#[derive(Debug)]
struct Waiting {
    nonce: String,
    verifier: String,
    since: i64,
}

/// A login that has begun.
#[derive(Clone, Debug)]
pub struct Begun {
    /// Where the browser goes.
    pub url: String,
    /// What the browser must bring back in a cookie: the answer alone could be somebody else's.
    pub state: String,
}

/// What the provider sends the browser back with (RFC 6749 §4.1.2, RFC 9207 §2).
#[derive(Clone, Debug, Default, serde::Deserialize)]
pub struct Answer {
    /// The code.
    pub code: Option<String>,
    /// The state that was sent.
    pub state: Option<String>,
    /// Who answers.
    pub iss: Option<String>,
    /// Why there is no code.
    pub error: Option<String>,
    /// The same in words.
    pub error_description: Option<String>,
}

impl Logins {
    /// Begins a login. `random` is fresh; `now` is in seconds since 1970.
    ///
    /// # Errors
    /// The provider cannot be asked.
    pub fn begin(&self, provider: &Provider, random: &[u8; 96], now: i64) -> Result<Begun, Problem> {
        let document = provider.document()?;
        let settings = provider.settings();
        let mut texts = random.chunks(32).map(|part| URL_SAFE_NO_PAD.encode(part));
        let (Some(state), Some(nonce), Some(verifier)) = (texts.next(), texts.next(), texts.next()) else {
            unreachable!("96 bytes are three times 32");
        };
        let challenge = URL_SAFE_NO_PAD.encode(sha256(verifier.as_bytes()).as_bytes());
        let redirect = settings.redirect_uri();
        let query = form_urlencoded::Serializer::new(String::new())
            .append_pair("response_type", "code")
            .append_pair("client_id", &settings.client_id)
            .append_pair("redirect_uri", &redirect)
            .append_pair("scope", "openid email profile")
            .append_pair("state", &state)
            .append_pair("nonce", &nonce)
            .append_pair("code_challenge", &challenge)
            .append_pair("code_challenge_method", "S256")
            .finish();
        let endpoint = &document.authorization_endpoint;
        let mark = if endpoint.contains('?') { '&' } else { '?' };
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.retain(|_, login| now.saturating_sub(login.since) <= PATIENCE);
        if waiting.len() >= MOST {
            return Err(Problem::new(
                AUTH_PROVIDER,
                "too many logins were started and not ended; try again in a minute",
            ));
        }
        waiting.insert(sha256(state.as_bytes()), Waiting { nonce, verifier, since: now });
        Ok(Begun { url: format!("{endpoint}{mark}{query}"), state })
    }

    /// Ends a login: what the token says. `cookie` is the state that the browser has kept.
    ///
    /// # Errors
    /// The answer does not fit a login of this browser, or the provider or its token does not say who it is.
    pub fn end(&self, provider: &Provider, answer: &Answer, cookie: Option<&str>, now: i64) -> Result<Claims, Problem> {
        let refused = |what: &str| Problem::new(AUTH_REFUSED, what);
        let state = answer.state.as_deref().ok_or_else(|| refused("the answer has no `state`"))?;
        if cookie.map(|cookie| sha256(cookie.as_bytes())) != Some(sha256(state.as_bytes())) {
            return Err(refused("the login began in a different browser, or longer than ten minutes ago: begin again"));
        }
        let waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&sha256(state.as_bytes()));
        let waiting = waiting.filter(|login| now.saturating_sub(login.since) <= PATIENCE);
        let waiting =
            waiting.ok_or_else(|| refused("the login was answered before, or began too long ago: begin again"))?;
        if answer.iss.as_ref().is_some_and(|issuer| *issuer != provider.settings().issuer) {
            return Err(refused("the answer is from a different provider"));
        }
        if let Some(error) = &answer.error {
            let why = answer.error_description.as_deref().unwrap_or("no reason given");
            return Err(refused(&format!("the provider says `{}`: {}", short(error), short(why))));
        }
        let code = answer.code.as_deref().ok_or_else(|| refused("the answer has no `code`"))?;
        let token = provider.exchange(code, &waiting.verifier)?;
        Ok(provider.check(&token, Some(&waiting.nonce), now)?)
    }
}

fn short(text: &str) -> String {
    text.chars().take(200).collect()
}

/// Seconds for which an answer is waited for.
const PATIENCE: i64 = 600;
/// Logins that wait at the same time.
const MOST: usize = 10_000;
