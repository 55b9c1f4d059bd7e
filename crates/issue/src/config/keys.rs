//! Opening the configured keys: files, or tokens.

use toml::Spanned;

use crate::signer::pkcs11::{Settings, resolve_pin, token_key};
use crate::signer::{BatchSigning, KeyFile, KeyUri, Pkcs11Error, Pkcs11Signer, SecretResolver, Signer, SignerError};
use crate::toml::Mistakes;
use crate::x509::{Certificate, Spki};

use super::error;
use super::files;
use super::schema::{Identity, Key, KeyPlace};

/// Opens the key of a certificate and proves it the certificate's.
pub(super) fn open_certified(
    identity: &Identity,
    settings: &Settings,
    secrets: &dyn SecretResolver,
    errors: &Mistakes<SignerError>,
) -> Option<Box<dyn Signer>> {
    key_of(identity, errors)?;
    let certificate = files::certificate(&identity.certificate, errors)?;
    open_for(identity, &certificate, settings, secrets, errors)
}

/// As [`open_certified`], of a certificate that is not in its place yet.
pub(super) fn open_for(
    identity: &Identity,
    certificate: &Certificate,
    settings: &Settings,
    secrets: &dyn SecretResolver,
    errors: &Mistakes<SignerError>,
) -> Option<Box<dyn Signer>> {
    let key = key_of(identity, errors)?;
    let span = key.place.span();
    let mismatch = |message: String| {
        let hint = "Compare: openssl pkey -in KEY -pubout; openssl x509 -in CERTIFICATE -noout -pubkey; for a token: \
                    examine it";
        errors.push_hint(error::SIGNER_MISMATCH, &span, message, hint)
    };
    let signer = match open((key, identity.batches), Some(certificate.spki()), settings, secrets, errors) {
        Ok(signer) => signer?,
        Err(reason @ SignerError::Pkcs11(Pkcs11Error::KeyMismatch { .. })) => {
            let subject = certificate.subject();
            let what = format!("key of [{}] is not the key of its certificate `{subject}`", identity.section);
            return error::push_signer(errors, (error::SIGNER_MISMATCH, &span), &what, reason);
        }
        Err(reason) => {
            let what = format!("key of [{}]", identity.section);
            return error::push_signer(errors, (error::SIGNER_OPEN, &span), &what, reason);
        }
    };
    let (found, expected) = (signer.public_key(), certificate.spki());
    if (found.algorithm(), found.key()) == (expected.algorithm(), expected.key()) {
        return Some(signer);
    }
    mismatch(format!(
        "key of [{}] is not the key of its certificate `{}` (the key is {}, the certificate's {})",
        identity.section,
        certificate.subject(),
        found.algorithm(),
        expected.algorithm(),
    ))
}

/// Opens a key that has no certificate yet. A token must tell its public half.
pub(super) fn open_bare(
    identity: &Identity,
    settings: &Settings,
    secrets: &dyn SecretResolver,
    errors: &Mistakes<SignerError>,
) -> Option<Box<dyn Signer>> {
    let key = key_of(identity, errors)?;
    match open((key, identity.batches), None, settings, secrets, errors) {
        Ok(signer) => signer,
        Err(reason) => {
            let what = format!("key of [{}]", identity.section);
            error::push_signer(errors, (error::SIGNER_OPEN, &key.place.span()), &what, reason)
        }
    }
}

/// The key that signing needs.
fn key_of<'a>(identity: &'a Identity, errors: &Mistakes<SignerError>) -> Option<&'a Key> {
    identity.key.as_ref().or_else(|| {
        let message = format!("[{}] has no `key`, which signing needs", identity.section);
        errors.push(error::SIGNER_NONE, &identity.header, message)
    })
}

/// `Ok(None)`: a file could not be read, which was noted.
fn open(
    (key, batches): (&Key, BatchSigning),
    expected: Option<&Spki>,
    settings: &Settings,
    secrets: &dyn SecretResolver,
    errors: &Mistakes<SignerError>,
) -> Result<Option<Box<dyn Signer>>, SignerError> {
    let secret = key.secret.as_ref().map(Spanned::get_ref);
    match key.place.get_ref() {
        KeyPlace::File(path) => {
            let Some(content) = files::read(path, &key.place.span(), errors) else { return Ok(None) };
            let file = KeyFile::new(path, content, secret, secrets)?;
            Ok(Some(Box::new(file.open()?.with_batches(batches))))
        }
        KeyPlace::Tokens(uris) => {
            let open = |uri: &KeyUri| {
                let pin = resolve_pin(uri, secret, secrets, settings)?;
                Ok(token_key(uri.clone(), pin)?)
            };
            let keys = uris.iter().map(open).collect::<Result<_, SignerError>>()?;
            Ok(Some(Box::new(Pkcs11Signer::open(keys, expected, settings)?)))
        }
    }
}
