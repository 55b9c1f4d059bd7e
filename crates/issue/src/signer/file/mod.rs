//! Keys in files: PKCS#8, PKCS#12 and the older forms, plain or encrypted (`content.rs`).
//!
//! Signing is done by aws-lc. It signs ECDSA on P-256 with SHA-256, on P-384 with SHA-384 and on P-521 with SHA-256,
//! SHA-384 and SHA-512; the other pairs of curve and hash, rare in practice, are refused before anything is recorded
//! rather than handed to a second implementation.
//!
//! A P-256 key can also sign in batches ([`BatchSigning`]), by `p256-sign`: several times as fast on processors with
//! AVX-512 IFMA. The caller of a signer verifies each signature by other code before it is released.

mod content;
mod legacy;
mod pkcs12;

use aws_lc_rs::encoding::AsBigEndian as _;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{self as lc, EcdsaKeyPair, EcdsaSigningAlgorithm, Ed25519KeyPair, KeyPair as _};
use aws_lc_rs::signature::{RsaKeyPair, RsaSignatureEncoding};
use der::asn1::ObjectIdentifier;
use p256_sign::NoRandomness;
use zeroize::Zeroizing;

use std::sync::OnceLock;

use crate::crypto::{ecdsa_signature, sha256};

use crate::x509::tlv::{DerError, Reader, element, tag};
use crate::x509::{Certificate, KeyAlgorithm, SignatureAlgorithm, Spki, SpkiError, oid, pem};

use super::encryption::{self, KeyEncryption};
use super::secret::Secret;
use super::{Signer, SignerError};

use content::Content;

/// A private key read from a file, in memory until dropped.
pub struct FileSigner {
    key: Key,
    spki: Spki,
    batches: BatchSigning,
    /// Made with the first batch: its tables cost some milliseconds.
    batch_key: OnceLock<Result<p256_sign::Key, p256_sign::Fault>>,
}

/// When a P-256 key in a file makes many signatures at once, by code of this project (`crates/p256-sign`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BatchSigning {
    /// On every processor.
    Always,
    /// Never: aws-lc makes every signature.
    Never,
    /// On processors with AVX-512 IFMA.
    WithLanes,
}

enum Key {
    /// One pair for each hash, since aws-lc ties the hash to the pair.
    Ecdsa(Vec<(SignatureAlgorithm, EcdsaKeyPair)>),
    Ed25519(Ed25519KeyPair),
    Rsa(RsaKeyPair),
}

impl FileSigner {
    /// Opens the one private key of a file. `secret` is the passphrase of an encrypted file, and `None` for a plain
    /// one.
    ///
    /// # Errors
    /// The file is not one private key of a supported kind and form, or the passphrase is missing, wrong or
    /// superfluous.
    pub fn open(pem: &[u8], secret: Option<&Secret>) -> Result<Self, SignerError> {
        let content = Content::of(pem)?;
        let encrypted = content.is_encrypted();
        // one wrong passphrase in 256 leaves valid padding behind, but no PrivateKeyInfo
        Self::from_private_key_info(&content.open(secret)?).map_err(|error| match error {
            SignerError::Structure if encrypted => SignerError::PassphraseWrong,
            other => other,
        })
    }

    /// The certificates beside the key: those of PKCS#12. Other files have none.
    ///
    /// # Errors
    /// As [`open`](Self::open), or something in the place of a certificate is none.
    pub fn certificates(content: &[u8], secret: Option<&Secret>) -> Result<Vec<Certificate>, SignerError> {
        match (Content::of(content)?, secret) {
            (Content::Pkcs12(_), None) => Err(SignerError::PassphraseMissing),
            (Content::Pkcs12(der), Some(secret)) => pkcs12::open(&der, secret)?.certificates(),
            _ => Ok(Vec::new()),
        }
    }

    /// Chooses when a P-256 key signs in batches; without this call it never does. aws-lc signs with other keys, and
    /// makes the signatures of small batches, in any case.
    #[must_use]
    pub fn with_batches(mut self, batches: BatchSigning) -> Self {
        self.batches = batches;
        self
    }

    /// Signs all messages together, if this key does that for so many.
    fn sign_together(
        &self,
        (algorithm, pair): (SignatureAlgorithm, &EcdsaKeyPair),
        messages: &[&[u8]],
        signatures: &mut Vec<Vec<u8>>,
    ) -> Result<bool, SignerError> {
        let wanted = match self.batches {
            BatchSigning::Always => true,
            BatchSigning::Never => false,
            BatchSigning::WithLanes => p256_sign::Form::detect() == p256_sign::Form::Lanes,
        };
        let many = messages.len() >= if self.batch_key.get().is_some() { AGAIN } else { FIRST };
        if !wanted || !many || !self.spki.algorithm().has_batch_engine() {
            return Ok(false);
        }
        let batch = |fault| SignerError::Batch { fault };
        let key = self.batch_key.get_or_init(|| {
            let secret = pair.private_key().as_be_bytes().map_err(|_| p256_sign::Fault::KeyOutOfRange)?;
            let secret = <&[u8; 32]>::try_from(secret.as_ref()).map_err(|_| p256_sign::Fault::KeyOutOfRange)?;
            let key = p256_sign::Key::new(secret)?;
            if key.public_key()[..] == *pair.public_key().as_ref() { Ok(key) } else { Err(p256_sign::Fault::SelfTest) }
        });
        let key = key.as_ref().map_err(|fault| batch(*fault))?;
        let digests: Vec<[u8; 32]> = messages.iter().map(|message| *sha256(message).as_bytes()).collect();
        let mut random = |bytes: &mut [u8]| aws_lc_rs::rand::fill(bytes).map_err(|_| NoRandomness);
        let made = key.sign_batch(&digests, &mut random, true).map_err(|fault| match fault {
            p256_sign::Fault::NoRandomness => SignerError::Failed { algorithm },
            fault => batch(fault),
        })?;
        signatures.extend(made.iter().map(|signature| ecdsa_signature(&signature.r, &signature.s)));
        Ok(true)
    }

    /// Whether opening this file takes a passphrase.
    ///
    /// # Errors
    /// The file is not one private key.
    pub fn is_encrypted(content: &[u8]) -> Result<bool, SignerError> {
        Content::of(content).map(|content| content.is_encrypted())
    }

    fn of(key: Key, spki: Spki) -> Self {
        Self { key, spki, batches: BatchSigning::Never, batch_key: OnceLock::new() }
    }

    fn from_private_key_info(der: &[u8]) -> Result<Self, SignerError> {
        let (algorithm, curve) = key_kind(der).map_err(|_| SignerError::Structure)?;
        match (algorithm, curve) {
            (oid::EC_PUBLIC_KEY, Some(curve)) => ecdsa(der, curve),
            (oid::ED25519, None) => {
                let pair = Ed25519KeyPair::from_pkcs8(der).map_err(|error| invalid("Ed25519", error))?;
                let identifier = element(tag::OBJECT_IDENTIFIER, &[oid::ED25519.as_bytes()]);
                let spki = spki(&identifier, pair.public_key().as_ref(), "Ed25519")?;
                Ok(Self::of(Key::Ed25519(pair), spki))
            }
            (oid::RSA_ENCRYPTION, _) => rsa(der),
            (algorithm, _) => Err(SignerError::KeyUnsupported { algorithm }),
        }
    }
}

impl Signer for FileSigner {
    fn public_key(&self) -> &Spki {
        &self.spki
    }

    fn check_algorithm(&self, algorithm: SignatureAlgorithm) -> Result<(), SignerError> {
        let known = match &self.key {
            Key::Ecdsa(pairs) => pairs.iter().any(|(known, _)| *known == algorithm),
            Key::Ed25519(_) => algorithm == SignatureAlgorithm::Ed25519,
            Key::Rsa(_) => rsa_encoding(algorithm).is_some(),
        };
        if known { Ok(()) } else { Err(SignerError::Algorithm { key: self.spki.algorithm(), algorithm }) }
    }

    fn sign_batch(
        &self,
        algorithm: SignatureAlgorithm,
        messages: &[&[u8]],
        signatures: &mut Vec<Vec<u8>>,
    ) -> Result<(), SignerError> {
        let refused = || SignerError::Algorithm { key: self.spki.algorithm(), algorithm };
        let failed = |_| SignerError::Failed { algorithm };
        signatures.reserve(messages.len());
        // aws-lc draws from its own generator; this argument has no state and is ignored
        let random = SystemRandom::new();
        match &self.key {
            Key::Ecdsa(pairs) => {
                let (_, pair) = pairs.iter().find(|(known, _)| *known == algorithm).ok_or_else(refused)?;
                if self.sign_together((algorithm, pair), messages, signatures)? {
                    return Ok(());
                }
                for message in messages {
                    signatures.push(pair.sign(&random, message).map_err(failed)?.as_ref().to_vec());
                }
            }
            Key::Ed25519(pair) => {
                self.check_algorithm(algorithm)?;
                for message in messages {
                    signatures.push(pair.try_sign(message).map_err(failed)?.as_ref().to_vec());
                }
            }
            Key::Rsa(pair) => {
                let encoding = rsa_encoding(algorithm).ok_or_else(refused)?;
                for message in messages {
                    let mut signature = vec![0; pair.public_modulus_len()];
                    pair.sign(encoding, &random, message, &mut signature).map_err(failed)?;
                    signatures.push(signature);
                }
            }
        }
        Ok(())
    }
}

impl std::fmt::Debug for FileSigner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "FileSigner({:?})", self.spki)
    }
}

/// A new private key as the text of its file, and its public half.
pub struct GeneratedKey {
    /// The file's content, to be written with mode 0600; wiped when dropped.
    pub pem: Zeroizing<String>,
    /// The public half.
    pub spki: Spki,
}

impl std::fmt::Debug for GeneratedKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "GeneratedKey({:?})", self.spki)
    }
}

/// Makes a key on P-256 or P-384 and encodes it as PKCS#8, encrypted if `encryption` is given.
///
/// The key itself comes from aws-lc's own random generator: the one place where randomness is not an argument.
///
/// # Errors
/// The kind of key is another one, or the generator fails.
pub fn generate(algorithm: KeyAlgorithm, encryption: Option<&KeyEncryption<'_>>) -> Result<GeneratedKey, SignerError> {
    let kind = match algorithm {
        KeyAlgorithm::P256 => &lc::ECDSA_P256_SHA256_ASN1_SIGNING,
        KeyAlgorithm::P384 => &lc::ECDSA_P384_SHA384_ASN1_SIGNING,
        key => return Err(SignerError::Generate { key }),
    };
    let failed = |error| invalid("new", error);
    let document = EcdsaKeyPair::generate(kind).and_then(|pair| pair.to_pkcs8v1()).map_err(failed)?;
    let spki = FileSigner::from_private_key_info(document.as_ref())?.spki;
    let pem = match encryption {
        None => pem::write(PLAIN, document.as_ref()),
        Some(encryption) => pem::write(ENCRYPTED, &encryption::encrypt(document.as_ref(), encryption)),
    };
    Ok(GeneratedKey { pem, spki })
}

/// The algorithm of a PrivateKeyInfo and, for elliptic curves, the curve's name (RFC 5958 §2, RFC 5480 §2.1.1).
fn key_kind(der: &[u8]) -> Result<(ObjectIdentifier, Option<ObjectIdentifier>), DerError> {
    let mut reader = Reader::new(der);
    let info = reader.expect(tag::SEQUENCE, "PrivateKeyInfo")?;
    reader.finish("PrivateKeyInfo")?;
    let mut fields = Reader::new(info.content);
    fields.expect(tag::INTEGER, "version")?;
    let algorithm = fields.expect(tag::SEQUENCE, "privateKeyAlgorithm")?;
    fields.expect(tag::OCTET_STRING, "privateKey")?;
    let mut fields = Reader::new(algorithm.content);
    let mut identifier = |optional| -> Result<Option<ObjectIdentifier>, DerError> {
        let element = if optional {
            fields.optional(tag::OBJECT_IDENTIFIER, "parameters")?
        } else {
            Some(fields.expect(tag::OBJECT_IDENTIFIER, "algorithm")?)
        };
        let parsed = element.map(|element| ObjectIdentifier::from_bytes(element.content)).transpose();
        parsed.map_err(|_| DerError::Truncated { what: "object identifier" })
    };
    let algorithm = identifier(false)?.expect("expect() gave an element");
    Ok((algorithm, identifier(true)?))
}

fn ecdsa(der: &[u8], curve: ObjectIdentifier) -> Result<FileSigner, SignerError> {
    use SignatureAlgorithm::{EcdsaSha256, EcdsaSha384, EcdsaSha512};
    let (name, kinds): (_, &[(SignatureAlgorithm, &'static EcdsaSigningAlgorithm)]) = match curve {
        oid::SECP256R1 => ("P-256", &[(EcdsaSha256, &lc::ECDSA_P256_SHA256_ASN1_SIGNING)]),
        oid::SECP384R1 => ("P-384", &[(EcdsaSha384, &lc::ECDSA_P384_SHA384_ASN1_SIGNING)]),
        oid::SECP521R1 => (
            "P-521",
            &[
                (EcdsaSha256, &lc::ECDSA_P521_SHA256_ASN1_SIGNING),
                (EcdsaSha384, &lc::ECDSA_P521_SHA384_ASN1_SIGNING),
                (EcdsaSha512, &lc::ECDSA_P521_SHA512_ASN1_SIGNING),
            ],
        ),
        algorithm => return Err(SignerError::KeyUnsupported { algorithm }),
    };
    let mut pairs = Vec::with_capacity(kinds.len());
    for (algorithm, kind) in kinds {
        let pair = EcdsaKeyPair::from_pkcs8(kind, der).map_err(|error| invalid(name, error))?;
        pairs.push((*algorithm, pair));
    }
    let identifier = [
        element(tag::OBJECT_IDENTIFIER, &[oid::EC_PUBLIC_KEY.as_bytes()]),
        element(tag::OBJECT_IDENTIFIER, &[curve.as_bytes()]),
    ]
    .concat();
    let spki = spki(&identifier, pairs[0].1.public_key().as_ref(), name)?;
    Ok(FileSigner::of(Key::Ecdsa(pairs), spki))
}

fn rsa(der: &[u8]) -> Result<FileSigner, SignerError> {
    // aws-lc refuses moduli below 2048 bits itself, without saying so
    let pair = RsaKeyPair::from_pkcs8(der).map_err(|error| match rsa_bits(der) {
        Some(bits) if !RSA_BITS.contains(&bits) => SignerError::RsaSize { bits },
        _ => invalid("RSA", error),
    })?;
    let identifier =
        [&element(tag::OBJECT_IDENTIFIER, &[oid::RSA_ENCRYPTION.as_bytes()])[..], &[tag::NULL, 0]].concat();
    let spki = spki(&identifier, pair.public_key().as_ref(), "RSA")?;
    match spki.algorithm() {
        KeyAlgorithm::Rsa { bits } if !RSA_BITS.contains(&bits) => Err(SignerError::RsaSize { bits }),
        _ => Ok(FileSigner::of(Key::Rsa(pair), spki)),
    }
}

/// Bits of the modulus in a PrivateKeyInfo that holds an RSAPrivateKey (RFC 8017 appendix A.1.2).
fn rsa_bits(der: &[u8]) -> Option<u16> {
    let info = Reader::new(der).expect(tag::SEQUENCE, "PrivateKeyInfo").ok()?;
    let mut fields = Reader::new(info.content);
    fields.element("version").ok()?;
    fields.element("privateKeyAlgorithm").ok()?;
    let key = fields.expect(tag::OCTET_STRING, "privateKey").ok()?;
    let key = Reader::new(key.content).expect(tag::SEQUENCE, "RSAPrivateKey").ok()?;
    let mut fields = Reader::new(key.content);
    fields.expect(tag::INTEGER, "version").ok()?;
    let modulus = fields.expect(tag::INTEGER, "modulus").ok()?.content;
    let zeros = modulus.iter().take_while(|byte| **byte == 0).count();
    let first = modulus.get(zeros)?.leading_zeros() as usize;
    u16::try_from((modulus.len() - zeros) * 8 - first).ok()
}

fn rsa_encoding(algorithm: SignatureAlgorithm) -> Option<&'static RsaSignatureEncoding> {
    Some(match algorithm {
        SignatureAlgorithm::RsaPkcs1Sha256 => &lc::RSA_PKCS1_SHA256,
        SignatureAlgorithm::RsaPkcs1Sha384 => &lc::RSA_PKCS1_SHA384,
        SignatureAlgorithm::RsaPkcs1Sha512 => &lc::RSA_PKCS1_SHA512,
        // the salt is as long as the hash, as SignatureAlgorithm::identifier says
        SignatureAlgorithm::RsaPssSha256 => &lc::RSA_PSS_SHA256,
        SignatureAlgorithm::RsaPssSha384 => &lc::RSA_PSS_SHA384,
        SignatureAlgorithm::RsaPssSha512 => &lc::RSA_PSS_SHA512,
        _ => return None,
    })
}

fn spki(identifier: &[u8], key: &[u8], kind: &'static str) -> Result<Spki, SignerError> {
    let identifier = element(tag::SEQUENCE, &[identifier]);
    let der = element(tag::SEQUENCE, &[&identifier, &element(tag::BIT_STRING, &[&[0], key])]);
    Spki::from_der(&der).map_err(|error: SpkiError| invalid(kind, error))
}

fn invalid(key: &'static str, reason: impl std::fmt::Display) -> SignerError {
    SignerError::KeyInvalid { key, reason: reason.to_string() }
}

/// So many messages are worth the tables of a key, and so many a call where it has them.
const FIRST: usize = 32;
const AGAIN: usize = 8;

const PLAIN: &str = "PRIVATE KEY";
const ENCRYPTED: &str = "ENCRYPTED PRIVATE KEY";
const RSA_BITS: std::ops::RangeInclusive<u16> = 2048..=4096;

#[cfg(test)]
pub(crate) mod tests;
