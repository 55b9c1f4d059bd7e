//! The provider's keys (RFC 7517), and signatures by them (RFC 7515, RFC 7518).
//!
//! ES256 and RS256, which every provider has. No other algorithm is taken: a token does not choose how it is checked.

use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents, UnparsedPublicKey,
};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;

/// How a token is signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Algorithm {
    /// ECDSA with P-256 and SHA-256 (RFC 7518 §3.4).
    Es256,
    /// RSASSA-PKCS1-v1_5 with SHA-256 (RFC 7518 §3.3).
    Rs256,
}

impl Algorithm {
    /// The algorithm with this name.
    pub fn of(name: &str) -> Option<Self> {
        match name {
            "ES256" => Some(Self::Es256),
            "RS256" => Some(Self::Rs256),
            _ => None,
        }
    }
}

/// The keys of a provider that this program can use.
#[derive(Clone, Debug, Default)]
pub struct Keys(Vec<Key>);

#[derive(Clone, Debug)]
struct Key {
    id: Option<String>,
    material: Material,
}

#[derive(Clone, Debug)]
enum Material {
    /// An uncompressed point.
    P256(Vec<u8>),
    Rsa {
        n: Vec<u8>,
        e: Vec<u8>,
    },
}

impl Material {
    fn algorithm(&self) -> Algorithm {
        match self {
            Self::P256(_) => Algorithm::Es256,
            Self::Rsa { .. } => Algorithm::Rs256,
        }
    }
}

/// A JWK, as far as it is looked at.
#[derive(Deserialize)]
struct Jwk {
    kty: String,
    kid: Option<String>,
    r#use: Option<String>,
    alg: Option<String>,
    crv: Option<String>,
    x: Option<String>,
    y: Option<String>,
    n: Option<String>,
    e: Option<String>,
}

#[derive(Deserialize)]
struct Set {
    keys: Vec<serde_json::Value>,
}

impl Keys {
    /// Reads a JWK set. Keys of other kinds or for other uses are left out: a provider may have them (RFC 7517 §5).
    ///
    /// # Errors
    /// It is not a JWK set, has too many keys, or none that can be used.
    pub fn parse(document: &[u8]) -> Result<Self, String> {
        let set: Set = serde_json::from_slice(document).map_err(|error| format!("not a JWK set: {error}"))?;
        if set.keys.len() > MOST_KEYS {
            return Err(format!("a JWK set of {} keys, expected at most {MOST_KEYS}", set.keys.len()));
        }
        let usable = set.keys.into_iter().filter_map(|key| serde_json::from_value::<Jwk>(key).ok()?.usable());
        let keys: Vec<Key> = usable.collect();
        if keys.is_empty() {
            return Err("a JWK set without a key for ES256 or RS256".to_owned());
        }
        Ok(Self(keys))
    }

    /// Whether there is a key that a token with this algorithm and key ID can be signed by.
    pub fn has(&self, algorithm: Algorithm, id: Option<&str>) -> bool {
        self.candidates(algorithm, id).next().is_some()
    }

    /// Whether one of the keys has made the signature. Without a key ID, every key of the algorithm is tried.
    pub fn verify(&self, algorithm: Algorithm, id: Option<&str>, message: &[u8], signature: &[u8]) -> bool {
        self.candidates(algorithm, id).any(|key| match &key.material {
            Material::P256(point) => {
                UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point).verify(message, signature).is_ok()
            }
            Material::Rsa { n, e } => {
                RsaPublicKeyComponents { n, e }.verify(&RSA_PKCS1_2048_8192_SHA256, message, signature).is_ok()
            }
        })
    }

    fn candidates<'a>(&'a self, algorithm: Algorithm, id: Option<&'a str>) -> impl Iterator<Item = &'a Key> {
        let fits = move |key: &&Key| id.is_none_or(|id| key.id.as_deref() == Some(id));
        self.0.iter().filter(move |key| key.material.algorithm() == algorithm).filter(fits)
    }
}

impl Jwk {
    fn usable(self) -> Option<Key> {
        if self.r#use.as_deref().is_some_and(|word| word != "sig") {
            return None;
        }
        let number = |text: &Option<String>| text.as_ref().and_then(|text| URL_SAFE_NO_PAD.decode(text).ok());
        let material = match &*self.kty {
            "EC" if self.crv.as_deref() == Some("P-256") => {
                let (x, y) = (number(&self.x)?, number(&self.y)?);
                if x.len() != 32 || y.len() != 32 {
                    return None;
                }
                Material::P256([&[4][..], &x, &y].concat())
            }
            "RSA" => {
                let (n, e) = (number(&self.n)?, number(&self.e)?);
                let significant = n.iter().skip_while(|byte| **byte == 0).count();
                if !(LEAST_RSA..=MOST_RSA).contains(&significant) {
                    return None;
                }
                Material::Rsa { n, e }
            }
            _ => return None,
        };
        if self.alg.is_some_and(|alg| Algorithm::of(&alg) != Some(material.algorithm())) {
            return None;
        }
        Some(Key { id: self.kid, material })
    }
}

const MOST_KEYS: usize = 64;
/// Bytes of an RSA modulus.
const LEAST_RSA: usize = 256;
const MOST_RSA: usize = 1024;
