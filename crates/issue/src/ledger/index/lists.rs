//! The sorted lists of batches, from which the index is made: `Names` and `Keys` records.

use super::{IndexKey, LedgerError, State, leaf};
use crate::ledger::open::damaged;
use crate::ledger::record::{Place, Record};

impl State {
    /// The number of the first leaf of each batch, and the number after the last one's.
    pub(super) fn first_leaves(&mut self) -> Result<Vec<u64>, LedgerError> {
        let mut next = 0;
        let mut firsts = vec![0];
        firsts.extend(self.batches()?.iter().map(|batch| {
            next += batch.leaves;
            next
        }));
        Ok(firsts)
    }

    /// The pieces in which batches keep their sorted lists, from a leaf on.
    pub(super) fn units(&mut self, from: u64, batches: usize) -> Result<Vec<Unit>, LedgerError> {
        let firsts = self.first_leaves()?;
        let numbers: Vec<u64> = self.batches()?.iter().map(|batch| batch.number).collect();
        let mut units = Vec::new();
        for batch in firsts.partition_point(|first| *first <= from) - 1..batches {
            let number = numbers[batch];
            let starts = (firsts[batch]..firsts[batch + 1]).step_by(leaf::RUN);
            units.extend((0..).zip(starts).filter(|(_, first)| *first >= from).map(|(run, first)| Unit {
                batch,
                number,
                run,
                first,
                leaves: (firsts[batch + 1] - first).min(leaf::RUN as u64),
                first_of_batch: firsts[batch],
            }));
        }
        Ok(units)
    }

    /// A piece of a sorted list.
    pub(super) fn prefixes(&mut self, key: IndexKey, unit: &Unit) -> Result<Prefixes, LedgerError> {
        self.expect(Place::new(key.kind(), unit.number, unit.run)).map(Prefixes)
    }
}

/// A `Names` and a `Keys` record.
pub(super) struct Unit {
    /// Which batch, in the order in which they began.
    pub(super) batch: usize,
    /// Its number.
    pub(super) number: u64,
    pub(super) run: u64,
    /// Number of the first leaf.
    pub(super) first: u64,
    pub(super) leaves: u64,
    pub(super) first_of_batch: u64,
}

/// A `Names` or `Keys` record.
pub(super) struct Prefixes(Record);

impl Prefixes {
    pub(super) fn pairs(&self) -> Result<impl Iterator<Item = (u64, u32)>, LedgerError> {
        let pairs = || leaf::read_prefixes(&self.0.body).map_err(|_| damaged(&self.0));
        // what is out of order would hide what comes after it
        if pairs()?.is_sorted() { pairs() } else { Err(damaged(&self.0)) }
    }
}
