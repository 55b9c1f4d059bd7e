//! The ledger belongs to one run. No input, no change to its files and no other run takes it away.
//!
//! `REROOT_LONG=1` lets two runs meet 200 times in each way instead of a few.
#![expect(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "helpers of tests, which clippy takes for a program; they play whoever else has access to the folder"
)]

use std::collections::BTreeSet;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

use crate::support::pki::archive;
use crate::support::run::{Finished, Run, Running};
use crate::support::workshop::Workshop;

const LEDGER: &str = "pki/ledger.db";

/// A run that has opened the ledger and waits for the end of its input; and that end.
fn waiting(workshop: &Workshop, out: &str, more: &[&str]) -> (Running, Vec<u8>) {
    let leaves = workshop.pki.leaves(0..300);
    let names: Vec<String> = leaves.iter().map(crate::support::pki::TestLeaf::uid).collect();
    let files: Vec<(&str, &[u8])> =
        names.iter().map(String::as_str).zip(leaves.iter().map(|leaf| &leaf.der[..])).collect();
    let mut reel = archive::zip(&files);
    let args =
        ["issue", "-", "--policy", "policy.toml", "--out", out, "--config", "pki/reroot.toml", "--set", "lot=A1"];
    let mut run = workshop.reroot(&args).args(more).start();
    // more than a pipe holds: the run reads, and so has the ledger
    let later = reel.split_off(reel.len() - 1000);
    run.feed(&reel);
    (run, later)
}

fn issued_once(workshop: &Workshop, outs: &[&str]) {
    let mut seen = BTreeSet::new();
    for out in outs.iter().filter(|out| workshop.path(out).exists()) {
        for line in workshop.lines(out) {
            assert!(seen.insert(line["uid"].to_string()), "{} has two certificates", line["uid"]);
        }
    }
    let verified = workshop.reroot(&["ledger", "verify", LEDGER, "--format", "json"]).run().success();
    let report: serde_json::Value = serde_json::from_slice(&verified.stdout).unwrap();
    let signed = usize::try_from(report["total"]["certificates"].as_u64().unwrap()).unwrap();
    assert!(seen.len() <= signed, "{} certificates, {signed} on the ledger", seen.len());
}

/// A descriptor of the ledger that any code of the process closes takes SQLite's lock away, but not the ledger's own.
#[test]
fn a_descriptor_that_is_closed_does_not_let_a_second_run_in() {
    let workshop = Workshop::new();
    workshop.reel("reel.zip", 0..3);
    let certificate = std::fs::read(workshop.path("pki/ca/issuing.pem")).unwrap();
    let der = reroot::x509::pem::read(&certificate).unwrap().remove(0).der;
    let issuer = reroot::x509::Certificate::from_der(&der).unwrap();
    let held = reroot::ledger::Ledger::open(&workshop.path(LEDGER), issuer.spki()).unwrap();
    drop(std::fs::File::open(workshop.path(LEDGER)).unwrap());
    let refused = workshop.issue("reel.zip", "batch", &[]).expect(5);
    assert!(refused.err().contains("in use by another process (process "), "{}", refused.err());
    // who reads may come in
    for command in ["head", "list", "stats", "verify"] {
        workshop.reroot(&["ledger", command, "--config", "pki/reroot.toml"]).run().success();
    }
    drop(held);
    assert!(!workshop.path("pki/ledger.db-lock").exists());
    workshop.issue("reel.zip", "batch", &[]).success();
}

#[test]
fn an_input_that_is_the_ledger_is_refused_before_it_is_opened() {
    let workshop = Workshop::new();
    workshop.reel("reel.zip", 0..3);
    symlink(LEDGER, workshop.path("README")).unwrap();
    let batches: &[(&str, &[&str])] = &[
        ("pki", &["--on-reject", "skip"]),
        ("pki/ledger.db", &["--on-reject", "skip"]),
        ("README", &["--on-reject", "skip"]),
        (".", &["--on-reject", "skip"]),
    ];
    for (input, more) in batches {
        let args =
            ["issue", input, "reel.zip", "--policy", "policy.toml", "--out", "batch", "--config", "pki/reroot.toml"];
        let refused = workshop.reroot(&args).args(["--set", "lot=A1"]).args(*more).run().expect(3);
        let err = refused.err();
        assert!(err.contains("it is the same file as `") && err.contains("which belongs to the open ledger"), "{err}");
        assert!(err.contains("hint: "), "{err}");
        assert!(!workshop.path("batch").exists());
    }
    // standard input has no name, but it is a file all the same
    let script =
        "exec \"$0\" issue - --policy policy.toml --out batch --config pki/reroot.toml --set lot=A1 < pki/ledger.db";
    let refused = Run::tool("sh").args(["-c", script, env!("CARGO_BIN_EXE_reroot")]).folder(workshop.folder()).run();
    assert!(refused.expect(3).err().contains("it is the same file as `"));
    workshop.issue("reel.zip", "batch", &[]).success();
    issued_once(&workshop, &["batch"]);
}

#[test]
fn a_ledger_with_two_names_is_not_used() {
    let workshop = Workshop::new();
    workshop.reel("reel.zip", 0..3);
    std::fs::hard_link(workshop.path(LEDGER), workshop.path("second.db")).unwrap();
    let refused = workshop.issue("reel.zip", "batch", &[]).expect(5);
    assert!(refused.err().contains("has 2 names (hard links), expected one"), "{}", refused.err());
    assert!(!workshop.path("batch").exists());
    std::fs::remove_file(workshop.path("second.db")).unwrap();
    // a symbolic link is the same ledger: its log and its lock are those of the file
    std::fs::rename(workshop.path(LEDGER), workshop.path("real.db")).unwrap();
    symlink("../real.db", workshop.path(LEDGER)).unwrap();
    let (running, _) = waiting(&workshop, "batch", &[]);
    assert!(workshop.path("real.db-lock").exists());
    running.finish().expect(3);
    workshop.issue("reel.zip", "batch", &[]).success();
}

/// What is done to the ledger while a run has it, and what the run says.
const HARM: [(&str, &str); 6] = [
    ("rm pki/ledger.db", "its file was removed, replaced or linked"),
    ("cp pki/ledger.db x && mv x pki/ledger.db", "its file was removed, replaced or linked"),
    ("ln pki/ledger.db second.db", "its file was removed, replaced or linked"),
    ("mv pki gone && cp -a gone pki", "its lock file was removed, replaced or linked"),
    ("rm pki/ledger.db-lock", "its lock file was removed, replaced or linked"),
    ("rm pki/ledger.db-wal", "its write-ahead log was removed, replaced or linked"),
];

#[test]
fn a_ledger_that_is_harmed_during_a_run_ends_it_and_nothing_is_published() {
    for (harm, told) in HARM {
        let workshop = Workshop::new();
        let (mut running, later) = waiting(&workshop, "batch", &[]);
        Run::tool("sh").args(["-c", harm]).folder(workshop.folder()).run().success();
        running.feed(&later);
        let finished = running.finish().expect(5);
        let err = finished.err();
        assert!(err.contains(told) || err.contains("its file was removed"), "{harm}: {err}");
        assert!(!workshop.path("batch").exists(), "{harm}");
    }
}

/// A run that is killed at its first call of this name on the unfinished batch.
fn killed(workshop: &Workshop, call: &str) {
    let run = |workshop: &Workshop, more: &[&str]| {
        let args = "issue reel.zip --policy policy.toml --out batch --config pki/reroot.toml --set lot=A1";
        let faulty = Run::tool(crate::support::faulty::faulty()).args(["--under", ".", "--calls", call]).args(more);
        faulty.arg(env!("CARGO_BIN_EXE_reroot")).args(args.split(' ')).folder(workshop.folder()).run()
    };
    let (copy, record) = (workshop.copy(), tempfile::NamedTempFile::new().unwrap());
    run(&copy, &["--record", record.path().to_str().unwrap()]).success();
    let calls = std::fs::read_to_string(record.path()).unwrap();
    let of_batch = |line: &str| line.contains("/batch.partial-") || line.ends_with("/batch");
    let at = calls.lines().position(of_batch).unwrap_or_else(|| panic!("no {call} on the batch: {calls}")) + 1;
    run(workshop, &["--at", &at.to_string(), "--how", "kill-before"]).expect(137);
}

#[test]
fn a_log_that_was_removed_after_a_kill_is_missed() {
    for harm in [
        "rm pki/ledger.db-wal",
        ": > pki/ledger.db-wal",
        "dd if=/dev/zero of=pki/ledger.db-wal bs=32 count=1 conv=notrunc",
    ] {
        let workshop = Workshop::new();
        workshop.reel("reel.zip", 0..3);
        killed(&workshop, "write");
        Run::tool("sh").args(["-c", harm]).folder(workshop.folder()).run().success();
        for _ in 0..2 {
            let refused = workshop.issue("reel.zip", "batch", &[]).expect(5);
            let err = refused.err();
            assert!(err.contains("was not closed by the run that last added to it"), "{harm}: {err}");
            assert!(err.contains("batch.partial-") && err.contains("certificates that were signed"), "{harm}: {err}");
        }
        // it can still be looked at, and the finding says what is wrong
        let found = workshop.reroot(&["ledger", "verify", LEDGER]).run().expect(1);
        assert!(found.out().contains("the write-ahead log with those after it is missing"), "{}", found.out());
    }
    // with its log the batch goes on
    let workshop = Workshop::new();
    workshop.reel("reel.zip", 0..3);
    killed(&workshop, "write");
    workshop.issue("reel.zip", "batch", &[]).success();
    issued_once(&workshop, &["batch"]);
    // and after a run that came to its end there is none to miss
    assert!(!workshop.path("pki/ledger.db-wal").exists());
}

#[test]
fn certificates_that_are_not_published_are_the_owners_alone() {
    let workshop = Workshop::new();
    workshop.reel("reel.zip", 0..3);
    killed(&workshop, "renameat2");
    let [partial] = &workshop.leftovers()[..] else { panic!("{:?}", workshop.leftovers()) };
    let mode = |path: &Path| path.metadata().unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&workshop.path(partial)), 0o700);
    workshop.issue("reel.zip", "batch", &[]).success();
    let plain = workshop.path("plain");
    reroot::durable::create_directory(&plain, reroot::durable::Access::Public).unwrap();
    assert_eq!(mode(&workshop.path("batch")), mode(&plain), "what is published has the mode that the umask gives");
}

#[test]
fn the_head_is_noted_after_each_run_and_compared_at_the_next() {
    let workshop = Workshop::new();
    workshop.reel("reel.zip", 0..3);
    workshop.reel("second.zip", 3..6);
    let config = workshop.path("pki/reroot.toml");
    let text = std::fs::read_to_string(&config).unwrap();
    crate::support::judges::put(&config, text.replace("[ledger]", "[ledger]\nhead_file = \"../disk/head\""));
    // the disk is not there
    let refused = workshop.issue("reel.zip", "batch", &[]).expect(5);
    assert!(refused.err().contains("cannot read the ledger's head file"), "{}", refused.err());
    reroot::durable::create_directory(&workshop.path("disk"), reroot::durable::Access::Public).unwrap();

    std::fs::copy(workshop.path(LEDGER), workshop.path("old.db")).unwrap();
    let first = workshop.issue("reel.zip", "batch", &[]).success();
    assert!(first.err().contains("to compare the ledger's head with"), "{}", first.err());
    let head = || workshop.reroot(&["ledger", "head", LEDGER]).run().success().out().trim().to_owned();
    let noted = || std::fs::read_to_string(workshop.path("disk/head")).unwrap();
    assert!(noted().starts_with(&head()), "{}", noted());
    let second = workshop.issue("second.zip", "second", &[]).success();
    assert!(!second.err().contains("to compare"), "{}", second.err());
    assert!(noted().starts_with(&head()), "{}", noted());

    // an old copy in place of the ledger
    let copied = std::fs::read(workshop.path("old.db")).unwrap();
    crate::support::judges::put(&workshop.path(LEDGER), copied);
    let before = noted();
    for args in [
        "issue reel.zip --policy policy.toml --out third --config pki/reroot.toml --set lot=A1",
        "ledger head --config pki/reroot.toml",
        "ledger verify --config pki/reroot.toml",
    ] {
        let refused = workshop.reroot(&args.split(' ').collect::<Vec<_>>()).run().expect(5);
        assert!(refused.err().contains("which the last run noted in `"), "{}", refused.err());
    }
    assert!(!workshop.path("third").exists());
    assert_eq!(noted(), before);
}

#[test]
fn a_copy_that_cannot_be_written_is_read() {
    let workshop = Workshop::new();
    workshop.reel("reel.zip", 0..3);
    let copy = |name: &str, log: bool| {
        let folder = workshop.path(name);
        reroot::durable::create_directory(&folder, reroot::durable::Access::Public).unwrap();
        std::fs::copy(workshop.path(LEDGER), folder.join("ledger.db")).unwrap();
        if log {
            std::fs::copy(workshop.path("pki/ledger.db-wal"), folder.join("ledger.db-wal")).unwrap();
        }
        Run::tool("chmod").args(["-R", "a-w,a+rX", name]).folder(workshop.folder()).run().success();
    };
    let names = |name: &str| {
        let entries = std::fs::read_dir(workshop.path(name)).unwrap();
        entries.map(|entry| entry.unwrap().file_name()).collect::<BTreeSet<_>>()
    };
    killed(&workshop, "write");
    copy("killed", true);
    workshop.issue("reel.zip", "batch", &[]).success();
    copy("ended", false);
    for name in ["killed", "ended"] {
        let before = names(name);
        let path = format!("{name}/ledger.db");
        for command in ["head", "list", "stats", "verify"] {
            Run::plain_user(workshop.folder()).args(["ledger", command, &path]).run().success();
        }
        let stats = Run::plain_user(workshop.folder()).args(["ledger", "stats", &path, "--format", "json"]).run();
        let stats: serde_json::Value = serde_json::from_slice(&stats.success().stdout).unwrap();
        assert_eq!(stats["total"]["certificates"], 3, "{name}: the log belongs to it");
        assert_eq!(names(name), before, "reading leaves nothing behind");
    }
    // writing is refused for what it is
    let config = workshop.path("pki/reroot.toml");
    let text = std::fs::read_to_string(&config).unwrap();
    crate::support::judges::put(&config, text.replace("\"ledger.db\"", "\"../ended/ledger.db\""));
    let args = "issue reel.zip --policy policy.toml --out batch --config pki/reroot.toml --set lot=A1";
    let refused = Run::plain_user(workshop.folder()).args(args.split(' ')).run().expect(5);
    assert!(
        refused.err().contains("Permission denied") && refused.err().contains("ledger.db-lock"),
        "{}",
        refused.err()
    );
    Run::tool("chmod").args(["u+w", "ended"]).folder(workshop.folder()).run().success();
    let refused = Run::plain_user(workshop.folder()).args(args.split(' ')).run().expect(5);
    assert!(refused.err().contains("is read-only for this user"), "{}", refused.err());
    Run::tool("chmod").args(["-R", "u+w", "."]).folder(workshop.folder()).run().success();
}

#[test]
fn a_file_system_without_locks_is_named_as_that() {
    let workshop = Workshop::new();
    workshop.reel("reel.zip", 0..3);
    let args = "issue reel.zip --policy policy.toml --out batch --config pki/reroot.toml --set lot=A1";
    let strace = ["-f", "-qq", "-o", "/dev/null", "-e", "trace=flock", "-e", "inject=flock:error=ENOLCK"];
    let run = Run::tool("strace").args(strace).arg(env!("CARGO_BIN_EXE_reroot")).args(args.split(' '));
    let refused = run.folder(workshop.folder()).run().expect(5);
    let err = refused.err();
    assert!(err.contains("ledger `pki/ledger.db` cannot be locked: No locks available"), "{err}");
    assert!(err.contains("a file system that can lock files") && !err.contains("in use"), "{err}");
    workshop.issue("reel.zip", "batch", &[]).success();
}

/// What an older release left: an open batch in a live log.
#[test]
fn a_ledger_without_a_mark_is_opened_with_its_log() {
    let workshop = Workshop::new();
    workshop.reel("reel.zip", 0..3);
    killed(&workshop, "mkdir");
    // as releases left it that had no mark
    let script = "import sqlite3, sys, os\nc = sqlite3.connect(sys.argv[1], isolation_level=None)\n\
                  c.execute('pragma locking_mode=exclusive')\nc.execute('pragma wal_autocheckpoint=0')\n\
                  c.execute('drop table open_run')\nos._exit(0)\n";
    Run::tool("python3").args(["-c", script, LEDGER]).folder(workshop.folder()).run().success();
    assert!(workshop.path("pki/ledger.db-wal").metadata().unwrap().len() > 0);
    let stats = workshop.reroot(&["ledger", "stats", LEDGER, "--format", "json"]).run().success();
    let stats: serde_json::Value = serde_json::from_slice(&stats.stdout).unwrap();
    assert_eq!(stats["total"]["open"], 1);
    workshop.issue("reel.zip", "batch", &[]).success();
    issued_once(&workshop, &["batch"]);
}

#[test]
fn who_reads_sees_the_ledger_of_a_run_and_keeps_nobody_waiting() {
    let workshop = Workshop::new();
    workshop.reel("reel.zip", 1000..1003);
    workshop.issue("reel.zip", "first", &[]).success();
    let head = || workshop.reroot(&["ledger", "head", LEDGER]).run().success().out();
    let before = head();
    let (mut running, later) = waiting(&workshop, "batch", &[]);
    assert_eq!(head(), before);
    let refused = workshop.issue("reel.zip", "other", &["--set", "lot=B2"]).expect(5);
    assert!(refused.err().contains("in use by another process"), "{}", refused.err());
    // many readers while the run records, moves its log and closes
    let folder = workshop.folder().to_owned();
    let reader = std::thread::spawn(move || {
        let read = || Run::reroot(&folder).args(["ledger", "verify", LEDGER]).run();
        (0..15).map(|_| read()).collect::<Vec<Finished>>()
    });
    running.feed(&later);
    running.finish().success();
    for read in reader.join().unwrap() {
        read.success();
    }
    assert_ne!(head(), before);
    issued_once(&workshop, &["first", "batch"]);
}

/// Two runs of the same chips at once, with the ledger among the inputs in each way.
#[test]
fn two_runs_at_once_issue_each_chip_once() {
    let rounds = if std::env::var_os("REROOT_LONG").is_some_and(|value| value == "1") { 200 } else { 3 };
    type Prepare = fn(&Workshop);
    let ways: [(&str, &[&str], Prepare); 4] = [
        ("inside", &["delivery"], |workshop| {
            std::fs::rename(workshop.path(LEDGER), workshop.path("delivery/ledger.db")).unwrap();
            symlink("../delivery/ledger.db", workshop.path(LEDGER)).unwrap();
        }),
        ("linked", &["delivery/README", "delivery/reel.zip"], |workshop| {
            symlink("../pki/ledger.db", workshop.path("delivery/README")).unwrap();
        }),
        ("hard-linked", &["delivery"], |workshop| {
            std::fs::hard_link(workshop.path(LEDGER), workshop.path("delivery/README")).unwrap();
        }),
        ("from its folder", &["."], |workshop| {
            Run::tool("sh").args(["-c", "mv pki/* . && cp reroot.toml pki/"]).folder(workshop.folder()).run().success();
            crate::support::judges::put(&workshop.path("pki/reroot.toml"), {
                let text = std::fs::read_to_string(workshop.path("reroot.toml")).unwrap();
                ["ca/", "anchors/", "ledger.db"]
                    .iter()
                    .fold(text, |text, name| text.replace(&format!("\"{name}"), &format!("\"../{name}")))
            });
            symlink("../ledger.db", workshop.path(LEDGER)).unwrap();
        }),
    ];
    let fresh = Workshop::new();
    reroot::durable::create_directory(&fresh.path("delivery"), reroot::durable::Access::Public).unwrap();
    fresh.reel("delivery/reel.zip", 0..40);
    for (way, inputs, prepare) in ways {
        for round in 0..rounds {
            let workshop = fresh.copy();
            prepare(&workshop);
            let start = |out: &str, inputs: &[&str]| {
                let args = ["--policy", "policy.toml", "--out", out, "--config", "pki/reroot.toml", "--set", "lot=A1"];
                let skip = ["--on-reject", "skip"];
                workshop.reroot(&["issue"]).args(inputs).args(args).args(skip).start()
            };
            let first = start("first", inputs);
            // the second with the leaves alone, so that one of them at least would issue
            let second = start("second", if round % 2 == 0 { &["delivery/reel.zip"] } else { inputs });
            let ends = [first.finish(), second.finish()];
            for end in &ends {
                let known = matches!(end.code, Some(0 | 1 | 3 | 5));
                assert!(known, "{way}, round {round}: {:?} {}", end.code, end.err());
                assert_eq!(end.code == Some(5), end.err().contains("in use by") || end.err().contains("has 2 names"));
            }
            issued_once(&workshop, &["first", "second"]);
        }
    }
}
