//! The service: jobs, an HTTP API and stored state over the libraries. It has no issuing key.
//!
//! Guarantees: every request is answered by a function of `http`, which checks who asks and what they may do, and calls the
//! libraries; the core stays synchronous, and runs on threads of its own. What a request changes is in the store before it
//! is answered. What it leaves to others: the signer decides what is signed ([`reroot_issue::approval`]), and the front
//! door gives the clock, the random generator and the secrets ([`world::World`]).
//!
//! A taken-over service can plan and can lie to its users; it cannot sign.

pub mod admin;
pub mod app;
pub mod audit_log;
pub mod auth;
pub mod catalog;
pub mod console;
pub mod error;
pub mod http;
pub mod job;
pub mod listen;
pub mod lists;
pub mod metrics;
pub mod oidc;
pub mod principal;
pub mod problem;
pub mod rate;
pub mod running;
pub mod serve;
pub mod settings;
pub mod status;
pub mod store;
pub mod version;
pub mod world;

pub use admin::{first_admin, login_link};
pub use error::ServiceError;
pub use serve::{Opening, Started, check_ledger, serve};
pub use settings::Settings;
pub use world::World;

#[macro_use(codes)]
extern crate reroot_core;
