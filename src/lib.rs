//! reroot gives every STSAFE-A secure element a second root of trust without breaking the first.

pub mod audit;
pub mod ca;
pub mod cert;
pub mod config;
pub mod crypto;
pub mod delivery;
pub mod durable;
pub mod error;
pub mod inspect;
mod intake;
pub mod issue;
pub mod ledger;
pub mod lint;
pub mod manifest;
pub mod origin;
mod parallel;
pub mod policy;
pub mod preview;
pub mod reel;
pub mod reissue;
pub mod signer;
pub mod verify;
pub mod x509;
