//! `reroot ledger abandon`: after any fault while it is recorded, the batch is open or abandoned, and no chip gets two
//! certificates without a reason.

use std::collections::BTreeSet;

use reroot::ledger::{Kind, Record};
use serde_json::Value;

use super::bench::{Bench, disturb, records};
use super::calls::faults;
use crate::support::campaign::sample;
use crate::support::run::Finished;
use crate::support::workshop::Workshop;

const CHUNK: u64 = 2;

fn of(left: &[Record], kind: Kind) -> usize {
    left.iter().filter(|record| record.entry.place.kind == kind).count()
}

/// A batch of 12 leaves that was killed when some chunks had an intent, and not all; and its name.
fn interrupted(bench: &Bench) -> (Workshop, String) {
    for at in 1.. {
        let disturbed = bench.disturb(&["--calls", "pwrite64", "--at", &at.to_string()]);
        assert_eq!(disturbed.finished.code, Some(137), "no kill left some chunks without an intent");
        let intents = of(&disturbed.left[bench.before.len()..], Kind::Intent);
        if (1..12 / usize::try_from(CHUNK).unwrap()).contains(&intents) {
            let shown = disturbed.workshop.reroot(&["ledger", "list", "pki/ledger.db", "--format", "json"]).run();
            let shown: Value = serde_json::from_str(&shown.success().out()).unwrap();
            let batches = shown["batches"].as_array().unwrap();
            let open = batches.iter().find(|batch| batch["state"] == "open").unwrap();
            return (disturbed.workshop, open["batch"].as_str().unwrap().to_owned());
        }
    }
    unreachable!("the loop has no end")
}

fn command(batch: &str) -> [&str; 8] {
    ["ledger", "abandon", batch, "--because", "the reel was lost", "--yes", "--config", "pki/reroot.toml"]
}

fn json(finished: Finished) -> Value {
    serde_json::from_str(&finished.success().out()).unwrap()
}

#[test]
fn a_freed_leaf_is_issued_in_another_batch_and_one_under_an_intent_only_for_a_reason() {
    let bench = Bench::new(12, CHUNK);
    let (workshop, batch) = interrupted(&bench);
    let shown =
        json(workshop.reroot(&["ledger", "show", &batch, "--ledger", "pki/ledger.db", "--format", "json"]).run());
    let (leaves, intended) = (shown["leaves"].as_u64().unwrap(), shown["intended"].as_u64().unwrap());
    assert!(shown["next"][0].as_str().unwrap().contains(" --set lot=A1 --out batch"), "{}", shown["next"]);
    let done = json(workshop.reroot(&command(&batch)).args(["--format", "json"]).run());
    assert_eq!((done["freed"].as_u64(), done["count_as_issued"].as_u64()), (Some(leaves - intended), Some(intended)));

    // the command that began it stops, as some of its chips may have a certificate
    let refused = workshop.reroot(&bench.command()).run().expect(3);
    assert!(refused.err().contains(&format!("batch {batch} was abandoned and may have signed")), "{}", refused.err());
    assert_eq!(of(&records(&workshop), Kind::Batch), 2, "no batch was begun");

    // chips are in order of UID, chunk by chunk: the first ones are those under an intent
    let uids: Vec<&String> = bench.uids.iter().collect();
    let (kept, freed) = uids.split_at(usize::try_from(intended).unwrap());
    let find =
        |uid: &str| workshop.reroot(&["ledger", "find", uid, "--config", "pki/reroot.toml", "--format", "json"]).run();
    find(freed[0]).expect(1);
    assert!(find(kept[0]).success().out().contains(&batch));

    // with --on-reject skip nothing is signed either; a list of the freed chips is what issues them
    let list: Vec<&str> = freed.iter().map(|uid| uid.as_str()).collect();
    workshop.write("freed.txt", list.join("\n").as_bytes());
    let args = ["--expect", "freed.txt", "--on-surplus", "ignore"];
    workshop.issue("reel.zip", "others", &args).success();
    assert_eq!(workshop.statement("others")["counts"]["issued"], leaves - intended);
    let serials = revocable(&workshop, &batch);
    assert_eq!(serials, intended, "a revocation of the batch covers what may have been signed, and nothing else");
    workshop.issue("reel.zip", "again", &["--reissue", "the first batch was lost"]).success();
    workshop.verify("again", &["--history", "earlier", "--history", "others"]).success();
    workshop.reroot(&["ledger", "verify", "--config", "pki/reroot.toml"]).run().success();
}

/// How many certificates a revocation of the batch would name.
fn revocable(workshop: &Workshop, batch: &str) -> u64 {
    let args = ["revoke", "--batch", batch, "--reason", "superseded", "--dry-run", "--config", "pki/reroot.toml"];
    json(workshop.reroot(&args).args(["--format", "json"]).run())["counts"]["revoke"].as_u64().unwrap()
}

/// Ctrl-C at the question ends the program with the exit code of an interruption, and nothing is recorded.
#[test]
fn an_interrupt_at_the_question_is_no_answer() {
    let bench = Bench::new(12, CHUNK);
    let (workshop, batch) = interrupted(&bench);
    let before = records(&workshop);
    let args = ["ledger", "abandon", &batch, "--because", "lost", "--config", "pki/reroot.toml"];
    // the killed run left its lock file; a new one says that this run has come so far that it hears signals
    std::fs::remove_file(workshop.path("pki/ledger.db-lock")).unwrap();
    let run = workshop.reroot(&args).start();
    while !workshop.path("pki/ledger.db-lock").exists() {
        std::thread::yield_now();
    }
    run.signal(rustix::process::Signal::INT);
    let finished = run.finish().expect(6);
    assert!(finished.err().contains("error: interrupted"), "{}", finished.err());
    assert_eq!(records(&workshop), before);
}

#[test]
fn after_any_fault_the_batch_is_open_or_abandoned_and_the_same_command_ends_it() {
    let bench = Bench::new(12, CHUNK);
    let (workshop, batch) = interrupted(&bench);
    let before = records(&workshop);
    let undisturbed = disturb(workshop.copy(), &[], &command(&batch));
    assert_eq!(undisturbed.finished.code, Some(0), "{}", undisturbed.finished.err());
    let calls = undisturbed.calls;
    let cases = faults(&calls, 0..calls.len());
    let mut ends = BTreeSet::new();
    for (when, how, at) in sample(cases.iter().copied(), cases.len() / 12) {
        let case = format!("{when} {at} --how {how}");
        let disturbed = disturb(workshop.copy(), &[when, &at.to_string(), "--how", how], &command(&batch));
        assert!(disturbed.left.starts_with(&before), "{case}: records are missing or changed");
        let recorded = of(&disturbed.left, Kind::Abandoned);
        assert!(recorded == 1 || disturbed.finished.code != Some(0), "{case}: success without a record");
        ends.insert(recorded);
        disturbed.workshop.reroot(&command(&batch)).run().success();
        let left = records(&disturbed.workshop);
        assert!(left.starts_with(&disturbed.left), "{case}: what was on the ledger is there no more");
        assert_eq!(of(&left, Kind::Abandoned), 1, "{case}");
        disturbed.workshop.reroot(&["ledger", "verify", "--config", "pki/reroot.toml"]).run().success();
    }
    assert_eq!(ends, BTreeSet::from([0, 1]), "faults before the record and after it");
}
