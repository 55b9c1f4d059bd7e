//! Sums of points of P-256 from tables, eight at a time, on processors with AVX-512 IFMA.
//!
//! Input: many pairs of scalars, each digit of which names a multiple in a table. Output: the x coordinates of the sums.
//! This is the part of a signature verification that takes the time.
//!
//! The processor's instructions for 52-bit multiplication are safe to call where the compiler knows that the processor
//! has them. The two calls that enter such functions are the only `unsafe` ones. They are sound because [`Lanes`] exists
//! only on processors that have the instructions; on others [`Lanes::detect`] returns `None`.

#[cfg(target_arch = "x86_64")]
mod field;
#[cfg(target_arch = "x86_64")]
mod sum;
#[cfg(all(test, target_arch = "x86_64"))]
mod tests;

#[cfg(target_arch = "x86_64")]
use std::arch::x86_64::__m512i;

use crate::residue::Limbs;

/// The processor has the instructions.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Lanes(());

/// A digit of a scalar: which multiple of its position, and whether to subtract it.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Digit {
    /// Place in the position's row.
    pub(crate) index: u32,
    /// Subtract it.
    pub(crate) negative: bool,
}

/// A point's coordinates times 2^260 modulo the prime, each below the prime.
pub(crate) type Point = [Limbs; 2];

/// Rows of equal length with the multiples of a point, one for each position of a digit.
pub(crate) struct Table {
    row: usize,
    #[cfg(target_arch = "x86_64")]
    points: Box<[__m512i]>,
}

impl Lanes {
    /// Looks whether the processor and its operating system have AVX-512 F and IFMA.
    pub(crate) fn detect() -> Option<Self> {
        #[cfg(target_arch = "x86_64")]
        let there = is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("avx512ifma");
        #[cfg(not(target_arch = "x86_64"))]
        let there = false;
        there.then_some(Self(()))
    }

    /// A table of rows of `row` points each.
    ///
    /// # Panics
    /// The points do not fill rows.
    #[expect(clippy::unused_self, reason = "that there is a `Lanes` makes the call sound")]
    pub(crate) fn table(self, points: &[Point], row: usize) -> Table {
        assert!(row > 0 && points.len().is_multiple_of(row), "points fill rows");
        #[cfg(target_arch = "x86_64")]
        {
            // SAFETY: there is a `Lanes`, so the processor has the instructions.
            let points = unsafe { sum::pack(points) };
            Table { row, points }
        }
        #[cfg(not(target_arch = "x86_64"))]
        unreachable!("there is no Lanes")
    }

    /// The x coordinates of `count` sums, each of one point from every row of `tables`, one table after the other.
    ///
    /// `digits` is asked once for each row, in order, for the digits of all sums. `invert` replaces numbers a 2^260 by
    /// 1/a 2^260, both modulo the prime; none is zero. `None` where two points on a sum's way had the same x coordinate: the
    /// formula for adding them does not cover that. Its neighbours lose nothing by it.
    ///
    /// # Panics
    /// A digit's index is beyond its row, or there is no row.
    #[expect(clippy::unused_self, reason = "that there is a `Lanes` makes the call sound")]
    pub(crate) fn sums(
        self,
        tables: &[&Table],
        count: usize,
        digits: &mut dyn FnMut(usize, &mut [Digit]),
        invert: &mut dyn FnMut(&mut [Limbs]),
    ) -> Vec<Option<Limbs>> {
        #[cfg(target_arch = "x86_64")]
        // SAFETY: there is a `Lanes`, so the processor has the instructions.
        unsafe {
            sum::sums(tables, count, digits, invert)
        }
        #[cfg(not(target_arch = "x86_64"))]
        {
            let _ = (tables, count, digits, invert);
            unreachable!("there is no Lanes")
        }
    }
}

impl Table {
    /// How many rows there are.
    #[cfg(target_arch = "x86_64")]
    pub(crate) fn rows(&self) -> usize {
        self.points.len() / self.row
    }

    /// How many rows there are.
    #[cfg(not(target_arch = "x86_64"))]
    pub(crate) fn rows(&self) -> usize {
        0
    }
}

impl std::fmt::Debug for Table {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Table").field("row", &self.row).field("rows", &self.rows()).finish_non_exhaustive()
    }
}
