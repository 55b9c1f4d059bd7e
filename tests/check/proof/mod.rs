//! Proofs of single chips: what is proved, what is refused, and that no byte of one can be changed.
#![expect(clippy::unwrap_used, reason = "`unwrap` is for tests")]
#![expect(clippy::print_stderr, reason = "how many mutations were tried must be seen")]

mod cli;
mod example;
mod families;
mod forged;
mod intermediate;
mod mutated;
mod pack;
mod pack_bytes;
mod possession;
mod status;
