//! Scalars as digits of which none is zero.
//!
//! x(k G) = x((n - k) G), and of k and n - k one is odd, since n is odd. An odd k below 2^256 is a sum of plus or minus
//! every power of two below 2^L, for each L of at least 256: with bits b_j of t = (k - 1) / 2 + 2^(L - 1),
//! k = sum (2 b_j - 1) 2^j. Taken w bits at a time, digit i is 2 T_i - (2^w - 1), where T_i are w bits of t: odd, between
//! -(2^w - 1) and 2^w - 1. So a row needs 2^(w - 1) odd multiples, there is a point to add for every digit, and
//! recoding is a shift.
//!
//! The sum S of the terms of all lower positions is below 2^(w i) in absolute value, hence smaller than the term of
//! position i. Therefore S and the term are never equal or opposite, but for the last position, where sums reach the
//! order: there S + term = k is not zero modulo n either, and S = term holds for one k (tests/edges.rs computes it), for which
//! the last addition doubles.

use crate::modular::{Limbs, Modulus, Order, mask, select, subtract};

/// The odd one of k and n - k, and all ones where it is n - k.
#[inline]
pub(crate) fn odd(k: Limbs) -> (Limbs, u64) {
    let negated = mask(k[0] & 1 ^ 1);
    (select(negated, subtract(Order::PRIME, k).0, k), negated)
}

/// (k - 1) / 2 of the odd one of k and n - k; 255 bits.
#[inline]
pub(crate) fn half(k: Limbs) -> Limbs {
    let (k, _) = odd(k);
    [k[0] >> 1 | k[1] << 63, k[1] >> 1 | k[2] << 63, k[2] >> 1 | k[3] << 63, k[3] >> 1]
}
