//! What fills the placeholders: once for a batch, then for every leaf.

use std::borrow::Cow;
use std::collections::BTreeMap;

use crate::verify::VerifiedLeaf;
use crate::x509::{Certificate, KeyIdentifier};

use super::value::{MAX_COMMON_NAME, Variable};

/// What is the same for all leaves of a batch.
#[derive(Clone, Debug)]
pub(super) struct BatchValues<'a> {
    pub(super) batch: &'a str,
    pub(super) issued_at: String,
    pub(super) params: &'a BTreeMap<String, String>,
    pub(super) issuer_key_identifier: Option<&'a KeyIdentifier>,
}

impl BatchValues<'_> {
    /// The variable's value, if the batch knows it.
    pub(super) fn value(&self, variable: &Variable) -> Option<Vec<u8>> {
        match variable {
            Variable::Batch => Some(self.batch.into()),
            Variable::IssuedAt => Some(self.issued_at.clone().into()),
            // that there is one was checked before
            Variable::IssuerKeyIdentifier => {
                Some(self.issuer_key_identifier.map_or(vec![], |id| id.as_bytes().to_vec()))
            }
            Variable::Param(name) => Some(self.params[name].clone().into()),
            _ => None,
        }
    }
}

/// What differs from leaf to leaf.
#[derive(Clone, Debug)]
pub(super) struct LeafValues<'a> {
    pub(super) uid: &'a [u8],
    pub(super) source_sha256: [u8; 32],
    /// The SubjectPublicKeyInfo.
    pub(super) spki: LeafKey<'a>,
    /// The value of its BIT STRING.
    pub(super) key: &'a [u8],
    pub(super) name: SourceName<'a>,
}

/// The SubjectPublicKeyInfo, as far as it is known.
#[derive(Clone, Copy, Debug)]
pub(super) enum LeafKey<'a> {
    /// All of it.
    Der(&'a [u8]),
    /// Its SHA-256, which is what the ledger has of it.
    Sha256([u8; 32]),
}

impl LeafKey<'_> {
    pub(super) fn sha256(&self) -> [u8; 32] {
        match self {
            Self::Der(der) => *crate::crypto::sha256(der).as_bytes(),
            Self::Sha256(digest) => *digest,
        }
    }
}

/// Where the source's common name comes from; it is only looked for if a policy uses it.
#[derive(Clone, Copy, Debug)]
pub(super) enum SourceName<'a> {
    /// A real leaf.
    Leaf(&'a Certificate),
    /// A sample that is used in place of a real leaf.
    Sample(&'a str),
}

/// A value of a leaf that cannot be copied into a certificate.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Unfit {
    /// Control characters in the source's common name.
    #[error("source leaf's common name has control characters, which no certificate copies")]
    ControlCharacters,
    /// Longer than ub-common-name.
    #[error("source leaf's common name has {found} characters, at most {MAX_COMMON_NAME} are copied (ub-common-name)")]
    Long {
        /// Characters found.
        found: usize,
    },
    /// None, or none that is text.
    #[error("source leaf has no common name in a readable string type, but the policy copies it")]
    Missing,
    /// A space at an end, which comparisons of names drop or keep as they like.
    #[error("source leaf's common name begins or ends with a space, which no certificate copies")]
    OuterSpace,
}

impl<'a> LeafValues<'a> {
    /// For contents that need no leaf.
    pub(super) const NONE: Self =
        Self { uid: &[], source_sha256: [0; 32], spki: LeafKey::Der(&[]), key: &[], name: SourceName::Sample("") };

    /// The values of a verified leaf.
    pub(super) fn of(leaf: &'a VerifiedLeaf) -> Self {
        Self {
            uid: leaf.uid().as_bytes(),
            source_sha256: *leaf.origin().fingerprint.as_bytes(),
            spki: LeafKey::Der(leaf.spki().der()),
            key: leaf.spki().key(),
            name: SourceName::Leaf(leaf.certificate()),
        }
    }

    /// The leaf's last common name, fit to be copied.
    pub(super) fn common_name(&self) -> Result<Cow<'a, str>, Unfit> {
        let name: Cow<'a, str> = match self.name {
            SourceName::Sample(name) => name.into(),
            SourceName::Leaf(certificate) => certificate.subject().common_name().ok_or(Unfit::Missing)?.into(),
        };
        match name.chars().count() {
            0 => Err(Unfit::Missing),
            1..=MAX_COMMON_NAME if name.chars().any(char::is_control) => Err(Unfit::ControlCharacters),
            1..=MAX_COMMON_NAME if name.starts_with(' ') || name.ends_with(' ') => Err(Unfit::OuterSpace),
            1..=MAX_COMMON_NAME => Ok(name),
            found => Err(Unfit::Long { found }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// No leaf that was verified has such a name, so that no command prints these texts.
    #[test]
    fn names_that_the_verifier_refuses_have_their_texts_on_the_page_of_errors() {
        let texts = include_str!("../../../../tests/errors/inside.txt");
        for (name, error) in [("ControlCharacters", Unfit::ControlCharacters), ("Long", Unfit::Long { found: 65 })] {
            assert!(texts.contains(&format!("# core: Unfit::{name}\n{error}\n")), "{name}: {error}");
        }
    }
}
