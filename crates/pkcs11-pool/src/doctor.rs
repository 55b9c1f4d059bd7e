//! Goes through a token step by step and says what works. Signs nothing.

use std::sync::{Arc, Mutex, PoisonError};

use cryptoki::object::{Attribute, AttributeType};
use cryptoki::slot::Limit;
use secrecy::SecretSlice;

use crate::text::{Printable, brief};
use crate::x509::{SignatureAlgorithm, Spki};

use crate::error::Pkcs11Error;
use crate::fault::Fault;
use crate::mechanism::Plan;
use crate::module::{Module, PooledSession};
use crate::open::TokenKey;
use crate::token::{log_in, public_half, signing_mechanisms};
use crate::uri::KeyUri;
use crate::watchdog::{call, guarded};
use crate::{Settings, locate};

/// What [`doctor`] found.
#[derive(Clone, Debug)]
pub struct DoctorReport {
    /// The steps in order, all of them; those behind the first failure are skipped.
    pub steps: Vec<DoctorStep>,
    /// The public key, where the token tells it.
    pub public_key: Option<Spki>,
}

/// One step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DoctorStep {
    /// `load`, `slots`, `token`, `login`, `key`, `attributes`, `mechanisms` or `sessions`.
    pub name: &'static str,
    /// How it went.
    pub outcome: Outcome,
}

/// How a step went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It failed; there is no use in the following ones.
    Failed {
        /// What went wrong.
        message: String,
        /// What to do about it.
        hint: Option<String>,
        /// URIs to choose from, where one names several tokens or keys.
        candidates: Vec<String>,
    },
    /// It worked; what was seen, a fact a line.
    Passed(Vec<String>),
    /// Not tried.
    Skipped,
}

impl DoctorReport {
    /// Whether every step passed.
    pub fn is_healthy(&self) -> bool {
        self.steps.iter().all(|step| matches!(step.outcome, Outcome::Passed(_)))
    }
}

/// Examines the token and key of a URI. Failures are steps of the report; it makes no signature, and at most one login.
pub fn doctor(key: TokenKey, settings: &Settings) -> DoctorReport {
    let TokenKey { uri, pin } = key;
    let name = format!("`{uri}`");
    let seen = Arc::new(Mutex::new(Seen::default()));
    let examined = {
        let seen = Arc::clone(&seen);
        guarded(settings.call_timeout, move || examine(&uri, pin.as_ref(), &seen))
    };
    let failure = match examined {
        Ok(Ok(())) => None,
        Ok(Err(fault)) => Some(fault.at(&name, 1)),
        Err(overdue) => Some(Fault::hang(overdue, settings.call_timeout, &name)),
    };
    let seen = std::mem::take(&mut *seen.lock().unwrap_or_else(PoisonError::into_inner));
    let mut outcomes: Vec<Outcome> = seen.passed.into_iter().map(Outcome::Passed).collect();
    outcomes.extend(failure.map(failed));
    outcomes.resize(STEPS.len(), Outcome::Skipped);
    let steps = STEPS.into_iter().zip(outcomes).map(|(name, outcome)| DoctorStep { name, outcome }).collect();
    DoctorReport { steps, public_key: seen.public_key }
}

fn failed(error: Pkcs11Error) -> Outcome {
    let hint = error.check();
    match error {
        Pkcs11Error::Ambiguous { what, uri, candidates } => {
            let message = format!("`{uri}` names {} {what}s, expected one", candidates.len());
            Outcome::Failed { message, hint, candidates }
        }
        other => Outcome::Failed { message: other.to_string(), hint, candidates: vec![] },
    }
}

const STEPS: [&str; 8] = ["load", "slots", "token", "login", "key", "attributes", "mechanisms", "sessions"];

/// What was seen so far: kept where a hanging call cannot take it away.
#[derive(Default)]
struct Seen {
    passed: Vec<Vec<String>>,
    public_key: Option<Spki>,
}

fn examine(uri: &KeyUri, pin: Option<&SecretSlice<u8>>, seen: &Mutex<Seen>) -> Result<(), Fault> {
    let pass = |facts: Vec<String>| seen.lock().unwrap_or_else(PoisonError::into_inner).passed.push(facts);
    let module = locate::module(uri)?;
    pass(library(&module)?);

    let tokens = locate::tokens(&module)?.found;
    let uris = tokens.iter().map(|(token, _)| token.uri(None).to_string());
    pass(uris.chain(tokens.is_empty().then(|| "no token that is set up".to_owned())).collect());

    let token = locate::token(&module, uri)?;
    let info = &token.info;
    let limit = match info.max_session_count() {
        Limit::Max(most) => most.to_string(),
        Limit::Infinite => "no limit".to_owned(),
        Limit::Unavailable => "not told".to_owned(),
    };
    let text = |name: &str, value: &str| format!("{name}: {}", brief(value));
    pass(vec![
        token.name(),
        text("manufacturer", info.manufacturer_id()),
        text("model", info.model()),
        text("serial", info.serial_number()),
        format!("firmware: {}", info.firmware_version()),
        format!("most sessions: {limit}"),
    ]);

    let seat = PooledSession::new(&module, token.slot, true);
    let mut held = seat.lock();
    let session = seat.open(&mut held, false)?;
    log_in(&module, session, &token, pin, &Mutex::new(()))?;
    pass(vec![if pin.is_some() { "logged in with the PIN" } else { "no PIN was needed" }.to_owned()]);

    let key = locate::private_key(session, &token, uri)?;
    let (label, id) = locate::label_and_id(session, key)?;
    let spki = public_half(session, key, None, &token.name())?;
    pass(vec![
        format!("CKA_LABEL: {}", label.map_or_else(|| "none".to_owned(), |label| brief(&label))),
        format!("CKA_ID: {}", id.map_or_else(|| "none".to_owned(), hex::encode)),
        match &spki {
            Some(spki) => format!("public key: {}, {}", spki.algorithm(), hex::encode(spki.key())),
            None => {
                "public key: the token does not return it; the certificate's is used and proved by the first signature"
                    .to_owned()
            }
        },
        "nothing was signed: that the private key is the public key's other half shows in the first signature"
            .to_owned(),
    ]);
    seen.lock().unwrap_or_else(PoisonError::into_inner).public_key.clone_from(&spki);

    let mut facts = Vec::new();
    for wanted in ATTRIBUTES {
        // one by one, so that an unknown one spoils no other
        let found = locate::told(session, key, &[wanted])?;
        facts.push(fact(wanted, found.first()));
        match found.first() {
            Some(Attribute::Sign(false)) => {
                return Err(Pkcs11Error::Attribute { token: token.name(), reason: "its CKA_SIGN is false" }.into());
            }
            Some(Attribute::AlwaysAuthenticate(true)) => {
                let reason = "its CKA_ALWAYS_AUTHENTICATE is true, which wants the PIN for each signature";
                return Err(Pkcs11Error::Attribute { token: token.name(), reason }.into());
            }
            _ => {}
        }
    }
    pass(facts);

    let offered = signing_mechanisms(&module, &token)?;
    let mut facts = Vec::new();
    let mut lacking = None;
    if let Some(spki) = &spki {
        let algorithms = SignatureAlgorithm::ALL
            .into_iter()
            .filter(|algorithm| algorithm.fits(spki.algorithm()) && !algorithm.is_over_sha1());
        for algorithm in algorithms {
            match Plan::choose(spki.algorithm(), algorithm, &offered, &token.name()) {
                Ok(plan) => facts.push(format!("{algorithm}: {}", plan.mechanism().mechanism_type())),
                Err(error) => lacking = Some(error),
            }
        }
    }
    match lacking {
        Some(error) if facts.is_empty() => return Err(error.into()),
        _ => facts.extend(offered.iter().map(|mechanism| format!("offered for signing: {mechanism}"))),
    }
    pass(facts);

    pass(vec![count_sessions(&module, &token)]);
    Ok(())
}

fn library(module: &Module) -> Result<Vec<String>, Fault> {
    let info = call("C_GetInfo", || module.pkcs11().get_library_info())?;
    Ok(vec![
        format!("module: {}", Printable::new(module.path())),
        format!("library: {}", brief(info.library_description())),
        format!("manufacturer: {}", brief(info.manufacturer_id())),
        format!("version: {}, PKCS#11 {}", info.library_version(), info.cryptoki_version()),
    ])
}

fn fact(wanted: AttributeType, found: Option<&Attribute>) -> String {
    let value = match found {
        Some(
            Attribute::Local(value)
            | Attribute::AlwaysSensitive(value)
            | Attribute::NeverExtractable(value)
            | Attribute::Sensitive(value)
            | Attribute::Extractable(value)
            | Attribute::Sign(value)
            | Attribute::AlwaysAuthenticate(value)
            | Attribute::Token(value)
            | Attribute::Private(value)
            | Attribute::Decrypt(value)
            | Attribute::Unwrap(value)
            | Attribute::Derive(value),
        ) => value.to_string(),
        _ => "not told".to_owned(),
    };
    format!("{wanted}: {value}")
}

/// The first three are what a token says about where the key comes from: made in it, and never outside.
const ATTRIBUTES: [AttributeType; 12] = [
    AttributeType::Local,
    AttributeType::AlwaysSensitive,
    AttributeType::NeverExtractable,
    AttributeType::Sensitive,
    AttributeType::Extractable,
    AttributeType::Sign,
    AttributeType::AlwaysAuthenticate,
    AttributeType::Token,
    AttributeType::Private,
    AttributeType::Decrypt,
    AttributeType::Unwrap,
    AttributeType::Derive,
];

/// Opens sessions beside the one that is open, as workers would.
fn count_sessions(module: &Arc<Module>, token: &locate::Found) -> String {
    let mut seats = Vec::new();
    let refused = loop {
        if seats.len() + 1 == SESSIONS_TRIED {
            break None;
        }
        let seat = PooledSession::new(module, token.slot, false);
        match seat.open(&mut seat.lock(), false) {
            Ok(_) => {}
            Err(fault) => break Some(fault),
        }
        seats.push(seat);
    };
    let opened = seats.len() + 1;
    match refused {
        None => format!("{opened} sessions at a time work; more were not tried"),
        Some(fault) => format!("{opened} sessions at a time work; of the next one, {}", fault.at(&token.name(), 1)),
    }
}

const SESSIONS_TRIED: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn candidates_stand_apart_from_the_message() {
        let candidates = ["pkcs11:token=a", "pkcs11:token=b"].map(str::to_owned).to_vec();
        let error = Pkcs11Error::Ambiguous { what: "token", uri: "pkcs11:".to_owned(), candidates: candidates.clone() };
        let Outcome::Failed { message, hint, candidates: found } = failed(error) else { panic!("it failed") };
        assert_eq!((message.as_str(), found), ("`pkcs11:` names 2 tokens, expected one", candidates));
        assert!(hint.is_some_and(|hint| hint.starts_with("Use one of these URIs")));
    }
}
