//! kill -9 between any two steps, then the same command again: the same serials, one certificate a chip.
//!
//! `strace` kills the program at the n-th call of each system call that makes something durable.

#[expect(clippy::allow_attributes, reason = "`expect` would fail in a test that uses every helper")]
#[allow(dead_code, unreachable_pub, reason = "each test uses some of the helpers")]
mod support;

use std::collections::BTreeMap;

use support::run::Run;
use support::workshop::Workshop;

/// One run under strace with one injection.
fn injected(workshop: &Workshop, out: &str, injection: &str) -> Option<i32> {
    let args = [
        "-f",
        "-qq",
        "-o",
        "/dev/null",
        "-e",
        "trace=fsync,fdatasync,renameat2,unlink,pwrite64,mkdir",
        "-e",
        injection,
    ];
    let program = [env!("CARGO_BIN_EXE_reroot"), "issue", "reel.zip", "--policy", "policy.toml", "--out", out];
    let rest = ["--config", "pki/reroot.toml", "--set", "lot=A1"];
    Run::tool("strace").args(args).args(program).args(rest).folder(workshop.folder()).run().code
}

fn by_uid(workshop: &Workshop, out: &str) -> BTreeMap<String, String> {
    let text = |value: &serde_json::Value| value.as_str().expect("text").to_owned();
    workshop.lines(out).iter().map(|line| (text(&line["uid"]), text(&line["serial"]))).collect()
}

fn kill_at_every(call: &str, sample: usize) {
    let mut kills = 0;
    for n in 1.. {
        let workshop = Workshop::new();
        workshop.reel("reel.zip", 0..5);
        let code = injected(&workshop, "batch", &format!("inject={call}:signal=KILL:when={}", n * sample));
        if code == Some(0) {
            break;
        }
        kills += 1;
        let published = workshop.path("batch").exists();
        workshop.issue("reel.zip", "batch", &[]).success();
        let serials = by_uid(&workshop, "batch");
        assert_eq!(serials.len(), 5, "{call} {n}");
        workshop.verify("batch", &["--input", "reel.zip"]).success();
        assert_eq!(workshop.leftovers(), Vec::<String>::new(), "{call} {n}, published: {published}");
        // once more from nothing but ledger and input: the serial numbers were decided before the kill
        workshop.delete("batch");
        workshop.issue("reel.zip", "batch", &[]).success();
        assert_eq!(by_uid(&workshop, "batch"), serials);
    }
    assert!(kills > 0, "{call} was never reached");
}

#[test]
fn a_kill_at_any_flush_is_recovered_by_the_same_command() {
    kill_at_every("fsync", 1);
}

#[test]
fn a_kill_at_the_publication_is_recovered_by_the_same_command() {
    kill_at_every("renameat2", 1);
}

#[test]
fn a_kill_at_ledger_writes_is_recovered_by_the_same_command() {
    kill_at_every("pwrite64", 5);
}

/// The serial numbers that an interrupted run had recorded are those of the run that finishes.
#[test]
fn an_interrupted_batch_keeps_its_seed() {
    let workshop = Workshop::new();
    workshop.reel("reel.zip", 0..5);
    // the last rename publishes: everything is signed and sealed by then
    assert_ne!(injected(&workshop, "batch", "inject=renameat2:signal=KILL:when=1"), Some(0));
    workshop.issue("reel.zip", "elsewhere", &[]).success();
    let first = by_uid(&workshop, "elsewhere");
    workshop.issue("reel.zip", "batch", &[]).success();
    assert_eq!(by_uid(&workshop, "batch"), first);
    assert_eq!(workshop.files("batch"), workshop.files("elsewhere"), "a sealed batch comes out byte for byte");
}

#[test]
fn a_failed_flush_is_an_error_and_loses_nothing() {
    for call in ["fsync"] {
        for when in 1..60 {
            let workshop = Workshop::new();
            workshop.reel("reel.zip", 0..5);
            let code = injected(&workshop, "batch", &format!("inject={call}:error=EIO:when={when}"));
            if code == Some(0) {
                break;
            }
            assert_eq!(code, Some(5), "{call} {when}");
            workshop.issue("reel.zip", "batch", &[]).success();
            workshop.verify("batch", &["--input", "reel.zip"]).success();
        }
    }
}
