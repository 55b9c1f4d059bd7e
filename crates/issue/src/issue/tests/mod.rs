//! Certificates end to end: template, ledger, signature, and back.

mod faults;
mod golden;
mod once;
mod run;
mod scale;
mod signers;
#[cfg(feature = "postgres")]
mod workers;
