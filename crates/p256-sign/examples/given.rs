//! Signatures for given nonces, for `scripts/crypto_mb.py` to compare: lines of key, digest, nonce, r and s in hexadecimal.
//!
//! `given [count]`: so many of chance after the special nonces, by the lanes where there are any.

use std::time::Duration;

use p256_sign::Key;
use rustix::time::{ClockId, clock_gettime};

fn main() {
    let count = std::env::args().nth(1).map_or(10_000, |count| count.parse().expect("a number"));
    let mut state = 0x0061_7665_6e5f_u64;
    let mut bytes = || -> [u8; 32] {
        let mut bytes = [0; 32];
        for part in bytes.chunks_exact_mut(8) {
            state ^= state >> 12;
            state ^= state << 25;
            state ^= state >> 27;
            part.copy_from_slice(&state.wrapping_mul(0x2545_F491_4F6C_DD1D).to_be_bytes());
        }
        bytes
    };
    let special = (0..256).map(|bit| {
        let mut nonce = [0; 32];
        nonce[31 - bit / 8] = 1 << (bit % 8);
        nonce
    });
    let mut nonces: Vec<[u8; 32]> = special.collect();
    // below the order: the highest bytes are not all ones
    nonces.extend((0..count).map(|_| bytes()).filter(|nonce| nonce[..4] != [0xFF; 4]));
    let mut secret = bytes();
    secret[0] = 0x7F;
    let key = Key::new(&secret).expect("a key");
    let digests: Vec<[u8; 32]> = nonces.iter().map(|_| bytes()).collect();
    let now = || Duration::try_from(clock_gettime(ClockId::ThreadCPUTime)).expect("time passes");
    let begin = now();
    let signatures = key.sign_with_nonces(&digests, &nonces, false).expect("signatures");
    let spent = now().saturating_sub(begin) / u32::try_from(digests.len()).expect("a number of signatures");
    eprintln!("{:?}: {spent:?} of processor time a signature, nonce not included", key.form());
    let hex = |bytes: &[u8; 32]| {
        let half = |at: usize| u128::from_be_bytes(bytes[at..at + 16].try_into().expect("sixteen bytes"));
        format!("{:032x}{:032x}", half(0), half(16))
    };
    for ((digest, nonce), made) in digests.iter().zip(&nonces).zip(signatures) {
        println!("{} {} {} {} {}", hex(&secret), hex(digest), hex(nonce), hex(&made.r), hex(&made.s));
    }
}
