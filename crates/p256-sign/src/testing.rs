//! For this crate's own tests, benchmarks and examples: nonces that are given or deterministic, faults that are planted, and
//! the parts of a batch by themselves. A program that used these could give away its key.

use crate::lanes::XandZ;
use crate::modular::{Limbs, Modulus as _, Order, from_bytes, reduce, to_bytes};
use crate::{Fault, Form, Key, Signature, Stage};

pub use crate::reveal::observed;

/// x and z of a point, each times 2^256 modulo the prime, least significant limb first.
pub type Coordinates = ([u64; 4], [u64; 4]);

/// A fault in the first two signatures of a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Plant {
    /// The second nonce is the first.
    RepeatedNonce,
    /// The second nonce is n less the first.
    OppositeNonce,
    /// The points of the first two lanes are exchanged.
    ExchangedLanes,
    /// So many bits from the right, a bit of the first one's x is flipped.
    FlippedX(usize),
    /// The same of z.
    FlippedZ(usize),
    /// The same of 1 / z.
    FlippedInverse(usize),
    /// The same of 1 / k.
    FlippedInverseNonce(usize),
    /// The same of r.
    FlippedR(usize),
}

impl Plant {
    fn at(self, stage: Stage<'_>) {
        let flip = |limbs: &mut Limbs, bit: usize| limbs[bit / 64] ^= 1 << (bit % 64);
        match (self, stage) {
            (Self::RepeatedNonce, Stage::Nonces(nonces)) => nonces[1] = nonces[0],
            (Self::OppositeNonce, Stage::Nonces(nonces)) => {
                nonces[1] = crate::modular::subtract(Order::PRIME, nonces[0]).0;
            }
            (Self::ExchangedLanes, Stage::Points(points)) => points.swap(0, 1),
            (Self::FlippedX(bit), Stage::Points(points)) => flip(&mut points[0].0, bit),
            (Self::FlippedZ(bit), Stage::Points(points)) => flip(&mut points[0].1, bit),
            (Self::FlippedInverse(bit), Stage::Inverses(inverses)) => {
                let mut limbs = inverses[0].montgomery();
                flip(&mut limbs, bit);
                inverses[0] = crate::modular::Field::from_montgomery(limbs);
            }
            (Self::FlippedInverseNonce(bit), Stage::InverseNonces(inverses)) => {
                let mut limbs = inverses[0].montgomery();
                flip(&mut limbs, bit);
                inverses[0] = crate::modular::Scalar::from_montgomery(limbs);
            }
            (Self::FlippedR(bit), Stage::Halves(halves)) => flip(&mut halves[0], bit),
            _ => {}
        }
    }
}

impl Key {
    /// As [`sign_batch`](Key::sign_batch) with the nonces of RFC 6979 §3.2.
    ///
    /// # Errors
    /// As there.
    pub fn sign_deterministic(&self, digests: &[[u8; 32]], low_s: bool) -> Result<Vec<Signature>, Fault> {
        self.guarded(|| self.finished(digests, None, [[1, 0, 0, 0]; 2], low_s, |_| ()))
    }

    /// As [`sign_deterministic`](Self::sign_deterministic) with a fault.
    ///
    /// # Errors
    /// As for [`sign_batch`](Key::sign_batch).
    pub fn sign_planted(&self, digests: &[[u8; 32]], plant: Plant) -> Result<Vec<Signature>, Fault> {
        self.guarded(|| self.finished(digests, None, [[1, 0, 0, 0]; 2], false, |stage| plant.at(stage)))
    }

    /// A key without the self-test.
    ///
    /// # Errors
    /// The scalar is out of range, or the processor lacks the form.
    pub fn untested(secret: &[u8; 32], form: Form) -> Result<Self, Fault> {
        let engine = match form {
            Form::Lanes => crate::Engine::Lanes(crate::Lanes::detect().ok_or(Fault::NoLanes)?),
            Form::Portable => crate::Engine::Portable,
        };
        crate::wiping_the_stack(|| Self::unchecked(secret, engine))
    }

    /// All of [`sign_batch`](Key::sign_batch) but what looks for repeats, with given randomness.
    ///
    /// # Errors
    /// A half is zero.
    pub fn sign_unguarded(
        &self,
        digests: &[[u8; 32]],
        extras: &[[u8; 16]],
        blinds: [[u64; 4]; 2],
        low_s: bool,
    ) -> Result<Vec<Signature>, Fault> {
        crate::wiping_the_stack(|| self.finished(digests, Some(extras), blinds, low_s, |_| ()))
    }

    /// Signs with given nonces, big-endian, each between 1 and n - 1. Repeats are not looked for.
    ///
    /// # Errors
    /// A half is zero.
    pub fn sign_with_nonces(
        &self,
        digests: &[[u8; 32]],
        nonces: &[[u8; 32]],
        low_s: bool,
    ) -> Result<Vec<Signature>, Fault> {
        let nonces: Vec<Limbs> = nonces.iter().map(from_bytes).collect();
        let points = self.engine.multiply(&nonces);
        self.finish(digests, &nonces, &points, low_s)
    }

    /// The nonce of a digest, big-endian.
    pub fn nonce(&self, digest: &[u8; 32], extra: Option<&[u8; 16]>) -> [u8; 32] {
        to_bytes(self.secrets.nonces.nonce(&to_bytes(reduce::<Order>(from_bytes(digest))), extra))
    }

    /// The points of nonces.
    pub fn points(&self, nonces: &[[u64; 4]]) -> Vec<Coordinates> {
        let points: Vec<XandZ> = self.engine.multiply(nonces).to_vec();
        points
    }

    /// The signatures from nonces and their points.
    ///
    /// # Errors
    /// A half is zero.
    pub fn finish(
        &self,
        digests: &[[u8; 32]],
        nonces: &[[u64; 4]],
        points: &[Coordinates],
        low_s: bool,
    ) -> Result<Vec<Signature>, Fault> {
        let digests: Vec<Limbs> = digests.iter().map(|digest| reduce::<Order>(from_bytes(digest))).collect();
        self.halves(&digests, nonces, points, [[1, 0, 0, 0]; 2], low_s, |_| ())
    }
}

/// The least significant limb first.
pub fn limbs(number: &[u8; 32]) -> [u64; 4] {
    from_bytes(number)
}

/// The forms that this processor has.
pub fn forms() -> Vec<Form> {
    let lanes = crate::Lanes::detect().map(|_| Form::Lanes);
    lanes.into_iter().chain([Form::Portable]).collect()
}
