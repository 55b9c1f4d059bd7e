//! Eight sums at once, and the sums of a chunk step by step with few inversions.

use std::arch::x86_64::{
    __m512i, _mm256_extract_epi64, _mm512_extracti64x4_epi64, _mm512_set_epi64, _mm512_shuffle_i64x2,
    _mm512_unpackhi_epi64, _mm512_unpacklo_epi64,
};

use super::field::{Field, canonical};
use super::{Digit, Point, Table};
use crate::residue::Limbs;

/// Sums of one vector.
const LANES: usize = 8;
/// Products that grow independently of each other, so that the processor need not wait for the last multiplication.
const CHAINS: usize = 4;

/// Eight points.
#[derive(Clone, Copy)]
struct Affine {
    x: Field,
    y: Field,
}

/// A point as one vector: x, then y.
#[target_feature(enable = "avx512f,avx512ifma")]
pub(crate) fn pack(points: &[Point]) -> Box<[__m512i]> {
    let pack = |[x, y]: &Point| {
        let (x, y) = (x.map(u64::cast_signed), y.map(u64::cast_signed));
        _mm512_set_epi64(y[3], y[2], y[1], y[0], x[3], x[2], x[1], x[0])
    };
    points.iter().map(pack).collect()
}

/// See [`Lanes::sums`](super::Lanes::sums).
#[target_feature(enable = "avx512f,avx512ifma")]
pub(crate) fn sums(
    tables: &[&Table],
    count: usize,
    digits: &mut dyn FnMut(usize, &mut [Digit]),
    invert: &mut dyn FnMut(&mut [Limbs]),
) -> Vec<Option<Limbs>> {
    let mut rows = tables.iter().flat_map(|table| table.points.chunks_exact(table.row)).enumerate();
    let (_, first) = rows.next().expect("there is a row");
    if count == 0 {
        return vec![];
    }
    let mut terms = Terms::new(count);
    terms.gather(first, 0, digits);
    let mut sums = terms.points.clone();
    let mut before = vec![Field::one(); sums.len()];
    let mut defined = vec![0xFF_u8; sums.len()];
    for (at, row) in rows {
        terms.gather(row, at, digits);
        let products = products_of(&sums, &terms.points, &mut before);
        let mut found = inverses(&products, invert);
        if found.is_none() {
            set_aside(&sums, &mut terms.points, &mut defined);
            let products = products_of(&sums, &terms.points, &mut before);
            found = inverses(&products, invert);
        }
        let mut inverses = found.expect("no difference is zero any more");
        for ((sums, terms), before) in
            sums.chunks_exact_mut(CHAINS).zip(terms.points.chunks_exact(CHAINS)).zip(before.chunks_exact(CHAINS)).rev()
        {
            for chain in 0..CHAINS {
                let difference = terms[chain].x.subtract::<2>(&sums[chain].x);
                let own = inverses[chain].multiply(&before[chain]);
                inverses[chain] = inverses[chain].multiply(&difference);
                sums[chain] = add(&sums[chain], &terms[chain], &own);
            }
        }
    }
    let unit = Field::unit();
    let all = sums.iter().zip(defined).flat_map(|(sum, defined)| {
        let numbers = numbers(&sum.x.multiply(&unit));
        (0..LANES).map(move |lane| (defined >> lane & 1 == 1).then_some(numbers[lane]))
    });
    all.take(count).collect()
}

/// The product of all differences of x in each chain, and in `before` what it was before each.
#[inline]
#[target_feature(enable = "avx512f,avx512ifma")]
fn products_of(sums: &[Affine], terms: &[Affine], before: &mut [Field]) -> [Field; CHAINS] {
    let mut products = [Field::one(); CHAINS];
    for ((sums, terms), before) in
        sums.chunks_exact(CHAINS).zip(terms.chunks_exact(CHAINS)).zip(before.chunks_exact_mut(CHAINS))
    {
        for chain in 0..CHAINS {
            before[chain] = products[chain];
            // below 3 p: sums stay below 1.001 p
            let difference = terms[chain].x.subtract::<2>(&sums[chain].x);
            products[chain] = products[chain].multiply(&difference);
        }
    }
    products
}

/// Where a difference is zero, the sum is not defined from here on; its term becomes another point's, so that the
/// product does not become zero for all.
#[cold]
#[target_feature(enable = "avx512f,avx512ifma")]
fn set_aside(sums: &[Affine], terms: &mut [Affine], defined: &mut [u8]) {
    let unit = Field::unit();
    for ((sum, term), defined) in sums.iter().zip(terms).zip(defined) {
        let differences = numbers(&term.x.subtract::<2>(&sum.x).multiply(&unit));
        let zeros = (0..LANES).filter(|lane| differences[*lane] == [0; 4]).fold(0, |mask, lane| mask | 1 << lane);
        *defined &= !zeros;
        term.x = term.x.or_next_where(zeros, &sum.x);
    }
}

/// The sum of points with different x, given 1 / (b.x - a.x); coordinates of `a` and of the result below 1.001 p.
#[inline]
#[target_feature(enable = "avx512f,avx512ifma")]
fn add(a: &Affine, b: &Affine, inverse: &Field) -> Affine {
    // below 3 p times 1.2 p, so below 1.3 p; its square below 1.2 p
    let slope = b.y.subtract::<2>(&a.y).multiply(inverse);
    let x = slope.multiply(&slope).subtract_both::<3>(&a.x, &b.x);
    let fall = a.x.subtract::<2>(&x);
    let y = slope.multiply(&fall).subtract_lowered::<2>(&a.y);
    Affine { x, y }
}

/// 1 / product for every lane of every chain. `None` if one of them is zero.
#[target_feature(enable = "avx512f,avx512ifma")]
fn inverses(products: &[Field; CHAINS], invert: &mut dyn FnMut(&mut [Limbs])) -> Option<[Field; CHAINS]> {
    let mut all = [[0; 4]; CHAINS * LANES];
    for (product, numbers) in products.iter().zip(all.chunks_exact_mut(LANES)) {
        numbers.copy_from_slice(&self::numbers(product));
    }
    if all.contains(&[0; 4]) {
        return None;
    }
    invert(&mut all);
    let mut inverses = [Field::zero(); CHAINS];
    for (inverse, numbers) in inverses.iter_mut().zip(all.chunks_exact(LANES)) {
        let limb = |at: usize| {
            let limb = |lane: usize| numbers[lane][at].cast_signed();
            _mm512_set_epi64(limb(7), limb(6), limb(5), limb(4), limb(3), limb(2), limb(1), limb(0))
        };
        *inverse = Field::unpack([limb(0), limb(1), limb(2), limb(3)]);
    }
    Some(inverses)
}

/// The eight numbers, each below 2 p, brought below p.
#[target_feature(enable = "avx512f,avx512ifma")]
fn numbers(field: &Field) -> [Limbs; LANES] {
    let limbs = field.0.map(|vector| lanes(vector));
    std::array::from_fn(|lane| canonical(limbs.map(|limb| limb[lane])))
}

#[target_feature(enable = "avx512f,avx512ifma")]
pub(crate) fn lanes(vector: __m512i) -> [u64; LANES] {
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

/// What is to be added in one step.
struct Terms {
    count: usize,
    /// For every sum, and some more that fill the vectors.
    digits: Vec<Digit>,
    points: Vec<Affine>,
}

impl Terms {
    #[target_feature(enable = "avx512f,avx512ifma")]
    fn new(count: usize) -> Self {
        let full = count.next_multiple_of(LANES * CHAINS);
        let none = Affine { x: Field::zero(), y: Field::zero() };
        Self { count, digits: vec![Digit::default(); full], points: vec![none; full / LANES] }
    }

    /// The points of the digits at a position.
    #[target_feature(enable = "avx512f,avx512ifma")]
    fn gather(&mut self, row: &[__m512i], position: usize, digits: &mut dyn FnMut(usize, &mut [Digit])) {
        let (asked, rest) = self.digits.split_at_mut(self.count);
        digits(position, asked);
        rest.fill(asked[0]);
        for (digits, point) in self.digits.chunks_exact(LANES).zip(&mut self.points) {
            *point = gather_eight(row, digits);
        }
    }
}

/// Eight points, transposed from one vector each to one vector for each limb.
#[inline]
#[target_feature(enable = "avx512f,avx512ifma")]
fn gather_eight(row: &[__m512i], digits: &[Digit]) -> Affine {
    let point = |lane: usize| row[digits[lane].index as usize];
    let r: [__m512i; LANES] = std::array::from_fn(point);
    // pairs of neighbours: limbs 0, 2, 4, 6 and limbs 1, 3, 5, 7
    let even: [__m512i; 4] = std::array::from_fn(|at| _mm512_unpacklo_epi64(r[2 * at], r[2 * at + 1]));
    let odd: [__m512i; 4] = std::array::from_fn(|at| _mm512_unpackhi_epi64(r[2 * at], r[2 * at + 1]));
    let columns = |pairs: [__m512i; 4]| {
        let low = (first_and_third(pairs[0], pairs[1]), first_and_third(pairs[2], pairs[3]));
        let high = (second_and_fourth(pairs[0], pairs[1]), second_and_fourth(pairs[2], pairs[3]));
        [
            first_and_third(low.0, low.1),
            first_and_third(high.0, high.1),
            second_and_fourth(low.0, low.1),
            second_and_fourth(high.0, high.1),
        ]
    };
    let ([x0, x2, y0, y2], [x1, x3, y1, y3]) = (columns(even), columns(odd));
    let negative = digits.iter().rev().fold(0, |mask, digit| mask << 1 | u8::from(digit.negative));
    Affine { x: Field::unpack([x0, x1, x2, x3]), y: Field::unpack([y0, y1, y2, y3]).negate_where(negative) }
}

/// Quarters 0 and 2 of each.
#[inline]
#[target_feature(enable = "avx512f,avx512ifma")]
fn first_and_third(a: __m512i, b: __m512i) -> __m512i {
    _mm512_shuffle_i64x2::<0b10_00_10_00>(a, b)
}

/// Quarters 1 and 3 of each.
#[inline]
#[target_feature(enable = "avx512f,avx512ifma")]
fn second_and_fourth(a: __m512i, b: __m512i) -> __m512i {
    _mm512_shuffle_i64x2::<0b11_01_11_01>(a, b)
}
