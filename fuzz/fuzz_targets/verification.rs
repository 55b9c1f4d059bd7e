//! The engine with tables for one key against aws-lc: no difference for any key, message and signature.
//!
//! The input says how to change signatures that are good otherwise, since random bytes are never near one: the key,
//! and for each signature its message, which part to change, and how.
#![no_main]

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use libfuzzer_sys::fuzz_target;
use p256::ecdsa::signature::Signer;
use p256::ecdsa::{DerSignature, SigningKey};
use reroot::crypto::{Claim, IssuerKey, PublicKey, VerificationEngine};
use reroot::x509::{SignatureAlgorithm, Spki};

thread_local! {
    static KEYS: RefCell<HashMap<u8, Rc<(SigningKey, [IssuerKey; 2])>>> = RefCell::default();
}

fuzz_target!(|bytes: &[u8]| {
    let Some((selector, mut rest)) = bytes.split_first() else { return };
    let pair =
        KEYS.with_borrow_mut(|keys| Rc::clone(keys.entry(*selector).or_insert_with(|| Rc::new(pair(*selector)))));
    let (secret, [key, portable]) = (&pair.0, &pair.1);

    let mut all: Vec<(Vec<u8>, Vec<u8>)> = vec![];
    while let Some((head, tail)) = rest.split_first_chunk::<4>() {
        let [message, kind, place, value] = *head;
        rest = tail;
        let mut text = vec![message; 3];
        let signature: DerSignature = secret.sign(&text);
        let mut signature = signature.as_bytes().to_vec();
        match kind % 6 {
            0 => {}
            1 => text[usize::from(place) % 3] ^= value,
            2 => {
                let at = usize::from(place) % signature.len();
                signature[at] ^= value;
            }
            3 => signature = numbers(take(&mut rest), take(&mut rest)),
            4 => signature = numbers([&[0; 16], &take(&mut rest)[16..]].concat().try_into().unwrap(), take(&mut rest)),
            // the rest of the input is the signature
            _ => signature = std::mem::take(&mut rest).to_vec(),
        }
        all.push((text, signature));
        if all.len() == 64 {
            break;
        }
    }
    let claim = |(message, signature)| Claim { algorithm: SignatureAlgorithm::EcdsaSha256, message, signature, sha256: None };
    let claims: Vec<Claim<'_>> =
        all.iter().map(|(message, signature)| claim((message.as_slice(), signature.as_slice()))).collect();
    let generic = key.verify_batch(VerificationEngine::Generic, &claims).expect("it cannot contradict itself");
    let fixed = key.verify_batch(VerificationEngine::FixedKey, &claims).expect("the engines agree");
    assert_eq!(fixed, generic);
    // on a processor without vectors the two are the same
    let opinions = key.unchecked_opinions(&claims).expect("the tables are right");
    assert_eq!(opinions, portable.unchecked_opinions(&claims).expect("the tables are right"));
    for (opinion, verdict) in opinions.into_iter().zip(generic) {
        assert!(opinion.is_none_or(|opinion| opinion == verdict.is_ok()), "{opinion:?}, aws-lc {verdict:?}");
    }
});

/// 32 bytes of the input, zeros where it ends.
fn take(rest: &mut &[u8]) -> [u8; 32] {
    let (bytes, tail) = rest.split_at(rest.len().min(32));
    *rest = tail;
    let mut full = [0; 32];
    full[..bytes.len()].copy_from_slice(bytes);
    full
}

/// r and s as DER.
fn numbers(r: [u8; 32], s: [u8; 32]) -> Vec<u8> {
    let integer = |bytes: [u8; 32]| {
        let zeros = bytes.iter().take_while(|byte| **byte == 0).count().min(31);
        let sign: &[u8] = if bytes[zeros] >= 0x80 { &[0] } else { &[] };
        let content = [sign, &bytes[zeros..]].concat();
        [&[2, content.len() as u8], content.as_slice()].concat()
    };
    let content = [integer(r), integer(s)].concat();
    [&[0x30, content.len() as u8], content.as_slice()].concat()
}

/// Key 1 is the base point, key 255 its negative.
fn pair(selector: u8) -> (SigningKey, [IssuerKey; 2]) {
    let mut scalar = [0; 32];
    scalar[31] = selector.max(1);
    if selector == 255 {
        scalar = ORDER_LESS_ONE;
    }
    let secret = SigningKey::from_slice(&scalar).expect("in range");
    let head = [
        0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x02, 0x01, 0x06, 0x08, 0x2A, 0x86, 0x48,
        0xCE, 0x3D, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00,
    ];
    let point = secret.verifying_key().to_sec1_point(false);
    let spki = Spki::from_der(&[&head, point.as_bytes()].concat()).expect("a SubjectPublicKeyInfo");
    let key = PublicKey::from_spki(&spki).expect("a key");
    let keys = [IssuerKey::new(key.clone()), IssuerKey::portable(key)];
    keys.iter().for_each(|key| key.expect(1_000));
    (secret, keys)
}

const ORDER_LESS_ONE: [u8; 32] = [
    0xFF, 0xFF, 0xFF, 0xFF, 0x00, 0x00, 0x00, 0x00, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xBC, 0xE6, 0xFA,
    0xAD, 0xA7, 0x17, 0x9E, 0x84, 0xF3, 0xB9, 0xCA, 0xC2, 0xFC, 0x63, 0x25, 0x50,
];
