//! The signer over one or several tokens that hold the same key.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use secrecy::SecretSlice;

use crate::crypto::PublicKey;
use crate::x509::{SignatureAlgorithm, Spki};

use crate::error::Pkcs11Error;
use crate::fault::{Fault, Remedy};
use crate::mechanism::Plan;
use crate::module::PooledSession;
use crate::pool::Pool;
use crate::token::Token;
use crate::tuner::Tuner;
use crate::uri::KeyUri;
use crate::watchdog::{Held, guarded};
use crate::{MOST_SESSIONS, Settings};

/// The place of one copy of a key, and what opens it.
#[derive(Debug)]
pub struct TokenKey {
    /// Module, token and object. Its pin-source is not read.
    pub uri: KeyUri,
    /// The user PIN. `None`: the token has a PIN pad, or wants no login.
    pub pin: Option<SecretSlice<u8>>,
}

/// Signs with a private key that never leaves its tokens.
pub struct Pkcs11Signer {
    pool: Held<Arc<Pool>>,
    public_key: Spki,
    tuner: Mutex<Tuner>,
}

impl Pkcs11Signer {
    /// Opens one key in one or several tokens, which then share the work and stand in for one another.
    ///
    /// `expected` is the public key of the certificate. A token that tells another one is refused; of a token that
    /// tells none, the first signature must verify under it before another one is made. Without `expected` the token
    /// must tell.
    ///
    /// Of several tokens some may be out of reach, see [`failures`](Self::failures).
    ///
    /// # Errors
    /// A URI names no or several tokens or keys, a PIN is missing or refused, a key cannot sign, the public keys
    /// differ, or no token can be reached.
    pub fn open(keys: Vec<TokenKey>, expected: Option<&Spki>, settings: &Settings) -> Result<Self, Pkcs11Error> {
        let (mut tokens, mut failures) = (Held::new(Vec::new(), settings.call_timeout), Vec::new());
        for TokenKey { uri, pin } in keys {
            match open_token(&uri, pin, settings) {
                Ok(token) => tokens.push(token),
                Err((error, Remedy::Stop)) => return Err(error),
                Err((error, _)) => failures.push(error),
            }
        }
        let told = tokens.iter().find_map(|(token, _)| token.public_key().cloned());
        let Some(public_key) = expected.cloned().or(told) else {
            let nobody = |(token, _): &(Arc<Token>, _)| Pkcs11Error::PublicKey {
                token: token.name().to_owned(),
                reason: "it holds no public key object, and no certificate was given".to_owned(),
            };
            let first = tokens.first().map(nobody).or_else(|| only(failures));
            return Err(first.unwrap_or(Pkcs11Error::AllFailed { failures: Vec::new() }));
        };
        if tokens.is_empty() {
            return Err(only(failures).unwrap_or(Pkcs11Error::AllFailed { failures: Vec::new() }));
        }
        for (token, _) in tokens.iter() {
            match token.public_key() {
                Some(found) if *found == public_key => token.set_proved(),
                Some(_) => {
                    let reason = "the token's public key object is another one".to_owned();
                    return Err(Pkcs11Error::KeyMismatch { token: token.name().to_owned(), reason });
                }
                None => {}
            }
        }
        let verifier = PublicKey::from_spki(&public_key).map_err(|reason| Pkcs11Error::PublicKey {
            token: tokens[0].0.name().to_owned(),
            reason: reason.to_string(),
        })?;
        let limit = tokens.iter().map(|(token, _)| token.session_limit().unwrap_or(MOST_SESSIONS)).max().unwrap_or(1);
        let tuner = match settings.sessions {
            Some(sessions) => Tuner::fixed(sessions.get()),
            None => Tuner::new(limit.min(MOST_SESSIONS)),
        };
        let pool = Pool::new(tokens.into_inner(), verifier, settings.clone(), failures);
        let pool = Held::new(pool, settings.call_timeout);
        Ok(Self { pool, public_key, tuner: Mutex::new(tuner) })
    }

    /// The failures of tokens that are not used any more, while others still sign. To be told to the operator.
    pub fn failures(&self) -> Vec<Pkcs11Error> {
        self.pool.failures()
    }

    /// Sessions per token in use, or to be used next.
    pub fn sessions(&self) -> usize {
        self.tuner().active()
    }

    fn plans(&self, algorithm: SignatureAlgorithm) -> Result<Arc<[Plan]>, Pkcs11Error> {
        let key = self.public_key.algorithm();
        if !algorithm.fits(key) || algorithm.is_over_sha1() {
            return Err(Pkcs11Error::Algorithm { key, algorithm });
        }
        self.pool.tokens().iter().map(|token| token.plan(&self.public_key, algorithm)).collect()
    }

    fn tuner(&self) -> std::sync::MutexGuard<'_, Tuner> {
        self.tuner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Pkcs11Signer {
    /// Returns the key's public half.
    pub fn public_key(&self) -> &Spki {
        &self.public_key
    }

    /// Checks whether every token of the pool can make signatures of `algorithm` with this key. Nothing is signed.
    ///
    /// # Errors
    /// The algorithm does not fit the key, or a token lacks it.
    pub fn can_sign(&self, algorithm: SignatureAlgorithm) -> Result<(), Pkcs11Error> {
        self.plans(algorithm).map(drop)
    }

    /// Signs each message in order and appends the signatures to `signatures`. Messages are not hashed yet.
    ///
    /// # Errors
    /// A message cannot be signed. Signatures made before it are in `signatures`, in order.
    pub fn sign(
        &self,
        algorithm: SignatureAlgorithm,
        messages: &[&[u8]],
        signatures: &mut Vec<Vec<u8>>,
    ) -> Result<(), Pkcs11Error> {
        let plans = self.plans(algorithm)?;
        let mut rest = messages;
        while !rest.is_empty() {
            let (sessions, length) = {
                let tuner = self.tuner();
                (tuner.active(), tuner.slice(rest.len()))
            };
            let (slice, after) = rest.split_at(length);
            let started = Instant::now();
            let (signed, failure) = self.pool.run(sessions, algorithm, Arc::clone(&plans), slice);
            signatures.extend(signed);
            if let Some(error) = failure {
                return Err(error);
            }
            self.tuner().learn(length, started.elapsed());
            rest = after;
        }
        Ok(())
    }
}

/// Closes every session and finalises the library, except past a call that hangs.
impl Drop for Pkcs11Signer {
    fn drop(&mut self) {
        self.pool.shut_down();
    }
}

impl std::fmt::Debug for Pkcs11Signer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let tokens = self.pool.tokens().iter().map(|token| token.name());
        f.debug_tuple("Pkcs11Signer").field(&tokens.collect::<Vec<_>>()).field(&self.public_key).finish()
    }
}

/// Opens a token, again after pauses while that may help. The remedy tells whether the fault is one of configuration.
fn open_token(
    uri: &KeyUri,
    pin: Option<SecretSlice<u8>>,
    settings: &Settings,
) -> Result<(Arc<Token>, Arc<PooledSession>), (Pkcs11Error, Remedy)> {
    let name = format!("`{uri}`");
    let pin = Arc::new(pin);
    let mut attempt = 1;
    loop {
        let opened = {
            let (uri, pin) = (uri.clone(), Arc::clone(&pin));
            guarded(settings.call_timeout, move || Token::open(&uri, pin))
        };
        let fault = match opened {
            Ok(Ok(token)) => return Ok(token),
            Ok(Err(fault)) => fault,
            Err(overdue) => return Err((Fault::hang(overdue, settings.call_timeout, &name), Remedy::NextToken)),
        };
        if fault.remedy == Remedy::Stop || attempt > settings.retries {
            let remedy = fault.remedy;
            return Err((fault.at(&name, attempt), remedy));
        }
        settings.pause(attempt);
        attempt += 1;
    }
}

fn only(mut failures: Vec<Pkcs11Error>) -> Option<Pkcs11Error> {
    match failures.len() {
        0 | 1 => failures.pop(),
        _ => Some(Pkcs11Error::AllFailed { failures }),
    }
}
