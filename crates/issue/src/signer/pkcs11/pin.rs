//! Where a PIN comes from when nobody has said so.

use crate::signer::{KeyUri, Secret, SecretError, SecretResolver, SecretSource, SignerError};

use super::Settings;
use super::fault::Fault;
use super::locate;
use super::watchdog::{call, guarded};

/// The PIN for the token of `uri`: from `source`; without one from whoever is there, if the token wants a PIN and the
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
        Some(source) => Ok(Some(source.resolve(&format!("`{uri}`"), resolver)?)),
    }
}

fn ask(uri: &KeyUri, resolver: &dyn SecretResolver) -> Result<Secret, SecretError> {
    let purpose = format!("`{uri}`");
    match resolver.prompt(&format!("PIN for {purpose}")) {
        Ok(text) => Secret::new(text.into_bytes(), "prompt"),
        Err(source) => Err(SecretError::Prompt { purpose, source }),
    }
}

/// Whether the token wants a PIN through this program. What keeps it from answering is for whoever opens it to tell.
fn wants_pin(uri: &KeyUri, settings: &Settings) -> bool {
    let uri = uri.clone();
    let asked = guarded(settings.call_timeout, move || -> Result<bool, Fault> {
        let module = locate::module(&uri)?;
        let found = locate::token(&module, &uri)?;
        let info = call("C_GetTokenInfo", || module.pkcs11().get_token_info(found.slot))?;
        Ok(info.login_required() && !info.protected_authentication_path())
    });
    matches!(asked, Ok(Ok(true)))
}
