//! Every field of a certificate, decided, not yet encoded.

use crate::origin::Origin;
use crate::x509::{Extension, Name, SerialNumber, SignatureAlgorithm, Spki, Validity};

/// What one certificate will say, but for its issuer and its serial number.
///
/// There is no `Default`: the policy has written every field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObjectTemplate {
    /// The chip and the item it came from.
    pub origin: Origin,
    /// How the serial number is found.
    pub serial: SerialRule,
    /// The algorithm of the issuer's signature.
    pub signature: SignatureAlgorithm,
    /// validity
    pub validity: Validity,
    /// subject
    pub subject: Name,
    /// The source leaf's SubjectPublicKeyInfo as received.
    pub spki: Spki,
    /// Extensions in the order of encoding.
    pub extensions: Vec<Extension>,
    /// What the device that stores the certificate can take.
    pub device: DeviceLimits,
}

/// How a serial number is found (design §8).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SerialRule {
    /// From the batch's seed and the leaf.
    Derived,
    /// The leaf's own.
    Source(SerialNumber),
}

/// What the device that stores the certificate can take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DeviceLimits {
    /// Lint for what ST's host library (STSELib) loads.
    pub stselib: bool,
    /// Size of the zone in octets, if limited.
    pub max_certificate_bytes: Option<u32>,
    /// Sign again until neither r nor s begins with a zero octet.
    pub full_width_signature: bool,
}
