//! SubjectPublicKeyInfo from the attributes of token objects (PKCS #11 v3.1 §6.1.2, §6.3.3, §6.3.5).

use crate::x509::tlv::{Reader, element, tag};
use crate::x509::{Spki, oid};

/// An elliptic curve key from CKA_EC_PARAMS and CKA_EC_POINT.
///
/// # Errors
/// Says what is wrong with them.
pub(crate) fn elliptic(parameters: &[u8], point: &[u8], edwards: bool) -> Result<Spki, String> {
    // the standard wants an OCTET STRING; some tokens leave it away, and PKCS #11 v3.0 had a BIT STRING for Ed25519
    let wrapped = |bytes| {
        let mut reader = Reader::new(bytes);
        let element = reader.element("CKA_EC_POINT").ok()?;
        let ((tag::OCTET_STRING, content) | (tag::BIT_STRING, [0, content @ ..])) = (element.tag, element.content)
        else {
            return None;
        };
        reader.finish("CKA_EC_POINT").ok().map(|()| content)
    };
    let identifier = if edwards {
        let name = element(tag::PRINTABLE_STRING, &[b"edwards25519"]);
        let known = [element(tag::OBJECT_IDENTIFIER, &[oid::ED25519.as_bytes()]), name, EDWARDS25519.to_vec()];
        if !known.iter().any(|known| known == parameters) {
            return Err(format!("CKA_EC_PARAMS {} is not edwards25519", hex::encode(parameters)));
        }
        known[0].clone()
    } else {
        [&element(tag::OBJECT_IDENTIFIER, &[oid::EC_PUBLIC_KEY.as_bytes()]), parameters].concat()
    };
    // a bare uncompressed point begins with the tag of an OCTET STRING too, but then the lengths do not fit the curve
    let bare = || spki(&identifier, point);
    wrapped(point).and_then(|content| spki(&identifier, content).ok()).map_or_else(bare, Ok)
}

/// An RSA key from CKA_MODULUS and CKA_PUBLIC_EXPONENT.
///
/// # Errors
/// Says what is wrong with them.
pub(crate) fn rsa(modulus: &[u8], exponent: &[u8]) -> Result<Spki, String> {
    let integer = |bytes: &[u8]| {
        let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
        let magnitude = &bytes[zeros..];
        let sign: &[u8] = if magnitude.first().is_none_or(|first| *first >= 0x80) { &[0] } else { &[] };
        element(tag::INTEGER, &[sign, magnitude])
    };
    let key = element(tag::SEQUENCE, &[&integer(modulus), &integer(exponent)]);
    spki(&[&element(tag::OBJECT_IDENTIFIER, &[oid::RSA_ENCRYPTION.as_bytes()]), &[tag::NULL, 0][..]].concat(), &key)
}

fn spki(identifier: &[u8], key: &[u8]) -> Result<Spki, String> {
    let identifier = element(tag::SEQUENCE, &[identifier]);
    let der = element(tag::SEQUENCE, &[&identifier, &element(tag::BIT_STRING, &[&[0], key])]);
    Spki::from_der(&der).map_err(|error| error.to_string())
}

/// 1.3.6.1.4.1.11591.15.1, the object identifier some tokens have for the curve (GNU, before RFC 8410).
const EDWARDS25519: [u8; 11] = [0x06, 0x09, 0x2B, 0x06, 0x01, 0x04, 0x01, 0xDA, 0x47, 0x0F, 0x01];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::x509::KeyAlgorithm;

    #[test]
    fn points_are_read_wrapped_and_bare() {
        let parameters = element(tag::OBJECT_IDENTIFIER, &[oid::SECP256R1.as_bytes()]);
        let point = [&[4][..], &[7; 64]].concat();
        for bytes in [point.clone(), element(tag::OCTET_STRING, &[&point])] {
            let spki = elliptic(&parameters, &bytes, false).unwrap();
            assert_eq!((spki.algorithm(), spki.key()), (KeyAlgorithm::P256, &point[..]));
        }
        assert!(elliptic(&parameters, &point[..64], false).is_err());
        let named = element(tag::PRINTABLE_STRING, &[b"edwards25519"]);
        for parameters in [named, EDWARDS25519.to_vec(), element(tag::OBJECT_IDENTIFIER, &[oid::ED25519.as_bytes()])] {
            for bytes in [vec![9; 32], element(tag::OCTET_STRING, &[&[9; 32]]), element(3, &[&[0], &[9; 32]])] {
                assert_eq!(elliptic(&parameters, &bytes, true).unwrap().key(), [9; 32]);
            }
        }
        let other = element(tag::PRINTABLE_STRING, &[b"edwards448"]);
        assert!(elliptic(&other, &[9; 32], true).unwrap_err().contains("is not edwards25519"));
    }

    #[test]
    fn rsa_numbers_are_padded_to_stay_positive() {
        let spki = rsa(&[&[0xC0][..], &[1; 255]].concat(), &[1, 0, 1]).unwrap();
        assert_eq!(spki.algorithm(), KeyAlgorithm::Rsa { bits: 2048 });
        assert_eq!(rsa(&[&[0, 0xC0][..], &[1; 255]].concat(), &[1, 0, 1]).unwrap(), spki);
    }
}
