//! Everything that can happen to files while a batch is made, and the same command again: the same serials and
//! tbsCertificates, one certificate a chip, a whole output or none.
//!
//! `REROOT_LONG=1` runs every case instead of a sample: each system call of a small batch in each way in which
//! it can go wrong, and 200 kills of a large batch.

#![expect(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "helpers of tests, which clippy takes for a program"
)]

#[expect(clippy::allow_attributes, reason = "`expect` would fail in a test that uses every helper")]
#[allow(dead_code, reason = "each test uses some of the helpers")]
#[path = "../hsm/place.rs"]
mod place;
#[expect(clippy::allow_attributes, reason = "`expect` would fail in a test that uses every helper")]
#[allow(dead_code, unreachable_pub, reason = "each test uses some of the helpers")]
#[path = "../support/mod.rs"]
mod support;
#[expect(clippy::allow_attributes, reason = "`expect` would fail in a test that uses every helper")]
#[allow(dead_code, reason = "each test uses some of the helpers")]
#[path = "../pkcs11/support.rs"]
mod tokens;

mod bench;
mod calls;
mod disk;
mod index;
mod kills;
mod ledger;
mod power;
mod together;
