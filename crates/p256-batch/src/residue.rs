//! Arithmetic modulo the two primes of P-256, on four 64-bit limbs in Montgomery form.
//!
//! In variable time where that is simpler: everything here is public. The type keeps values below the modulus, so that
//! equal values have equal limbs. Tested against `p256`'s own arithmetic.

use std::marker::PhantomData;

/// A 256-bit number, least significant limb first.
pub(crate) type Limbs = [u64; 4];

/// A prime between 2^255 and 2^256.
pub(crate) trait Modulus: Copy + Eq + std::fmt::Debug {
    /// The prime.
    const PRIME: Limbs;
    /// -1 / prime modulo 2^64.
    const FACTOR: u64 = negative_inverse(Self::PRIME[0]);
    /// 2^256 modulo the prime: one in Montgomery form.
    const ONE: Limbs = subtract([0; 4], Self::PRIME).0;
    /// 2^512 modulo the prime.
    const SQUARE: Limbs = double_256_times(Self::ONE, Self::PRIME);

    /// Adds as much of the prime as makes the lowest of five limbs zero: the four others, and what is carried out.
    #[expect(clippy::inline_always, reason = "left to itself the compiler calls it: a tenth of all the time")]
    #[inline(always)]
    fn eliminate(t: [u64; 5]) -> (Limbs, u64) {
        let factor = t[0].wrapping_mul(Self::FACTOR);
        let (_, carry) = multiply_add(t[0], factor, Self::PRIME[0], 0);
        let (t1, carry) = multiply_add(t[1], factor, Self::PRIME[1], carry);
        let (t2, carry) = multiply_add(t[2], factor, Self::PRIME[2], carry);
        let (t3, carry) = multiply_add(t[3], factor, Self::PRIME[3], carry);
        let (t4, carry) = adding(t[4], carry, 0);
        ([t1, t2, t3, t4], carry)
    }
}

/// Coordinates of points (SP 800-186 §3.2.1.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FieldPrime;

impl Modulus for FieldPrime {
    const PRIME: Limbs = [0xFFFF_FFFF_FFFF_FFFF, 0x0000_0000_FFFF_FFFF, 0, 0xFFFF_FFFF_0000_0001];

    /// The prime is -1 modulo 2^64, so the factor is t0; and its two lowest limbs are 2^96 - 1, so that t0 times these
    /// cancels t0 and leaves t0 2^96.
    #[expect(clippy::inline_always, reason = "left to itself the compiler calls it: a tenth of all the time")]
    #[inline(always)]
    fn eliminate(t: [u64; 5]) -> (Limbs, u64) {
        let (t1, carry) = adding(t[1], t[0] << 32, 0);
        let (t2, carry) = adding(t[2], t[0] >> 32, carry);
        let (t3, carry) = multiply_add(t[3], t[0], Self::PRIME[3], carry);
        let (t4, carry) = adding(t[4], carry, 0);
        ([t1, t2, t3, t4], carry)
    }
}

/// Multiples of the base point (SP 800-186 §3.2.1.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Order;

impl Modulus for Order {
    const PRIME: Limbs = [0xF3B9_CAC2_FC63_2551, 0xBCE6_FAAD_A717_9E84, 0xFFFF_FFFF_FFFF_FFFF, 0xFFFF_FFFF_0000_0000];
}

/// A number modulo `M`'s prime.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Residue<M: Modulus>(Limbs, PhantomData<M>);

/// A coordinate.
pub(crate) type Field = Residue<FieldPrime>;
/// A scalar.
pub(crate) type Scalar = Residue<Order>;

impl<M: Modulus> Residue<M> {
    pub(crate) const ZERO: Self = Self([0; 4], PhantomData);
    pub(crate) const ONE: Self = Self(M::ONE, PhantomData);

    /// Of a number below the prime.
    pub(crate) fn new(number: Limbs) -> Self {
        debug_assert!(is_below(number, M::PRIME));
        Self(multiply::<M>(number, M::SQUARE), PhantomData)
    }

    /// The number times 2^256, below the prime, as it is kept.
    pub(crate) const fn montgomery(self) -> Limbs {
        self.0
    }

    /// Of a number times 2^256, below the prime.
    pub(crate) fn from_montgomery(limbs: Limbs) -> Self {
        debug_assert!(is_below(limbs, M::PRIME));
        Self(limbs, PhantomData)
    }

    /// The number below the prime.
    #[cfg(test)]
    pub(crate) fn number(self) -> Limbs {
        multiply::<M>(self.0, [1, 0, 0, 0])
    }

    /// This times a number below the prime, as a number: a multiplication less than by way of [`new`](Self::new).
    pub(crate) fn times_number(self, number: Limbs) -> Limbs {
        debug_assert!(is_below(number, M::PRIME));
        multiply::<M>(self.0, number)
    }

    pub(crate) fn is_zero(self) -> bool {
        self.0 == [0; 4]
    }

    #[inline]
    pub(crate) fn add(self, other: Self) -> Self {
        let (sum, carry) = add(self.0, other.0);
        Self(reduce_once::<M>(sum, carry), PhantomData)
    }

    #[inline]
    pub(crate) fn subtract(self, other: Self) -> Self {
        let (difference, borrow) = subtract(self.0, other.0);
        Self(add(difference, masked(M::PRIME, borrow)).0, PhantomData)
    }

    /// The negative if `condition` holds, without a branch that could be guessed wrong.
    #[inline]
    pub(crate) fn negate_if(self, condition: bool) -> Self {
        let negative = Self::ZERO.subtract(self);
        let mask = u64::from(condition).wrapping_neg();
        let select = |at: usize| self.0[at] ^ (mask & (self.0[at] ^ negative.0[at]));
        Self([select(0), select(1), select(2), select(3)], PhantomData)
    }

    #[inline]
    pub(crate) fn multiply(self, other: Self) -> Self {
        Self(multiply::<M>(self.0, other.0), PhantomData)
    }

    #[inline]
    pub(crate) fn square(self) -> Self {
        Self(square::<M>(self.0), PhantomData)
    }

    /// 1 / self, and zero for zero: self^(prime - 2) (Fermat).
    pub(crate) fn invert(self) -> Self {
        let exponent = subtract(M::PRIME, [2, 0, 0, 0]).0;
        let mut powers = [Self::ONE; 16];
        for at in 1..16 {
            powers[at] = powers[at - 1].multiply(self);
        }
        let mut result = Self::ONE;
        for limb in exponent.iter().rev() {
            for shift in (0..64).step_by(4).rev() {
                result = result.square().square().square().square();
                let nibble = usize::try_from(limb >> shift & 15).expect("a nibble fits");
                if nibble != 0 {
                    result = result.multiply(powers[nibble]);
                }
            }
        }
        result
    }
}

/// Replaces every number by its inverse at the price of one inversion (Montgomery's trick). None may be zero.
pub(crate) fn invert_all<M: Modulus>(numbers: &mut [Residue<M>]) {
    let mut product = Residue::ONE;
    let before: Vec<Residue<M>> = numbers
        .iter()
        .map(|number| {
            debug_assert!(!number.is_zero());
            let before = product;
            product = product.multiply(*number);
            before
        })
        .collect();
    let mut inverse = product.invert();
    for (number, before) in numbers.iter_mut().zip(before).rev() {
        let own = inverse.multiply(before);
        inverse = inverse.multiply(*number);
        *number = own;
    }
}

/// A big-endian number of 32 bytes.
pub(crate) fn from_bytes(bytes: &[u8; 32]) -> Limbs {
    let limb = |at: usize| u64::from_be_bytes(bytes[at..at + 8].try_into().expect("eight bytes"));
    [limb(24), limb(16), limb(8), limb(0)]
}

pub(crate) const fn is_below(number: Limbs, limit: Limbs) -> bool {
    subtract(number, limit).1 != 0
}

/// The sum, and 1 if it has a 257th bit.
#[inline]
pub(crate) const fn add(a: Limbs, b: Limbs) -> (Limbs, u64) {
    let (r0, carry) = adding(a[0], b[0], 0);
    let (r1, carry) = adding(a[1], b[1], carry);
    let (r2, carry) = adding(a[2], b[2], carry);
    let (r3, carry) = adding(a[3], b[3], carry);
    ([r0, r1, r2, r3], carry)
}

/// The difference modulo 2^256, and 1 if it would be negative.
#[inline]
pub(crate) const fn subtract(a: Limbs, b: Limbs) -> (Limbs, u64) {
    let (r0, borrow) = borrowing(a[0], b[0], 0);
    let (r1, borrow) = borrowing(a[1], b[1], borrow);
    let (r2, borrow) = borrowing(a[2], b[2], borrow);
    let (r3, borrow) = borrowing(a[3], b[3], borrow);
    ([r0, r1, r2, r3], borrow)
}

/// a b / 2^256 modulo the prime, for a and b of which the product is below prime times 2^256.
#[expect(clippy::inline_always, reason = "left to itself the compiler calls it: a tenth of all the time")]
#[inline(always)]
fn multiply<M: Modulus>(a: Limbs, b: Limbs) -> Limbs {
    let mut t = [0; 4];
    let mut top = 0;
    // each round adds a[i] b and as much of the prime as makes the lowest limb zero, then drops that limb; t stays below
    // twice the prime, of which `top` is the 257th bit
    for limb in a {
        let (t0, carry) = multiply_add(t[0], limb, b[0], 0);
        let (t1, carry) = multiply_add(t[1], limb, b[1], carry);
        let (t2, carry) = multiply_add(t[2], limb, b[2], carry);
        let (t3, carry) = multiply_add(t[3], limb, b[3], carry);
        let (t4, t5) = adding(top, carry, 0);
        let (rest, carry) = M::eliminate([t0, t1, t2, t3, t4]);
        t = rest;
        top = t5 + carry;
    }
    reduce_once::<M>(t, top)
}

/// a a / 2^256 modulo the prime: each product of two different limbs once.
#[expect(clippy::inline_always, reason = "left to itself the compiler calls it: a tenth of all the time")]
#[inline(always)]
fn square<M: Modulus>(a: Limbs) -> Limbs {
    let (r1, carry) = multiply_add(0, a[0], a[1], 0);
    let (r2, carry) = multiply_add(0, a[0], a[2], carry);
    let (r3, r4) = multiply_add(0, a[0], a[3], carry);
    let (r3, carry) = multiply_add(r3, a[1], a[2], 0);
    let (r4, r5) = multiply_add(r4, a[1], a[3], carry);
    let (r5, r6) = multiply_add(r5, a[2], a[3], 0);
    let doubled = |low: u64, high: u64| high << 1 | low >> 63;
    let (s0, carry) = multiply_add(0, a[0], a[0], 0);
    let (s1, carry) = adding(doubled(0, r1), carry, 0);
    let (s2, carry) = multiply_add(doubled(r1, r2), a[1], a[1], carry);
    let (s3, carry) = adding(doubled(r2, r3), carry, 0);
    let (s4, carry) = multiply_add(doubled(r3, r4), a[2], a[2], carry);
    let (s5, carry) = adding(doubled(r4, r5), carry, 0);
    let (s6, carry) = multiply_add(doubled(r5, r6), a[3], a[3], carry);
    let (s7, _) = adding(doubled(r6, 0), carry, 0);
    // each round drops the lowest limb; what is carried out of five belongs to the sixth
    let ([t1, t2, t3, t4], carry) = M::eliminate([s0, s1, s2, s3, s4]);
    let (s5, over) = adding(s5, carry, 0);
    let ([t2, t3, t4, t5], carry) = M::eliminate([t1, t2, t3, t4, s5]);
    let (s6, over) = adding(s6, carry, over);
    let ([t3, t4, t5, t6], carry) = M::eliminate([t2, t3, t4, t5, s6]);
    let (s7, over) = adding(s7, carry, over);
    let (rest, carry) = M::eliminate([t3, t4, t5, t6, s7]);
    reduce_once::<M>(rest, over + carry)
}

/// Brings a number below twice the prime, given with its 257th bit, below the prime.
#[inline]
fn reduce_once<M: Modulus>(number: Limbs, top: u64) -> Limbs {
    let (less, borrow) = subtract(number, M::PRIME);
    // negative altogether: it was below the prime already
    let (_, borrow) = borrowing(top, 0, borrow);
    add(less, masked(M::PRIME, borrow)).0
}

/// The number if `condition` is 1, else 0.
#[inline]
const fn masked(number: Limbs, condition: u64) -> Limbs {
    let mask = condition.wrapping_neg();
    [number[0] & mask, number[1] & mask, number[2] & mask, number[3] & mask]
}

/// a + b c + d, which always fits into two limbs: the low one and the high one.
#[expect(clippy::cast_possible_truncation, reason = "the low and the high half")]
#[inline]
const fn multiply_add(a: u64, b: u64, c: u64, d: u64) -> (u64, u64) {
    let value = a as u128 + b as u128 * c as u128 + d as u128;
    (value as u64, (value >> 64) as u64)
}

/// a + b + carry
#[inline]
const fn adding(a: u64, b: u64, carry: u64) -> (u64, u64) {
    multiply_add(a, b, 1, carry)
}

#[inline]
const fn borrowing(a: u64, b: u64, borrow: u64) -> (u64, u64) {
    let (difference, first) = a.overflowing_sub(b);
    let (difference, second) = difference.overflowing_sub(borrow);
    (difference, (first | second) as u64)
}

/// Each step of Newton's iteration doubles the number of right bits.
const fn negative_inverse(odd: u64) -> u64 {
    let mut inverse: u64 = 1;
    let mut right_bits = 1;
    while right_bits < 64 {
        inverse = inverse.wrapping_mul(2_u64.wrapping_sub(odd.wrapping_mul(inverse)));
        right_bits *= 2;
    }
    inverse.wrapping_neg()
}

const fn double_256_times(mut number: Limbs, prime: Limbs) -> Limbs {
    let mut times = 0;
    while times < 256 {
        let (double, carry) = add(number, number);
        let (less, borrow) = subtract(double, prime);
        number = if carry == 1 || borrow == 0 { less } else { double };
        times += 1;
    }
    number
}
