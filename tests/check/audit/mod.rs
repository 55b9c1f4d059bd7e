//! `reroot verify` holds a good batch to be good and refuses every other, with the code of what is wrong.
//!
//! `changed` is what a thief of the directory can do; `resealed` is what the holder of the manifest key can do, and of
//! the issuing key too: there only what is derived again from the auditor's anchors is in the way.
#![expect(clippy::unwrap_used, reason = "`unwrap` is for tests")]
#![expect(clippy::print_stderr, reason = "how many mutations were tried must be seen")]

mod account;
mod auditor;
pub(crate) mod batch;
mod changed;
pub(crate) mod forge;
mod history;
mod honest;
mod independent;
mod mutated;
mod page;
mod resealed;
mod second;
mod signers;
mod strict;
mod timestamp;
mod verdict;
