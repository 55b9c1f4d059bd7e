//! SHA-1, SHA-256, SHA-384, SHA-512 and HMAC-SHA-256 (FIPS 180-4, RFC 2104).

use aws_lc_rs::{digest, hmac};

use crate::x509::{Sha1Digest, Sha2, Sha256Digest};

/// SHA-256 of `data`.
pub fn sha256(data: &[u8]) -> Sha256Digest {
    into_sha256(&digest::digest(&digest::SHA256, data))
}

/// SHA-384 of `data`: the message digest of a manifest's seal under a P-384 key.
pub fn sha384(data: &[u8]) -> [u8; 48] {
    digest::digest(&digest::SHA384, data).as_ref().try_into().expect("SHA-384 has 48 bytes")
}

/// SHA-512 of `data`: of time-stamps, and of certificates that CMP confirms.
pub fn sha512(data: &[u8]) -> [u8; 64] {
    digest::digest(&digest::SHA512, data).as_ref().try_into().expect("SHA-512 has 64 bytes")
}

/// The digest of `data` by this hash.
pub fn sha2(hash: Sha2, data: &[u8]) -> Vec<u8> {
    match hash {
        Sha2::Sha256 => sha256(data).as_bytes().to_vec(),
        Sha2::Sha384 => sha384(data).to_vec(),
        Sha2::Sha512 => sha512(data).to_vec(),
    }
}

/// SHA-1 of `data`: only an identifier that some clouds use, never a proof.
pub fn sha1(data: &[u8]) -> Sha1Digest {
    let value = digest::digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, data);
    Sha1Digest::new(value.as_ref().try_into().expect("SHA-1 has 20 bytes"))
}

/// HMAC-SHA-256 over the parts of a message, one after the other.
pub fn hmac_sha256(key: &[u8], parts: &[&[u8]]) -> [u8; 32] {
    HmacSha256::new(key, parts).finish(&[])
}

/// HMAC-SHA-256 of messages that begin alike: key and beginning are hashed once.
#[derive(Clone)]
pub struct HmacSha256(hmac::Context);

impl HmacSha256 {
    /// Takes the key and what every message begins with.
    pub fn new(key: &[u8], beginning: &[&[u8]]) -> Self {
        let mut context = hmac::Context::with_key(&hmac::Key::new(hmac::HMAC_SHA256, key));
        for part in beginning {
            context.update(part);
        }
        Self(context)
    }

    /// The code of the message that goes on with these parts.
    pub fn finish(&self, parts: &[&[u8]]) -> [u8; 32] {
        let mut context = self.0.clone();
        for part in parts {
            context.update(part);
        }
        context.sign().as_ref().try_into().expect("HMAC-SHA-256 has 32 bytes")
    }
}

/// HMAC-SHA-1 over the parts of a message: what CMP's older peers protect answers with. No collision of SHA-1 helps
/// against it (RFC 6194 §3.3); nothing of one's own is protected by it.
pub fn hmac_sha1(key: &[u8], parts: &[&[u8]]) -> [u8; 20] {
    let mut context = hmac::Context::with_key(&hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, key));
    for part in parts {
        context.update(part);
    }
    context.sign().as_ref().try_into().expect("HMAC-SHA-1 has 20 bytes")
}

/// SHA-256 of data that arrives in pieces.
#[derive(Clone)]
pub struct Sha256(digest::Context);

impl Sha256 {
    /// Of nothing yet.
    #[expect(clippy::new_without_default, reason = "a digest of nothing is never a default")]
    pub fn new() -> Self {
        Self(digest::Context::new(&digest::SHA256))
    }

    /// Adds the next piece.
    pub fn update(&mut self, data: &[u8]) {
        self.0.update(data);
    }

    /// The digest of all pieces.
    pub fn finish(self) -> Sha256Digest {
        into_sha256(&self.0.finish())
    }
}

fn into_sha256(value: &digest::Digest) -> Sha256Digest {
    Sha256Digest::new(value.as_ref().try_into().expect("SHA-256 has 32 bytes"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digests_of_abc_are_those_of_fips_180() {
        assert_eq!(sha256(b"abc").to_string(), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
        assert_eq!(sha1(b"abc").to_string(), "a9993e364706816aba3e25717850c26c9cd0d89d");
        assert_eq!(
            hex::encode(sha384(b"abc")),
            "cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed8086072ba1e7cc2358baeca134c825a7"
        );
        assert!(hex::encode(sha512(b"abc")).starts_with("ddaf35a193617abacc417349ae20413112e6fa4e89a97ea2"));
        let mut pieces = Sha256::new();
        pieces.update(b"a");
        pieces.update(b"bc");
        assert_eq!(pieces.finish(), sha256(b"abc"));
    }

    #[test]
    fn hmac_is_that_of_rfc_4231_case_2() {
        let value = hmac_sha256(b"Jefe", &[b"what do ya want ", b"for nothing?"]);
        assert_eq!(hex::encode(value), "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    }
}
