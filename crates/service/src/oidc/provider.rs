//! What is asked of the provider: its configuration, its keys, and tokens for a code.

use std::fmt::Write as _;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reroot_core::input;
use reroot_core::text::brief;
use reroot_issue::https;
use reroot_issue::signer::Secret;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use ureq::Agent;
use zeroize::Zeroizing;

use super::keys::Keys;
use super::login::Logins;
use super::token::{Claims, Expected, Refused, check};
use crate::error::ServiceError;
use crate::problem::{AUTH_PROVIDER, AUTH_REFUSED, Problem};
use crate::settings::OidcSettings;

/// The provider, and what is known of it.
#[expect(missing_debug_implementations, reason = "holds a secret")]
pub struct Provider {
    settings: OidcSettings,
    secret: Option<Secret>,
    client: Agent,
    known: Mutex<Known>,
    logins: Logins,
}

#[derive(Default)]
struct Known {
    document: Option<Arc<Document>>,
    keys: Option<Arc<Keys>>,
    /// When its keys were asked for last, and when they came, in seconds since 1970.
    asked: i64,
    came: i64,
}

/// The provider's configuration, as far as it is used (OpenID Connect Discovery 1.0 §3).
#[derive(Debug, Deserialize)]
pub struct Document {
    issuer: String,
    /// Where a browser goes to log in.
    pub authorization_endpoint: String,
    token_endpoint: String,
    jwks_uri: String,
    /// Where a browser goes to log out at the provider too (OpenID Connect RP-Initiated Logout 1.0 §2.1).
    pub end_session_endpoint: Option<String>,
}

/// Why nobody could be identified.
#[derive(Debug, thiserror::Error)]
pub enum OidcError {
    /// The provider was not reached, or its answer cannot be used.
    #[error("the OpenID provider cannot be asked: {0}")]
    Provider(String),
    /// The token is not good.
    #[error(transparent)]
    Refused(#[from] Refused),
    /// The provider does not take the code.
    #[error("the OpenID provider refuses the login: {0}")]
    Code(String),
}

impl From<OidcError> for Problem {
    fn from(error: OidcError) -> Self {
        let kind = if matches!(error, OidcError::Provider(_)) { AUTH_PROVIDER } else { AUTH_REFUSED };
        Self::new(kind, error.to_string())
    }
}

impl Provider {
    /// Reads the files that the settings name. The provider itself is asked when it is needed first.
    ///
    /// # Errors
    /// A file cannot be read or used.
    pub fn new(settings: OidcSettings) -> Result<Self, ServiceError> {
        let secret = match &settings.client_secret {
            None => None,
            Some(file) => Some(Secret::read_file(file).map_err(|error| unfit(file, &error))?),
        };
        let file = settings.ca.as_deref().unwrap_or(Path::new(SYSTEM_ROOTS));
        let content = input::read(file).map_err(|error| unfit(file, &error))?;
        let roots: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&content).collect();
        let roots = roots.map_err(|error| unfit(file, &error))?;
        if roots.is_empty() {
            return Err(unfit(file, "it has no certificate in PEM"));
        }
        let client = https::client(roots.iter().map(AsRef::as_ref), PATIENCE);
        Ok(Self { settings, secret, client, known: Mutex::default(), logins: Logins::default() })
    }

    /// Logins that have begun.
    pub fn logins(&self) -> &Logins {
        &self.logins
    }

    /// The settings.
    pub fn settings(&self) -> &OidcSettings {
        &self.settings
    }

    /// Checks an ID token. Where its key is not known the provider is asked once more, not more often than every
    /// half minute: providers change their keys.
    ///
    /// # Errors
    /// The token is not good, or the provider's keys cannot be had.
    pub fn check(&self, token: &str, nonce: Option<&str>, now: i64) -> Result<Claims, OidcError> {
        let OidcSettings { issuer, client_id, skew, .. } = &self.settings;
        let expected = Expected { issuer, client_id, nonce, now, skew: *skew };
        match check(token, &*self.keys(now, false)?, &expected) {
            Err(Refused::UnknownKey(_) | Refused::Signature) => {}
            judged => return Ok(judged?),
        }
        Ok(check(token, &*self.keys(now, true)?, &expected)?)
    }

    /// The provider's configuration. It is kept: who moves endpoints restarts what uses them.
    ///
    /// # Errors
    /// It cannot be had, or is that of a different issuer.
    pub fn document(&self) -> Result<Arc<Document>, OidcError> {
        if let Some(document) = &self.known().document {
            return Ok(Arc::clone(document));
        }
        let issuer = &self.settings.issuer;
        let url = format!("{}/.well-known/openid-configuration", issuer.trim_end_matches('/'));
        let document: Document = json(&url, &self.get(&url)?)?;
        if document.issuer != *issuer {
            let found = brief(&document.issuer);
            return Err(OidcError::Provider(format!("its configuration is that of `{found}`, expected `{issuer}`")));
        }
        let plain = issuer.starts_with("http://");
        let endpoints = [&document.authorization_endpoint, &document.token_endpoint, &document.jwks_uri];
        for endpoint in endpoints.into_iter().chain(&document.end_session_endpoint) {
            if !(endpoint.starts_with("https://") || plain && endpoint.starts_with("http://")) {
                return Err(OidcError::Provider(format!("its endpoint `{}` is not https", brief(endpoint))));
            }
        }
        let document = Arc::new(document);
        self.known().document = Some(Arc::clone(&document));
        Ok(document)
    }

    /// Keys that are at most an hour old, or newer ones if `again` says so. Where the provider does not answer, old ones
    /// are good for a day.
    fn keys(&self, now: i64, again: bool) -> Result<Arc<Keys>, OidcError> {
        {
            let known = self.known();
            let wait = if again { ASK_AGAIN } else { FRESH };
            if let Some(keys) = known.keys.as_ref().filter(|_| now.saturating_sub(known.asked) < wait) {
                return Ok(Arc::clone(keys));
            }
        }
        let came = self.document().and_then(|document| {
            let content = self.get(&document.jwks_uri)?;
            Keys::parse(&content).map_err(|what| OidcError::Provider(format!("`{}`: {what}", document.jwks_uri)))
        });
        let mut known = self.known();
        known.asked = now;
        match (came, &known.keys) {
            (Ok(keys), _) => {
                let keys = Arc::new(keys);
                (known.keys, known.came) = (Some(Arc::clone(&keys)), now);
                Ok(keys)
            }
            (Err(_), Some(keys)) if now.saturating_sub(known.came) < STALE => Ok(Arc::clone(keys)),
            (Err(error), _) => Err(error),
        }
    }

    /// The ID token for a code (RFC 6749 §4.1.3, RFC 7636 §4.5).
    ///
    /// # Errors
    /// The provider cannot be asked, refuses the code, or sends no ID token.
    pub fn exchange(&self, code: &str, verifier: &str) -> Result<String, OidcError> {
        let url = &self.document()?.token_endpoint;
        let redirect = self.settings.redirect_uri();
        let mut form = vec![
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", &redirect),
            ("code_verifier", verifier),
        ];
        let mut request = self.client.post(url).header("Accept", "application/json");
        match &self.secret {
            // RFC 6749 §2.3.1: each half in the encoding of forms
            Some(secret) => {
                let mut pair = Zeroizing::new(encoded(self.settings.client_id.as_bytes()));
                let _ = write!(pair, ":{}", &*Zeroizing::new(encoded(secret.expose())));
                request = request.header("Authorization", format!("Basic {}", STANDARD.encode(pair.as_bytes())));
            }
            None => form.push(("client_id", &self.settings.client_id)),
        }
        let mut answer = request.send_form(form).map_err(|error| unreached(url, &error))?;
        let status = answer.status().as_u16();
        let content = answer.body_mut().with_config().limit(LONGEST_ANSWER).read_to_vec();
        let content = content.map_err(|error| unreached(url, &error))?;
        if status >= 500 {
            return Err(OidcError::Provider(format!("`{url}` answers with status {status}")));
        }
        if status != 200 {
            let why = serde_json::from_slice::<NotToken>(&content).ok();
            let why = why.map_or_else(|| "without a reason".to_owned(), |why| brief(&why.to_string()));
            return Err(OidcError::Code(format!("{why} (status {status})")));
        }
        Ok(json::<Tokens>(url, &content)?.id_token)
    }

    fn get(&self, url: &str) -> Result<Vec<u8>, OidcError> {
        let mut answer = self.client.get(url).call().map_err(|error| unreached(url, &error))?;
        let status = answer.status().as_u16();
        if status != 200 {
            return Err(OidcError::Provider(format!("`{url}` answers with status {status}")));
        }
        answer.body_mut().with_config().limit(LONGEST_ANSWER).read_to_vec().map_err(|error| unreached(url, &error))
    }

    fn known(&self) -> std::sync::MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[derive(Deserialize)]
struct Tokens {
    id_token: String,
}

/// RFC 6749 §5.2.
#[derive(Deserialize)]
struct NotToken {
    error: String,
    error_description: Option<String>,
}

impl std::fmt::Display for NotToken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.error)?;
        self.error_description.as_ref().map_or(Ok(()), |description| write!(f, ": {description}"))
    }
}

fn json<T: DeserializeOwned>(url: &str, content: &[u8]) -> Result<T, OidcError> {
    serde_json::from_slice(content)
        .map_err(|error| OidcError::Provider(format!("`{url}` answers with something else: {error}")))
}

fn unreached(url: &str, error: &ureq::Error) -> OidcError {
    OidcError::Provider(format!("`{url}`: {}", brief(&error.to_string())))
}

fn encoded(text: &[u8]) -> String {
    form_urlencoded::byte_serialize(text).collect()
}

fn unfit(path: &Path, what: &(impl ToString + ?Sized)) -> ServiceError {
    ServiceError::Oidc { path: path.to_owned(), what: what.to_string() }
}

/// Where Debian has the CAs of the web.
const SYSTEM_ROOTS: &str = "/etc/ssl/certs/ca-certificates.crt";
/// How long one question may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// Longest answer, in bytes.
const LONGEST_ANSWER: u64 = 1 << 20;
/// Seconds after which keys are asked for again.
const FRESH: i64 = 3600;
/// Seconds between two questions for a key that is not known.
const ASK_AGAIN: i64 = 30;
/// Seconds for which keys are used when the provider does not answer.
const STALE: i64 = 86_400;
