//! Why a key is not valid, why a signature is not accepted, and what must never happen while finding out.

use crate::x509::{KeyAlgorithm, OtherAlgorithm, Sha256Digest, SignatureAlgorithm};

/// The engine for many signatures of one key is wrong: a bug of this program, or a machine that miscalculates.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EngineError {
    /// It and the generic engine say different things of one signature.
    #[error(
        "the fixed-key engine {} a signature over the message with SHA-256 {message}, the generic engine says the opposite",
        if *accepted { "accepts" } else { "refuses" }
    )]
    Disagreement {
        /// What the fixed-key engine said.
        accepted: bool,
        /// SHA-256 of what was signed.
        message: Sha256Digest,
    },
    /// The signatures of RFC 6979 §A.2.5 did not get the verdict that is known.
    #[error("the fixed-key engine does not find the known answers of RFC 6979 §A.2.5")]
    KnownAnswer,
    /// A table does not give the multiples of its point.
    #[error("the fixed-key engine's table of {window} bits a digit does not agree with a second computation")]
    Table {
        /// Bits a digit.
        window: u32,
    },
}

impl EngineError {
    /// What to do about it.
    pub fn hint(&self) -> Option<String> {
        let text = "Nothing was believed on this ground. Run the same command again with the general engine, test the \
                    machine's memory, and report this.";
        Some(text.to_owned())
    }
}

/// Why bytes of the right form are not a valid public key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// A coordinate that is not reduced modulo the field's prime.
    #[error("{algorithm} public key is not encoded canonically: its coordinate is not below the field's prime")]
    NotCanonical {
        /// The key's algorithm.
        algorithm: KeyAlgorithm,
    },
    /// A point off the curve (SEC 1 §3.2.2.1).
    #[error("{algorithm} public key is not a point on the curve (SEC 1 §3.2.2.1)")]
    NotOnCurve {
        /// The key's algorithm.
        algorithm: KeyAlgorithm,
    },
    /// An RSA modulus or exponent that is not a minimal positive INTEGER.
    #[error("RSA {part} is not a minimal positive integer (X.690 §8.3)")]
    RsaEncoding {
        /// Modulus or public exponent.
        part: &'static str,
    },
    /// An RSA exponent that is even, 1 or larger than 32 bits.
    #[error("RSA public exponent is not an odd number from 3 to 4294967295 (RFC 8017 §3.1)")]
    RsaExponent,
    /// An even RSA modulus, or one that any library refuses.
    #[error("RSA modulus is not a product of two odd primes (RFC 8017 §3.1)")]
    RsaModulus,
    /// An RSA modulus out of range or not a whole number of bytes.
    #[error("RSA modulus has {bits} bits, expected a multiple of 8 from 2048 to 8192")]
    RsaSize {
        /// Bits found.
        bits: u16,
    },
    /// One of the eight points of small order of edwards25519, the identity among them.
    #[error("Ed25519 public key is a point of small order (RFC 8032 §5.1, RFC 7748 §6.1)")]
    SmallOrder,
}

/// Why a signature is not accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SignatureError {
    /// The algorithm does not go with the key.
    #[error("a {algorithm} signature cannot be checked with a {key} key")]
    AlgorithmKey {
        /// The signature's algorithm.
        algorithm: SignatureAlgorithm,
        /// The key's algorithm.
        key: KeyAlgorithm,
    },
    /// Not the one encoding that a signature of this kind has.
    #[error("signature is not the DER of two positive integers (RFC 3279 §2.2.3)")]
    Encoding,
    /// The signature does not belong to this message and key.
    #[error("signature does not verify")]
    Invalid,
    /// An Ed25519 or RSA signature of another length.
    #[error("signature has {bytes} octets, expected {expected}")]
    Length {
        /// Bytes found.
        bytes: usize,
        /// Bytes expected.
        expected: usize,
    },
    /// r or s (or S) is zero or not below the group's order (FIPS 186-5 §6.4.2, RFC 8032 §5.1.7).
    #[error("{part} of the signature is zero or not below the order of the group")]
    Range {
        /// The integer found out of range.
        part: &'static str,
    },
    /// An algorithm that this program can name and not verify.
    #[error("signature is {algorithm}, which this program does not verify")]
    Unverified {
        /// The signature's algorithm.
        algorithm: OtherAlgorithm,
    },
}
