//! Why a key could not be opened or made, or a message not be signed. No variant carries a secret.

use std::path::PathBuf;

use der::asn1::ObjectIdentifier;

use crate::class::Class;
use crate::text::Printable;
use crate::x509::pem::PemError;
use crate::x509::{KeyAlgorithm, SignatureAlgorithm};

use super::pkcs11::Pkcs11Error;
use super::secret::SecretError;

/// Why a message could not be signed or a key not be opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SignerError {
    /// The key cannot make signatures of this algorithm.
    #[error("a {key} key cannot sign with {algorithm}")]
    Algorithm {
        /// The key found.
        key: KeyAlgorithm,
        /// The algorithm asked for.
        algorithm: SignatureAlgorithm,
    },
    /// The key derivation asks for absurd work or memory.
    #[error("key file wants {found} {what} to derive its encryption key, at most {limit} are accepted")]
    EncryptionCost {
        /// What is too large.
        what: &'static str,
        /// The value found.
        found: u64,
        /// The largest accepted.
        limit: u64,
    },
    /// The key file is encrypted in a way that is not read.
    #[error(
        "key file is encrypted with {scheme}, expected PBES2 with AES and PBKDF2-HMAC-SHA-2 or scrypt (RFC 8018 §6.2)"
    )]
    EncryptionUnsupported {
        /// The scheme, cipher or key derivation found.
        scheme: ObjectIdentifier,
    },
    /// The batch signer found itself wrong. Nothing of the batch is released, and the key signs no more in this run.
    #[error("the batch signer stopped: {}", text(*fault))]
    Batch {
        /// What it found.
        fault: p256_sign::Fault,
    },
    /// The library that signs reported a failure.
    #[error("signing with {algorithm} failed")]
    Failed {
        /// The algorithm asked for.
        algorithm: SignatureAlgorithm,
    },
    /// No new key of this kind.
    #[error("cannot make a {key} key, expected P-256 or P-384")]
    Generate {
        /// The kind asked for.
        key: KeyAlgorithm,
    },
    /// The key's numbers do not make a key.
    #[error("{key} private key is not valid: {reason}")]
    KeyInvalid {
        /// The kind of key.
        key: &'static str,
        /// What is wrong.
        reason: String,
    },
    /// A kind of key that is not read.
    #[error("private key of kind {algorithm} is not supported, expected P-256, P-384, P-521, Ed25519 or RSA")]
    KeyUnsupported {
        /// The algorithm or curve found.
        algorithm: ObjectIdentifier,
    },
    /// A key in the older encrypted PEM, under a cipher that is not read.
    #[error("key file is encrypted with {}, expected AES in CBC mode", Printable::new(cipher))]
    LegacyCipher {
        /// The cipher found.
        cipher: String,
    },
    /// Another number of PEM blocks than one.
    #[error("key file holds {found} PEM blocks, expected exactly one")]
    OneBlock {
        /// The number found.
        found: usize,
    },
    /// An encrypted key and nothing to open it with.
    #[error("key file is encrypted and no passphrase was given")]
    PassphraseMissing,
    /// A passphrase for a key that is not encrypted: the user believes that it is protected.
    #[error("a passphrase was given for a key file that is not encrypted")]
    PassphraseUnused,
    /// The passphrase does not open the key.
    #[error("passphrase does not open the key file (or the file is damaged)")]
    PassphraseWrong,
    /// Not PEM.
    #[error("key file: {0}")]
    Pem(#[from] PemError),
    /// A key in a token, and why it cannot be used.
    #[error(transparent)]
    Pkcs11(Pkcs11Error),
    /// PKCS#12 that cannot be read.
    #[error("PKCS#12 file cannot be read: {reason} (RFC 7292 §4)")]
    Pkcs12 {
        /// What is wrong.
        reason: String,
    },
    /// PKCS#12 that is protected in a way that is not read.
    #[error("PKCS#12 file is protected with {scheme}, expected PBES2 with AES, and an HMAC over SHA-2 (RFC 8018 §6.2)")]
    Pkcs12Encryption {
        /// The scheme, cipher or digest found.
        scheme: ObjectIdentifier,
    },
    /// Another number of keys than one.
    #[error("PKCS#12 file holds {found} private keys, expected exactly one")]
    Pkcs12Keys {
        /// The number found.
        found: usize,
    },
    /// The key file cannot be read.
    #[error("key file `{}`: {source}", Printable::new(path))]
    Read {
        /// The file.
        path: PathBuf,
        /// The reason.
        source: std::io::Error,
    },
    /// An RSA modulus outside 2048 to 4096 bits.
    #[error("RSA key has {bits} bits, expected 2048 to 4096")]
    RsaSize {
        /// Bits found.
        bits: u16,
    },
    /// The secret could not be had.
    #[error(transparent)]
    Secret(#[from] SecretError),
    /// Not a PrivateKeyInfo.
    #[error("key file is not a private key in PKCS#8 (RFC 5958 §2), PKCS#1 or SEC 1")]
    Structure,
    /// The older formats, each key kind its own.
    #[error("key file holds `{label}`, expected PKCS#8 (`PRIVATE KEY` or `ENCRYPTED PRIVATE KEY`, RFC 7468 §10, §11)")]
    TraditionalFormat {
        /// The PEM label found.
        label: String,
    },
    /// A PEM block that is not a private key.
    #[error("key file holds `{label}`, expected a private key")]
    WrongLabel {
        /// The PEM label found.
        label: String,
    },
}

impl From<Pkcs11Error> for SignerError {
    fn from(error: Pkcs11Error) -> Self {
        match error {
            Pkcs11Error::Algorithm { key, algorithm } => Self::Algorithm { key, algorithm },
            other => Self::Pkcs11(other),
        }
    }
}

impl SignerError {
    /// The kind of failure. A wrong PIN or passphrase, an unreadable key, a token that is away: all are the signer's.
    pub fn class(&self) -> Class {
        match self {
            // the policy asks for what this key cannot do; nothing was recorded
            Self::Algorithm { .. } | Self::Read { .. } => Class::Usage,
            Self::Batch { .. } => Class::Bug,
            Self::Pkcs11(error) => error.class(),
            Self::Secret(error) if error.is_interrupted() => Class::Interrupted,
            Self::EncryptionCost { .. }
            | Self::EncryptionUnsupported { .. }
            | Self::Failed { .. }
            | Self::Generate { .. }
            | Self::KeyInvalid { .. }
            | Self::KeyUnsupported { .. }
            | Self::LegacyCipher { .. }
            | Self::OneBlock { .. }
            | Self::PassphraseMissing
            | Self::PassphraseUnused
            | Self::PassphraseWrong
            | Self::Pem(_)
            | Self::Pkcs12 { .. }
            | Self::Pkcs12Encryption { .. }
            | Self::Pkcs12Keys { .. }
            | Self::RsaSize { .. }
            | Self::Secret(_)
            | Self::Structure
            | Self::TraditionalFormat { .. }
            | Self::WrongLabel { .. } => Class::Signer,
        }
    }

    /// What to do about it.
    pub fn hint(&self) -> Option<String> {
        let text = match self {
            Self::Algorithm { key, .. } => {
                return Some(format!("Set `signature` in the policy to {}.", fitting(*key)));
            }
            Self::EncryptionCost { .. } | Self::EncryptionUnsupported { .. } | Self::LegacyCipher { .. } => {
                "Encrypt it again: openssl pkcs8 -topk8 -v2 aes-256-cbc -v2prf hmacWithSHA256 -iter 600000 -in KEY -out \
                 NEW-KEY"
            }
            Self::Generate { .. } => "Choose P-256 or P-384.",
            Self::OneBlock { .. } => "Keep the key in a file of its own; certificates and EC PARAMETERS go elsewhere.",
            Self::PassphraseMissing => {
                "Add a line `secret = { env = \"NAME\" }` or `secret = { file = \"PATH\" }` below the key, or run in a \
                 terminal to be asked."
            }
            Self::PassphraseUnused => {
                "Leave the passphrase out (in the configuration the `secret` line), or encrypt the key: openssl pkcs8 -topk8 \
                 -v2 aes-256-cbc -v2prf hmacWithSHA256 -iter 600000 -in KEY -out NEW-KEY"
            }
            Self::PassphraseWrong => "Try it by hand: openssl pkey -in KEY -noout",
            Self::Pkcs11(error) => return error.hint(),
            Self::Pkcs12 { .. } | Self::Pkcs12Encryption { .. } => {
                "Write it again in the form of today: openssl pkcs12 -legacy -in OLD.p12 -out KEY-AND-CERTIFICATES.pem; openssl \
                 pkcs12 -export -in KEY-AND-CERTIFICATES.pem -out NEW.p12"
            }
            Self::Pkcs12Keys { .. } => "Export the key of the CA alone, with its certificates.",
            Self::RsaSize { .. } => "Use an RSA key of 3072 bits, or P-256.",
            Self::Secret(error) => return error.hint(),
            Self::Structure | Self::TraditionalFormat { .. } => {
                "Convert it: openssl pkcs8 -topk8 -v2 aes-256-cbc -v2prf hmacWithSHA256 -iter 600000 -in KEY -out \
                 NEW-KEY (with -nocrypt instead of the options after -topk8 it stays unencrypted)"
            }
            Self::Read { .. } => "Check the name, and that this user may read the file.",
            Self::Pem(PemError::Form { form }) => return form.hint().map(str::to_owned),
            Self::Batch { .. } => {
                "Write `batch_signer = false` into [issuer] of the configuration, run the same command again, and report this."
            }
            Self::Failed { .. }
            | Self::KeyInvalid { .. }
            | Self::KeyUnsupported { .. }
            | Self::Pem(_)
            | Self::WrongLabel { .. } => return None,
        };
        Some(text.to_owned())
    }
}

fn fitting(key: KeyAlgorithm) -> String {
    let usual = key.usual_signature().name();
    match key.signatures().count() {
        _ if matches!(key, KeyAlgorithm::Rsa { .. }) => format!("\"{usual}\" or another rsa algorithm"),
        0 => "an algorithm of the issuer's key, which must not be on a Brainpool curve".to_owned(),
        _ => format!("\"{usual}\""),
    }
}

const fn text(fault: p256_sign::Fault) -> &'static str {
    use p256_sign::Fault;
    match fault {
        Fault::KeyOutOfRange => "the secret scalar is not between 1 and n - 1",
        Fault::NoLanes => "the processor lacks the instructions that were asked for",
        Fault::NoRandomness => "there is no fresh randomness",
        Fault::RandomnessRepeats => "the random generator repeats itself",
        Fault::RepeatedNonce => "two signatures have the same r, so a nonce was used twice",
        Fault::SelfTest => "a known signature was not made as it should be, or the public key is another one",
        Fault::ZeroHalf => "r or s is zero, which does not happen by chance",
    }
}
