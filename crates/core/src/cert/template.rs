//! Every field of a certificate, decided, not yet encoded.

use crate::origin::Origin;
use crate::x509::{Extension, Name, SerialNumber, SignatureAlgorithm, Spki, Validity};

/// What one certificate will say, but for its issuer and its serial number.
///
/// A bound policy makes it from a verified leaf ([`BoundPolicy::template`](crate::policy::BoundPolicy::template));
/// after that it is only read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObjectTemplate(TemplateFields);

impl ObjectTemplate {
    /// Asserts that the policy has decided every field. Only the policy and tests may say so;
    /// `tests/check/architecture/mod.rs` looks for other callers.
    #[doc(hidden)]
    pub fn assert_decided(fields: TemplateFields) -> Self {
        Self(fields)
    }
}

impl std::ops::Deref for ObjectTemplate {
    type Target = TemplateFields;

    fn deref(&self) -> &TemplateFields {
        &self.0
    }
}

/// Tests of the lint rules change single fields.
#[cfg(test)]
impl std::ops::DerefMut for ObjectTemplate {
    fn deref_mut(&mut self) -> &mut TemplateFields {
        &mut self.0
    }
}

/// The fields of an [`ObjectTemplate`]. There is no `Default`: the policy has written every one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TemplateFields {
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
    /// What the certificate must meet beyond RFC 5280, and where it may deviate.
    pub rules: RuleScope,
}

/// What lints cannot see in the encoding: the rule sets a policy asks for and the one deviation it may allow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RuleScope {
    /// Whether the certificate may be valid outside the issuer's own validity (policy: `outlives_issuer = "allow"`).
    pub may_outlive_issuer: bool,
    /// Rule sets that are checked besides RFC 5280's.
    pub profiles: Profiles,
}

/// A set of [`Profile`]s.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Profiles(u16);

impl Profiles {
    /// No rule set beyond RFC 5280.
    pub const NONE: Self = Self(0);

    /// This set and `profile`.
    #[must_use]
    pub const fn with(self, profile: Profile) -> Self {
        Self(self.0 | 1 << profile as u16)
    }

    /// Whether `profile` is in the set.
    pub const fn has(self, profile: Profile) -> bool {
        self.0 & 1 << profile as u16 != 0
    }
}

/// A consumer or standard whose certificates obey more than RFC 5280.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Profile {
    /// AWS IoT Core.
    AwsIot,
    /// Azure Device Provisioning Service.
    AzureDps,
    /// IEEE 802.1AR DevID.
    DevId,
    /// IEEE 2030.5.
    Ieee2030,
    /// Matter device attestation certificate.
    MatterDac,
}

impl Profile {
    /// Every profile.
    pub const ALL: [Self; 5] = [Self::AwsIot, Self::AzureDps, Self::DevId, Self::Ieee2030, Self::MatterDac];

    /// The name in policies.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::AwsIot => "aws-iot",
            Self::AzureDps => "azure-dps",
            Self::DevId => "devid",
            Self::Ieee2030 => "ieee2030-5",
            Self::MatterDac => "matter-dac",
        }
    }
}

/// How a serial number is found.
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
    /// Size of the zone in bytes, if limited.
    pub max_certificate_bytes: Option<u32>,
    /// Sign again until neither r nor s begins with a zero byte.
    pub full_width_signature: bool,
}
