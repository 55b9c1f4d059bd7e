//! Sums of multiples of the generator: one point from each row, eight sums in a vector, some vectors at a time.

use std::arch::x86_64::{
    __m512i, __mmask8, _mm_cvtsi64_si128, _mm256_extract_epi64, _mm512_and_si512, _mm512_extracti64x4_epi64,
    _mm512_mask_blend_epi64, _mm512_mask_xor_epi64, _mm512_permutex2var_epi64, _mm512_set_epi64, _mm512_set1_epi64,
    _mm512_setzero_si512, _mm512_srl_epi64, _mm512_test_epi64_mask, _mm512_testn_epi64_mask,
};
use std::sync::OnceLock;

use super::field::Field;
use super::{TOGETHER, XandZ};
use crate::modular::{Field as Portable, Limbs};
use crate::{recode, table};

/// Sums of one vector.
const LANES: usize = 8;
/// Vectors of sums of one call, which share what is read of a row.
const VECTORS: usize = TOGETHER / LANES;
/// Vectors whose additions are woven into each other, so that the processor need not wait for the last multiplication.
const WOVEN: usize = 2;
/// Bits of a digit.
const WIDTH: usize = 8;
const ROWS: usize = 256 / WIDTH;
/// Points of a row.
const EACH: usize = 1 << (WIDTH - 1);
/// Vectors that hold one limb of all points of a row.
const PARTS: usize = EACH / LANES;

/// For each of the eight limbs of x and y, those of all points.
pub(super) type Row = [[__m512i; PARTS]; 8];

/// Eight points.
#[derive(Clone, Copy)]
struct Affine {
    x: Field,
    y: Field,
}

/// Eight points (x / z^2, y / z^3); x and y below 1.001 p, z below 1.24 p.
#[derive(Clone, Copy)]
struct Jacobian {
    x: Field,
    y: Field,
    z: Field,
}

/// The table, made once.
#[target_feature(enable = "avx512f,avx512ifma")]
pub(super) fn rows() -> &'static [Row] {
    static ROWS_OF_GENERATOR: OnceLock<Vec<Row>> = OnceLock::new();
    // the closure has the features of the function it is in
    ROWS_OF_GENERATOR.get_or_init(|| {
        let points = table::odd_multiples(WIDTH, ROWS);
        // four bits more than the portable arithmetic has
        let shift = |number: Portable| {
            let two = number.add(number);
            let four = two.add(two);
            let eight = four.add(four);
            eight.add(eight).montgomery()
        };
        let limbs: Vec<[Limbs; 2]> = points.iter().map(|point| [shift(point.x), shift(point.y)]).collect();
        let row = |row: &[[Limbs; 2]]| {
            let part = |limb: usize, part: usize| {
                vector(std::array::from_fn(|lane| row[LANES * part + lane][limb / 4][limb % 4]))
            };
            std::array::from_fn(|limb| std::array::from_fn(|at| part(limb, at)))
        };
        limbs.chunks_exact(EACH).map(row).collect()
    })
}

/// See [`Lanes::multiply`](super::Lanes::multiply).
#[inline(never)]
#[target_feature(enable = "avx512f,avx512ifma")]
pub(super) fn multiply(rows: &[Row], scalars: &[Limbs; TOGETHER], points: &mut [XandZ; TOGETHER]) {
    // of `recode`, by limb
    let mut digits = [[_mm512_setzero_si512(); 4]; VECTORS];
    for (digits, scalars) in digits.iter_mut().zip(scalars.chunks_exact(LANES)) {
        let mut halves: [Limbs; LANES] = std::array::from_fn(|lane| recode::half(scalars[lane]));
        for half in &mut halves {
            half[3] |= 1 << 63;
        }
        *digits = std::array::from_fn(|limb| vector(std::array::from_fn(|lane| halves[lane][limb])));
    }
    let none = Jacobian { x: Field::zero(), y: Field::zero(), z: Field::one() };
    let mut sums = [none; VECTORS];
    for (position, row) in rows.iter().enumerate() {
        let bit = WIDTH * position;
        for (sums, digits) in sums.chunks_exact_mut(WOVEN).zip(digits.chunks_exact(WOVEN)) {
            let terms: [Affine; WOVEN] = [read(row, digit(&digits[0], bit)), read(row, digit(&digits[1], bit))];
            let sums: &mut [Jacobian; WOVEN] = sums.try_into().expect("a chunk");
            if position == 0 {
                for (sum, term) in sums.iter_mut().zip(&terms) {
                    (sum.x, sum.y) = (term.x, term.y);
                }
            } else {
                add(sums, &terms, position + 1 == ROWS);
            }
        }
    }
    for (points, sum) in points.chunks_exact_mut(LANES).zip(&sums) {
        let (x, z) = (sum.x.packed().map(|limb| lanes(limb)), sum.z.packed().map(|limb| lanes(limb)));
        for (lane, point) in points.iter_mut().enumerate() {
            *point = (x.map(|limb| limb[lane]), z.map(|limb| limb[lane]));
        }
    }
}

/// The eight digits that begin at a bit.
#[inline]
#[target_feature(enable = "avx512f,avx512ifma")]
fn digit(digits: &[__m512i; 4], bit: usize) -> __m512i {
    let shift = _mm_cvtsi64_si128((bit % 64).cast_signed() as i64);
    _mm512_and_si512(_mm512_srl_epi64(digits[bit / 64], shift), _mm512_set1_epi64((1 << WIDTH) - 1))
}

/// The points of eight digits: all of the row is read, and each lane keeps its own by permuting registers.
#[inline]
#[target_feature(enable = "avx512f,avx512ifma")]
fn read(row: &Row, digit: __m512i) -> Affine {
    let bit = |at: usize| _mm512_set1_epi64(1 << at);
    let negative = _mm512_testn_epi64_mask(digit, bit(WIDTH - 1));
    let index = _mm512_mask_xor_epi64(digit, negative, digit, _mm512_set1_epi64((1 << WIDTH) - 1));
    let bits: [__mmask8; 3] = std::array::from_fn(|at| _mm512_test_epi64_mask(index, bit(4 + at)));
    let limb = |limb: usize| {
        let parts = &row[limb];
        // the instruction looks at four bits of the index
        let sixteen = |at: usize| _mm512_permutex2var_epi64(parts[2 * at], index, parts[2 * at + 1]);
        let either = |mask: __mmask8, low: __m512i, high: __m512i| _mm512_mask_blend_epi64(mask, low, high);
        let thirty_two = |at: usize| either(bits[0], sixteen(2 * at), sixteen(2 * at + 1));
        let sixty_four = |at: usize| either(bits[1], thirty_two(2 * at), thirty_two(2 * at + 1));
        either(bits[2], sixty_four(0), sixty_four(1))
    };
    Affine {
        x: Field::unpack([limb(0), limb(1), limb(2), limb(3)]),
        y: Field::unpack([limb(4), limb(5), limb(6), limb(7)]).negate_where(negative),
    }
}

/// Adds points that are not opposite and, but for the last row, not equal.
#[inline]
#[target_feature(enable = "avx512f,avx512ifma")]
fn add(sums: &mut [Jacobian; WOVEN], terms: &[Affine; WOVEN], last: bool) {
    // behind each: below how many times p
    macro_rules! each {
        (|$at:ident| $value:expr) => {{
            let of = |$at: usize| $value;
            [of(0), of(1)]
        }};
    }
    let zz = each!(|at| sums[at].z.multiply(&sums[at].z)); // 1.1
    let u = each!(|at| terms[at].x.multiply(&zz[at])); // 1.1
    let zzz = each!(|at| sums[at].z.multiply(&zz[at])); // 1.1
    let height = each!(|at| u[at].subtract::<2>(&sums[at].x)); // 3.1
    let s = each!(|at| terms[at].y.multiply(&zzz[at])); // 1.1
    let square = each!(|at| height[at].multiply(&height[at])); // 1.7
    let rise = each!(|at| s[at].subtract::<2>(&sums[at].y)); // 3.1
    let cube = each!(|at| height[at].multiply(&square[at])); // 1.4
    let v = each!(|at| sums[at].x.multiply(&square[at])); // 1.2
    let slope = each!(|at| rise[at].multiply(&rise[at])); // 1.7
    let x = each!(|at| slope[at].subtract_and_twice::<4>(&cube[at], &v[at])); // lowered from between 0.2 and 5.7
    let fall = each!(|at| v[at].subtract::<2>(&x[at])); // 3.2
    let z = each!(|at| sums[at].z.multiply(&height[at])); // 1.24
    let below = each!(|at| sums[at].y.multiply(&cube[at])); // 1.1
    let product = each!(|at| rise[at].multiply(&fall[at])); // 1.7
    let y = each!(|at| product[at].subtract_lowered::<2>(&below[at])); // lowered from between 0.9 and 3.7
    for at in 0..WOVEN {
        let mut sum = Jacobian { x: x[at], y: y[at], z: z[at] };
        if last {
            let equal = height[at].zeros() & rise[at].zeros();
            let double = double(&terms[at]);
            sum.x = sum.x.or_where(equal, &double.x);
            sum.z = sum.z.or_where(equal, &double.z);
        }
        sums[at] = sum;
    }
}

/// Twice the points; y is left at zero, since nothing is added to these.
#[inline]
#[target_feature(enable = "avx512f,avx512ifma")]
fn double(point: &Affine) -> Jacobian {
    let square = point.x.multiply(&point.x).subtract_lowered::<1>(&Field::one());
    let slope = square.sum(&square).sum(&square); // 3.1
    let yy = point.y.multiply(&point.y); // 1.1
    let s = point.x.multiply(&yy); // 1.1
    let two = s.sum(&s); // 2.2
    let four = two.sum(&two).subtract_lowered::<0>(&Field::zero());
    let x = slope.multiply(&slope).subtract_and_twice::<4>(&Field::zero(), &four);
    Jacobian { x, y: Field::zero(), z: point.y.sum(&point.y) }
}

#[inline]
#[target_feature(enable = "avx512f,avx512ifma")]
fn vector(lanes: [u64; LANES]) -> __m512i {
    let [a, b, c, d, e, f, g, h] = lanes.map(u64::cast_signed);
    _mm512_set_epi64(h, g, f, e, d, c, b, a)
}

#[inline]
#[target_feature(enable = "avx512f,avx512ifma")]
pub(super) fn lanes(vector: __m512i) -> [u64; LANES] {
    let (low, high) = (_mm512_extracti64x4_epi64::<0>(vector), _mm512_extracti64x4_epi64::<1>(vector));
    [
        _mm256_extract_epi64::<0>(low),
        _mm256_extract_epi64::<1>(low),
        _mm256_extract_epi64::<2>(low),
        _mm256_extract_epi64::<3>(low),
        _mm256_extract_epi64::<0>(high),
        _mm256_extract_epi64::<1>(high),
        _mm256_extract_epi64::<2>(high),
        _mm256_extract_epi64::<3>(high),
    ]
    .map(i64::cast_unsigned)
}
