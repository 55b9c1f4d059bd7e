//! Where the keys of a new CA are made: in files, or in a token that never lets them go.

use crate::signer::pkcs11::{NewTokenKey, Pkcs11Signer, Settings, generate, token_key};
use crate::signer::{self, FileSigner, GeneratedKey, KeyEncryption, KeyUri, Secret, Signer, SignerError};
use crate::x509::{KeyAlgorithm, Spki};

use super::CaError;
use super::init::{NewSecret, NewSecrets, RANDOM_BYTES, ROOT, STEMS};

/// A token to make keys in.
#[derive(Clone, Debug)]
pub struct TokenPlace<'a> {
    /// Module and token. `object` is what the labels of the keys begin with, `reroot` without it; there is no `id`.
    pub uri: &'a KeyUri,
    /// How to treat the token.
    pub settings: &'a Settings,
}

impl TokenPlace<'_> {
    /// # Errors
    /// The URI names one key by its identifier.
    pub(super) fn check(&self) -> Result<(), CaError> {
        match &self.uri.id {
            Some(id) => Err(CaError::TokenId { id: hex::encode(id) }),
            None => Ok(()),
        }
    }

    /// The URI of the key with this number.
    fn key(&self, random: &[u8; RANDOM_BYTES], number: usize) -> KeyUri {
        let begin = self.uri.object.as_deref().unwrap_or("reroot");
        let label = format!("{begin}-{}", STEMS[number]);
        KeyUri { object: Some(label), id: Some(part(random, number)[..8].to_vec()), ..self.uri.clone() }
    }
}

/// A new key.
#[derive(Debug)]
pub(super) enum NewKey {
    /// In a file that is to be written.
    File(GeneratedKey),
    /// In a token.
    Token {
        /// By this it is found.
        uri: Box<KeyUri>,
        /// How its token is treated.
        settings: Box<Settings>,
        /// Its public half.
        spki: Spki,
    },
}

impl NewKey {
    /// Makes keys; each has a number that says which of the random bytes are its own.
    pub(super) fn make(
        wanted: &[(usize, KeyAlgorithm)],
        token: Option<&TokenPlace<'_>>,
        secrets: &NewSecrets<'_>,
        random: &[u8; RANDOM_BYTES],
    ) -> Result<Vec<Self>, SignerError> {
        let Some(token) = token else {
            let file = |(number, kind): &(usize, KeyAlgorithm)| {
                let own = part(random, *number);
                let encryption = secrets.of(*number).map(|new| KeyEncryption {
                    secret: new.secret,
                    salt: own[..16].try_into().expect("16 bytes"),
                    iv: own[16..].try_into().expect("16 bytes"),
                });
                Ok(Self::File(signer::generate(*kind, encryption.as_ref())?))
            };
            return wanted.iter().map(file).collect();
        };
        let uris: Vec<KeyUri> = wanted.iter().map(|(number, _)| token.key(random, *number)).collect();
        let keys: Vec<NewTokenKey> = wanted
            .iter()
            .zip(&uris)
            .map(|((_, kind), uri)| NewTokenKey {
                algorithm: *kind,
                label: uri.object.clone().unwrap_or_default(),
                id: uri.id.clone().unwrap_or_default(),
            })
            .collect();
        // one token, one PIN
        let place = token_key(token.uri.clone(), copy(secrets.of(ROOT))?)?;
        let public_halves = generate(place, &keys, token.settings)?;
        let made = uris.into_iter().zip(public_halves).map(|(uri, spki)| Self::Token {
            uri: Box::new(uri),
            settings: Box::new(token.settings.clone()),
            spki,
        });
        Ok(made.collect())
    }

    /// What the configuration calls the place of the key with this number.
    pub(super) fn place(token: Option<&TokenPlace<'_>>, random: &[u8; RANDOM_BYTES], number: usize) -> String {
        match token {
            None => format!("ca/{}.key.pem", STEMS[number]),
            Some(token) => token.key(random, number).to_string(),
        }
    }

    /// The public half.
    pub(super) fn spki(&self) -> &Spki {
        match self {
            Self::File(key) => &key.spki,
            Self::Token { spki, .. } => spki,
        }
    }

    /// Returns the URI of a key on a token. The key stays there even if making the CA fails.
    pub(super) fn uri(&self) -> Option<&KeyUri> {
        match self {
            Self::File(_) => None,
            Self::Token { uri, .. } => Some(uri),
        }
    }

    /// Opens the key from the very place where it will be found: one that would not open is found before anything is
    /// signed.
    pub(super) fn open(&self, secret: Option<NewSecret<'_>>) -> Result<Box<dyn Signer>, SignerError> {
        match self {
            Self::File(key) => Ok(Box::new(FileSigner::open(key.pem.as_bytes(), secret.map(|new| new.secret))?)),
            Self::Token { uri, settings, spki } => {
                let key = token_key((**uri).clone(), copy(secret)?)?;
                Ok(Box::new(Pkcs11Signer::open(vec![key], Some(spki), settings)?))
            }
        }
    }
}

/// The random bytes that belong to one key, besides its certificate's serial number.
fn part(random: &[u8; RANDOM_BYTES], number: usize) -> &[u8] {
    &random[48 * number + 16..][..32]
}

/// The PIN once more: each use of a token keeps its own, for as long as it may have to log in again.
fn copy(secret: Option<NewSecret<'_>>) -> Result<Option<Secret>, SignerError> {
    Ok(secret.map(|new| Secret::new(new.secret.expose().to_vec(), "the caller")).transpose()?)
}
