//! What signs and remembers: signers, the ledger, the CA's own certificates, and the pipeline from leaves to a sealed batch.
//!
//! Everything that only checks is `reroot-core`'s, under the same module names.

pub mod ca;
pub mod cmp;
pub mod config;
pub mod error;
pub mod issue;
pub mod ledger;
pub mod ownership;
pub mod plan;
pub mod reissue;
pub mod seal;
pub mod signer;

use reroot_core::{
    audit, cert, class, crypto, delivery, durable, failure, findings, input, intake, lint, manifest, origin, parallel,
    policy, reel, text, verify, x509,
};
