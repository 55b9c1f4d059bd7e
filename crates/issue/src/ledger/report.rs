//! What the ledger says of itself, for programs: values that serialize themselves, as `reroot-core`'s reports do.

use std::path::Path;

use serde::{Serialize, Serializer};

use super::{
    AuthorityKind, BatchState, ExportedNames, LedgerOverview, LedgerReport, LedgerStats, OpenBatch, PolicyStats,
};
use crate::text::{Printable, exact_path};
use crate::x509::{Sha256Digest, Time};

impl Serialize for AuthorityKind {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl Serialize for BatchState {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

#[derive(Serialize)]
struct Counts {
    abandoned: u64,
    records: u64,
    batches: u64,
    sealed: u64,
    open: u64,
    leaves: u64,
    intended: u64,
    certificates: u64,
    signatures_made: u64,
    retries: u64,
    ca_records: u64,
    accepted: u64,
    revoked: u64,
    released: u64,
    blocked: u64,
    unblocked: u64,
    crl_rounds: u64,
    crls: u64,
}

impl Serialize for LedgerStats {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let counts = Counts {
            abandoned: self.abandoned,
            records: self.records,
            batches: self.batches,
            sealed: self.sealed,
            open: self.open(),
            leaves: self.leaves,
            intended: self.intended,
            certificates: self.certificates,
            signatures_made: self.signatures_made,
            retries: self.retries,
            ca_records: self.ca_records,
            accepted: self.accepted,
            revoked: self.revoked,
            released: self.released,
            blocked: self.blocked,
            unblocked: self.unblocked,
            crl_rounds: self.crl_rounds,
            crls: self.crls,
        };
        counts.serialize(serializer)
    }
}

#[derive(Serialize)]
struct Overview<'a> {
    total: LedgerStats,
    policies: Vec<OfPolicy<'a>>,
    open: Vec<Open<'a>>,
}

#[derive(Serialize)]
struct OfPolicy<'a> {
    name: &'a str,
    batches: u64,
    sealed: u64,
    leaves: u64,
    certificates: u64,
    signatures_made: u64,
    retries: u64,
}

#[derive(Serialize)]
struct Open<'a> {
    batch: String,
    policy: &'a str,
    issued_at: Time,
    leaves: u64,
    intended: u64,
    certificates: u64,
}

impl<'a> From<(&'a String, &'a PolicyStats)> for OfPolicy<'a> {
    fn from((name, of): (&'a String, &'a PolicyStats)) -> Self {
        Self {
            name,
            batches: of.batches,
            sealed: of.sealed,
            leaves: of.leaves,
            certificates: of.certificates,
            signatures_made: of.signatures_made,
            retries: of.retries,
        }
    }
}

impl<'a> From<&'a OpenBatch> for Open<'a> {
    fn from(batch: &'a OpenBatch) -> Self {
        Self {
            batch: batch.id.to_string(),
            policy: &batch.policy,
            issued_at: batch.issued_at,
            leaves: batch.leaves,
            intended: batch.intended,
            certificates: batch.certificates,
        }
    }
}

impl Serialize for LedgerOverview {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let policies = self.policies.iter().map(OfPolicy::from).collect();
        let open = self.open.iter().map(Open::from).collect();
        Overview { total: self.total, policies, open }.serialize(serializer)
    }
}

#[derive(Serialize)]
struct Examined {
    head: Sha256Digest,
    total: LedgerStats,
    findings: Vec<Found>,
    compared: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    unread: Option<u64>,
    holds: bool,
}

#[derive(Serialize)]
struct Found {
    record: u64,
    finding: &'static str,
}

impl Serialize for LedgerReport {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let findings = self.findings.iter().map(|found| Found { record: found.position, finding: found.what });
        let examined = Examined {
            head: self.head,
            total: self.stats,
            findings: findings.collect(),
            compared: self.compared,
            unread: self.unread,
            holds: self.findings.is_empty(),
        };
        examined.serialize(serializer)
    }
}

/// The ledger's head.
#[derive(Debug, Serialize)]
pub struct HeadReport {
    /// Digest of its last record.
    pub head: Sha256Digest,
}

impl Serialize for ExportedNames {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Exported {
            names: u64,
            head: Sha256Digest,
        }
        Exported { names: self.names, head: self.head }.serialize(serializer)
    }
}

/// A ledger that was moved.
#[derive(Debug, Serialize)]
pub struct CopyReport {
    ledger: String,
    records: u64,
    head: Sha256Digest,
}

impl CopyReport {
    /// The new ledger at `path` has this many records, and ends with `head`.
    pub fn new(path: &Path, records: u64, head: Sha256Digest) -> Self {
        Self { ledger: exact_path(path), records, head }
    }

    /// The rows of its table.
    pub fn facts(&self) -> [(&'static str, String); 3] {
        [
            ("ledger", Printable::new(&self.ledger).to_string()),
            ("records", self.records.to_string()),
            ("ledger head", self.head.to_string()),
        ]
    }
}

/// A copy of a ledger.
#[derive(Debug, Serialize)]
pub struct BackupReport {
    backup: String,
    head: Sha256Digest,
}

impl BackupReport {
    /// The copy at `path` ends with `head`.
    pub fn new(path: &Path, head: Sha256Digest) -> Self {
        Self { backup: exact_path(path), head }
    }

    /// The rows of its table.
    pub fn facts(&self) -> [(&'static str, String); 2] {
        [("backup", Printable::new(&self.backup).to_string()), ("ledger head", self.head.to_string())]
    }
}
