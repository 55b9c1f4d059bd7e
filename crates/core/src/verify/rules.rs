//! What a policy accepts from a source: family, keys, named relaxations.

use std::fmt;

use crate::x509::KeyAlgorithm;

use super::family::Family;

/// What a policy's `[source]` table accepts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceRules {
    /// The chip family, which fixes the UID rule and the leaf's shape.
    pub family: Family,
    /// Subject public keys that may be re-certified.
    pub keys: Vec<KeyAlgorithm>,
    /// Deviations that are tolerated, sorted, each recorded where it was needed.
    pub relax: Vec<Relaxation>,
}

/// A named deviation from strict intake: off unless the policy names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Relaxation {
    /// The common name's trailing hexadecimal differs from the serial.
    CommonNameMismatch,
    /// The leaf's validity does not contain the instant of verification.
    ExpiredLeaf,
    /// A BOOLEAN FALSE written out.
    ExplicitDefaultBoolean,
    /// Issuer and subject names that differ in letter case only.
    IssuerNameCase,
    /// An ecdsa-with-SHA1 signature.
    Sha1Signature,
    /// An anchor whose name has the whole word TEST or Demo.
    TestAnchor,
    /// A zone dump: the certificate is followed by 00 or FF bytes only.
    TrailingPadding,
}

impl Relaxation {
    /// Every relaxation, in alphabetical order.
    pub const ALL: [Self; 7] = [
        Self::CommonNameMismatch,
        Self::ExpiredLeaf,
        Self::ExplicitDefaultBoolean,
        Self::IssuerNameCase,
        Self::Sha1Signature,
        Self::TestAnchor,
        Self::TrailingPadding,
    ];

    /// The name in policies and manifests.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::CommonNameMismatch => "common-name-mismatch",
            Self::ExpiredLeaf => "expired-leaf",
            Self::ExplicitDefaultBoolean => "explicit-default-boolean",
            Self::IssuerNameCase => "issuer-name-case",
            Self::Sha1Signature => "sha1-signature",
            Self::TestAnchor => "test-anchor",
            Self::TrailingPadding => "trailing-padding",
        }
    }

    /// The relaxation of this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|relaxation| relaxation.as_str() == name)
    }
}

impl fmt::Display for Relaxation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
