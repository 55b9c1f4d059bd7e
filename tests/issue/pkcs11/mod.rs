//! Keys in PKCS#11 tokens, against SoftHSM2, a module that goes wrong on purpose, p11-kit's server and OpenSC's spy.
//!
//! A module is initialised once per process and reads its configuration from the environment, so each case runs in a
//! process of its own: this test binary again, see [`run`].

#![expect(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "helpers of tests, which clippy takes for a program"
)]

mod faults;
mod locating;
mod network;
mod run;
mod signing;
mod tools;
