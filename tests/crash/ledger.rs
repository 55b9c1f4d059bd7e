//! `reroot ledger`: ledgers that are whole, that were changed, that lack something.

use reroot::ledger::{Draft, Kind, LedgerStore, Place, Record, SqliteStore};

use super::bench::{Bench, records};
use crate::support::golden::Case;
use crate::support::judges::put;
use crate::support::workshop::Workshop;

const VERIFY: &str = "ledger verify --config pki/reroot.toml";

/// A workshop with one sealed batch, and one that was killed when its directory was to be made: the second, after the
/// trial of the output's folder.
fn with_open_batch() -> Workshop {
    let bench = Bench::new(7, 5);
    let disturbed = bench.disturb(&["--calls", "mkdir", "--at", "2"]);
    assert_eq!(disturbed.finished.code, Some(137));
    disturbed.workshop
}

/// Lets SQL loose on the ledger.
fn change(workshop: &Workshop, sql: &str) {
    let connection = rusqlite::Connection::open(workshop.path("pki/ledger.db")).unwrap();
    connection.execute_batch(sql).unwrap();
}

/// Flips a bit in the body of a record.
fn flip(workshop: &Workshop, position: u64) {
    let connection = rusqlite::Connection::open(workshop.path("pki/ledger.db")).unwrap();
    let row = i64::try_from(position).unwrap();
    let mut body = connection.blob_open("main", "record", "body", row, false).unwrap();
    let mut byte = [0];
    body.read_at_exact(&mut byte, 50).unwrap();
    body.write_at(&[byte[0] ^ 1], 50).unwrap();
}

/// Adds what the rules would refuse, chained as it should be.
fn forge(workshop: &Workshop, draft: Draft) {
    let mut store = SqliteStore::open(&workshop.path("pki/ledger.db")).unwrap();
    let head = store.head().unwrap();
    store.append(&head, &mut std::iter::once(Record::after(&head, draft))).unwrap();
}

fn position(workshop: &Workshop, kind: Kind) -> u64 {
    records(workshop).iter().find(|record| record.entry.place.kind == kind).unwrap().entry.position
}

#[test]
fn a_ledger_is_counted_and_walked() {
    let workshop = with_open_batch();
    Case::new(&workshop, "ledger_whole")
        .run("ledger stats --config pki/reroot.toml")
        .run("ledger stats pki/ledger.db --format json")
        .run(VERIFY)
        .run("ledger verify pki/ledger.db --format json")
        .run("ledger head --config pki/reroot.toml")
        .run("ledger head pki/ledger.db --format json")
        .note("A head that is not the one that was noted: perhaps an old copy")
        .run(&format!("{VERIFY} --expect-head {}", "ab".repeat(32)))
        .note("Neither a ledger nor a configuration")
        .run("ledger verify")
        .note("No such ledger")
        .run("ledger stats pki/nowhere.db")
        .finish();
    let head = workshop.reroot(&["ledger", "head", "pki/ledger.db"]).run().success().out();
    workshop.reroot(&VERIFY.split(' ').collect::<Vec<_>>()).args(["--expect-head", head.trim()]).run().success();
}

/// What a person or a script asks of a ledger: nothing is changed, so a run that goes on would not notice.
#[test]
fn a_ledger_answers_questions() {
    let workshop = with_open_batch();
    let batches: serde_json::Value = {
        let listed = workshop.reroot(&["ledger", "list", "pki/ledger.db", "--format", "json"]).run().success();
        serde_json::from_str(&listed.out()).unwrap()
    };
    let named = |state: &str| {
        let batches = batches["batches"].as_array().unwrap();
        batches.iter().find(|batch| batch["state"] == state).unwrap()["batch"].as_str().unwrap().to_owned()
    };
    let (sealed, open) = (named("sealed"), named("open"));
    let chip = workshop.pki.leaf(1_000_000).uid();
    let certificate = find(&workshop, &chip);
    let mut case = Case::new(&workshop, "ledger_queries")
        .run("ledger list --config pki/reroot.toml")
        .run("ledger list pki/ledger.db --csv")
        .run("ledger list pki/ledger.db --look-in pki --format json")
        .note("All certificates of a chip")
        .run(&format!("ledger find {chip} --config pki/reroot.toml"))
        .run(&format!("ledger find {chip} --ledger pki/ledger.db --csv"));
    for (what, member) in [
        ("The same by a serial number", "serial"),
        ("by the certificate", "sha256"),
        ("by the key", "spki_sha256"),
        ("by the source leaf", "source_sha256"),
    ] {
        let value = certificate[member].as_str().unwrap();
        let found =
            workshop.reroot(&["ledger", "find", value, "--config", "pki/reroot.toml", "--format", "json"]).run();
        case = case.note(what).ran("ledger find VALUE --config pki/reroot.toml --format json", &found);
    }
    case = case
        .note("None, and no name of anything")
        .run(&format!("ledger find {} --config pki/reroot.toml", "ab".repeat(32)))
        .run("ledger find 0209A021E021C4E1D00139 --config pki/reroot.toml")
        .run("ledger find reel.zip --config pki/reroot.toml")
        .run(&format!("ledger find {} --ledger pki/ledger.db", "4F".repeat(20)))
        .note("Everything about a batch");
    let because = "the reel was lost";
    for (batch, line) in [
        (&sealed, "ledger show BATCH --config pki/reroot.toml"),
        (&open, "ledger show BATCH --config pki/reroot.toml"),
        (&open, "ledger show BATCH --ledger pki/ledger.db --format json"),
        (&sealed, "ledger abandon BATCH --because WHY --yes --config pki/reroot.toml"),
        (&open, "ledger abandon BATCH --because WHY --by quality --config pki/reroot.toml"),
        (&open, "ledger abandon BATCH --because WHY --by quality --yes --config pki/reroot.toml"),
        (&open, "ledger abandon BATCH --because WHY --yes --config pki/reroot.toml --format json"),
        (&open, "ledger show BATCH --config pki/reroot.toml"),
    ] {
        let words: Vec<&str> = line
            .split(' ')
            .map(|word| match word {
                "BATCH" => batch,
                "WHY" => because,
                word => word,
            })
            .collect();
        case = case.ran(line, &workshop.reroot(&words).run());
    }
    case.run("ledger show 01890a5d-ac96-774b-bcce-000000000000 --config pki/reroot.toml")
        .run("ledger show reel.zip --config pki/reroot.toml")
        .run("ledger abandon 01890a5d-ac96-774b-bcce-000000000000 --because '' --yes --config pki/reroot.toml")
        .run("ledger stats --config pki/reroot.toml")
        .finish();
}

fn find(workshop: &Workshop, chip: &str) -> serde_json::Value {
    let found = workshop.reroot(&["ledger", "find", chip, "--config", "pki/reroot.toml", "--format", "json"]).run();
    let found: serde_json::Value = serde_json::from_str(&found.success().out()).unwrap();
    found["certificates"][0].clone()
}

#[test]
fn what_was_changed_is_found() {
    let good = with_open_batch();
    let issued = position(&good, Kind::Issued);
    let mut text = Case::new(&good, "ledger_changed");
    let flipped = good.copy();
    flip(&flipped, issued);
    text =
        text.note("A flipped bit in a body").ran(VERIFY, &flipped.reroot(&VERIFY.split(' ').collect::<Vec<_>>()).run());
    for (what, sql) in [
        ("Another count", "UPDATE record SET signatures = signatures + 1 WHERE position = ISSUED"),
        ("A record that was taken out", "DELETE FROM record WHERE position = ISSUED"),
        ("and its place too", "DELETE FROM place WHERE position = ISSUED; DELETE FROM record WHERE position = ISSUED"),
        (
            "Two records in each other's position",
            "UPDATE record SET position = 1000 WHERE position = ISSUED;
             UPDATE record SET position = ISSUED WHERE position = ISSUED + 1;
             UPDATE record SET position = ISSUED + 1 WHERE position = 1000",
        ),
        ("A place that leads elsewhere", "UPDATE place SET position = 1 WHERE position = ISSUED"),
        ("A place without a record", "INSERT INTO place VALUES (9, 99, 0, 0, 99, 1, 1)"),
        ("A record of a kind that there is not", "UPDATE record SET kind = 77 WHERE position = ISSUED"),
        (
            "The last record taken off with its place: the batch that it belongs to lacks it",
            "DELETE FROM place WHERE position = (SELECT max(position) FROM record);
             DELETE FROM record WHERE position = (SELECT max(position) FROM record)",
        ),
        (
            "The last batch taken off with its places: an earlier, valid ledger; only a noted head tells",
            "DELETE FROM place WHERE position >= (SELECT max(position) FROM record WHERE kind = 1);
             DELETE FROM record WHERE position >= (SELECT max(position) FROM record WHERE kind = 1)",
        ),
        ("Another application's file", "PRAGMA application_id = 1"),
        ("A later format", "PRAGMA user_version = 2"),
    ] {
        let changed = good.copy();
        change(&changed, &sql.replace("ISSUED", &issued.to_string()));
        let args: Vec<&str> = VERIFY.split(' ').collect();
        let finished = changed.reroot(&args).run();
        text = text.note(what).ran(VERIFY, &finished);
    }
    text.finish();
}

#[test]
fn what_the_rules_would_have_refused_is_found() {
    let good = with_open_batch();
    let all = records(&good);
    let issued = all.iter().find(|record| record.entry.place.kind == Kind::Issued).unwrap();
    let batch = issued.entry.place.batch;
    let open = all.iter().rfind(|record| record.entry.place.kind == Kind::Batch).unwrap().entry.position;
    let again = |place| Draft { place, count: 2, signatures: 2, body: issued.body.clone() };
    let mut text = Case::new(&good, "ledger_forged");
    for (what, draft) in [
        ("A second certificate for the same leaves", again(Place::new(Kind::Issued, batch, 0).part(1))),
        ("Results of a batch that never began", again(Place::new(Kind::Issued, 9_999, 0))),
        ("Results before their intent", again(Place::new(Kind::Issued, open, 0))),
        ("A seal over leaves without a certificate", Draft::new(Place::new(Kind::Sealed, open, 0), vec![0; 8])),
    ] {
        let forged = good.copy();
        forge(&forged, draft);
        let args: Vec<&str> = VERIFY.split(' ').collect();
        text = text.note(what).ran(VERIFY, &forged.reroot(&args).run());
    }
    text.finish();
}

/// The write-ahead log of a killed run, cut at any place, leaves an earlier ledger, which is whole; the head tells.
#[test]
fn a_log_that_was_cut_leaves_an_earlier_ledger() {
    let bench = Bench::new(7, 5);
    let disturbed = bench.disturb(&["--calls", "write", "--at", "1"]);
    let killed = &disturbed.workshop;
    let log = std::fs::read(killed.path("pki/ledger.db-wal")).unwrap();
    let head = |workshop: &Workshop| workshop.reroot(&["ledger", "head", "pki/ledger.db"]).run().success().out();
    let whole = head(&killed.copy());
    let mut seen = std::collections::BTreeSet::new();
    let args: Vec<&str> = VERIFY.split(' ').collect();
    // nothing of it is left: that is not taken for an earlier ledger
    let empty = killed.copy();
    put(&empty.path("pki/ledger.db-wal"), "");
    let found = empty.reroot(&args).run().expect(1);
    assert!(found.out().contains("the write-ahead log with those after it is missing"), "{}", found.out());
    for tenth in 1..10 {
        let cut = killed.copy();
        put(&cut.path("pki/ledger.db-wal"), &log[..log.len() * tenth / 10]);
        cut.reroot(&args).run().success();
        let left = records(&cut);
        assert!(disturbed.left.starts_with(&left) && left.len() < disturbed.left.len(), "{tenth}");
        let refused = cut.reroot(&args).args(["--expect-head", whole.trim()]).run().expect(2);
        assert!(refused.err().contains("restored from an old backup"), "{}", refused.err());
        seen.insert(head(&cut));
    }
    assert!(seen.len() > 3, "{} different heads", seen.len());
}

/// A file of which a page was overwritten, as a failing disk does.
#[test]
fn a_damaged_page_is_an_error() {
    let workshop = with_open_batch();
    // the log goes into the file
    let path = workshop.path("pki/ledger.db");
    drop(SqliteStore::open(&path).unwrap());
    let whole = std::fs::read(&path).unwrap();
    let mut ends = std::collections::BTreeMap::new();
    for page in 0..whole.len() / 16_384 {
        let mut damaged = whole.clone();
        damaged[page * 16_384..page * 16_384 + 8_192].fill(0x55);
        put(&path, damaged);
        let args: Vec<&str> = VERIFY.split(' ').collect();
        let finished = workshop.reroot(&args).run();
        let said = finished.err() + &finished.out();
        let named = said.contains("pki/ledger.db")
            && (said.contains("malformed") || said.contains("not a ledger") || said.contains("FAILED"));
        assert!(matches!(finished.code, Some(1 | 5)) && named, "page {page}: {:?} {said}", finished.code);
        *ends.entry(finished.code).or_insert(0) += 1;
    }
    put(&path, whole);
    workshop.issue("earlier.zip", "earlier", &[]).success();
    assert!(!ends.is_empty());
}

#[test]
fn looking_while_an_older_release_writes_names_the_process() {
    let workshop = Workshop::new();
    // as releases do that lock the ledger's file alone
    let held = rusqlite::Connection::open(workshop.path("pki/ledger.db")).unwrap();
    held.execute_batch("PRAGMA locking_mode = EXCLUSIVE; BEGIN IMMEDIATE; COMMIT;").unwrap();
    let mut text = Case::new(&workshop, "ledger_in_use");
    for command in ["head", "stats", "verify"] {
        text = text.run(&format!("ledger {command} --config pki/reroot.toml"));
    }
    workshop.reel("reel.zip", 0..3);
    let refused = workshop.issue("reel.zip", "batch", &[]).expect(5);
    assert!(refused.err().contains("in use by another process (process "), "{}", refused.err());
    text.finish();
    drop(held);
    workshop.reroot(&["ledger", "head", "pki/ledger.db"]).run().success();
}
