//! What a file is that should hold certificates or a key: people name the one beside it, or one in another encoding.
//!
//! A form is named only where it is certain, by structure and not by a file's name. It is not evidence: the parsers
//! check each certificate or key in full afterwards.

use std::fmt;
use std::ops::Deref;

use zeroize::Zeroizing;

use super::oid;
use super::tlv::{Reader, tag};

/// What a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// A certificate in DER (RFC 5280 §4.1).
    Certificate,
    /// A certificate request in DER (RFC 2986 §4).
    CertificateRequest,
    /// An EC or RSA key in DER in the format of its own kind (RFC 5915 §3, RFC 8017 §A.1.2).
    TraditionalKey,
    /// Nothing at all.
    Empty,
    /// An encrypted private key in DER (RFC 5958 §3).
    EncryptedPrivateKey,
    /// A key store of Java's own format.
    JavaKeyStore,
    /// A private key in DER (RFC 5958 §2).
    PrivateKey,
    /// Keys and certificates under a password (RFC 7292 §4), in DER or BER.
    Pkcs12,
    /// CMS, with or without certificates (RFC 5652 §3), in DER or BER.
    Pkcs7,
    /// A public key of `ssh-keygen`.
    SshPublicKey,
}

impl Form {
    /// The form of a file that has no PEM block; none if it is nothing of this.
    pub fn of(content: &[u8]) -> Option<Self> {
        match content {
            [] => Some(Self::Empty),
            [0xFE, 0xED, 0xFE, 0xED, ..] => Some(Self::JavaKeyStore),
            _ if content.starts_with(b"ssh-") || content.starts_with(b"ecdsa-sha2-") => Some(Self::SshPublicKey),
            // BER of indefinite length (X.690 §8.1.3.6), as Java and Windows write it
            [tag::SEQUENCE, 0x80, inside @ ..] => outer(inside),
            [tag::SEQUENCE, ..] => {
                let mut reader = Reader::new(content);
                let element = reader.element("file").ok().filter(|_| reader.is_empty())?;
                outer(element.content).or_else(|| signed(element.content)).or_else(|| key(element.content))
            }
            _ => None,
        }
    }

    const fn describe(self) -> &'static str {
        match self {
            Self::Certificate => "a certificate in DER",
            Self::CertificateRequest => "a certificate request in DER",
            Self::Empty => "empty",
            Self::EncryptedPrivateKey => "an encrypted private key in DER",
            Self::JavaKeyStore => "a Java key store",
            Self::Pkcs12 => "PKCS#12",
            Self::Pkcs7 => "PKCS#7 (CMS)",
            Self::PrivateKey => "a private key in DER",
            Self::SshPublicKey => "a public key of SSH",
            Self::TraditionalKey => "a private key in DER, in the older format of its kind",
        }
    }

    /// How to get from it what was expected.
    pub const fn hint(self) -> Option<&'static str> {
        Some(match self {
            Self::JavaKeyStore => {
                "Change its format first: keytool -importkeystore -srckeystore FILE -destkeystore NEW.p12 -deststoretype \
                 pkcs12"
            }
            Self::Pkcs12 => {
                "Take out what is needed: `openssl pkcs12 -in FILE -nokeys -out CERTIFICATES.pem` for the certificates, \
                 `openssl pkcs12 -in FILE -nocerts -out KEY.pem` for the key."
            }
            Self::Pkcs7 => {
                "Take out the certificates: openssl pkcs7 -inform DER -in FILE -print_certs -out CERTIFICATES.pem"
            }
            Self::TraditionalKey => "Change its format: openssl pkcs8 -topk8 -inform DER -in KEY -out NEW-KEY",
            Self::CertificateRequest => "Name the certificate that the CA made of the request.",
            Self::Certificate | Self::Empty | Self::EncryptedPrivateKey | Self::PrivateKey | Self::SshPublicKey => {
                return None;
            }
        })
    }
}

impl fmt::Display for Form {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.describe())
    }
}

/// PFX ::= SEQUENCE { version INTEGER 3, authSafe ContentInfo, .. }; ContentInfo ::= SEQUENCE { OID, [0] .. }
fn outer(inside: &[u8]) -> Option<Form> {
    if is_content_info(inside) {
        return Some(Form::Pkcs7);
    }
    // both have a length of one byte and no indefinite one
    match inside.strip_prefix(&[tag::INTEGER, 1, 3])? {
        [tag::SEQUENCE, 0x80, content @ ..] if is_content_info(content) => Some(Form::Pkcs12),
        rest => {
            let content = Reader::new(rest).expect(tag::SEQUENCE, "authSafe").ok()?.content;
            is_content_info(content).then_some(Form::Pkcs12)
        }
    }
}

/// The arc of PKCS#7 content types, 1.2.840.113549.1.7.
fn is_content_info(inside: &[u8]) -> bool {
    const ARC: [u8; 8] = [0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x07];
    matches!(inside, [tag::OBJECT_IDENTIFIER, 9, oid @ ..] if oid.starts_with(&ARC))
}

/// What is signed comes first, then algorithm and BIT STRING.
fn signed(inside: &[u8]) -> Option<Form> {
    let mut fields = Reader::new(inside);
    let signed = fields.expect(tag::SEQUENCE, "tbs").ok()?;
    fields.expect(tag::SEQUENCE, "signatureAlgorithm").ok()?;
    fields.expect(tag::BIT_STRING, "signature").ok()?;
    let mut fields = Reader::new(signed.content);
    if fields.optional(0xA0, "version").ok()?.is_some() {
        return Some(Form::Certificate);
    }
    fields.expect(tag::INTEGER, "version or serialNumber").ok()?;
    let next = fields.expect(tag::SEQUENCE, "subject or signature").ok()?;
    // version 1: an algorithm is next; of a request the subject, whose parts are SETs
    let algorithm = next.content.first() == Some(&tag::OBJECT_IDENTIFIER);
    Some(if algorithm { Form::Certificate } else { Form::CertificateRequest })
}

fn key(inside: &[u8]) -> Option<Form> {
    let mut fields = Reader::new(inside);
    let first = fields.element("version or encryptionAlgorithm").ok()?;
    let second = fields.element("algorithm or key").ok()?;
    match (first.tag, second.tag) {
        (tag::SEQUENCE, tag::OCTET_STRING) if fields.is_empty() => Some(Form::EncryptedPrivateKey),
        (tag::INTEGER, tag::SEQUENCE) => {
            fields.expect(tag::OCTET_STRING, "privateKey").ok()?;
            let kind = Reader::new(second.content).oid("algorithm").ok()?;
            let known = [oid::EC_PUBLIC_KEY, oid::ED25519, oid::RSA_ENCRYPTION];
            known.contains(&kind).then_some(Form::PrivateKey)
        }
        (tag::INTEGER, tag::OCTET_STRING) if first.content == [1] => Some(Form::TraditionalKey),
        (tag::INTEGER, tag::INTEGER) if first.content == [0] && second.content.len() > 100 => {
            Some(Form::TraditionalKey)
        }
        _ => None,
    }
}

/// Returns the text in UTF-8, without its byte order mark. Content without a mark is returned as it is.
///
/// A key may be in it: what is decoded from UTF-16 is wiped when dropped.
pub fn unmarked(content: &[u8]) -> Unmarked<'_> {
    let ascii = |bytes: &[u8], unit: fn([u8; 2]) -> u16| {
        let (units, _) = bytes.as_chunks::<2>();
        // PEM is ASCII; anything else between its blocks is text that is skipped
        let ascii = |pair: &[u8; 2]| u8::try_from(unit(*pair)).ok().filter(u8::is_ascii).unwrap_or(b'?');
        Unmarked::Decoded(Zeroizing::new(units.iter().map(ascii).collect()))
    };
    match content {
        [0xEF, 0xBB, 0xBF, rest @ ..] => Unmarked::Same(rest),
        [0xFF, 0xFE, rest @ ..] => ascii(rest, u16::from_le_bytes),
        [0xFE, 0xFF, rest @ ..] => ascii(rest, u16::from_be_bytes),
        _ => Unmarked::Same(content),
    }
}

/// What [`unmarked`] returns: a part of what it was given, or a copy.
pub enum Unmarked<'a> {
    /// Decoded from UTF-16.
    Decoded(Zeroizing<Vec<u8>>),
    /// As it was.
    Same(&'a [u8]),
}

impl fmt::Debug for Unmarked<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Unmarked({} bytes)", self.len())
    }
}

impl Deref for Unmarked<'_> {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Self::Decoded(bytes) => bytes,
            Self::Same(bytes) => bytes,
        }
    }
}

/// The mark that a file begins with, for files in which it is an error.
pub fn byte_order_mark(content: &[u8]) -> Option<&'static str> {
    match content {
        [0xEF, 0xBB, 0xBF, ..] => Some("a byte order mark"),
        [0xFF, 0xFE, ..] | [0xFE, 0xFF, ..] => Some("a byte order mark of UTF-16"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::x509::tlv::element;

    #[test]
    fn what_cannot_be_told_for_certain_has_no_form() {
        for content in
            [&b"text"[..], &[0x30], &[0x30, 0x00], &[0x30, 0x80], &[0x30, 0x03, 0x02, 0x01, 0x03], &[0xFF; 40]]
        {
            assert_eq!(Form::of(content), None, "{content:02x?}");
        }
        assert_eq!(Form::of(b""), Some(Form::Empty));
        assert_eq!(Form::of(&[0xFE, 0xED, 0xFE, 0xED, 0, 0, 0, 2]), Some(Form::JavaKeyStore));
        assert_eq!(Form::of(b"ssh-ed25519 AAAA"), Some(Form::SshPublicKey));
    }

    #[test]
    fn pkcs7_and_pkcs12_are_told_in_der_and_in_ber() {
        let signed_data = [0x06, 9, 0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 1, 7, 2];
        let data = [0x06, 9, 0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 1, 7, 1];
        let version = [tag::INTEGER, 1, 3];
        assert_eq!(Form::of(&element(tag::SEQUENCE, &[&signed_data, &[0xA0, 0]])), Some(Form::Pkcs7));
        assert_eq!(Form::of(&[&[0x30, 0x80], &signed_data[..], &[0, 0]].concat()), Some(Form::Pkcs7));
        let pfx = element(tag::SEQUENCE, &[&version, &element(tag::SEQUENCE, &[&data, &[0xA0, 0]])]);
        assert_eq!(Form::of(&pfx), Some(Form::Pkcs12));
        let ber = [&[0x30, 0x80], &version[..], &[0x30, 0x80], &data, &[0, 0, 0, 0]].concat();
        assert_eq!(Form::of(&ber), Some(Form::Pkcs12));
    }

    #[test]
    fn a_byte_order_mark_is_taken_off_and_utf16_is_decoded() {
        assert_eq!(&*unmarked(b"\xEF\xBB\xBFabc"), b"abc");
        assert_eq!(&*unmarked(b"\xFF\xFEa\0b\0\xE9\0"), b"ab?");
        assert_eq!(&*unmarked(b"\xFE\xFF\0a\0b"), b"ab");
        assert_eq!(&*unmarked(b"abc"), b"abc");
        assert_eq!(byte_order_mark(b"abc"), None);
        assert!(byte_order_mark(b"\xEF\xBB\xBFabc").is_some() && byte_order_mark(b"\xFE\xFFabc").is_some());
    }
}
