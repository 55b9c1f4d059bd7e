#![expect(clippy::unwrap_used, reason = "a test may fail")]

use std::arch::x86_64::_mm512_set1_epi64;

use p256::elliptic_curve::ff::PrimeField as _;
use p256::elliptic_curve::hazmat::FieldArithmetic;
use p256::elliptic_curve::sec1::ToSec1Point;
use p256::{FieldBytes, NistP256, ProjectivePoint, Scalar};

use super::field::{Field, PRIME, canonical};
use super::{Digit, Lanes, Point};
use crate::residue::Limbs;

type Theirs = <NistP256 as FieldArithmetic>::FieldElement;

/// Every test needs them, and is ignored, by name, where the processor that builds it has none (build.rs).
fn lanes() -> Lanes {
    Lanes::detect().expect("this processor has no AVX-512 IFMA, which the one that built the test had")
}

/// Numbers of chance, the same every time (xorshift64*).
struct Chance(u64);

impl Chance {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }

    /// Of chance in all bits, or long runs of zeros and ones, around which carries go wrong.
    fn bytes(&mut self) -> FieldBytes {
        let mut bytes = FieldBytes::default();
        for part in bytes.chunks_exact_mut(8) {
            let limb = match self.next() % 4 {
                0 => 0,
                1 => u64::MAX,
                _ => self.next(),
            };
            part.copy_from_slice(&limb.to_be_bytes());
        }
        bytes
    }

    fn element(&mut self) -> Theirs {
        loop {
            if let Some(element) = Option::from(Theirs::from_repr(self.bytes())) {
                return element;
            }
        }
    }
}

fn power_of_two(exponent: u32) -> Theirs {
    (0..exponent).fold(Theirs::ONE, |power, _| power + power)
}

fn limbs(element: Theirs) -> Limbs {
    let bytes = element.to_repr();
    let limb = |at: usize| u64::from_be_bytes(bytes[at..at + 8].try_into().unwrap());
    [limb(24), limb(16), limb(8), limb(0)]
}

fn element(limbs: Limbs) -> Theirs {
    let mut bytes = FieldBytes::default();
    for (part, limb) in bytes.chunks_exact_mut(8).zip(limbs.iter().rev()) {
        part.copy_from_slice(&limb.to_be_bytes());
    }
    Theirs::from_repr(bytes).unwrap()
}

/// The element and so many primes, in limbs of 52 bits.
fn and_primes(element: Theirs, times: i64) -> [i64; 5] {
    let [a, b, c, d] = limbs(element);
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

#[target_feature(enable = "avx512f,avx512ifma")]
fn all(number: [i64; 5]) -> Field {
    Field(number.map(|limb| _mm512_set1_epi64(limb)))
}

#[target_feature(enable = "avx512f,avx512ifma")]
fn first(field: &Field) -> [u64; 5] {
    field.0.map(|vector| super::sum::lanes(vector)[0])
}

/// Carried, and below twice the prime.
fn settled(limbs: [u64; 5]) -> Theirs {
    assert!(limbs[..4].iter().all(|limb| limb >> 52 == 0), "{limbs:x?}");
    element(canonical(limbs))
}

#[test]
#[cfg_attr(not(has_ifma), ignore = "this processor has no AVX-512 IFMA")]
fn arithmetic_is_that_of_p256_within_the_bounds_that_are_stated() {
    let _ = lanes();
    let mut chance = Chance(0x5EED);
    let mut edges = vec![Theirs::ZERO, Theirs::ONE, -Theirs::ONE, -Theirs::ONE - Theirs::ONE];
    edges.extend((0..60).map(|_| chance.element()));
    let shift = power_of_two(260).invert().unwrap();
    for a in &edges {
        for b in &edges {
            for (k, l) in [(0, 0), (1, 0), (3, 3), (0, 3)] {
                // SAFETY: `Lanes` were found.
                unsafe {
                    let (x, y) = (all(and_primes(*a, k)), all(and_primes(*b, l)));
                    assert_eq!(settled(first(&x.multiply(&y))), a * b * shift, "{a:?} {b:?} {k} {l}");
                }
            }
            // SAFETY: `Lanes` were found.
            unsafe {
                let (x, y, sum) = (all(and_primes(*a, 0)), all(and_primes(*b, 0)), all(and_primes(*b, 1)));
                let one = Field::one();
                let through = |field: &Field| settled(first(&field.multiply(&one)));
                assert_eq!(through(&x.subtract::<2>(&y)), a - b);
                assert_eq!(through(&x.subtract::<2>(&sum)), a - b);
                // what comes out of these is low enough to be subtracted
                for (lowered, expected) in [
                    (x.subtract_both::<3>(&y, &y), a - b - b),
                    (all(and_primes(*a, 1)).subtract_both::<3>(&y, &sum), a - b - b),
                    (all(and_primes(*a, 4)).subtract_lowered::<2>(&y), *a - b),
                    (x.subtract_lowered::<2>(&sum), a - b),
                ] {
                    let limbs = first(&lowered);
                    assert!(limbs[4] <= 1 << 48, "{limbs:x?}");
                    assert_eq!(settled(limbs), expected, "{a:?} {b:?}");
                }
                if *a != Theirs::ZERO {
                    assert_eq!(settled(first(&x.negate_where(0xFF))), -*a);
                    assert_eq!(settled(first(&x.negate_where(0xFE))), *a);
                }
            }
        }
    }
}

/// The point's coordinates times 2^260.
fn point(point: ProjectivePoint) -> Point {
    let bytes = point.to_affine().to_sec1_point(false);
    let shift = power_of_two(260);
    let coordinate = |from: usize| {
        let bytes: [u8; 32] = bytes.as_bytes()[from..from + 32].try_into().unwrap();
        limbs(Theirs::from_repr(bytes.into()).unwrap() * shift)
    };
    [coordinate(1), coordinate(33)]
}

fn invert(numbers: &mut [Limbs]) {
    let shift = power_of_two(520);
    for number in numbers {
        *number = limbs(element(*number).invert().unwrap() * shift);
    }
}

#[test]
#[cfg_attr(not(has_ifma), ignore = "this processor has no AVX-512 IFMA")]
fn sums_are_those_of_p256() {
    let lanes = lanes();
    let mut chance = Chance(0x00C0_FFEE);
    let rows: Vec<Vec<ProjectivePoint>> =
        (0..6).map(|_| (0..8).map(|_| ProjectivePoint::GENERATOR * Scalar::from(chance.next())).collect()).collect();
    let table = |rows: &[Vec<ProjectivePoint>]| {
        let points: Vec<Point> = rows.iter().flatten().map(|entry| point(*entry)).collect();
        lanes.table(&points, 8)
    };
    let (one, two) = (table(&rows[..4]), table(&rows[4..]));
    assert_eq!((one.rows(), two.rows()), (4, 2));
    for count in [0, 1, 2, 7, 8, 9, 31, 32, 33, 100] {
        let digits: Vec<Vec<Digit>> = (0..rows.len())
            .map(|_| {
                let digit = |chance: &mut Chance| Digit {
                    index: u32::try_from(chance.next() % 8).unwrap(),
                    negative: chance.next() % 2 == 1,
                };
                (0..count).map(|_| digit(&mut chance)).collect()
            })
            .collect();
        let mut asked = vec![];
        let mut fill = |row: usize, digits_asked: &mut [Digit]| {
            asked.push(row);
            digits_asked.copy_from_slice(&digits[row]);
        };
        let sums = lanes.sums(&[&one, &two], count, &mut fill, &mut invert);
        let expected: Vec<Option<Limbs>> = (0..count)
            .map(|at| {
                let terms = rows.iter().zip(&digits).map(|(row, digits)| {
                    let term = row[digits[at].index as usize];
                    if digits[at].negative { -term } else { term }
                });
                let sum = terms.sum::<ProjectivePoint>().to_affine().to_sec1_point(false);
                let bytes: [u8; 32] = sum.as_bytes()[1..33].try_into().unwrap();
                Some(limbs(Theirs::from_repr(bytes.into()).unwrap()))
            })
            .collect();
        assert_eq!(sums, expected, "{count}");
        if count > 0 {
            assert_eq!(asked, [0, 1, 2, 3, 4, 5]);
        }
    }
}

#[test]
#[cfg_attr(not(has_ifma), ignore = "this processor has no AVX-512 IFMA")]
fn equal_and_opposite_points_leave_their_sum_undefined_and_no_other() {
    let lanes = lanes();
    let generator = ProjectivePoint::GENERATOR;
    let other = generator * Scalar::from(5_u64);
    let table = lanes.table(&[point(generator), point(other), point(other), point(generator)], 2);
    let sums = |first: Vec<Digit>, second: Vec<Digit>| {
        let mut fill = |row: usize, asked: &mut [Digit]| asked.copy_from_slice(if row == 0 { &first } else { &second });
        lanes.sums(&[&table], first.len(), &mut fill, &mut invert)
    };
    let digit = |index, negative| Digit { index, negative };
    let good = vec![digit(0, false); 20];
    let undisturbed = sums(good.clone(), good.clone());
    assert!(undisturbed.iter().all(Option::is_some));
    for (index, negative) in [(1, false), (1, true)] {
        let mut second = good.clone();
        second[7] = digit(index, negative);
        let sums = sums(good.clone(), second);
        assert_eq!(sums[7], None);
        assert_eq!((&sums[..7], &sums[8..]), (&undisturbed[..7], &undisturbed[8..]), "its neighbours lose nothing");
    }
}

#[test]
#[cfg_attr(not(has_ifma), ignore = "this processor has no AVX-512 IFMA")]
#[should_panic(expected = "index out of bounds")]
fn a_digit_beyond_its_row_is_noticed() {
    let lanes = lanes();
    let generator = point(ProjectivePoint::GENERATOR);
    let table = lanes.table(&[generator; 4], 2);
    lanes.sums(&[&table], 3, &mut |_, asked| asked.fill(Digit { index: 2, negative: false }), &mut invert);
}
