//! Other CAs: `plan`, `sign` and `finish` on two machines, another house's CA by file and by CMP.
#![expect(clippy::unwrap_used, reason = "`unwrap` is for tests")]

#[path = "../support/mod.rs"]
#[expect(clippy::allow_attributes, reason = "`expect` would fail in a test that uses every helper")]
#[allow(dead_code, unreachable_pub, reason = "each test uses some of the helpers")]
mod support;

#[path = "../audit/opinion.rs"]
#[expect(clippy::allow_attributes, reason = "the helpers are shared with the audit's tests")]
#[allow(dead_code, reason = "the helpers are shared with the audit's tests")]
mod opinion;

mod ceremony;
mod cmp;
mod cmp_batch;
mod foreign;
mod forge;
mod kill;
mod machines;
mod once;
mod responder;
mod serials;
mod signed;
mod tampered;
mod token;
mod twins;
