//! The service: through HTTP, as a user has it; and with the signer, as two processes.

#![cfg(feature = "service")]
#![expect(clippy::unwrap_used, reason = "also in what tests share: what cannot be unwrapped fails the test")]

use reroot_test_support as support;

mod bench;
mod browser;
mod client;
mod console;
mod demo;
mod document;
mod exports;
mod failing;
mod hostile;
mod hosts;
mod jobs;
mod killed;
mod policies;
mod program;
mod revocation;
mod signer;
mod uploads;
