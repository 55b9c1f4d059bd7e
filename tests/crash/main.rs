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

use reroot_test_support as support;

mod abandon;
mod bench;
mod calls;
mod disk;
mod index;
mod kills;
mod ledger;
mod power;
mod server;
mod together;
