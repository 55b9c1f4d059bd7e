use std::path::PathBuf;

use super::*;
use crate::ledger::testing::{issuer_spki, leaves, row, terms};

fn begin(ledger: &Ledger, n: u32) -> Result<(), LedgerError> {
    let list = leaves(u64::from(n) * 10..u64::from(n) * 10 + 7);
    ledger.begin(row(n, terms("test", &list), 4), &list)
}

fn old_ledger(path: &Path) {
    let ledger = Ledger::create(path, &issuer_spki()).unwrap();
    begin(&ledger, 1).unwrap();
    begin(&ledger, 2).unwrap();
    ledger.conclude().unwrap();
}

/// Every record but the one that closes a ledger.
fn records(place: &Path) -> impl Iterator<Item = Record> {
    let mut store = Target(place).open_to_read().unwrap();
    let end = store.head().unwrap().records;
    let all = (1..=end).map(move |position| store.at(position).unwrap().unwrap());
    all.filter(|record| record.entry.place.kind != Kind::Moved)
}

fn can_be_written(place: &Path) -> bool {
    Ledger::open(place, &issuer_spki()).is_ok()
}

/// Stops after each step in turn, as a kill would; then the same command again.
fn moves_in_every_way(from: &Path, to: &dyn Fn(Step) -> PathBuf, make: &dyn Fn(&Path)) {
    for stop in [Step::Held, Step::Copied, Step::Compared, Step::Moved, Step::Opened] {
        make(from);
        let before: Vec<_> = records(from).collect();
        let to = to(stop);
        let stopped = copy(from, &to, &mut |step| if step == stop { Err(StoreError::Fault.into()) } else { Ok(()) });
        assert!(matches!(stopped, Err(LedgerError::Store(StoreError::Fault))), "{stop:?}");
        let writers = (can_be_written(from), can_be_written(&to));
        let expected = match stop {
            Step::Held | Step::Copied | Step::Compared => (true, false),
            Step::Moved => (false, false),
            Step::Opened => (false, true),
        };
        assert_eq!(writers, expected, "{stop:?}");
        let (count, head) = Ledger::copy(from, &to).unwrap();
        assert_eq!(count, before.len() as u64);
        assert_eq!(Ledger::copy(from, &to).unwrap(), (count, head), "once more");
        assert_eq!((can_be_written(from), can_be_written(&to)), (false, true), "{stop:?}");
        assert!(records(&to).eq(before), "{stop:?}");
        let closed = Ledger::open(from, &issuer_spki()).unwrap_err();
        assert!(matches!(&closed, LedgerError::Moved { head: named, .. } if *named == head), "{closed}");
        let elsewhere = to.with_file_name("elsewhere.db");
        assert!(matches!(Ledger::copy(from, &elsewhere), Err(LedgerError::Moved { .. })));
        let report = Ledger::open_to_read(from).unwrap().examine(&|_, _| {}).unwrap();
        assert!(report.findings.is_empty(), "{:?}", report.findings);
        // the new one goes on
        let ledger = Ledger::open(&to, &issuer_spki()).unwrap();
        assert_eq!(ledger.head().unwrap(), head);
        begin(&ledger, 3).unwrap();
        assert!(ledger.examine(&|_, _| {}).unwrap().findings.is_empty());
        drop(ledger);
        remove(from);
    }
}

#[expect(clippy::disallowed_methods, reason = "the next case begins with a new ledger")]
fn remove(path: &Path) {
    if !is_url(path) {
        std::fs::remove_file(path).unwrap();
    }
}

#[test]
fn a_file_moves_to_a_file_and_there_are_never_two_writers() {
    let folder = tempfile::tempdir().unwrap();
    let to = |step: Step| folder.path().join(format!("{step:?}.db"));
    moves_in_every_way(&folder.path().join("old.db"), &to, &old_ledger);
}

#[cfg(feature = "postgres")]
#[test]
fn a_file_moves_to_a_server_and_there_are_never_two_writers() {
    let server = crate::ledger::postgres::testing::Server::start();
    let folder = tempfile::tempdir().unwrap();
    let to = |step: Step| server.url(&format!("{step:?}").to_lowercase());
    moves_in_every_way(&folder.path().join("old.db"), &to, &old_ledger);
}

/// One batch of so many leaves with intents and results of the sizes that they have.
#[cfg(feature = "postgres")]
fn issued_ledger(path: &Path, leaves_of_batch: u64) {
    let list = leaves(0..leaves_of_batch);
    let ledger = Ledger::create(path, &issuer_spki()).unwrap();
    ledger.begin(row(1, terms("test", &list), 4096), &list).unwrap();
    ledger.conclude().unwrap();
    drop((ledger, list));
    let mut store = SqliteStore::open(path).unwrap();
    let mut bytes = crate::crypto::sha256(b"bytes");
    let mut fresh = |length: usize| {
        let mut body = Vec::with_capacity(length + 32);
        while body.len() < length {
            body.extend_from_slice(bytes.as_bytes());
            bytes = crate::crypto::sha256(bytes.as_bytes());
        }
        body
    };
    for chunk in 0..leaves_of_batch.div_ceil(4096) {
        for (kind, length) in [(Kind::Intent, 4096 * 32), (Kind::Issued, 4096 * 110)] {
            let head = store.head().unwrap();
            let draft = Draft { count: 4096, ..Draft::new(Place::new(kind, 2, chunk), fresh(length)) };
            store.append(&head, &mut std::iter::once(Record::after(&head, draft))).unwrap();
        }
    }
    store.conclude().unwrap();
}

/// Small here; with `REROOT_LONG=1` of a million certificates.
#[cfg(feature = "postgres")]
#[test]
fn records_are_the_same_after_the_way_to_a_server_and_back() {
    let server = crate::ledger::postgres::testing::Server::start();
    let folder = tempfile::tempdir().unwrap();
    let [old, new] = ["old.db", "new.db"].map(|name| folder.path().join(name));
    let long = std::env::var_os("REROOT_LONG").is_some_and(|value| value != "0");
    issued_ledger(&old, if long { 1_000_000 } else { 10_000 });
    let before: Vec<_> = records(&old).map(|record| digest_of_row(&record)).collect();
    let url = server.url("reroot");
    let there = Ledger::copy(&old, &url).unwrap();
    assert!(matches!(Ledger::copy(&new, &url), Err(LedgerError::Missing { .. })));
    assert_eq!(Ledger::copy(&url, &new).unwrap(), there);
    assert!(records(&new).map(|record| digest_of_row(&record)).eq(before), "a record is different");
    for closed in [&old, &url] {
        assert!(matches!(Ledger::open(closed, &issuer_spki()), Err(LedgerError::Moved { .. })));
    }
    let ledger = Ledger::open(&new, &issuer_spki()).unwrap();
    let list = leaves(5_000_000..5_000_007);
    ledger.begin(row(2, terms("test", &list), 4), &list).unwrap();
}

/// Everything of a record: two that are equal in it are equal.
#[cfg(feature = "postgres")]
fn digest_of_row(record: &Record) -> (crate::ledger::record::Entry, Sha256Digest, Sha256Digest) {
    (record.entry, record.digest, crate::crypto::sha256(&record.body))
}

#[test]
fn nothing_is_replaced_and_a_broken_chain_is_not_copied() {
    let folder = tempfile::tempdir().unwrap();
    let [old, new, broken] = ["old.db", "new.db", "broken.db"].map(|name| folder.path().join(name));
    old_ledger(&old);
    old_ledger(&new);
    assert!(matches!(Ledger::copy(&old, &new), Err(LedgerError::Exists { .. })));
    old_ledger(&broken);
    let sql = "UPDATE record SET body = x'00' WHERE position = 4";
    rusqlite::Connection::open(&broken).unwrap().execute_batch(sql).unwrap();
    let refused = Ledger::copy(&broken, &folder.path().join("copy.db")).unwrap_err();
    assert!(matches!(refused, LedgerError::Store(StoreError::Damaged { position: 4, .. })), "{refused}");
    assert!(can_be_written(&broken) && !folder.path().join("copy.db").exists());
}
