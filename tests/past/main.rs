//! What an earlier program left is finished, verified, looked up and published by this one.
//!
//! `fixtures/past/` holds folders as an earlier program left them; its README says how they were made. An open batch is
//! found by its old key and finished under its own encoder and terms. The clock is set to a day soon after the folders
//! were made: what the tests say does not depend on the day on which they run.
#![expect(clippy::unwrap_used, reason = "`unwrap` is for tests")]

#[path = "../support/mod.rs"]
#[expect(clippy::allow_attributes, reason = "`expect` would fail in a test that uses every helper")]
#[allow(dead_code, unreachable_pub, reason = "each test uses some of the helpers")]
mod support;

#[path = "../plan/responder.rs"]
#[expect(clippy::allow_attributes, reason = "the responder is shared with the plan's tests")]
#[allow(dead_code, reason = "the responder is shared with the plan's tests")]
mod responder;

#[path = "../plan/signed.rs"]
#[expect(clippy::allow_attributes, reason = "signature files are shared with the plan's tests")]
#[allow(dead_code, reason = "signature files are shared with the plan's tests")]
mod signed;

mod editions;
mod families;
mod finished;
mod open;
mod twins;
mod unpacked;
