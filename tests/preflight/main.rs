//! Nothing is sealed that `verify` refuses: CAs of other software, their constraints, their dates, the clock.

#[path = "../support/mod.rs"]
#[expect(clippy::allow_attributes, reason = "`expect` would fail in a test that uses every helper")]
#[allow(dead_code, unreachable_pub, reason = "each test uses some of the helpers")]
mod support;

mod ca;
mod clock;
mod constraints;
mod forms;
mod lifetimes;
mod makers;
