//! Commands that are killed at each call by which they change a file, rounds at the same time, and the records of all of
//! them read by another program.
//!
//! `REROOT_LONG=1` kills at every call, once before and once after it; otherwise a sample of these cases runs.

use std::collections::BTreeSet;

use reroot::crl::Crl;
use serde_json::Value;

use super::super::plan::machines::Machines;
use super::field::{Field, another_program_rebuilds_every_list, json as read};
use super::vault::{Vault, entries};
use crate::support::campaign::sample;
use crate::support::faulty::faulty;
use crate::support::judges::put;
use crate::support::run::{Finished, Run};
use crate::support::workshop::Workshop;

/// Cases of a command of which one run in a sample.
const SAMPLE: usize = 16;

/// Runs a command in which one call goes wrong, and returns the calls that change files, in order.
fn disturbed(workshop: &Workshop, command: &[&str], fault: &[&str]) -> (Finished, Vec<String>) {
    let record = tempfile::NamedTempFile::new().unwrap();
    let run = Run::tool(faulty()).args(["--under", ".", "--record"]).arg(record.path()).args(fault);
    let finished = run.arg(env!("CARGO_BIN_EXE_reroot")).args(command).folder(workshop.folder()).run();
    assert_ne!(finished.code, Some(125), "{}", finished.err());
    let calls = std::fs::read_to_string(record.path()).unwrap();
    (finished, calls.lines().map(ToOwned::to_owned).collect())
}

/// Kills a command before and after each call, each time from the same beginning, and looks at what is left.
fn killed_at_every_call(start: &Workshop, command: &[&str], check: impl Fn(Workshop, &str)) {
    let (finished, calls) = disturbed(&start.copy(), command, &[]);
    assert!(finished.code == Some(0) && calls.len() > 5, "{command:?}: {calls:?} {}", finished.err());
    let cases: Vec<(usize, &str)> =
        (1..=calls.len()).flat_map(|at| [(at, "kill-before"), (at, "kill-after")]).collect();
    let mut kills = 0;
    for (at, how) in sample(cases.iter().copied(), cases.len() / SAMPLE) {
        let workshop = start.copy();
        let (finished, calls) = disturbed(&workshop, command, &["--at", &at.to_string(), "--how", how]);
        kills += usize::from(finished.code == Some(137));
        let case = format!("{command:?}: {how} {at} ({})", calls.get(at - 1).map_or("not reached", |call| call));
        check(workshop, &case);
    }
    assert!(kills >= SAMPLE / 2, "{command:?}: {kills} kills");
}

const ROUND: &[&str] = &["crl", "--out", "www", "--format", "json", "--config", "pki/reroot.toml"];

fn round(field: &Field) -> Run {
    field.workshop.reroot(ROUND)
}

/// The numbers of the lists under their final names: each list is whole.
fn published(field: &Field) -> BTreeSet<u64> {
    let Ok(folder) = std::fs::read_dir(field.path("www")) else { return BTreeSet::new() };
    let names = folder.map(|entry| entry.unwrap().path());
    let lists = names.filter(|path| path.extension().is_some_and(|extension| extension == "crl"));
    lists
        .map(|path| {
            let list = Crl::from_der(std::fs::read(&path).unwrap());
            list.unwrap_or_else(|error| panic!("{}: {error}", path.display())).number().value().unwrap()
        })
        .collect()
}

#[test]
fn a_round_that_was_killed_is_finished_by_the_same_command() {
    let field = Field::new(12);
    field.crl();
    field.revoke(&["--uid", &field.uid(3), "--reason", "keyCompromise"]).success();
    killed_at_every_call(&field.workshop, ROUND, |workshop, case| {
        let field = Field { workshop };
        let seen = published(&field);
        assert!(seen.is_subset(&BTreeSet::from([1, 2])) && !seen.is_empty(), "{case}: {seen:?}");
        let number = read(&round(&field).run().success())["round"].as_u64().unwrap();
        // a round that was published whole before the kill is followed by the next one
        assert!(number == 2 || number == 3 && seen == BTreeSet::from([2]), "{case}: {number} after {seen:?}");
        assert_eq!(published(&field), BTreeSet::from([number]), "{case}");
        let names: BTreeSet<_> =
            std::fs::read_dir(field.path("www")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        let expected = ["1.crl", "2.crl", "3.crl", "4.crl", "full.crl", "index.json"];
        assert_eq!(names, expected.map(Into::into).into(), "{case}");
        assert_eq!(field.serials("www/full.crl").len(), 1, "{case}");
        field.ledger_holds();
        another_program_rebuilds_every_list(&field);
    });
}

/// How many certificates or chips a command would change, and how many it has nothing to do for.
fn would_change(field: &Field, command: &[&str]) -> (u64, u64) {
    let shown = read(&field.run(command, &["--dry-run", "--format", "json"]).success());
    let counts = &shown["counts"];
    let count = |name: &str| counts[name].as_u64().unwrap_or_default();
    (count(command[0]), count("already") + count("not_revoked"))
}

/// What a command records is on the ledger whole or not at all, and the same command brings it there.
#[test]
fn what_a_person_decides_is_recorded_whole_or_not_at_all() {
    const CONFIG: [&str; 5] = ["--yes", "--by", "quality", "--config", "pki/reroot.toml"];
    let field = Field::new(6);
    let uids: Vec<String> = (0..4).map(|index| field.uid(index)).collect();
    put(&field.path("uids.txt"), uids.join("\n"));
    let hold = ["revoke", "--uids", "uids.txt", "--hold"];
    let commands: [(&[&str], &[&str]); 4] = [
        (&[], &["revoke", "--uids", "uids.txt", "--reason", "keyCompromise"]),
        (&hold, &["release", "--uids", "uids.txt"]),
        (&[], &["block", "--uids", "uids.txt", "--why", "sample"]),
        (&["block", "--uids", "uids.txt", "--why", "sample"], &["unblock", "--uids", "uids.txt", "--why", "found"]),
    ];
    for (before, command) in commands {
        let start = Field { workshop: field.workshop.copy() };
        if !before.is_empty() {
            start.run(before, &["--yes", "--by", "quality"]).success();
        }
        killed_at_every_call(&start.workshop, &[command, &CONFIG].concat(), |workshop, case| {
            let field = Field { workshop };
            let left = would_change(&field, command);
            assert!(left == (4, 0) || left == (0, 4), "{case}: {left:?}");
            field.run(command, &["--yes", "--by", "quality"]).success();
            assert_eq!(would_change(&field, command), (0, 4), "{case}");
            field.ledger_holds();
        });
    }
}

/// Each command of a round whose key is in a vault, with those before it and after it undisturbed.
#[test]
fn a_planned_round_that_was_killed_is_finished_by_the_same_commands() {
    const PLAN: &[&str] = &["crl", "plan", "--out", "one.plan", "--config", "pki/reroot.toml"];
    const SIGN: &[&str] = &["sign", "one.plan", "--out", "one.signatures", "--yes", "--config", "vault/reroot.toml"];
    const FINISH: &[&str] = &["crl", "finish", "one.signatures", "--out", "www", "--config", "pki/reroot.toml"];
    let vault = Vault::new(3);
    vault.revoke(0, &["--reason", "keyCompromise"]);
    let steps = [PLAN, SIGN, FINISH];
    let start = vault.machines.workshop;
    for (at, step) in steps.into_iter().enumerate() {
        killed_at_every_call(&start, step, |workshop, case| {
            // the killed command twice: the second time it has nothing left to do
            for step in [&[step], &steps[at..]].concat() {
                workshop.reroot(step).run().success();
            }
            let machines = Machines { workshop };
            assert_eq!(entries(&machines), 1, "{case}");
            let index: Value =
                serde_json::from_slice(&std::fs::read(machines.path("www/index.json")).unwrap()).unwrap();
            assert_eq!(index["round"], 1, "{case}: one round was planned");
            for machine in ["pki", "vault"] {
                let config = format!("{machine}/reroot.toml");
                machines.workshop.reroot(&["ledger", "verify", "--config", &config]).run().success();
            }
            // a file that had no name yet belongs to no later run
            let mut left = machines.workshop.leftovers();
            left.retain(|name| !name.starts_with(".reroot-"));
            assert_eq!(left, Vec::<String>::new(), "{case}");
            machines.workshop.reroot(&["crl", "due", "www", "--ledger", "pki/ledger.db"]).run().success();
        });
        start.reroot(step).run().success();
    }
}

#[test]
fn two_rounds_at_once_have_two_numbers() {
    let field = Field::new(6);
    field.revoke(&["--uid", &field.uid(1), "--reason", "superseded"]).success();
    let running = [round(&field).start(), round(&field).start()];
    let numbers = running.map(|one| {
        let finished = one.finish();
        // a run that holds the ledger for longer than the other one waits: the other one says so, and signs nothing
        let in_use = finished.code == Some(5) && finished.err().contains("is in use by another process");
        let finished = if in_use { round(&field).run() } else { finished };
        read(&finished.success())["round"].as_u64().unwrap()
    });
    assert_eq!(BTreeSet::from(numbers), BTreeSet::from([1, 2]));
    assert_eq!(published(&field), BTreeSet::from([2]));
    field.ledger_holds();
    another_program_rebuilds_every_list(&field);
}

#[test]
fn lists_with_holds_and_releases_follow_from_the_records() {
    let field = Field::new(9);
    field.revoke(&["--uid", &field.uid(0), "--uid", &field.uid(7), "--hold"]).success();
    field.crl();
    field.release(&["--uid", &field.uid(7)]).success();
    field.revoke(&["--uid", &field.uid(2), "--reason", "cessationOfOperation"]).success();
    field.crl();
    field.revoke(&["--uid", &field.uid(0), "--reason", "keyCompromise"]).success();
    field.crl();
    assert_eq!(field.serials("www/full.crl").len(), 2);
    another_program_rebuilds_every_list(&field);
}
