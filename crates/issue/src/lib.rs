//! What signs and remembers: signers, the ledger, the CA's own certificates, and the pipeline from leaves to a sealed batch.
//!
//! What is signed with which key:
//!
//! - **A CA key signs nothing that is not already on the ledger**: certificates of leaves, certificates of CAs and manifest
//!   signers, requests, possession certificates. All of them go through one function, `issue::sign_recorded`, which takes
//!   [`Recorded`](ledger::Recorded), and only the ledger makes that. A request is signed with the key that it is for, and a
//!   manifest signer's request goes the same way.
//! - **The manifest key** signs through [`seal`] alone, and says nothing about a chip that a CA key has not signed before. A
//!   statement is sealed after all its certificates are on the ledger; statement and seal are recorded before the batch
//!   gets its name. If the run stops after the seal and before the record, the next run seals again, with another time of
//!   sealing; the first statement was not published. Supplements of possession and heads of plans are sealed and not
//!   recorded.
//! - The key that protects messages to an external CA (`cmp/protection.rs`) signs these messages. Which certificates they
//!   ask for is on the ledger before they are sent ([`RecordedRequest`](ledger::RecordedRequest)).
//!
//! `tests/check/architecture/mod.rs` holds the list of places that may call a signer.
//!
//! Everything that only checks is `reroot-core`'s, under the same module names.
//!
//! What is needed to issue a batch is re-exported here; `examples/issue.rs` uses it. The modules hold the rest.

pub mod approval;
pub mod audit_log;
pub mod ca;
pub mod cmp;
pub mod config;
pub mod error;
pub mod https;
pub mod issue;
pub mod ledger;
pub mod ownership;
pub mod pipeline;
pub mod plan;
pub mod possession;
pub mod query;
pub mod revoke;
pub mod seal;
pub mod setup;
pub mod signer;
pub mod signing_service;
pub mod status;

pub use cert::Seed;
pub use config::Config;
pub use error::Error;
pub use issue::Issuer;
pub use ledger::{BatchId, Ledger, OnReject};
pub use pipeline::{
    Issue, Job, JobBasis, JobBuilder, Local, OnMissing, OnSurplus, Outcome, Progress, Refusal, Summary, run,
};
pub use policy::Policy;
pub use reel::Input;
pub use signer::{ResolveWith, SecretResolver, Signer};
pub use x509::{Certificate, Time};

#[macro_use(codes)]
extern crate reroot_core;

use reroot_core::{
    audit, cert, class, crl, crypto, delivery, durable, failure, findings, input, intake, lint, manifest, origin,
    parallel, policy, proof, reel, text, toml, verify, x509,
};
