//! Batches of P-256 ECDSA signatures by one key, in constant time: eight at a time on processors with AVX-512 IFMA, one at
//! a time with the same algorithm on others, chosen at run time.
//!
//! # What it guarantees
//!
//! - **Constant time.** No branch and no address depends on the key, a nonce or anything computed from them, but for what
//!   [`Point`] lists: each of its variants is a place where a value becomes public. Table rows are read whole.
//! - **Nonces** are those of RFC 6979 with fresh randomness mixed in (§3.6): neither a bad random generator nor a fault
//!   that repeats a computation alone gives away the key.
//! - **Every r of a key's life differs** from the others ([`Fault::RepeatedNonce`]), since a verifier cannot see a repeated nonce.
//!   What is remembered, and for how long, is in `repeats.rs`. A program makes one [`Key`] for a secret and shares it.
//! - **After a fault a key signs nothing more**, and nothing of the batch is returned.
//! - Keys, nonces and what is computed from them are wiped: memory of the heap when it is freed, 32 KiB of the stack below
//!   the caller when a batch ends. Registers are not wiped.
//!
//! # What it leaves to others
//!
//! **The caller verifies every signature with other code before it is released.** A fault in memory or in the processor can
//! make a wrong signature, from which the key can be computed. This crate does not look at its own work.
//! The caller also proves that the public key is the expected one, hashes, and brings randomness.
//!
//! # How
//!
//! k G is a sum of one point from each row of a table, since every row has all odd multiples of its position's power of two:
//! no doublings, no digit that is zero, no sum of equal or opposite points but in the last row, which takes that into
//! account (`recode.rs`). The coordinates z of a batch are inverted together, and so are the nonces, each with a random
//! factor in the product (`invert_all`).
#![deny(unsafe_op_in_unsafe_fn)]

mod lanes;
mod modular;
mod nonce;
mod point;
mod portable;
mod recode;
mod repeats;
mod reveal;
mod table;
#[cfg(feature = "testing")]
pub mod testing;

use std::fmt;
use std::sync::{Mutex, PoisonError};

use zeroize::{Zeroize, Zeroizing};

use lanes::{Lanes, TOGETHER, XandZ};
use modular::{
    Field, FieldPrime, Limbs, Modulus, Order, Scalar, add_modulo, below_mask, from_bytes, invert_all, mask, reduce,
    select, subtract, to_bytes, zero_mask,
};
use nonce::{Extra, Nonces};
use repeats::{Freshness, Repeats};
pub use reveal::Point;
use reveal::reveal;

/// A secret key that signs in batches. Threads share one.
pub struct Key {
    secrets: Box<Secrets>,
    public: [u8; 65],
    engine: Engine,
    state: Mutex<State>,
}

/// At one place of the heap, so that a key that is moved leaves no copy behind.
struct Secrets {
    scalar: Scalar,
    nonces: Nonces,
}

/// How multiples of the generator are computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// Eight at a time.
    Lanes,
    /// One at a time.
    Portable,
}

impl Form {
    /// Returns the form that [`Key::new`] chooses on this processor.
    pub fn detect() -> Self {
        if Lanes::detect().is_some() { Self::Lanes } else { Self::Portable }
    }
}

/// Both halves of a signature, big-endian.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Signature {
    /// The x coordinate of the nonce's point, modulo n.
    pub r: [u8; 32],
    /// The other half.
    pub s: [u8; 32],
}

/// Why a key does not sign, or not any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The secret scalar is zero or not below the order.
    KeyOutOfRange,
    /// The processor lacks the instructions for [`Form::Lanes`].
    NoLanes,
    /// There is no fresh randomness.
    NoRandomness,
    /// The fresh randomness repeats itself.
    RandomnessRepeats,
    /// Two signatures of this key have the same r.
    RepeatedNonce,
    /// A known signature was not the one that was made at the start.
    SelfTest,
    /// r or s is zero, which does not happen by chance.
    ZeroHalf,
}

/// There is no fresh randomness.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoRandomness;

/// Fills memory with fresh randomness.
pub type Randomness<'a> = dyn FnMut(&mut [u8]) -> Result<(), NoRandomness> + 'a;

#[derive(Default)]
struct State {
    fault: Option<Fault>,
    freshness: Freshness,
    repeats: Repeats,
}

#[derive(Clone, Copy)]
enum Engine {
    Lanes(Lanes),
    Portable,
}

/// What a batch has come to: for tests that plant faults. A program hands over what does nothing.
#[cfg_attr(not(feature = "testing"), expect(dead_code, reason = "read by tests that plant faults"))]
pub(crate) enum Stage<'a> {
    Nonces(&'a mut [Limbs]),
    Points(&'a mut [XandZ]),
    /// The inverses of z.
    Inverses(&'a mut [Field]),
    /// The inverses of the nonces.
    InverseNonces(&'a mut [Scalar]),
    /// r of each signature.
    Halves(&'a mut [Limbs]),
}

impl Key {
    /// A key from its secret scalar, big-endian, in the form that suits the processor.
    ///
    /// # Errors
    /// The scalar is not between 1 and n - 1, or a known signature is not made as it should be.
    pub fn new(secret: &[u8; 32]) -> Result<Self, Fault> {
        Self::with_form(secret, Form::detect())
    }

    /// A key from its secret scalar, big-endian, in a form of the caller's choice.
    ///
    /// # Errors
    /// As for [`new`](Self::new), and the processor may lack the form.
    pub fn with_form(secret: &[u8; 32], form: Form) -> Result<Self, Fault> {
        let engine = match form {
            Form::Lanes => Engine::Lanes(Lanes::detect().ok_or(Fault::NoLanes)?),
            Form::Portable => Engine::Portable,
        };
        wiping_the_stack(|| {
            let known = Self::unchecked(&known::SECRET, engine)?;
            let digests = [known::DIGEST; TOGETHER + 1];
            let signatures = known.finished(&digests, None, [[1, 0, 0, 0]; 2], false, |_| ())?;
            let expected = Signature { r: known::R, s: known::S };
            if known.public != known::PUBLIC || signatures.iter().any(|signature| *signature != expected) {
                return Err(Fault::SelfTest);
            }
            Self::unchecked(secret, engine)
        })
    }

    fn unchecked(secret: &[u8; 32], engine: Engine) -> Result<Self, Fault> {
        let mut number = from_bytes(secret);
        let good = below_mask(number, Order::PRIME) & !zero_mask(number);
        if reveal(Point::KeyInRange, good) == 0 {
            return Err(Fault::KeyOutOfRange);
        }
        let (_, negated) = recode::odd(number);
        let point = portable::multiply(number).to_affine();
        let y = point.y.negate_where(negated);
        let mut public = [4; 65];
        public[1..33].copy_from_slice(&to_bytes(point.x.number()));
        public[33..].copy_from_slice(&to_bytes(y.number()));
        let key = Self {
            secrets: Box::new(Secrets { scalar: Scalar::new(number), nonces: Nonces::new(*secret, Order::PRIME) }),
            public: reveal(Point::PublicKey, public),
            engine,
            state: Mutex::default(),
        };
        number.zeroize();
        Ok(key)
    }

    /// The public key as an uncompressed point (SEC 1 §2.3.3).
    pub fn public_key(&self) -> &[u8; 65] {
        &self.public
    }

    /// How this key computes.
    pub fn form(&self) -> Form {
        match self.engine {
            Engine::Lanes(_) => Form::Lanes,
            Engine::Portable => Form::Portable,
        }
    }

    /// Signs SHA-256 digests, in order. With `low_s`, s is at most (n - 1) / 2.
    ///
    /// Batches of some hundreds share what is done once: two inversions, and what lanes are left over in groups of 32.
    ///
    /// # Errors
    /// Something is wrong that a signature must not leave the process with. No signature of the batch is returned, and
    /// each later call returns the same fault.
    pub fn sign_batch(
        &self,
        digests: &[[u8; 32]],
        randomness: &mut Randomness<'_>,
        low_s: bool,
    ) -> Result<Vec<Signature>, Fault> {
        self.guarded(|| {
            let mut extras = Zeroizing::new(vec![Extra::default(); digests.len()]);
            let mut blinds = Zeroizing::new([[0; 32]; 2]);
            randomness(extras.as_flattened_mut()).map_err(|NoRandomness| Fault::NoRandomness)?;
            randomness(blinds.as_flattened_mut()).map_err(|NoRandomness| Fault::NoRandomness)?;
            if !self.state().freshness.check(&extras) {
                return Err(Fault::RandomnessRepeats);
            }
            // odd, so that they are not zero
            let blinds = [0, 1].map(|at| {
                let mut blind = from_bytes(&blinds[at]);
                blind[0] |= 1;
                blind
            });
            self.finished(digests, Some(&extras), blinds, low_s, |_| ())
        })
    }

    /// Runs what makes a batch, unless there was a fault, and remembers each r and the first fault.
    fn guarded(&self, batch: impl FnOnce() -> Result<Vec<Signature>, Fault>) -> Result<Vec<Signature>, Fault> {
        if let Some(fault) = self.state().fault {
            return Err(fault);
        }
        let signatures = wiping_the_stack(batch);
        let mut state = self.state();
        let result = signatures.and_then(|signatures| {
            let all_new = signatures.iter().all(|signature| state.repeats.insert(&signature.r));
            if all_new { Ok(signatures) } else { Err(Fault::RepeatedNonce) }
        });
        // another thread's fault meanwhile counts too
        match (state.fault, result) {
            (Some(fault), _) => Err(fault),
            (None, Ok(signatures)) => Ok(signatures),
            (None, Err(fault)) => {
                state.fault = Some(fault);
                Err(fault)
            }
        }
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Signatures of digests: nonces, points, and both halves.
    fn finished(
        &self,
        digests: &[[u8; 32]],
        extras: Option<&[Extra]>,
        blinds: [Limbs; 2],
        low_s: bool,
        mut stage: impl FnMut(Stage<'_>),
    ) -> Result<Vec<Signature>, Fault> {
        let digests: Vec<Limbs> = digests.iter().map(|digest| reduce::<Order>(from_bytes(digest))).collect();
        let mut nonces = Zeroizing::new(Vec::with_capacity(digests.len()));
        for (at, digest) in digests.iter().enumerate() {
            nonces.push(self.secrets.nonces.nonce(&to_bytes(*digest), extras.map(|extras| &extras[at])));
        }
        stage(Stage::Nonces(&mut nonces));
        let mut points = self.engine.multiply(&nonces);
        stage(Stage::Points(&mut points));
        self.halves(&digests, &nonces, &points, blinds, low_s, stage)
    }

    /// Both halves of each signature.
    fn halves(
        &self,
        digests: &[Limbs],
        nonces: &[Limbs],
        points: &[XandZ],
        [blind_field, blind_scalar]: [Limbs; 2],
        low_s: bool,
        mut stage: impl FnMut(Stage<'_>),
    ) -> Result<Vec<Signature>, Fault> {
        let count = digests.len();
        let mut halves: Vec<Limbs> = Vec::with_capacity(count);
        {
            let mut inverses = Zeroizing::new(Vec::with_capacity(count));
            inverses.extend(points.iter().map(|(_, z)| Field::from_montgomery(*z)));
            let mut before = Zeroizing::new(vec![Field::ZERO; count]);
            invert_all(&mut inverses, &mut before, Field::new(reduce::<FieldPrime>(blind_field)));
            stage(Stage::Inverses(&mut inverses));
            for ((x, _), inverse) in points.iter().zip(inverses.iter()) {
                let x = Field::from_montgomery(*x).multiply(inverse.square());
                halves.push(reveal(Point::R, reduce::<Order>(x.number())));
            }
        }
        stage(Stage::Halves(&mut halves));
        let mut inverses = Zeroizing::new(Vec::with_capacity(count));
        inverses.extend(nonces.iter().map(|nonce| Scalar::new(*nonce)));
        let mut before = Zeroizing::new(vec![Scalar::ZERO; count]);
        invert_all(&mut inverses, &mut before, Scalar::new(reduce::<Order>(blind_scalar)));
        stage(Stage::InverseNonces(&mut inverses));
        let demanded = mask(low_s.into());
        let signature = |((digest, r), inverse): ((&Limbs, &Limbs), &Scalar)| {
            let mut sum = add_modulo::<Order>(*digest, self.secrets.scalar.times_number(*r));
            let s = inverse.times_number(sum);
            sum.zeroize();
            let high = below_mask(HALF_ORDER, s);
            let s = reveal(Point::S, select(high & demanded, subtract(Order::PRIME, s).0, s));
            if *r == [0; 4] || s == [0; 4] {
                return Err(Fault::ZeroHalf);
            }
            Ok(Signature { r: to_bytes(*r), s: to_bytes(s) })
        };
        digests.iter().zip(&halves).zip(inverses.iter()).map(signature).collect()
    }
}

impl Engine {
    fn multiply(self, scalars: &[Limbs]) -> Zeroizing<Vec<XandZ>> {
        let mut points = Zeroizing::new(vec![XandZ::default(); scalars.len()]);
        match self {
            Self::Portable => {
                for (scalar, point) in scalars.iter().zip(points.iter_mut()) {
                    let product = portable::multiply(*scalar);
                    *point = (product.x.montgomery(), product.z.montgomery());
                }
            }
            Self::Lanes(lanes) => {
                // lanes that are left over multiply by one, or by what the lane had before
                let mut together = Zeroizing::new([[1, 0, 0, 0]; TOGETHER]);
                let mut products = Zeroizing::new([XandZ::default(); TOGETHER]);
                for (scalars, points) in scalars.chunks(TOGETHER).zip(points.chunks_mut(TOGETHER)) {
                    together[..scalars.len()].copy_from_slice(scalars);
                    lanes.multiply(&together, &mut products);
                    points.copy_from_slice(&products[..points.len()]);
                }
            }
        }
        points
    }
}

/// Runs something, in a stack frame of its own and those below it, and overwrites these.
fn wiping_the_stack<T>(work: impl FnOnce() -> T) -> T {
    #[inline(never)]
    fn apart<T>(work: impl FnOnce() -> T) -> T {
        work()
    }
    let result = apart(work);
    wipe_stack();
    result
}

/// Overwrites the stack below the caller.
#[expect(clippy::large_stack_arrays, reason = "the stack is what it is about")]
#[inline(never)]
fn wipe_stack() {
    let mut stack = [0_u8; 32 * 1024];
    stack.zeroize();
    std::hint::black_box(&mut stack);
}

impl Drop for Secrets {
    fn drop(&mut self) {
        // the nonces' key wipes itself
        self.scalar.zeroize();
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Key").field("form", &self.form()).finish_non_exhaustive()
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::KeyOutOfRange => "the secret scalar is not between 1 and n - 1",
            Self::NoLanes => "the processor has no AVX-512 IFMA",
            Self::NoRandomness => "there is no fresh randomness for nonces",
            Self::RandomnessRepeats => "the fresh randomness for nonces repeats itself",
            Self::RepeatedNonce => "two signatures of the key have the same r",
            Self::SelfTest => "the signature of a known key and digest is wrong",
            Self::ZeroHalf => "r or s of a signature is zero",
        })
    }
}

impl std::error::Error for Fault {}

/// (n - 1) / 2
const HALF_ORDER: Limbs = [0x79DC_E561_7E31_92A8, 0xDE73_7D56_D38B_CF42, 0x7FFF_FFFF_FFFF_FFFF, 0x7FFF_FFFF_8000_0000];

/// RFC 6979 appendix A.2.5: the key, and the signature of "sample" with SHA-256.
mod known {
    use super::hex;

    pub(super) const SECRET: [u8; 32] = hex("C9AFA9D845BA75166B5C215767B1D6934E50C3DB36E89B127B8A622B120F6721");
    pub(super) const PUBLIC: [u8; 65] = {
        let mut public = [4; 65];
        let x = hex::<32>("60FED4BA255A9D31C961EB74C6356D68C049B8923B61FA6CE669622E60F29FB6");
        let y = hex::<32>("7903FE1008B8BC99A41AE9E95628BC64F2F1B20C2D7E9F5177A3C294D4462299");
        let mut at = 0;
        while at < 32 {
            public[1 + at] = x[at];
            public[33 + at] = y[at];
            at += 1;
        }
        public
    };
    pub(super) const DIGEST: [u8; 32] = hex("AF2BDBE1AA9B6EC1E2ADE1D694F41FC71A831D0268E9891562113D8A62ADD1BF");
    pub(super) const R: [u8; 32] = hex("EFD48B2AACB6A8FD1140DD9CD45E81D69D2C877B56AAF991C34D0EA84EAF3716");
    pub(super) const S: [u8; 32] = hex("F7CB1C942D657C41D436C7A1B6E29F65F3E900DBB9AFF4064DC4AB2F843ACDA8");
}

/// Bytes from hexadecimal text, for constants.
const fn hex<const LENGTH: usize>(text: &str) -> [u8; LENGTH] {
    const fn digit(letter: u8) -> u8 {
        match letter {
            b'0'..=b'9' => letter - b'0',
            b'A'..=b'F' => letter - b'A' + 10,
            _ => panic!("not a hexadecimal digit"),
        }
    }
    let text = text.as_bytes();
    assert!(text.len() == 2 * LENGTH);
    let mut bytes = [0; LENGTH];
    let mut at = 0;
    while at < LENGTH {
        bytes[at] = digit(text[2 * at]) << 4 | digit(text[2 * at + 1]);
        at += 1;
    }
    bytes
}
