//! Keys, nonces and digests of which carries, windows and sums are special.

mod support;

use p256::elliptic_curve::ff::PrimeField as _;
use p256_sign::{Fault, Form};
use support::{Chance, hex, is_valid, key, p256_signature_with, scalar};

for_each_form!(special_nonces, special_keys_and_digests, s_at_the_borders);

const ORDER: &str = "FFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551";

/// a - b of big-endian numbers, modulo 2^256.
fn less(a: [u8; 32], b: [u8; 32]) -> [u8; 32] {
    let mut borrow = 0;
    let mut difference = [0; 32];
    for at in (0..32).rev() {
        let value = i16::from(a[at]) - i16::from(b[at]) - borrow;
        borrow = i16::from(value < 0);
        difference[at] = u8::try_from(value.rem_euclid(256)).expect("a byte");
    }
    difference
}

fn power(exponent: usize) -> [u8; 32] {
    let mut number = [0; 32];
    if exponent < 256 {
        number[31 - exponent / 8] = 1 << (exponent % 8);
    }
    number
}

fn small(number: u8) -> [u8; 32] {
    let mut bytes = [0; 32];
    bytes[31] = number;
    bytes
}

/// Scalars between 1 and n - 1, each with its opposite.
fn scalars() -> Vec<[u8; 32]> {
    let order = hex(ORDER);
    let mut scalars: Vec<[u8; 32]> = (1..=64).map(small).collect();
    for exponent in 0..256 {
        scalars.push(power(exponent));
        scalars.push(less(power(exponent), small(1)));
        scalars.push(less(power(exponent), less(small(0), small(1))));
    }
    // windows of zeros and ones
    for byte in [0x00, 0x01, 0x0F, 0x10, 0x1F, 0x55, 0x7F, 0x80, 0x81, 0xAA, 0xF0, 0xFE, 0xFF] {
        for (from, to) in [(0, 32), (1, 32), (0, 31), (8, 16), (16, 24), (24, 32), (31, 32)] {
            let mut number = [0x5A; 32];
            number[from..to].fill(byte);
            scalars.push(number);
            let mut number = [0; 32];
            number[from..to].fill(byte);
            scalars.push(number);
        }
    }
    // The sums that are equal to the last term, for which the last addition has to double: with digits of 8 bits that term
    // is 255 2^248 G and the nonce 510 2^248 - n; with 6 bits 15 2^252 G and 30 2^252 - n; with 5 bits 2^255 G and 2^256 - n.
    for first in [0xFE, 0xE0, 0x00] {
        let mut last = [0; 32];
        last[0] = first;
        scalars.push(less(last, order));
    }
    let half = hex("7FFFFFFF800000007FFFFFFFFFFFFFFFDE737D56D38BCF4279DCE5617E3192A8");
    scalars.extend([half, less(half, small(1)), less(half, less(small(0), small(1)))]);
    let opposite: Vec<[u8; 32]> = scalars.iter().map(|scalar| less(order, *scalar)).collect();
    scalars.extend(opposite);
    scalars.retain(|scalar| *scalar != [0; 32] && *scalar < order);
    scalars.sort_unstable();
    scalars.dedup();
    scalars
}

fn special_nonces(form: Form) {
    let mut chance = Chance(0xED6E);
    let secret = chance.secret();
    let key = key(&secret, form);
    let nonces = scalars();
    assert!(nonces.len() > 1_500, "{}", nonces.len());
    let digests: Vec<[u8; 32]> = nonces.iter().map(|_| chance.bytes()).collect();
    for low_s in [false, true] {
        let made = key.sign_with_nonces(&digests, &nonces, low_s).expect("signatures");
        for ((digest, nonce), made) in digests.iter().zip(&nonces).zip(made) {
            assert_eq!(made, p256_signature_with(&secret, digest, nonce, low_s), "{nonce:02x?}");
        }
    }
}

/// Keys beside 0, n / 2 and n, digests beside 0 and n and above it.
fn special_keys_and_digests(form: Form) {
    let order = hex(ORDER);
    let minus_one = less(small(0), small(1));
    let digests = [
        [0; 32],
        small(1),
        less(order, small(1)),
        order,
        less(order, minus_one),
        [0xFF; 32],
        [0x80; 32],
        hex("7FFFFFFF800000007FFFFFFFFFFFFFFFDE737D56D38BCF4279DCE5617E3192A8"),
    ];
    for secret in scalars().iter().step_by(23).chain(&[small(1), less(order, small(1))]) {
        let key = key(secret, form);
        let mut chance = Chance(7);
        // a nonce of 1 and a digest of 0 with a key near n make small numbers everywhere
        let nonces: [[u8; 32]; 8] = [
            small(1),
            small(2),
            less(order, small(1)),
            small(3),
            chance.secret(),
            chance.secret(),
            power(255),
            power(128),
        ];
        let made = key.sign_with_nonces(&digests, &nonces, false).expect("signatures");
        for ((digest, nonce), made) in digests.iter().zip(&nonces).zip(&made) {
            assert_eq!(*made, p256_signature_with(secret, digest, nonce, false), "{secret:02x?} {nonce:02x?}");
        }
        // order and order + 1 as digests are 0 and 1: other nonces than RFC 6979 would not give, so the same r
        let fresh = key.sign_batch(&digests, &mut Chance(9).randomness(), true).expect("signatures");
        assert!(digests.iter().zip(&fresh).all(|(digest, made)| is_valid(secret, digest, made)), "{secret:02x?}");
    }
}

/// Digests that make s what it is to be: zero, small, and around half the order.
fn s_at_the_borders(form: Form) {
    let half = hex("7FFFFFFF800000007FFFFFFFFFFFFFFFDE737D56D38BCF4279DCE5617E3192A8");
    let order = hex(ORDER);
    let mut chance = Chance(0x5);
    let secret = chance.secret();
    let key = key(&secret, form);
    let nonce = chance.secret();
    let made = key.sign_with_nonces(&[[0; 32]], &[nonce], false).expect("a signature");
    // e = s k - r d
    let digest = |s: [u8; 32]| -> [u8; 32] {
        let s = p256::Scalar::from_repr(s.into()).expect("below n");
        let digest = s * *scalar(&nonce) - *scalar(&made[0].r) * *scalar(&secret);
        digest.to_repr().into()
    };
    let above = less(half, less(small(0), small(1)));
    for (s, low) in [
        (small(1), small(1)),
        (small(2), small(2)),
        (less(half, small(1)), less(half, small(1))),
        (half, half),
        (above, half),
        (less(above, less(small(0), small(1))), less(half, small(1))),
        (less(order, small(1)), small(1)),
    ] {
        for (low_s, expected) in [(false, s), (true, low)] {
            let made = key.sign_with_nonces(&[digest(s)], &[nonce], low_s).expect("a signature");
            assert_eq!(made[0].s, expected, "{s:02x?}");
        }
    }
    assert_eq!(key.sign_with_nonces(&[digest(small(0))], &[nonce], false), Err(Fault::ZeroHalf));
}

#[test]
#[cfg_attr(not(has_ifma), ignore = "this processor has no AVX-512 IFMA")]
fn lanes_and_portable_give_the_same_points_of_special_scalars() {
    let secret = small(5);
    let (lanes, portable) = (key(&secret, Form::Lanes), key(&secret, Form::Portable));
    let mut chance = Chance(0xD1FF);
    let mut nonces = scalars();
    nonces.extend((0..5_000).map(|_| chance.secret()));
    let digests: Vec<[u8; 32]> = nonces.iter().map(|_| chance.bytes()).collect();
    let [one, other] = [lanes, portable].map(|key| key.sign_with_nonces(&digests, &nonces, false).expect("signatures"));
    assert_eq!(one, other);
}
