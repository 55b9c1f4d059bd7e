//! SubjectPublicKeyInfo (RFC 5280 §4.1.2.7), kept byte for byte: it is what both certificates of a chip share.

use std::fmt;

use bytes::Bytes;
use der::asn1::ObjectIdentifier;

use super::key_algorithm::KeyAlgorithm;
use super::oid;
use super::tlv::{DerError, Reader, oid_from_content, tag};

/// A SubjectPublicKeyInfo as received, with its algorithm read and its form checked.
///
/// The form is checked (algorithm and parameters, key length, uncompressed point); that the point is on the curve is
/// [`crypto::PublicKey`](crate::crypto::PublicKey)'s to prove.
///
/// Copies share the bytes.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Spki {
    der: Bytes,
    algorithm: KeyAlgorithm,
    key: usize,
}

impl Spki {
    /// Reads one SubjectPublicKeyInfo.
    ///
    /// # Errors
    /// The bytes are not DER, or the algorithm, its parameters or the key's form is not one this program knows.
    pub fn from_der(der: &[u8]) -> Result<Self, SpkiError> {
        let (algorithm, key) = Self::check(der)?;
        Ok(Self { algorithm, key, der: Bytes::copy_from_slice(der) })
    }

    /// As [`from_der`](Self::from_der), of a part of a certificate, which stays in memory as long as the key does.
    ///
    /// # Errors
    /// As [`from_der`](Self::from_der).
    pub(super) fn within(certificate: &Bytes, der: &[u8]) -> Result<Self, SpkiError> {
        let (algorithm, key) = Self::check(der)?;
        Ok(Self { algorithm, key, der: certificate.slice_ref(der) })
    }

    /// The key's algorithm and length.
    fn check(der: &[u8]) -> Result<(KeyAlgorithm, usize), SpkiError> {
        let mut reader = Reader::new(der);
        let sequence = reader.expect(tag::SEQUENCE, "subjectPublicKeyInfo")?;
        reader.finish("subjectPublicKeyInfo")?;
        let mut fields = Reader::new(sequence.content);
        let algorithm = fields.expect(tag::SEQUENCE, "subjectPublicKeyInfo algorithm")?;
        let bits = fields.expect(tag::BIT_STRING, "subjectPublicKey")?;
        fields.finish("subjectPublicKey")?;
        let [0, key @ ..] = bits.content else {
            return Err(SpkiError::UnusedBits);
        };
        let algorithm = key_algorithm(algorithm.content, key)?;
        if let Some(bytes) = algorithm.point_bytes() {
            check_point(key, bytes)?;
        } else if algorithm == KeyAlgorithm::Ed25519 && key.len() != 32 {
            return Err(SpkiError::KeyLength { bytes: key.len(), expected: 32 });
        }
        Ok((algorithm, key.len()))
    }

    /// The DER as received.
    pub fn der(&self) -> &[u8] {
        &self.der
    }

    /// The key's algorithm and curve.
    pub fn algorithm(&self) -> KeyAlgorithm {
        self.algorithm
    }

    /// The content of subjectPublicKey without its unused-bits byte: the point, the Ed25519 key or the RSAPublicKey.
    pub fn key(&self) -> &[u8] {
        &self.der[self.der.len() - self.key..]
    }
}

impl fmt::Debug for Spki {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Spki({}, {})", self.algorithm, hex::encode(self.key()))
    }
}

fn key_algorithm(identifier: &[u8], key: &[u8]) -> Result<KeyAlgorithm, SpkiError> {
    let mut fields = Reader::new(identifier);
    let kind = read_oid(&mut fields, "public key algorithm")?;
    let algorithm = match kind {
        oid::EC_PUBLIC_KEY => {
            // RFC 5480 §2.1.1: namedCurve only, "implicitCurve and specifiedCurve MUST NOT be used"
            let parameters = fields.element("elliptic curve parameters")?;
            if parameters.tag != tag::OBJECT_IDENTIFIER {
                return Err(SpkiError::CurveNotNamed);
            }
            let curve = oid_from_content(parameters.content, "elliptic curve")?;
            let known = KeyAlgorithm::CURVES.into_iter().find(|key| key.curve() == Some(curve));
            known.ok_or(SpkiError::UnknownCurve { curve })?
        }
        // RFC 8410 §3: "the parameters MUST be absent"
        oid::ED25519 => KeyAlgorithm::Ed25519,
        oid::RSA_ENCRYPTION => {
            // RFC 3279 §2.3.1: "the parameters field MUST have ASN.1 type NULL"
            let null = fields.expect(tag::NULL, "RSA parameters")?;
            if !null.content.is_empty() {
                return Err(DerError::TrailingData { what: "NULL", bytes: null.content.len() }.into());
            }
            rsa(key)?
        }
        algorithm => return Err(SpkiError::UnknownAlgorithm { algorithm }),
    };
    if fields.is_empty() { Ok(algorithm) } else { Err(SpkiError::Parameters { algorithm }) }
}

pub(super) fn read_oid(fields: &mut Reader<'_>, what: &'static str) -> Result<ObjectIdentifier, DerError> {
    fields.oid(what)
}

fn rsa(key: &[u8]) -> Result<KeyAlgorithm, SpkiError> {
    let mut reader = Reader::new(key);
    let sequence = reader.expect(tag::SEQUENCE, "RSAPublicKey")?;
    reader.finish("RSAPublicKey")?;
    let mut fields = Reader::new(sequence.content);
    let modulus = fields.expect(tag::INTEGER, "RSA modulus")?;
    fields.expect(tag::INTEGER, "RSA public exponent")?;
    fields.finish("RSA public exponent")?;
    let magnitude = match modulus.content {
        [0, magnitude @ ..] => magnitude,
        magnitude => magnitude,
    };
    let zeros = magnitude.first().map_or(0, |byte| byte.leading_zeros() as usize);
    let bits = u16::try_from(magnitude.len() * 8 - zeros)
        .map_err(|_| SpkiError::KeyLength { bytes: magnitude.len(), expected: 512 })?;
    Ok(KeyAlgorithm::Rsa { bits })
}

fn check_point(key: &[u8], expected: usize) -> Result<(), SpkiError> {
    match key.first() {
        Some(4) if key.len() == expected => Ok(()),
        Some(4) | None => Err(SpkiError::KeyLength { bytes: key.len(), expected }),
        Some(0) => Err(SpkiError::Infinity),
        Some(&form) => Err(SpkiError::PointForm { form }),
    }
}

/// Why bytes are not a SubjectPublicKeyInfo this program knows.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SpkiError {
    /// Explicit or missing curve parameters.
    #[error("elliptic curve is not given by name (RFC 5480 §2.1.1)")]
    CurveNotNamed,
    /// The DER is broken.
    #[error(transparent)]
    Der(#[from] DerError),
    /// The point at infinity.
    #[error("public key is the point at infinity")]
    Infinity,
    /// The key has another length than its algorithm wants.
    #[error("public key has {bytes} octets, expected {expected}")]
    KeyLength {
        /// Bytes found.
        bytes: usize,
        /// Bytes expected.
        expected: usize,
    },
    /// Parameters where there must be none.
    #[error("unexpected parameters follow the algorithm of the {algorithm} key")]
    Parameters {
        /// The key's algorithm.
        algorithm: KeyAlgorithm,
    },
    /// A compressed or hybrid point.
    #[error("public key is a point of form {form:#04x}, expected an uncompressed point (0x04)")]
    PointForm {
        /// First byte found.
        form: u8,
    },
    /// An algorithm this program does not know.
    #[error("public key algorithm {} is not supported", oid::shown(*.algorithm))]
    UnknownAlgorithm {
        /// Algorithm found.
        algorithm: ObjectIdentifier,
    },
    /// A curve this program does not know.
    #[error("elliptic curve {} is not supported", oid::shown(*.curve))]
    UnknownCurve {
        /// Curve found.
        curve: ObjectIdentifier,
    },
    /// subjectPublicKey is not a whole number of bytes.
    #[error("subjectPublicKey is not a whole number of octets")]
    UnusedBits,
}
