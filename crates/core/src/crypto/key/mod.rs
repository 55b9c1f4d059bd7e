//! Public keys that are valid, and the one place where signatures are verified.

use aws_lc_rs::digest;
use aws_lc_rs::signature as aws;
use bp256::BrainpoolP256r1;
use bp384::BrainpoolP384r1;
use ecdsa::signature::hazmat::PrehashVerifier;
use ecdsa::{Signature, VerifyingKey};

use crate::x509::{KeyAlgorithm, SignatureAlgorithm, Spki};

use super::{EcdsaSignature, KeyError, SignatureError, ed25519, rsa};

/// A public key that was proved to be one: its point is on the curve and is not the identity, its numbers are in
/// range.
///
/// Making one costs a few microseconds; a caller that verifies many signatures of one issuer keeps it. It is `Sync`.
#[derive(Clone, Debug)]
pub struct PublicKey {
    spki: Spki,
    engine: Engine,
}

/// What answers for a key.
#[derive(Clone, Debug)]
enum Engine {
    /// The NIST curves; parsed for the hash that goes with the curve.
    Nist(Box<aws::ParsedPublicKey>),
    /// aws-lc has no Brainpool curves.
    BrainpoolP256(Box<VerifyingKey<BrainpoolP256r1>>),
    BrainpoolP384(Box<VerifyingKey<BrainpoolP384r1>>),
    /// Read again for each signature: cheap beside the verification.
    Bytes,
}

impl PublicKey {
    /// Proves that `spki` holds a valid key.
    ///
    /// # Errors
    /// The point is off the curve or not canonically encoded, an Ed25519 point is of small order, or RSA numbers are
    /// out of range (2048 to 8192 bits in whole bytes, odd exponent).
    pub fn from_spki(spki: &Spki) -> Result<Self, KeyError> {
        let algorithm = spki.algorithm();
        let key = spki.key();
        let off_curve = KeyError::NotOnCurve { algorithm };
        let engine = match algorithm {
            KeyAlgorithm::P256 => nist(&aws::ECDSA_P256_SHA256_ASN1, key).ok_or(off_curve)?,
            KeyAlgorithm::P384 => nist(&aws::ECDSA_P384_SHA384_ASN1, key).ok_or(off_curve)?,
            KeyAlgorithm::P521 => nist(&aws::ECDSA_P521_SHA512_ASN1, key).ok_or(off_curve)?,
            KeyAlgorithm::BrainpoolP256r1 => {
                Engine::BrainpoolP256(Box::new(VerifyingKey::from_sec1_bytes(key).map_err(|_| off_curve)?))
            }
            KeyAlgorithm::BrainpoolP384r1 => {
                Engine::BrainpoolP384(Box::new(VerifyingKey::from_sec1_bytes(key).map_err(|_| off_curve)?))
            }
            KeyAlgorithm::Ed25519 => {
                ed25519::check_key(key)?;
                Engine::Bytes
            }
            KeyAlgorithm::Rsa { bits } => {
                rsa::check_key(key, bits)?;
                aws::ParsedPublicKey::new(&aws::RSA_PKCS1_2048_8192_SHA256, key).map_err(|_| KeyError::RsaModulus)?;
                Engine::Bytes
            }
        };
        Ok(Self { spki: spki.clone(), engine })
    }

    /// Proves that `spki` holds a valid key, as [`from_spki`](Self::from_spki) does, for those who verify nothing with
    /// it: a leaf's key costs a tenth of the time this way.
    ///
    /// # Errors
    /// As [`from_spki`](Self::from_spki).
    pub fn check(spki: &Spki) -> Result<(), KeyError> {
        match spki.algorithm() {
            algorithm @ KeyAlgorithm::P256 => {
                // SEC 1 §2.3.4: coordinates are reduced, the point is on the curve; the reader has refused other forms
                p256::PublicKey::from_sec1_bytes(spki.key()).map_err(|_| KeyError::NotOnCurve { algorithm })?;
                Ok(())
            }
            _ => Self::from_spki(spki).map(|_| ()),
        }
    }

    /// The SubjectPublicKeyInfo as received.
    pub fn spki(&self) -> &Spki {
        &self.spki
    }

    /// The key's algorithm and curve.
    pub fn algorithm(&self) -> KeyAlgorithm {
        self.spki.algorithm()
    }

    /// Verifies `signature` over `message`; the signature must be in its one strict encoding.
    ///
    /// For ECDSA, s and n - s are both accepted, as FIPS 186-5 has it: twins are the business of
    /// [`verify`](crate::verify)'s conflict rules.
    ///
    /// # Errors
    /// The algorithm does not fit the key, the signature's form is wrong, or it does not verify.
    pub fn verify(
        &self,
        algorithm: SignatureAlgorithm,
        message: &[u8],
        signature: &[u8],
    ) -> Result<(), SignatureError> {
        let key = self.algorithm();
        if let SignatureAlgorithm::Unverified(algorithm) = algorithm {
            return Err(SignatureError::Unverified { algorithm });
        }
        if !algorithm.fits(key) {
            return Err(SignatureError::AlgorithmKey { algorithm, key });
        }
        if algorithm.is_ecdsa() {
            let parts = EcdsaSignature::parse(key, signature)?;
            return self.verify_ecdsa(algorithm, message, signature, parts);
        }
        match key {
            KeyAlgorithm::Ed25519 => ed25519::check_signature(signature)?,
            KeyAlgorithm::Rsa { bits } if signature.len() != usize::from(bits) / 8 => {
                return Err(SignatureError::Length { bytes: signature.len(), expected: usize::from(bits) / 8 });
            }
            _ => {}
        }
        let verification: &'static dyn aws::VerificationAlgorithm = match algorithm {
            SignatureAlgorithm::Ed25519 => &aws::ED25519,
            SignatureAlgorithm::RsaPkcs1Sha256 => &aws::RSA_PKCS1_2048_8192_SHA256,
            SignatureAlgorithm::RsaPkcs1Sha384 => &aws::RSA_PKCS1_2048_8192_SHA384,
            SignatureAlgorithm::RsaPkcs1Sha512 => &aws::RSA_PKCS1_2048_8192_SHA512,
            SignatureAlgorithm::RsaPssSha256 => &aws::RSA_PSS_2048_8192_SHA256,
            SignatureAlgorithm::RsaPssSha384 => &aws::RSA_PSS_2048_8192_SHA384,
            SignatureAlgorithm::RsaPssSha512 => &aws::RSA_PSS_2048_8192_SHA512,
            SignatureAlgorithm::EcdsaSha1
            | SignatureAlgorithm::EcdsaSha256
            | SignatureAlgorithm::EcdsaSha384
            | SignatureAlgorithm::EcdsaSha512
            | SignatureAlgorithm::Unverified(_) => return Err(SignatureError::AlgorithmKey { algorithm, key }),
        };
        aws::UnparsedPublicKey::new(verification, self.spki.key())
            .verify(message, signature)
            .map_err(|_| SignatureError::Invalid)
    }

    fn verify_ecdsa(
        &self,
        algorithm: SignatureAlgorithm,
        message: &[u8],
        signature: &[u8],
        parts: EcdsaSignature<'_>,
    ) -> Result<(), SignatureError> {
        let verified = match &self.engine {
            Engine::Nist(parsed) => match (self.algorithm(), algorithm) {
                (KeyAlgorithm::P256, SignatureAlgorithm::EcdsaSha256)
                | (KeyAlgorithm::P384, SignatureAlgorithm::EcdsaSha384)
                | (KeyAlgorithm::P521, SignatureAlgorithm::EcdsaSha512) => {
                    parsed.verify_sig(message, signature).is_ok()
                }
                (curve, hash) => verify_other_pair(curve, hash, self.spki.key(), message, signature),
            },
            Engine::BrainpoolP256(key) => {
                let (r, s) = (fixed::<32>(parts.r()), fixed::<32>(parts.s()));
                Signature::<BrainpoolP256r1>::from_scalars(r, s)
                    .is_ok_and(|signature| key.verify_prehash(&prehash::<32>(algorithm, message), &signature).is_ok())
            }
            Engine::BrainpoolP384(key) => {
                let (r, s) = (fixed::<48>(parts.r()), fixed::<48>(parts.s()));
                Signature::<BrainpoolP384r1>::from_scalars(r, s)
                    .is_ok_and(|signature| key.verify_prehash(&prehash::<48>(algorithm, message), &signature).is_ok())
            }
            Engine::Bytes => false,
        };
        if verified { Ok(()) } else { Err(SignatureError::Invalid) }
    }
}

/// Two keys are the same if their SubjectPublicKeyInfo is, byte for byte.
impl PartialEq for PublicKey {
    fn eq(&self, other: &Self) -> bool {
        self.spki == other.spki
    }
}

impl Eq for PublicKey {}

fn nist(algorithm: &'static aws::EcdsaVerificationAlgorithm, point: &[u8]) -> Option<Engine> {
    // aws-lc refuses coordinates that are not reduced and points off the curve; the reader has refused other forms
    aws::ParsedPublicKey::new(algorithm, point).ok().map(|parsed| Engine::Nist(Box::new(parsed)))
}

/// A NIST curve with a hash that is not its usual one.
fn verify_other_pair(
    curve: KeyAlgorithm,
    algorithm: SignatureAlgorithm,
    point: &[u8],
    message: &[u8],
    signature: &[u8],
) -> bool {
    let pair: &'static dyn aws::VerificationAlgorithm = match (curve, algorithm) {
        (KeyAlgorithm::P256, SignatureAlgorithm::EcdsaSha1) => &aws::ECDSA_P256_SHA1_ASN1,
        (KeyAlgorithm::P256, SignatureAlgorithm::EcdsaSha384) => &aws::ECDSA_P256_SHA384_ASN1,
        (KeyAlgorithm::P256, SignatureAlgorithm::EcdsaSha512) => &aws::ECDSA_P256_SHA512_ASN1,
        (KeyAlgorithm::P384, SignatureAlgorithm::EcdsaSha256) => &aws::ECDSA_P384_SHA256_ASN1,
        (KeyAlgorithm::P384, SignatureAlgorithm::EcdsaSha512) => &aws::ECDSA_P384_SHA512_ASN1,
        (KeyAlgorithm::P521, SignatureAlgorithm::EcdsaSha1) => &aws::ECDSA_P521_SHA1_ASN1,
        (KeyAlgorithm::P521, SignatureAlgorithm::EcdsaSha256) => &aws::ECDSA_P521_SHA256_ASN1,
        (KeyAlgorithm::P521, SignatureAlgorithm::EcdsaSha384) => &aws::ECDSA_P521_SHA384_ASN1,
        (KeyAlgorithm::P384, SignatureAlgorithm::EcdsaSha1) => {
            // The one pair aws-lc does not name. FIPS 186-5 §6.4.2 uses the digest as an integer, so SHA-1's 20 bytes
            // and the same bytes behind twelve zeros, in the place of a SHA-256 digest, are the same number.
            return digest::Digest::import_less_safe(&prehash::<32>(algorithm, message), &digest::SHA256).is_ok_and(
                |digest| {
                    aws::UnparsedPublicKey::new(&aws::ECDSA_P384_SHA256_ASN1, point)
                        .verify_digest(&digest, signature)
                        .is_ok()
                },
            );
        }
        _ => return false,
    };
    aws::UnparsedPublicKey::new(pair, point).verify(message, signature).is_ok()
}

/// The message's digest, with zeros before it up to `WIDTH` bytes: the same integer (FIPS 186-5 §6.4.2).
fn prehash<const WIDTH: usize>(algorithm: SignatureAlgorithm, message: &[u8]) -> Vec<u8> {
    let hash = match algorithm {
        SignatureAlgorithm::EcdsaSha1 => &digest::SHA1_FOR_LEGACY_USE_ONLY,
        SignatureAlgorithm::EcdsaSha384 => &digest::SHA384,
        SignatureAlgorithm::EcdsaSha512 => &digest::SHA512,
        _ => &digest::SHA256,
    };
    let digest = digest::digest(hash, message);
    let mut bytes = vec![0; WIDTH.saturating_sub(digest.as_ref().len())];
    bytes.extend_from_slice(digest.as_ref());
    bytes
}

/// An integer in the field's full width; `parse` has seen that it is below the order.
fn fixed<const WIDTH: usize>(magnitude: &[u8]) -> [u8; WIDTH] {
    let mut bytes = [0; WIDTH];
    bytes[WIDTH - magnitude.len()..].copy_from_slice(magnitude);
    bytes
}

#[cfg(test)]
mod tests;
