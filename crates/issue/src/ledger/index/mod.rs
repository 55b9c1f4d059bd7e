//! The sorted lists of many batches made into few: what makes asking about a reel cost by the reel, not by the ledger.
//!
//! A layer holds the entries of a stretch of leaves, counted over all batches, in the order of what they are looked for
//! by; layers of like size become one ([`absorb()`]), so there are few. The store keeps a layer in
//! pieces beside the records, and the directory has the first entry of each piece: one read finds an entry. Nothing
//! here is trusted: an entry only says where to look. Where a layer is missing, the ledger answers from the records and
//! makes the layer again.
//!
//! The rest of the ledger calls three functions: [`matches`], [`absorb()`] and [`check()`].

mod absorb;
mod check;
mod lists;
#[cfg(test)]
mod measure;

use super::LedgerError;
use super::codec::{Malformed, Reader, Writer};
use super::leaf::{self, IndexKey, Sought};
use super::open::State;
use super::store::{StoreError, Wanted};

use lists::Unit;

pub(super) use absorb::{Patience, absorb};
pub(super) use check::{Total, check};

/// What a process knows of the index of its ledger.
pub(super) struct Condition {
    /// Whether the index has been found to be wrong, so that records are read instead until it is made again.
    pub(super) distrusted: bool,
    /// When it takes in new lists.
    pub(super) patience: Patience,
}

impl Condition {
    /// Nothing is known against it.
    pub(super) const NEW: Self = Self { distrusted: false, patience: Patience::USUAL };
}

/// What one entry says: the first 5 bytes of a digest, and a leaf by its number among those of all batches, from 0.
type Entry = (u64, u64);

/// The first bytes of a piece's entries, and the others.
type Parts<'a> = (&'a [[u8; MARK]], &'a [[u8; REST]]);

/// The directory.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Index {
    /// In the order of leaves, without gaps, from leaf 0.
    layers: Vec<Layer>,
}

/// The sorted entries of a stretch of leaves.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Layer {
    /// Number of the first leaf.
    first: u64,
    leaves: u64,
    /// Number of the first piece; the pieces of names come first, then those of keys.
    piece: u64,
    /// [`Sum`] of the entries of names and of keys.
    sums: [Sum; 2],
    /// The first mark of each piece.
    fences: [Vec<u32>; 2],
    /// CRC-32 of each piece: a changed byte must not hide a leaf.
    checks: [Vec<u32>; 2],
}

impl Index {
    /// How many leaves it knows.
    fn covered(&self) -> u64 {
        self.layers.last().map_or(0, |layer| layer.first + layer.leaves)
    }

    /// The number of the first piece that no layer has.
    fn next_piece(&self) -> u64 {
        self.layers.iter().map(|layer| layer.piece + 2 * layer.pieces()).max().unwrap_or(DIRECTORY + 1)
    }

    fn encode(&self) -> Vec<u8> {
        let mut writer = Writer::default();
        writer.u32(FORMAT);
        writer.count(self.layers.len());
        for layer in &self.layers {
            for number in [layer.first, layer.leaves, layer.piece, layer.sums[0].0, layer.sums[1].0] {
                writer.u64(number);
            }
            for number in layer.fences.iter().chain(&layer.checks).flatten() {
                writer.u32(*number);
            }
        }
        let mut directory = writer.finish();
        directory.extend(crc32fast::hash(&directory).to_be_bytes());
        directory
    }

    fn decode(body: &[u8]) -> Result<Self, Malformed> {
        let (body, check) = body.split_last_chunk().ok_or(Malformed)?;
        if crc32fast::hash(body).to_be_bytes() != *check {
            return Err(Malformed);
        }
        let mut reader = Reader::new(body);
        if reader.u32()? != FORMAT {
            return Err(Malformed);
        }
        let mut index = Self::default();
        for _ in 0..reader.count()? {
            let mut number = || reader.u64();
            let (first, leaves, piece) = (number()?, number()?, number()?);
            let sums = [Sum(number()?), Sum(number()?)];
            if first != index.covered() || leaves == 0 || u32::try_from(leaves).is_err() || piece == DIRECTORY {
                return Err(Malformed);
            }
            let pieces = leaves.div_ceil(PIECE);
            let mut numbers = || (0..pieces).map(|_| reader.u32()).collect::<Result<Vec<_>, _>>();
            let (fences, checks) = ([numbers()?, numbers()?], [numbers()?, numbers()?]);
            index.layers.push(Layer { first, leaves, piece, sums, fences, checks });
        }
        reader.finish()?;
        Ok(index)
    }
}

impl Layer {
    fn pieces(&self) -> u64 {
        self.leaves.div_ceil(PIECE)
    }

    /// Number of a piece of a list, and how many entries it has.
    fn piece(&self, key: IndexKey, at: usize) -> (u64, usize) {
        let start = at as u64 * PIECE;
        let entries = usize::try_from((self.leaves - start).min(PIECE)).expect("a piece has thousands of entries");
        (self.piece + key as u64 * self.pieces() + at as u64, entries)
    }

    /// The entries of a piece; None if it is not what the directory says.
    fn entries(&self, state: &mut State, key: IndexKey, at: usize) -> Result<Option<Vec<Entry>>, StoreError> {
        let mut entries = None;
        let wanted = Wanted { number: self.piece(key, at).0, bytes: 0..usize::MAX };
        state.store.derived(&[wanted], &mut |_, bytes| {
            entries = self
                .parts(key, at, bytes)
                .map(|(marks, rest)| marks.iter().zip(rest).map(|(mark, rest)| self.entry(*mark, *rest)).collect());
        })?;
        Ok(entries)
    }

    /// Marks and the rest of a piece; None if it is not the piece that was written.
    fn parts<'a>(&self, key: IndexKey, at: usize, bytes: &'a [u8]) -> Option<Parts<'a>> {
        let (_, count) = self.piece(key, at);
        let check = self.checks[key as usize].get(at)?;
        if bytes.len() != count * (MARK + REST) || crc32fast::hash(bytes) != *check {
            return None;
        }
        let (marks, rest) = bytes.split_at(count * MARK);
        Some((marks.as_chunks().0, rest.as_chunks().0))
    }

    fn entry(&self, mark: [u8; MARK], [fifth, a, b, c, d]: [u8; REST]) -> Entry {
        let prefix = u64::from(u32::from_be_bytes(mark)) << 8 | u64::from(fifth);
        (prefix, self.first + u64::from(u32::from_be_bytes([a, b, c, d])))
    }

    /// Leaves of the layer that may be incoming ones, handed to `found` with the index of the incoming one. False if a
    /// piece is not what the directory says.
    fn ask(
        &self,
        state: &mut State,
        key: IndexKey,
        incoming: &[Sought],
        found: &mut dyn FnMut(u64, u32),
    ) -> Result<bool, StoreError> {
        let tasks = self.tasks(key, incoming);
        for tasks in tasks.chunks(TOGETHER) {
            let mut good = 0;
            let whole = |(at, _): &(usize, _)| Wanted { number: self.piece(key, *at).0, bytes: 0..usize::MAX };
            state.store.derived(&tasks.iter().map(whole).collect::<Vec<_>>(), &mut |task, bytes| {
                let (at, range) = &tasks[task];
                let Some((all, rests)) = self.parts(key, *at, bytes) else { return };
                good += 1;
                let mut marks = all;
                for sought in &incoming[range.clone()] {
                    let mark = sought.prefix() >> 32;
                    let is = |other: &[u8; MARK]| u64::from(u32::from_be_bytes(*other));
                    marks = &marks[ahead(marks, |other| is(other) < mark)..];
                    let from = all.len() - marks.len();
                    let same = marks.iter().take_while(|other| is(other) == mark).count();
                    for rest in &rests[from..from + same] {
                        let (fifth, leaf) = self.entry([0; MARK], *rest);
                        if fifth == sought.prefix() >> 24 & 0xFF {
                            found(leaf, sought.index);
                        }
                    }
                }
            })?;
            if good != tasks.len() {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Which pieces are to be looked at, each for which of the incoming ones.
    fn tasks(&self, key: IndexKey, incoming: &[Sought]) -> Vec<(usize, std::ops::Range<usize>)> {
        let fences = &self.fences[key as usize];
        let mark = |sought: &Sought| sought.prefix() >> 32;
        let (mut tasks, mut at, mut start) = (Vec::new(), 0, 0);
        while let Some(fence) = fences.get(at).copied().map(u64::from) {
            start += ahead(&incoming[start..], |leaf| mark(leaf) < fence);
            let Some(first) = incoming.get(start).map(mark) else { break };
            at += ahead(&fences[at + 1..], |fence| u64::from(*fence) < first);
            // entries with the mark that the next piece begins with may be at the end of this one
            let end = fences.get(at + 1).copied().map(u64::from);
            let count = end.map_or(incoming.len() - start, |end| ahead(&incoming[start..], |leaf| mark(leaf) <= end));
            tasks.push((at, start..start + count));
            at += 1;
        }
        tasks
    }
}

/// A sum over entries, regardless of their order: tells whether two lists have the same ones.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Sum(u64);

impl Sum {
    /// Of the entries of both.
    fn and(self, other: Self) -> Self {
        Self(self.0.wrapping_add(other.0))
    }

    fn add(&mut self, (prefix, leaf): Entry) {
        // splitmix64: accidents are noticed, which is all; records are what the chain guards
        let mix = |mut value: u64| {
            value = (value ^ (value >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
            value = (value ^ (value >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
            value ^ (value >> 31)
        };
        self.0 = self.0.wrapping_add(mix(mix(leaf.wrapping_add(0x9E37_79B9_7F4A_7C15)) ^ prefix));
    }
}

/// A piece before it is written.
fn write_piece(layer_first: u64, entries: &[Entry]) -> Vec<u8> {
    let mut writer = Writer::with_capacity(entries.len() * (MARK + REST));
    for (prefix, _) in entries {
        writer.u32(mark_of(*prefix));
    }
    for (prefix, leaf) in entries {
        writer.u8(prefix.to_be_bytes()[7]);
        writer.u32(u32::try_from(leaf - layer_first).expect("a layer has fewer than 2^32 leaves"));
    }
    writer.finish()
}

/// What entries of the index are found by: the first 4 bytes.
fn mark_of(prefix: u64) -> u32 {
    u32::try_from(prefix >> 8).expect("a prefix in the index has 5 bytes")
}

/// The entry of a leaf.
fn entry(prefix: u64, leaf: u64) -> Entry {
    (prefix >> 24, leaf)
}

/// A leaf of a batch and an incoming one that may be the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Match {
    /// Which batch, in the order in which they began.
    pub(super) batch: usize,
    /// Index of the leaf in the batch.
    pub(super) listed: u32,
    /// Index of the incoming leaf.
    pub(super) incoming: u32,
}

/// Leaves of the first `batches` batches that may be incoming ones, in order. Those before which the index ends are
/// looked for in the lists of their batches.
pub(super) fn matches(
    state: &mut State,
    key: IndexKey,
    incoming: &[Sought],
    batches: usize,
) -> Result<Vec<Match>, LedgerError> {
    let index = state.directory()?;
    let firsts = state.first_leaves()?;
    let end = firsts[batches];
    let mut matches = Vec::new();
    let mut covered = 0;
    for layer in index.layers.iter().take_while(|layer| layer.first < end) {
        let usable = layer.ask(state, key, incoming, &mut |leaf, incoming| {
            let batch = firsts.partition_point(|first| *first <= leaf) - 1;
            if batch < batches {
                let listed = u32::try_from(leaf - firsts[batch]).expect("the number of leaves was checked to fit");
                matches.push(Match { batch, listed, incoming });
            }
        })?;
        if !usable {
            state.index.distrusted = true;
            matches.clear();
            covered = 0;
            break;
        }
        covered = layer.first + layer.leaves;
    }
    for unit in state.units(covered, batches)? {
        let mut rest = incoming;
        let prefixes = state.prefixes(key, &unit)?;
        for (prefix, listed) in prefixes.pairs()? {
            rest = &rest[ahead(rest, |sought| sought.prefix() < prefix)..];
            let same = rest.iter().take_while(|sought| sought.prefix() == prefix);
            matches.extend(same.map(|sought| Match { batch: unit.batch, listed, incoming: sought.index }));
        }
    }
    matches.sort_unstable();
    Ok(matches)
}

/// Whether a list begins or the last one ends with this leaf.
fn is_border(firsts: &[u64], leaf: u64) -> bool {
    let after = firsts.partition_point(|first| *first <= leaf);
    let begun = firsts[after - 1];
    leaf == begun || after < firsts.len() && (leaf - begun).is_multiple_of(leaf::RUN as u64)
}

impl State {
    /// The directory; an empty one if there is none that can be used.
    fn directory(&mut self) -> Result<Index, LedgerError> {
        if self.index.distrusted {
            return Ok(Index::default());
        }
        let mut index = Ok(Index::default());
        let directory = Wanted { number: DIRECTORY, bytes: 0..usize::MAX };
        self.store.derived(&[directory], &mut |_, bytes| index = Index::decode(bytes))?;
        let firsts = self.first_leaves()?;
        match index {
            Ok(index) if is_border(&firsts, index.covered()) => Ok(index),
            _ => {
                self.index.distrusted = true;
                Ok(Index::default())
            }
        }
    }
}

/// How many of an ordered list come before. The step doubles: a list merged with a dense one costs one comparison an
/// item, with a sparse one a few for each of the sparse one's.
fn ahead<T>(list: &[T], before: impl Fn(&T) -> bool) -> usize {
    let mut known = 0;
    let mut step = 1;
    while list.get(known + step - 1).is_some_and(&before) {
        known += step;
        step *= 2;
    }
    let end = list.len().min(known + step - 1);
    known + list[known..end].partition_point(before)
}

/// Where the directory is kept.
const DIRECTORY: u64 = 0;
/// The one format so far.
const FORMAT: u32 = 1;
/// Entries of a piece. With 9 bytes each, `SQLite` puts them on two pages.
const PIECE: u64 = 3_600;
/// Bytes of an entry that are searched.
const MARK: usize = 4;
/// Its other bytes.
const REST: usize = 5;
/// Pieces looked at before what was found is taken up.
const TOGETHER: usize = 256;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ahead_is_a_search_in_an_ordered_list() {
        for length in 0..40 {
            let list: Vec<i32> = (0..length).collect();
            for target in -1..=length {
                assert_eq!(ahead(&list, |item| *item < target), list.partition_point(|item| *item < target));
            }
        }
    }
}
