//! Encrypted PKCS#8 (RFC 5958 §3) with PBES2 (RFC 8018 §6.2): opening what other tools wrote, writing what they open.
//!
//! New keys use PBKDF2-HMAC-SHA-256 and AES-256-CBC, the pair that OpenSSL, GnuTLS and Java all read (GnuTLS knows no
//! scrypt). AES-CBC does not authenticate: a damaged file and a wrong passphrase look the same.

use der::asn1::{ObjectIdentifier, OctetStringRef};
use der::{Decode as _, Encode as _, ErrorKind};
use pkcs8::EncryptedPrivateKeyInfoRef;
use pkcs8::pkcs5::pbes2::{Kdf, Parameters};
use pkcs8::pkcs5::{EncryptionScheme, Error as Pkcs5Error};
use zeroize::Zeroizing;

use crate::x509::tlv::{Reader, tag};

use super::SignerError;
use super::secret::Secret;

/// How a new key file is protected.
pub struct KeyEncryption<'a> {
    /// The passphrase.
    pub secret: &'a Secret,
    /// Random bytes, used once: PBKDF2's salt.
    pub salt: [u8; 16],
    /// Random bytes, used once: AES-CBC's initialisation vector.
    pub iv: [u8; 16],
}

impl std::fmt::Debug for KeyEncryption<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("KeyEncryption(..)")
    }
}

/// Rounds of PBKDF2 in files that this program writes: what OWASP recommends for PBKDF2-HMAC-SHA-256.
pub(super) const PBKDF2_ROUNDS: u32 = 600_000;
/// Most rounds of PBKDF2 that are read: some seconds of work.
pub(super) const MAX_PBKDF2_ROUNDS: u32 = 5_000_000;
/// Most memory for scrypt, in bytes (128·N·r, RFC 7914 §2).
pub(super) const MAX_SCRYPT_BYTES: u64 = 1 << 30;
/// Most parallelisation of scrypt (p, RFC 7914 §2): some seconds of work.
pub(super) const MAX_SCRYPT_PARALLELISATION: u64 = 16;

/// Encrypts a PrivateKeyInfo; the result is an EncryptedPrivateKeyInfo.
pub(super) fn encrypt(private_key_info: &[u8], with: &KeyEncryption<'_>) -> Vec<u8> {
    let parameters = Parameters::generate_pbkdf2_sha256_aes256cbc(PBKDF2_ROUNDS, &with.salt, with.iv)
        .expect("rounds and salt are within the crate's limits");
    let encrypted = parameters.encrypt(with.secret.expose(), private_key_info).expect("the cipher pads any length");
    let encrypted_data = OctetStringRef::new(&encrypted).expect("a key is far below a gigabyte");
    EncryptedPrivateKeyInfoRef { encryption_algorithm: parameters.into(), encrypted_data }
        .to_der()
        .expect("a key is far below a gigabyte")
}

/// Decrypts an EncryptedPrivateKeyInfo; the result should be a PrivateKeyInfo.
pub(super) fn decrypt(encrypted: &[u8], secret: &Secret) -> Result<Zeroizing<Vec<u8>>, SignerError> {
    let info = match EncryptedPrivateKeyInfoRef::from_der(encrypted) {
        Ok(info) => info,
        Err(error) => {
            return Err(match (error.kind(), scheme(encrypted)) {
                (ErrorKind::OidUnknown { oid }, _) => SignerError::EncryptionUnsupported { scheme: oid },
                (_, Some(scheme)) => SignerError::EncryptionUnsupported { scheme },
                (_, None) => SignerError::Structure,
            });
        }
    };
    decrypt_with(&info.encryption_algorithm, info.encrypted_data.as_bytes(), secret)
}

/// Decrypts what was encrypted under this scheme.
pub(super) fn decrypt_with(
    scheme: &EncryptionScheme,
    encrypted: &[u8],
    secret: &Secret,
) -> Result<Zeroizing<Vec<u8>>, SignerError> {
    check_cost(scheme)?;
    match scheme.decrypt(secret.expose(), encrypted) {
        Ok(decrypted) => Ok(Zeroizing::new(decrypted)),
        Err(Pkcs5Error::UnsupportedAlgorithm { oid } | Pkcs5Error::AlgorithmParametersInvalid { oid }) => {
            Err(SignerError::EncryptionUnsupported { scheme: oid })
        }
        Err(Pkcs5Error::NoPbes1CryptSupport) => Err(SignerError::EncryptionUnsupported { scheme: scheme.oid() }),
        Err(_) => Err(SignerError::PassphraseWrong),
    }
}

/// The scheme's identifier, if the bytes look like an EncryptedPrivateKeyInfo at all.
fn scheme(encrypted: &[u8]) -> Option<ObjectIdentifier> {
    let outer = Reader::new(encrypted).expect(tag::SEQUENCE, "EncryptedPrivateKeyInfo").ok()?;
    let algorithm = Reader::new(outer.content).expect(tag::SEQUENCE, "encryptionAlgorithm").ok()?;
    let oid = Reader::new(algorithm.content).expect(tag::OBJECT_IDENTIFIER, "encryptionAlgorithm").ok()?;
    ObjectIdentifier::from_bytes(oid.content).ok()
}

/// A key file must not be able to hang the program or take all its memory.
fn check_cost(scheme: &EncryptionScheme) -> Result<(), SignerError> {
    let at_most = |what, found: u64, limit: u64| {
        if found <= limit { Ok(()) } else { Err(SignerError::EncryptionCost { what, found, limit }) }
    };
    match scheme.pbes2().map(|parameters| &parameters.kdf) {
        Some(Kdf::Pbkdf2(parameters)) => {
            at_most("rounds of PBKDF2", parameters.iteration_count.into(), MAX_PBKDF2_ROUNDS.into())
        }
        Some(Kdf::Scrypt(parameters)) => {
            // N = 0 has no logarithm, which the crate would ask for
            if !parameters.cost_parameter.is_power_of_two() {
                return Err(SignerError::Structure);
            }
            let bytes = parameters.cost_parameter.saturating_mul(128).saturating_mul(parameters.block_size.into());
            at_most("bytes of memory for scrypt", bytes, MAX_SCRYPT_BYTES)?;
            at_most("parallel runs of scrypt", parameters.parallelization.into(), MAX_SCRYPT_PARALLELISATION)
        }
        _ => Ok(()),
    }
}
