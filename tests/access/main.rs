//! Who may do what, and what is read through HTTP: tokens, certificates, roles, the audit log, chips, batches, stations.
//! Every test asks the program.

#![cfg(feature = "service")]

use reroot_test_support as support;

mod audit;
mod batches;
mod certificates;
mod chips;
mod client;
mod console;
mod described;
mod hostile;
mod receipts;
mod roles;
mod service;
mod stations;
mod tokens;
