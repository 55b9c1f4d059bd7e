//! The arithmetic of the lanes is the portable one, within the bounds that are noted.

use std::arch::x86_64::{_mm512_set_epi64, _mm512_set1_epi64};

use super::field::{Field, PRIME};
use super::sum::lanes;
use crate::lanes::Lanes;
use crate::modular::{Field as Portable, FieldPrime, Limbs, Modulus as _, subtract};

/// Every test needs them, and is ignored, by name, where the processor that builds it has none (build.rs).
fn there_are_lanes() {
    Lanes::detect().expect("this processor has no AVX-512 IFMA, which the one that built the test had");
}

fn numbers() -> Vec<Limbs> {
    let mut state = 0xF00D_u64;
    let mut next = || {
        state ^= state >> 12;
        state ^= state << 25;
        state ^= state >> 27;
        state.wrapping_mul(0x2545_F491_4F6C_DD1D)
    };
    let prime = FieldPrime::PRIME;
    let mut numbers = vec![[0; 4], [1, 0, 0, 0], subtract(prime, [1, 0, 0, 0]).0, subtract(prime, [2, 0, 0, 0]).0];
    while numbers.len() < 60 {
        let number = std::array::from_fn(|_| match next() % 4 {
            0 => 0,
            1 => u64::MAX,
            _ => next(),
        });
        if subtract(number, prime).1 == 1 {
            numbers.push(number);
        }
    }
    numbers
}

/// The number and so many primes, in limbs of 52 bits.
fn and_primes([a, b, c, d]: Limbs, times: i64) -> [i64; 5] {
    let mask = (1 << 52) - 1;
    let parts = [a, a >> 52 | b << 12, b >> 40 | c << 24, c >> 28 | d << 36, d >> 16];
    let mut number = parts.map(|part| (part & mask).cast_signed());
    for at in 0..5 {
        number[at] += PRIME[at] * times;
        if at > 0 {
            number[at] += number[at - 1] >> 52;
            number[at - 1] &= mask.cast_signed();
        }
    }
    number
}

/// The number in the second lane, others beside it.
#[target_feature(enable = "avx512f,avx512ifma")]
fn field(number: [i64; 5]) -> Field {
    Field(std::array::from_fn(|at| {
        let (limb, other) = (number[at], PRIME[at] / 3);
        _mm512_set_epi64(other, other, other, other, other, other, limb, other)
    }))
}

/// What the second lane has, as a number without the factor 2^260.
#[target_feature(enable = "avx512f,avx512ifma")]
fn number(field: &Field) -> Limbs {
    let limbs = field.0.map(|limb| lanes(limb)[1]);
    assert!(limbs[..4].iter().all(|limb| limb >> 52 == 0), "{limbs:x?}");
    let limbs = field.packed().map(|limb| lanes(limb)[1]);
    assert_eq!(subtract(limbs, FieldPrime::PRIME).1, 1, "below the prime");
    Portable::from_montgomery(limbs).number()
}

/// 2^260
fn shift() -> Portable {
    let mut power = Portable::ONE;
    for _ in 0..260 {
        power = power.add(power);
    }
    power
}

#[test]
#[cfg_attr(not(has_ifma), ignore = "this processor has no AVX-512 IFMA")]
fn arithmetic_is_the_portable_one_within_the_bounds_that_are_noted() {
    there_are_lanes();
    let numbers = numbers();
    let unshift = shift().invert();
    // what limbs of `a` stand for
    let of = |a: &Limbs| Portable::new(*a).multiply(unshift);
    for a in &numbers {
        for b in &numbers {
            let (one, other) = (of(a), of(b));
            for (k, l) in [(0, 0), (1, 0), (2, 3), (3, 3), (0, 3)] {
                // SAFETY: there are lanes.
                let found = unsafe { number(&field(and_primes(*a, k)).multiply(&field(and_primes(*b, l)))) };
                assert_eq!(found, one.multiply(other).number(), "{a:x?} {b:x?} {k} {l}");
            }
            // SAFETY: there are lanes.
            unsafe {
                let (x, y) = (field(and_primes(*a, 0)), field(and_primes(*b, 0)));
                let (x1, y1) = (field(and_primes(*a, 1)), field(and_primes(*b, 1)));
                let difference = one.subtract(other).number();
                assert_eq!(number(&x.subtract::<2>(&y)), difference);
                assert_eq!(number(&x1.subtract::<2>(&y1)), difference);
                assert_eq!(number(&x1.sum(&y)), one.add(other).number());
                for (lowered, expected) in [
                    (x.subtract_and_twice::<4>(&y, &y), one.subtract(other).subtract(other).subtract(other)),
                    (x1.subtract_and_twice::<4>(&x1, &y1), Portable::ZERO.subtract(other).subtract(other)),
                    (
                        field(and_primes(*a, 3)).subtract_and_twice::<4>(&x, &y),
                        Portable::ZERO.subtract(other).subtract(other),
                    ),
                    (field(and_primes(*a, 4)).subtract_lowered::<2>(&y), one.subtract(other)),
                    (x.subtract_lowered::<2>(&y1), one.subtract(other)),
                    (x.subtract_lowered::<1>(&y), one.subtract(other)),
                    (field(and_primes(*a, 6)).subtract_lowered::<0>(&Field::zero()), one),
                ] {
                    let highest = lanes(lowered.0[4])[1];
                    assert!(highest <= 1 << 48, "{highest:x}");
                    assert_eq!(number(&lowered), expected.number(), "{a:x?} {b:x?}");
                }
                assert_eq!(number(&x.or_where(0b10, &y)), other.number());
                assert_eq!(number(&x.or_where(0b1111_1101, &y)), one.number());
            }
        }
        // SAFETY: there are lanes.
        unsafe {
            let x = field(and_primes(*a, 0));
            assert_eq!(number(&x.negate_where(0b10)), Portable::ZERO.subtract(of(a)).number());
            assert_eq!(number(&x.negate_where(0b1111_1101)), of(a).number());
            for times in 0..4 {
                let zeros = field(and_primes(*a, times)).zeros();
                assert_eq!(zeros, if *a == [0; 4] { 0b10 } else { 0 }, "{a:x?} {times}");
            }
        }
    }
}

#[test]
#[cfg_attr(not(has_ifma), ignore = "this processor has no AVX-512 IFMA")]
fn numbers_are_packed_and_unpacked() {
    there_are_lanes();
    for limbs in numbers() {
        // SAFETY: there are lanes.
        unsafe {
            let unpacked = Field::unpack(limbs.map(|limb| _mm512_set1_epi64(limb.cast_signed())));
            let found = unpacked.0.map(|limb| lanes(limb)[5]);
            assert_eq!(found.map(u64::cast_signed), and_primes(limbs, 0));
            let packed = Field::one().packed().map(|limb| lanes(limb)[3]);
            assert_eq!(packed, Portable::ONE.montgomery());
        }
    }
}
