//! What is next to a good leaf: forgeries, twins, clashes.

use p256::ecdsa::Signature;
use reroot_core::x509::Certificate;

use super::{TestPki, der};

/// The leaf with the last byte of s changed: well-formed, but no key has made this signature.
pub fn bad_signature(leaf: &[u8]) -> Vec<u8> {
    let mut forged = leaf.to_vec();
    *forged.last_mut().expect("a certificate is not empty") ^= 1;
    forged
}

/// The same tbsCertificate under the other signature that verifies: (r, n - s). Anyone can make it.
pub fn twin(leaf: &[u8]) -> Vec<u8> {
    let certificate = Certificate::from_der(leaf).expect("a leaf is a certificate");
    let signature = Signature::from_der(certificate.signature()).expect("a leaf has an ECDSA-Sig-Value");
    let (r, s) = signature.split_scalars();
    let other = Signature::from_scalars(*r, -*s).expect("n - s is not zero");
    der::sequence(&[certificate.tbs(), der::ECDSA_SHA256, &der::bit_string(other.to_der().as_bytes())])
}

/// The UID of chip `uid` with the key of chip `key`: one UID with two keys, or one key under two UIDs, beside the real
/// ones.
pub fn crossed(pki: &TestPki, uid: u64, key: u64) -> Vec<u8> {
    let mut shape = pki.shape(uid);
    shape.spki = pki.shape(key).spki;
    pki.certify(&shape)
}

/// A leaf that ST did sign a second time with other dates: same UID and key, another certificate.
pub fn renewed(pki: &TestPki, index: u64) -> Vec<u8> {
    let mut shape = pki.shape(index);
    shape.validity = super::validity("2022-01-01T00:00:00Z", "2052-01-01T00:00:00Z");
    pki.certify(&shape)
}

/// The leaf in a zone dump of `zone` bytes, filled up with `fill`.
pub fn padded(leaf: &[u8], zone: usize, fill: u8) -> Vec<u8> {
    let mut dump = leaf.to_vec();
    dump.resize(zone.max(leaf.len()), fill);
    dump
}

/// The certificate's public key swapped for another chip's without signing again.
pub fn swapped_key(pki: &TestPki, index: u64, other: u64) -> Vec<u8> {
    let (mut leaf, key, new) = (pki.leaf(index).der, pki.shape(index).spki, pki.shape(other).spki);
    let at = leaf.windows(key.len()).position(|window| window == key).expect("a leaf holds its key");
    leaf[at..at + new.len()].copy_from_slice(&new);
    leaf
}
