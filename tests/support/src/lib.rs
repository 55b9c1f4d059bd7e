//! What several integration tests and benchmarks need: leaves and CAs to test with, the program and the tools that judge
//! what it makes, tokens, servers, and the texts that commands are compared with.
//!
//! A package of its own, so that it is compiled once and not with each test binary.
#![expect(
    clippy::missing_errors_doc,
    clippy::new_without_default,
    clippy::return_self_not_must_use,
    clippy::unwrap_used,
    reason = "helpers of tests: they panic, and a result that is dropped is the end of the test"
)]

pub mod bench;
pub mod campaign;
pub mod faulty;
pub mod golden;
pub mod judges;
pub mod manifest_pki;
pub mod opinion;
pub mod pki;
pub mod place;
pub mod postgres;
pub mod proxy;
pub mod run;
pub mod server;
pub mod tokens;
pub mod workshop;
