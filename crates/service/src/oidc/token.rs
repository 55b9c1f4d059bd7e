//! ID tokens: JWTs that say who somebody is (RFC 7519; OpenID Connect Core 1.0 §2 and §3.1.3.7).

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use serde_json::{Map, Value};
use subtle::ConstantTimeEq as _;

use super::keys::{Algorithm, Keys};

/// What a token must say.
#[derive(Clone, Copy, Debug)]
pub struct Expected<'a> {
    /// Its issuer, byte for byte.
    pub issuer: &'a str,
    /// For whom it is.
    pub client_id: &'a str,
    /// The nonce of the login that it answers; none where it was not asked for by this service.
    pub nonce: Option<&'a str>,
    /// The instant, in seconds since 1970.
    pub now: i64,
    /// Seconds by which clocks may differ.
    pub skew: i64,
}

/// What a good token says.
#[derive(Clone, Debug, PartialEq)]
pub struct Claims(Map<String, Value>);

impl Claims {
    #[cfg(test)]
    pub(crate) fn of(claims: Value) -> Self {
        Self(serde_json::from_value(claims).unwrap())
    }

    /// A claim that is a text which is not empty.
    pub fn text(&self, claim: &str) -> Option<&str> {
        self.0.get(claim).and_then(Value::as_str).filter(|text| !text.is_empty())
    }

    /// A claim that is a text or a list of texts.
    pub fn texts(&self, claim: &str) -> Vec<&str> {
        match self.0.get(claim) {
            Some(Value::String(text)) => vec![text],
            Some(Value::Array(items)) => items.iter().filter_map(Value::as_str).collect(),
            _ => vec![],
        }
    }

    /// Whether a claim is `true`.
    pub fn is_true(&self, claim: &str) -> bool {
        self.0.get(claim) == Some(&Value::Bool(true))
    }
}

/// Why a token is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// It is not a signed JWT.
    #[error("the ID token is malformed: {0}")]
    Malformed(String),
    /// Signed in a way that is not taken.
    #[error("the ID token is signed with `{0}`, expected ES256 or RS256")]
    Algorithm(String),
    /// The provider does not publish the key. It may be a new one.
    #[error("the provider has no key {}", .0.as_ref().map_or_else(|| "for the ID token".to_owned(), |id| format!("`{id}`")))]
    UnknownKey(Option<String>),
    /// The signature is wrong.
    #[error("the signature of the ID token is wrong")]
    Signature,
    /// A claim is absent or has the wrong type.
    #[error("the ID token has no usable claim `{0}`")]
    Claim(&'static str),
    /// Issued by somebody else.
    #[error("the ID token is from `{found}`, expected `{expected}`")]
    Issuer {
        /// The token's.
        found: String,
        /// The configured one.
        expected: String,
    },
    /// For somebody else.
    #[error("the ID token is not for this service: {0}")]
    Audience(String),
    /// It has ended.
    #[error("the ID token ended {0} s ago")]
    Expired(i64),
    /// It begins later, or was issued in the future.
    #[error("the ID token is from the future by {0} s: do the clocks differ?")]
    Early(i64),
    /// It answers another login.
    #[error("the ID token answers a different login")]
    Nonce,
}

#[derive(Deserialize)]
struct Header {
    alg: String,
    kid: Option<String>,
    crit: Option<Value>,
}

/// Checks a token, and returns what it says.
///
/// # Errors
/// It is not a token that the issuer has signed for this client, or not valid now.
pub fn check(token: &str, keys: &Keys, expected: &Expected<'_>) -> Result<Claims, Refused> {
    let malformed = |what: &str| Refused::Malformed(what.to_owned());
    if token.len() > LONGEST {
        return Err(malformed("longer than 16 KiB"));
    }
    let parts: Vec<&str> = token.split('.').collect();
    let [header, payload, signature] = parts[..] else { return Err(malformed("not three parts")) };
    let decode = |part: &str| URL_SAFE_NO_PAD.decode(part).map_err(|_| malformed("a part is not base64url"));
    let parsed: Header =
        serde_json::from_slice(&decode(header)?).map_err(|_| malformed("the header is not that of a JWS"))?;
    if parsed.crit.is_some() {
        return Err(malformed("the header has critical extensions"));
    }
    let algorithm =
        Algorithm::of(&parsed.alg).ok_or_else(|| Refused::Algorithm(parsed.alg.chars().take(32).collect()))?;
    let signature = decode(signature)?;
    let signed = &token.as_bytes()[..header.len() + 1 + payload.len()];
    if !keys.has(algorithm, parsed.kid.as_deref()) {
        return Err(Refused::UnknownKey(parsed.kid.map(|id| id.chars().take(64).collect())));
    }
    if !keys.verify(algorithm, parsed.kid.as_deref(), signed, &signature) {
        return Err(Refused::Signature);
    }
    let claims: Map<String, Value> =
        serde_json::from_slice(&decode(payload)?).map_err(|_| malformed("the payload is not an object"))?;
    let claims = Claims(claims);
    claims.check(expected)?;
    Ok(claims)
}

impl Claims {
    fn check(&self, expected: &Expected<'_>) -> Result<(), Refused> {
        let issuer = self.text("iss").ok_or(Refused::Claim("iss"))?;
        if issuer != expected.issuer {
            let found = issuer.chars().take(200).collect();
            return Err(Refused::Issuer { found, expected: expected.issuer.to_owned() });
        }
        let audience = self.texts("aud");
        if !audience.contains(&expected.client_id) {
            let found: String = audience.join(", ").chars().take(200).collect();
            return Err(Refused::Audience(format!("it is for `{found}`, expected `{}`", expected.client_id)));
        }
        let party = self.text("azp");
        if audience.len() > 1 && party.is_none() || party.is_some_and(|party| party != expected.client_id) {
            return Err(Refused::Audience("`azp` names a different client, or none of several".to_owned()));
        }
        self.text("sub").ok_or(Refused::Claim("sub"))?;
        let ends = self.seconds("exp")?.ok_or(Refused::Claim("exp"))?;
        if ends.saturating_add(expected.skew) <= expected.now {
            return Err(Refused::Expired(expected.now.saturating_sub(ends)));
        }
        let issued = self.seconds("iat")?.ok_or(Refused::Claim("iat"))?;
        for begins in [Some(issued), self.seconds("nbf")?].into_iter().flatten() {
            if begins > expected.now.saturating_add(expected.skew) {
                return Err(Refused::Early(begins.saturating_sub(expected.now)));
            }
        }
        match (expected.nonce, self.text("nonce")) {
            (None, _) => Ok(()),
            (Some(nonce), Some(found)) if bool::from(nonce.as_bytes().ct_eq(found.as_bytes())) => Ok(()),
            _ => Err(Refused::Nonce),
        }
    }

    /// A claim that is a number of seconds since 1970; a fraction is cut off.
    fn seconds(&self, claim: &'static str) -> Result<Option<i64>, Refused> {
        let Some(value) = self.0.get(claim) else { return Ok(None) };
        #[expect(clippy::cast_possible_truncation, reason = "the range is checked")]
        let of_fraction = || value.as_f64().filter(|seconds| seconds.abs() < 1e15).map(|seconds| seconds as i64);
        value.as_i64().or_else(of_fraction).map(Some).ok_or(Refused::Claim(claim))
    }
}

/// Longest token that is looked at, in bytes.
const LONGEST: usize = 16 * 1024;
