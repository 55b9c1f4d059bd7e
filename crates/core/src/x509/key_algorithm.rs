//! Kinds of public key: one row each, which says all that differs but who makes and checks their signatures.

use std::fmt;

use der::asn1::ObjectIdentifier;

use super::algorithm::{Scheme, SignatureAlgorithm};
use super::certificate::KeyUsage;
use super::oid;

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

    /// Kinds of key that have a curve in Weierstrass form, the most frequent first.
    pub(super) const CURVES: [Self; 5] =
        [Self::P256, Self::P384, Self::P521, Self::BrainpoolP256r1, Self::BrainpoolP384r1];

    const fn row(self) -> Row {
        use SignatureAlgorithm::{EcdsaSha256, EcdsaSha384, EcdsaSha512, Ed25519, RsaPkcs1Sha256};
        match self {
            Self::P256 => Row { name: "P-256", signature: EcdsaSha256, issues: true, seals: true, curve: Some(P256) },
            Self::P384 => Row { name: "P-384", signature: EcdsaSha384, issues: true, seals: true, curve: Some(P384) },
            Self::P521 => Row { name: "P-521", signature: EcdsaSha512, issues: true, seals: false, curve: Some(P521) },
            Self::BrainpoolP256r1 => Row {
                name: "brainpoolP256r1",
                signature: EcdsaSha256,
                issues: false,
                seals: false,
                curve: Some(BRAINPOOL_P256R1),
            },
            Self::BrainpoolP384r1 => Row {
                name: "brainpoolP384r1",
                signature: EcdsaSha384,
                issues: false,
                seals: false,
                curve: Some(BRAINPOOL_P384R1),
            },
            Self::Ed25519 => Row { name: "Ed25519", signature: Ed25519, issues: true, seals: false, curve: None },
            Self::Rsa { bits } => Row {
                name: "RSA",
                signature: RsaPkcs1Sha256,
                issues: 2048 <= bits && bits <= 4096,
                seals: false,
                curve: None,
            },
        }
    }

    /// Whether a CA that this program issues for can have such a key.
    pub const fn issues(self) -> bool {
        self.row().issues
    }

    /// Whether a manifest signer can have such a key.
    pub const fn seals(self) -> bool {
        self.row().seals
    }

    /// Bytes of one coordinate, for elliptic curves in Weierstrass form.
    pub const fn field_bytes(self) -> Option<usize> {
        match self.row().curve {
            Some(curve) => Some(curve.field),
            None => None,
        }
    }

    /// The curve's object identifier, for elliptic curves in Weierstrass form.
    pub const fn curve(self) -> Option<ObjectIdentifier> {
        match self.row().curve {
            Some(curve) => Some(curve.oid),
            None => None,
        }
    }

    /// The order n of the curve's base point, big-endian, without leading zero bytes.
    pub const fn order(self) -> Option<&'static [u8]> {
        match self.row().curve {
            Some(curve) => Some(curve.order),
            None => None,
        }
    }

    /// The object identifier in the AlgorithmIdentifier of such a key.
    pub const fn oid(self) -> ObjectIdentifier {
        match self.scheme() {
            Some(Scheme::Ed25519) => oid::ED25519,
            Some(Scheme::RsaPkcs1 | Scheme::RsaPss) => oid::RSA_ENCRYPTION,
            Some(Scheme::Ecdsa) | None => oid::EC_PUBLIC_KEY,
        }
    }

    const fn scheme(self) -> Option<Scheme> {
        self.usual_signature().scheme()
    }

    /// The signature that goes with a key, where nothing else is asked for.
    pub const fn usual_signature(self) -> SignatureAlgorithm {
        self.row().signature
    }

    /// The signatures that an issuing key of this kind may make. A hash is not shorter than its curve
    /// (FIPS 186-5 §6.1.1).
    pub fn signatures(self) -> impl Iterator<Item = SignatureAlgorithm> {
        let shortest = self.usual_signature().hash();
        SignatureAlgorithm::ALL.into_iter().filter(move |algorithm| {
            self.issues() && !algorithm.is_over_sha1() && algorithm.fits(self) && algorithm.hash() >= shortest
        })
    }

    /// Whether a batch engine makes and checks its signatures with SHA-256 (crates `p256-sign` and `p256-batch`).
    pub const fn has_batch_engine(self) -> bool {
        matches!(self, Self::P256)
    }

    /// Whether the lower of the two values of s that verify always begins with a zero byte: the order has one bit in
    /// its first byte, and the lower s is below half of it.
    pub fn has_short_lower_s(self) -> bool {
        self.order().is_some_and(|order| order[0] == 1)
    }

    /// The bits of keyUsage that an end entity's key of this kind may have (RFC 8813 §3, RFC 9295 §3, RFC 3279 §2.3.1).
    pub const fn usages(self) -> u16 {
        let signs = KeyUsage::DIGITAL_SIGNATURE | KeyUsage::NON_REPUDIATION;
        match self.scheme() {
            Some(Scheme::Ed25519) => signs,
            Some(Scheme::RsaPkcs1 | Scheme::RsaPss) => signs | KeyUsage::KEY_ENCIPHERMENT | KeyUsage::DATA_ENCIPHERMENT,
            Some(Scheme::Ecdsa) | None => {
                signs | KeyUsage::KEY_AGREEMENT | KeyUsage::ENCIPHER_ONLY | KeyUsage::DECIPHER_ONLY
            }
        }
    }

    /// Bytes of a signature as a token returns it: r and s side by side for ECDSA, and what a certificate carries for
    /// all others.
    pub fn raw_signature(self) -> usize {
        match (self, self.field_bytes()) {
            (_, Some(bytes)) => 2 * bytes,
            (Self::Rsa { bits }, None) => usize::from(bits).div_ceil(8),
            (_, None) => 64,
        }
    }

    /// Bytes of the longest signature that a certificate can carry.
    pub fn longest_signature(self) -> usize {
        match self.field_bytes() {
            // two INTEGERs with a sign byte each in a SEQUENCE (RFC 3279 §2.2.3), whose length needs a second byte from
            // 128 on
            Some(bytes) => 2 * (bytes + 3) + if bytes > 60 { 3 } else { 2 },
            None => self.raw_signature(),
        }
    }

    pub(super) fn point_bytes(self) -> Option<usize> {
        self.field_bytes().map(|bytes| 1 + 2 * bytes)
    }
}

/// The names policies use.
impl fmt::Display for KeyAlgorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.row().name)?;
        if let Self::Rsa { bits } = self { write!(f, "-{bits}") } else { Ok(()) }
    }
}

/// What is known of a kind of key.
#[derive(Clone, Copy)]
struct Row {
    name: &'static str,
    signature: SignatureAlgorithm,
    issues: bool,
    seals: bool,
    curve: Option<Curve>,
}

/// An elliptic curve in Weierstrass form.
#[derive(Clone, Copy)]
struct Curve {
    oid: ObjectIdentifier,
    /// Bytes of one coordinate.
    field: usize,
    /// The order n of the base point.
    order: &'static [u8],
}

/// SP 800-186 §3.2.1.3
const P256: Curve = Curve {
    oid: oid::SECP256R1,
    field: 32,
    order: &from_hex::<32>("ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551"),
};

/// SP 800-186 §3.2.1.4
const P384: Curve = Curve {
    oid: oid::SECP384R1,
    field: 48,
    order: &from_hex::<48>(
        "ffffffffffffffffffffffffffffffffffffffffffffffffc7634d81f4372ddf581a0db248b0a77aecec196accc52973",
    ),
};

/// SP 800-186 §3.2.1.5
const P521: Curve = Curve {
    oid: oid::SECP521R1,
    field: 66,
    order: &from_hex::<66>(concat!(
        "01fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffa",
        "51868783bf2f966b7fcc0148f709a5d03bb5c9b8899c47aebb6fb71e91386409"
    )),
};

/// RFC 5639 §3.4
const BRAINPOOL_P256R1: Curve = Curve {
    oid: oid::BRAINPOOL_P256R1,
    field: 32,
    order: &from_hex::<32>("a9fb57dba1eea9bc3e660a909d838d718c397aa3b561a6f7901e0e82974856a7"),
};

/// RFC 5639 §3.6
const BRAINPOOL_P384R1: Curve = Curve {
    oid: oid::BRAINPOOL_P384R1,
    field: 48,
    order: &from_hex::<48>(
        "8cb91e82a3386d280f5d6f7e50e641df152f7109ed5456b31f166e6cac0425a7cf3ab6af6b7fc3103b883202e9046565",
    ),
};

const fn from_hex<const N: usize>(text: &str) -> [u8; N] {
    const fn digit(character: u8) -> u8 {
        match character {
            b'0'..=b'9' => character - b'0',
            b'a'..=b'f' => character - b'a' + 10,
            _ => panic!("not a hexadecimal digit"),
        }
    }
    let text = text.as_bytes();
    assert!(text.len() == 2 * N, "two digits a byte");
    let mut value = [0; N];
    let mut at = 0;
    while at < N {
        value[at] = digit(text[2 * at]) << 4 | digit(text[2 * at + 1]);
        at += 1;
    }
    value
}
