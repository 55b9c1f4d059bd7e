//! Power losses: what was not flushed is gone. And the order of flushes, signatures and names, as docs/spec/ledger.md has it.
//!
//! The CA's keys are in a token, whose module notes each signature, so that it is known what was signed when.

use std::path::Path;

use reroot::ledger::{Kind, Record};

use super::bench::{Bench, Disturbed, faulty, records, say};
use crate::support::campaign::long;
use crate::support::place::Place;
use crate::support::run::Run;
use crate::support::tokens;
use crate::support::workshop::Workshop;

const LEAVES: u64 = 12;
const CHUNK: u64 = 5;

/// A provider whose token notes what it is asked for in `signatures`, a file of the folder.
struct Power {
    /// The token is not in the folder and loses nothing.
    _token: Place,
    bench: Bench,
}

/// A run at whose end the power went away.
struct Lost {
    run: Disturbed,
    /// What is left of the folder.
    workshop: Workshop,
    left: Vec<Record>,
}

impl Power {
    fn new() -> Self {
        let mut token = Place::softhsm(&["lab"]);
        let module = std::mem::replace(&mut token.module, tokens::faulty().to_owned());
        token.env.insert("FAULTY_PKCS11_MODULE".to_owned(), module);
        let mut workshop = token.workshop("P-256");
        workshop.env.insert("FAULTY_PKCS11_TRACE".to_owned(), "signatures".to_owned());
        let bench = Bench::of(workshop, LEAVES, CHUNK);
        Self { _token: token, bench }
    }

    /// The folder before the run, without the signatures of the batch before.
    fn fresh(&self) -> Workshop {
        let fresh = self.bench.fresh();
        std::fs::write(fresh.path("signatures"), "").unwrap();
        fresh
    }

    fn run(&self, fault: &[&str]) -> Disturbed {
        self.bench.disturb_in(self.fresh(), fault)
    }

    fn lose(&self, fault: &[&str], lose: &str) -> Lost {
        let workshop = self.bench.fresh();
        for entry in std::fs::read_dir(workshop.folder()).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() { std::fs::remove_dir_all(path) } else { std::fs::remove_file(path) }.unwrap();
        }
        let survive = workshop.folder().to_str().unwrap();
        let run = self.run(&[fault, &["--survive", survive, "--lose", lose]].concat());
        let left = records(&workshop);
        Lost { run, workshop, left }
    }

    /// All that must hold after a power loss, before the same command is given again and after it.
    fn check(&self, lost: &Lost, case: &str) {
        let Lost { run, workshop, left } = lost;
        self.bench.check_left(workshop, left, run.finished.code, case);
        let signed = signatures(&run.workshop).len() as u64;
        let of = |kind| left[self.bench.before.len()..].iter().filter(move |record| record.entry.place.kind == kind);
        let sum = |kind| of(kind).map(|record| record.entry.count).sum::<u64>();
        // the statement is signed when every certificate is recorded
        let statement = u64::from(sum(Kind::Issued) == LEAVES);
        let intended = sum(Kind::Intent) + statement;
        assert!(signed <= intended, "{case}: {signed} signatures were made, {intended} are on the ledger that is left");
        if workshop.path("batch").exists() {
            assert_eq!(of(Kind::Sealed).count(), 1, "{case}: published, and not sealed on the ledger that is left");
        }
        self.bench.recover(workshop, left, case);
    }
}

/// What the module was asked to sign, in order; the calls before the first are those of opening.
fn signatures(workshop: &Workshop) -> Vec<String> {
    let trace = std::fs::read_to_string(workshop.path("signatures")).unwrap();
    trace.lines().filter(|line| *line == "C_Sign").map(ToOwned::to_owned).collect()
}

/// Positions of the calls that noted a signature.
fn signed_at(run: &Disturbed) -> Vec<usize> {
    let trace = std::fs::read_to_string(run.workshop.path("signatures")).unwrap();
    let notes = (0..).zip(&run.calls).filter(|(_, call)| call.starts_with("write ") && call.ends_with("/signatures"));
    notes.zip(trace.lines()).filter(|(_, line)| *line == "C_Sign").map(|((at, _), _)| at).collect()
}

fn is_flush(call: &str) -> bool {
    ["fsync ", "fdatasync ", "syncfs "].iter().any(|name| call.starts_with(name))
}

fn path(call: &str) -> &str {
    call.split_once(' ').unwrap().1
}

#[test]
fn the_tool_drops_what_was_not_flushed() {
    let script =
        "printf old > kept; sync kept . ; printf new > kept; mkdir d; printf 1 > d/a; sync d/a d; printf 2 > d/b;
        mv d/a d/c; printf 3 > top";
    let left = |how: &[&str], more: &str| {
        let (under, survive) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let run = Run::tool(faulty()).args(["--under", "."]).args(how).arg("--survive").arg(survive.path());
        run.args(["sh", "-c", &format!("{script}; {more}")]).folder(under.path()).run().success();
        let read = |name: &str| std::fs::read_to_string(survive.path().join(name)).ok();
        ["kept", "d/a", "d/b", "d/c", "top"].map(read)
    };
    let some = |text: &str| Some(text.to_owned());
    assert_eq!(left(&[], ""), [some("old"), None, None, None, None], "the folder d was never flushed in its own");
    assert_eq!(left(&[], "sync ."), [some("old"), some("1"), None, None, some("")]);
    assert_eq!(left(&[], "sync . d"), [some("old"), None, some(""), some("1"), some("")]);
    assert_eq!(left(&[], "sync -f ."), [some("new"), None, some("2"), some("1"), some("3")]);
    let contents = ["--lose", "contents"];
    assert_eq!(left(&contents, ""), [some("old"), None, some(""), some("1"), some("")]);
    let names = ["--lose", "names"];
    assert_eq!(left(&names, "sync ."), [some("new"), some("1"), None, None, some("3")]);
    assert_eq!(left(&["--lie", "kept"], "sync . d"), [some(""), None, some(""), some("1"), some("")]);
}

/// `docs/spec/ledger.md`, "In which order it is written", call by call.
#[test]
fn flushes_signatures_and_names_come_in_the_order_that_the_documents_say() {
    let power = Power::new();
    check_order(&power.run(&[]));
}

fn check_order(run: &Disturbed) {
    assert_eq!(run.finished.code, Some(0), "{}", run.finished.err());
    let calls = &run.calls;
    let listed = || calls.join("\n");
    let signed = signed_at(run);
    assert_eq!(signed.len() as u64, LEAVES + 1, "every leaf once, and the statement: {}", listed());

    // the log's name is on disk before the first record is
    let log = calls.iter().position(|call| call.ends_with("ledger.db-wal")).unwrap();
    let of_log = |call: &&String| is_flush(call) && call.ends_with("ledger.db-wal");
    let first_record = calls.iter().position(|call| of_log(&call)).unwrap();
    let named = |call: &String| is_flush(call) && call.ends_with("/pki");
    assert!(calls[log..first_record].iter().any(named), "{}", listed());

    // begin and the chunk's intent before its first signature; results of all chunks before the statement's
    let flushed_before = |at: usize| calls[..at].iter().filter(of_log).count() as u64;
    for (number, at) in (0..).zip(&signed) {
        let chunks = LEAVES.div_ceil(CHUNK);
        let least = if number < LEAVES { 1 + number / CHUNK + 1 } else { 1 + 2 * chunks };
        assert!(flushed_before(*at) >= least, "signature {number} after {} flushes: {}", flushed_before(*at), listed());
    }

    // everything in the batch, its folder and the ledger before the name; the folder around it after
    // the output's folder was tried out with a name of its own before
    let is_name = |call: &&String| call.starts_with("renameat2 ") && !call.contains(".reroot-probe-");
    let renamed = calls.iter().position(|call| is_name(&call)).unwrap();
    assert!(calls[renamed + 1..].iter().all(|call| !call.starts_with("rename")), "{}", listed());
    assert!(*signed.last().unwrap() < renamed);
    let folder = calls[..renamed].iter().rev().find(|call| call.contains("/batch.partial-")).unwrap();
    let partial = &path(folder)[..path(folder).find("/batch.partial-").unwrap() + "/batch.partial-".len()];
    let mut inside: Vec<&str> = calls.iter().map(|call| path(call)).filter(|path| path.starts_with(partial)).collect();
    inside.sort_unstable();
    inside.dedup();
    assert!(inside.len() >= 12, "files of the batch and their folder: {inside:?}");
    let ledger = calls.iter().map(|call| path(call)).find(|path| path.ends_with("/ledger.db")).unwrap();
    for file in inside.into_iter().chain([ledger]) {
        let is_folder = calls.iter().any(|call| call.starts_with("mkdir ") && path(call) == file);
        let changes = |call: &String| {
            let made_in = Path::new(path(call)).parent() == Some(Path::new(file)) && call.starts_with("openat ");
            !is_flush(call) && if is_folder { made_in } else { path(call) == file }
        };
        let last = calls[..renamed].iter().rposition(changes).unwrap_or_else(|| panic!("{file}: {}", listed()));
        let flushes = |call: &String| is_flush(call) && (path(call) == file || call.starts_with("syncfs "));
        assert!(calls[last..renamed].iter().any(flushes), "{file} is not flushed before the name: {}", listed());
        assert!(!calls[renamed..].iter().any(|call| changes(call) && file != ledger), "{file}: {}", listed());
    }
    let outside = Path::new(partial).parent().unwrap().to_str().unwrap();
    let flushes = |call: &String| is_flush(call) && path(call) == outside;
    assert!(calls[renamed..].iter().any(flushes), "the folder around the batch: {}", listed());
}

#[test]
fn after_a_power_loss_at_any_call_the_same_command_makes_the_batch() {
    let power = Power::new();
    let calls = power.run(&[]).calls;
    let mut cases: Vec<(Vec<String>, &str)> = Vec::new();
    for lose in ["unflushed", "contents", "names"] {
        cases.push((vec![], lose));
        for at in 1..=calls.len() {
            for how in ["kill-before", "kill-after"] {
                cases.push((["--at", &at.to_string(), "--how", how].map(ToOwned::to_owned).to_vec(), lose));
            }
        }
    }
    // a number that shares no factor with the ways, so that a sample has all of them
    let step = if long() { 1 } else { (cases.len() / 30) | 1 };
    let mut reached = [0; 4];
    for (fault, lose) in cases.iter().step_by(step) {
        let fault: Vec<&str> = fault.iter().map(String::as_str).collect();
        let lost = power.lose(&fault, lose);
        let case = format!("{} lose {lose} ({})", fault.join(" "), lost.run.calls.last().unwrap());
        reached[power.bench.progress(&lost.workshop, &lost.left)] += 1;
        power.check(&lost, &case);
    }
    say(&format!(
        "{} of {} power losses; left nothing, begun, signed, published: {reached:?}",
        cases.len() / step,
        cases.len()
    ));
    assert!(reached[0] > 0 && reached[1] + reached[2] > 0, "{reached:?}");
}

/// Success is a promise: it was flushed when it was said.
#[test]
fn what_was_reported_as_done_survives_a_power_loss() {
    let power = Power::new();
    for lose in ["unflushed", "contents", "names"] {
        let lost = power.lose(&[], lose);
        assert_eq!(lost.run.finished.code, Some(0), "{}", lost.run.finished.err());
        assert!(lost.workshop.path("batch").exists(), "{lose}");
        power.check(&lost, lose);
        assert_eq!(lost.run.workshop.files("batch"), lost.workshop.files("batch"), "{lose}");
    }
}

/// The tests above notice a program that lacks a flush: of the log, as `synchronous = NORMAL` would, of the ledger, of a
/// file, of a folder.
#[test]
fn a_program_that_lacks_a_flush_does_not_pass() {
    let power = Power::new();
    // the file of the ledger is needed again only when the log was emptied, which this model of a disk may undo
    let of_order = ["pki/ledger.db"];
    let of_both = [
        ".",
        "batch.partial-*",
        "batch.partial-*/certificates.zip",
        "batch.partial-*/chain.pem",
        "batch.partial-*/manifest.json",
        "batch.partial-*/manifest.jsonl",
        "batch.partial-*/inputs.jsonl",
        "batch.partial-*/sources.zip",
        "pki",
        "pki/ledger.db-wal",
    ];
    let sample = if long() { 1 } else { 3 };
    for lie in of_order.iter().chain(&of_both) {
        assert!(fails(|| check_order(&power.run(&["--lie", lie]))), "the order is as it should be without {lie}");
    }
    for lie in of_both.iter().step_by(sample) {
        assert!(is_noticed(&power, lie), "no power loss shows that {lie} is not flushed");
    }
}

/// Whether some power loss shows that these flushes are left out.
fn is_noticed(power: &Power, lie: &str) -> bool {
    let lie = ["--lie", lie];
    let signed = signed_at(&power.run(&lie));
    // after everything, and at some signatures
    let at = |sign: usize| (signed[sign] + 1).to_string();
    let points = [None, Some(at(1)), Some(at(6)), Some(at(12))];
    points.iter().any(|point| {
        let fault = point.iter().flat_map(|at| ["--at", at, "--how", "kill-before"]);
        let fault: Vec<&str> = lie.into_iter().chain(fault).collect();
        ["unflushed", "contents"].iter().any(|lose| fails(|| power.check(&power.lose(&fault, lose), lie[1])))
    })
}

fn fails(check: impl FnOnce()) -> bool {
    std::panic::catch_unwind(std::panic::AssertUnwindSafe(check)).is_err()
}
