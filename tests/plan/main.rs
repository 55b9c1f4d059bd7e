//! Other CAs: `plan`, `sign` and `finish` on two machines, another house's CA by file and by CMP.
#![expect(clippy::unwrap_used, reason = "`unwrap` is for tests")]

#[path = "../support/mod.rs"]
#[expect(clippy::allow_attributes, reason = "`expect` would fail in a test that uses every helper")]
#[allow(dead_code, unreachable_pub, reason = "each test uses some of the helpers")]
mod support;

mod ceremony;
mod cmp;
mod cmp_batch;
mod foreign;
mod forge;
mod kill;
mod machines;
mod once;
mod responder;
mod tampered;
mod token;
