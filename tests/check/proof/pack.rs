//! Line packs: what stations ask, with this program and with stock SQLite, and what a changed pack does to the answers.

use rusqlite::Connection;

use super::cli::ANCHORS;
use crate::audit::batch::batch;
use crate::support::golden::Case;
use crate::support::judges::put;
use crate::support::pki::{der, variants};
use crate::support::run::{Finished, Run, project};
use crate::support::workshop::Workshop;

pub(crate) fn with_pack() -> Workshop {
    let workshop = batch();
    let export = ["export", "batch", "--to", "line-pack", "--out", "batch.pack", "--issuer-anchor", "pki/ca/root.pem"];
    let said = workshop.reroot(&export).run().success();
    assert!(said.err().contains("4 certificates of batch "), "{}", said.err());
    workshop
}

fn lookup(workshop: &Workshop, args: &[&str]) -> Finished {
    workshop.reroot(&["lookup"]).args(args).args(ANCHORS).run()
}

#[test]
fn a_chip_is_found_by_every_name_and_by_its_leaf() {
    let workshop = with_pack();
    for (line, index) in workshop.lines("batch").iter().zip(0..) {
        let uid = line["uid"].as_str().unwrap();
        let leaf = workshop.pki.leaf(index).der;
        put(&workshop.path("leaf.der"), &leaf);
        put(&workshop.path("leaf.pem"), der::pem("CERTIFICATE", &leaf));
        put(&workshop.path("zone.bin"), variants::padded(&leaf, 1000, 0xFF));
        for shelf in ["batch.pack", "batch"] {
            for names in [
                [uid].as_slice(),
                &[&uid[4..]],
                &[&uid[4..18]],
                &["--leaf", "leaf.der"],
                &["--leaf", "leaf.pem"],
                &["--leaf", "zone.bin"],
            ] {
                let found = lookup(&workshop, &[&[shelf], names, &["--der"]].concat()).success();
                assert_eq!(reroot::crypto::sha256(&found.stdout).to_string(), line["sha256"].as_str().unwrap());
            }
        }
        let stdin = workshop.reroot(&["lookup", "batch.pack", "--leaf", "-", "--der"]).args(ANCHORS).stdin(leaf).run();
        assert_eq!(reroot::crypto::sha256(&stdin.success().stdout).to_string(), line["sha256"].as_str().unwrap());
    }
    let uid = workshop.lines("batch")[0]["uid"].as_str().unwrap().to_owned();
    let pem = lookup(&workshop, &["batch.pack", &uid, "--pem"]).success();
    put(&workshop.path("found.pem"), &pem.stdout);
    let verify = ["verify", "-CAfile", "pki/ca/root.pem", "-untrusted", "found.pem", "found.pem"];
    Run::openssl().args(verify).folder(workshop.folder()).run().success();
    let json = lookup(&workshop, &["batch.pack", &uid, "--format", "json"]).success();
    let json: serde_json::Value = serde_json::from_slice(&json.stdout).unwrap();
    assert_eq!(json["uid"], uid);
}

#[test]
fn what_is_not_in_the_pack_is_not_given_out() {
    let workshop = with_pack();
    let first = workshop.lines("batch")[0]["uid"].as_str().unwrap().to_owned();
    // a twin of the leaf in hand: another byte string over the same key
    put(&workshop.path("twin.der"), variants::twin(&workshop.pki.leaf(0).der));
    put(&workshop.path("stranger.der"), workshop.pki.leaf(50).der);
    put(&workshop.path("junk.der"), b"0\x03junk");
    put(&workshop.path("more.der"), [&workshop.pki.leaf(0).der[..], b"more"].concat());
    Case::new(&workshop, "lookup")
        .note("Not there, by a whole UID and by a part of one")
        .run("lookup batch.pack 0209A021E021C4E1D00139 --config pki/reroot.toml")
        .run("lookup batch.pack A021E021C4E1D0 --config pki/reroot.toml")
        .run("lookup batch.pack A021E021C4E1D00139 --config pki/reroot.toml --format json")
        .note("That it is not there is asked for")
        .run("lookup batch.pack A021E021C4E1D0 --config pki/reroot.toml --absent")
        .run("lookup batch 0209A021E021C4E1D00139 --config pki/reroot.toml --absent --format json")
        .run("lookup batch.pack --leaf stranger.der --config pki/reroot.toml --absent")
        .run(&format!("lookup batch.pack {first} --config pki/reroot.toml --absent"))
        .run(&format!("lookup batch {first} --config pki/reroot.toml --absent --format json"))
        .note("No chip of the family is called so")
        .run("lookup batch.pack 0209FF --config pki/reroot.toml")
        .run("lookup batch 0209FF --config pki/reroot.toml --absent")
        .note("Another leaf of the same chip, a leaf of another reel, no leaf")
        .run("lookup batch.pack --leaf twin.der --config pki/reroot.toml")
        .run("lookup batch.pack --leaf stranger.der --config pki/reroot.toml")
        .run("lookup batch.pack --leaf junk.der --config pki/reroot.toml")
        .run("lookup batch.pack --leaf more.der --config pki/reroot.toml")
        .note("What is not a pack")
        .run(&format!("lookup reel.zip {first} --config pki/reroot.toml"))
        .run(&format!("lookup pki/ledger.db {first} --config pki/reroot.toml"))
        .note("A pack that is there already")
        .run("export batch --to line-pack --out batch.pack --config pki/reroot.toml")
        .finish();
    // the wrong source anchor: the CA's root, not ST's
    let args =
        ["lookup", "batch.pack", &first, "--source-anchor", "pki/ca/root.pem", "--issuer-anchor", "pki/ca/root.pem"];
    let refused = workshop.reroot(&args).run().expect(1);
    assert!(refused.out().is_empty() && refused.err().contains("[audit.source.rejected]"), "{}", refused.err());
}

#[test]
fn the_pythons_of_the_document_read_it() {
    let workshop = with_pack();
    let document = std::fs::read_to_string(project("docs/spec/line-pack.md")).unwrap();
    let script = document.split("```python\n").nth(1).unwrap().split("```").next().unwrap();
    assert!(script.lines().filter(|line| !line.is_empty()).count() <= 11);
    for line in workshop.lines("batch") {
        let run =
            Run::python(script).args(["batch.pack", line["uid"].as_str().unwrap()]).folder(workshop.folder()).run();
        assert!(run.success().out().starts_with(&format!("{} {} ", line["sha256"].as_str().unwrap(), line["bytes"])));
    }
    // the schema is the one that the document prints
    let printed = document.split("```sql\n").nth(1).unwrap().split("```").next().unwrap();
    let database = Connection::open(workshop.path("batch.pack")).unwrap();
    let mut query =
        database.prepare("SELECT sql || ';' FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY rowid").unwrap();
    let schema: Vec<String> = query.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect();
    assert_eq!(printed.trim(), schema.join("\n"));
    let id: u32 = database.query_row("PRAGMA application_id", [], |row| row.get(0)).unwrap();
    assert!(document.contains(&id.to_string()));
}

/// What an attacker with SQLite can write: rows exchanged, lines of a different batch, a seal of a different batch.
#[test]
fn a_pack_that_was_edited_is_refused() {
    let workshop = with_pack();
    let lines = workshop.lines("batch");
    let uid = |n: usize| lines[n]["uid"].as_str().unwrap().to_owned();
    let good = std::fs::read(workshop.path("batch.pack")).unwrap();
    workshop.reel("second.zip", 10..14);
    workshop.issue("second.zip", "second", &[]).success();
    let export = ["export", "second", "--to", "line-pack", "--out", "second.pack", "--config", "pki/reroot.toml"];
    workshop.reroot(&export).run().success();
    let edits = [
        "UPDATE chip SET certificate = (SELECT certificate FROM chip WHERE position = 2) WHERE position = 1".to_owned(),
        "UPDATE chip SET source = (SELECT source FROM chip WHERE position = 2) WHERE position = 1".to_owned(),
        "UPDATE chip SET line = (SELECT line FROM chip WHERE position = 2) WHERE position = 1".to_owned(),
        "UPDATE chip SET path = x'' WHERE position = 1".to_owned(),
        "UPDATE chip SET path = zeroblob(31) WHERE position = 1".to_owned(),
        "UPDATE chip SET path = zeroblob(64) WHERE position = 2".to_owned(),
        "DELETE FROM chip WHERE position = 0".to_owned(),
        "UPDATE chip SET position = 100 WHERE position = 1".to_owned(),
        "DELETE FROM pack WHERE key = 'seal'".to_owned(),
        "DELETE FROM chain".to_owned(),
        "ATTACH 'second.pack' AS second; UPDATE pack SET value = (SELECT value FROM second.pack AS other WHERE other.key = pack.key)".to_owned(),
        "ATTACH 'second.pack' AS second; UPDATE pack SET value = (SELECT value FROM second.pack WHERE key = 'seal') WHERE key = 'seal'".to_owned(),
        "DROP TABLE chip".to_owned(),
        "PRAGMA user_version = 1".to_owned(),
        // one chip's row under another's name
        format!("UPDATE chip SET uid = 'x' WHERE position = 1; UPDATE chip SET uid = '{}' WHERE position = 2", uid(1)),
        "ALTER TABLE chip RENAME TO real; CREATE VIEW chip AS SELECT position, uid, object, label, line, path, (SELECT certificate FROM real WHERE position = 2) AS certificate, source FROM real".to_owned(),
    ];
    for edit in edits {
        put(&workshop.path("batch.pack"), &good);
        let database = Connection::open(workshop.path("batch.pack")).unwrap();
        let folder = workshop.folder().display().to_string();
        database.execute_batch(&edit.replace("'second.pack'", &format!("'{folder}/second.pack'"))).unwrap();
        drop(database);
        let refused = lookup(&workshop, &["batch.pack", &uid(1), "--der"]).expect(1);
        assert!(refused.stdout.is_empty(), "{edit}");
    }
}

/// SQL that turns a good pack into a file that is not one, and the error that the program reports.
const OTHER_SCHEMAS: [(&str, &str); 17] = [
    ("CREATE TABLE more (x)", "has more tables and indexes than the 4"),
    ("CREATE INDEX more ON chip (line)", "has more tables and indexes than the 4"),
    ("CREATE VIEW more AS SELECT 1", "has more tables and indexes than the 4"),
    ("CREATE VIRTUAL TABLE more USING fts5(x)", "has more tables and indexes than the 4"),
    ("CREATE TRIGGER more AFTER INSERT ON chip BEGIN SELECT 1; END", "has more tables and indexes than the 4"),
    ("ANALYZE", "has more tables and indexes than the 4"),
    ("DROP TABLE chain", "has fewer tables and indexes than the 4"),
    ("DROP TABLE chain; CREATE VIEW chain AS SELECT 'issuer' AS kind, 0 AS position, x'' AS der", "table `chain`"),
    ("ALTER TABLE chip ADD COLUMN more TEXT", "table `chip` as reroot-pack/2 spells it"),
    ("ALTER TABLE chip ADD COLUMN more AS (hex(line))", "table `chip` as reroot-pack/2 spells it"),
    ("ALTER TABLE chip RENAME COLUMN label TO LABEL", "table `chip` as reroot-pack/2 spells it"),
    ("ALTER TABLE pack RENAME COLUMN value TO VALUE", "table `pack` as reroot-pack/2 spells it"),
    (
        "DROP TABLE chain; CREATE TABLE chain (kind TEXT NOT NULL COLLATE NOCASE, position INTEGER NOT NULL, \
         der BLOB NOT NULL, PRIMARY KEY (kind, position)) WITHOUT ROWID",
        "table `chain` as reroot-pack/2 spells it",
    ),
    ("PRAGMA application_id = 1", "is not a reroot-pack/1 or reroot-pack/2 file"),
    ("PRAGMA user_version = 3", "is not a reroot-pack/1 or reroot-pack/2 file"),
    ("PRAGMA user_version = 1", "table `chip` as reroot-pack/1 spells it"),
    ("PRAGMA journal_mode = WAL", "is in WAL mode"),
];

#[test]
fn only_exactly_the_schema_of_the_format_is_read() {
    let workshop = with_pack();
    let uid = workshop.lines("batch")[1]["uid"].as_str().unwrap().to_owned();
    let good = std::fs::read(workshop.path("batch.pack")).unwrap();
    for (edit, reason) in OTHER_SCHEMAS {
        put(&workshop.path("batch.pack"), &good);
        Connection::open(workshop.path("batch.pack")).unwrap().execute_batch(edit).unwrap();
        let refused = lookup(&workshop, &["batch.pack", &uid, "--der"]).expect(1);
        assert!(refused.stdout.is_empty() && refused.err().contains(reason), "{edit}: {}", refused.err());
    }
    put(&workshop.path("batch.pack"), &good);
    lookup(&workshop, &["batch.pack", &uid, "--der"]).success();
}

/// A value may have another type than its column, or any size; an index may lead through rows without end.
#[test]
fn values_and_steps_of_a_pack_are_bounded() {
    let workshop = with_pack();
    let uid = workshop.lines("batch")[1]["uid"].as_str().unwrap().to_owned();
    let good = std::fs::read(workshop.path("batch.pack")).unwrap();
    let unique = &uid[4..18];
    for (edit, reason) in [
        ("UPDATE chip SET certificate = zeroblob(65537)".to_owned(), "a blob of 65537 bytes, expected at most 65536"),
        ("UPDATE chip SET source = zeroblob(40000000)".to_owned(), "too big"),
        ("UPDATE chip SET path = zeroblob(65 * 32)".to_owned(), "a blob of 2080 bytes, expected at most 2048"),
        (
            "UPDATE chip SET line = 'x' || hex(zeroblob(40000))".to_owned(),
            "text of 80001 bytes, expected at most 65536",
        ),
        ("UPDATE chip SET line = CAST(x'FF' AS TEXT)".to_owned(), "text that is not UTF-8"),
        ("UPDATE chip SET line = x'00'".to_owned(), "a blob of 1 bytes"),
        ("UPDATE chip SET certificate = 7".to_owned(), "a number"),
        ("UPDATE chain SET der = zeroblob(65537)".to_owned(), "a blob of 65537 bytes"),
        ("UPDATE pack SET value = zeroblob(16777217) WHERE key = 'statement'".to_owned(), "a blob of 16777217 bytes"),
        ("UPDATE pack SET value = zeroblob(65537) WHERE key = 'seal'".to_owned(), "a blob of 65537 bytes"),
        (
            // 100,000 names that begin as this chip's, of another length than a UID of this family
            format!(
                "DELETE FROM chip WHERE uid = '{uid}'; WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 100000) \
                 INSERT INTO chip SELECT 10 + i, '0209{unique}' || printf('%06d', i), NULL, NULL, 'x', x'', x'', x'' FROM n"
            ),
            "needs more steps",
        ),
    ] {
        put(&workshop.path("batch.pack"), &good);
        Connection::open(workshop.path("batch.pack")).unwrap().execute_batch(&edit).unwrap();
        let refused = lookup(&workshop, &["batch.pack", unique, "--der"]).expect(1);
        assert!(refused.stdout.is_empty() && refused.err().contains(reason), "{edit}: {}", refused.err());
    }
}

/// A hot journal, or a write-ahead log, of another pack: SQLite would play it into the file, or read it in its place.
#[test]
fn what_lies_beside_a_pack_is_not_followed() {
    let workshop = with_pack();
    let uid = workshop.lines("batch")[1]["uid"].as_str().unwrap().to_owned();
    let good = std::fs::read(workshop.path("batch.pack")).unwrap();
    let path = workshop.path("batch.pack");
    let beside = |suffix: &str| workshop.path(&format!("batch.pack-{suffix}"));
    // a journal as a writer leaves it that was killed: with synchronous OFF it is complete at once
    let database = Connection::open(&path).unwrap();
    database
        .execute_batch(
            "PRAGMA journal_mode = DELETE; PRAGMA cache_size = 1; BEGIN; UPDATE chip SET certificate = x'00'",
        )
        .unwrap();
    let journal = std::fs::read(beside("journal")).unwrap();
    drop(database);
    put(&path, &good);
    // permission to write neither file nor folder is not needed either
    put(&beside("journal"), &journal);
    let found = lookup(&workshop, &["batch.pack", &uid, "--der"]).success();
    assert_eq!(std::fs::read(beside("journal")).unwrap(), journal, "the journal was not played back");
    assert_eq!(std::fs::read(&path).unwrap(), good);
    reroot::durable::remove_partial_file(&beside("journal")).unwrap();
    put(&beside("wal"), b"not a write-ahead log");
    assert_eq!(lookup(&workshop, &["batch.pack", &uid, "--der"]).success().stdout, found.stdout);
    assert_eq!(std::fs::read(beside("wal")).unwrap(), b"not a write-ahead log");
    assert!(!beside("shm").exists());
    // a name that means something in a URI
    put(&workshop.path("a?mode=rwc&x#%41.pack"), &good);
    let named = lookup(&workshop, &["a?mode=rwc&x#%41.pack", &uid, "--der"]).success();
    assert_eq!(named.stdout, found.stdout);
}

#[test]
fn a_zone_holds_the_exact_bytes() {
    let workshop = batch();
    let export = |out: &str, more: &[&str]| {
        let args = ["export", "batch", "--to", "stsafe-zone", "--out", out, "--config", "pki/reroot.toml"];
        workshop.reroot(&args).args(more).run()
    };
    export("zones", &["--zone-bytes", "1000"]).success();
    export("chains", &["--zone-bytes", "2000", "--zone-chain"]).success();
    let issuing = crate::audit::forge::certificate(&std::fs::read(workshop.path("pki/ca/issuing.pem")).unwrap());
    for line in workshop.lines("batch") {
        let name = format!("{}.bin", line["uid"].as_str().unwrap());
        let leaf = std::fs::read(workshop.path("zones").join(&name)).unwrap();
        assert_eq!(reroot::crypto::sha256(&leaf).to_string(), line["sha256"].as_str().unwrap());
        // as ST's host library reads the size
        assert_eq!(usize::from(u16::from_be_bytes([leaf[2], leaf[3]])) + 4, leaf.len());
        let chain = std::fs::read(workshop.path("chains").join(&name)).unwrap();
        assert_eq!(chain, [issuing.der(), &leaf].concat());
    }
    let bytes = workshop.lines("batch").iter().map(|line| line["bytes"].as_u64().unwrap()).max().unwrap();
    export("exact", &["--zone-bytes", &bytes.to_string()]).success();
    let short = export("short", &["--zone-bytes", &(bytes - 1).to_string()]).expect(2);
    assert!(short.err().contains(&format!("expected at most {}", bytes - 1)), "{}", short.err());
    assert!(!workshop.path("short").exists() && workshop.leftovers().is_empty());
    export("none", &[]).expect(2);
}
