//! Scalars as sums of signed odd digits.

use crate::residue::Limbs;

/// A digit's place in a row of odd multiples, and whether that multiple is to be subtracted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Digit {
    /// (|digit| - 1) / 2
    pub(crate) index: usize,
    pub(crate) negative: bool,
}

/// How many digits of `window` bits a number of 256 bits has.
pub(crate) const fn digits(window: u32) -> u32 {
    256_u32.div_ceil(window)
}

/// Digit `position` of an odd number, such that the sum over all positions of digit times 2^(window position) is the
/// number.
///
/// Every digit is odd and of less than `window` + 1 bits, so none is zero, and each step of the sum adds a point. For
/// an odd k take d = (k mod 2^(window + 1)) - 2^window; then (k - d) / 2^window is k shifted right with its lowest bit
/// set: odd again. So a digit depends on `window` + 1 bits of k only, and the last one is what remains.
#[inline]
pub(crate) fn digit(number: &Limbs, window: u32, position: u32) -> Digit {
    debug_assert!(number[0] & 1 == 1, "even numbers have no such digits");
    let at = window * position;
    let (limb, shift) = ((at / 64) as usize, at % 64);
    let mut bits = number[limb] >> shift;
    if shift + window >= 64 && limb < 3 {
        // two shifts, since one by 64 is not defined
        bits |= number[limb + 1] << (63 - shift) << 1;
    }
    let last = position + 1 == digits(window);
    let negative = !last && bits >> window & 1 == 0;
    // a negative digit's absolute value is 2^window - bits: all bits but the lowest turned over
    let turned = bits ^ u64::from(negative).wrapping_neg();
    let mask = (1_u64 << window) - 1;
    Digit { index: usize::try_from((turned & mask) >> 1).expect("a window has few bits"), negative }
}
