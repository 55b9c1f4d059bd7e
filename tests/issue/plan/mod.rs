//! Other CAs: `plan`, `sign` and `finish` on two machines, an external CA by file and by CMP.
#![expect(clippy::unwrap_used, reason = "`unwrap` is for tests")]

pub(crate) mod approvals;
mod ceremony;
mod cmp;
mod cmp_batch;
mod foreign;
mod forge;
mod kill;
pub(crate) mod machines;
mod once;
pub(crate) mod responder;
mod serials;
pub(crate) mod signed;
mod tampered;
pub(crate) mod token;
mod twins;
