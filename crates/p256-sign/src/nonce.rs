//! Nonces: HMAC-DRBG with SHA-256 (RFC 6979 §3.2), fresh randomness mixed in (§3.6).

use sha2::block_api::compress256;
use zeroize::{Zeroize, Zeroizing};

use crate::modular::{Limbs, below_mask, from_bytes, zero_mask};
use crate::reveal::{Point, reveal};

/// Fresh randomness of one nonce. 128 bits make it unpredictable to an attacker who knows everything else, and fit
/// into the block that is hashed anyway.
pub(crate) type Extra = [u8; 16];

/// HMAC with SHA-256 under a key of 32 bytes (RFC 2104): the states after the padded key.
#[derive(Clone)]
pub(crate) struct Hmac {
    inner: [u32; 8],
    outer: [u32; 8],
}

impl Zeroize for Hmac {
    fn zeroize(&mut self) {
        self.inner.zeroize();
        self.outer.zeroize();
    }
}

impl Hmac {
    pub(crate) fn new(key: &[u8; 32]) -> Self {
        let state = |pad: u8| {
            let mut block = Zeroizing::new([[pad; 64]]);
            for (byte, key) in block[0].iter_mut().zip(key) {
                *byte ^= key;
            }
            let mut state = INITIAL;
            compress256(&mut state, &*block);
            state
        };
        Self { inner: state(0x36), outer: state(0x5C) }
    }

    /// Of a message of `length` bytes in `BLOCKS` blocks with zeros behind it, and place for nine bytes of padding.
    #[inline]
    fn of<const BLOCKS: usize>(&self, message: &mut [[u8; 64]; BLOCKS], length: usize) -> [u8; 32] {
        pad(message, length);
        let mut state = self.inner;
        compress256(&mut state, &*message);
        let mut block = [[0; 64]];
        block[0][..32].copy_from_slice(&bytes(&state));
        pad(&mut block, 32);
        state = self.outer;
        compress256(&mut state, &block);
        let mac = bytes(&state);
        state.zeroize();
        block.zeroize();
        mac
    }

    fn of_value(&self, value: &[u8; 32]) -> [u8; 32] {
        let mut message = Zeroizing::new([[0; 64]]);
        message[0][..32].copy_from_slice(value);
        self.of(&mut message, 32)
    }
}

/// Makes the nonces of one key.
pub(crate) struct Nonces {
    key: Zeroizing<[u8; 32]>,
    /// Under the first key of the generator, which is zero
    start: Hmac,
    bound: Limbs,
}

impl Nonces {
    /// For nonces from 1 to `bound` - 1, of which the highest bit is set.
    pub(crate) fn new(key: [u8; 32], bound: Limbs) -> Self {
        Self { key: Zeroizing::new(key), start: Hmac::new(&[0; 32]), bound }
    }

    /// The nonce for a digest, reduced modulo the bound. Without `extra` it is that of RFC 6979 §3.2.
    #[inline(never)]
    pub(crate) fn nonce(&self, digest: &[u8; 32], extra: Option<&Extra>) -> Limbs {
        let length = 97 + extra.map_or(0, |extra| extra.len());
        let mut value = Zeroizing::new([1; 32]);
        let mut hmac = self.start.clone();
        for tag in [0, 1] {
            // V || tag || int2octets(x) || bits2octets(h1) || k'
            let mut message = Zeroizing::new([[0; 64]; 2]);
            let (first, second) = message.split_at_mut(1);
            first[0][..32].copy_from_slice(&*value);
            first[0][32] = tag;
            first[0][33..].copy_from_slice(&self.key[..31]);
            second[0][0] = self.key[31];
            second[0][1..33].copy_from_slice(digest);
            if let Some(extra) = extra {
                second[0][33..49].copy_from_slice(extra);
            }
            renew(&mut hmac, &mut message, length, &mut value);
        }
        loop {
            *value = hmac.of_value(&value);
            let candidate = from_bytes(&value);
            // one candidate in 2^32 is refused; that it was says nothing about those that were not
            let good = below_mask(candidate, self.bound) & !zero_mask(candidate);
            if reveal(Point::NonceInRange, good) != 0 {
                hmac.zeroize();
                return candidate;
            }
            let mut message = Zeroizing::new([[0; 64]]);
            message[0][..32].copy_from_slice(&*value);
            renew(&mut hmac, &mut message, 33, &mut value);
        }
    }
}

/// A new key from the message, and the value under it.
fn renew<const BLOCKS: usize>(hmac: &mut Hmac, message: &mut [[u8; 64]; BLOCKS], length: usize, value: &mut [u8; 32]) {
    let key = Zeroizing::new(hmac.of(message, length));
    *hmac = Hmac::new(&key);
    *value = hmac.of_value(value);
}

impl Drop for Nonces {
    fn drop(&mut self) {
        self.start.zeroize();
    }
}

/// What ends a message of `length` bytes that follows a block of 64 (FIPS 180-4 §5.1.1).
#[inline]
fn pad<const BLOCKS: usize>(message: &mut [[u8; 64]; BLOCKS], length: usize) {
    let bits = 8 * (64 + length as u64);
    let message = message.as_flattened_mut();
    message[length] = 0x80;
    let (_, last) = message.split_last_chunk_mut::<8>().expect("a block has 64 bytes");
    *last = bits.to_be_bytes();
}

fn bytes(state: &[u32; 8]) -> [u8; 32] {
    let mut bytes = [0; 32];
    for (part, word) in bytes.chunks_exact_mut(4).zip(state) {
        part.copy_from_slice(&word.to_be_bytes());
    }
    bytes
}

/// FIPS 180-4 §5.3.3.
const INITIAL: [u32; 8] =
    [0x6A09_E667, 0xBB67_AE85, 0x3C6E_F372, 0xA54F_F53A, 0x510E_527F, 0x9B05_688C, 0x1F83_D9AB, 0x5BE0_CD19];

#[cfg(test)]
mod tests {
    use rfc6979::KGenerator;
    use rfc6979::bigint::U256;
    use sha2::{Digest as _, Sha256};

    use super::*;
    use crate::modular::{Modulus as _, Order, to_bytes};

    fn theirs(key: &[u8; 32], digest: &[u8; 32], extra: &[u8], bound: Limbs) -> [u8; 32] {
        let bound = U256::from_be_slice(&to_bytes(bound));
        let mut nonce = [0; 32];
        KGenerator::<Sha256, U256>::new(key, digest, extra, &bound).fill_next_k(&mut nonce);
        nonce
    }

    #[test]
    fn nonces_are_those_of_another_implementation() {
        for number in 0..500_u64 {
            let digest: [u8; 32] = Sha256::digest(number.to_be_bytes()).into();
            let key: [u8; 32] = Sha256::digest(digest).into();
            let nonces = Nonces::new(key, Order::PRIME);
            let extra: Extra = std::array::from_fn(|at| digest[31 - at]);
            assert_eq!(to_bytes(nonces.nonce(&digest, None)), theirs(&key, &digest, &[], Order::PRIME));
            assert_eq!(to_bytes(nonces.nonce(&digest, Some(&extra))), theirs(&key, &digest, &extra, Order::PRIME));
        }
    }

    /// Of the candidates below 2^256 every other one is out of the range of this bound, so that some digests need many.
    #[test]
    fn candidates_out_of_range_are_passed_over() {
        let bound = [1, 0, 0, 1 << 63];
        let mut key = [0x11; 32];
        key[0] = 0x12;
        let nonces = Nonces::new(key, bound);
        for number in 0..500_u64 {
            let mut digest: [u8; 32] = Sha256::digest(number.to_be_bytes()).into();
            digest[0] &= 0x7F;
            assert_eq!(to_bytes(nonces.nonce(&digest, None)), theirs(&key, &digest, &[], bound));
            assert_eq!(to_bytes(nonces.nonce(&digest, Some(&[9; 16]))), theirs(&key, &digest, &[9; 16], bound));
        }
    }
}
