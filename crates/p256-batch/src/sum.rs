//! u1 G + u2 Q for many pairs of scalars at once.

use crate::recode::{Digit, digit};
use crate::residue::{Field, Limbs, Modulus as _, Order, subtract};
use crate::table::{Affine, Table, add, point};

/// A scalar made odd: itself, or the order less it, which gives the negative point.
#[derive(Clone, Copy)]
pub(crate) struct OddScalar {
    number: Limbs,
    negative: bool,
}

impl OddScalar {
    /// Of a number below the order, which is odd.
    pub(crate) fn new(number: Limbs) -> Self {
        if number[0] & 1 == 1 {
            Self { number, negative: false }
        } else {
            Self { number: subtract(Order::PRIME, number).0, negative: true }
        }
    }

    #[inline]
    pub(crate) fn digit(&self, window: u32, position: u32) -> Digit {
        let Digit { index, negative } = digit(&self.number, window, position);
        Digit { index, negative: negative ^ self.negative }
    }
}

/// The x coordinates of all sums, in order; `None` where the formula of the addition met two points with the same x on
/// its way (equal or opposite ones): no verdict.
///
/// Points are added one position after the other for all pairs: the inversions of a position are one, and its row of
/// multiples stays in the cache.
pub(crate) fn sums(generator: &Table, key: &Table, scalars: &[(OddScalar, OddScalar)]) -> Vec<Option<Field>> {
    let count = scalars.len();
    let (of_generator, of_key): (Vec<OddScalar>, Vec<OddScalar>) = scalars.iter().copied().unzip();
    let mut terms = Vec::with_capacity(count);
    gather(generator, &of_generator, 0, &mut terms);
    let mut sums = terms.clone();
    let mut defined = vec![true; count];
    let mut before = vec![Field::ONE; count];
    let steps = (1..generator.positions()).map(|position| (generator, &of_generator, position));
    let steps = steps.chain((0..key.positions()).map(|position| (key, &of_key, position)));
    for (table, scalars, position) in steps {
        gather(table, scalars, position, &mut terms);
        let mut product = Field::ONE;
        for (((sum, term), before), defined) in sums.iter().zip(&mut terms).zip(&mut before).zip(&mut defined) {
            let mut difference = term.x.subtract(sum.x);
            if difference.is_zero() {
                *defined = false;
                // any other point, so that the product does not become zero for all
                term.x = sum.x.add(Field::ONE);
                difference = Field::ONE;
            }
            *before = product;
            product = product.multiply(difference);
        }
        let mut inverse = product.invert();
        for ((sum, term), before) in sums.iter_mut().zip(&terms).zip(&before).rev() {
            let difference = term.x.subtract(sum.x);
            let own = inverse.multiply(*before);
            inverse = inverse.multiply(difference);
            *sum = add(sum, term, own);
        }
    }
    sums.into_iter().zip(defined).map(|(sum, defined)| defined.then_some(sum.x)).collect()
}

/// Collects the point that each scalar's digit at a position stands for. This is a pass of its own, so that the
/// processor can fetch many points at a time from a table that does not fit into its near caches.
fn gather(table: &Table, scalars: &[OddScalar], position: u32, terms: &mut Vec<Affine>) {
    let (row, window) = (table.row(position), table.window());
    terms.clear();
    terms.extend(scalars.iter().map(|scalar| point(row, scalar.digit(window, position))));
}
