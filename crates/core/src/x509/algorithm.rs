//! Signature algorithms: one row each, which says all that differs but who makes and checks the signatures.

use std::fmt;

use der::asn1::ObjectIdentifier;

use super::key_algorithm::KeyAlgorithm;
use super::oid;
use super::tlv::{DerError, Reader, element, tag};

/// A signature algorithm of certificates.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SignatureAlgorithm {
    /// ecdsa-with-SHA1: only to recognise it; accepted under the relaxation `sha1-signature`
    EcdsaSha1,
    /// ecdsa-with-SHA256 (RFC 5758 §3.2)
    EcdsaSha256,
    /// ecdsa-with-SHA384 (RFC 5758 §3.2)
    EcdsaSha384,
    /// ecdsa-with-SHA512 (RFC 5758 §3.2)
    EcdsaSha512,
    /// Ed25519 (RFC 8410 §3)
    Ed25519,
    /// sha256WithRSAEncryption (RFC 4055 §5)
    RsaPkcs1Sha256,
    /// sha384WithRSAEncryption (RFC 4055 §5)
    RsaPkcs1Sha384,
    /// sha512WithRSAEncryption (RFC 4055 §5)
    RsaPkcs1Sha512,
    /// id-RSASSA-PSS with SHA-256, MGF1 with SHA-256 and a salt of 32 bytes (RFC 4055 §3.1)
    RsaPssSha256,
    /// id-RSASSA-PSS with SHA-384, MGF1 with SHA-384 and a salt of 48 bytes (RFC 4055 §3.1)
    RsaPssSha384,
    /// id-RSASSA-PSS with SHA-512, MGF1 with SHA-512 and a salt of 64 bytes (RFC 4055 §3.1)
    RsaPssSha512,
    /// Only in certificates that the configuration or an option names: neither made nor verified by this program
    Unverified(OtherAlgorithm),
}

/// An algorithm that this program can name and not verify.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum OtherAlgorithm {
    /// Known or unknown by its identifier.
    Identified(ObjectIdentifier),
    /// id-RSASSA-PSS with parameters that are not those of RFC 4055 §3.1: the hash of the message and the salt's
    /// length.
    Pss {
        /// Name of the hashAlgorithm.
        hash: &'static str,
        /// Name of the hash of maskGenAlgorithm.
        mask: &'static str,
        /// saltLength
        salt: u32,
    },
    /// id-RSASSA-PSS without parameters, or with some that cannot be read.
    PssUnreadable,
}

impl SignatureAlgorithm {
    /// Every algorithm, in the order of the documentation.
    pub const ALL: [Self; 11] = [
        Self::EcdsaSha1,
        Self::EcdsaSha256,
        Self::EcdsaSha384,
        Self::EcdsaSha512,
        Self::Ed25519,
        Self::RsaPkcs1Sha256,
        Self::RsaPkcs1Sha384,
        Self::RsaPkcs1Sha512,
        Self::RsaPssSha256,
        Self::RsaPssSha384,
        Self::RsaPssSha512,
    ];

    /// The row of the algorithm; none for one that is only named.
    const fn row(self) -> Option<Row> {
        let row = match self {
            Self::EcdsaSha1 => Row::new("ecdsa-sha1", oid::ECDSA_SHA1, Scheme::Ecdsa, None),
            Self::EcdsaSha256 => Row::new("ecdsa-sha256", oid::ECDSA_SHA256, Scheme::Ecdsa, Some(Sha2::Sha256)),
            Self::EcdsaSha384 => Row::new("ecdsa-sha384", oid::ECDSA_SHA384, Scheme::Ecdsa, Some(Sha2::Sha384)),
            Self::EcdsaSha512 => Row::new("ecdsa-sha512", oid::ECDSA_SHA512, Scheme::Ecdsa, Some(Sha2::Sha512)),
            // RFC 8032 §5.1: with SHA-512 inside
            Self::Ed25519 => Row::new("ed25519", oid::ED25519, Scheme::Ed25519, Some(Sha2::Sha512)),
            Self::RsaPkcs1Sha256 => {
                Row::new("rsa-pkcs1-sha256", oid::RSA_PKCS1_SHA256, Scheme::RsaPkcs1, Some(Sha2::Sha256))
            }
            Self::RsaPkcs1Sha384 => {
                Row::new("rsa-pkcs1-sha384", oid::RSA_PKCS1_SHA384, Scheme::RsaPkcs1, Some(Sha2::Sha384))
            }
            Self::RsaPkcs1Sha512 => {
                Row::new("rsa-pkcs1-sha512", oid::RSA_PKCS1_SHA512, Scheme::RsaPkcs1, Some(Sha2::Sha512))
            }
            Self::RsaPssSha256 => Row::new("rsa-pss-sha256", oid::RSA_PSS, Scheme::RsaPss, Some(Sha2::Sha256)),
            Self::RsaPssSha384 => Row::new("rsa-pss-sha384", oid::RSA_PSS, Scheme::RsaPss, Some(Sha2::Sha384)),
            Self::RsaPssSha512 => Row::new("rsa-pss-sha512", oid::RSA_PSS, Scheme::RsaPss, Some(Sha2::Sha512)),
            Self::Unverified(_) => return None,
        };
        Some(row)
    }

    /// The name in policies.
    pub const fn name(self) -> &'static str {
        match self.row() {
            Some(row) => row.name,
            None => "unverified",
        }
    }

    /// How it signs; `None` for an algorithm that is only named.
    pub const fn scheme(self) -> Option<Scheme> {
        match self.row() {
            Some(row) => Some(row.scheme),
            None => None,
        }
    }

    /// The hash of the message; `None` where it is SHA-1, and for an algorithm that is only named.
    pub const fn hash(self) -> Option<Sha2> {
        match self.row() {
            Some(row) => row.hash,
            None => None,
        }
    }

    /// Whether it is there to be recognised only: over SHA-1 nothing is signed any more.
    pub const fn is_over_sha1(self) -> bool {
        matches!(self.row(), Some(Row { hash: None, .. }))
    }

    /// The algorithm that signs in this way over this hash.
    pub fn of(scheme: Scheme, hash: Sha2) -> Option<Self> {
        Self::ALL.into_iter().find(|algorithm| algorithm.scheme() == Some(scheme) && algorithm.hash() == Some(hash))
    }

    /// The algorithm a policy means by `name`; SHA-1 has no name there.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|algorithm| algorithm.name() == name && !algorithm.is_over_sha1())
    }

    /// The DER of the AlgorithmIdentifier (RFC 5280 §4.1.1.2), parameters as the algorithm's own document wants them.
    /// Of an algorithm that is never written it is an empty SEQUENCE, which no reader takes for an algorithm.
    pub fn identifier(self) -> Vec<u8> {
        let Some(Row { oid: kind, scheme, hash, .. }) = self.row() else { return element(tag::SEQUENCE, &[]) };
        let parameters = match (scheme, hash) {
            (Scheme::RsaPkcs1, _) => vec![tag::NULL, 0],
            (Scheme::RsaPss, Some(hash)) => pss_parameters(hash),
            _ => vec![],
        };
        let kind = element(tag::OBJECT_IDENTIFIER, &[kind.as_bytes()]);
        element(tag::SEQUENCE, &[&kind, &parameters])
    }

    /// As [`identifier`](Self::identifier), appended to `out`.
    pub fn write_identifier(self, out: &mut Vec<u8>) {
        match COMMON.iter().find(|(_, algorithm)| *algorithm == self) {
            Some((identifier, _)) => out.extend_from_slice(identifier),
            None => out.extend(self.identifier()),
        }
    }

    /// Reads the DER of an AlgorithmIdentifier; parameters must be exactly the algorithm's own.
    ///
    /// # Errors
    /// The bytes are not DER, the algorithm is unknown, or its parameters differ (ECDSA: RFC 5758 §3.2 "the encoding
    /// MUST omit the parameters field").
    pub fn from_identifier(der: &[u8]) -> Result<Self, AlgorithmError> {
        if let Some((_, algorithm)) = COMMON.iter().find(|(identifier, _)| *identifier == der) {
            return Ok(*algorithm);
        }
        let mut reader = Reader::new(der);
        let sequence = reader.expect(tag::SEQUENCE, "signature algorithm")?;
        reader.finish("signature algorithm")?;
        let mut fields = Reader::new(sequence.content);
        let kind = super::spki::read_oid(&mut fields, "signature algorithm")?;
        let mut known = false;
        for algorithm in Self::ALL {
            let identifier = algorithm.identifier();
            if identifier == der {
                return Ok(algorithm);
            }
            known |= algorithm.oid() == Some(kind);
        }
        Err(if known {
            AlgorithmError::Parameters { algorithm: kind }
        } else {
            AlgorithmError::Unknown { algorithm: kind }
        })
    }

    /// As [`from_identifier`](Self::from_identifier), of a certificate that a person has named: also the parameters
    /// that other software writes and RFC 4055 wants accepted, and algorithms that are only named. Returns whether the
    /// parameters are not as the algorithm's own document writes them.
    ///
    /// # Errors
    /// The bytes are not the DER of an AlgorithmIdentifier.
    pub fn from_named_identifier(der: &[u8]) -> Result<(Self, bool), AlgorithmError> {
        let kind = match Self::from_identifier(der) {
            Ok(algorithm) => return Ok((algorithm, false)),
            Err(AlgorithmError::Parameters { algorithm } | AlgorithmError::Unknown { algorithm }) => algorithm,
            Err(error @ AlgorithmError::Der(_)) => return Err(error),
        };
        if kind == oid::RSA_PSS {
            return Ok(PssParameters::read(der)
                .map_or((Self::Unverified(OtherAlgorithm::PssUnreadable), false), PssParameters::algorithm));
        }
        // RFC 4055 §5: "implementations MUST accept the parameters being absent as well as present"
        let bare = element(tag::SEQUENCE, &[&element(tag::OBJECT_IDENTIFIER, &[kind.as_bytes()])]);
        let absent = Self::ALL.into_iter().find(|algorithm| {
            algorithm.scheme() == Some(Scheme::RsaPkcs1) && algorithm.oid() == Some(kind) && bare == der
        });
        Ok(match absent {
            Some(algorithm) => (algorithm, true),
            None => (Self::Unverified(OtherAlgorithm::Identified(kind)), false),
        })
    }

    fn oid(self) -> Option<ObjectIdentifier> {
        self.row().map(|row| row.oid)
    }

    /// Whether a key of this kind can make or check signatures of this algorithm.
    pub const fn fits(self, key: KeyAlgorithm) -> bool {
        match self.scheme() {
            Some(Scheme::Ecdsa) => key.field_bytes().is_some(),
            Some(Scheme::Ed25519) => matches!(key, KeyAlgorithm::Ed25519),
            Some(Scheme::RsaPkcs1 | Scheme::RsaPss) => matches!(key, KeyAlgorithm::Rsa { .. }),
            None => false,
        }
    }

    /// Whether signatures are an ECDSA-Sig-Value (RFC 3279 §2.2.3).
    pub const fn is_ecdsa(self) -> bool {
        matches!(self.scheme(), Some(Scheme::Ecdsa))
    }
}

/// What is known of an algorithm.
#[derive(Clone, Copy)]
struct Row {
    name: &'static str,
    oid: ObjectIdentifier,
    scheme: Scheme,
    hash: Option<Sha2>,
}

impl Row {
    const fn new(name: &'static str, oid: ObjectIdentifier, scheme: Scheme, hash: Option<Sha2>) -> Self {
        Self { name, oid, scheme, hash }
    }
}

/// How an algorithm signs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    /// A signature is an ECDSA-Sig-Value (RFC 3279 §2.2.3).
    Ecdsa,
    /// RFC 8032
    Ed25519,
    /// RSASSA-PKCS1-v1_5 (RFC 8017 §8.2)
    RsaPkcs1,
    /// RSASSA-PSS (RFC 8017 §8.1): MGF1 with the hash of the message, a salt as long as the hash
    RsaPss,
}

/// A hash of the SHA-2 family; a longer one is the greater.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Sha2 {
    /// SHA-256
    Sha256,
    /// SHA-384
    Sha384,
    /// SHA-512
    Sha512,
}

impl Sha2 {
    /// Every hash, shortest first.
    pub const ALL: [Self; 3] = [Self::Sha256, Self::Sha384, Self::Sha512];

    /// Its object identifier.
    pub const fn oid(self) -> ObjectIdentifier {
        match self {
            Self::Sha256 => oid::SHA256,
            Self::Sha384 => oid::SHA384,
            Self::Sha512 => oid::SHA512,
        }
    }

    /// Its name in the registry of named information hashes (RFC 6920 §9.4).
    pub const fn name(self) -> &'static str {
        match self {
            Self::Sha256 => "sha-256",
            Self::Sha384 => "sha-384",
            Self::Sha512 => "sha-512",
        }
    }

    /// Bytes of a digest.
    pub const fn length(self) -> u8 {
        match self {
            Self::Sha256 => 32,
            Self::Sha384 => 48,
            Self::Sha512 => 64,
        }
    }
}

impl fmt::Display for SignatureAlgorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unverified(other) => other.fmt(f),
            _ => f.write_str(self.name()),
        }
    }
}

impl fmt::Display for OtherAlgorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Identified(algorithm) => f.write_str(&oid::shown(*algorithm)),
            Self::Pss { hash, mask, salt } if hash == mask => {
                write!(f, "RSA-PSS with {hash} and a salt of {salt} bytes")
            }
            Self::Pss { hash, mask, salt } => {
                write!(f, "RSA-PSS with {hash}, MGF1 with {mask} and a salt of {salt} bytes")
            }
            Self::PssUnreadable => f.write_str("RSA-PSS with parameters that cannot be read"),
        }
    }
}

/// RSASSA-PSS-params as others write them (RFC 4055 §3.1): the defaults written out or omitted, the hash identifiers
/// with NULL or without parameters (§2.1: "implementations MUST accept the parameters being absent as well as
/// present").
struct PssParameters {
    hash: ObjectIdentifier,
    mask: ObjectIdentifier,
    salt: u32,
}

impl PssParameters {
    fn read(identifier: &[u8]) -> Option<Self> {
        let mut fields = Reader::new(Reader::new(identifier).expect(tag::SEQUENCE, WHAT).ok()?.content);
        fields.oid(WHAT).ok()?;
        let parameters = fields.expect(tag::SEQUENCE, WHAT).ok()?;
        fields.finish(WHAT).ok()?;
        let mut fields = Reader::new(parameters.content);
        let hash = match fields.optional(0xA0, WHAT).ok()? {
            Some(explicit) => hash_identifier(explicit.content)?,
            None => oid::SHA1,
        };
        let mask = match fields.optional(0xA1, WHAT).ok()? {
            Some(explicit) => {
                let generator = Reader::new(explicit.content).expect(tag::SEQUENCE, WHAT).ok()?;
                let mut inner = Reader::new(generator.content);
                if generator.raw.len() != explicit.content.len() || inner.oid(WHAT).ok()? != oid::MGF1 {
                    return None;
                }
                let hash = inner.expect(tag::SEQUENCE, WHAT).ok()?;
                inner.finish(WHAT).ok()?;
                hash_identifier(hash.raw)?
            }
            None => oid::SHA1,
        };
        let salt = match fields.optional(0xA2, WHAT).ok()? {
            Some(explicit) => small(explicit.content)?,
            None => 20,
        };
        let trailer = match fields.optional(0xA3, WHAT).ok()? {
            Some(explicit) => small(explicit.content)?,
            None => 1,
        };
        fields.finish(WHAT).ok()?;
        (trailer == 1).then_some(Self { hash, mask, salt })
    }

    fn algorithm(self) -> (SignatureAlgorithm, bool) {
        let Self { hash, mask, salt } = self;
        let same = |known: &Sha2| (known.oid(), known.oid(), u32::from(known.length())) == (hash, mask, salt);
        let known = Sha2::ALL.into_iter().find(same);
        if let Some(algorithm) = known.and_then(|hash| SignatureAlgorithm::of(Scheme::RsaPss, hash)) {
            return (algorithm, true);
        }
        // by name, not by identifier: this value is copied for each certificate
        let other = match (oid::name(hash), oid::name(mask)) {
            (Some(hash), Some(mask)) => OtherAlgorithm::Pss { hash, mask, salt },
            _ => OtherAlgorithm::PssUnreadable,
        };
        (SignatureAlgorithm::Unverified(other), false)
    }
}

fn hash_identifier(der: &[u8]) -> Option<ObjectIdentifier> {
    let mut reader = Reader::new(der);
    let mut fields = Reader::new(reader.expect(tag::SEQUENCE, WHAT).ok()?.content);
    let hash = fields.oid(WHAT).ok()?;
    let null = fields.optional(tag::NULL, WHAT).ok()?;
    let good = reader.is_empty() && fields.is_empty() && null.is_none_or(|null| null.content.is_empty());
    good.then_some(hash)
}

fn small(der: &[u8]) -> Option<u32> {
    let mut reader = Reader::new(der);
    let content = reader.expect(tag::INTEGER, WHAT).ok()?.content;
    let good = reader.is_empty() && (1..=3).contains(&content.len()) && content[0] < 0x80;
    good.then(|| content.iter().fold(0, |value, byte| value << 8 | u32::from(*byte)))
}

const WHAT: &str = "RSASSA-PSS-params";

/// What nearly every certificate carries, so that reading millions of them compares bytes and nothing else.
const COMMON: [(&[u8], SignatureAlgorithm); 3] = [
    (&[0x30, 10, 6, 8, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 4, 3, 2], SignatureAlgorithm::EcdsaSha256),
    (&[0x30, 10, 6, 8, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 4, 3, 3], SignatureAlgorithm::EcdsaSha384),
    (&[0x30, 5, 6, 3, 0x2B, 0x65, 0x70], SignatureAlgorithm::Ed25519),
];

fn pss_parameters(hash: Sha2) -> Vec<u8> {
    let salt = hash.length();
    // RFC 4055 §2.1: the hash identifiers carry NULL in these parameters
    let hash = element(tag::SEQUENCE, &[&element(tag::OBJECT_IDENTIFIER, &[hash.oid().as_bytes()]), &[tag::NULL, 0]]);
    let mgf = element(tag::SEQUENCE, &[&element(tag::OBJECT_IDENTIFIER, &[oid::MGF1.as_bytes()]), &hash]);
    let salt = element(tag::INTEGER, &[&[salt]]);
    element(tag::SEQUENCE, &[&element(0xA0, &[&hash]), &element(0xA1, &[&mgf]), &element(0xA2, &[&salt])])
}

/// Why bytes are not a signature algorithm this program knows.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AlgorithmError {
    /// The DER is broken.
    #[error(transparent)]
    Der(#[from] DerError),
    /// Parameters other than the algorithm's own.
    #[error("signature algorithm {} has unexpected parameters", oid::shown(*.algorithm))]
    Parameters {
        /// Algorithm found.
        algorithm: ObjectIdentifier,
    },
    /// An algorithm this program does not know.
    #[error("signature algorithm {} is not supported", oid::shown(*.algorithm))]
    Unknown {
        /// Algorithm found.
        algorithm: ObjectIdentifier,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_reads_back() {
        for algorithm in SignatureAlgorithm::ALL {
            assert_eq!(SignatureAlgorithm::from_identifier(&algorithm.identifier()), Ok(algorithm));
        }
        for (identifier, algorithm) in COMMON {
            assert_eq!(identifier, algorithm.identifier());
        }
        assert_eq!(SignatureAlgorithm::from_name("ecdsa-sha1"), None);
    }

    #[test]
    fn ecdsa_parameters_must_be_absent() {
        let mut der = SignatureAlgorithm::EcdsaSha256.identifier();
        der.extend([tag::NULL, 0]);
        der[1] += 2;
        assert_eq!(
            SignatureAlgorithm::from_identifier(&der),
            Err(AlgorithmError::Parameters { algorithm: oid::ECDSA_SHA256 })
        );
    }
}
