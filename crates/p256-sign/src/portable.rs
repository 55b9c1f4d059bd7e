//! Multiples of the generator, one at a time, on any processor.

use std::sync::OnceLock;

use crate::modular::{Field, Limbs, mask};
use crate::point::{Affine, Jacobian};
use crate::{recode, table};

/// Bits of a digit. A row is read whole for each digit, so wider ones do not pay.
const WIDTH: usize = 6;
const ROWS: usize = 256_usize.div_ceil(WIDTH);
const EACH: usize = 1 << (WIDTH - 1);

type Row = [[u64; 8]; EACH];

fn rows() -> &'static [Row] {
    static ROWS_OF_GENERATOR: OnceLock<Vec<Row>> = OnceLock::new();
    ROWS_OF_GENERATOR.get_or_init(|| {
        let points = table::odd_multiples(WIDTH, ROWS);
        let pack = |point: &Affine| {
            let (x, y) = (point.x.montgomery(), point.y.montgomery());
            [x[0], x[1], x[2], x[3], y[0], y[1], y[2], y[3]]
        };
        points.chunks_exact(EACH).map(|row| std::array::from_fn(|at| pack(&row[at]))).collect()
    })
}

/// k G or -k G, for k between 1 and n - 1.
///
/// Everything here depends on k: constant time.
#[inline(never)]
pub(crate) fn multiply(k: Limbs) -> Jacobian {
    let half = recode::half(k);
    // t of `recode`, with a limb to spare for the shift below
    let mut t = [half[0], half[1], half[2], half[3], 0];
    let top = WIDTH * ROWS - 1;
    t[top / 64] |= 1 << (top % 64);
    let mut sum: Option<Jacobian> = None;
    for (position, row) in rows().iter().enumerate() {
        let at = WIDTH * position;
        let next = t.get(at / 64 + 1).copied().unwrap_or(0);
        let digit = (t[at / 64] >> (at % 64) | (next << 1) << (63 - at % 64)) & (2 * EACH as u64 - 1);
        let term = read(row, digit);
        sum = Some(match sum {
            None => term.into(),
            Some(sum) if position + 1 == ROWS => sum.add_or_double(&term),
            Some(sum) => sum.add(&term),
        });
    }
    sum.expect("there are rows")
}

/// The point of a digit: every point of the row is read, and one kept.
#[inline(never)]
fn read(row: &Row, digit: u64) -> Affine {
    let each = EACH as u64;
    let negative = mask((digit >> (WIDTH - 1)) ^ 1);
    let index = (digit ^ negative) & (each - 1);
    let mut found = [0; 8];
    for (at, point) in (0_u64..).zip(row) {
        // the difference is below 2^63, so that the highest bit of what is one less is set for zero alone
        let here = mask((at ^ index).wrapping_sub(1) >> 63);
        for (found, limb) in found.iter_mut().zip(point) {
            *found |= limb & here;
        }
    }
    let coordinate = |from: usize| std::array::from_fn(|at| found[from + at]);
    Affine { x: Field::from_montgomery(coordinate(0)), y: Field::from_montgomery(coordinate(4)).negate_where(negative) }
}
