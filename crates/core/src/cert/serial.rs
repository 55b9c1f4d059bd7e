//! Serial numbers: unpredictable before the batch, reproducible after it (docs/adr/0018-derived-serial-numbers.md).

use std::fmt;

use super::{Encoder, ObjectTemplate, SerialBasis, SerialRule};
use crate::crypto::{HmacSha256, sha256};
use crate::x509::{SerialNumber, Sha256Digest, Spki};

/// The serial numbers of a batch. What all of them follow from is hashed once.
///
/// Two leaves, two issuers, two attempts or, under encoder 2, two batches never share the input of the HMAC, so equal
/// serial numbers are as unlikely as a collision of 126 bits (RFC 5280 §4.1.2.2: unique for each certificate of a CA,
/// at most 20 bytes).
#[derive(Clone)]
pub struct Serials(HmacSha256);

impl Serials {
    /// Prepares the serial numbers of a batch of this issuing CA.
    pub fn new(basis: &SerialBasis<'_>, issuer_spki: &Spki) -> Self {
        let issuer = sha256(issuer_spki.der());
        let seed = basis.seed.as_bytes();
        Self(match basis.encoder {
            Encoder::One => HmacSha256::new(seed, &[LABEL_1, issuer.as_bytes()]),
            Encoder::Two => {
                let beacon = basis.beacon.map_or([0; 32], |beacon| *beacon.as_bytes());
                HmacSha256::new(seed, &[LABEL_2, issuer.as_bytes(), basis.batch.as_bytes(), &beacon])
            }
        })
    }

    /// Derives the serial number of a leaf's certificate: a positive INTEGER of 16 bytes, of which 126 bits follow from
    /// the seed.
    pub fn derive(&self, leaf_sha256: &Sha256Digest, attempt: u32) -> SerialNumber {
        let code = self.0.finish(&[leaf_sha256.as_bytes(), &attempt.to_be_bytes()]);
        let mut content = [0; 16];
        content.copy_from_slice(&code[..16]);
        content[0] = (content[0] & 0x3F) | 0x40;
        SerialNumber::from_content(&content).expect("16 bytes, the first between 40 and 7F, are positive and minimal")
    }

    /// Returns the serial number that a template asks for at this attempt. A copied one is the same at every attempt.
    pub fn of(&self, template: &ObjectTemplate, attempt: u32) -> SerialNumber {
        match &template.serial {
            SerialRule::Derived => self.derive(&template.origin.fingerprint, attempt),
            SerialRule::Source(serial) => *serial,
        }
    }
}

/// Who knows the state can derive serial numbers as who knows the seed.
impl fmt::Debug for Serials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Serials(..)")
    }
}

/// The version of the scheme and a zero byte, so that no other use of the seed can have this beginning.
const LABEL_1: &[u8] = b"reroot-serial/1\0";
const LABEL_2: &[u8] = b"reroot-serial/2\0";
