//! Multiples of one point, computed once for all signatures of a key.

use p256::elliptic_curve::BatchNormalize;
use p256::elliptic_curve::ops::Double;
use p256::elliptic_curve::sec1::ToSec1Point;
use p256::{AffinePoint, ProjectivePoint};

use crate::recode::{Digit, digits};
use crate::residue::{Field, from_bytes, invert_all};

/// A point that is not the identity. One cache line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(align(64))]
pub(crate) struct Affine {
    pub(crate) x: Field,
    pub(crate) y: Field,
}

impl Affine {
    /// `None` for the identity.
    pub(crate) fn of(point: &AffinePoint) -> Option<Self> {
        let bytes = point.to_sec1_point(false);
        let bytes = bytes.as_bytes();
        let coordinate = |from: usize| {
            let bytes: &[u8; 32] = bytes.get(from..from + 32)?.try_into().ok()?;
            Some(Field::new(from_bytes(bytes)))
        };
        Some(Self { x: coordinate(1)?, y: coordinate(33)? })
    }
}

/// For each position i of a scalar's digits, the odd multiples 1, 3, ... 2^window - 1 of 2^(window i) times a point.
pub(crate) struct Table {
    window: u32,
    points: Box<[Affine]>,
}

impl Table {
    /// `None` if the point is the identity; nothing else can go wrong, since the group's order is a large prime.
    pub(crate) fn new(point: ProjectivePoint, window: u32) -> Option<Self> {
        let positions = digits(window) as usize;
        let bits = window as usize;
        let mut doubled = vec![point; positions * bits];
        for at in 1..doubled.len() {
            doubled[at] = doubled[at - 1].double();
        }
        let doubled: Vec<AffinePoint> = ProjectivePoint::batch_normalize(doubled.as_slice());
        let doubled: Option<Vec<Affine>> = doubled.iter().map(Affine::of).collect();
        let doubled = doubled?;

        let row = 1 << (window - 1);
        let mut points = vec![doubled[0]; positions * row];
        for position in 0..positions {
            points[position * row] = doubled[position * bits];
        }
        // the first m odd multiples and the 2m-th give the next m
        for power in 1..bits {
            let known = 1 << (power - 1);
            let mut inverses = Vec::with_capacity(positions * known);
            for position in 0..positions {
                let step = &doubled[position * bits + power];
                inverses.extend(points[position * row..][..known].iter().map(|point| step.x.subtract(point.x)));
            }
            if inverses.iter().any(|difference| difference.is_zero()) {
                return None;
            }
            invert_all(&mut inverses);
            for position in 0..positions {
                let step = &doubled[position * bits + power];
                let (old, new) = points[position * row..][..2 * known].split_at_mut(known);
                for ((old, new), inverse) in old.iter().zip(new).zip(&inverses[position * known..]) {
                    *new = add(old, step, *inverse);
                }
            }
        }
        Some(Self { window, points: points.into() })
    }

    pub(crate) const fn window(&self) -> u32 {
        self.window
    }

    pub(crate) const fn positions(&self) -> u32 {
        digits(self.window)
    }

    /// Row after row.
    pub(crate) fn points(&self) -> &[Affine] {
        &self.points
    }

    /// The odd multiples for one position.
    #[inline]
    pub(crate) fn row(&self, position: u32) -> &[Affine] {
        let row = 1 << (self.window - 1);
        &self.points[position as usize * row..][..row]
    }
}

impl std::fmt::Debug for Table {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Table({} bits)", self.window)
    }
}

/// Returns the point that a digit selects in its row.
#[inline]
pub(crate) fn point(row: &[Affine], digit: Digit) -> Affine {
    let Affine { x, y } = row[digit.index];
    Affine { x, y: y.negate_if(digit.negative) }
}

/// The sum of two points with different x, given 1 / (b.x - a.x).
#[inline]
pub(crate) fn add(a: &Affine, b: &Affine, inverse: Field) -> Affine {
    let slope = b.y.subtract(a.y).multiply(inverse);
    let x = slope.square().subtract(a.x).subtract(b.x);
    Affine { x, y: slope.multiply(a.x.subtract(x)).subtract(a.y) }
}
