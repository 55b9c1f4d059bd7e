//! Questions to a ledger: which batches are on it, all certificates of a chip, everything that is known of one batch.
//!
//! Guarantees: nothing is changed, so that a question can be asked while a run adds to the ledger ([`Ledger::open_to_read`]).
//! The answers serialize themselves, for programs, and have their rows for tables.
//!
//! [`Ledger::open_to_read`]: crate::ledger::Ledger::open_to_read

mod batches;
mod certificates;
mod csv;
mod details;
mod places;
mod report;

pub use batches::{BatchLine, list};
pub use certificates::{ChipCertificate, Wanted, find};
pub use csv::table;
pub use details::{BatchDetails, show};
pub use places::{Places, look_in};
pub use report::{Abandoned, BatchToGoOn, Batches, ChipCertificates};
