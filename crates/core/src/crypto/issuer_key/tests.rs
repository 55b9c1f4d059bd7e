use p256::ecdsa::signature::Signer as _;
use p256::ecdsa::{DerSignature, SigningKey};
use p256::elliptic_curve::Curve as _;
use p256::elliptic_curve::bigint::U256;

use super::*;
use crate::x509::tlv::{element, tag};
use crate::x509::{KeyAlgorithm, Spki, oid};

fn issuer(secret: &SigningKey) -> IssuerKey {
    IssuerKey::new(public(secret))
}

fn public(secret: &SigningKey) -> PublicKey {
    let point = secret.verifying_key().to_sec1_point(false);
    let algorithm = element(
        tag::SEQUENCE,
        &[
            &element(tag::OBJECT_IDENTIFIER, &[oid::EC_PUBLIC_KEY.as_bytes()]),
            &element(tag::OBJECT_IDENTIFIER, &[oid::SECP256R1.as_bytes()]),
        ],
    );
    let spki = element(tag::SEQUENCE, &[&algorithm, &element(tag::BIT_STRING, &[&[0], point.as_bytes()])]);
    PublicKey::from_spki(&Spki::from_der(&spki).unwrap()).unwrap()
}

fn secret(of: u8) -> SigningKey {
    SigningKey::from_slice(&[of; 32]).unwrap()
}

fn signed(secret: &SigningKey, count: u32) -> Vec<(Vec<u8>, Vec<u8>)> {
    let sign = |n: u32| {
        let message = n.to_be_bytes().to_vec();
        let signature: DerSignature = secret.sign(&message);
        (message, signature.as_bytes().to_vec())
    };
    (0..count).map(sign).collect()
}

fn claims(signed: &[(Vec<u8>, Vec<u8>)]) -> Vec<Claim<'_>> {
    signed
        .iter()
        .map(|(message, signature)| Claim {
            algorithm: SignatureAlgorithm::EcdsaSha256,
            message,
            signature,
            sha256: None,
        })
        .collect()
}

/// Changed signatures, some of which stay valid.
fn mutations(message: &[u8], signature: &[u8], n: u64) -> Vec<(Vec<u8>, Vec<u8>)> {
    let parts = EcdsaSignature::parse(KeyAlgorithm::P256, signature).unwrap();
    let full = |magnitude: &[u8]| {
        let mut bytes = [0; 32];
        bytes[32 - magnitude.len()..].copy_from_slice(magnitude);
        U256::from_be_slice(&bytes)
    };
    let (r, s) = (full(parts.r()), full(parts.s()));
    let encode = |r: U256, s: U256| {
        let integer = |number: U256| {
            let bytes = number.to_be_bytes();
            let zeros = bytes.iter().take_while(|byte| **byte == 0).count().min(31);
            let sign: &[u8] = if bytes[zeros] >= 0x80 { &[0] } else { &[] };
            element(tag::INTEGER, &[sign, &bytes[zeros..]])
        };
        element(tag::SEQUENCE, &[&integer(r), &integer(s)])
    };
    let flip = |number: U256| number.bitxor(&U256::ONE.shl(u32::try_from(n % 256).unwrap()));
    let order = p256::NistP256::ORDER.get();
    let minus = |number: U256| order.wrapping_sub(&number);
    let last = minus(U256::ONE);
    let mut bytes = signature.to_vec();
    let at = usize::try_from(n).unwrap() % bytes.len();
    bytes[at] ^= 1 << (n % 8);
    let mut other = message.to_vec();
    other[0] ^= 1;
    let mut changed = vec![(other, signature.to_vec()), (message.to_vec(), bytes), (message.to_vec(), vec![])];
    for (r, s) in [
        (r, minus(s)),
        (minus(r), s),
        (flip(r), s),
        (r, flip(s)),
        (s, r),
        (r, U256::ZERO),
        (U256::ZERO, s),
        (r, order),
        (order, s),
        (r, last),
        (last, s),
        (U256::ONE, U256::ONE),
        (r, U256::ONE),
        (r.wrapping_add(&order), s),
    ] {
        changed.push((message.to_vec(), encode(r, s)));
    }
    changed
}

#[test]
fn good_and_changed_signatures_get_the_verdicts_of_aws_lc() {
    let secret = secret(0x31);
    let mut all = signed(&secret, 60);
    for (n, (message, signature)) in (0..).zip(all.clone()) {
        all.extend(mutations(&message, &signature, 37 * n));
    }
    let claims = claims(&all);
    for key in [issuer(&secret), IssuerKey::portable(public(&secret))] {
        let expected = key.verify_batch(VerificationEngine::Generic, &claims).unwrap();
        assert_eq!(expected.iter().filter(|verdict| verdict.is_ok()).count(), 2 * 60, "the signatures and their twins");
        assert_eq!(key.verify_batch(VerificationEngine::FixedKey, &claims).unwrap(), expected);
        for (opinion, verdict) in key.unchecked_opinions(&claims).unwrap().into_iter().zip(&expected) {
            assert!(opinion.is_none_or(|opinion| opinion == verdict.is_ok()));
        }
    }
}

#[test]
fn a_digest_of_zero_and_keys_near_the_generator_get_their_verdict() {
    // a digest cannot be chosen, but Q = G and Q = -G can
    let last = p256::NistP256::ORDER.get().wrapping_sub(&U256::ONE);
    for secret in [U256::ONE, last] {
        let secret = SigningKey::from_slice(&secret.to_be_bytes()).unwrap();
        let all = signed(&secret, 120);
        let verdicts = issuer(&secret).verify_batch(VerificationEngine::FixedKey, &claims(&all)).unwrap();
        assert!(verdicts.iter().all(Result::is_ok));
    }
}

#[test]
fn other_algorithms_are_left_to_the_generic_engine() {
    let secret = secret(0x32);
    let all = signed(&secret, 150);
    let mut claims = claims(&all);
    let key = issuer(&secret);
    for (n, algorithm) in SignatureAlgorithm::ALL.into_iter().cycle().take(claims.len()).enumerate() {
        claims[n].algorithm = algorithm;
    }
    let expected = key.verify_batch(VerificationEngine::Generic, &claims).unwrap();
    assert_eq!(key.verify_batch(VerificationEngine::FixedKey, &claims).unwrap(), expected);
}

#[test]
fn a_difference_between_the_engines_stops_the_run() {
    let (ours, others) = (secret(0x34), secret(0x35));
    // tables of another key: the same as an engine that miscalculates
    let key = IssuerKey { fixed: issuer(&others).fixed, ..issuer(&ours) };
    let good = signed(&ours, 150);
    assert!(matches!(
        key.verify_batch(VerificationEngine::FixedKey, &claims(&good)),
        Err(EngineError::Disagreement { accepted: false, .. })
    ));
    let foreign = signed(&others, 600);
    assert!(matches!(
        key.verify_batch(VerificationEngine::FixedKey, &claims(&foreign)),
        Err(EngineError::Disagreement { accepted: true, .. })
    ));
    assert!(key.verify_batch(VerificationEngine::Generic, &claims(&good)).unwrap().iter().all(Result::is_ok));
}
