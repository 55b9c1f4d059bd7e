//! Key identifiers (RFC 5280 §4.2.1.1, §4.2.1.2).

use std::fmt;

/// The content of a subjectKeyIdentifier or of the keyIdentifier in an authorityKeyIdentifier.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct KeyIdentifier(Box<[u8]>);

impl KeyIdentifier {
    /// Wraps the bytes inside the OCTET STRING.
    pub fn new(bytes: impl Into<Box<[u8]>>) -> Self {
        Self(bytes.into())
    }

    /// The bytes inside the OCTET STRING.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Display for KeyIdentifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(&self.0))
    }
}

impl fmt::Debug for KeyIdentifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyIdentifier({self})")
    }
}
