//! A point's multiples in the form that this processor adds fastest.

use crate::lanes::Lanes;
use p256::ProjectivePoint;

use crate::lane_table::{self, LaneTable};
use crate::residue::Field;
use crate::sum::{self, OddScalar};
use crate::table::Table;

/// How points are added.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Adding {
    /// With the processor's vectors where it has them.
    #[default]
    Best,
    /// Without them.
    Portable,
}

impl Adding {
    pub(crate) fn uses_vectors(self) -> bool {
        self == Self::Best && Lanes::detect().is_some()
    }
}

/// Multiples of one point.
#[derive(Debug)]
pub(crate) enum Multiples {
    Lanes(LaneTable),
    Portable(Table),
}

impl Multiples {
    /// `None` as [`Table::new`].
    pub(crate) fn new(point: ProjectivePoint, window: u32, adding: Adding) -> Option<Self> {
        let table = Table::new(point, window)?;
        Some(match Lanes::detect().filter(|_| adding == Adding::Best) {
            Some(lanes) => Self::Lanes(LaneTable::new(lanes, &table)),
            None => Self::Portable(table),
        })
    }

    pub(crate) const fn window(&self) -> u32 {
        match self {
            Self::Lanes(table) => table.window(),
            Self::Portable(table) => table.window(),
        }
    }
}

/// The x coordinates of u1 G + u2 Q, in order: see [`sum::sums`]. The tables are of one window and one form.
pub(crate) fn sums(generator: &Multiples, key: &Multiples, scalars: &[(OddScalar, OddScalar)]) -> Vec<Option<Field>> {
    match (generator, key) {
        (Multiples::Lanes(generator), Multiples::Lanes(key)) => lane_table::sums(generator, key, scalars),
        (Multiples::Portable(generator), Multiples::Portable(key)) => sum::sums(generator, key, scalars),
        _ => vec![None; scalars.len()],
    }
}
