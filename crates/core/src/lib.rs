//! What checks: reads archives, verifies leaves, derives certificates, lints them, and verifies whole batches and proofs.
//!
//! This crate holds no private key, opens no connection, asks neither clock nor random generator, and prints nothing.
//! The one database it reads is a line pack, read-only. Signing and remembering are `reroot-issue`'s.
//!
//! What is needed to check a proof is re-exported here; `examples/check_proof.rs` uses it. The modules hold the rest.

// public for the macro's sake: its constants name the type here, and everything else names `origin::Code`
#[doc(hidden)]
#[macro_use]
pub mod code;

pub mod audit;
pub mod cert;
pub mod class;
pub mod crl;
pub mod crypto;
pub mod delivery;
pub mod durable;
pub mod error;
pub mod export;
pub mod failure;
pub mod findings;
pub mod input;
pub mod inspect;
pub mod intake;
pub mod journal;
pub mod lint;
pub mod load;
pub mod manifest;
pub mod origin;
pub mod parallel;
pub mod policy;
pub mod preview;
pub mod proof;
pub mod reel;
pub mod report;
pub mod text;
pub mod toml;
pub mod verify;
pub mod x509;

pub use class::Class;
pub use error::Error;
pub use origin::{ChipName, Uid};
pub use proof::{Checker, Claim, Presence, Proved};
pub use x509::bundle::named as certificates;
pub use x509::{Certificate, Sha256Digest, Time};
