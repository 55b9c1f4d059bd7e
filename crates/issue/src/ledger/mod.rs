//! Port: the permanent records of what was promised to be signed, what was signed, and what was published.
//!
//! Guarantees: a [`Recorded`] exists only when its intent is durable; an open batch holds its leaves against every
//! other batch; a batch is sealed once; every record is a link of one hash chain. `docs/spec/ledger.md` explains the
//! records and the order in which they are written. Deciding which leaves to issue, signing and publishing are left to
//! others.
//!
//! [`Ledger`] is the rules, [`LedgerStore`] where records are kept.

mod abandoned;
mod accepted;
mod backup;
mod batch;
mod begin;
mod blocked;
mod ca;
mod carried;
mod chips;
mod chunk;
mod codec;
mod copy;
mod delivery;
mod error;
mod held;
mod index;
mod instruction;
mod leaf;
mod list;
mod log;
mod memory;
mod names;
mod noted;
mod open;
mod pool;
#[cfg(feature = "postgres")]
mod postgres;
mod record;
mod recorded;
mod report;
mod request;
mod revocations;
mod revoked;
mod round;
mod rows;
mod scope;
mod seal;
mod signer_request;
mod snapshot;
mod sqlite;
mod standing;
mod stats;
mod store;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;
mod verify;

pub use crate::origin::ledger_codes as code;
pub use abandoned::Abandonment;
pub use accepted::{Accepted, KnownTimes};
pub use batch::{BatchId, BatchIdError, BatchRow, BatchState, BatchTerms, OnReject, PolicyUse};
pub use blocked::BlockedChips;
pub use ca::{CaEntry, CaIntent};
pub use carried::CarriedRecord;
pub use chips::{ChunkLeaf, FoundLeaf};
pub use delivery::{AuthorityKind, Delivery, DeliveryUnknown};
pub use error::LedgerError;
pub use instruction::Instruction;
pub use leaf::{LeafKey, LeafRef, Leaves, leaf_set_digest};
pub use memory::{Fault, MemoryStore};
pub use names::{ExportedNames, KnownNames, NamesError};
pub use open::{Ledger, is_url};
#[cfg(not(feature = "postgres"))]
pub use pool::Pool;
pub use pool::{ChunkFile, Claim, HandedOut, MOST_ATTEMPTS, Parked, PoolStatus, PoolWorker, Settled, Worker};
#[cfg(feature = "postgres")]
pub use postgres::Pool;
pub use record::{Draft, Entry, Head, Kind, Place, Record};
pub use recorded::{Recorded, RecordedLeaf, ToBeSigned};
pub use report::{BackupReport, CopyReport, HeadReport};
pub use request::{RecordedRequest, Requested};
pub use revocations::{Revocations, Revoked, may_become};
pub use revoked::{Release, Revocable, Revocation, RevokedCount};
pub use round::{CrlRound, RoundList, SignedList, TbsCertList};
pub use scope::Scope;
pub use signer_request::{RecordedClick, ServiceOutcome, ServiceRequest, SignedApproval, SignerRequest};
pub use sqlite::SqliteStore;
pub use standing::{Standing, Standings};
pub use stats::{CountedBatch, LedgerOverview, OpenBatch, PolicyStats};
pub use store::{LedgerStore, StoreError, Wanted};
pub use verify::{LedgerFinding, LedgerReport, LedgerStats, MAX_FINDINGS};
