//! A PKI shaped like ST's, from a recipe: a root and any number of leaves with their device keys.
//!
//! Guarantees: the same recipe gives the same bytes; a leaf depends on its index alone, so that leaves can be made in
//! any order and on any number of threads. Shape and sizes are those of genuine STSAFE-A leaves: no extensions,
//! a 11-byte serial number, C, O and CN. Nothing here is secret: every key follows from the recipe.

pub mod archive;
pub mod der;
pub mod sign;
pub mod variants;

use std::ops::Range;

use p256::elliptic_curve::BatchNormalize;
use p256::elliptic_curve::ff::PrimeField;
use p256::elliptic_curve::ops::MulByGeneratorVartime;
use p256::elliptic_curve::sec1::ToSec1Point;
use p256::{AffinePoint, ProjectivePoint, Scalar};
use reroot_core::crypto::{hmac_sha256, sha256};
use reroot_core::x509::Time;
use serde::Deserialize;

/// What a TEST PKI is made of: `fixtures/pki.toml`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Recipe {
    /// All keys follow from it.
    pub seed: String,
    /// The trust anchor.
    pub root: RootRecipe,
    /// The chips.
    pub leaves: LeafRecipe,
}

/// The trust anchor of a [`Recipe`].
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RootRecipe {
    /// C
    pub country: String,
    /// O
    pub organization: String,
    /// CN
    pub common_name: String,
    /// serialNumber
    pub serial: u8,
    /// RFC 3339
    pub not_before: String,
    /// RFC 3339
    pub not_after: String,
}

/// The chips of a [`Recipe`].
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LeafRecipe {
    /// How many there are, unless the caller chooses a different number.
    pub count: u64,
    /// The counter of the first leaf.
    pub first: u32,
    /// Three bytes of the unique number, in hexadecimal.
    pub lot: String,
    /// Two bytes at the serial's end, in hexadecimal.
    pub product_id: String,
    /// C
    pub country: String,
    /// O
    pub organization: String,
    /// CN, `{serial}` stands for the serial number in hexadecimal
    pub common_name: String,
    /// RFC 3339
    pub not_before: String,
    /// RFC 3339
    pub not_after: String,
}

impl Recipe {
    /// The recipe in `fixtures/pki.toml`.
    pub fn shipped() -> Self {
        Self::parse(include_str!("../../../../fixtures/pki.toml")).expect("fixtures/pki.toml is a recipe")
    }

    /// Reads a recipe.
    pub fn parse(text: &str) -> Result<Self, toml::de::Error> {
        toml::from_str(text)
    }
}

/// A made PKI: the root's certificate and key, and what every leaf has in common.
pub struct TestPki {
    recipe: Recipe,
    root_secret: Scalar,
    root: Vec<u8>,
    first_device_secret: Scalar,
    issuer: Vec<u8>,
    validity: Vec<u8>,
    lot: [u8; 3],
    product_id: [u8; 2],
}

/// One chip's leaf and key.
#[derive(Clone, Debug)]
pub struct TestLeaf {
    /// The serial number's content: the UID.
    pub serial: [u8; 11],
    /// The certificate.
    pub der: Vec<u8>,
    /// The device's private key, a PKCS#8 PrivateKeyInfo.
    pub key: Vec<u8>,
}

impl TestLeaf {
    /// The UID in upper-case hexadecimal.
    pub fn uid(&self) -> String {
        hex::encode_upper(self.serial)
    }
}

/// The fields of a leaf, for tests to bend one of them before [`TestPki::certify`].
#[derive(Clone, Debug)]
pub struct LeafShape {
    /// serialNumber, content bytes
    pub serial: Vec<u8>,
    /// issuer, DER
    pub issuer: Vec<u8>,
    /// validity, DER
    pub validity: Vec<u8>,
    /// subject, DER
    pub subject: Vec<u8>,
    /// subjectPublicKeyInfo, DER
    pub spki: Vec<u8>,
    /// The whole `[3]` element, or nothing as in genuine leaves.
    pub extensions: Vec<u8>,
}

impl LeafShape {
    fn tbs(&self) -> Vec<u8> {
        der::sequence(&[
            &[0xA0, 3, 0x02, 1, 2],
            &der::element(0x02, &[&self.serial]),
            der::ECDSA_SHA256,
            &self.issuer,
            &self.validity,
            &self.subject,
            &self.spki,
            &self.extensions,
        ])
    }
}

impl TestPki {
    /// Makes the root of `recipe`.
    pub fn new(recipe: Recipe) -> Self {
        let root_secret = derive(&recipe.seed, "root");
        let name = der::st_name(&recipe.root.country, &recipe.root.organization, &recipe.root.common_name);
        let root_shape = LeafShape {
            serial: vec![recipe.root.serial],
            issuer: name.clone(),
            validity: validity(&recipe.root.not_before, &recipe.root.not_after),
            subject: name.clone(),
            spki: der::p256_spki(&point(&root_secret)),
            // [3] { basicConstraints critical { cA TRUE } }: all that ST's production root has
            extensions: der::element(0xA3, &[&der::sequence(&[BASIC_CONSTRAINTS_CA])]),
        };
        Self {
            root: wrap(&root_secret, &[root_shape.tbs()]).remove(0),
            root_secret,
            first_device_secret: derive(&recipe.seed, "devices"),
            issuer: name,
            validity: validity(&recipe.leaves.not_before, &recipe.leaves.not_after),
            lot: bytes(&recipe.leaves.lot, "lot"),
            product_id: bytes(&recipe.leaves.product_id, "product_id"),
            recipe,
        }
    }

    /// The PKI of `fixtures/pki.toml`.
    pub fn shipped() -> Self {
        Self::new(Recipe::shipped())
    }

    /// What it was made from.
    pub fn recipe(&self) -> &Recipe {
        &self.recipe
    }

    /// The root certificate.
    pub fn root(&self) -> &[u8] {
        &self.root
    }

    /// The root's private key, a PKCS#8 PrivateKeyInfo.
    pub fn root_key(&self) -> Vec<u8> {
        der::p256_pkcs8(&self.root_secret.to_repr(), &point(&self.root_secret))
    }

    /// The leaf of the chip with this index.
    pub fn leaf(&self, index: u64) -> TestLeaf {
        self.leaves(index..index + 1).remove(0)
    }

    /// The leaves of a range of chips. A few hundred at a time are made fastest.
    pub fn leaves(&self, range: Range<u64>) -> Vec<TestLeaf> {
        let keys = self.device_keys(range.clone());
        let shapes = range.clone().zip(&keys).map(|(index, (_, point))| self.shape_for(index, point));
        let certificates = wrap(&self.root_secret, &shapes.map(|shape| shape.tbs()).collect::<Vec<_>>());
        let parts = range.zip(keys).zip(certificates);
        parts
            .map(|((index, (secret, point)), der)| TestLeaf {
                serial: self.serial(index),
                der,
                key: der::p256_pkcs8(&secret.to_repr(), &point),
            })
            .collect()
    }

    /// The files of `fixtures/pki/`: the root, the recipe's leaves, and their keys, which say TEST in their names.
    pub fn files(&self, each: &mut dyn FnMut(String, Vec<u8>)) {
        each("root.pem".to_owned(), der::pem("CERTIFICATE", &self.root).into_bytes());
        each("root.TEST-key.pem".to_owned(), der::pem("PRIVATE KEY", &self.root_key()).into_bytes());
        for leaf in self.leaves(0..self.recipe.leaves.count) {
            each(format!("leaf-{}.TEST-key.pem", leaf.uid()), der::pem("PRIVATE KEY", &leaf.key).into_bytes());
            each(format!("leaf-{}.der", leaf.uid()), leaf.der);
        }
    }

    /// The fields of the leaf with this index.
    pub fn shape(&self, index: u64) -> LeafShape {
        self.shape_for(index, &self.device_keys(index..index + 1)[0].1)
    }

    /// Signs a leaf's fields, also when a test has changed them.
    pub fn certify(&self, shape: &LeafShape) -> Vec<u8> {
        wrap(&self.root_secret, &[shape.tbs()]).remove(0)
    }

    fn shape_for(&self, index: u64, point: &[u8; 65]) -> LeafShape {
        let serial = self.serial(index);
        let leaves = &self.recipe.leaves;
        let common_name = leaves.common_name.replace("{serial}", &hex::encode_upper(serial));
        LeafShape {
            serial: serial.to_vec(),
            issuer: self.issuer.clone(),
            validity: self.validity.clone(),
            subject: der::st_name(&leaves.country, &leaves.organization, &common_name),
            spki: der::p256_spki(point),
            extensions: Vec::new(),
        }
    }

    fn serial(&self, index: u64) -> [u8; 11] {
        let counter = u64::from(self.recipe.leaves.first) + index;
        let counter = u32::try_from(counter).expect("a lot has fewer than 2^32 chips").to_le_bytes();
        let mut serial = [0; 11];
        serial[..2].copy_from_slice(&[0x02, 0x09]);
        serial[2..6].copy_from_slice(&counter);
        serial[6..9].copy_from_slice(&self.lot);
        serial[9..].copy_from_slice(&self.product_id);
        serial
    }

    /// Key n is the first key plus n, so that public keys cost one point addition each.
    fn device_keys(&self, range: Range<u64>) -> Vec<(Scalar, [u8; 65])> {
        let mut secret = self.first_device_secret + Scalar::from(range.start);
        let mut point = ProjectivePoint::mul_by_generator_vartime(&secret);
        let mut secrets = Vec::new();
        let mut points = Vec::new();
        for _ in range {
            secrets.push(secret);
            points.push(point);
            secret += Scalar::ONE;
            point += AffinePoint::GENERATOR;
        }
        let points = ProjectivePoint::batch_normalize(points.as_slice());
        secrets.into_iter().zip(points.iter().map(uncompressed)).collect()
    }
}

/// Critical basicConstraints with cA TRUE and no path length.
const BASIC_CONSTRAINTS_CA: &[u8] =
    &[0x30, 15, 0x06, 3, 0x55, 0x1D, 0x13, 0x01, 1, 0xFF, 0x04, 5, 0x30, 3, 0x01, 1, 0xFF];

/// Signs each tbsCertificate with ecdsa-with-SHA256.
fn wrap(secret: &Scalar, tbs: &[Vec<u8>]) -> Vec<Vec<u8>> {
    let digests: Vec<[u8; 32]> = tbs.iter().map(|tbs| *sha256(tbs).as_bytes()).collect();
    let signatures = sign::sign_digests(secret, &digests);
    let signed = tbs.iter().zip(signatures);
    signed
        .map(|(tbs, signature)| {
            der::sequence(&[tbs, der::ECDSA_SHA256, &der::bit_string(signature.to_der().as_bytes())])
        })
        .collect()
}

fn derive(seed: &str, what: &str) -> Scalar {
    sign::reduce(&hmac_sha256(seed.as_bytes(), &[b"reroot-testpki/1 ", what.as_bytes()]))
}

fn point(secret: &Scalar) -> [u8; 65] {
    uncompressed(&ProjectivePoint::mul_by_generator_vartime(secret).to_affine())
}

fn uncompressed(point: &AffinePoint) -> [u8; 65] {
    point.to_sec1_point(false).as_bytes().try_into().expect("an uncompressed P-256 point has 65 bytes")
}

fn validity(not_before: &str, not_after: &str) -> Vec<u8> {
    let time = |text| Time::from_rfc3339(text).expect("the recipe has RFC 3339 times").to_der();
    der::sequence(&[&time(not_before), &time(not_after)])
}

fn bytes<const N: usize>(text: &str, what: &str) -> [u8; N] {
    let bytes = hex::decode(text).ok().and_then(|bytes| bytes.try_into().ok());
    bytes.unwrap_or_else(|| panic!("recipe: {what} is {N} bytes in hexadecimal"))
}
