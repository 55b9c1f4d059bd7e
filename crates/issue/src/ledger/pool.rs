//! The chunks that a ledger on a server hands to workers.
//!
//! A lease only saves work: it keeps two workers from signing the same chunk at the same time. What is true of a chunk is
//! in the records. All times are the server's.

use serde::{Serialize, Serializer};

use crate::x509::Sha256Digest;

use super::LedgerError;
use super::batch::BatchId;
use super::open::Ledger;

/// The file with the leaves of a chunk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChunkFile {
    /// SHA-256 of the file, which is its name.
    pub sha256: Sha256Digest,
    /// How many leaves it has.
    pub leaves: u64,
}

/// A process that signs chunks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Worker {
    /// Its name. No two that run at the same time have the same.
    pub name: String,
    /// Version of the program.
    pub build: String,
    /// What it signs with.
    pub signer: String,
    /// The machine.
    pub host: String,
}

/// A lease of a chunk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    /// The batch.
    pub batch: BatchId,
    /// Number of the chunk.
    pub chunk: u64,
    /// The token, which no other lease has.
    pub token: u64,
    /// How often the chunk was leased, this time included.
    pub attempts: u32,
    /// The file with its leaves. The planner says so, and the worker compares them with the ledger.
    pub file: ChunkFile,
}

/// How a lease ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Settled<'a> {
    /// Each leaf of the chunk has a certificate on the ledger, which the server looks up.
    Done,
    /// The chunk failed, and a different worker may try.
    Open {
        /// Why.
        reason: &'a str,
    },
    /// No worker gets it before it is handed out again.
    Parked {
        /// Why.
        reason: &'a str,
    },
    /// The worker ends, and the fault is not the chunk's: the lease does not count.
    Untouched,
}

/// What is handed out, and to which workers.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PoolStatus {
    /// Batches that are neither sealed nor abandoned, oldest first.
    pub batches: Vec<HandedOut>,
    /// Parked chunks of these batches.
    pub parked: Vec<Parked>,
    /// Workers of the last 30 days, the last seen first.
    pub workers: Vec<PoolWorker>,
}

/// How far a batch is that is handed out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct HandedOut {
    /// The batch.
    #[serde(serialize_with = "name")]
    pub batch: BatchId,
    /// Its leaves.
    pub leaves: u64,
    /// Certificates on the ledger.
    pub certificates: u64,
    /// Chunks that a worker gets next, those included whose lease has run out.
    pub open: u64,
    /// Chunks that a worker has.
    pub leased: u64,
    /// Chunks whose leaves all have a certificate.
    pub done: u64,
    /// Chunks that no worker gets.
    pub parked: u64,
}

/// A chunk that failed too often.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Parked {
    /// The batch.
    #[serde(serialize_with = "name")]
    pub batch: BatchId,
    /// Number of the chunk.
    pub chunk: u64,
    /// How often it was leased.
    pub attempts: u32,
    /// Why it failed the last time.
    pub reason: String,
}

/// A worker as the server knows it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PoolWorker {
    /// The worker.
    #[serde(flatten)]
    pub worker: Worker,
    /// How long ago it began, in seconds.
    pub started_seconds: u64,
    /// How long ago it was last heard of, in seconds.
    pub seen_seconds: u64,
    /// Chunks that it has.
    pub leased: u64,
    /// Certificates of the chunks that it finished.
    pub certificates: u64,
}

fn name<S: Serializer>(batch: &BatchId, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(batch.as_str())
}

/// How often a chunk is leased before it is parked.
pub const MOST_ATTEMPTS: u32 = 5;

impl PoolStatus {
    /// Chunks that are still to be done by a worker.
    pub fn unfinished(&self) -> u64 {
        self.batches.iter().map(|batch| batch.open + batch.leased).sum()
    }
}

impl Ledger {
    /// Records what may be signed of this chunk under this claim from now on. Without a claim a ledger that was opened
    /// [by a worker](Self::open_as_worker) refuses it with [`StoreError::Fenced`](super::StoreError::Fenced).
    ///
    /// # Errors
    /// There is no such batch, or the store cannot be read.
    pub fn hold(&self, claim: &Claim) -> Result<(), LedgerError> {
        self.with(|state| {
            let batch = state.known(&claim.batch)?.number;
            state.store.hold(batch, claim.chunk, claim.token);
            Ok(())
        })
    }

    /// Records nothing under this claim any more.
    pub fn let_go(&self, claim: &Claim) {
        let forgotten = self.with(|state| {
            state.store.let_go(claim.token);
            Ok(())
        });
        forgotten.expect("forgetting a token does not fail");
    }
}

/// A program without the feature has no pool.
#[cfg(not(feature = "postgres"))]
#[expect(missing_docs, clippy::missing_errors_doc, reason = "no value has these methods")]
mod absent {
    use std::convert::Infallible;
    use std::path::Path;
    use std::time::Duration;

    use super::{BatchId, ChunkFile, Claim, LedgerError, PoolStatus, Settled, Worker};

    /// The chunks that a ledger on a server hands to workers. This program was built without servers: there is none.
    #[derive(Debug)]
    pub struct Pool(Infallible);

    impl Pool {
        pub fn open(url: &Path) -> Result<Self, LedgerError> {
            Err(LedgerError::NoPostgres { url: url.to_owned() })
        }

        pub fn open_to_read(url: &Path) -> Result<Self, LedgerError> {
            Self::open(url)
        }

        pub fn hand_out(&mut self, _: &BatchId, _: &[ChunkFile]) -> Result<(), LedgerError> {
            match self.0 {}
        }

        pub fn claim(&mut self, _: &Worker, _: Duration, _: usize) -> Result<Vec<Claim>, LedgerError> {
            match self.0 {}
        }

        pub fn extend(&mut self, _: &Worker, _: &[Claim], _: Duration) -> Result<Vec<u64>, LedgerError> {
            match self.0 {}
        }

        pub fn settle(&mut self, _: &Claim, _: Settled<'_>) -> Result<bool, LedgerError> {
            match self.0 {}
        }

        pub fn status(&mut self) -> Result<PoolStatus, LedgerError> {
            match self.0 {}
        }
    }
}
#[cfg(not(feature = "postgres"))]
pub use absent::Pool;
