//! Placeholders: a closed set of typed values and filters, compiled once when the policy is loaded.

use std::collections::BTreeMap;

use crate::crl::Shards;
use crate::verify::{Family, Parts};

use super::shape::{CharSet, Shape};

/// What a placeholder is replaced with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Variable {
    /// The batch id.
    Batch,
    /// The number of the chip's CRL; none without `[revocation]`.
    CrlShard(Option<Shards>),
    /// The batch's instant.
    IssuedAt,
    /// The issuing CA's key identifier, as bytes. Has no name in policies.
    IssuerKeyIdentifier,
    /// An operator-supplied parameter.
    Param(String),
    /// The UID's last two bytes.
    ProductId,
    /// SHA-1 or a shortened SHA-256 of the public key, as bytes. Has no name in policies.
    SubjectKeyIdentifier(KeyIdentifierMethod),
    /// The leaf's last common name.
    SourceCommonName,
    /// The leaf's serial number.
    SourceSerial,
    /// SHA-256 of the leaf.
    SourceSha256,
    /// SHA-256 of the SubjectPublicKeyInfo.
    SpkiSha256,
    /// The UID's last nine bytes.
    StNumber,
    /// The UID.
    Uid,
    /// The ST number's first seven bytes.
    Unique,
}

/// How a subjectKeyIdentifier is made of the public key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum KeyIdentifierMethod {
    /// RFC 5280 §4.2.1.2 (1): SHA-1 of the BIT STRING's value.
    Rfc5280Sha1,
    /// RFC 7093 §2 (1): the leftmost 160 bits of its SHA-256.
    Rfc7093Sha256,
}

/// A step that changes a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Filter {
    /// Hexadecimal text to its bytes.
    Bytes,
    /// ASCII letters to lower case.
    Lower,
    /// Characters (or bytes) from `from` up to, not including, `to`.
    Slice {
        /// First kept.
        from: usize,
        /// First not kept.
        to: usize,
    },
    /// ASCII letters to upper case.
    Upper,
}

/// The longest common name a policy copies from a source leaf (ub-common-name, RFC 5280 appendix A).
pub(super) const MAX_COMMON_NAME: usize = 64;

/// The built-in placeholders by name, with what they are.
pub(super) const BUILT_IN: &[(&str, Variable, &str)] = &[
    ("batch", Variable::Batch, "the batch id, a UUID in lower case"),
    (
        "crl_shard",
        Variable::CrlShard(None),
        "the number of the chip's CRL, decimal with leading zeros; only with `[revocation]`",
    ),
    ("issued_at", Variable::IssuedAt, "the batch's instant, RFC 3339 in UTC"),
    ("product_id", Variable::ProductId, "the UID's last 2 bytes, upper-case hexadecimal; stsafe-a only"),
    ("source.common_name", Variable::SourceCommonName, "the leaf's last common name, at most 64 characters"),
    ("source.serial", Variable::SourceSerial, "the leaf's serial number, upper-case hexadecimal"),
    ("source.sha256", Variable::SourceSha256, "SHA-256 of the leaf, lower-case hexadecimal"),
    ("spki.sha256", Variable::SpkiSha256, "SHA-256 of the SubjectPublicKeyInfo, lower-case hexadecimal"),
    ("st_number", Variable::StNumber, "the UID's last 9 bytes, upper-case hexadecimal; stsafe-a only"),
    ("uid", Variable::Uid, "the chip's UID, upper-case hexadecimal: 22 digits for stsafe-a, 18 for stsafe-l"),
    ("unique", Variable::Unique, "the ST number's first 7 bytes, upper-case hexadecimal; stsafe-a only"),
];

/// The filters with what they do.
pub(super) const FILTERS: &[(&str, &str)] = &[
    ("bytes", "the bytes that hexadecimal text stands for; only where bytes may stand"),
    ("lower", "ASCII letters in lower case"),
    ("slice(a,b)", "characters a to b, counted from 0, b not included; every value must be that long"),
    ("upper", "ASCII letters in upper case"),
];

/// What placeholders may stand for in one policy, and what their values are like.
#[derive(Clone, Debug)]
pub(super) struct Vocabulary {
    /// The policy's chip family; none if `[source]` could not be read, then `stsafe-a` is assumed.
    pub(super) family: Option<Family>,
    /// Number of CRLs, if the policy has `[revocation]`.
    pub(super) shards: Option<Shards>,
    /// Declared parameters.
    pub(super) params: BTreeMap<String, Shape>,
}

impl Vocabulary {
    /// Every name a placeholder may have.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        BUILT_IN.iter().map(|(name, ..)| *name).chain(self.params.keys().map(String::as_str))
    }

    /// The variable of this name.
    pub(super) fn variable(&self, name: &str) -> Option<Variable> {
        let built_in = BUILT_IN.iter().find(|(known, ..)| *known == name).map(|(_, variable, _)| match variable {
            Variable::CrlShard(_) => Variable::CrlShard(self.shards),
            other => other.clone(),
        });
        built_in.or_else(|| self.params.contains_key(name).then(|| Variable::Param(name.to_owned())))
    }

    /// What the variable's values are like; `None` if the family does not have it.
    pub(super) fn shape(&self, variable: &Variable) -> Option<Shape> {
        let family = self.family.unwrap_or(Family::StsafeA);
        let part = |bytes: fn(&Parts) -> usize| {
            let bytes = bytes(&family.parts()?);
            Some(Shape::hex(CharSet::UPPER_HEX, bytes, bytes))
        };
        match variable {
            Variable::Batch => {
                let hex = CharSet::LOWER_HEX;
                Some(Shape { first: hex, last: hex, ..Shape::text(hex.or(CharSet::of("-")), 36, 36) })
            }
            Variable::CrlShard(shards) => {
                let digits = shards.as_ref()?.digits();
                Some(Shape::text(CharSet::DIGITS, digits, digits))
            }
            Variable::IssuedAt => {
                let chars = CharSet::DIGITS.or(CharSet::of("-:TZ"));
                Some(Shape { first: CharSet::DIGITS, last: CharSet::of("Z"), ..Shape::text(chars, 20, 20) })
            }
            // 160 bits; an issuer's own may have any length, RFC 7093 (2-4) up to 512 bits
            Variable::SubjectKeyIdentifier(_) => Some(Shape { bytes: true, ..Shape::text(CharSet::BYTES, 20, 20) }),
            Variable::IssuerKeyIdentifier => Some(Shape { bytes: true, ..Shape::text(CharSet::BYTES, 1, 64) }),
            Variable::Param(name) => self.params.get(name).copied(),
            Variable::ProductId => part(Parts::product_id),
            Variable::StNumber => part(|parts| parts.number),
            Variable::Unique => part(|parts| parts.unique),
            Variable::SourceCommonName => {
                let ends = CharSet::ANY.without(CharSet::of(" "));
                Some(Shape { first: ends, last: ends, ..Shape::text(CharSet::ANY, 1, MAX_COMMON_NAME) })
            }
            Variable::SourceSha256 | Variable::SpkiSha256 => Some(Shape::hex(CharSet::LOWER_HEX, 32, 32)),
            Variable::SourceSerial | Variable::Uid => {
                let (min, max) = family.uid_bytes();
                Some(Shape::hex(CharSet::UPPER_HEX, min, max))
            }
        }
    }
}

impl Filter {
    /// What values are like after this filter.
    ///
    /// # Errors
    /// Why the filter does not fit values of `shape`, in words.
    pub(super) fn shape(self, shape: Shape) -> Result<Shape, String> {
        match self {
            Self::Lower | Self::Upper if shape.bytes => Err("letter case means nothing to bytes".to_owned()),
            Self::Lower => Ok(case(shape, u8::to_ascii_lowercase)),
            Self::Upper => Ok(case(shape, u8::to_ascii_uppercase)),
            Self::Slice { from, to } => {
                if to > shape.min {
                    return Err(format!(
                        "slice({from},{to}) reaches past the shortest value, which has {} characters",
                        shape.min
                    ));
                }
                // of the first character more is known than of those in the middle
                let first = if from == 0 { shape.first } else { shape.chars };
                let last = if to == shape.max { shape.last } else { shape.chars };
                let (chars, last) = if (from, to) == (0, 1) { (first, first) } else { (shape.chars, last) };
                Ok(Shape { first, last, bytes: shape.bytes, ..Shape::text(chars, to - from, to - from) })
            }
            Self::Bytes if shape.bytes => Err("the value is bytes already".to_owned()),
            Self::Bytes if !shape.chars.within(CharSet::HEX) => Err(format!(
                "the value can hold {}, expected hexadecimal digits only",
                shape.chars.without(CharSet::HEX).show()
            )),
            Self::Bytes if !shape.even => {
                Err("the value can have an odd number of digits, expected whole bytes".to_owned())
            }
            Self::Bytes => Ok(Shape { bytes: true, ..Shape::text(CharSet::BYTES, shape.min / 2, shape.max / 2) }),
        }
    }
}

fn case(shape: Shape, change: fn(&u8) -> u8) -> Shape {
    Shape { chars: shape.chars.map(change), first: shape.first.map(change), last: shape.last.map(change), ..shape }
}
