//! Proofs of single chips: made from a batch, checked against anchors and nothing else.
//!
//! ```text
//! prove      the lines once for the tree, once more beside the archives: any number of proofs in one go
//! Checker    seal -> statement -> lines in the tree, neighbours -> source leaf -> issuing CA -> certificate -> line
//! ```
//!
//! A proof of presence also shows that the chip is in the batch once, and a proof of absence that it is not: both by the
//! lines beside it, and therefore *relative to the signer's claim* that lines are in strictly increasing order of UIDs.
//! An auditor who wants that claim checked reads all lines (`verify`). No proof shows what was signed outside the
//! ledger.
//!
//! The checks are the audit's own; that the certificate follows bit for bit from policy and seed is the audit's alone,
//! since the policy is not in a proof. The serial number is derived again here too.

mod check;
mod family;
mod leaf;
mod make;
mod pack;
mod status;

pub use crate::origin::{ChipName, ChipNameError};
pub use check::code::CODES;
pub use check::{Checker, Claim, Presence, Proved, code};
pub use leaf::{LeafError, leaf_from_chip};
pub use make::{Chips, Prove, Proven, prove};
pub use pack::{Found, Pack, ProofSource, lookup, pack};
pub use status::{BatchStatus, NotRevoked, Statuses};
