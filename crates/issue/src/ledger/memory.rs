//! Records in memory, and failures on demand: the second store, for tests and rehearsals.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::record::{Entry, Head, Kind, Place, Record};
use super::store::{LedgerStore, StoreError, Wanted};

/// A store in memory. Clones share their records: a clone is what a second process would see.
#[derive(Clone, Debug, Default)]
pub struct MemoryStore(Arc<Mutex<State>>);

#[derive(Clone, Debug, Default)]
struct State {
    records: Vec<Record>,
    places: BTreeMap<Place, usize>,
    derived: BTreeMap<u64, Vec<u8>>,
    steps: u64,
    fault: Option<(u64, Fault)>,
}

/// How a step of the store fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Nothing happened.
    Failed,
    /// It happened, but the call returns an error: power was lost before the answer.
    FailedButPersisted,
}

impl MemoryStore {
    /// A store without records.
    pub fn new() -> Self {
        Self::default()
    }

    /// Lets the `step`-th call from now on fail, counted from 1, and every call after it too, until
    /// [`repair`](Self::repair): a process that has lost its ledger does not get it back.
    pub fn fail_at(&self, step: u64, fault: Fault) {
        let mut state = self.state();
        state.fault = Some((state.steps + step, fault));
    }

    /// Lets calls succeed again. Returns whether any has failed.
    pub fn repair(&self) -> bool {
        let mut state = self.state();
        let steps = state.steps;
        state.fault.take().is_some_and(|(step, _)| step <= steps)
    }

    /// Returns every record, in order. No planned fault makes it fail.
    #[cfg(test)]
    pub(crate) fn snapshot(&self) -> Vec<Record> {
        self.state().records.clone()
    }

    /// A store of its own with the same on it.
    #[cfg(test)]
    pub(crate) fn copy(&self) -> Self {
        Self(Arc::new(Mutex::new(self.state().clone())))
    }

    /// Numbers of what is kept beside the records.
    #[cfg(test)]
    pub(crate) fn derived_numbers(&self) -> Vec<u64> {
        self.state().derived.keys().copied().collect()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts a call; tells whether it fails, and whether it has an effect all the same.
    fn step(&self) -> (MutexGuard<'_, State>, Result<(), StoreError>, bool) {
        let mut state = self.state();
        state.steps += 1;
        match state.fault {
            Some((step, fault)) if state.steps >= step => {
                let persisted = fault == Fault::FailedButPersisted && state.steps == step;
                (state, Err(StoreError::Fault), persisted)
            }
            _ => (state, Ok(()), true),
        }
    }
}

impl State {
    fn head(&self) -> Head {
        self.records.last().map_or(Head::EMPTY, Record::head)
    }

    fn append(&mut self, at: &Head, records: &mut dyn Iterator<Item = Record>) -> Result<(), StoreError> {
        let head = self.head();
        if head != *at {
            return Err(StoreError::HeadMoved { expected: at.records, found: head.records });
        }
        let before = self.records.len();
        for record in records {
            let place = record.entry.place;
            if self.places.contains_key(&place) {
                for undone in self.records.drain(before..) {
                    self.places.remove(&undone.entry.place);
                }
                return Err(StoreError::PlaceTaken { kind: place.kind, batch: place.batch, chunk: place.chunk });
            }
            self.places.insert(place, self.records.len());
            self.records.push(record);
        }
        Ok(())
    }
}

impl LedgerStore for MemoryStore {
    fn head(&mut self) -> Result<Head, StoreError> {
        let (state, result, _) = self.step();
        result.map(|()| state.head())
    }

    fn append(&mut self, at: &Head, records: &mut dyn Iterator<Item = Record>) -> Result<(), StoreError> {
        let (mut state, result, persisted) = self.step();
        let appended = if persisted { state.append(at, records) } else { Ok(()) };
        result.and(appended)
    }

    fn flush(&mut self) -> Result<(), StoreError> {
        self.step().1
    }

    fn read(&mut self, place: Place) -> Result<Option<Record>, StoreError> {
        let (state, result, _) = self.step();
        result.map(|()| state.places.get(&place).map(|at| state.records[*at].clone()))
    }

    fn entry(&mut self, place: Place) -> Result<Option<Entry>, StoreError> {
        let (state, result, _) = self.step();
        result.map(|()| state.places.get(&place).map(|at| state.records[*at].entry))
    }

    fn entries(&mut self, kind: Kind, first: u64, last: u64) -> Result<Vec<Entry>, StoreError> {
        let (state, result, _) = self.step();
        result?;
        let from = Place { kind, batch: first, chunk: 0, part: 0 };
        let to = Place { kind, batch: last, chunk: u64::MAX, part: u32::MAX };
        Ok(state.places.range(from..=to).map(|(_, at)| state.records[*at].entry).collect())
    }

    fn at(&mut self, position: u64) -> Result<Option<Record>, StoreError> {
        let (state, result, _) = self.step();
        result?;
        let index = position.checked_sub(1).and_then(|index| usize::try_from(index).ok());
        Ok(index.and_then(|index| state.records.get(index).cloned()))
    }

    fn derives(&mut self) -> Result<bool, StoreError> {
        Ok(true)
    }

    fn derived(&mut self, wanted: &[Wanted], found: &mut dyn FnMut(usize, &[u8])) -> Result<(), StoreError> {
        let (state, result, _) = self.step();
        result?;
        for (index, Wanted { number, bytes }) in wanted.iter().enumerate() {
            if let Some(all) = state.derived.get(number) {
                found(index, &all[bytes.start.min(all.len())..bytes.end.min(all.len())]);
            }
        }
        Ok(())
    }

    fn derive(
        &mut self,
        removed: &[Range<u64>],
        written: &mut dyn Iterator<Item = (u64, Vec<u8>)>,
    ) -> Result<(), StoreError> {
        let (mut state, result, persisted) = self.step();
        if persisted {
            state.derived.retain(|number, _| !removed.iter().any(|range| range.contains(number)));
            state.derived.extend(written);
        }
        result
    }
}
