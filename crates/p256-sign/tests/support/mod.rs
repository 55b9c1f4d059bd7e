//! What the tests share.
#![allow(dead_code, unreachable_pub, reason = "each test uses some of the helpers")]

use ecdsa::hazmat::{sign_prehashed, sign_prehashed_rfc6979};
use p256::ecdsa::signature::hazmat::PrehashVerifier as _;
use p256::ecdsa::{SigningKey, VerifyingKey};
use p256::elliptic_curve::ff::PrimeField as _;
use p256::{NistP256, NonZeroScalar, Scalar};
use p256_sign::{Form, Key, NoRandomness, Signature};

/// Numbers of chance, the same every time (xorshift64*).
pub struct Chance(pub u64);

impl Chance {
    pub fn number(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }

    pub fn bytes(&mut self) -> [u8; 32] {
        let mut bytes = [0; 32];
        self.fill(&mut bytes);
        bytes
    }

    pub fn fill(&mut self, bytes: &mut [u8]) {
        for part in bytes.chunks_mut(8) {
            let number = self.number().to_be_bytes();
            part.copy_from_slice(&number[..part.len()]);
        }
    }

    /// As the source of fresh randomness.
    pub fn randomness(&mut self) -> impl FnMut(&mut [u8]) -> Result<(), NoRandomness> + '_ {
        |bytes| {
            self.fill(bytes);
            Ok(())
        }
    }

    /// A key.
    pub fn secret(&mut self) -> [u8; 32] {
        loop {
            let secret = self.bytes();
            if Key::with_form(&secret, Form::Portable).is_ok() {
                return secret;
            }
        }
    }

    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for at in (1..items.len()).rev() {
            let other = usize::try_from(self.number() % (at as u64 + 1)).expect("an index");
            items.swap(at, other);
        }
    }
}

pub fn scalar(number: &[u8; 32]) -> NonZeroScalar {
    NonZeroScalar::new(Scalar::from_repr((*number).into()).expect("below n")).expect("not zero")
}

fn theirs(signature: &p256::ecdsa::Signature, low_s: bool) -> Signature {
    let signature = if low_s { signature.normalize_s() } else { *signature };
    let (r, s) = signature.split_bytes();
    Signature { r: r.into(), s: s.into() }
}

/// The signature that `p256` makes with the nonce of RFC 6979 and more data (none: the deterministic one).
pub fn p256_signature(secret: &[u8; 32], digest: &[u8; 32], data: &[u8], low_s: bool) -> Signature {
    let (signature, _) = sign_prehashed_rfc6979::<NistP256, sha2::Sha256>(&scalar(secret), digest, data);
    theirs(&signature, low_s)
}

/// The signature that `p256` makes with a given nonce.
pub fn p256_signature_with(secret: &[u8; 32], digest: &[u8; 32], nonce: &[u8; 32], low_s: bool) -> Signature {
    let (signature, _) = sign_prehashed::<NistP256>(&scalar(secret), &scalar(nonce), digest).expect("no half is zero");
    theirs(&signature, low_s)
}

/// Whether `p256` accepts the signature.
pub fn is_valid(secret: &[u8; 32], digest: &[u8; 32], signature: &Signature) -> bool {
    let key = VerifyingKey::from(&SigningKey::from(scalar(secret)));
    p256::ecdsa::Signature::from_scalars(signature.r, signature.s)
        .is_ok_and(|signature| key.verify_prehash(digest, &signature).is_ok())
}

/// The form's key, or `None` for lanes that this processor lacks. Where the processor has them, tests of lanes are not
/// ignored (build.rs), so that `None` is never a success unseen.
pub fn key(secret: &[u8; 32], form: Form) -> Key {
    Key::with_form(secret, form).expect("a key")
}

/// How much is tried: more with `REROOT_LONG=1`.
pub fn count(usual: usize, long: usize) -> usize {
    if std::env::var_os("REROOT_LONG").is_some_and(|value| value != "0") { long } else { usual }
}

/// Bytes of hexadecimal text.
pub fn hex(text: &str) -> [u8; 32] {
    let byte = |at: usize| u8::from_str_radix(&text[2 * at..2 * at + 2], 16).expect("hexadecimal");
    std::array::from_fn(byte)
}

/// Runs a test for each form. The lanes' one is ignored, by name, where the processor that builds it lacks them.
#[macro_export]
macro_rules! for_each_form {
    ($($name:ident),+ $(,)?) => {
        mod portable {
            $(#[test] fn $name() { super::$name(p256_sign::Form::Portable); })+
        }
        mod lanes {
            $(#[test]
            #[cfg_attr(not(has_ifma), ignore = "this processor has no AVX-512 IFMA")]
            fn $name() { super::$name(p256_sign::Form::Lanes); })+
        }
    };
}
