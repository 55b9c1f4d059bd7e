//! Whole batches with keys in tokens, through the front door: SoftHSM2, kryoptic, a module that goes wrong on purpose,
//! p11-kit's server, OpenSC's spy. Each test has a token folder of its own.

#![expect(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "helpers of tests, which clippy takes for a program"
)]

#[expect(clippy::allow_attributes, reason = "`expect` would fail in a test that uses every helper")]
#[allow(dead_code, unreachable_pub, reason = "each test uses some of the helpers")]
#[path = "../support/mod.rs"]
mod support;
#[expect(clippy::allow_attributes, reason = "`expect` would fail in a test that uses every helper")]
#[allow(dead_code, reason = "each test uses some of the helpers")]
#[path = "../pkcs11/support.rs"]
mod tokens;

mod authority;
mod batches;
mod commands;
mod faults;
mod network;
mod place;
mod surroundings;
