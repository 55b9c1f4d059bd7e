//! Records with a key, added in any order and read back in the order of their keys, regardless of their number: sorted
//! in memory as long as they are few, in runs of a scratch file after that.
//!
//! A record is a key and two texts, both of which mostly begin like those of their neighbours: an item's name shares
//! its archive's name, and its reason is that of a thousand others. In the file each says how many bytes it shares with
//! the one before it.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::path::{Path, PathBuf};

use super::error::ReelError;
use super::spool::Spool;

/// Records that are still being added.
#[derive(Debug)]
pub struct SortedSpool {
    folder: PathBuf,
    memory: Memory,
    /// Made for the first run: what fits into memory needs no file.
    file: Option<Spool>,
    runs: Vec<Run>,
    count: u64,
}

/// All records, in the order of their keys; those with the same key as they were added.
#[derive(Debug)]
pub struct Sorted {
    memory: Memory,
    file: Option<Spool>,
    runs: Vec<Run>,
    count: u64,
}

/// One record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SortedRecord<'a> {
    /// What it is sorted by.
    pub key: u128,
    /// Its name, or other bytes that are similar in records with neighbouring keys.
    pub name: &'a [u8],
    /// The rest.
    pub body: &'a [u8],
}

/// Bytes held before they become a run.
const MEMORY: usize = 4 << 20;

/// Bytes of all runs together that are held while they are merged.
const WINDOWS: usize = 32 << 20;

/// Records in memory, sorted only when they are complete.
#[derive(Debug, Default)]
struct Memory {
    slots: Vec<Slot>,
    bytes: Vec<u8>,
}

/// Where a record is in the bytes.
#[derive(Clone, Copy, Debug)]
struct Slot {
    key: u128,
    start: u32,
    name: u32,
    body: u32,
}

/// Where sorted records are in the file.
#[derive(Clone, Copy, Debug)]
struct Run {
    start: u64,
    end: u64,
}

impl Memory {
    fn size(&self) -> usize {
        self.bytes.len() + self.slots.len() * size_of::<Slot>()
    }

    fn add(&mut self, record: SortedRecord<'_>) {
        let length = |bytes: &[u8]| u32::try_from(bytes.len()).expect("a record that fits was checked");
        let start = length(&self.bytes);
        self.slots.push(Slot { key: record.key, start, name: length(record.name), body: length(record.body) });
        self.bytes.extend_from_slice(record.name);
        self.bytes.extend_from_slice(record.body);
    }

    fn sort(&mut self) {
        // stable where keys are equal: a later record is later in the bytes
        self.slots.sort_unstable_by_key(|slot| (slot.key, slot.start));
    }

    fn record(&self, slot: Slot) -> SortedRecord<'_> {
        let size = |length: u32| usize::try_from(length).expect("it was a length");
        let (_, rest) = self.bytes.split_at(size(slot.start));
        let (name, rest) = rest.split_at(size(slot.name));
        SortedRecord { key: slot.key, name, body: &rest[..size(slot.body)] }
    }
}

impl SortedSpool {
    /// No records yet. A file is made in `folder` only if there are many.
    pub fn new(folder: &Path) -> Self {
        Self { folder: folder.to_owned(), memory: Memory::default(), file: None, runs: Vec::new(), count: 0 }
    }

    /// Adds a record.
    ///
    /// # Errors
    /// The scratch file cannot be made or written, or the record has 1 GiB or more.
    pub fn add(&mut self, record: SortedRecord<'_>) -> Result<(), ReelError> {
        let size = record.name.len().saturating_add(record.body.len());
        if size >= 1 << 30 {
            let source = std::io::Error::new(std::io::ErrorKind::InvalidInput, "a record of 1 GiB or more");
            return Err(ReelError::SpoolWrite { source });
        }
        if self.memory.size() + size > MEMORY && !self.memory.slots.is_empty() {
            self.spill()?;
        }
        self.memory.add(record);
        self.count += 1;
        Ok(())
    }

    /// Where a file is made if there are many.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Records added so far.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// Sorts what was added.
    ///
    /// # Errors
    /// The scratch file cannot be written.
    pub fn finish(mut self) -> Result<Sorted, ReelError> {
        self.memory.sort();
        if let Some(file) = &mut self.file {
            file.flush()?;
        }
        Ok(Sorted { memory: self.memory, file: self.file, runs: self.runs, count: self.count })
    }

    /// Writes what is in memory as a run.
    fn spill(&mut self) -> Result<(), ReelError> {
        let mut memory = std::mem::take(&mut self.memory);
        memory.sort();
        let file = match &mut self.file {
            Some(file) => file,
            none => none.insert(Spool::create(&self.folder)?),
        };
        let start = file.length();
        let mut before = SortedRecord { key: 0, name: &[], body: &[] };
        let mut encoded = Vec::new();
        for slot in &memory.slots {
            let record = memory.record(*slot);
            encoded.clear();
            push_number(&mut encoded, record.key - before.key);
            push_text(&mut encoded, before.name, record.name);
            push_text(&mut encoded, before.body, record.body);
            file.append(&encoded)?;
            before = record;
        }
        self.runs.push(Run { start, end: file.length() });
        // the same room again: the next run is as large
        memory.slots.clear();
        memory.bytes.clear();
        self.memory = memory;
        Ok(())
    }
}

impl Sorted {
    /// Number of records.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// Reads all records in order, as often as it is asked for.
    pub fn records(&self) -> SortedRecords<'_> {
        let window = (WINDOWS / self.runs.len().max(1)).clamp(4 << 10, 64 << 10);
        let cursors = self.runs.iter().map(|run| Cursor::new(*run, window)).collect();
        SortedRecords { sorted: self, cursors, heap: None, next_in_memory: 0, last: None }
    }
}

/// Goes through records in the order of their keys.
#[derive(Debug)]
pub struct SortedRecords<'a> {
    sorted: &'a Sorted,
    cursors: Vec<Cursor>,
    /// The keys of the cursors' records; none before the first was asked for.
    heap: Option<BinaryHeap<Reverse<(u128, usize)>>>,
    next_in_memory: usize,
    /// The cursor whose record was handed out: it goes on when the next one is asked for.
    last: Option<usize>,
}

impl SortedRecords<'_> {
    /// The next record.
    ///
    /// # Errors
    /// The scratch file cannot be read, or is not as it was written.
    pub fn next_record(&mut self) -> Result<Option<SortedRecord<'_>>, ReelError> {
        let in_memory = self.sorted.memory.slots.get(self.next_in_memory).copied();
        let (Some(file), false) = (&self.sorted.file, self.cursors.is_empty()) else {
            self.next_in_memory += 1;
            return Ok(in_memory.map(|slot| self.sorted.memory.record(slot)));
        };
        match (&mut self.heap, self.last.take()) {
            (Some(heap), Some(at)) => heap.extend(self.cursors[at].advance(file)?.map(|key| Reverse((key, at)))),
            (Some(_), None) => {}
            (none, _) => {
                let mut heap = BinaryHeap::with_capacity(self.cursors.len());
                for (at, cursor) in self.cursors.iter_mut().enumerate() {
                    heap.extend(cursor.advance(file)?.map(|key| Reverse((key, at))));
                }
                *none = Some(heap);
            }
        }
        let heap = self.heap.as_mut().expect("it was just made");
        let on_disk = heap.peek().map(|Reverse((key, _))| *key);
        // what is in memory was added last
        if let Some(slot) = in_memory.filter(|slot| on_disk.is_none_or(|key| slot.key < key)) {
            self.next_in_memory += 1;
            return Ok(Some(self.sorted.memory.record(slot)));
        }
        let Some(Reverse((key, at))) = heap.pop() else { return Ok(None) };
        self.last = Some(at);
        let cursor = &self.cursors[at];
        Ok(Some(SortedRecord { key, name: &cursor.name, body: &cursor.body }))
    }
}

/// One run, read front to back.
#[derive(Debug)]
struct Cursor {
    /// Where the next bytes of the file are.
    next: u64,
    end: u64,
    /// Bytes to read at once.
    size: usize,
    window: Vec<u8>,
    /// How much of the window was read.
    used: usize,
    key: u128,
    name: Vec<u8>,
    body: Vec<u8>,
}

impl Cursor {
    fn new(run: Run, size: usize) -> Self {
        let (name, body, window) = (Vec::new(), Vec::new(), Vec::new());
        Self { next: run.start, end: run.end, size, window, used: 0, key: 0, name, body }
    }

    /// Takes the next record; its key, or none at the end of the run.
    fn advance(&mut self, file: &Spool) -> Result<Option<u128>, ReelError> {
        if self.used == self.window.len() && self.next == self.end {
            return Ok(None);
        }
        let step = self.number(file)?;
        self.key = self.key.checked_add(step).ok_or_else(changed)?;
        let mut name = std::mem::take(&mut self.name);
        self.text(file, &mut name)?;
        self.name = name;
        let mut body = std::mem::take(&mut self.body);
        self.text(file, &mut body)?;
        self.body = body;
        Ok(Some(self.key))
    }

    fn text(&mut self, file: &Spool, before: &mut Vec<u8>) -> Result<(), ReelError> {
        let shared = self.size_number(file)?;
        let mut left = self.size_number(file)?;
        if shared > before.len() {
            return Err(changed());
        }
        before.truncate(shared);
        while left > 0 {
            if self.used == self.window.len() {
                self.fill(file)?;
            }
            let piece = &self.window[self.used..];
            let piece = &piece[..piece.len().min(left)];
            before.extend_from_slice(piece);
            self.used += piece.len();
            left -= piece.len();
        }
        Ok(())
    }

    fn size_number(&mut self, file: &Spool) -> Result<usize, ReelError> {
        usize::try_from(self.number(file)?).map_err(|_| changed())
    }

    fn number(&mut self, file: &Spool) -> Result<u128, ReelError> {
        let mut number = 0;
        for shift in (0..u128::BITS).step_by(7) {
            if self.used == self.window.len() {
                self.fill(file)?;
            }
            let byte = self.window[self.used];
            self.used += 1;
            number |= u128::from(byte & 0x7F) << shift;
            if byte & 0x80 == 0 {
                return Ok(number);
            }
        }
        Err(changed())
    }

    fn fill(&mut self, file: &Spool) -> Result<(), ReelError> {
        let left = usize::try_from(self.end - self.next).unwrap_or(usize::MAX);
        if left == 0 {
            return Err(changed());
        }
        self.window.resize(left.min(self.size), 0);
        file.read_at(self.next, &mut self.window)?;
        self.next += self.window.len() as u64;
        self.used = 0;
        Ok(())
    }
}

fn changed() -> ReelError {
    ReelError::SpoolRead { source: std::io::ErrorKind::InvalidData.into() }
}

/// Seven bits a byte, the lowest first, the eighth bit set where more follow.
fn push_number(into: &mut Vec<u8>, mut number: u128) {
    while number >= 0x80 {
        into.push(u8::try_from(number & 0x7F).expect("seven bits") | 0x80);
        number >>= 7;
    }
    into.push(u8::try_from(number).expect("seven bits"));
}

fn push_text(into: &mut Vec<u8>, before: &[u8], text: &[u8]) {
    let shared = before.iter().zip(text).take_while(|(one, other)| one == other).count();
    let rest = &text[shared..];
    push_number(into, shared as u128);
    push_number(into, rest.len() as u128);
    into.extend_from_slice(rest);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(sorted: &Sorted) -> Vec<(u128, Vec<u8>, Vec<u8>)> {
        let mut records = sorted.records();
        let mut all = Vec::new();
        while let Some(record) = records.next_record().unwrap() {
            all.push((record.key, record.name.to_vec(), record.body.to_vec()));
        }
        assert!(records.next_record().unwrap().is_none());
        all
    }

    #[test]
    fn records_come_back_in_the_order_of_their_keys_from_memory_and_from_the_file() {
        for count in [0_u128, 1, 1000, 300_000] {
            let folder = tempfile::tempdir().unwrap();
            let mut spool = SortedSpool::new(folder.path());
            let mut expected = Vec::new();
            for n in 0..count {
                let key = n * 7919 % count.max(1);
                let name = format!("reel.zip!inner.zip!{key}.der");
                let body = vec![n.to_le_bytes()[0]; usize::try_from(n % 97).unwrap()];
                spool.add(SortedRecord { key, name: name.as_bytes(), body: &body }).unwrap();
                expected.push((key, name.into_bytes(), body));
            }
            expected.sort();
            let sorted = spool.finish().unwrap();
            assert_eq!(sorted.runs.is_empty(), count <= 1000, "{count} records");
            assert_eq!(u128::from(sorted.count()), count);
            assert!(all(&sorted) == expected, "{count} records");
            assert!(all(&sorted) == expected, "{count} records, a second time");
        }
    }

    #[test]
    fn records_with_one_key_keep_the_order_in_which_they_were_added() {
        let folder = tempfile::tempdir().unwrap();
        let mut spool = SortedSpool::new(folder.path());
        let large = vec![7; 3 << 20];
        for n in 0..9_u8 {
            spool.add(SortedRecord { key: 1, name: &[n], body: &large }).unwrap();
            spool.add(SortedRecord { key: u128::MAX - u128::from(n), name: &[], body: &[n] }).unwrap();
        }
        let sorted = spool.finish().unwrap();
        assert!(sorted.runs.len() > 2);
        let all = all(&sorted);
        assert!(all[..9].iter().zip(0..).all(|(record, n)| record.1 == [n] && record.2 == large));
        assert!(all[9..].iter().zip((0..9).rev()).all(|(record, n)| record.2 == [n]));
    }

    #[test]
    fn a_file_that_is_not_as_it_was_written_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let mut file = Spool::create(folder.path()).unwrap();
        for broken in [&[0x80; 20][..], &[0, 1, 0, 0, 0], &[0, 0, 200], &[0, 0, 0, 0]] {
            let start = file.length();
            file.append(broken).unwrap();
            file.flush().unwrap();
            let mut cursor = Cursor::new(Run { start, end: file.length() }, 4096);
            assert!(cursor.advance(&file).is_err(), "{broken:02X?}");
        }
    }
}
