//! The signing service: what [`Vault`](crate::setup::Vault) does at a terminal, behind a Unix socket.
//!
//! A program that plans batches and holds no CA key hands its plans over, with the approvals that were given for them, and
//! takes signatures back. `docs/spec/signing-protocol.md` specifies what goes over the socket.
//!
//! Guarantees: the service believes nothing of what comes over the socket. A plan is admitted as at a terminal: by this
//! machine's own planners, policies, anchors and ledger, with approvals that are checked here. Every message is bounded in
//! size and time. A plan is signed once, whatever happens in between.

pub mod client;
pub mod frame;
pub mod message;
mod server;
mod spool;
mod wire;

pub use crate::approval::{ApprovalMode, Click};
pub use crate::error::SigningServiceError;
pub use client::Client;
pub use message::{Answer, Call, Hello, Readiness, RequestState, SecretText, SignerState, Unlocking};
pub use server::{Host, Service};
