//! reroot gives every STSAFE-A secure element a second root of trust without breaking the first.

pub mod ca;
pub mod cert;
pub mod config;
pub mod crypto;
pub mod delivery;
pub mod durable;
pub mod issue;
pub mod ledger;
pub mod lint;
pub mod manifest;
pub mod origin;
pub mod policy;
pub mod reel;
pub mod signer;
pub mod verify;
pub mod x509;
