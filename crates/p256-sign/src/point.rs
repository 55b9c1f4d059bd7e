//! Points of P-256 and their sums, in constant time.

use crate::modular::{Field, invert_all};

/// A point that is not the one at infinity.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Affine {
    pub(crate) x: Field,
    pub(crate) y: Field,
}

/// The point (x / z^2, y / z^3).
#[derive(Clone, Copy, Debug)]
pub(crate) struct Jacobian {
    pub(crate) x: Field,
    pub(crate) y: Field,
    pub(crate) z: Field,
}

impl From<Affine> for Jacobian {
    fn from(Affine { x, y }: Affine) -> Self {
        Self { x, y, z: Field::ONE }
    }
}

impl Jacobian {
    /// The sum of two points that are neither equal nor opposite. If they are, z becomes zero.
    #[inline]
    pub(crate) fn add(&self, other: &Affine) -> Self {
        self.add_with_differences(other).0
    }

    /// The sum of two points that are not opposite: that of equal points too, chosen without a branch.
    #[inline]
    pub(crate) fn add_or_double(&self, other: &Affine) -> Self {
        let (sum, height, rise) = self.add_with_differences(other);
        let double = other.double();
        let equal = height.zero_mask() & rise.zero_mask();
        Self {
            x: sum.x.or_where(equal, double.x),
            y: sum.y.or_where(equal, double.y),
            z: sum.z.or_where(equal, double.z),
        }
    }

    #[inline]
    fn add_with_differences(&self, other: &Affine) -> (Self, Field, Field) {
        let zz = self.z.square();
        let height = other.x.multiply(zz).subtract(self.x);
        let rise = other.y.multiply(self.z.multiply(zz)).subtract(self.y);
        let square = height.square();
        let cube = height.multiply(square);
        let v = self.x.multiply(square);
        let x = rise.square().subtract(cube).subtract(v).subtract(v);
        let y = rise.multiply(v.subtract(x)).subtract(self.y.multiply(cube));
        (Self { x, y, z: self.z.multiply(height) }, height, rise)
    }

    pub(crate) fn to_affine(self) -> Affine {
        let inverse = self.z.invert();
        self.times_inverse(inverse)
    }

    /// Public points.
    pub(crate) fn all_to_affine(points: &[Self]) -> Vec<Affine> {
        let mut inverses: Vec<Field> = points.iter().map(|point| point.z).collect();
        invert_all(&mut inverses, &mut vec![Field::ONE; points.len()], Field::ONE);
        points.iter().zip(inverses).map(|(point, inverse)| point.times_inverse(inverse)).collect()
    }

    fn times_inverse(&self, inverse: Field) -> Affine {
        let square = inverse.square();
        Affine { x: self.x.multiply(square), y: self.y.multiply(square.multiply(inverse)) }
    }
}

impl Affine {
    /// Twice the point.
    #[inline]
    pub(crate) fn double(&self) -> Jacobian {
        let twice = |number: Field| number.add(number);
        let square = self.x.square().subtract(Field::ONE);
        let slope = twice(square).add(square);
        let yy = self.y.square();
        let s = twice(twice(self.x.multiply(yy)));
        let x = slope.square().subtract(s).subtract(s);
        let y = slope.multiply(s.subtract(x)).subtract(twice(twice(twice(yy.square()))));
        Jacobian { x, y, z: twice(self.y) }
    }
}
