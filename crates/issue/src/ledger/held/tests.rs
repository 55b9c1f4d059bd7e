//! What happens to the files of an open ledger, at each step that looks at them.

use std::fs::File;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::fs::{FlockOperation, flock};

use super::holder;
use crate::ledger::record::{Draft, Head, Kind, Place, Record};
use crate::ledger::testing::{issuer_spki, leaves, row, terms};
use crate::ledger::{Ledger, LedgerError, LedgerStore, SqliteStore, StoreError};

/// A ledger with a record, and one more record in its log.
fn store(path: &Path) -> (SqliteStore, Head) {
    drop(Ledger::create(path, &issuer_spki()).unwrap());
    let mut store = SqliteStore::open(path).unwrap();
    let head = append(&mut store, 1).unwrap();
    (store, head)
}

fn append(store: &mut SqliteStore, n: u64) -> Result<Head, StoreError> {
    let head = store.head()?;
    let record = Record::after(&head, Draft::new(Place::new(Kind::CaIntent, 0, n), vec![7; 100]));
    let after = record.head();
    store.append(&head, &mut std::iter::once(record)).map(|()| after)
}

type Step = (&'static str, fn(&mut SqliteStore) -> Result<(), StoreError>);

/// Everything that comes between `begin` and the name of a batch.
const STEPS: [Step; 5] = [
    ("append", |store| append(store, 2).map(drop)),
    ("derive", |store| store.derive(&[], &mut std::iter::once((0, vec![1])))),
    ("flush", SqliteStore::flush),
    ("conclude", SqliteStore::conclude),
    ("check", SqliteStore::check),
];

type Harm = (&'static str, fn(&Path));

fn beside(path: &Path, suffix: &str) -> std::path::PathBuf {
    path.with_file_name(format!("ledger.db{suffix}"))
}

const HARM: [Harm; 10] = [
    ("removed", |path| std::fs::remove_file(path).unwrap()),
    ("replaced", |path| {
        std::fs::copy(path, beside(path, "-copy")).unwrap();
        std::fs::rename(beside(path, "-copy"), path).unwrap();
    }),
    ("linked", |path| std::fs::hard_link(path, beside(path, "-second")).unwrap()),
    ("moved", |path| std::fs::rename(path, beside(path, "-moved")).unwrap()),
    ("lock removed", |path| std::fs::remove_file(beside(path, "-lock")).unwrap()),
    ("lock replaced", |path| {
        std::fs::remove_file(beside(path, "-lock")).unwrap();
        std::fs::write(beside(path, "-lock"), "").unwrap();
    }),
    ("log removed", |path| std::fs::remove_file(beside(path, "-wal")).unwrap()),
    ("log linked", |path| std::fs::hard_link(beside(path, "-wal"), beside(path, "-second")).unwrap()),
    ("log longer", |path| {
        use std::io::Write as _;
        let mut log = std::fs::OpenOptions::new().append(true).open(beside(path, "-wal")).unwrap();
        log.write_all(&[0; 24]).unwrap();
    }),
    ("log begun again", |path| {
        use std::os::unix::fs::FileExt as _;
        let log = std::fs::OpenOptions::new().write(true).open(beside(path, "-wal")).unwrap();
        log.write_all_at(&[9; 8], 16).unwrap();
    }),
];

#[test]
fn each_step_notices_what_happened_to_the_files() {
    for (harm, work) in HARM {
        for (step, run) in STEPS {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("ledger.db");
            let (mut store, head) = store(&path);
            work(&path);
            let error = run(&mut store).unwrap_err();
            assert!(matches!(error, StoreError::Lost { .. }), "{harm}, {step}: {error}");
            // the store writes nothing any more: every step fails
            for (_, later) in STEPS {
                assert!(matches!(later(&mut store), Err(StoreError::Broken)), "{harm}, {step}");
            }
            assert_eq!(store.head().unwrap(), head);
            drop(store);
            if harm == "moved" {
                // closing it has not touched the log that is there
                std::fs::rename(beside(&path, "-moved"), &path).unwrap();
                assert_eq!(SqliteStore::open(&path).unwrap().head().unwrap(), head, "{step}");
            }
        }
    }
}

/// What the issue was about: POSIX locks are gone, and another program writes.
#[test]
fn another_writer_is_noticed_whatever_locks_say() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.db");
    let (mut store, _) = store(&path);
    // takes SQLite's lock away; the other program is one that does not know the lock file
    drop(std::fs::File::open(&path).unwrap());
    let script = "import sqlite3, sys\nc = sqlite3.connect(sys.argv[1], isolation_level=None)\n\
                  c.execute('pragma locking_mode=exclusive')\n\
                  c.execute(\"insert into derived values (77, x'00')\")\n";
    let other = std::process::Command::new("python3").args(["-c", script]).arg(&path).output().unwrap();
    assert!(other.status.success(), "{}", String::from_utf8_lossy(&other.stderr));
    let error = append(&mut store, 2).unwrap_err();
    assert!(matches!(error, StoreError::Lost { .. }), "{error}");
}

#[test]
fn a_lock_lasts_as_long_as_its_ledger() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.db");
    let (store, _) = store(&path);
    let locked = |result: Result<SqliteStore, LedgerError>| match result {
        Err(LedgerError::Locked { process, .. }) => process,
        Err(other) => panic!("{other}"),
        Ok(_) => panic!("it has the ledger"),
    };
    drop(std::fs::File::open(&path).unwrap());
    drop(std::fs::File::open(beside(&path, "-lock")).unwrap());
    assert_eq!(locked(SqliteStore::open(&path)), Some(std::process::id()));
    drop(store);
    assert!(!beside(&path, "-lock").exists());
    // what a killed run left is taken over
    std::fs::write(beside(&path, "-lock"), [1; 8]).unwrap();
    drop(SqliteStore::open(&path).unwrap());
    assert!(!beside(&path, "-lock").exists() && !beside(&path, "-wal").exists());
}

/// A transaction whose last frame has its head and not its page, as a kill between the two leaves it.
#[test]
fn a_log_that_ends_within_a_frame_is_taken_over() {
    use std::os::unix::fs::FileExt as _;
    for first in [true, false] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ledger.db");
        let (mut store, before) = store(&path);
        if !first {
            append(&mut store, 2).unwrap();
        }
        let log = std::fs::read(beside(&path, "-wal")).unwrap();
        let copy = folder.path().join("copy");
        std::fs::create_dir(&copy).unwrap();
        std::fs::copy(&path, copy.join("ledger.db")).unwrap();
        std::fs::write(copy.join("ledger.db-wal"), &log).unwrap();
        drop(store);
        let path = copy.join("ledger.db");
        // the page of the last frame of the log is another one
        let frames: Vec<usize> = (32..log.len()).step_by(24 + 16_384).collect();
        let last = frames.iter().rfind(|at| log[**at + 8..**at + 16] == log[16..24]).unwrap();
        let file = std::fs::OpenOptions::new().write(true).open(beside(&path, "-wal")).unwrap();
        file.write_all_at(&[0; 16_384], *last as u64 + 24).unwrap();
        let mut store = SqliteStore::open(&path).unwrap();
        let head = store.head().unwrap();
        assert_eq!(head.records, if first { before.records - 1 } else { before.records });
        for n in 10..14 {
            append(&mut store, n).unwrap();
        }
        store.conclude().unwrap();
    }
}

#[test]
fn a_second_batch_with_a_seed_is_refused_and_found() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.db");
    let ledger = Ledger::create(&path, &issuer_spki()).unwrap();
    let (first, second) = (leaves(1..4), leaves(5..8));
    ledger.begin(row(1, terms("a", &first), 2), &first).unwrap();
    let mut twin = row(2, terms("b", &second), 2);
    twin.seed = row(1, terms("a", &first), 2).seed;
    // also by a process that did not begin the first
    for ledger in [&ledger, &{
        drop(ledger.conclude());
        let copy = folder.path().join("copy.db");
        std::fs::copy(&path, &copy).unwrap();
        Ledger::open(&copy, &issuer_spki()).unwrap()
    }] {
        let refused = ledger.begin(twin.clone(), &second).unwrap_err();
        assert_eq!(
            refused.to_string(),
            format!(
                "batch {} has the seed of batch {}, so that serial numbers would be given twice",
                twin.id,
                row(1, terms("a", &first), 2).id
            )
        );
        assert!(ledger.find(&twin.terms.key()).unwrap().is_none());
    }
    // a ledger on which an older release let it pass
    ledger.begin_unasked(&twin, &second);
    let report = ledger.examine(&|_, _| {}).unwrap();
    let found: Vec<&str> = report.findings.iter().map(|finding| finding.what).collect();
    assert_eq!(found, ["its batch has the seed of an earlier one: serial numbers may have been given twice"]);
    ledger.begin_unasked(&row(1, terms("c", &leaves(10..12)), 2), &leaves(10..12));
    let found = ledger.examine(&|_, _| {}).unwrap().findings.len();
    assert_eq!(found, 3, "name and seed of the first again");
}

/// Other programs' locks are in the same list of the system.
#[test]
fn a_holder_is_found_while_other_locks_come_and_go() {
    let folder = tempfile::tempdir().unwrap();
    let make = |name: String| File::create(folder.path().join(name)).unwrap();
    let held = make("held".to_owned());
    let about = held.metadata().unwrap();
    let ended = AtomicBool::new(false);
    // more than the system hands out at once
    let come_and_go = |files: &[File]| {
        while !ended.load(Ordering::Relaxed) {
            for operation in [FlockOperation::LockExclusive, FlockOperation::Unlock] {
                for file in files {
                    flock(file, operation).unwrap();
                }
            }
        }
    };
    let others: [Vec<File>; 4] = std::array::from_fn(|of| (0..75).map(|n| make(format!("{of}-{n}"))).collect());
    let found = std::thread::scope(|scope| {
        for files in &others {
            scope.spawn(|| come_and_go(files));
        }
        flock(&held, FlockOperation::LockExclusive).unwrap();
        let found = (0..1_000).filter(|_| holder("FLOCK", &about) == Some(std::process::id())).count();
        ended.store(true, Ordering::Relaxed);
        found
    });
    assert_eq!(found, 1_000);
}
