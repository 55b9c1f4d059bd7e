//! From a URI to one token and one key (RFC 7512 §2.3): what the URI gives must match, what it leaves open may be
//! anything, and more than one match is an error that lists them.

use std::sync::Arc;

use cryptoki::object::{Attribute, AttributeType, ObjectClass, ObjectHandle};
use cryptoki::session::Session;
use cryptoki::slot::{Slot, SlotInfo, TokenInfo};

use crate::text::brief;

use crate::error::Pkcs11Error;
use crate::fault::{Fault, Remedy};
use crate::module::Module;
use crate::uri::KeyUri;
use crate::watchdog::call;

/// A token in a slot.
pub(crate) struct Found {
    pub(crate) slot: Slot,
    pub(crate) info: TokenInfo,
}

impl Found {
    /// How messages name the token.
    pub(crate) fn name(&self) -> String {
        format!("token `{}` in slot {}", brief(self.info.label()), self.slot)
    }

    /// The URI that names this token alone.
    pub(crate) fn uri(&self, module_path: Option<&std::path::Path>) -> KeyUri {
        KeyUri {
            token: Some(self.info.label().to_owned()).filter(|label| !label.is_empty()),
            serial: Some(self.info.serial_number().to_owned()).filter(|serial| !serial.is_empty()),
            slot_id: Some(self.slot.id()),
            module_path: module_path.map(ToOwned::to_owned),
            ..KeyUri::default()
        }
    }
}

/// Loads the URI's module.
pub(crate) fn module(uri: &KeyUri) -> Result<Arc<Module>, Fault> {
    match &uri.module_path {
        Some(path) => Module::load(path),
        None => Err(Pkcs11Error::ModuleMissing { uri: uri.to_string() }.into()),
    }
}

/// The tokens of a module.
pub(crate) struct Tokens {
    /// Those that are set up, with their slots.
    pub(crate) found: Vec<(Found, SlotInfo)>,
    /// Why one could not be asked.
    pub(crate) trouble: Option<Fault>,
}

/// The tokens that a module sees.
pub(crate) fn tokens(module: &Module) -> Result<Tokens, Fault> {
    let pkcs11 = module.pkcs11();
    let slots = call("C_GetSlotList", || pkcs11.get_slots_with_token())?;
    let (mut found, mut trouble) = (Vec::with_capacity(slots.len()), None);
    for slot in slots {
        let token = call("C_GetTokenInfo", || pkcs11.get_token_info(slot));
        match token.and_then(|info| Ok((info, call("C_GetSlotInfo", || pkcs11.get_slot_info(slot))?))) {
            Ok((info, slot_info)) if info.token_initialized() => found.push((Found { slot, info }, slot_info)),
            Ok(_) => {}
            // one slot's trouble is not its neighbours'
            Err(error) => trouble = Some(Fault::from(error)),
        }
    }
    Ok(Tokens { found, trouble })
}

/// The one token the URI names.
pub(crate) fn token(module: &Module, uri: &KeyUri) -> Result<Found, Fault> {
    let Tokens { found: all, trouble } = tokens(module)?;
    let uris = |tokens: &[(Found, SlotInfo)]| tokens.iter().map(|(token, _)| token.uri(None).to_string()).collect();
    let here = uris(&all);
    let mut matching: Vec<_> = all.into_iter().filter(|(token, slot)| matches(uri, token, slot)).collect();
    match matching.len() {
        1 => Ok(matching.swap_remove(0).0),
        // the one that was not able to answer may be it
        0 if trouble.is_some() => Err(trouble.expect("it is some")),
        0 => Err(Pkcs11Error::NotFound { what: "token", uri: uri.to_string(), found: here }.into()),
        _ => Err(Pkcs11Error::Ambiguous { what: "token", uri: uri.to_string(), candidates: uris(&matching) }.into()),
    }
}

fn matches(uri: &KeyUri, token: &Found, slot: &SlotInfo) -> bool {
    // CK_TOKEN_INFO pads with blanks, so blanks at the end mean nothing
    let text = |wanted: &Option<String>, found: &str| {
        wanted.as_ref().is_none_or(|wanted| wanted.trim_end_matches(' ') == found.trim_end_matches(' '))
    };
    let info = &token.info;
    text(&uri.token, info.label())
        && text(&uri.manufacturer, info.manufacturer_id())
        && text(&uri.model, info.model())
        && text(&uri.serial, info.serial_number())
        && text(&uri.slot_description, slot.slot_description())
        && text(&uri.slot_manufacturer, slot.manufacturer_id())
        && uri.slot_id.is_none_or(|wanted| wanted == token.slot.id())
}

/// The one private key of the logged-in token that the URI names.
pub(crate) fn private_key(session: &Session, token: &Found, uri: &KeyUri) -> Result<ObjectHandle, Fault> {
    let mut matching = objects(session, ObjectClass::PRIVATE_KEY, uri.object.as_deref(), uri.id.as_deref())?;
    match matching.len() {
        1 => Ok(matching.swap_remove(0)),
        0 => {
            let all = objects(session, ObjectClass::PRIVATE_KEY, None, None)?;
            let found = describe(session, token, &all)?;
            Err(Pkcs11Error::NotFound { what: "private key", uri: uri.to_string(), found }.into())
        }
        _ => {
            let candidates = describe(session, token, &matching)?;
            Err(Pkcs11Error::Ambiguous { what: "private key", uri: uri.to_string(), candidates }.into())
        }
    }
}

/// The objects of a class with this label and identifier, where given.
pub(crate) fn objects(
    session: &Session,
    class: ObjectClass,
    label: Option<&str>,
    id: Option<&[u8]>,
) -> Result<Vec<ObjectHandle>, Fault> {
    let mut template = vec![Attribute::Class(class)];
    template.extend(label.map(|label| Attribute::Label(label.as_bytes().to_vec())));
    template.extend(id.map(|id| Attribute::Id(id.to_vec())));
    Ok(call("C_FindObjects", || session.find_objects(&template))?)
}

/// URIs of keys, each naming one.
fn describe(session: &Session, token: &Found, keys: &[ObjectHandle]) -> Result<Vec<String>, Fault> {
    let mut uris = Vec::with_capacity(keys.len());
    for key in keys {
        let (label, id) = label_and_id(session, *key)?;
        let label = label.filter(|label| !label.is_empty());
        uris.push(KeyUri { object: label, id: id.filter(|id| !id.is_empty()), ..token.uri(None) }.to_string());
    }
    Ok(uris)
}

/// CKA_LABEL (if it is text) and CKA_ID.
pub(crate) fn label_and_id(session: &Session, key: ObjectHandle) -> Result<(Option<String>, Option<Vec<u8>>), Fault> {
    let (mut label, mut id) = (None, None);
    for attribute in attributes(session, key, &[AttributeType::Label, AttributeType::Id])? {
        match attribute {
            Attribute::Label(bytes) => label = String::from_utf8(bytes).ok(),
            Attribute::Id(bytes) => id = Some(bytes),
            _ => {}
        }
    }
    Ok((label, id))
}

/// Those of the attributes that the token tells.
pub(crate) fn attributes(
    session: &Session,
    object: ObjectHandle,
    wanted: &[AttributeType],
) -> Result<Vec<Attribute>, Fault> {
    Ok(call("C_GetAttributeValue", || session.get_attributes(object, wanted))?)
}

/// As [`attributes`], where a token that refuses the question for an attribute it does not know has told nothing.
pub(crate) fn told(session: &Session, object: ObjectHandle, wanted: &[AttributeType]) -> Result<Vec<Attribute>, Fault> {
    match attributes(session, object, wanted) {
        Err(fault) if fault.remedy == Remedy::Stop => Ok(Vec::new()),
        other => other,
    }
}
