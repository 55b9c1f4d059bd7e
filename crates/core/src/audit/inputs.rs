//! Matches the auditor's inputs to the lines of `inputs.jsonl` by length and SHA-256: names and order may differ.
//!
//! Items are named after their input, so the auditor's names are turned into those of the batch. Of several items with
//! the same certificate the first one counts, so the order is that of the batch too.

use std::collections::{BTreeMap, VecDeque};

use crate::crypto::sha256;
use crate::manifest::InputLine;
use crate::origin::ItemName;
use crate::reel::InputRecord;
use crate::x509::Sha256Digest;

/// What the auditor's inputs are called in the batch, and in which order they were read there.
pub(super) struct Matched {
    /// For each record, in order: where its items begin, and its line.
    places: Vec<(u64, usize)>,
    /// For each line its record's own name and that of the batch, where they differ.
    names: Vec<Option<(String, String)>>,
    /// Directories that have another name in the batch.
    directories: BTreeMap<String, String>,
    /// Whether the order differs.
    reordered: bool,
}

impl Matched {
    /// Finds the line of each record. `None` if they are not the same inputs.
    pub(super) fn of(records: &[InputRecord], lines: &[InputLine]) -> Option<Self> {
        if records.len() != lines.len() {
            return None;
        }
        // those of the same name first: a content may be there several times
        let by_name: BTreeMap<_, usize> =
            lines.iter().enumerate().map(|(at, line)| ((line.sha256(), line.bytes(), line.name()), at)).collect();
        let mut free = vec![true; lines.len()];
        let mut found = vec![None; records.len()];
        for (record, found) in records.iter().zip(&mut found) {
            let same = by_name.get(&(record.sha256, record.bytes, &record.name)).filter(|at| free[**at]);
            if let Some(at) = same {
                free[*at] = false;
                *found = Some(*at);
            }
        }
        let mut by_content: BTreeMap<(Sha256Digest, u64), VecDeque<usize>> = BTreeMap::new();
        for (at, line) in lines.iter().enumerate().filter(|(at, _)| free[*at]) {
            by_content.entry((line.sha256(), line.bytes())).or_default().push_back(at);
        }
        for (record, found) in records.iter().zip(&mut found).filter(|(_, found)| found.is_none()) {
            *found = by_content.get_mut(&(record.sha256, record.bytes)).and_then(VecDeque::pop_front);
        }
        let found: Vec<usize> = found.into_iter().collect::<Option<_>>()?;
        let (mut names, mut directories) = (vec![None; lines.len()], BTreeMap::new());
        for (record, at) in records.iter().zip(&found) {
            let (own, line) = (record.name.as_str(), lines[*at].name().as_str());
            names[*at] = (own != line).then(|| (own.to_owned(), line.to_owned()));
            if let (Some((own, _)), Some((line, _))) = (own.split_once('/'), line.split_once('/')) {
                directories.entry(own.to_owned()).or_insert_with(|| line.to_owned());
            }
        }
        // an input with the same name on both sides: its directory keeps its name
        for record in records.iter().zip(&found).filter(|(_, at)| names[**at].is_none()).map(|(record, _)| record) {
            directories.remove(record.name.as_str().split('/').next().unwrap_or_default());
        }
        let places = records.iter().zip(&found).map(|(record, at)| (record.first, *at)).collect();
        Some(Self { places, names, directories, reordered: !found.is_sorted() })
    }

    /// The place of an item in the order of the batch, from its position in the auditor's inputs.
    pub(super) fn place(&self, item: u64) -> u64 {
        let after = self.places.partition_point(|(first, _)| *first <= item);
        match after.checked_sub(1).map(|at| self.places[at]) {
            Some((first, line)) => (line as u64 + 1) << OFFSET_BITS | (item - first),
            None => item,
        }
    }

    /// The item's name in the batch, from the name that it has here and its position in the auditor's inputs.
    pub(super) fn item(&self, number: u64, item: &ItemName) -> ItemName {
        let line = (self.place(number) >> OFFSET_BITS).checked_sub(1).and_then(|line| usize::try_from(line).ok());
        let of_file = line.and_then(|line| self.names.get(line)?.as_ref());
        let renamed = of_file.and_then(|(own, line)| replaced(item.as_str(), &beginning(own), &beginning(line)));
        // what is wrong with a directory belongs to none of its files
        let of_directory = || {
            let directory = item.as_str().split('!').next()?;
            replaced(item.as_str(), directory, self.directories.get(directory)?)
        };
        match renamed.or_else(of_directory) {
            Some(name) => ItemName::from_escaped(&name).expect("two printable texts are one"),
            None => item.clone(),
        }
    }

    /// What a person should know about it.
    pub(super) fn note(&self) -> Option<&'static str> {
        match (self.names.iter().all(Option::is_none), self.reordered) {
            (true, false) => None,
            (true, true) => Some("the inputs are those of the batch in another order"),
            (false, _) => Some("the inputs are those of the batch by their SHA-256, under other names"),
        }
    }
}

/// An item's name with another beginning, which must be whole components.
fn replaced(item: &str, own: &str, line: &str) -> Option<String> {
    let rest = item.strip_prefix(own)?;
    let ends = rest.is_empty() || rest.starts_with(['!', '#']) || rest.starts_with("%=");
    ends.then(|| format!("{line}{rest}"))
}

/// Items of one input have fewer bits than this.
const OFFSET_BITS: u32 = 40;

/// What the names of a file's items begin with: of a directory's file, `directory!path`.
fn beginning(name: &str) -> String {
    name.replacen('/', "!", 1)
}

/// Returns half a SHA-256, which is used in place of a name: a collision would have to be made on purpose.
pub(super) fn half_digest(bytes: &[u8]) -> u128 {
    u128::from_be_bytes(sha256(bytes).as_bytes()[..16].try_into().expect("half of 32 bytes"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(name: &str, content: &[u8], first: u64) -> InputRecord {
        let name = ItemName::from_escaped(name).unwrap();
        InputRecord { name, bytes: content.len() as u64, sha256: sha256(content), first }
    }

    fn line(name: &str, content: &[u8]) -> InputLine {
        InputLine::new(ItemName::from_escaped(name).unwrap(), content.len() as u64, sha256(content))
    }

    #[test]
    fn inputs_are_matched_by_their_content() {
        let lines = [line("a.zip", b"a"), line("dir/x.der", b"x"), line("dir/y.der", b"x"), line("b.zip", b"b")];
        let records = [
            record("B%20.zip", b"b", 0),
            record("d/y.der", b"x", 7),
            record("dir/y.der", b"x", 8),
            record("a.zip", b"a", 9),
        ];
        let matched = Matched::of(&records, &lines).unwrap();
        let item = |number: u64, name: &str| matched.item(number, &ItemName::from_escaped(name).unwrap()).to_string();
        assert_eq!(item(0, "B%20.zip!c.der#2"), "b.zip!c.der#2");
        assert_eq!(item(1, "B%20.zip"), "b.zip");
        assert_eq!(item(2, "B%20.zip%=2"), "b.zip%=2");
        assert_eq!(item(3, "B%20.zip.der"), "B%20.zip.der");
        assert_eq!(item(7, "d!y.der#1"), "dir!x.der#1");
        assert_eq!(item(7, "d!link"), "dir!link");
        assert_eq!(item(8, "dir!y.der"), "dir!y.der");
        assert_eq!(item(9, "a.zip!d!y.der"), "a.zip!d!y.der");
        assert!(matched.place(9) < matched.place(7) && matched.place(7) < matched.place(8));
        assert!(matched.place(8) < matched.place(0) && matched.place(0) < matched.place(6));
        assert!(matched.note().is_some_and(|note| note.contains("under other names")));
    }

    #[test]
    fn another_content_matches_nothing() {
        let lines = [line("a", b"a"), line("b", b"a")];
        for records in [
            vec![record("a", b"a", 0)],
            vec![record("a", b"a", 0), record("b", b"b", 1)],
            vec![record("a", b"a", 0), record("b", b"a", 1), record("c", b"a", 2)],
        ] {
            assert!(Matched::of(&records, &lines).is_none());
        }
        let same = Matched::of(&[record("a", b"a", 0), record("b", b"a", 1)], &lines).unwrap();
        assert!(same.note().is_none());
    }
}
