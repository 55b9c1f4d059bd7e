//! How much is on the ledger: of which policies, and what is not finished.

use std::collections::BTreeMap;

use crate::x509::Time;

use super::LedgerError;
use super::batch::{BatchId, BatchRow, BatchState, Summary};
use super::open::{Ledger, State};
use super::record::Kind;
use super::verify::LedgerStats;

/// How much is on a ledger, as its records say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LedgerOverview {
    /// Of the whole ledger.
    pub total: LedgerStats,
    /// Of each policy's batches, by its name.
    pub policies: BTreeMap<String, PolicyStats>,
    /// Batches that were started and neither sealed nor abandoned, oldest first.
    pub open: Vec<OpenBatch>,
}

/// How much was issued under one policy name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PolicyStats {
    /// Batches that were started.
    pub batches: u64,
    /// Batches sealed.
    pub sealed: u64,
    /// Leaves of all batches.
    pub leaves: u64,
    /// Certificates.
    pub certificates: u64,
    /// Signatures made, those thrown away included.
    pub signatures_made: u64,
    /// Serial numbers given up.
    pub retries: u64,
}

/// A batch that holds its leaves against every other one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenBatch {
    /// Its name.
    pub id: BatchId,
    /// Its policy's name.
    pub policy: String,
    /// Its instant of issue.
    pub issued_at: Time,
    /// Leaves.
    pub leaves: u64,
    /// Leaves that may have been signed.
    pub intended: u64,
    /// Leaves that have a certificate.
    pub certificates: u64,
}

/// What the records of one batch add up to.
#[derive(Clone, Copy, Default)]
struct Sums {
    intended: u64,
    certificates: u64,
    signatures_made: u64,
    retries: u64,
    state: BatchState,
}

/// A batch with what its records add up to.
#[derive(Clone, Debug)]
pub struct CountedBatch {
    /// Its number on this ledger.
    pub number: u64,
    /// The batch.
    pub row: BatchRow,
    /// Leaves that may have been signed.
    pub intended: u64,
    /// Leaves that have a certificate.
    pub certificates: u64,
    /// Signatures made, those thrown away included.
    pub signatures_made: u64,
}

impl Ledger {
    /// How much is on the ledger, as its records say; nothing is checked, and no leaf is read.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn overview(&self) -> Result<LedgerOverview, LedgerError> {
        let total = self.stats()?;
        self.with(|state| {
            let sums = state.sums()?;
            let mut overview = LedgerOverview { total, policies: BTreeMap::new(), open: Vec::new() };
            for batch in state.batches()?.to_vec() {
                let sums = sums.get(&batch.number).copied().unwrap_or_default();
                overview.add(&batch, sums);
                if sums.state == BatchState::Open {
                    let issued_at = state.row(&batch)?.issued_at;
                    overview.open.push(OpenBatch {
                        id: batch.id,
                        policy: batch.policy_name.into(),
                        issued_at,
                        leaves: batch.leaves,
                        intended: sums.intended,
                        certificates: sums.certificates,
                    });
                }
            }
            Ok(overview)
        })
    }

    /// Every batch with what its records add up to, oldest first.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn counted_batches(&self) -> Result<Vec<CountedBatch>, LedgerError> {
        self.with(|state| {
            let sums = state.sums()?;
            let batches = state.batches()?.to_vec();
            let counted = batches.into_iter().map(|batch| {
                let Sums { intended, certificates, signatures_made, .. } =
                    sums.get(&batch.number).copied().unwrap_or_default();
                let row = state.row(&batch)?;
                Ok(CountedBatch { number: batch.number, row, intended, certificates, signatures_made })
            });
            counted.collect()
        })
    }
}

impl State {
    /// What the records of each batch add up to, by its number; no body is read.
    fn sums(&mut self) -> Result<BTreeMap<u64, Sums>, LedgerError> {
        let mut sums: BTreeMap<u64, Sums> = BTreeMap::new();
        for kind in [Kind::Intent, Kind::Retry, Kind::Issued, Kind::Sealed, Kind::Abandoned] {
            for entry in self.store.entries(kind, 0, u64::MAX)? {
                let sums = sums.entry(entry.place.batch).or_default();
                match kind {
                    Kind::Intent => sums.intended += entry.count,
                    Kind::Retry => sums.retries += 1,
                    Kind::Sealed => sums.state = BatchState::Sealed,
                    Kind::Abandoned => sums.state = BatchState::Abandoned,
                    _ => {
                        sums.certificates += entry.count;
                        sums.signatures_made += entry.signatures;
                    }
                }
            }
        }
        Ok(sums)
    }
}

impl LedgerOverview {
    fn add(&mut self, batch: &Summary, sums: Sums) {
        let policy = self.policies.entry(batch.policy_name.to_string()).or_default();
        policy.batches += 1;
        policy.sealed += u64::from(sums.state == BatchState::Sealed);
        policy.leaves += batch.leaves;
        policy.certificates += sums.certificates;
        policy.signatures_made += sums.signatures_made;
        policy.retries += sums.retries;
    }
}
