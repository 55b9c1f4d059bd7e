//! The ledger's index is merged when a batch has started: after any fault then, the batch is on the ledger and is made,
//! and the ledger finds every leaf that was issued or is held.

use std::collections::BTreeMap;

use super::bench::{Bench, say};
use super::calls::faults;
use crate::support::campaign::sample;
use crate::support::run::Finished;
use crate::support::workshop::Workshop;

/// Lists on the ledger before the batch: one more makes eight layers of 64, which become one.
const LISTS: u32 = 8 * 64 - 1;

/// How many pieces of the index there are, its directory included.
fn pieces(workshop: &Workshop) -> i64 {
    let connection = rusqlite::Connection::open(workshop.path("pki/ledger.db")).unwrap();
    connection.query_row("SELECT count(*) FROM derived", [], |row| row.get(0)).unwrap()
}

/// Chips of an earlier batch and of this one, in other archives, have their certificates already.
fn check_found(workshop: &Workshop, case: &str) {
    for (name, chip) in [("first.zip", 1_000_001), ("second.zip", 3)] {
        let done = workshop.issue(name, "twice", &[]).success();
        assert!(done.err().contains("already done: every chip"), "{case}, chip {chip}: {}", done.err());
    }
}

/// The run ends with 5 and says what could not be done; success is reported only where nothing depends on the call.
fn check_told(finished: &Finished, call: &str, case: &str) {
    let idle = ["unlink ", "fchown "].iter().any(|name| call.starts_with(name)) || call.ends_with("/pki");
    if idle && finished.code == Some(0) {
        return;
    }
    let err = finished.err();
    assert_eq!(finished.code, Some(5), "{case}: {err}");
    let error = err.lines().find(|line| line.starts_with("error: ")).unwrap();
    // the ledger, its lock, its folder, the leaves that wait beside, or the trial of the output's folder
    let known = ["ledger `pki/ledger.db`: ", "`pki/ledger.db-lock`", "`pki`", "`.`", ".reroot-probe-"];
    let named = known.iter().any(|name| error.contains(name));
    assert!(named && (error.contains(", when ") || error.contains("cannot ")), "{case}: {error}");
    assert!(err.contains("run the same command again") || err.contains("Leaves wait beside"), "{case}: {err}");
}

#[test]
fn after_any_fault_at_any_call_of_a_merge_the_batch_is_made_and_every_leaf_is_found() {
    // the earlier batch is one of them
    let bench = Bench::after(LISTS - 1, 12, 5);
    let undisturbed = bench.disturb(&[]);
    undisturbed.finished.success();
    bench.check_whole(&undisturbed.workshop, &undisturbed.left, "undisturbed");
    assert_eq!((pieces(&bench.fresh()), pieces(&undisturbed.workshop)), (1 + 7 * 2, 1 + 2), "layers have become one");
    let calls = undisturbed.calls;
    // from the first record of the batch to the directory that comes after the index
    let end = calls.iter().position(|call| call.starts_with("mkdir ") && call.contains(".partial-")).unwrap();
    let begin = calls.iter().position(|call| call.ends_with("ledger.db-wal")).unwrap();
    let cases = faults(&calls, begin..end);
    let mut ends: BTreeMap<String, usize> = BTreeMap::new();
    for (when, how, at) in sample(cases.iter().copied(), cases.len() / 8) {
        let disturbed = bench.disturb(&[when, &at.to_string(), "--how", how]);
        let call = disturbed.calls.get(at - 1).map_or("not reached", |call| call);
        let case = format!("{when} {at} --how {how} ({call})");
        bench.check_disturbed(&disturbed, &case);
        match how.split_once('=') {
            Some(_) => check_told(&disturbed.finished, call, &case),
            None => assert_eq!(disturbed.finished.code, Some(if how == "short" { 0 } else { 137 }), "{case}"),
        }
        let workshop = &disturbed.workshop;
        let progress = bench.progress(workshop, &disturbed.left);
        *ends.entry(format!("{when} {how}: {:?}, got to {progress}", disturbed.finished.code)).or_default() += 1;
        bench.recover(workshop, &disturbed.left, &case);
        workshop.reel("first.zip", [1_000_001]);
        workshop.reel("second.zip", [3]);
        check_found(workshop, &case);
        // the next batch makes what is missing of the index
        workshop.reel("next.zip", [2_000_000]);
        workshop.issue("next.zip", "next", &[]).success();
        assert_eq!(pieces(workshop), 1 + 2, "{case}");
        check_found(workshop, &case);
    }
    say(&format!("{} of {} cases over {} calls: {ends:#?}", ends.values().sum::<usize>(), cases.len(), end - begin));
}
