//! Object identifiers as texts of a policy.

use der::asn1::ObjectIdentifier;

use crate::policy::error;
use crate::text::Printable;
use crate::toml::Value;

/// Reads a dotted object identifier.
pub(super) fn read(value: &Value<'_>) -> Option<ObjectIdentifier> {
    let text = value.string()?;
    parse(text).or_else(|| {
        let message = format!(
            "`{}` is \"{}\", expected an object identifier such as 1.3.6.1.4.1.32473.1",
            value.path,
            Printable::new(text)
        );
        value.error(error::OID, message)
    })
}

/// The object identifier that a dotted text means; only its canonical spelling.
pub(super) fn parse(text: &str) -> Option<ObjectIdentifier> {
    ObjectIdentifier::new(text).ok().filter(|oid| oid.to_string() == text)
}
