//! Every system call of a small batch that changes a file goes wrong in every way, once each.

use std::collections::BTreeMap;
use std::ops::Range;

use super::bench::{Bench, faulty, say};
use crate::support::campaign::sample;
use crate::support::run::{Finished, Run};

/// Ways to go wrong, as `tools/faulty-system` knows them, and the calls that can.
const WAYS: [(&str, &str, Calls); 9] = [
    ("--at", "kill-before", Calls::All),
    ("--at", "kill-after", Calls::All),
    ("--at", "kill-within", Calls::Writes),
    ("--at", "error=EIO", Calls::All),
    ("--at", "error-after=EIO", Calls::All),
    ("--at", "error=ENOSPC", Calls::Growing),
    ("--at", "short", Calls::Writes),
    // from here on nothing is written any more: the disk has died, or was unplugged
    ("--from", "error=EIO", Calls::All),
    ("--from", "error=ENODEV", Calls::All),
];

/// Every way in which each of these calls can go wrong, with the number of the call, from 1.
pub(crate) fn faults(calls: &[String], which: Range<usize>) -> Vec<(&'static str, &'static str, usize)> {
    let of_way = |(when, how, can): (&'static str, &'static str, Calls)| {
        which.clone().filter(move |at| can.have(&calls[*at])).map(move |at| (when, how, at + 1))
    };
    WAYS.into_iter().flat_map(of_way).collect()
}

/// Which calls can go wrong in a way.
#[derive(Clone, Copy)]
enum Calls {
    All,
    Growing,
    Writes,
}

impl Calls {
    fn have(self, call: &str) -> bool {
        let (name, _) = call.split_once(' ').unwrap();
        let writes = matches!(name, "write" | "pwrite64");
        match self {
            Self::All => true,
            Self::Growing => writes || matches!(name, "openat" | "mkdir" | "ftruncate" | "renameat2"),
            Self::Writes => writes,
        }
    }
}

#[test]
fn the_tool_does_what_it_says() {
    let folder = tempfile::tempdir().unwrap();
    let run = |how: &str, program: &[&str]| {
        Run::tool(faulty()).args(["--under", ".", "--at", "1", "--how", how]).args(program).folder(folder.path()).run()
    };
    for (how, code, there) in
        [("kill-before", 137, false), ("kill-after", 137, true), ("error=EIO", 1, false), ("error-after=EIO", 1, true)]
    {
        let finished = run(how, &["mkdir", how]).expect(code);
        assert_eq!(folder.path().join(how).exists(), there, "{how}");
        assert_eq!(finished.err().contains("Input/output error"), code == 1, "{how}: {}", finished.err());
    }
    // the first call opens the file, the second writes
    std::fs::write(folder.path().join("torn"), "").unwrap();
    run("kill-within", &["sh", "-c", "printf 0123456789 >> torn"]).expect(137);
    let written = std::fs::metadata(folder.path().join("torn")).unwrap().len();
    assert_eq!(written, 0, "killed when it was opened");
}

#[test]
fn after_any_fault_at_any_call_the_same_command_makes_the_batch() {
    let bench = Bench::new(12, 5);
    let undisturbed = bench.disturb(&[]);
    assert_eq!(undisturbed.finished.code, Some(0), "{}", undisturbed.finished.err());
    bench.check_whole(&undisturbed.workshop, &undisturbed.left, "undisturbed");
    let calls = undisturbed.calls;
    let cases = faults(&calls, 0..calls.len());
    let mut ends: BTreeMap<String, usize> = BTreeMap::new();
    for (when, how, at) in sample(cases.iter().copied(), cases.len() / 25) {
        let disturbed = bench.disturb(&[when, &at.to_string(), "--how", how]);
        let call = disturbed.calls.get(at - 1).map_or("not reached", |call| call);
        let case = format!("{when} {at} --how {how} ({call})");
        bench.check_disturbed(&disturbed, &case);
        match how.split_once('=') {
            // any call from this one on may notice that the device is gone: large files are flushed side by side
            Some(_) if when == "--from" => {
                let calls = disturbed.calls.get(at - 1..).unwrap_or_default();
                let told = |call: &String| is_told(&disturbed.finished, call);
                assert!(calls.iter().any(told), "{case}: {}", disturbed.finished.err());
            }
            Some(_) => assert!(is_told(&disturbed.finished, call), "{case}: {}", disturbed.finished.err()),
            None => assert_eq!(disturbed.finished.code, Some(if how == "short" { 0 } else { 137 }), "{case}"),
        }
        *ends.entry(format!("{when} {how}: {:?}", disturbed.finished.code)).or_default() += 1;
        bench.recover(&disturbed.workshop, &disturbed.left, &case);
    }
    say(&format!("{} of {} cases over {} calls: {ends:#?}", ends.values().sum::<usize>(), cases.len(), calls.len()));
}

/// What an interrupted run left beside the output, and its directory, cannot be removed: nothing new is made beside it.
#[test]
fn a_partial_output_that_cannot_be_removed_ends_the_run_and_is_named() {
    let bench = Bench::new(5, 5);
    let calls = bench.disturb(&[]).calls;
    let published = calls.iter().rposition(|call| call.starts_with("renameat2 ")).unwrap() + 1;
    let left = bench.disturb(&["--at", &published.to_string(), "--how", "kill-before"]).workshop;
    let removing = ["--calls", "unlinkat,unlink,rmdir"];
    let calls = bench.disturb_in(left.copy(), &removing).calls;
    let of_partial: Vec<usize> = (0..calls.len()).filter(|at| calls[*at].contains("batch.partial-")).collect();
    assert!(of_partial.len() > 3, "{calls:?}");
    for at in [of_partial[0], of_partial[of_partial.len() / 2]] {
        let number = (at + 1).to_string();
        let fault = [removing[0], removing[1], "--at", &number, "--how", "error=EIO"];
        let disturbed = bench.disturb_in(left.copy(), &fault);
        let case = format!("{number} ({})", calls[at]);
        let said = disturbed.finished.err();
        assert_eq!(disturbed.finished.code, Some(5), "{case}: {said}");
        assert!(said.contains("cannot remove") && said.contains("batch.partial-"), "{case}: {said}");
        assert!(!disturbed.workshop.path("batch").exists(), "{case}");
        bench.check_disturbed(&disturbed, &case);
        bench.recover(&disturbed.workshop, &disturbed.left, &case);
    }
}

/// Whether the call's error ended the run with 5 and was told with the file and what was to be done with it; success is
/// reported only where nothing depends on the call.
fn is_told(finished: &Finished, call: &str) -> bool {
    let (name, path) = call.split_once(' ').unwrap();
    let of_ledger = path.ends_with("-wal") || path.ends_with("/pki");
    // an empty log may stay; its owner is the same; its name was flushed before SQLite does it again
    let idle = of_ledger && (matches!(name, "unlink" | "fchown") || (name, path.ends_with("/pki")) == ("fsync", true));
    // the lock is the open file: its content and its name matter to other processes, and at the end of a run to none
    let unlocked = path.ends_with("-lock") && matches!(name, "pwrite64" | "unlink");
    if (idle || unlocked) && finished.code == Some(0) {
        return true;
    }
    let err = finished.err();
    let Some(error) = err.lines().find(|line| line.starts_with("error: ")) else { return false };
    let named = match path.rsplit_once('/').unwrap().1 {
        _ if of_ledger || path.ends_with("ledger.db") => {
            error.contains("ledger `pki/ledger.db`: ") || error.contains("`pki`")
        }
        file if file.starts_with("batch.partial-") => error.contains(file) || error.contains("`batch`"),
        // a trial of the folder's abilities
        file if file.starts_with(".reroot-probe-") => error.contains("`.`") || error.contains(file),
        // a folder without a name of its own, and files without a name in it
        file if file.starts_with(".tmp") || file.starts_with('#') => error.contains("`.`"),
        file => error.contains(file),
    };
    let doing =
        ["cannot create", "cannot write", "cannot flush", "cannot give", "cannot remove", "cannot rename", ", when "];
    // after this one, the next call is the first that matters
    let later = idle && !err.is_empty();
    let hint = err.contains("run the same command again") || err.contains("Leaves wait beside");
    finished.code == Some(5) && hint && (later || named && doing.iter().any(|doing| error.contains(doing)))
}
