//! Certificates put together byte by byte.
//!
//! The default is good: an STSAFE-A leaf of the production shape. Each test puts in its own defect. Nothing here uses
//! the crate's own DER writer, so that both cannot be wrong in the same way.

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use p256::ecdsa::signature::Signer as _;

/// The serial number of the default leaf.
pub(crate) const UID: &str = "0209B0846159E439520139";

/// One element with a minimal length.
pub(crate) fn tlv(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let content = parts.concat();
    let length = content.len();
    let header = match length {
        0..=0x7F => vec![tag, u8::try_from(length).expect("short")],
        0x80..=0xFF => vec![tag, 0x81, u8::try_from(length).expect("one byte")],
        0x100..=0xFFFF => {
            let [high, low] = u16::try_from(length).expect("two bytes").to_be_bytes();
            vec![tag, 0x82, high, low]
        }
        _ => {
            let [_, a, b, c] = u32::try_from(length).expect("three bytes").to_be_bytes();
            vec![tag, 0x83, a, b, c]
        }
    };
    [header, content].concat()
}

pub(crate) fn hex(text: &str) -> Vec<u8> {
    hex::decode(text).expect("hexadecimal")
}

/// Object identifiers as content bytes.
pub(crate) mod oids {
    pub(crate) const CN: &[u8] = &[0x55, 4, 3];
    pub(crate) const C: &[u8] = &[0x55, 4, 6];
    pub(crate) const O: &[u8] = &[0x55, 4, 10];
    pub(crate) const BASIC_CONSTRAINTS: &[u8] = &[0x55, 0x1D, 19];
    pub(crate) const KEY_USAGE: &[u8] = &[0x55, 0x1D, 15];
    pub(crate) const SUBJECT_ALT_NAME: &[u8] = &[0x55, 0x1D, 17];
    pub(crate) const SUBJECT_KEY_IDENTIFIER: &[u8] = &[0x55, 0x1D, 14];
    pub(crate) const AUTHORITY_KEY_IDENTIFIER: &[u8] = &[0x55, 0x1D, 35];
    pub(crate) const EXTENDED_KEY_USAGE: &[u8] = &[0x55, 0x1D, 37];
    pub(crate) const NAME_CONSTRAINTS: &[u8] = &[0x55, 0x1D, 30];
    /// 1.3.6.1.4.1.55738.666.1
    pub(crate) const UNKNOWN: &[u8] = &[0x2B, 6, 1, 4, 1, 0x83, 0xB3, 0x3A, 0x85, 0x1A, 1];
}

pub(crate) fn attribute(kind: &[u8], tag: u8, value: &[u8]) -> Vec<u8> {
    tlv(0x30, &[&tlv(6, &[kind]), &tlv(tag, &[value])])
}

pub(crate) fn name(rdns: &[Vec<u8>]) -> Vec<u8> {
    let sets: Vec<Vec<u8>> = rdns.iter().map(|pair| tlv(0x31, &[pair])).collect();
    tlv(0x30, &[&sets.concat()])
}

/// C, O, CN as ST writes them.
pub(crate) fn st_name(country: &str, organization: &str, common_name: &str) -> Vec<u8> {
    name(&[
        attribute(oids::C, 0x13, country.as_bytes()),
        attribute(oids::O, 0x0C, organization.as_bytes()),
        attribute(oids::CN, 0x0C, common_name.as_bytes()),
    ])
}

pub(crate) fn root_name() -> Vec<u8> {
    st_name("NL", "STMicroelectronics nv", "ACME STSAFE-A PROD CA 01")
}

pub(crate) fn extension(kind: &[u8], critical: bool, value: &[u8]) -> Vec<u8> {
    let critical: &[u8] = if critical { &[1, 1, 0xFF] } else { &[] };
    tlv(0x30, &[&tlv(6, &[kind]), critical, &tlv(4, &[value])])
}

/// The extensions field.
pub(crate) fn extensions(list: &[Vec<u8>]) -> Vec<u8> {
    tlv(0xA3, &[&tlv(0x30, &[&list.concat()])])
}

/// basicConstraints, critical, cA TRUE.
pub(crate) fn ca_true() -> Vec<u8> {
    extension(oids::BASIC_CONSTRAINTS, true, &[0x30, 3, 1, 1, 0xFF])
}

/// basicConstraints, critical, cA TRUE with a pathLenConstraint.
pub(crate) fn ca_true_path_len(limit: u8) -> Vec<u8> {
    extension(oids::BASIC_CONSTRAINTS, true, &[0x30, 6, 1, 1, 0xFF, 2, 1, limit])
}

pub(crate) const ECDSA_SHA1: [u8; 11] = [0x30, 9, 6, 7, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 4, 1];
pub(crate) const ECDSA_SHA256: [u8; 12] = [0x30, 10, 6, 8, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 4, 3, 2];
pub(crate) const ECDSA_SHA384: [u8; 12] = [0x30, 10, 6, 8, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 4, 3, 3];
pub(crate) const ED25519: [u8; 7] = [0x30, 5, 6, 3, 0x2B, 0x65, 0x70];

/// secp256r1 by name.
pub(crate) const P256: [u8; 10] = [6, 8, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 3, 1, 7];
pub(crate) const P384: [u8; 7] = [6, 5, 0x2B, 0x81, 4, 0, 0x22];
pub(crate) const P521: [u8; 7] = [6, 5, 0x2B, 0x81, 4, 0, 0x23];
pub(crate) const BRAINPOOL_P256: [u8; 11] = [6, 9, 0x2B, 0x24, 3, 3, 2, 8, 1, 1, 7];
pub(crate) const BRAINPOOL_P384: [u8; 11] = [6, 9, 0x2B, 0x24, 3, 3, 2, 8, 1, 1, 11];

pub(crate) fn ec_spki(curve: &[u8], point: &[u8]) -> Vec<u8> {
    let algorithm = tlv(0x30, &[&[6, 7, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 2, 1], curve]);
    tlv(0x30, &[&algorithm, &tlv(3, &[&[0], point])])
}

/// Keys of the tests. Signatures are deterministic (RFC 6979, RFC 8032).
pub(crate) enum Key {
    P256(p256::ecdsa::SigningKey),
    P384(p384::ecdsa::SigningKey),
    Ed25519(Box<Ed25519KeyPair>),
}

impl Key {
    pub(crate) fn p256(seed: u8) -> Self {
        Self::P256(p256::ecdsa::SigningKey::from_slice(&[seed; 32]).expect("a scalar below the order"))
    }

    pub(crate) fn p384(seed: u8) -> Self {
        Self::P384(p384::ecdsa::SigningKey::from_slice(&[seed; 48]).expect("a scalar below the order"))
    }

    pub(crate) fn ed25519(seed: u8) -> Self {
        Self::Ed25519(Box::new(Ed25519KeyPair::from_seed_unchecked(&[seed; 32]).expect("any seed")))
    }

    pub(crate) fn spki(&self) -> Vec<u8> {
        match self {
            Self::P256(key) => ec_spki(&P256, &key.verifying_key().to_sec1_bytes()),
            Self::P384(key) => ec_spki(&P384, &key.verifying_key().to_sec1_bytes()),
            Self::Ed25519(key) => tlv(0x30, &[&ED25519, &tlv(3, &[&[0], key.public_key().as_ref()])]),
        }
    }

    pub(crate) fn algorithm(&self) -> Vec<u8> {
        match self {
            Self::P256(_) => ECDSA_SHA256.to_vec(),
            Self::P384(_) => ECDSA_SHA384.to_vec(),
            Self::Ed25519(_) => ED25519.to_vec(),
        }
    }

    pub(crate) fn sign(&self, algorithm: &[u8], message: &[u8]) -> Vec<u8> {
        match self {
            Self::P256(key) if algorithm == ECDSA_SHA1 => {
                use p256::ecdsa::signature::hazmat::PrehashSigner as _;
                let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA1_FOR_LEGACY_USE_ONLY, message);
                let signature: p256::ecdsa::Signature = key.sign_prehash(digest.as_ref()).expect("a digest");
                signature.to_der().as_bytes().to_vec()
            }
            Self::P256(key) => {
                let signature: p256::ecdsa::Signature = key.sign(message);
                signature.to_der().as_bytes().to_vec()
            }
            Self::P384(key) => {
                let signature: p384::ecdsa::Signature = key.sign(message);
                signature.to_der().as_bytes().to_vec()
            }
            Self::Ed25519(key) => key.sign(message).as_ref().to_vec(),
        }
    }
}

pub(crate) fn root_key() -> Key {
    Key::p256(1)
}

pub(crate) fn device_key() -> Key {
    Key::p256(2)
}

/// A certificate in parts, each an element (or nothing) as it is to be there.
pub(crate) struct Builder {
    pub(crate) version: Vec<u8>,
    pub(crate) serial: Vec<u8>,
    pub(crate) inner_algorithm: Vec<u8>,
    pub(crate) issuer: Vec<u8>,
    pub(crate) not_before: Vec<u8>,
    pub(crate) not_after: Vec<u8>,
    pub(crate) subject: Vec<u8>,
    pub(crate) spki: Vec<u8>,
    /// Unique identifiers and extensions.
    pub(crate) rest: Vec<u8>,
    pub(crate) outer_algorithm: Vec<u8>,
    /// What becomes of the signature's bytes.
    pub(crate) signature: fn(Vec<u8>) -> Vec<u8>,
    /// The byte before them.
    pub(crate) unused_bits: u8,
    /// What follows the signature inside the certificate.
    pub(crate) tail: Vec<u8>,
}

impl Builder {
    /// A production leaf under [`root`](Self::root).
    pub(crate) fn leaf() -> Self {
        Self {
            version: vec![0xA0, 3, 2, 1, 2],
            serial: tlv(2, &[&hex(UID)]),
            inner_algorithm: ECDSA_SHA256.to_vec(),
            issuer: root_name(),
            not_before: tlv(0x17, &[b"210305000000Z"]),
            not_after: tlv(0x18, &[b"20510305000000Z"]),
            subject: st_name("FR", "STMicroelectronics", &format!("eval3-{UID}")),
            spki: device_key().spki(),
            rest: vec![],
            outer_algorithm: ECDSA_SHA256.to_vec(),
            signature: |signature| signature,
            unused_bits: 0,
            tail: vec![],
        }
    }

    /// The root as ST makes it: basicConstraints is the only extension.
    pub(crate) fn root() -> Self {
        Self {
            serial: vec![2, 1, 1],
            not_before: tlv(0x17, &[b"180727000000Z"]),
            not_after: tlv(0x17, &[b"480727000000Z"]),
            subject: root_name(),
            spki: root_key().spki(),
            rest: extensions(&[ca_true()]),
            ..Self::leaf()
        }
    }

    /// A CA certificate below the root, with a key of its own.
    pub(crate) fn intermediate(common_name: &str, key: &Key) -> Self {
        Self {
            serial: vec![2, 1, 7],
            subject: st_name("NL", "ACME", common_name),
            spki: key.spki(),
            rest: extensions(&[ca_true()]),
            ..Self::leaf()
        }
    }

    pub(crate) fn algorithms(mut self, algorithm: &[u8]) -> Self {
        self.inner_algorithm = algorithm.to_vec();
        self.outer_algorithm = algorithm.to_vec();
        self
    }

    pub(crate) fn tbs(&self) -> Vec<u8> {
        let validity = tlv(0x30, &[&self.not_before, &self.not_after]);
        tlv(
            0x30,
            &[
                &self.version,
                &self.serial,
                &self.inner_algorithm,
                &self.issuer,
                &validity,
                &self.subject,
                &self.spki,
                &self.rest,
            ],
        )
    }

    /// Signs and wraps.
    pub(crate) fn sign(&self, key: &Key) -> Vec<u8> {
        self.wrap(&self.tbs(), key)
    }

    /// Signs and wraps another tbsCertificate than its own.
    pub(crate) fn wrap(&self, tbs: &[u8], key: &Key) -> Vec<u8> {
        let signature = (self.signature)(key.sign(&self.outer_algorithm, tbs));
        let bits = tlv(3, &[&[self.unused_bits], &signature]);
        tlv(0x30, &[tbs, &self.outer_algorithm, &bits, &self.tail])
    }
}
