//! The same sums, eight at a time, on processors that can (AVX-512 IFMA).

use crate::lanes::{self, Digit, Lanes};
use crate::recode::digits;
use crate::residue::{Field, Limbs, invert_all};
use crate::sum::OddScalar;
use crate::table::Table;

/// A table in the form that the vectors take.
#[derive(Debug)]
pub(crate) struct LaneTable {
    lanes: Lanes,
    window: u32,
    table: lanes::Table,
}

impl LaneTable {
    pub(crate) fn new(lanes: Lanes, table: &Table) -> Self {
        // four doublings make numbers times 2^256 numbers times 2^260
        let moved = |coordinate: Field| (0..4).fold(coordinate, |number, _| number.add(number)).montgomery();
        let points: Vec<_> = table.points().iter().map(|point| [moved(point.x), moved(point.y)]).collect();
        let window = table.window();
        Self { lanes, window, table: lanes.table(&points, 1 << (window - 1)) }
    }

    pub(crate) const fn window(&self) -> u32 {
        self.window
    }
}

/// As [`sums`](crate::sum::sums).
pub(crate) fn sums(generator: &LaneTable, key: &LaneTable, scalars: &[(OddScalar, OddScalar)]) -> Vec<Option<Field>> {
    let window = generator.window;
    let positions = digits(window) as usize;
    let mut fill = |step: usize, asked: &mut [Digit]| {
        for (digit, (of_generator, of_key)) in asked.iter_mut().zip(scalars) {
            let scalar = if step < positions { of_generator } else { of_key };
            let position = u32::try_from(step % positions).expect("few");
            let found = scalar.digit(window, position);
            *digit = Digit { index: u32::try_from(found.index).expect("few bits"), negative: found.negative };
        }
    };
    let mut invert = |numbers: &mut [Limbs]| {
        // what is a 2^260 there is 16 a here; its inverse, 1 / 16 a, there is 1 / 256 a
        let factor = Field::new([256, 0, 0, 0]);
        let mut inverses: Vec<Field> = numbers.iter().map(|number| Field::from_montgomery(*number)).collect();
        invert_all(&mut inverses);
        for (number, inverse) in numbers.iter_mut().zip(inverses) {
            *number = inverse.multiply(factor).montgomery();
        }
    };
    let sums = generator.lanes.sums(&[&generator.table, &key.table], scalars.len(), &mut fill, &mut invert);
    sums.into_iter().map(|x| x.map(Field::new)).collect()
}
