//! The common name as a cloud's name for a device: fit for it, and no other device's.

use std::collections::HashSet;

use crate::crypto::Sha256;
use crate::delivery::error::DeliveryError;
use crate::text::Printable;
use crate::x509::oid;

use super::{Object, Target};

/// The names given so far in one export, letter case aside where the cloud leaves it aside.
pub(super) struct Names {
    target: Target,
    fold: bool,
    fit: fn(&str) -> bool,
    expected: &'static str,
    /// Half a SHA-256 each: two names are taken for one only if an attacker has searched for such a pair.
    seen: HashSet<[u8; 16]>,
}

impl Names {
    /// AWS IoT thing names (AWS IoT API reference, CreateThing: `[a-zA-Z0-9:_-]+`, 1 to 128).
    pub(super) fn things(target: Target) -> Self {
        let fit = |name: &str| {
            (1..=128).contains(&name.len())
                && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b":_-".contains(&byte))
        };
        let expected = "1 to 128 letters, digits, `:`, `_` and `-` (AWS IoT thing name)";
        Self { target, fold: false, fit, expected, seen: HashSet::new() }
    }

    /// Azure DPS registration ids (X.509 attestation: letters, digits, `-._:`, at most 128, ending in a letter, a digit
    /// or `-`; case-insensitive).
    pub(super) fn registration_ids() -> Self {
        let fit = |name: &str| {
            let ends = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
            (1..=128).contains(&name.len())
                && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._:".contains(&byte))
                && name.bytes().last().is_some_and(ends)
        };
        let expected = "1 to 128 letters, digits and `-`, `.`, `_`, `:`, ending in a letter, a digit or `-` (Azure DPS \
                        registration id)";
        Self { target: Target::AzureDps, fold: true, fit, expected, seen: HashSet::new() }
    }

    /// The name of this object's device.
    pub(super) fn of(&mut self, object: &Object<'_>) -> Result<String, DeliveryError> {
        let unfit = |found: String| DeliveryError::NameUnfit {
            uid: *object.entry.uid(),
            target: self.target.as_str(),
            found,
            expected: self.expected,
        };
        let names: Vec<_> = object.certificate.subject().values(oid::COMMON_NAME).collect();
        let [name] = &names[..] else {
            return Err(unfit(format!("subject with {} common names", names.len())));
        };
        let name = name.text().ok_or_else(|| unfit("common name that is not text".to_owned()))?.into_owned();
        if !(self.fit)(&name) {
            return Err(unfit(format!("common name `{}`", Printable::new(&*name))));
        }
        let mut digest = Sha256::new();
        digest.update(if self.fold { name.to_ascii_lowercase() } else { name.clone() }.as_bytes());
        let digest = digest.finish();
        let half = digest.as_bytes()[..16].try_into().expect("half of 32 bytes");
        if !self.seen.insert(half) {
            let (uid, target) = (*object.entry.uid(), self.target.as_str());
            return Err(DeliveryError::NameTwice { uid, target, name });
        }
        Ok(name)
    }
}
