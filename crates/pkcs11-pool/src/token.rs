//! One key in one token: opened, described, and signed with.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use cryptoki::error::{Error, RvError};
use cryptoki::mechanism::MechanismType;
use cryptoki::object::{Attribute, AttributeType, KeyType, ObjectClass, ObjectHandle};
use cryptoki::session::{Session, SessionState, UserType};
use cryptoki::slot::Limit;
use cryptoki::types::RawAuthPin;

use crate::x509::{KeyAlgorithm, SignatureAlgorithm, Spki};
use secrecy::{ExposeSecret as _, SecretSlice};

use crate::Settings;
use crate::error::Pkcs11Error;
use crate::fault::{Fault, Remedy};
use crate::generate;
use crate::locate::{self, Found};
use crate::mechanism::Plan;
use crate::module::{Module, PooledSession};
use crate::public_key;
use crate::uri::KeyUri;
use crate::watchdog::{call, guarded};

/// A private key in a token, shared by the workers that sign with it.
pub(crate) struct Token {
    module: Arc<Module>,
    found: Found,
    uri: KeyUri,
    pin: Arc<Option<SecretSlice<u8>>>,
    name: String,
    /// One thread logs in, the others find it done.
    login: Mutex<()>,
    key: Mutex<Option<(u64, ObjectHandle)>>,
    offered: Vec<MechanismType>,
    public_key: Option<Spki>,
    proved: AtomicBool,
}

impl Token {
    /// Goes from the URI to the key, logs in, and reads what must be known before anything is signed. The session it
    /// opened for that is the first worker's.
    pub(crate) fn open(
        uri: &KeyUri,
        pin: Arc<Option<SecretSlice<u8>>>,
    ) -> Result<(Arc<Self>, Arc<PooledSession>), Fault> {
        let (mut token, seat) = Self::find(uri, pin)?;
        {
            let mut session = seat.lock();
            let session = seat.open(&mut session, false)?;
            let key = token.key(session)?;
            usable(session, key, &token.name)?;
            token.public_key = public_half(session, key, None, &token.name)?;
        }
        Ok((Arc::new(token), seat))
    }

    /// The token alone: its key is not looked for yet.
    fn find(uri: &KeyUri, pin: Arc<Option<SecretSlice<u8>>>) -> Result<(Self, Arc<PooledSession>), Fault> {
        let module = locate::module(uri)?;
        let found = locate::token(&module, uri)?;
        let seat = PooledSession::new(&module, found.slot, true);
        let token = Self {
            name: found.name(),
            uri: uri.clone(),
            pin,
            login: Mutex::default(),
            key: Mutex::default(),
            offered: signing_mechanisms(&module, &found)?,
            public_key: None,
            proved: AtomicBool::new(false),
            module,
            found,
        };
        Ok((token, seat))
    }

    /// A token with a new key that is gone when the seat's session ends, for [`bench`](super::bench()).
    pub(crate) fn with_passing_key(
        uri: &KeyUri,
        pin: Arc<Option<SecretSlice<u8>>>,
        algorithm: KeyAlgorithm,
    ) -> Result<(Arc<Self>, Arc<PooledSession>), Fault> {
        let (mut token, seat) = Self::find(uri, pin)?;
        {
            let mut session = seat.lock();
            let session = seat.open(&mut session, false)?;
            log_in(&token.module, session, &token.found, token.pin.as_ref().as_ref(), &token.login)?;
            let pair = generate::make(session, algorithm, None)?;
            token.public_key = public_half(session, pair.private, Some(pair.public), &token.name)?;
            *token.cached_key() = Some((token.module.generation(), pair.private));
        }
        Ok((Arc::new(token), seat))
    }

    /// How messages name the token.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// The public key that the token itself tells.
    pub(crate) fn public_key(&self) -> Option<&Spki> {
        self.public_key.as_ref()
    }

    /// A further place for a session at this token.
    pub(crate) fn seat(&self) -> Arc<PooledSession> {
        PooledSession::new(&self.module, self.found.slot, false)
    }

    /// Whether the key is known to be the public key's other half, by the token's word or by a signature.
    pub(crate) fn is_proved(&self) -> bool {
        self.proved.load(Ordering::Acquire)
    }

    /// From now on it is known.
    pub(crate) fn set_proved(&self) {
        self.proved.store(true, Ordering::Release);
    }

    /// How many sessions the token will give to this program, if it says so.
    pub(crate) fn session_limit(&self) -> Option<usize> {
        match self.found.info.max_session_count() {
            Limit::Max(limit) => {
                // sessions of other programs count; the token was asked before this program had any
                let others = self.found.info.session_count().unwrap_or(0);
                Some(usize::try_from(limit.saturating_sub(others)).unwrap_or(usize::MAX).max(1))
            }
            Limit::Unavailable | Limit::Infinite => None,
        }
    }

    /// How the token would sign with `algorithm`, which must fit the key.
    pub(crate) fn plan(&self, key: &Spki, algorithm: SignatureAlgorithm) -> Result<Plan, Pkcs11Error> {
        Plan::choose(key.algorithm(), algorithm, &self.offered, &self.name)
    }

    /// Signs one message in the seat's session, which is opened if need be.
    pub(crate) fn sign(&self, seat: &PooledSession, plan: Plan, message: &[u8]) -> Result<Vec<u8>, Fault> {
        let input = plan.input(message);
        let mut session = seat.lock();
        let session = seat.open(&mut session, false)?;
        let key = self.key(session)?;
        let signature = self.module.sign(session, &plan.mechanism(), key, &input)?;
        plan.output(signature, &self.name).map_err(Fault::from)
    }

    /// Opens a session and looks up the key, as a probe whether the token is back.
    pub(crate) fn probe(&self, seat: &PooledSession) -> Result<(), Fault> {
        let mut session = seat.lock();
        let session = seat.open(&mut session, false)?;
        self.key(session).map(drop)
    }

    /// Makes ready for another attempt after a fault.
    pub(crate) fn mend(&self, seat: &PooledSession, remedy: Remedy) {
        if remedy > Remedy::Retry {
            *self.cached_key() = None;
            seat.close();
        }
    }

    /// Starts the library afresh, if no session is in use.
    pub(crate) fn restart(&self) -> Result<bool, Fault> {
        self.module.restart()
    }

    /// The key's handle, looked up once: token objects keep their handle across an application's sessions.
    fn key(&self, session: &Session) -> Result<ObjectHandle, Fault> {
        let generation = self.module.generation();
        let cached = *self.cached_key();
        if let Some((known, key)) = cached
            && known == generation
        {
            return Ok(key);
        }
        log_in(&self.module, session, &self.found, self.pin.as_ref().as_ref(), &self.login)?;
        let key = locate::private_key(session, &self.found, &self.uri)?;
        *self.cached_key() = Some((generation, key));
        Ok(key)
    }

    fn cached_key(&self) -> std::sync::MutexGuard<'_, Option<(u64, ObjectHandle)>> {
        self.key.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Logs the user in unless that has been done, by this or another part of the program.
pub(crate) fn log_in(
    module: &Module,
    session: &Session,
    found: &Found,
    pin: Option<&SecretSlice<u8>>,
    once: &Mutex<()>,
) -> Result<(), Fault> {
    let result = call("C_Login", || {
        let _once = once.lock().unwrap_or_else(PoisonError::into_inner);
        let state = session.get_session_info()?.session_state();
        if matches!(state, SessionState::RoUser | SessionState::RwUser) {
            return Ok(Ok(()));
        }
        let refused = |reason| Ok(Err(Pkcs11Error::Pin { token: found.name(), reason }));
        // a wrong PIN may have changed the flags since the token was found
        let info = module.pkcs11().get_token_info(found.slot)?;
        let Some(pin) = pin else {
            return if info.protected_authentication_path() {
                session.login(UserType::User, None).map(Ok)
            } else if info.login_required() {
                refused("none was given")
            } else {
                Ok(Ok(()))
            };
        };
        if info.user_pin_locked() {
            return refused("it is locked");
        }
        if info.user_pin_final_try() {
            return refused("one more wrong one would lock the token");
        }
        session.login_with_raw(UserType::User, &RawAuthPin::new(Box::new(pin.expose_secret().to_vec()))).map(Ok)
    });
    match result {
        Ok(done) => Ok(done?),
        Err(Error::Pkcs11(RvError::UserAlreadyLoggedIn, _)) => Ok(()),
        Err(other) => Err(other.into()),
    }
}

/// Returns whether the token of `uri` wants a PIN through this program. `false` too if it does not answer: the reason is
/// reported when it is opened.
pub fn wants_pin(uri: &KeyUri, settings: &Settings) -> bool {
    let uri = uri.clone();
    let asked = guarded(settings.call_timeout, move || -> Result<bool, Fault> {
        let module = locate::module(&uri)?;
        let found = locate::token(&module, &uri)?;
        let info = call("C_GetTokenInfo", || module.pkcs11().get_token_info(found.slot))?;
        Ok(info.login_required() && !info.protected_authentication_path())
    });
    matches!(asked, Ok(Ok(true)))
}

/// The mechanisms that the token signs with.
pub(crate) fn signing_mechanisms(module: &Module, found: &Found) -> Result<Vec<MechanismType>, Fault> {
    let pkcs11 = module.pkcs11();
    let mut offered = call("C_GetMechanismList", || pkcs11.get_mechanism_list(found.slot))?;
    offered.retain(|mechanism| {
        let info = call("C_GetMechanismInfo", || pkcs11.get_mechanism_info(found.slot, *mechanism));
        // a token that does not tell is believed to sign with what it lists
        info.map_or(true, |info| info.sign())
    });
    Ok(offered)
}

/// Refuses a key that could not sign a batch.
fn usable(session: &Session, key: ObjectHandle, token: &str) -> Result<(), Fault> {
    let refused = |reason| Err(Fault::from(Pkcs11Error::Attribute { token: token.to_owned(), reason }));
    for attribute in locate::attributes(session, key, &[AttributeType::Sign, AttributeType::AlwaysAuthenticate])? {
        match attribute {
            Attribute::Sign(false) => return refused("its CKA_SIGN is false"),
            Attribute::AlwaysAuthenticate(true) => {
                return refused("its CKA_ALWAYS_AUTHENTICATE is true, which wants the PIN for each signature");
            }
            _ => {}
        }
    }
    Ok(())
}

/// The public half, from its object (`public`, or the one with the same CKA_ID) or from the private key's own
/// attributes. `None` where neither tells it.
pub(crate) fn public_half(
    session: &Session,
    key: ObjectHandle,
    public: Option<ObjectHandle>,
    token: &str,
) -> Result<Option<Spki>, Fault> {
    let wrong = |reason| Pkcs11Error::PublicKey { token: token.to_owned(), reason };
    let (mut kind, mut spki) = (None, None);
    // one by one, so that an unknown one spoils no other
    for wanted in [AttributeType::KeyType, AttributeType::PublicKeyInfo] {
        for attribute in locate::told(session, key, &[wanted])? {
            match attribute {
                Attribute::KeyType(found) => kind = Some(found),
                Attribute::PublicKeyInfo(der) if !der.is_empty() => spki = Spki::from_der(&der).ok(),
                _ => {}
            }
        }
    }
    if spki.is_some() {
        return Ok(spki);
    }
    let public = match public {
        Some(object) => Some(object),
        None => public_object(session, key)?,
    };
    // RSA private keys carry their public numbers (PKCS #11 v3.1 §6.1.3)
    for object in public.into_iter().chain([key]) {
        let spki = match kind {
            Some(KeyType::RSA) => rsa(session, object)?,
            Some(kind) => elliptic(session, object, kind == KeyType::EC_EDWARDS)?,
            None => return Err(wrong("it has no CKA_KEY_TYPE".to_owned()).into()),
        };
        if let Some(spki) = spki {
            return spki.map(Some).map_err(|reason| wrong(reason).into());
        }
    }
    Ok(None)
}

/// The one public key object with the private key's identifier, or where that has none with its label.
fn public_object(session: &Session, key: ObjectHandle) -> Result<Option<ObjectHandle>, Fault> {
    let (label, id) = locate::label_and_id(session, key)?;
    let id = id.filter(|id| !id.is_empty());
    let label = label.filter(|label| id.is_none() && !label.is_empty());
    if id.is_none() && label.is_none() {
        return Ok(None);
    }
    let objects = locate::objects(session, ObjectClass::PUBLIC_KEY, label.as_deref(), id.as_deref())?;
    Ok(<[ObjectHandle; 1]>::try_from(objects).ok().map(|[one]| one))
}

/// A public key, or what is wrong with it.
type Read = Result<Spki, String>;

fn rsa(session: &Session, object: ObjectHandle) -> Result<Option<Read>, Fault> {
    let told = locate::told(session, object, &[AttributeType::Modulus, AttributeType::PublicExponent])?;
    Ok(match &told[..] {
        [Attribute::Modulus(modulus), Attribute::PublicExponent(exponent)]
            if !modulus.is_empty() && !exponent.is_empty() =>
        {
            Some(public_key::rsa(modulus, exponent))
        }
        _ => None,
    })
}

fn elliptic(session: &Session, object: ObjectHandle, edwards: bool) -> Result<Option<Read>, Fault> {
    let told = locate::told(session, object, &[AttributeType::EcParams, AttributeType::EcPoint])?;
    Ok(match &told[..] {
        [Attribute::EcParams(parameters), Attribute::EcPoint(point)] if !point.is_empty() => {
            Some(public_key::elliptic(parameters, point, edwards))
        }
        _ => None,
    })
}
