//! Serial numbers: unpredictable before the batch, reproducible after it (design §8).

use super::{IssuerIdentity, ObjectTemplate, Seed, SerialRule};
use crate::crypto::{hmac_sha256, sha256};
use crate::x509::{SerialNumber, Sha256Digest, Spki};

/// The serial number of a leaf's certificate: a positive INTEGER of 16 octets, of which 126 bits follow from the seed.
///
/// Two leaves, two issuers or two attempts never share the input of the HMAC, so equal serial numbers are as unlikely
/// as a collision of 126 bits (RFC 5280 §4.1.2.2: unique for each certificate of a CA, at most 20 octets).
pub fn derive_serial(seed: &Seed, issuer_spki: &Spki, leaf_sha256: &Sha256Digest, attempt: u32) -> SerialNumber {
    derive(seed, &sha256(issuer_spki.der()), leaf_sha256, attempt)
}

fn derive(seed: &Seed, issuer_sha256: &Sha256Digest, leaf_sha256: &Sha256Digest, attempt: u32) -> SerialNumber {
    let code = hmac_sha256(
        seed.as_bytes(),
        &[LABEL, issuer_sha256.as_bytes(), leaf_sha256.as_bytes(), &attempt.to_be_bytes()],
    );
    let mut content = [0; 16];
    content.copy_from_slice(&code[..16]);
    content[0] = (content[0] & 0x3F) | 0x40;
    SerialNumber::from_content(&content).expect("16 octets, the first between 40 and 7F, are positive and minimal")
}

/// The serial number that a template asks for at this attempt. A copied one is the same at every attempt.
pub fn serial_for(template: &ObjectTemplate, seed: &Seed, issuer: &IssuerIdentity, attempt: u32) -> SerialNumber {
    match &template.serial {
        SerialRule::Derived => derive(seed, &issuer.spki_sha256(sha256), &template.origin.fingerprint, attempt),
        SerialRule::Source(serial) => *serial,
    }
}

/// The version of the scheme and a zero octet, so that no other use of the seed can have this beginning.
const LABEL: &[u8] = b"reroot-serial/1\0";
