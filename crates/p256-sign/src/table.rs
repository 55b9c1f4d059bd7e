//! Odd multiples of the generator. Public numbers, made in variable time.

use crate::modular::{Field, Limbs};
use crate::point::{Affine, Jacobian};

/// For each of `rows` positions i, the 2^(width - 1) odd multiples 1, 3, 5, ... of 2^(width i) G.
pub(crate) fn odd_multiples(width: usize, rows: usize) -> Vec<Affine> {
    let each = 1 << (width - 1);
    let mut points = Vec::with_capacity(rows * each);
    let mut base = generator();
    for _ in 0..rows {
        let double = base.double().to_affine();
        let mut multiple = Jacobian::from(base);
        for _ in 0..each {
            points.push(multiple);
            multiple = multiple.add(&double);
        }
        // the last odd multiple but one step is (2^width + 1) base
        let negative = Affine { x: base.x, y: Field::ZERO.subtract(base.y) };
        base = multiple.add(&negative).to_affine();
    }
    Jacobian::all_to_affine(&points)
}

/// The base point (SP 800-186 §3.2.1.3).
pub(crate) fn generator() -> Affine {
    const X: Limbs = [0xF4A1_3945_D898_C296, 0x7703_7D81_2DEB_33A0, 0xF8BC_E6E5_63A4_40F2, 0x6B17_D1F2_E12C_4247];
    const Y: Limbs = [0xCBB6_4068_37BF_51F5, 0x2BCE_3357_6B31_5ECE, 0x8EE7_EB4A_7C0F_9E16, 0x4FE3_42E2_FE1A_7F9B];
    Affine { x: Field::new(X), y: Field::new(Y) }
}
