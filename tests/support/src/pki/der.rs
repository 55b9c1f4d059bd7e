//! A DER and PEM writer for test certificates, separate from the program's own on purpose.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// One element of low tag number: tag, minimal length, the parts of its content.
pub fn element(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let length: usize = parts.iter().map(|part| part.len()).sum();
    let mut out = Vec::with_capacity(length + 4);
    out.push(tag);
    match length {
        0..=0x7F => out.push(u8::try_from(length).expect("below 128")),
        0x80..=0xFF => out.extend([0x81, u8::try_from(length).expect("below 256")]),
        _ => {
            out.push(0x82);
            out.extend(u16::try_from(length).expect("test certificates are below 64 KiB").to_be_bytes());
        }
    }
    for part in parts {
        out.extend_from_slice(part);
    }
    out
}

/// A SEQUENCE.
pub fn sequence(parts: &[&[u8]]) -> Vec<u8> {
    element(0x30, parts)
}

/// A BIT STRING of whole bytes.
pub fn bit_string(bytes: &[u8]) -> Vec<u8> {
    element(0x03, &[&[0], bytes])
}

/// `ecdsa-with-SHA256` without parameters (RFC 5758 §3.2).
pub const ECDSA_SHA256: &[u8] = &[0x30, 10, 0x06, 8, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x04, 0x03, 0x02];
/// `id-ecPublicKey` with `prime256v1` (RFC 5480 §2.1.1).
pub const P256_KEY: &[u8] = &[
    0x30, 19, 0x06, 7, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x02, 0x01, 0x06, 8, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x03, 0x01,
    0x07,
];

/// Subject or issuer as ST writes it: C in a PrintableString, O and CN in UTF8Strings, one attribute an RDN.
pub fn st_name(country: &str, organization: &str, common_name: &str) -> Vec<u8> {
    let attribute = |last: u8, tag: u8, value: &str| {
        element(0x31, &[&sequence(&[&[0x06, 3, 0x55, 0x04, last], &element(tag, &[value.as_bytes()])])])
    };
    sequence(&[&attribute(6, 0x13, country), &attribute(10, 0x0C, organization), &attribute(3, 0x0C, common_name)])
}

/// A SubjectPublicKeyInfo for an uncompressed P-256 point.
pub fn p256_spki(point: &[u8]) -> Vec<u8> {
    sequence(&[P256_KEY, &bit_string(point)])
}

/// A PKCS#8 PrivateKeyInfo with an RFC 5915 ECPrivateKey, public key included (as OpenSSL writes it).
pub fn p256_pkcs8(secret: &[u8], point: &[u8]) -> Vec<u8> {
    let public = element(0xA1, &[&bit_string(point)]);
    let key = sequence(&[&[0x02, 1, 1], &element(0x04, &[secret]), &public]);
    sequence(&[&[0x02, 1, 0], P256_KEY, &element(0x04, &[&key])])
}

/// RFC 7468 text with lines of 64 characters.
pub fn pem(label: &str, der: &[u8]) -> String {
    let body = STANDARD.encode(der);
    let mut text = String::with_capacity(body.len() + body.len() / 64 + 2 * label.len() + 40);
    text.push_str("-----BEGIN ");
    text.push_str(label);
    text.push_str("-----\n");
    let mut rest = body.as_str();
    while !rest.is_empty() {
        let (line, after) = rest.split_at(rest.len().min(64));
        text.push_str(line);
        text.push('\n');
        rest = after;
    }
    text.push_str("-----END ");
    text.push_str(label);
    text.push_str("-----\n");
    text
}
