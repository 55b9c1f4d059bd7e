//! Digests as values. Computing them is [`crypto`](crate::crypto)'s work.

use std::fmt;
use std::str::FromStr;
use std::sync::OnceLock;

macro_rules! digest {
    ($(#[$doc:meta])* $name:ident, $length:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name([u8; $length]);

        impl $name {
            /// Wraps the bytes of a digest that has been computed.
            pub const fn new(bytes: [u8; $length]) -> Self {
                Self(bytes)
            }

            /// The digest's bytes.
            pub const fn as_bytes(&self) -> &[u8; $length] {
                &self.0
            }
        }

        /// Lower-case hexadecimal, as in every file this program writes.
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&hex::encode(self.0))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self)
            }
        }

        /// Reads lower-case hexadecimal and nothing else, so that one digest has one spelling.
        impl FromStr for $name {
            type Err = DigestParseError;

            fn from_str(text: &str) -> Result<Self, DigestParseError> {
                let error = || DigestParseError { found: text.len(), expected: $length * 2 };
                if text.bytes().any(|byte| byte.is_ascii_uppercase()) {
                    return Err(error());
                }
                let mut bytes = [0; $length];
                hex::decode_to_slice(text, &mut bytes).map_err(|_| error())?;
                Ok(Self(bytes))
            }
        }
    };
}

digest! {
    /// A SHA-256 value (FIPS 180-4).
    Sha256Digest, 32
}

digest! {
    /// A SHA-1 value (FIPS 180-4): only where a consumer identifies certificates by it, never as proof.
    Sha1Digest, 20
}

/// Text that is not the lower-case hexadecimal form of a digest.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{found} characters where {expected} lower-case hexadecimal digits were expected")]
pub struct DigestParseError {
    found: usize,
    expected: usize,
}

/// The SHA-256 of bytes that never change, computed when it is first asked for and kept beside them.
///
/// It says nothing that the bytes do not say, so any two are equal.
#[derive(Clone, Default)]
pub struct LazySha256(OnceLock<Sha256Digest>);

impl LazySha256 {
    /// The digest, by `compute` the first time.
    pub fn get(&self, compute: impl FnOnce() -> Sha256Digest) -> Sha256Digest {
        *self.0.get_or_init(compute)
    }
}

impl PartialEq for LazySha256 {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for LazySha256 {}

impl std::hash::Hash for LazySha256 {
    fn hash<H: std::hash::Hasher>(&self, _: &mut H) {}
}

impl fmt::Debug for LazySha256 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.0.get())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_has_one_spelling() {
        let digest = Sha1Digest::new([0xAB; 20]);
        let text = digest.to_string();
        assert_eq!(text, "ab".repeat(20));
        assert_eq!(text.parse::<Sha1Digest>().unwrap(), digest);
        assert!(text.to_uppercase().parse::<Sha1Digest>().is_err());
        assert!(text[1..].parse::<Sha1Digest>().is_err());
    }
}
