//! Every system call of a small batch that changes a file goes wrong in every way, once each.

use std::collections::{BTreeMap, BTreeSet};

use super::bench::{Bench, faulty, whole_matrix};
use super::support::run::Run;

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
    let cases: Vec<_> = WAYS
        .into_iter()
        .flat_map(|(when, how, which)| {
            (1..).zip(&calls).filter(move |(_, call)| which.have(call)).map(move |(at, _): (usize, _)| (when, how, at))
        })
        .collect();
    let step = if whole_matrix() { 1 } else { cases.len() / 25 };
    let mut ends: BTreeMap<String, usize> = BTreeMap::new();
    let mut said: BTreeSet<String> = BTreeSet::new();
    for (when, how, at) in cases.iter().copied().step_by(step) {
        let disturbed = bench.disturb(&[when, &at.to_string(), "--how", how]);
        let case =
            format!("{when} {at} --how {how} ({})", disturbed.calls.get(at - 1).map_or("not reached", |call| call));
        bench.check_disturbed(&disturbed, &case);
        let err = disturbed.finished.err();
        let first = err.lines().find(|line| line.starts_with("error")).unwrap_or("");
        said.insert(format!(
            "{:?} {how} {}: {first}",
            disturbed.finished.code,
            disturbed.calls.get(at - 1).map_or("not reached", |call| call.rsplit_once('/').map_or(&**call, |x| x.1))
        ));
        *ends.entry(format!("{how} -> {:?}", disturbed.finished.code)).or_default() += 1;
        bench.recover(&disturbed.workshop, &disturbed.left, &case);
    }
    eprintln!("{} of {} cases over {} calls: {ends:#?}", cases.len().div_ceil(step), cases.len(), calls.len());
    eprintln!("{said:#?}");
}
