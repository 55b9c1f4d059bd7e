//! ECDSA P-256 signatures of RFC 6979, many at a time.
//!
//! The same signatures as `p256::ecdsa::SigningKey` makes (a test compares them), but faster: the two
//! inversions of each are shared by a chunk, and the generator has larger tables. In variable time: the keys are TEST
//! keys.

use std::sync::LazyLock;

use p256::ecdsa::Signature;
use p256::elliptic_curve::BatchNormalize;
use p256::elliptic_curve::ff::PrimeField;
use p256::elliptic_curve::ops::Reduce;
use p256::elliptic_curve::point::AffineCoordinates;
use p256::{AffinePoint, FieldBytes, ProjectivePoint, Scalar};
use reroot_core::crypto::hmac_sha256;

/// Signs each SHA-256 digest with the key `secret`.
pub fn sign_digests(secret: &Scalar, digests: &[[u8; 32]]) -> Vec<Signature> {
    let nonces: Vec<Scalar> = digests.iter().map(|digest| nonce(secret, digest)).collect();
    let points: Vec<ProjectivePoint> = nonces.iter().map(times_generator).collect();
    let points = ProjectivePoint::batch_normalize(points.as_slice());
    let inverses = inverses(&nonces);
    let parts = digests.iter().zip(&points).zip(&inverses);
    parts
        .map(|((digest, point), inverse)| {
            let r = reduce(&point.x().into());
            let s = *inverse * (reduce(digest) + r * secret);
            Signature::from_scalars(r, s).expect("neither r nor s is zero")
        })
        .collect()
}

/// An integer of 256 bits modulo the group's order.
pub fn reduce(bytes: &[u8; 32]) -> Scalar {
    <Scalar as Reduce<FieldBytes>>::reduce(&FieldBytes::from(*bytes))
}

/// k of RFC 6979 §3.2 for P-256 and SHA-256, where qlen = hlen = 256.
fn nonce(secret: &Scalar, digest: &[u8; 32]) -> Scalar {
    let secret = secret.to_repr();
    let digest = reduce(digest).to_repr();
    let mut value = [1; 32];
    let mut key = hmac_sha256(&[0; 32], &[&value, &[0], &secret, &digest]);
    value = hmac_sha256(&key, &[&value]);
    key = hmac_sha256(&key, &[&value, &[1], &secret, &digest]);
    value = hmac_sha256(&key, &[&value]);
    loop {
        value = hmac_sha256(&key, &[&value]);
        if let Some(nonce) = Scalar::from_repr(value.into()).into_option().filter(|nonce| *nonce != Scalar::ZERO) {
            return nonce;
        }
        key = hmac_sha256(&key, &[&value, &[0]]);
        value = hmac_sha256(&key, &[&value]);
    }
}

/// The scalar times the generator, by at most 32 additions and no doubling.
fn times_generator(scalar: &Scalar) -> ProjectivePoint {
    /// Row w holds 1 to 255 times 256^w times the generator.
    static ROWS: LazyLock<Vec<Vec<AffinePoint>>> = LazyLock::new(|| {
        let mut base = ProjectivePoint::GENERATOR;
        let rows = (0..32).map(|_| {
            let mut multiples = vec![base; 255];
            for n in 1..255 {
                multiples[n] = multiples[n - 1] + base;
            }
            base += multiples[254];
            ProjectivePoint::batch_normalize(multiples.as_slice())
        });
        rows.collect()
    });
    let mut sum = ProjectivePoint::IDENTITY;
    for (row, byte) in ROWS.iter().zip(scalar.to_repr().iter().rev()) {
        if let Some(multiple) = usize::from(*byte).checked_sub(1).map(|n| &row[n]) {
            sum += multiple;
        }
    }
    sum
}

/// The inverse of each scalar, by one inversion (Montgomery's trick).
fn inverses(scalars: &[Scalar]) -> Vec<Scalar> {
    let mut product = Scalar::ONE;
    let mut inverses = Vec::with_capacity(scalars.len());
    for scalar in scalars {
        inverses.push(product);
        product *= scalar;
    }
    let mut rest = product.invert().expect("no scalar is zero");
    for (inverse, scalar) in inverses.iter_mut().zip(scalars).rev() {
        *inverse *= rest;
        rest *= scalar;
    }
    inverses
}
