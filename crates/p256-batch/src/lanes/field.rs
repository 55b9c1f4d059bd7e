//! Arithmetic modulo P-256's prime p on eight numbers at once, in limbs of 52 bits and Montgomery form (2^260).
//!
//! Limbs of a number that is multiplied are in 0..2^52, the highest may have a few bits more than the 48 it needs.
//! Values are only kept below a small multiple of p, which is at each function: a product of numbers below a p and b p
//! is below (1 + a b / 16) p.

use std::arch::x86_64::{
    __m512i, _mm512_add_epi64, _mm512_and_si512, _mm512_madd52hi_epu64, _mm512_madd52lo_epu64, _mm512_mask_blend_epi64,
    _mm512_or_si512, _mm512_set1_epi64, _mm512_setzero_si512, _mm512_slli_epi64, _mm512_srai_epi64, _mm512_srli_epi64,
    _mm512_sub_epi64,
};

/// Eight numbers.
#[derive(Clone, Copy)]
pub(crate) struct Field(pub(crate) [__m512i; 5]);

/// p in limbs of 52 bits.
pub(crate) const PRIME: [i64; 5] =
    [0x000F_FFFF_FFFF_FFFF, 0x0000_0FFF_FFFF_FFFF, 0, 0x0000_0010_0000_0000, 0x0000_FFFF_FFFF_0000];
/// 2^260 modulo p.
const ONE: [i64; 5] = [0x10, 0x000F_0000_0000_0000, 0x000F_FFFF_FFFF_FFFF, 0x000F_FEFF_FFFF_FFFF, 0xF_FFFF];

const MASK: i64 = (1 << 52) - 1;

/// Limbs of k p.
const fn times_prime(k: i64) -> [i64; 5] {
    [PRIME[0] * k, PRIME[1] * k, PRIME[2] * k, PRIME[3] * k, PRIME[4] * k]
}

impl Field {
    #[target_feature(enable = "avx512f,avx512ifma")]
    pub(crate) fn zero() -> Self {
        Self([_mm512_setzero_si512(); 5])
    }

    /// One in Montgomery form.
    #[target_feature(enable = "avx512f,avx512ifma")]
    pub(crate) fn one() -> Self {
        Self(ONE.map(|limb| _mm512_set1_epi64(limb)))
    }

    /// The number one, which as a factor takes a number out of Montgomery form.
    #[target_feature(enable = "avx512f,avx512ifma")]
    pub(crate) fn unit() -> Self {
        let mut limbs = Self::zero();
        limbs.0[0] = _mm512_set1_epi64(1);
        limbs
    }

    /// a b / 2^260 modulo p, below (1 + a b / 16) p for numbers below a p and b p.
    #[inline]
    #[target_feature(enable = "avx512f,avx512ifma")]
    pub(crate) fn multiply(&self, other: &Self) -> Self {
        let (a, b) = (&self.0, &other.0);
        let mask = _mm512_set1_epi64(MASK);
        // 2^44, 2^36 and the highest limb of p: p is 2^256 - 2^224 + 2^192 + 2^96 - 1
        let (p1, p3, p4) = (_mm512_set1_epi64(1 << 44), _mm512_set1_epi64(PRIME[3]), _mm512_set1_epi64(PRIME[4]));
        let zero = _mm512_setzero_si512();
        let mut t = [zero; 6];
        for limb in a {
            let mut high = [zero; 5];
            for at in 0..5 {
                t[at] = _mm512_madd52lo_epu64(t[at], *limb, b[at]);
                high[at] = _mm512_madd52hi_epu64(zero, *limb, b[at]);
            }
            // m p with m = t0 modulo 2^52, since p is -1 modulo 2^52: the lowest limb becomes m 2^52 less m, which
            // leaves m, and what t0 had above 52 bits, for the next. There m (2^44 - 1) and m are m 2^44.
            let m = t[0];
            let carry = _mm512_srli_epi64::<52>(t[0]);
            t[1] = _mm512_madd52lo_epu64(_mm512_add_epi64(t[1], carry), m, p1);
            t[2] = _mm512_madd52hi_epu64(t[2], m, p1);
            t[3] = _mm512_madd52lo_epu64(t[3], m, p3);
            t[4] = _mm512_madd52hi_epu64(t[4], m, p3);
            high[3] = _mm512_madd52lo_epu64(high[3], m, p4);
            high[4] = _mm512_madd52hi_epu64(high[4], m, p4);
            // the next round's limbs are one place further down
            t = [
                _mm512_add_epi64(t[1], high[0]),
                _mm512_add_epi64(t[2], high[1]),
                _mm512_add_epi64(t[3], high[2]),
                _mm512_add_epi64(t[4], high[3]),
                high[4],
                zero,
            ];
        }
        for at in 0..4 {
            t[at + 1] = _mm512_add_epi64(t[at + 1], _mm512_srli_epi64::<52>(t[at]));
            t[at] = _mm512_and_si512(t[at], mask);
        }
        Self([t[0], t[1], t[2], t[3], t[4]])
    }

    /// self - other + k p, limbs carried. The caller knows that this is not negative.
    #[inline]
    #[target_feature(enable = "avx512f,avx512ifma")]
    pub(crate) fn subtract<const K: i64>(&self, other: &Self) -> Self {
        self.difference::<K>(other).carried()
    }

    /// self - other - another + k p, which is in 0..8 p, brought below 1.001 p.
    #[inline]
    #[target_feature(enable = "avx512f,avx512ifma")]
    pub(crate) fn subtract_both<const K: i64>(&self, other: &Self, another: &Self) -> Self {
        let mut limbs = self.difference::<K>(other);
        for at in 0..5 {
            limbs.0[at] = _mm512_sub_epi64(limbs.0[at], another.0[at]);
        }
        limbs.lowered()
    }

    /// self - other + k p, which is in 0..8 p, brought below 1.001 p.
    #[inline]
    #[target_feature(enable = "avx512f,avx512ifma")]
    pub(crate) fn subtract_lowered<const K: i64>(&self, other: &Self) -> Self {
        self.difference::<K>(other).lowered()
    }

    /// p less the number where the mask has a bit. Numbers in 1..p stay there.
    #[inline]
    #[target_feature(enable = "avx512f,avx512ifma")]
    pub(crate) fn negate_where(&self, mask: u8) -> Self {
        let negative = Self::zero().subtract::<1>(self);
        let mut limbs = *self;
        for at in 0..5 {
            limbs.0[at] = _mm512_mask_blend_epi64(mask, self.0[at], negative.0[at]);
        }
        limbs
    }

    /// The number, or where the mask has a bit, `other` and one more; only to be subtracted from.
    #[inline]
    #[target_feature(enable = "avx512f,avx512ifma")]
    pub(crate) fn or_next_where(&self, mask: u8, other: &Self) -> Self {
        let mut limbs = *self;
        for at in 0..5 {
            limbs.0[at] = _mm512_mask_blend_epi64(mask, self.0[at], other.0[at]);
        }
        let unit = _mm512_set1_epi64(1);
        limbs.0[0] = _mm512_mask_blend_epi64(mask, limbs.0[0], _mm512_add_epi64(limbs.0[0], unit));
        limbs
    }

    /// From four limbs of 64 bits.
    #[inline]
    #[target_feature(enable = "avx512f,avx512ifma")]
    pub(crate) fn unpack(limbs: [__m512i; 4]) -> Self {
        let mask = _mm512_set1_epi64(MASK);
        let [a, b, c, d] = limbs;
        Self([
            _mm512_and_si512(a, mask),
            _mm512_and_si512(_mm512_or_si512(_mm512_srli_epi64::<52>(a), _mm512_slli_epi64::<12>(b)), mask),
            _mm512_and_si512(_mm512_or_si512(_mm512_srli_epi64::<40>(b), _mm512_slli_epi64::<24>(c)), mask),
            _mm512_and_si512(_mm512_or_si512(_mm512_srli_epi64::<28>(c), _mm512_slli_epi64::<36>(d)), mask),
            _mm512_srli_epi64::<16>(d),
        ])
    }

    #[inline]
    #[target_feature(enable = "avx512f,avx512ifma")]
    fn difference<const K: i64>(&self, other: &Self) -> Self {
        let mut limbs = *self;
        for ((limb, other), multiple) in limbs.0.iter_mut().zip(&other.0).zip(times_prime(K)) {
            *limb = _mm512_add_epi64(_mm512_sub_epi64(*limb, *other), _mm512_set1_epi64(multiple));
        }
        limbs
    }

    /// Signed limbs of a number that is not negative, brought into 52 bits but for the highest.
    #[inline]
    #[target_feature(enable = "avx512f,avx512ifma")]
    fn carried(&self) -> Self {
        let mask = _mm512_set1_epi64(MASK);
        let mut limbs = self.0;
        for at in 0..4 {
            limbs[at + 1] = _mm512_add_epi64(limbs[at + 1], _mm512_srai_epi64::<52>(limbs[at]));
            limbs[at] = _mm512_and_si512(limbs[at], mask);
        }
        Self(limbs)
    }

    /// Signed limbs of a number in 0..8 p: less q p for q = number / 2^256 but for what the lower limbs carry, which
    /// leaves 0..2^256 + 2^228.
    ///
    /// q is too large by one at most, where the highest limb is next to a multiple of 2^48 and the others are negative
    /// altogether, by less than 4 2^208. For q of at least 1 then stay q (2^256 - p) of about 2^224; for q = 0 the
    /// number is not negative to begin with.
    #[inline]
    #[target_feature(enable = "avx512f,avx512ifma")]
    fn lowered(&self) -> Self {
        let mut limbs = self.0;
        let q = _mm512_srai_epi64::<48>(limbs[4]);
        // q p = q (2^256 - 2^224 + 2^192 + 2^96 - 1)
        limbs[0] = _mm512_add_epi64(limbs[0], q);
        limbs[1] = _mm512_sub_epi64(limbs[1], _mm512_slli_epi64::<44>(q));
        limbs[3] = _mm512_sub_epi64(limbs[3], _mm512_slli_epi64::<36>(q));
        limbs[4] = _mm512_and_si512(limbs[4], _mm512_set1_epi64((1 << 48) - 1));
        limbs[4] = _mm512_add_epi64(limbs[4], _mm512_slli_epi64::<16>(q));
        Self(limbs).carried()
    }
}

/// One of the eight numbers, below 2 p, as the number below p.
pub(crate) fn canonical(limbs: [u64; 5]) -> [u64; 4] {
    let signed = |limb: u64| i64::try_from(limb).expect("limbs have 52 bits");
    let number = limbs.map(signed);
    let mut less = number;
    for at in 0..5 {
        less[at] -= PRIME[at];
        if at > 0 {
            less[at] += less[at - 1] >> 52;
            less[at - 1] &= MASK;
        }
    }
    let number = if less[4] < 0 { number } else { less };
    debug_assert!(number[4] >> 48 == 0, "the number was not below 2 p");
    let limb = |at: usize| number[at].cast_unsigned();
    [
        limb(0) | limb(1) << 52,
        limb(1) >> 12 | limb(2) << 40,
        limb(2) >> 24 | limb(3) << 28,
        limb(3) >> 36 | limb(4) << 16,
    ]
}
