//! SubjectPublicKeyInfo (RFC 5280 §4.1.2.7), kept byte for byte: it is what both certificates of a chip share.

use std::fmt;
use std::sync::Arc;

use der::asn1::ObjectIdentifier;

use super::algorithm::SignatureAlgorithm;
use super::oid;
use super::tlv::{DerError, Reader, oid_from_content, tag};

/// A SubjectPublicKeyInfo as received, with its algorithm read and its form checked.
///
/// The form is checked (algorithm and parameters, key length, uncompressed point); that the point lies on the curve is
/// [`crypto::PublicKey`](crate::crypto::PublicKey)'s to prove.
///
/// Copies share the octets.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Spki {
    der: Arc<[u8]>,
    algorithm: KeyAlgorithm,
    key: usize,
}

impl Spki {
    /// Reads one SubjectPublicKeyInfo.
    ///
    /// # Errors
    /// The octets are not DER, or the algorithm, its parameters or the key's form is not one this program knows.
    pub fn from_der(der: &[u8]) -> Result<Self, SpkiError> {
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
        if let Some(octets) = algorithm.point_octets() {
            check_point(key, octets)?;
        } else if algorithm == KeyAlgorithm::Ed25519 && key.len() != 32 {
            return Err(SpkiError::KeyLength { octets: key.len(), expected: 32 });
        }
        Ok(Self { algorithm, key: key.len(), der: der.into() })
    }

    /// The DER as received.
    pub fn der(&self) -> &[u8] {
        &self.der
    }

    /// The key's algorithm and curve.
    pub fn algorithm(&self) -> KeyAlgorithm {
        self.algorithm
    }

    /// The content of subjectPublicKey without its unused-bits octet: the point, the Ed25519 key or the RSAPublicKey.
    pub fn key(&self) -> &[u8] {
        &self.der[self.der.len() - self.key..]
    }
}

impl fmt::Debug for Spki {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Spki({}, {})", self.algorithm, hex::encode(self.key()))
    }
}

/// A kind of public key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum KeyAlgorithm {
    /// brainpoolP256r1 (RFC 5639)
    BrainpoolP256r1,
    /// brainpoolP384r1 (RFC 5639)
    BrainpoolP384r1,
    /// Ed25519 (RFC 8032)
    Ed25519,
    /// NIST P-256
    P256,
    /// NIST P-384
    P384,
    /// NIST P-521
    P521,
    /// RSA with a modulus of this many bits
    Rsa {
        /// Length of the modulus.
        bits: u16,
    },
}

impl KeyAlgorithm {
    /// Keys that a leaf can have. RSA is not among them: no chip of the known families has such a key.
    pub const SUBJECTS: [Self; 6] =
        [Self::P256, Self::P384, Self::P521, Self::Ed25519, Self::BrainpoolP256r1, Self::BrainpoolP384r1];

    /// Octets of one coordinate, for elliptic curves in Weierstrass form.
    pub const fn field_octets(self) -> Option<usize> {
        match self {
            Self::P256 | Self::BrainpoolP256r1 => Some(32),
            Self::P384 | Self::BrainpoolP384r1 => Some(48),
            Self::P521 => Some(66),
            Self::Ed25519 | Self::Rsa { .. } => None,
        }
    }

    /// The curve's object identifier, for elliptic curves in Weierstrass form.
    pub const fn curve(self) -> Option<ObjectIdentifier> {
        match self {
            Self::P256 => Some(oid::SECP256R1),
            Self::P384 => Some(oid::SECP384R1),
            Self::P521 => Some(oid::SECP521R1),
            Self::BrainpoolP256r1 => Some(oid::BRAINPOOL_P256R1),
            Self::BrainpoolP384r1 => Some(oid::BRAINPOOL_P384R1),
            Self::Ed25519 | Self::Rsa { .. } => None,
        }
    }

    /// The signature that goes with a key, where nothing else is asked for.
    pub const fn usual_signature(self) -> SignatureAlgorithm {
        match self {
            Self::P256 | Self::BrainpoolP256r1 => SignatureAlgorithm::EcdsaSha256,
            Self::P384 | Self::BrainpoolP384r1 => SignatureAlgorithm::EcdsaSha384,
            Self::P521 => SignatureAlgorithm::EcdsaSha512,
            Self::Ed25519 => SignatureAlgorithm::Ed25519,
            Self::Rsa { .. } => SignatureAlgorithm::RsaPkcs1Sha256,
        }
    }

    /// Bytes of a signature as a token returns it: r and s side by side for ECDSA, and what a certificate carries for all
    /// others.
    pub fn raw_signature(self) -> usize {
        match (self, self.field_octets()) {
            (_, Some(bytes)) => 2 * bytes,
            (Self::Rsa { bits }, None) => usize::from(bits).div_ceil(8),
            (_, None) => 64,
        }
    }

    fn point_octets(self) -> Option<usize> {
        self.field_octets().map(|octets| 1 + 2 * octets)
    }
}

/// The names policies use.
impl fmt::Display for KeyAlgorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BrainpoolP256r1 => f.write_str("brainpoolP256r1"),
            Self::BrainpoolP384r1 => f.write_str("brainpoolP384r1"),
            Self::Ed25519 => f.write_str("Ed25519"),
            Self::P256 => f.write_str("P-256"),
            Self::P384 => f.write_str("P-384"),
            Self::P521 => f.write_str("P-521"),
            Self::Rsa { bits } => write!(f, "RSA-{bits}"),
        }
    }
}

/// Kinds of key that have a curve, the most frequent first: a reel's leaves have one of them each.
const CURVES: [KeyAlgorithm; 5] = [
    KeyAlgorithm::P256,
    KeyAlgorithm::P384,
    KeyAlgorithm::P521,
    KeyAlgorithm::BrainpoolP256r1,
    KeyAlgorithm::BrainpoolP384r1,
];

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
            let known = CURVES.into_iter().find(|key| key.curve() == Some(curve));
            known.ok_or(SpkiError::UnknownCurve { curve })?
        }
        // RFC 8410 §3: "the parameters MUST be absent"
        oid::ED25519 => KeyAlgorithm::Ed25519,
        oid::RSA_ENCRYPTION => {
            // RFC 3279 §2.3.1: "the parameters field MUST have ASN.1 type NULL"
            let null = fields.expect(tag::NULL, "RSA parameters")?;
            if !null.content.is_empty() {
                return Err(DerError::TrailingData { what: "NULL", octets: null.content.len() }.into());
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
    let zeros = magnitude.first().map_or(0, |octet| octet.leading_zeros() as usize);
    let bits = u16::try_from(magnitude.len() * 8 - zeros)
        .map_err(|_| SpkiError::KeyLength { octets: magnitude.len(), expected: 512 })?;
    Ok(KeyAlgorithm::Rsa { bits })
}

fn check_point(key: &[u8], expected: usize) -> Result<(), SpkiError> {
    match key.first() {
        Some(4) if key.len() == expected => Ok(()),
        Some(4) | None => Err(SpkiError::KeyLength { octets: key.len(), expected }),
        Some(0) => Err(SpkiError::Infinity),
        Some(&form) => Err(SpkiError::PointForm { form }),
    }
}

/// Why octets are not a SubjectPublicKeyInfo this program knows.
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
    #[error("public key has {octets} octets, expected {expected}")]
    KeyLength {
        /// Octets found.
        octets: usize,
        /// Octets expected.
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
        /// First octet found.
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
    /// subjectPublicKey is not a whole number of octets.
    #[error("subjectPublicKey is not a whole number of octets")]
    UnusedBits,
}
