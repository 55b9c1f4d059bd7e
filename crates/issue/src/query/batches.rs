//! Which batches are on a ledger.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::Serialize;

use crate::error::Error;
use crate::ledger::{AuthorityKind, BatchId, BatchState, CountedBatch, Ledger};
use crate::text::Printable;
use crate::x509::{Sha256Digest, Time};

use super::places::Places;

/// One batch in a list of all.
#[derive(Clone, Debug, Serialize)]
pub struct BatchLine {
    /// Its name.
    pub batch: String,
    /// How far it is.
    pub state: BatchState,
    /// Its instant of issue.
    pub issued_at: Time,
    /// Its policy's name.
    pub policy: String,
    /// SHA-256 of the policy file.
    pub policy_sha256: Sha256Digest,
    /// Who signs.
    pub authority: AuthorityKind,
    /// Leaves.
    pub leaves: u64,
    /// Leaves that may have been signed.
    pub intended: u64,
    /// Leaves that have a certificate.
    pub certificates: u64,
    /// Signatures made, those thrown away included.
    pub signatures_made: u64,
    /// Certificates that are revoked or on hold.
    pub revoked: u64,
    /// Where it was found as it was sealed.
    pub published: Vec<String>,
    /// Where an unfinished directory of it was found.
    pub unfinished: Vec<String>,
}

impl BatchLine {
    /// The columns of the table.
    pub const COLUMNS: [&str; 13] = [
        "batch",
        "state",
        "issued_at",
        "policy",
        "policy_sha256",
        "authority",
        "leaves",
        "intended",
        "certificates",
        "signatures_made",
        "revoked",
        "published",
        "unfinished",
    ];

    /// Returns the row of a table with those columns.
    pub fn cells(&self) -> Vec<String> {
        vec![
            self.batch.clone(),
            self.state.as_str().to_owned(),
            self.issued_at.to_string(),
            self.policy.clone(),
            self.policy_sha256.to_string(),
            self.authority.as_str().to_owned(),
            self.leaves.to_string(),
            self.intended.to_string(),
            self.certificates.to_string(),
            self.signatures_made.to_string(),
            self.revoked.to_string(),
            self.published.join(" "),
            self.unfinished.join(" "),
        ]
    }

    pub(super) fn new(counted: &CountedBatch, revoked: u64, places: Option<&Places>) -> Self {
        let shown = |paths: &[PathBuf]| paths.iter().map(|path| Printable::new(path).to_string()).collect();
        Self {
            batch: counted.row.id.to_string(),
            state: counted.row.state,
            issued_at: counted.row.issued_at,
            policy: counted.row.terms.policy_name.clone(),
            policy_sha256: counted.row.terms.policy_sha256,
            authority: counted.row.delivery.authority,
            leaves: counted.row.terms.leaf_count,
            intended: counted.intended,
            certificates: counted.certificates,
            signatures_made: counted.signatures_made,
            revoked,
            published: places.map_or_else(Vec::new, |places| shown(&places.published)),
            unfinished: places.map_or_else(Vec::new, |places| shown(&places.unfinished)),
        }
    }
}

/// Lists every batch, oldest first; `places` says where batches were found.
///
/// # Errors
/// The ledger cannot be read.
pub fn list(ledger: &Ledger, places: &BTreeMap<BatchId, Places>) -> Result<Vec<BatchLine>, Error> {
    let revoked = revoked(ledger)?;
    let lines = ledger.counted_batches()?.into_iter().map(|counted| {
        let count = revoked.get(&counted.number).copied().unwrap_or_default();
        BatchLine::new(&counted, count, places.get(&counted.row.id))
    });
    Ok(lines.collect())
}

/// How many certificates of each batch are revoked, by the batch's number.
pub(super) fn revoked(ledger: &Ledger) -> Result<BTreeMap<u64, u64>, Error> {
    let mut revoked = BTreeMap::new();
    for one in ledger.revocations(u64::MAX)?.certificates() {
        *revoked.entry(one.batch).or_default() += 1;
    }
    Ok(revoked)
}
