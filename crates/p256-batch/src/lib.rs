//! Verification of many P-256 signatures of one key (ECDSA with SHA-256, FIPS 186-5 §6.4.2).
//!
//! All leaves of a reel are signed by one key, and all that an issuer signs by another. For such a key, multiples of its
//! point are computed once, so that u1 G + u2 Q is a sum of points from tables: no doublings, and one inversion for
//! many signatures. A signature takes about a seventh of the time that a general library needs; where the processor
//! adds eight points at a time (AVX-512 IFMA, detected at run time), a twentieth.
//!
//! The engine never has the last word where that would be dangerous:
//!
//! 1. It accepts a signature only if the x coordinate of the sum, reduced by the order, is r. A signature that it does
//!    not accept gets its verdict from the caller's general verification. So does each sum on whose way two points had
//!    the same x.
//! 2. The caller's verification also checks the first signatures under a key, and a sample of the later ones. One
//!    difference is a [`Fault`], after which no verdict may be used. So is a table that does not give `p256`'s sums, and
//!    a known answer that is not found.
//! 3. Below [`MIN_SEEN`] signatures no table is made.
//!
//! Everything here is public data, so nothing runs in constant time. `unsafe` is needed for entering the functions with
//! vector instructions, and is allowed in `lanes` alone.

#![deny(unsafe_code)]

mod engine;
mod known;
mod lane_table;
#[expect(unsafe_code, reason = "entering functions with vector instructions")]
mod lanes;
mod multiples;
mod opinion;
mod recode;
mod residue;
mod sum;
mod table;
#[cfg(test)]
mod tests;

pub use engine::{Fault, FixedKey, MIN_SEEN};
pub use opinion::{Opinion, Statement};
