//! Multiples of the generator, eight at a time, on processors with AVX-512 IFMA.
//!
//! The instructions are safe to call where the compiler knows that the processor has them. The two calls that enter such
//! functions are `unsafe`; [`Lanes`], which exists only where the instructions do, makes them sound.

#[cfg(target_arch = "x86_64")]
mod field;
#[cfg(target_arch = "x86_64")]
mod sum;
#[cfg(all(test, target_arch = "x86_64"))]
mod tests;

use crate::modular::Limbs;

/// Scalars that are multiplied in one go.
pub(crate) const TOGETHER: usize = 32;

/// The processor has the instructions.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Lanes(());

/// x and z of Jacobian coordinates, each times 2^256 and below the prime.
pub(crate) type XandZ = (Limbs, Limbs);

impl Lanes {
    /// Whether the processor and its operating system have AVX-512 F and IFMA.
    pub(crate) fn detect() -> Option<Self> {
        #[cfg(target_arch = "x86_64")]
        let there = is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("avx512ifma");
        #[cfg(not(target_arch = "x86_64"))]
        let there = false;
        there.then_some(Self(()))
    }

    /// For each k between 1 and n - 1 the point k G or -k G.
    ///
    /// Everything here depends on the scalars: constant time.
    #[expect(clippy::unused_self, reason = "that there is one is what makes it sound")]
    pub(crate) fn multiply(self, scalars: &[Limbs; TOGETHER], points: &mut [XandZ; TOGETHER]) {
        #[cfg(target_arch = "x86_64")]
        // SAFETY: there is a `Lanes`, so the processor has the instructions.
        unsafe {
            sum::multiply(sum::rows(), scalars, points);
        }
        #[cfg(not(target_arch = "x86_64"))]
        {
            let _ = (scalars, points);
            unreachable!("there is no Lanes")
        }
    }
}
