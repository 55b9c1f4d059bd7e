//! PKCS#12 (RFC 7292) in DER: one private key and certificates under one passphrase.
//!
//! Read are files whose parts are encrypted with PBES2 and whose integrity is shown by an HMAC over SHA-2 or SHA-1:
//! what OpenSSL 3, Java since 8u301 and Windows with AES write. The MAC is checked before anything is decrypted. RC2
//! and triple DES, which were usual before, are refused.

use aws_lc_rs::digest;
use aws_lc_rs::hmac;
use der::Decode as _;
use der::asn1::ObjectIdentifier;
use pkcs8::pkcs5::EncryptionScheme;
use zeroize::Zeroizing;

use crate::signer::{Secret, SignerError};
use crate::x509::Certificate;
use crate::x509::oid;
use crate::x509::tlv::{DerError, Element, Reader, tag};

use super::super::encryption::{self, MAX_PBKDF2_ROUNDS};

/// What a file holds, decrypted.
pub(super) struct Contents {
    keys: Vec<Zeroizing<Vec<u8>>>,
    certificates: Vec<Vec<u8>>,
}

impl Contents {
    /// The one private key: a PrivateKeyInfo.
    ///
    /// # Errors
    /// There is none, or there are several.
    pub(super) fn key(mut self) -> Result<Zeroizing<Vec<u8>>, SignerError> {
        match (self.keys.pop(), self.keys.len()) {
            (Some(key), 0) => Ok(key),
            (key, others) => Err(SignerError::Pkcs12Keys { found: others + usize::from(key.is_some()) }),
        }
    }

    /// The certificates, in the order of the file.
    ///
    /// # Errors
    /// One of them is not a certificate.
    pub(super) fn certificates(&self) -> Result<Vec<Certificate>, SignerError> {
        let read = |der: &Vec<u8>| {
            Certificate::from_named_der(der).map_err(|error| SignerError::Pkcs12 { reason: error.to_string() })
        };
        self.certificates.iter().map(read).collect()
    }
}

/// Checks the integrity of a file and decrypts its parts.
///
/// # Errors
/// The passphrase is wrong, the file is damaged, or it is protected in a way that is not read.
pub(super) fn open(pfx: &[u8], secret: &Secret) -> Result<Contents, SignerError> {
    let mut outer = Reader::new(pfx);
    let mut fields = Reader::new(outer.expect(tag::SEQUENCE, "PFX")?.content);
    outer.finish("PFX")?;
    fields.expect(tag::INTEGER, "version")?;
    let safe = fields.expect(tag::SEQUENCE, "authSafe")?;
    let safe = bytes(content_of(safe, oid::CMS_DATA)?)?;
    let Some(mac) = fields.optional(tag::SEQUENCE, "macData")? else {
        return Err(SignerError::Pkcs12 { reason: "it has no macData, which shows its integrity".to_owned() });
    };
    check_mac(mac.content, safe, secret)?;
    let mut contents = Contents { keys: Vec::new(), certificates: Vec::new() };
    let mut infos = Reader::new(Reader::new(safe).expect(tag::SEQUENCE, "AuthenticatedSafe")?.content);
    while !infos.is_empty() {
        let info = infos.expect(tag::SEQUENCE, "ContentInfo")?;
        match Reader::new(info.content).oid("contentType")? {
            oid::CMS_DATA => contents.bags(bytes(content_of(info, oid::CMS_DATA)?)?, secret)?,
            oid::CMS_ENCRYPTED_DATA => {
                let bags = decrypted(content_of(info, oid::CMS_ENCRYPTED_DATA)?, secret)?;
                contents.bags(&bags, secret)?;
            }
            other => return Err(SignerError::Pkcs12 { reason: format!("it has a part of kind {other}") }),
        }
    }
    Ok(contents)
}

impl Contents {
    /// Reads SafeContents.
    fn bags(&mut self, safe_contents: &[u8], secret: &Secret) -> Result<(), SignerError> {
        let mut bags = Reader::new(Reader::new(safe_contents).expect(tag::SEQUENCE, "SafeContents")?.content);
        while !bags.is_empty() {
            let mut bag = Reader::new(bags.expect(tag::SEQUENCE, "SafeBag")?.content);
            let kind = bag.oid("bagId")?;
            let value = bag.expect(0xA0, "bagValue")?.content;
            match kind {
                oid::PKCS12_KEY_BAG => self.keys.push(Zeroizing::new(value.to_vec())),
                oid::PKCS12_SHROUDED_KEY_BAG => self.keys.push(encryption::decrypt(value, secret).map_err(own_hint)?),
                oid::PKCS12_CERT_BAG => {
                    let mut fields = Reader::new(Reader::new(value).expect(tag::SEQUENCE, "CertBag")?.content);
                    if fields.oid("certId")? == oid::PKCS12_X509_CERTIFICATE {
                        let der = bytes(fields.expect(0xA0, "certValue")?.content)?;
                        self.certificates.push(der.to_vec());
                    }
                }
                // CRLs and secrets are not wanted here
                _ => {}
            }
        }
        Ok(())
    }
}

/// The content of a ContentInfo of this type.
fn content_of(info: Element<'_>, kind: ObjectIdentifier) -> Result<&[u8], SignerError> {
    let mut fields = Reader::new(info.content);
    let found = fields.oid("contentType")?;
    if found != kind {
        // signed by a key instead of a passphrase
        return Err(SignerError::Pkcs12 { reason: format!("its content is of kind {found}, expected {kind}") });
    }
    Ok(fields.expect(0xA0, "content")?.content)
}

fn bytes(der: &[u8]) -> Result<&[u8], SignerError> {
    Ok(Reader::new(der).expect(tag::OCTET_STRING, "OCTET STRING")?.content)
}

/// Decrypts EncryptedData (RFC 5652 §8).
fn decrypted(encrypted_data: &[u8], secret: &Secret) -> Result<Zeroizing<Vec<u8>>, SignerError> {
    let mut fields = Reader::new(Reader::new(encrypted_data).expect(tag::SEQUENCE, "EncryptedData")?.content);
    fields.expect(tag::INTEGER, "version")?;
    let mut fields = Reader::new(fields.expect(tag::SEQUENCE, "EncryptedContentInfo")?.content);
    fields.oid("contentType")?;
    let algorithm = fields.expect(tag::SEQUENCE, "contentEncryptionAlgorithm")?;
    let content = fields.expect(0x80, "encryptedContent")?.content;
    let unsupported = |scheme| SignerError::Pkcs12Encryption { scheme };
    let kind = Reader::new(algorithm.content).oid("algorithm")?;
    let scheme = EncryptionScheme::from_der(algorithm.raw).map_err(|_| unsupported(kind))?;
    encryption::decrypt_with(&scheme, content, secret).map_err(own_hint)
}

/// What is encrypted in another way is written again by another command than a key alone.
fn own_hint(error: SignerError) -> SignerError {
    match error {
        SignerError::EncryptionUnsupported { scheme } => SignerError::Pkcs12Encryption { scheme },
        other => other,
    }
}

/// Checks MacData (RFC 7292 §4, appendix B.4) over the AuthenticatedSafe.
fn check_mac(mac_data: &[u8], safe: &[u8], secret: &Secret) -> Result<(), SignerError> {
    let mut fields = Reader::new(mac_data);
    let mut mac = Reader::new(fields.expect(tag::SEQUENCE, "mac")?.content);
    let algorithm = Reader::new(mac.expect(tag::SEQUENCE, "digestAlgorithm")?.content).oid("algorithm")?;
    let expected = mac.expect(tag::OCTET_STRING, "digest")?.content;
    let salt = fields.expect(tag::OCTET_STRING, "macSalt")?.content;
    let rounds = fields.optional(tag::INTEGER, "iterations")?.map_or(Some(1), |rounds| number(rounds.content));
    let rounds = rounds.ok_or(SignerError::Structure)?;
    if rounds > u64::from(MAX_PBKDF2_ROUNDS) {
        let limit = MAX_PBKDF2_ROUNDS.into();
        return Err(SignerError::EncryptionCost { what: "rounds of the PKCS#12 key derivation", found: rounds, limit });
    }
    let (hash, mac) = match algorithm {
        oid::SHA1 => (&digest::SHA1_FOR_LEGACY_USE_ONLY, hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY),
        oid::SHA256 => (&digest::SHA256, hmac::HMAC_SHA256),
        oid::SHA384 => (&digest::SHA384, hmac::HMAC_SHA384),
        oid::SHA512 => (&digest::SHA512, hmac::HMAC_SHA512),
        other => return Err(SignerError::Pkcs12Encryption { scheme: other }),
    };
    let password = bmp_string(secret)?;
    let key = derive(hash, &password, salt, rounds);
    hmac::verify(&hmac::Key::new(mac, &key), safe, expected).map_err(|_| SignerError::PassphraseWrong)
}

/// A small number that is not negative.
fn number(content: &[u8]) -> Option<u64> {
    let positive = content.first().is_some_and(|first| *first < 0x80) && content.len() <= 8;
    positive.then(|| content.iter().fold(0, |number, byte| number << 8 | u64::from(*byte)))
}

/// The passphrase in UTF-16, big-endian, with two zero bytes at the end (RFC 7292 appendix B.1).
fn bmp_string(secret: &Secret) -> Result<Zeroizing<Vec<u8>>, SignerError> {
    let text = std::str::from_utf8(secret.expose()).map_err(|_| SignerError::PassphraseWrong)?;
    let mut out = Zeroizing::new(Vec::with_capacity(2 * text.len() + 2));
    text.encode_utf16().for_each(|unit| out.extend_from_slice(&unit.to_be_bytes()));
    out.extend_from_slice(&[0, 0]);
    Ok(out)
}

/// The key of the MAC, of one digest's length (RFC 7292 appendix B.2, for which one round of its step 6 is enough).
fn derive(hash: &'static digest::Algorithm, password: &[u8], salt: &[u8], rounds: u64) -> Zeroizing<Vec<u8>> {
    const MAC_KEY: u8 = 3;
    let block = hash.block_len();
    let filled = |text: &[u8]| -> Zeroizing<Vec<u8>> {
        let length = text.len().div_ceil(block) * block;
        Zeroizing::new(text.iter().copied().cycle().take(length).collect())
    };
    let mut context = digest::Context::new(hash);
    context.update(&vec![MAC_KEY; block]);
    context.update(&filled(salt));
    context.update(&filled(password));
    let mut key = Zeroizing::new(context.finish().as_ref().to_vec());
    for _ in 1..rounds {
        let next = digest::digest(hash, &key);
        key.copy_from_slice(next.as_ref());
    }
    key
}

impl From<DerError> for SignerError {
    fn from(error: DerError) -> Self {
        Self::Pkcs12 { reason: error.to_string() }
    }
}
