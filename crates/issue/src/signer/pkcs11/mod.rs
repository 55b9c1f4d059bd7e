//! Keys in PKCS#11 tokens: the pool of crate `pkcs11-pool` as a [`Signer`], and the sources of its PINs.

mod report;

pub use pkcs11_pool::{
    Bench, BenchKey, BenchReport, BenchRow, DoctorReport, DoctorStep, NewTokenKey, Outcome, Pkcs11Error, Pkcs11Signer,
    Settings, TokenKey, bench, doctor, generate, hanging_calls, leave,
};

pub use report::{Examined, Measured};

use pkcs11_pool::wants_pin;

use crate::x509::{SignatureAlgorithm, Spki};

use super::secret::{PASSPHRASE, PIN_FOR};
use super::{KeyUri, Secret, SecretError, SecretResolver, SecretSource, Signer, SignerError};

impl Signer for Pkcs11Signer {
    fn public_key(&self) -> &Spki {
        Pkcs11Signer::public_key(self)
    }

    fn check_algorithm(&self, algorithm: SignatureAlgorithm) -> Result<(), SignerError> {
        Ok(self.can_sign(algorithm)?)
    }

    fn notes(&self) -> Vec<String> {
        self.failures().iter().map(ToString::to_string).collect()
    }

    fn sign_batch(
        &self,
        algorithm: SignatureAlgorithm,
        messages: &[&[u8]],
        signatures: &mut Vec<Vec<u8>>,
    ) -> Result<(), SignerError> {
        Ok(self.sign(algorithm, messages, signatures)?)
    }
}

/// Returns a key with its PIN: the one given, or else the content of the URI's pin-source. With neither, the token has a
/// PIN pad, or wants no login.
///
/// # Errors
/// The pin-source cannot be read.
pub fn token_key(uri: KeyUri, pin: Option<Secret>) -> Result<TokenKey, SecretError> {
    let pin = match (pin, &uri.pin_source) {
        (Some(pin), _) => Some(pin),
        (None, Some(path)) => Some(Secret::read_file(path).map_err(SecretError::of_a_pin)?),
        (None, None) => None,
    };
    Ok(TokenKey { uri, pin: pin.map(Secret::into_inner) })
}

/// Returns the PIN for the token of `uri`: from `source`; without one, from a prompt, if the token wants a PIN and the
/// URI names no pin-source. `None`: the pin-source has it, the token has a PIN pad, or it wants none.
///
/// # Errors
/// The PIN cannot be had from there.
pub fn resolve_pin(
    uri: &KeyUri,
    source: Option<&SecretSource>,
    resolver: &dyn SecretResolver,
    settings: &Settings,
) -> Result<Option<Secret>, SignerError> {
    match source {
        None if uri.pin_source.is_some() || !wants_pin(uri, settings) => Ok(None),
        None | Some(SecretSource::Prompt) => Ok(Some(ask(uri, resolver)?)),
        Some(source) => Ok(Some(source.resolve(&format!("`{uri}`"), resolver).map_err(SecretError::of_a_pin)?)),
    }
}

/// A token has one PIN for all its keys, so the question names the token and not the key.
fn ask(uri: &KeyUri, resolver: &dyn SecretResolver) -> Result<Secret, SecretError> {
    let token = KeyUri { object: None, id: None, ..uri.clone() };
    let purpose = format!("`{token}`");
    let answer = match resolver.prompt(&format!("{PIN_FOR}{purpose}")) {
        Ok(text) => Secret::new(text.into_bytes(), "prompt"),
        Err(source) => Err(SecretError::Prompt { what: PASSPHRASE, purpose, source }),
    };
    answer.map_err(SecretError::of_a_pin)
}
