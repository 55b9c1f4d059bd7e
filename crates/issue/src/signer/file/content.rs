//! Reads the content of a key file in any supported form, and converts it to the one form that is opened: PKCS#8.
//!
//! Read are PKCS#8 (RFC 5958), plain or encrypted; the older forms of their own kind, SEC 1 for EC keys (RFC 5915) and
//! PKCS#1 for RSA keys (RFC 8017 §A.1.2), also in the encrypted PEM that `openssl ec -aes256` writes; and PKCS#12
//! (RFC 7292). All in PEM or DER, PKCS#12 in DER.

use der::asn1::ObjectIdentifier;
use zeroize::Zeroizing;

use crate::signer::{Secret, SignerError};
use crate::x509::form::Form;
use crate::x509::oid;
use crate::x509::pem::{self, PemBlock};
use crate::x509::tlv::{Reader, element, tag};

use super::super::encryption;
use super::legacy::LegacyPem;
use super::pkcs12;

/// The one private key of a file.
pub(super) enum Content {
    /// A PrivateKeyInfo.
    Plain(Zeroizing<Vec<u8>>),
    /// An EncryptedPrivateKeyInfo.
    Encrypted(Zeroizing<Vec<u8>>),
    /// An encrypted key in the older PEM.
    Legacy(LegacyPem),
    /// PKCS#12 in DER.
    Pkcs12(Zeroizing<Vec<u8>>),
}

impl Content {
    /// Looks at a file.
    ///
    /// # Errors
    /// It holds no private key, or several, or one in a form that is not read.
    pub(super) fn of(content: &[u8]) -> Result<Self, SignerError> {
        let whole = || Zeroizing::new(content.to_vec());
        match Form::of(content) {
            Some(Form::PrivateKey) => return Ok(Self::Plain(whole())),
            Some(Form::EncryptedPrivateKey) => return Ok(Self::Encrypted(whole())),
            Some(Form::TraditionalKey) => return Ok(Self::Plain(wrapped(content)?)),
            Some(Form::Pkcs12) => return Ok(Self::Pkcs12(whole())),
            _ => {}
        }
        if let Some(legacy) = LegacyPem::find(content)? {
            return Ok(Self::Legacy(legacy));
        }
        let mut blocks = pem::read(content)?;
        // the key names its curve too
        blocks.retain(|block| block.label != EC_PARAMETERS);
        let (Some(PemBlock { label, der }), others) = (blocks.pop(), blocks.len()) else {
            return Err(SignerError::WrongLabel { label: EC_PARAMETERS.to_owned() });
        };
        if others > 0 {
            return Err(SignerError::OneBlock { found: others + 1 });
        }
        match label.as_str() {
            super::PLAIN => Ok(Self::Plain(der)),
            super::ENCRYPTED => Ok(Self::Encrypted(der)),
            EC | RSA => Ok(Self::Plain(wrapped(&der)?)),
            other if other.ends_with(" PRIVATE KEY") => Err(SignerError::TraditionalFormat { label }),
            _ => Err(SignerError::WrongLabel { label }),
        }
    }

    /// Whether opening it takes a passphrase.
    pub(super) const fn is_encrypted(&self) -> bool {
        !matches!(self, Self::Plain(_))
    }

    /// Opens it: a PrivateKeyInfo.
    ///
    /// # Errors
    /// The passphrase is missing, wrong or not wanted, or the encryption is not one that is read.
    pub(super) fn open(self, secret: Option<&Secret>) -> Result<Zeroizing<Vec<u8>>, SignerError> {
        match (self, secret) {
            (Self::Plain(der), None) => Ok(der),
            (Self::Plain(_), Some(_)) => Err(SignerError::PassphraseUnused),
            (_, None) => Err(SignerError::PassphraseMissing),
            (Self::Encrypted(der), Some(secret)) => encryption::decrypt(&der, secret),
            (Self::Legacy(legacy), Some(secret)) => {
                wrapped(&legacy.decrypt(secret)?).map_err(|_| SignerError::PassphraseWrong)
            }
            (Self::Pkcs12(der), Some(secret)) => pkcs12::open(&der, secret)?.key(),
        }
    }
}

/// A PrivateKeyInfo around a key in the form of its own kind.
fn wrapped(key: &[u8]) -> Result<Zeroizing<Vec<u8>>, SignerError> {
    let algorithm = match ec_curve(key)? {
        Some(curve) => [
            element(tag::OBJECT_IDENTIFIER, &[oid::EC_PUBLIC_KEY.as_bytes()]),
            element(tag::OBJECT_IDENTIFIER, &[curve.as_bytes()]),
        ]
        .concat(),
        None => [&element(tag::OBJECT_IDENTIFIER, &[oid::RSA_ENCRYPTION.as_bytes()])[..], &[tag::NULL, 0]].concat(),
    };
    // a copy of the key, which is wiped like the others
    let key = Zeroizing::new(element(tag::OCTET_STRING, &[key]));
    let algorithm = element(tag::SEQUENCE, &[&algorithm]);
    Ok(Zeroizing::new(element(tag::SEQUENCE, &[&[tag::INTEGER, 1, 0], &algorithm, &key])))
}

/// The curve of an ECPrivateKey (RFC 5915 §3); `None` for an RSAPrivateKey, which begins with two INTEGERs.
fn ec_curve(key: &[u8]) -> Result<Option<ObjectIdentifier>, SignerError> {
    let structure = |_| SignerError::Structure;
    let mut outer = Reader::new(key);
    let inside = outer.expect(tag::SEQUENCE, "private key").map_err(structure)?;
    outer.finish("private key").map_err(structure)?;
    let mut fields = Reader::new(inside.content);
    fields.expect(tag::INTEGER, "version").map_err(structure)?;
    if fields.optional(tag::INTEGER, "modulus").map_err(structure)?.is_some() {
        return Ok(None);
    }
    fields.expect(tag::OCTET_STRING, "privateKey").map_err(structure)?;
    let unnamed = || SignerError::KeyInvalid { key: "EC", reason: "its curve is not a named one".to_owned() };
    let parameters = fields.optional(0xA0, "parameters").map_err(structure)?.ok_or_else(unnamed)?;
    Reader::new(parameters.content).oid("curve").map(Some).map_err(|_| unnamed())
}

const EC: &str = "EC PRIVATE KEY";
const EC_PARAMETERS: &str = "EC PARAMETERS";
const RSA: &str = "RSA PRIVATE KEY";
