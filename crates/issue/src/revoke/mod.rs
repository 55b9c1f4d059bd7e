//! Revocation: which certificates, decided and recorded first, then the lists that say so.
//!
//! Guarantees: what a list says is on the ledger before a CA key signs it; a list follows from the ledger's records, so a
//! second program makes the same bytes; the numbers of rounds ascend. A certificate is named by what people know of it: a
//! chip, a reel, a batch. Nothing is recorded while one of the names is in doubt.

mod certificates;
mod choose;
mod chosen;
pub mod due;
pub mod export;
mod list;
mod lists;
pub mod plan;
mod publish;
mod report;
pub mod request;
mod round;
mod routine;
mod sealed;
mod select;
mod sizes;

pub(crate) use certificates::BatchCertificates;
pub use choose::{choose, choose_release};
pub use chosen::{Chosen, Counts, Decision, Finding};
pub use list::{parse_reason, read_chips, read_list, read_uids, reasons};
pub use lists::{ENCODER, Lists};
pub use publish::{Index, IndexList, read_index};
pub use report::{Carried, Change, ExportMade, RoundCarried, RoundPublished};
pub use round::{Round, RoundJob, make};
pub use select::{Named, Selection, read_reel};
pub use sizes::ScopeSize;
