//! What signs and remembers, through the program: configuration, policies, keys, the ledger, plans, other CAs, and the
//! command line itself.

use reroot_test_support as support;

mod bad_inputs;
mod bad_surroundings;
mod ceremony;
mod cli_surface;
mod consumers;
mod destinations;
mod documents;
mod example;
mod forms;
mod hsm;
mod in_use;
mod init;
mod inputs;
mod interop;
mod ledger_held;
mod logs;
mod once;
mod own_ca;
mod past;
mod pkcs11;
mod plan;
mod policy;
mod preflight;
mod printable;
mod questions;
mod review;
mod revocation;
mod signing_service;
mod surroundings;
