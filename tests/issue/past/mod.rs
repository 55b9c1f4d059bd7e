//! What an earlier program left is finished, verified, looked up and published by this one.
//!
//! `fixtures/past/` holds folders as an earlier program left them; its README says how they were made. An open batch is
//! found by its old key and finished under its own encoder and terms. The clock is set to a day soon after the folders
//! were made: what the tests say does not depend on the day on which they run.
#![expect(clippy::unwrap_used, reason = "`unwrap` is for tests")]

mod editions;
mod families;
mod finished;
mod open;
mod twins;
mod unpacked;
