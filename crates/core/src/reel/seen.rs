//! Names that came before, of archives that are read front to back and can be looked at only once: hashes, in memory as
//! long as they are few, in sorted runs of a scratch file after that.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use super::error::ReelError;
use super::spool::Spool;

/// Hashes that were seen.
pub(super) struct Seen {
    folder: PathBuf,
    recent: HashSet<u64>,
    /// Hashes in memory before they become a run.
    most: usize,
    /// Bits that tell of nearly every hash that it is in no run; none before there is one.
    filter: Vec<u64>,
    file: Option<Spool>,
    runs: Vec<Run>,
}

/// Sorted hashes in the file.
struct Run {
    start: u64,
    count: usize,
    /// The first hash of each piece.
    firsts: Vec<u64>,
}

/// A hash table of this many is as full as it may be: 18 MiB.
const MOST: usize = (1 << 21) / 8 * 7;
/// Hashes that are read at once: 4 KiB.
const PIECE: usize = 512;
/// 32 MiB: for 20 million names, one in two hundred is looked for in vain.
const FILTER_BITS: u64 = 1 << 28;
const FILTER_LOOKS: u64 = 4;

impl Seen {
    /// Nothing was seen. A file is made in `folder` only if there are many.
    pub(super) fn new(folder: &Path) -> Self {
        Self::with_most(folder, MOST)
    }

    fn with_most(folder: &Path, most: usize) -> Self {
        let (recent, filter, runs) = (HashSet::new(), Vec::new(), Vec::new());
        Self { folder: folder.to_owned(), recent, most, filter, file: None, runs }
    }

    /// Adds a hash. Whether it is new.
    pub(super) fn insert(&mut self, hash: u64) -> Result<bool, ReelError> {
        if self.recent.contains(&hash) || self.in_runs(hash)? {
            return Ok(false);
        }
        if self.recent.len() == self.most {
            self.spill()?;
        }
        self.recent.insert(hash);
        Ok(true)
    }

    fn in_runs(&self, hash: u64) -> Result<bool, ReelError> {
        let Some(file) = &self.file else { return Ok(false) };
        if !bits(hash).all(|(word, bit)| self.filter[word] & bit != 0) {
            return Ok(false);
        }
        let mut bytes = Vec::new();
        for run in &self.runs {
            let after = run.firsts.partition_point(|first| *first <= hash);
            let Some(piece) = after.checked_sub(1) else { continue };
            let count = PIECE.min(run.count - piece * PIECE);
            bytes.resize(count * 8, 0);
            file.read_at(run.start + (piece * PIECE * 8) as u64, &mut bytes)?;
            let (hashes, _) = bytes.as_chunks::<8>();
            if hashes.binary_search_by_key(&hash, |bytes| u64::from_be_bytes(*bytes)).is_ok() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn spill(&mut self) -> Result<(), ReelError> {
        let mut hashes: Vec<u64> = self.recent.drain().collect();
        hashes.sort_unstable();
        if self.filter.is_empty() {
            self.filter = vec![0; usize::try_from(FILTER_BITS / 64).expect("it fits into memory")];
        }
        for (word, bit) in hashes.iter().flat_map(|hash| bits(*hash)) {
            self.filter[word] |= bit;
        }
        let file = match &mut self.file {
            Some(file) => file,
            none => none.insert(Spool::create(&self.folder)?),
        };
        let start = file.length();
        for piece in hashes.chunks(PIECE) {
            file.append(&piece.iter().flat_map(|hash| hash.to_be_bytes()).collect::<Vec<u8>>())?;
        }
        file.flush()?;
        let firsts = hashes.iter().step_by(PIECE).copied().collect();
        self.runs.push(Run { start, count: hashes.len(), firsts });
        Ok(())
    }
}

/// Where in the filter a hash leaves its marks.
fn bits(hash: u64) -> impl Iterator<Item = (usize, u64)> {
    (0..FILTER_LOOKS).map(move |look| {
        let place = (hash >> 32).wrapping_add((hash | 1).wrapping_mul(look)) % FILTER_BITS;
        (usize::try_from(place / 64).expect("it fits into memory"), 1 << (place % 64))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_is_new_once_whether_it_is_in_memory_or_in_a_run() {
        let folder = tempfile::tempdir().unwrap();
        let mut seen = Seen::with_most(folder.path(), 1_000);
        let hash = |number: u64| number.wrapping_mul(0x9E37_79B9_7F4A_7C15).rotate_left(17);
        for number in 0..10_500 {
            assert!(seen.insert(hash(number)).unwrap(), "{number}");
        }
        assert_eq!(seen.runs.len(), 10);
        for number in (0..10_500).rev() {
            assert!(!seen.insert(hash(number)).unwrap(), "{number} again");
        }
        assert!(seen.insert(hash(10_500)).unwrap());
        assert_eq!((seen.insert(0).unwrap(), seen.insert(u64::MAX).unwrap()), (false, true), "the first was 0");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "the file has no name");
    }
}
