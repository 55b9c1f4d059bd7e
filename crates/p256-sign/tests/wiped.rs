//! After a batch no nonce is left in memory, and after a key is dropped no key: all writable memory of the process is
//! searched. There is one test, so that no other thread has secrets of its own.
#![cfg(target_os = "linux")]

mod support;

use std::fs;
use std::io::{Read as _, Seek as _, SeekFrom};

use p256_sign::Key;
use p256_sign::testing::forms;
use support::hex;
use zeroize::Zeroize as _;

/// What is searched for is kept under a mask, so that it is not found here.
const MASK: u128 = 0xA5A5_5A5A_C3C3_3C3C_9696_6969_F0F0_0F0F;

/// The halves of a number in the orders of bytes that the crate keeps numbers in, masked.
fn needles(masked: &[u8; 32]) -> Vec<u128> {
    let mask = |at: usize| 0x99_u8.wrapping_add(u8::try_from(at).expect("small"));
    let byte = |at: usize| masked[at] ^ mask(at);
    let part = |bytes: [u8; 16]| u128::from_ne_bytes(bytes) ^ MASK;
    [
        part(std::array::from_fn(byte)),
        part(std::array::from_fn(|at| byte(16 + at))),
        // limbs, the least significant first
        part(std::array::from_fn(|at| byte(31 - at))),
        part(std::array::from_fn(|at| byte(15 - at))),
    ]
    .to_vec()
}

fn masked(number: &mut [u8; 32]) {
    for (at, byte) in number.iter_mut().enumerate() {
        *byte ^= 0x99_u8.wrapping_add(u8::try_from(at).expect("small"));
    }
}

/// How often one of the needles is in writable memory.
fn found(needles: &[u128]) -> usize {
    let maps = fs::read_to_string("/proc/self/maps").expect("the mappings");
    let mut memory = fs::File::open("/proc/self/mem").expect("the memory");
    let mut count = 0;
    for map in maps.lines().filter(|map| map.contains(" rw")) {
        let (from, to) = map.split(' ').next().and_then(|range| range.split_once('-')).expect("a range");
        let address = |text| u64::from_str_radix(text, 16).expect("an address");
        let (from, to) = (address(from), address(to));
        if memory.seek(SeekFrom::Start(from)).is_err() {
            continue;
        }
        let mut content = vec![0; usize::try_from(to - from).expect("a length")];
        // some of the kernel's mappings cannot be read
        if memory.read_exact(&mut content).is_err() {
            continue;
        }
        for window in content.windows(16) {
            let value = u128::from_ne_bytes(window.try_into().expect("sixteen bytes")) ^ MASK;
            count += usize::from(needles.contains(&value));
        }
        content.zeroize();
    }
    count
}

#[test]
fn secrets_leave_memory() {
    // RFC 6979 appendix A.2.5, "sample": the key and the nonce; masked at once
    let mut secret = hex("C9AFA9D845BA75166B5C215767B1D6934E50C3DB36E89B127B8A622B120F6721");
    let mut nonce = hex("A6E3C57DD01ABE90086538398355DD4C3B17AA873382B0F24D6129493D8AAD60");
    let digest = hex("AF2BDBE1AA9B6EC1E2ADE1D694F41FC71A831D0268E9891562113D8A62ADD1BF");
    masked(&mut secret);
    masked(&mut nonce);
    let (key_needles, nonce_needles) = (needles(&secret), needles(&nonce));
    for form in forms() {
        let mut open = Box::new(secret);
        masked(&mut open);
        let key = Key::with_form(&open, form).expect("a key");
        open.zeroize();
        for count in [1, 40] {
            // the digest of the vector, and others
            let mut digests = vec![digest];
            digests.extend((1..count).map(|at| [at; 32]));
            let key = if count == 1 { &key } else { &Key::with_form(&reopened(&secret), form).expect("a key") };
            assert_eq!(key.sign_deterministic(&digests, true).expect("signatures").len(), digests.len());
            assert_eq!(found(&nonce_needles), 0, "{form:?}: a nonce is left");
        }
        assert!(found(&key_needles) > 0, "{form:?}: the key is where the search looks");
        drop(key);
        assert_eq!(found(&key_needles), 0, "{form:?}: the key is left");
        // what is not wiped is found
        let key = Key::with_form(&reopened(&secret), form).expect("a key");
        let mut left = Box::new(key.nonce(&digest, None));
        assert!(found(&nonce_needles) > 0);
        left.zeroize();
        assert_eq!(left[0], 0);
    }
}

/// The key for a moment.
fn reopened(secret: &[u8; 32]) -> zeroize::Zeroizing<[u8; 32]> {
    let mut open = zeroize::Zeroizing::new(*secret);
    masked(&mut open);
    open
}
