//! What is answered, for programs: values that serialize themselves.

use serde::Serialize;

use super::{BatchDetails, BatchLine, ChipCertificate};
use crate::ledger::{Abandonment, BatchId};
use crate::x509::{Sha256Digest, Time};

/// The batches of a ledger.
#[derive(Debug, Serialize)]
pub struct Batches<'a> {
    /// Oldest first.
    pub batches: &'a [BatchLine],
}

/// The certificates of a chip.
#[derive(Debug, Serialize)]
pub struct ChipCertificates<'a> {
    /// By batch.
    pub certificates: &'a [ChipCertificate],
}

/// A batch, and how to go on with it.
#[derive(Debug, Serialize)]
pub struct BatchToGoOn<'a> {
    /// The batch.
    #[serde(flatten)]
    pub details: &'a BatchDetails,
    /// What can be done next, in the words of the front door.
    pub next: &'a [String],
}

/// A batch that was given up.
#[derive(Debug, Serialize)]
pub struct Abandoned<'a> {
    outcome: &'static str,
    batch: String,
    freed: u64,
    count_as_issued: u64,
    reason: &'a str,
    by: &'a str,
    at: Time,
    ledger_head: Sha256Digest,
}

impl<'a> Abandoned<'a> {
    /// `leaves` are those of the batch, `fresh` is whether it was given up now, `head` is the ledger's after it.
    pub fn new(batch: &'a BatchId, abandonment: &'a Abandonment, leaves: u64, fresh: bool, head: Sha256Digest) -> Self {
        Self {
            outcome: if fresh { "done" } else { "already-done" },
            batch: batch.to_string(),
            freed: abandonment.freed,
            count_as_issued: leaves.saturating_sub(abandonment.freed),
            reason: &abandonment.reason,
            by: &abandonment.requester,
            at: abandonment.at,
            ledger_head: head,
        }
    }

    /// The rows of its table.
    pub fn facts(&self) -> Vec<(&'static str, String)> {
        let count = reroot_core::report::count;
        vec![
            ("abandoned", self.batch.clone()),
            ("because", self.reason.to_owned()),
            ("freed", count(self.freed)),
            ("count as issued", count(self.count_as_issued)),
            ("ledger head", self.ledger_head.to_string()),
        ]
    }
}
