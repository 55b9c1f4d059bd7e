//! Taking the lists of new batches into the index.
//!
//! When enough new leaves have come, their lists become a layer; eight layers of like size become one. Each leaf is
//! thus written again a few times, once in eight times as many, and in long stretches. An interrupted absorption leaves
//! pieces that no directory knows; the next one removes them.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::ops::Range;

use super::{
    DIRECTORY, Entry, Index, IndexKey, Layer, LedgerError, PIECE, State, StoreError, Sum, Unit, entry, leaf, mark_of,
    write_piece,
};

/// When lists of batches are taken into the index.
#[derive(Clone, Copy, Debug)]
pub(in crate::ledger) struct Patience {
    /// So many leaves outside it are too many.
    pub(in crate::ledger) leaves: u64,
    /// So many lists outside it are too many.
    pub(in crate::ledger) lists: usize,
    /// So many pieces are written at once.
    pub(in crate::ledger) pieces: usize,
}

impl Patience {
    /// The rest is read in about a millisecond; 8 MiB are written at once.
    pub(in crate::ledger) const USUAL: Self = Self { leaves: 1 << 16, lists: 64, pieces: 256 };
}

/// Takes new batches into the index, if there are enough of them.
pub(in crate::ledger) fn absorb(state: &mut State) -> Result<(), LedgerError> {
    if !state.store.derives()? {
        return Ok(());
    }
    loop {
        let index = state.directory()?;
        let batches = state.batches()?.len();
        let mut units = state.units(index.covered(), batches)?;
        let leaves: u64 = units.iter().map(|unit| unit.leaves).sum();
        if leaves < state.index.patience.leaves && units.len() < state.index.patience.lists {
            return Ok(());
        }
        if units.first().is_some_and(|unit| unit.first != index.covered()) {
            state.index.distrusted = true;
            continue;
        }
        let mut sum = 0;
        let fits = units.iter().take_while(|unit| {
            sum += unit.leaves;
            sum <= leaf::RUN as u64
        });
        let fits = fits.count().max(1);
        units.truncate(fits);
        if !state.take_up(&index, &units)? {
            state.index.distrusted = true;
        }
    }
}

impl State {
    /// Makes one layer of these lists and of the last layers. False if one of those is not what the directory says.
    fn take_up(&mut self, index: &Index, units: &[Unit]) -> Result<bool, LedgerError> {
        let (Some(first_unit), true) = (units.first(), !units.is_empty()) else { return Ok(true) };
        let new: u64 = units.iter().map(|unit| unit.leaves).sum();
        let (kept, merged) = index.layers.split_at(index.layers.len() - to_merge(&index.layers, new));
        let first = merged.first().map_or(first_unit.first, |layer| layer.first);
        let leaves = new + merged.iter().map(|layer| layer.leaves).sum::<u64>();
        let piece = index.next_piece();
        let layer = Layer {
            first,
            leaves,
            piece,
            sums: [Sum::default(); 2],
            fences: [vec![], vec![]],
            checks: [vec![], vec![]],
        };
        // what an interrupted absorption left, or an index that is not trusted
        let mut old: Vec<Range<u64>> = vec![if self.index.distrusted { DIRECTORY..u64::MAX } else { piece..u64::MAX }];
        let mut new = NewLayer { layer, entries: Vec::new(), pieces: Vec::new() };
        for key in [IndexKey::Names, IndexKey::Keys] {
            let mut fresh = Vec::new();
            for unit in units {
                let prefixes = self.prefixes(key, unit)?;
                let numbered = prefixes.pairs()?;
                fresh.extend(numbered.map(|(prefix, listed)| entry(prefix, unit.first_of_batch + u64::from(listed))));
            }
            fresh.sort_unstable();
            let mut sum = merged.iter().fold(Sum::default(), |sum, layer| sum.and(layer.sums[key as usize]));
            for entry in &fresh {
                sum.add(*entry);
            }
            let mut cursors: Vec<Cursor<'_>> = merged.iter().map(|layer| Cursor::new(layer, key)).collect();
            let mut heap = BinaryHeap::with_capacity(cursors.len());
            for (number, cursor) in cursors.iter_mut().enumerate() {
                let Some(next) = cursor.next(self)? else { return Ok(false) };
                heap.push(Reverse((next, number)));
            }
            let mut fresh = fresh.into_iter().peekable();
            loop {
                let least = heap.peek().map(|Reverse((entry, _))| *entry);
                let entry = match (least, fresh.peek()) {
                    (None, None) => break,
                    (Some(least), Some(other)) if least > *other => fresh.next(),
                    (None, Some(_)) => fresh.next(),
                    (Some(_), _) => {
                        let Some(Reverse((entry, number))) = heap.pop() else { break };
                        match cursors[number].next(self)? {
                            Some(next) => heap.push(Reverse((next, number))),
                            None if cursors[number].damaged => return Ok(false),
                            None => {}
                        }
                        Some(entry)
                    }
                };
                new.add(key, entry.expect("one of both was there"));
                if new.pieces.len() >= self.index.patience.pieces {
                    self.store.derive(&old, &mut new.pieces.drain(..))?;
                    old.clear();
                }
            }
            new.end_piece(key);
            if new.layer.sums[key as usize] != sum {
                return Ok(false);
            }
        }
        old.push(DIRECTORY..DIRECTORY + 1);
        old.extend(merged.iter().map(|layer| layer.piece..layer.piece + 2 * layer.pieces()));
        let NewLayer { layer, mut pieces, .. } = new;
        let directory = Index { layers: kept.iter().cloned().chain([layer]).collect() };
        pieces.push((DIRECTORY, directory.encode()));
        self.store.derive(&old, &mut pieces.into_iter())?;
        self.index.distrusted = false;
        Ok(true)
    }
}

/// How many of the last layers are merged with so many new leaves.
fn to_merge(layers: &[Layer], new: u64) -> usize {
    let level = |leaves: u64| leaves.max(1).ilog2() / FAN_IN.ilog2();
    let (mut count, mut sum) = (0, new);
    loop {
        let like = layers.iter().rev().take_while(|layer| level(layer.leaves) <= level(sum)).count();
        let all = new + layers[layers.len() - like..].iter().map(|layer| layer.leaves).sum::<u64>();
        if like <= count || like - count + 1 < FAN_IN || u32::try_from(all).is_err() {
            return count;
        }
        (count, sum) = (like, all);
    }
}

/// A layer that is being read.
struct Cursor<'a> {
    layer: &'a Layer,
    key: IndexKey,
    at: usize,
    entries: std::vec::IntoIter<Entry>,
    damaged: bool,
}

impl<'a> Cursor<'a> {
    fn new(layer: &'a Layer, key: IndexKey) -> Self {
        Self { layer, key, at: 0, entries: Vec::new().into_iter(), damaged: false }
    }

    fn next(&mut self, state: &mut State) -> Result<Option<Entry>, StoreError> {
        if let Some(entry) = self.entries.next() {
            return Ok(Some(entry));
        }
        if self.at as u64 == self.layer.pieces() {
            return Ok(None);
        }
        match self.layer.entries(state, self.key, self.at)? {
            Some(entries) => self.entries = entries.into_iter(),
            None => self.damaged = true,
        }
        self.at += 1;
        Ok(self.entries.next())
    }
}

/// A layer that is being written.
struct NewLayer {
    layer: Layer,
    entries: Vec<Entry>,
    pieces: Vec<(u64, Vec<u8>)>,
}

impl NewLayer {
    fn add(&mut self, key: IndexKey, entry: Entry) {
        self.layer.sums[key as usize].add(entry);
        self.entries.push(entry);
        if self.entries.len() as u64 == PIECE {
            self.end_piece(key);
        }
    }

    fn end_piece(&mut self, key: IndexKey) {
        let Some((prefix, _)) = self.entries.first() else { return };
        let fences = &mut self.layer.fences[key as usize];
        let number = self.layer.piece + key as u64 * self.layer.leaves.div_ceil(PIECE) + fences.len() as u64;
        fences.push(mark_of(*prefix));
        let piece = write_piece(self.layer.first, &self.entries);
        self.layer.checks[key as usize].push(crc32fast::hash(&piece));
        self.pieces.push((number, piece));
        self.entries.clear();
    }
}

/// Layers of like size that become one.
const FAN_IN: usize = 8;

#[cfg(test)]
mod tests;
