use std::path::Path;

use super::*;
use crate::ledger::testing::{batch_id, be_patient, issuer_spki, leaf, leaves, look_without_index, row, terms};
use crate::ledger::{BatchRow, Fault, LeafKey, Ledger, LedgerError, MemoryStore, Standing};
use crate::x509::Sha256Digest;

const EAGER: Patience = Patience { leaves: 1, lists: 1, pieces: 256 };
const NEVER: Patience = Patience { leaves: u64::MAX, lists: usize::MAX, pieces: 256 };

fn patient(ledger: Ledger, patience: Patience) -> Ledger {
    be_patient(&ledger, patience);
    ledger
}

fn begin(ledger: &Ledger, n: u32, leaves: &[LeafKey]) {
    ledger.begin(row(n, terms("test", leaves), 100), leaves).unwrap();
}

fn standing(ledger: &Ledger, leaves: &[LeafKey]) -> Vec<Standing> {
    ledger.standing(&terms("test", leaves).policy_use(), leaves, None).unwrap()
}

fn layers(ledger: &Ledger) -> Vec<u64> {
    ledger.with(|state| Ok(state.directory()?.layers.iter().map(|layer| layer.leaves).collect())).unwrap()
}

#[test]
fn the_index_finds_what_the_lists_of_all_batches_hold() {
    let folder = tempfile::tempdir().unwrap();
    let on_disk = Ledger::create(&folder.path().join("ledger.db"), &issuer_spki()).unwrap();
    let eager = patient(on_disk, EAGER);
    let in_memory = patient(Ledger::in_memory(&issuer_spki()), Patience { leaves: 3_000, lists: 64, pieces: 1 });
    let never = patient(Ledger::in_memory(&issuer_spki()), NEVER);
    for n in 0..20 {
        let list = leaves((0..1_000).map(|index| 40 * index + u64::from(n)));
        for ledger in [&eager, &in_memory, &never] {
            begin(ledger, n, &list);
        }
    }
    assert_eq!(layers(&eager), [8_000, 8_000, 1_000, 1_000, 1_000, 1_000]);
    assert_eq!(layers(&in_memory), [3_000; 6]);
    assert_eq!(layers(&never), [0; 0]);
    let mut dense = leaves(0..40_000);
    // keys of other chips, known and unknown ones
    for index in (0..40_000).step_by(7) {
        dense[index].spki = leaf((index as u64 * 3) % 41_000).spki;
    }
    for asked in [dense.clone(), dense.iter().step_by(997).cloned().collect(), dense[38_000..].to_vec()] {
        let expected = standing(&never, &asked);
        assert_eq!(standing(&eager, &asked), expected);
        assert_eq!(standing(&in_memory, &asked), expected);
        for before in [0, 7, 8, 19] {
            let told = |ledger: &Ledger| {
                let before = batch_id(before);
                let standings = ledger.standing(&terms("test", &asked).policy_use(), &asked, Some(&before));
                (standings.unwrap(), ledger.known_uids(&asked, Some(&before)).unwrap())
            };
            assert_eq!(told(&eager), told(&never));
        }
    }
    for ledger in [eager, in_memory, never] {
        ledger.verify().unwrap();
    }
}

/// No attacker can make so many digests begin alike, but the index must not depend on that.
#[test]
fn keys_that_begin_alike_are_found_across_the_borders_of_pieces() {
    let ledger = patient(Ledger::in_memory(&issuer_spki()), EAGER);
    let alike = |n: u64, bytes: usize| {
        let mut digest = *leaf(n).spki.as_bytes();
        digest[..bytes].fill(0x77);
        LeafKey { spki: Sha256Digest::new(digest), ..leaf(n) }
    };
    let key = |n| alike(n, if n % 2 == 0 { 4 } else { 8 });
    let listed: Vec<LeafKey> = (0..2 * PIECE + 50).map(key).collect();
    begin(&ledger, 1, &listed);
    let asked: Vec<LeafKey> =
        (0..2 * PIECE + 50).step_by(501).map(|n| LeafKey { spki: key(n).spki, ..leaf(n + 1_000_000) }).collect();
    for (asked, n) in standing(&ledger, &asked).into_iter().zip((0..).step_by(501)) {
        assert_eq!(asked, Standing::KeyUnderOtherUid { batch: batch_id(1), uid: leaf(n).uid });
    }
    ledger.verify().unwrap();
}

fn change(path: &Path, sql: &str) {
    assert!(rusqlite::Connection::open(path).unwrap().execute(sql, []).unwrap() > 0, "{sql}");
}

#[test]
fn an_index_that_is_missing_or_damaged_is_made_again() {
    let changes = [
        ("DELETE FROM derived", true),
        ("DELETE FROM derived WHERE number = 0", true),
        ("DELETE FROM derived WHERE number = 1", false),
        ("UPDATE derived SET body = x'00' WHERE number = 0", false),
        ("UPDATE derived SET body = substr(body, 2) WHERE number = 0", false),
        ("UPDATE derived SET body = substr(body, 1, 100) WHERE number = 1", false),
        ("UPDATE derived SET body = x'' WHERE number > 0", false),
        // one byte of a mark, of a fifth byte, of a leaf's number, of the directory
        (
            "UPDATE derived SET body = CAST(substr(body, 1, 400) || x'FF' || substr(body, 402) AS BLOB) WHERE number = 1",
            false,
        ),
        (
            "UPDATE derived SET body = CAST(substr(body, 1, 8000) || x'5A' || substr(body, 8002) AS BLOB) WHERE number = 1",
            false,
        ),
        (
            "UPDATE derived SET body = CAST(substr(body, 1, 8004) || x'01' || substr(body, 8006) AS BLOB) WHERE number = 2",
            false,
        ),
        (
            "UPDATE derived SET body = CAST(substr(body, 1, 60) || x'5B' || substr(body, 62) AS BLOB) WHERE number = 0",
            false,
        ),
        // pieces that an interrupted absorption left
        ("INSERT INTO derived SELECT number + 1000, body FROM derived WHERE number > 0", true),
    ];
    for (sql, holds) in changes {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ledger.db");
        {
            let ledger = patient(Ledger::create(&path, &issuer_spki()).unwrap(), EAGER);
            begin(&ledger, 1, &leaves(0..1_000));
            begin(&ledger, 2, &leaves(1_000..2_000));
            ledger.verify().unwrap();
        }
        change(&path, sql);
        let ledger = patient(Ledger::open(&path, &issuer_spki()).unwrap(), EAGER);
        assert_eq!(ledger.verify().is_ok(), holds, "{sql}");
        let found = standing(&ledger, &leaves([5, 1_005, 2_005]));
        let held = |n| Standing::Held { batch: batch_id(n) };
        assert_eq!(found, [held(1), held(2), Standing::Free], "{sql}");
        begin(&ledger, 3, &leaves(2_000..2_010));
        assert_eq!(layers(&ledger).iter().sum::<u64>(), 2_010, "{sql}");
        ledger.verify().unwrap();
        drop(ledger);
        let pieces = "SELECT count(*) FROM derived WHERE number > 500";
        let connection = rusqlite::Connection::open(&path).unwrap();
        assert_eq!(connection.query_row(pieces, [], |row| row.get::<_, i64>(0)).unwrap(), 0, "{sql}");
    }
}

#[test]
fn an_index_with_another_entry_does_not_verify() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.db");
    {
        let ledger = patient(Ledger::create(&path, &issuer_spki()).unwrap(), EAGER);
        begin(&ledger, 1, &leaves(0..1_000));
    }
    change(&path, "UPDATE derived SET body = CAST(substr(body, 1, 8999) || x'FF' AS BLOB) WHERE number = 2");
    let report = Ledger::open(&path, &issuer_spki()).unwrap().examine(&|_, _| {}).unwrap();
    assert_eq!(report.findings.len(), 1);
    assert_eq!(report.findings[0].position, 2);
}

/// A ledger as programs wrote it before there was an index.
#[test]
fn a_ledger_without_the_table_gets_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.db");
    {
        let ledger = patient(Ledger::create(&path, &issuer_spki()).unwrap(), NEVER);
        begin(&ledger, 1, &leaves(0..500));
    }
    rusqlite::Connection::open(&path).unwrap().execute_batch("DROP TABLE derived").unwrap();
    let ledger = patient(Ledger::open(&path, &issuer_spki()).unwrap(), EAGER);
    assert_eq!(standing(&ledger, &leaves([7])), [Standing::Held { batch: batch_id(1) }]);
    assert_eq!(layers(&ledger), [0; 0]);
    begin(&ledger, 2, &leaves(500..510));
    assert_eq!(layers(&ledger), [510]);
    assert_eq!(standing(&ledger, &leaves([7])), [Standing::Held { batch: batch_id(1) }]);
    ledger.verify().unwrap();
}

/// Eight batches of 1,000 leaves, of which seven are started: the last makes their layers one, in seven writes.
struct Merge {
    lists: Vec<Vec<LeafKey>>,
    before: MemoryStore,
}

impl Merge {
    /// A piece at a time, so that a merge has many writes.
    const PATIENCE: Patience = Patience { leaves: 1, lists: 1, pieces: 1 };

    fn new() -> Self {
        let lists: Vec<_> = (0..8).map(|n| leaves((0..1_000).map(|index| 8 * index + n))).collect();
        let before = MemoryStore::new();
        let ledger = Self::open(&before);
        for (n, list) in (1..8).zip(&lists) {
            begin(&ledger, n, list);
        }
        assert_eq!(layers(&ledger), [1_000; 7]);
        Self { lists, before }
    }

    fn open(store: &MemoryStore) -> Ledger {
        patient(Ledger::over(Box::new(store.clone()), &issuer_spki()).unwrap(), Self::PATIENCE)
    }

    fn last(&self, n: u32) -> BatchRow {
        row(n, terms("test", &self.lists[7]), 100)
    }

    /// What is asked about every batch, and the answers, with the last batch on the ledger or without.
    fn check_found(ledger: &Ledger, begun: bool, case: &str) {
        let asked = leaves((0..8_008).step_by(77));
        for (n, found) in (0..8_008).step_by(77).zip(standing(ledger, &asked)) {
            let batch = u32::try_from(n % 8 + 1).unwrap();
            let held = n < 8_000 && (batch < 8 || begun);
            let expected = if held { Standing::Held { batch: batch_id(batch) } } else { Standing::Free };
            assert_eq!(found, expected, "{case}, leaf {n}");
        }
    }

    /// The next batch makes what is missing of the index, and leaves nothing beside it.
    fn check_made_again(store: &MemoryStore, case: &str) {
        let ledger = Self::open(store);
        begin(&ledger, 9, &leaves(9_000..9_010));
        assert_eq!(layers(&ledger).iter().sum::<u64>(), 8_010, "{case}");
        Self::check_found(&ledger, true, case);
        ledger.verify().unwrap();
        let known = ledger.with(|state| {
            let layers = state.directory()?.layers;
            Ok(layers.iter().map(|layer| 2 * layer.pieces()).sum::<u64>())
        });
        assert_eq!(store.derived_numbers().len() as u64, 1 + known.unwrap(), "{case}: pieces that nobody knows");
    }
}

/// The batch is durable before the index is touched: the same command finds it, with its seed, and goes on; nothing
/// that was issued or is held is overlooked, whether the index is whole, half made or gone.
#[test]
fn a_failure_at_any_step_of_a_merge_loses_neither_the_batch_nor_a_leaf() {
    let merge = Merge::new();
    let key = merge.last(8).terms.key();
    let mut after_begin = 0;
    for (fault, damaged) in [(Fault::Failed, false), (Fault::FailedButPersisted, false), (Fault::Failed, true)] {
        for step in 1.. {
            let case = format!("step {step}, {fault:?}, with a damaged index: {damaged}");
            let store = merge.before.copy();
            let ledger = Merge::open(&store);
            if damaged {
                // all lists are then taken up again, and the old index goes with the first write
                look_without_index(&ledger);
            }
            store.fail_at(step, fault);
            let result = ledger.begin(merge.last(8), &merge.lists[7]);
            let reached = store.repair();
            assert_eq!(result.is_err(), reached, "{case}");
            if let Err(error) = result {
                assert!(matches!(error, LedgerError::Store(StoreError::Fault)), "{case}: {error}");
            }
            // the process goes on, or another one comes; neither depends on the index
            let begun = ledger.find(&key).unwrap();
            Merge::check_found(&ledger, begun.is_some(), &case);
            drop(ledger);
            let ledger = Merge::open(&store);
            assert_eq!(ledger.find(&key).unwrap(), begun, "{case}");
            Merge::check_found(&ledger, begun.is_some(), &case);
            match &begun {
                Some(row) => assert_eq!((&row.seed, &row.id), (&merge.last(8).seed, &batch_id(8)), "{case}"),
                None => ledger.begin(merge.last(8), &merge.lists[7]).unwrap(),
            }
            after_begin += u32::from(reached && begun.is_some());
            ledger.verify().unwrap();
            drop(ledger);
            Merge::check_made_again(&store, &case);
            if !reached {
                break;
            }
        }
    }
    assert!(after_begin > 60, "{after_begin} failures after the batch had become durable");
}

#[test]
fn layers_stay_few_and_leaves_are_rarely_written_again() {
    let layer = |first, leaves| Layer {
        first,
        leaves,
        piece: 1,
        sums: Default::default(),
        fences: Default::default(),
        checks: Default::default(),
    };
    let mut layers: Vec<Layer> = Vec::new();
    let (mut next, mut written) = (0, 0);
    for number in 0..3_000_u64 {
        // reels, and now and then something smaller or larger
        let new = match number % 50 {
            17 => 640,
            33 => 1 << 20,
            _ => 66_000,
        };
        let kept = layers.len() - to_merge(&layers, new);
        let first = layers.get(kept).map_or(next, |layer| layer.first);
        next += new;
        layers.truncate(kept);
        layers.push(layer(first, next - first));
        written += next - first;
        assert!(layers.len() < 40, "{}", layers.len());
    }
    assert!(written < 6 * next, "{written} for {next}");
}
