//! Whole batches with keys in tokens, through the front door: SoftHSM2, kryoptic, a module that goes wrong on purpose,
//! p11-kit's server, OpenSC's spy. Each test has a token folder of its own.

#![expect(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "helpers of tests, which clippy takes for a program"
)]

mod authority;
mod batches;
mod commands;
mod faults;
mod network;
mod surroundings;
