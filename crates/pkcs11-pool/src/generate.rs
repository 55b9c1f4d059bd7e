//! Keys made inside a token, never to leave it.

use std::sync::Mutex;
use std::time::Duration;

use cryptoki::error::{Error, RvError};
use cryptoki::mechanism::Mechanism;
use cryptoki::object::{Attribute, AttributeType, ObjectClass, ObjectHandle};
use cryptoki::session::Session;

use crate::text::brief;
use crate::x509::tlv::{element, tag};
use crate::x509::{KeyAlgorithm, Spki, oid};

use crate::Settings;
use crate::error::Pkcs11Error;
use crate::fault::Fault;
use crate::locate;
use crate::module::PooledSession;
use crate::open::TokenKey;
use crate::token::{log_in, public_half};
use crate::watchdog::{call, guarded};

/// A key to be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewTokenKey {
    /// Its kind.
    pub algorithm: KeyAlgorithm,
    /// CKA_LABEL of both halves.
    pub label: String,
    /// CKA_ID of both halves.
    pub id: Vec<u8>,
}

/// Makes key pairs in the token that `key`'s URI names (its `object` and `id` are not read) and returns the public
/// halves. A private half is CKA_TOKEN, CKA_PRIVATE, CKA_SENSITIVE, not CKA_EXTRACTABLE, and signs; both halves have
/// the label and identifier by which they are found again. All are made or none: what was made before one failed is
/// destroyed again, in the session that made it.
///
/// # Errors
/// An object with one of the labels or identifiers exists, a kind of key is not made in tokens, or the token fails.
/// After a call that hung, and where the token refuses to destroy, a key may have been made.
pub fn generate(key: TokenKey, wanted: &[NewTokenKey], settings: &Settings) -> Result<Vec<Spki>, Pkcs11Error> {
    let TokenKey { uri, pin } = key;
    let name = format!("`{uri}`");
    let wanted = wanted.to_vec();
    // making a long RSA key takes a token minutes
    let limit = settings.call_timeout.max(GENERATION);
    let made = guarded(limit, move || -> Result<Vec<Spki>, Fault> {
        let module = locate::module(&uri)?;
        let found = locate::token(&module, &uri)?;
        let seat = PooledSession::new(&module, found.slot, true);
        let mut session = seat.lock();
        let session = seat.open(&mut session, true)?;
        log_in(&module, session, &found, pin.as_ref(), &Mutex::new(()))?;
        let names = |key: &NewTokenKey| Names { label: key.label.clone(), id: key.id.clone() };
        for key in &wanted {
            names(key).refuse_if_taken(session, &found.name())?;
        }
        let (mut pairs, mut public_halves) = (Vec::with_capacity(wanted.len()), Vec::with_capacity(wanted.len()));
        for key in &wanted {
            let made = make(session, key.algorithm, Some(&names(key))).and_then(|pair| {
                pairs.push(pair);
                check_confined(session, pair.private, &found.name())?;
                let unknown = || {
                    let reason = "the token does not tell the public half of the key it has made".to_owned();
                    Fault::from(Pkcs11Error::PublicKey { token: found.name(), reason })
                };
                public_half(session, pair.private, Some(pair.public), &found.name())?.ok_or_else(unknown)
            });
            match made {
                Ok(spki) => public_halves.push(spki),
                Err(fault) => {
                    for half in pairs.iter().flat_map(|pair| [pair.private, pair.public]) {
                        // the first failure is the one to tell
                        let _ = call("C_DestroyObject", || session.destroy_object(half));
                    }
                    return Err(fault);
                }
            }
        }
        Ok(public_halves)
    });
    match made {
        Ok(Ok(spki)) => Ok(spki),
        Ok(Err(fault)) => Err(fault.at(&name, 1)),
        Err(overdue) => Err(Fault::hang(overdue, limit, &name)),
    }
}

/// By what a key is found again.
pub(crate) struct Names {
    label: String,
    id: Vec<u8>,
}

impl Names {
    fn refuse_if_taken(&self, session: &Session, token: &str) -> Result<(), Fault> {
        for class in [ObjectClass::PRIVATE_KEY, ObjectClass::PUBLIC_KEY] {
            let exists = |what| Err(Fault::from(Pkcs11Error::Exists { token: token.to_owned(), what }));
            if !locate::objects(session, class, Some(&self.label), None)?.is_empty() {
                return exists(format!("label `{}`", brief(&self.label)));
            }
            if !locate::objects(session, class, None, Some(&self.id))?.is_empty() {
                return exists(format!("identifier {}", hex::encode(&self.id)));
            }
        }
        Ok(())
    }
}

/// The two halves of a key.
#[derive(Clone, Copy)]
pub(crate) struct Pair {
    pub(crate) public: ObjectHandle,
    pub(crate) private: ObjectHandle,
}

/// Makes a key pair: permanently in the token with `names`, in the session only without.
pub(crate) fn make(session: &Session, algorithm: KeyAlgorithm, names: Option<&Names>) -> Result<Pair, Fault> {
    let stays = Attribute::Token(names.is_some());
    let mut public = vec![stays.clone(), Attribute::Private(false), Attribute::Verify(true)];
    let mut private = vec![
        stays,
        Attribute::Private(true),
        Attribute::Sensitive(true),
        Attribute::Extractable(false),
        Attribute::Sign(true),
    ];
    for template in [&mut public, &mut private] {
        template.extend(names.map(|names| Attribute::Label(names.label.clone().into_bytes())));
        template.extend(names.map(|names| Attribute::Id(names.id.clone())));
    }
    if !matches!(algorithm, KeyAlgorithm::Rsa { .. }) {
        private.push(Attribute::Derive(false));
    }
    let named = |curve: der::asn1::ObjectIdentifier| element(tag::OBJECT_IDENTIFIER, &[curve.as_bytes()]);
    // PKCS #11 v3.1 §6.3.5 has the name, RFC 8410 the identifier; tokens know one or both
    let edwards = [element(tag::PRINTABLE_STRING, &[b"edwards25519"]), named(oid::ED25519)];
    let (mechanism, parameters) = match algorithm {
        KeyAlgorithm::P256 | KeyAlgorithm::P384 | KeyAlgorithm::P521 => {
            (Mechanism::EccKeyPairGen, algorithm.curve().map(named).into_iter().collect())
        }
        KeyAlgorithm::Ed25519 => (Mechanism::EccEdwardsKeyPairGen, edwards.to_vec()),
        KeyAlgorithm::Rsa { bits: bits @ 2048..=4096 } => {
            public.push(Attribute::ModulusBits(u64::from(bits).into()));
            public.push(Attribute::PublicExponent(vec![1, 0, 1]));
            private.extend([Attribute::Decrypt(false), Attribute::Unwrap(false)]);
            (Mechanism::RsaPkcsKeyPairGen, Vec::new())
        }
        key => return Err(Pkcs11Error::Generate { key }.into()),
    };
    let generate = |parameters: Option<&Vec<u8>>| {
        let parameters: Vec<Attribute> =
            parameters.map(|bytes| Attribute::EcParams(bytes.clone())).into_iter().collect();
        let public = [&public[..], &parameters].concat();
        let pair = call("C_GenerateKeyPair", || session.generate_key_pair(&mechanism, &public, &private));
        pair.map(|(public, private)| Pair { public, private })
    };
    let (last, others) = parameters.split_last().map_or((None, &[][..]), |(last, others)| (Some(last), others));
    for parameters in others {
        match generate(Some(parameters)) {
            Err(Error::Pkcs11(
                RvError::AttributeValueInvalid
                | RvError::CurveNotSupported
                | RvError::DomainParamsInvalid
                | RvError::GeneralError
                | RvError::TemplateInconsistent,
                _,
            )) => {}
            other => return Ok(other?),
        }
    }
    Ok(generate(last)?)
}

/// A token that ignores what it was asked for is not believed.
fn check_confined(session: &Session, key: ObjectHandle, token: &str) -> Result<(), Fault> {
    let reason = |reason| Err(Fault::from(Pkcs11Error::Attribute { token: token.to_owned(), reason }));
    for attribute in locate::attributes(session, key, &[AttributeType::Sensitive, AttributeType::Extractable])? {
        match attribute {
            Attribute::Sensitive(false) => return reason("it was made with CKA_SENSITIVE false against our template"),
            Attribute::Extractable(true) => {
                return reason("it was made with CKA_EXTRACTABLE true against our template");
            }
            _ => {}
        }
    }
    Ok(())
}

const GENERATION: Duration = Duration::from_secs(300);
