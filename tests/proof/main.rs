//! Proofs of single chips: what is proved, what is refused, and that no octet of one can be changed.
#![expect(clippy::unwrap_used, reason = "`unwrap` is for tests")]
#![expect(clippy::print_stderr, reason = "how many mutations were tried must be seen")]

#[path = "../support/mod.rs"]
#[expect(clippy::allow_attributes, reason = "`expect` would fail in a test that uses every helper")]
#[allow(dead_code, unreachable_pub, reason = "each test uses some of the helpers")]
mod support;

#[path = "../audit/batch.rs"]
#[expect(clippy::allow_attributes, reason = "the helpers are shared with the audit's tests")]
#[allow(dead_code, reason = "the helpers are shared with the audit's tests")]
mod batch;
#[path = "../audit/forge.rs"]
#[expect(clippy::allow_attributes, reason = "the helpers are shared with the audit's tests")]
#[allow(dead_code, reason = "the helpers are shared with the audit's tests")]
mod forge;

#[path = "../audit/opinion.rs"]
#[expect(clippy::allow_attributes, reason = "the helpers are shared with the audit's tests")]
#[allow(dead_code, reason = "the helpers are shared with the audit's tests")]
mod opinion;

mod cli;
mod families;
mod forged;
mod intermediate;
mod mutated;
mod pack;
mod pack_octets;
mod possession;
