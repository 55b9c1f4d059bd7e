//! Every region of a line pack, byte by byte: an answer is the right one, with its proof, or there is none.
//!
//! What a change may leave unnoticed is named in [`UNNOTICED`]: it is part of no answer. With REROOT_LONG=1 every
//! byte of the file is changed; without it every byte that is in use, and of unused space a sample.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::AtomicBool;

use reroot::proof::{Checker, ChipName, Found, ProofSource, lookup};
use rusqlite::Connection;
use rusqlite::types::ValueRef;

use super::pack::with_pack;
use crate::support::campaign::takes;
use crate::support::judges::put;

/// Regions of which a change may be unnoticed, with the reason; in all others every change of the chip asked for, or of
/// what all chips share, is refused.
const UNNOTICED: [(&str, &str); 4] = [
    ("SQLite header", "counters and sizes that a reader need not look at"),
    ("page structure", "cell pointers, record headers and keys of the index: they lead to the right row or to none"),
    ("chip.uid", "the index over it is what is asked, and the line is what is checked"),
    ("unused", "space of pages that no row uses"),
];

/// Which bytes hold what: a region's name, and the row of `chip` that it belongs to.
type Regions = Vec<(String, Option<usize>)>;

fn regions(path: &Path, bytes: &[u8]) -> Regions {
    let number = |at: usize| usize::from(u16::from_be_bytes([bytes[at], bytes[at + 1]]));
    let page_size = number(16);
    let mut regions: Regions = vec![("page structure".to_owned(), None); bytes.len()];
    let mut name = |range: std::ops::Range<usize>, what: &str, row: Option<usize>| {
        regions[range].fill((what.to_owned(), row));
    };
    for page in (0..bytes.len()).step_by(page_size) {
        let header = if page == 0 { 100 } else { page };
        assert!([2, 5, 10, 13].contains(&bytes[header]), "no page of a B-tree: overflow pages are not foreseen here");
        let pointers = header + if bytes[header] < 8 { 12 } else { 8 };
        name(pointers + 2 * number(header + 3)..page + number(header + 5), "unused", None);
    }
    name(0..100, "SQLite header", None);
    let database = Connection::open(path).unwrap();
    let mut value = |query: &str, what: &str, numbered: bool| {
        let mut statement = database.prepare(query).unwrap();
        let mut rows = statement.query([]).unwrap();
        let mut row_number = 0;
        while let Some(row) = rows.next().unwrap() {
            let (ValueRef::Text(value) | ValueRef::Blob(value)) = row.get_ref(0).unwrap() else { panic!("{query}") };
            // a UID is in the index too, and in the line; the row's own is the one before that
            let mut places = bytes.windows(value.len()).enumerate().filter(|(_, window)| *window == value);
            let place = match what {
                "chip.uid" => places.find(|(at, _)| bytes[at + value.len()..].starts_with(b"{\"uid\"")),
                _ => places.next(),
            };
            let (at, _) = place.unwrap_or_else(|| panic!("{what} is in the file"));
            name(at..at + value.len(), what, numbered.then_some(row_number));
            row_number += 1;
        }
        assert!(row_number > 0, "{what}");
    };
    value("SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL", "schema", false);
    for key in ["format", "statement", "seal"] {
        value(&format!("SELECT value FROM pack WHERE key = '{key}'"), &format!("pack.{key}"), false);
    }
    value("SELECT der FROM chain WHERE kind = 'issuer'", "chain.issuer", false);
    for column in ["uid", "line", "path", "certificate", "source"] {
        value(&format!("SELECT {column} FROM chip ORDER BY position"), &format!("chip.{column}"), true);
    }
    regions
}

/// The right answers of a pack, and what a changed one answers.
struct Station<'a> {
    path: &'a Path,
    checker: Checker,
    /// Names, certificates, leaves.
    chips: Vec<(ChipName, Vec<u8>, Vec<u8>)>,
    absent: ChipName,
}

impl Station<'_> {
    /// Whether the right answer was given; another one is a failure.
    fn answers(&self, which: usize, at: usize) -> bool {
        let cancel = AtomicBool::new(false);
        let (name, certificate, source) = &self.chips[which];
        match lookup(ProofSource::Pack(self.path), name, &self.checker, &cancel) {
            Ok(Found::Chip(found)) => {
                assert_eq!(found.0.certificate.der(), certificate, "byte {at}");
                assert_eq!(found.0.source.der(), source, "byte {at}");
                true
            }
            Ok(Found::Absent(proved)) => panic!("byte {at}: {} is said to be absent, with a proof", proved.uid),
            Ok(Found::Broken(_)) | Err(_) => false,
        }
    }

    fn answers_absent(&self, at: usize) -> bool {
        let cancel = AtomicBool::new(false);
        match lookup(ProofSource::Pack(self.path), &self.absent, &self.checker, &cancel) {
            Ok(Found::Chip(_)) => panic!("byte {at}: a chip that is not there was found"),
            Ok(Found::Absent(_)) => true,
            Ok(Found::Broken(_)) | Err(_) => false,
        }
    }
}

#[test]
fn no_byte_of_a_pack_can_be_changed_so_that_another_answer_is_given() {
    let workshop = with_pack();
    let path = workshop.path("batch.pack");
    let good = std::fs::read(&path).unwrap();
    let regions = regions(&path, &good);
    let chips = {
        let database = Connection::open(&path).unwrap();
        let mut query = database.prepare("SELECT uid, certificate, source FROM chip ORDER BY position").unwrap();
        let rows = query.query_map([], |row| Ok((row.get::<_, String>(0)?, row.get(1)?, row.get(2)?))).unwrap();
        rows.map(Result::unwrap).map(|(uid, certificate, source)| (uid.parse().unwrap(), certificate, source)).collect()
    };
    let absent = "0209FFFFFFFFFFFFFF0139".parse().unwrap();
    let station = Station { path: &path, checker: super::mutated::checker(&workshop), chips, absent };
    // of each region: changed, right answers all the same, refused
    let mut counts: BTreeMap<&str, [u32; 3]> = BTreeMap::new();
    for (at, (region, row)) in regions.iter().enumerate() {
        if region == "unused" && !takes(at, 101) {
            continue;
        }
        let mut bad = good.clone();
        bad[at] ^= 1 << (at % 8);
        put(&path, &bad);
        let own = row.unwrap_or(at % station.chips.len());
        let right = station.answers(own, at);
        let unnoticed = UNNOTICED.iter().any(|(name, _)| name == region);
        assert!(unnoticed || !right, "{region}, byte {at}: the change is not noticed");
        // the chip beside it and one that is not there, in turn
        if at % 2 == 0 {
            station.answers((own + 1) % station.chips.len(), at);
        } else {
            station.answers_absent(at);
        }
        let count = counts.entry(region).or_default();
        count[0] += 1;
        count[if right { 1 } else { 2 }] += 1;
    }
    put(&path, &good);
    for (region, [changed, right, refused]) in &counts {
        eprintln!("{region}: {changed} bytes changed, {right} times the right answer, {refused} times none");
    }
    let found: Vec<&str> = counts.keys().copied().collect();
    let expected = [
        "SQLite header",
        "chain.issuer",
        "chip.certificate",
        "chip.line",
        "chip.path",
        "chip.source",
        "chip.uid",
        "pack.format",
        "pack.seal",
        "pack.statement",
        "page structure",
        "schema",
        "unused",
    ];
    assert_eq!(found, expected, "every region was changed");
    // what a change may leave unnoticed did give right answers
    assert!(UNNOTICED.iter().all(|(region, _)| counts[region][1] > 0), "{counts:?}");
    assert!(station.answers(0, 0) && station.answers_absent(0), "the good pack answers");
}
