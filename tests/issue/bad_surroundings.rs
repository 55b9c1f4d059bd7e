//! What happens around a run: threads, interrupts, full disks, readers that go away.
#![expect(clippy::unwrap_used, reason = "`unwrap` is for tests")]

use std::path::Path;

use reroot::durable::{Access, create_directory};

use crate::support::golden::Case;
use crate::support::judges::put;
use crate::support::pki::archive;
use crate::support::run::Run;
use crate::support::workshop::Workshop;

/// The command of most cases.
const ISSUE: &str = "issue reel.zip --policy policy.toml --out batch --config pki/reroot.toml --set lot=A1";

/// A workshop with a reel of three chips.
fn workshop() -> Workshop {
    let workshop = Workshop::new();
    workshop.reel("reel.zip", 0..3);
    workshop
}

/// Whether a run left everything as it was: no output, no leftover, a ledger without a batch.
#[track_caller]
fn nothing_was_done(workshop: &Workshop) {
    assert!(!workshop.path("batch").exists(), "no output");
    assert_eq!(workshop.leftovers(), Vec::<String>::new());
    let ledger = std::fs::read(workshop.path("pki/ledger.db")).unwrap();
    let again = workshop.reroot(&ISSUE.split(' ').collect::<Vec<_>>()).arg("--dry-run").run();
    let after = std::fs::read(workshop.path("pki/ledger.db")).unwrap();
    assert!(ledger == after, "a dry run records nothing: {}", again.err());
    assert!(!again.err().contains("already done"), "nothing was issued");
}

fn serials(workshop: &Workshop, out: &str) -> Vec<String> {
    workshop.lines(out).iter().map(|line| format!("{} {}", line["uid"], line["serial"])).collect()
}

/// A copy of a workshop's folder as it is, to go on from the same state twice.
fn copy(from: &Path, to: &Path) {
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let to = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            create_directory(&to, Access::Public).unwrap();
            copy(&entry.path(), &to);
        } else {
            put(&to, std::fs::read(entry.path()).unwrap());
            std::fs::set_permissions(&to, entry.metadata().unwrap().permissions()).unwrap();
        }
    }
}

#[test]
fn the_number_of_threads_changes_nothing() {
    let workshop = Workshop::new();
    workshop.reel("reel.zip", 0..40);
    // stopped after the batch row and before the first signature: the first directory was a trial of the folder
    let line = ISSUE.split(' ').map(str::to_owned);
    let inject =
        ["-f", "-qq", "-o", "/dev/null", "-e", "trace=renameat2,mkdir", "-e", "inject=mkdir:signal=KILL:when=2"];
    let killed = Run::tool("strace").args(inject).arg(env!("CARGO_BIN_EXE_reroot")).args(line);
    assert_ne!(killed.folder(workshop.folder()).run().code, Some(0));
    let twin = tempfile::tempdir().unwrap();
    copy(workshop.folder(), twin.path());

    workshop.issue("reel.zip", "batch", &["--jobs", "1"]).success();
    let args: Vec<String> = ISSUE.split(' ').map(str::to_owned).collect();
    Run::reroot(twin.path()).args(&args).args(["--jobs", "8"]).run().success();
    let lines = |folder: &Path| -> Vec<serde_json::Value> {
        let text = std::fs::read_to_string(folder.join("batch/manifest.jsonl")).unwrap();
        let lines = text.lines().map(|line| serde_json::from_str(line).unwrap());
        // ECDSA signatures are random, everything else is decided
        let signed = ["sha256", "sha1", "bytes"];
        lines
            .map(|mut line: serde_json::Value| {
                for key in signed {
                    line[key] = serde_json::Value::Null;
                }
                line
            })
            .collect()
    };
    assert_eq!(lines(workshop.folder()), lines(twin.path()));

    // and what is sealed comes out again byte for byte
    let sealed = workshop.files("batch");
    for jobs in ["8", "1", "3"] {
        workshop.delete("batch");
        workshop.issue("reel.zip", "batch", &["--jobs", jobs]).success();
        assert_eq!(workshop.files("batch"), sealed, "--jobs {jobs}");
    }
}

/// Ctrl-C while the input is still coming: nothing is recorded.
#[test]
fn an_interrupt_while_reading_leaves_nothing_behind() {
    let workshop = workshop();
    let leaves = workshop.pki.leaves(0..600);
    let names: Vec<String> = leaves.iter().map(crate::support::pki::TestLeaf::uid).collect();
    let files: Vec<(&str, &[u8])> =
        names.iter().map(String::as_str).zip(leaves.iter().map(|leaf| &leaf.der[..])).collect();
    let reel = archive::zip(&files);
    let args = ISSUE.replace("reel.zip", "-");
    let mut run = workshop.reroot(&args.split(' ').collect::<Vec<_>>()).start();
    let (now, later) = reel.split_at(reel.len() - 1000);
    run.feed(now);
    run.signal(rustix::process::Signal::INT);
    run.feed(later);
    let finished = run.finish().expect(6);
    Case::new(&workshop, "interrupted").ran(&args, &finished).finish();
    nothing_was_done(&workshop);
}

/// SIGINT at each flush in turn: either the run ends with 6 and the same command finishes with the same serial
/// numbers, or it was too late to matter.
#[test]
fn an_interrupted_run_is_resumed_by_the_same_command() {
    let (mut interrupted, mut resumed) = (0, 0);
    for when in 1.. {
        let workshop = workshop();
        let line = ISSUE.split(' ');
        let inject = format!("inject=fsync,fdatasync:signal=INT:when={when}");
        let strace = ["-f", "-qq", "-o", "/dev/null", "-e", "trace=fsync,fdatasync", "-e", &inject];
        let run = Run::tool("strace").args(strace).arg(env!("CARGO_BIN_EXE_reroot")).args(line);
        // a run ends between two chunks
        let finished = run.args(["--chunk", "1"]).folder(workshop.folder()).run();
        match finished.code {
            Some(6) => {
                interrupted += 1;
                assert!(finished.err().contains("Run the same command again to resume"), "{}", finished.err());
                assert!(!workshop.path("batch").exists());
            }
            Some(0) => assert!(workshop.path("batch").exists()),
            other => panic!("flush {when}: {other:?}\n{}", finished.err()),
        }
        let again = workshop.issue("reel.zip", "batch", &[]).success();
        resumed +=
            u32::from(again.out().contains("resumed     certificates of an earlier run were taken from the ledger"));
        let first = serials(&workshop, "batch");
        assert_eq!(first.len(), 3);
        workshop.verify("batch", &["--input", "reel.zip"]).success();
        assert_eq!(workshop.leftovers(), Vec::<String>::new());
        if finished.code == Some(0) && !finished.out().is_empty() && when > 12 {
            break;
        }
    }
    assert!(interrupted > 0, "no interrupt came early enough");
    assert!(resumed > 0, "no run says that it found certificates of an earlier one");
}

/// A file that may not grow is a disk that is full; `ulimit -f` counts blocks of 512 bytes.
#[test]
fn a_full_disk_loses_nothing() {
    let mut failures = 0;
    for blocks in [1, 4, 16, 64, 80, 90, 96, 100, 110, 130, 160, 200, 260] {
        let workshop = Workshop::new();
        workshop.reel("reel.zip", 0..60);
        let script = format!("trap '' XFSZ; ulimit -f {blocks}; exec \"$@\"");
        let run = Run::tool("sh").args(["-c", &script, "sh", env!("CARGO_BIN_EXE_reroot")]).args(ISSUE.split(' '));
        let finished = run.folder(workshop.folder()).run();
        match finished.code {
            Some(0) => {}
            Some(5) => {
                failures += 1;
                assert!(finished.err().contains("error: "), "{}", finished.err());
                assert!(!workshop.path("batch").exists());
            }
            other => panic!("{blocks} blocks: {other:?}\n{}", finished.err()),
        }
        workshop.issue("reel.zip", "batch", &[]).success();
        workshop.verify("batch", &["--input", "reel.zip"]).success();
        assert_eq!(workshop.leftovers(), Vec::<String>::new());
    }
    assert!(failures > 3, "{failures} runs met the limit");
}

#[test]
fn a_file_that_cannot_grow_is_named() {
    let workshop = workshop();
    let script = "trap '' XFSZ; ulimit -f 1; exec \"$@\"";
    let run = Run::tool("sh").args(["-c", script, "sh", env!("CARGO_BIN_EXE_reroot")]).args(ISSUE.split(' '));
    let finished = run.folder(workshop.folder()).run().expect(5);
    Case::new(&workshop, "disk_full").ran(ISSUE, &finished).finish();
    nothing_was_done(&workshop);
}

/// A pipe without a reader, as with `| head`.
fn closed_pipe() -> std::io::PipeWriter {
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    writer
}

#[test]
fn readers_that_go_away_do_not_stop_a_run() {
    let workshop = workshop();
    let issue = || workshop.reroot(&ISSUE.split(' ').collect::<Vec<_>>());
    assert_eq!(workshop.reroot(&["inspect", "reel.zip"]).run_onto(closed_pipe(), std::process::Stdio::null()), Some(0));
    assert_eq!(workshop.reroot(&["policy", "reference"]).run_onto(closed_pipe(), std::process::Stdio::null()), Some(0));
    assert_eq!(issue().run_onto(closed_pipe(), closed_pipe()), Some(0));
    workshop.verify("batch", &[]).success();
    // messages that no process reads are no reason to fail either
    assert_eq!(issue().run_onto(std::process::Stdio::null(), closed_pipe()), Some(0));
    assert_eq!(issue().args(["--set", "lot=B2"]).run_onto(std::process::Stdio::null(), closed_pipe()), Some(2));
}

/// What was asked for and could not be written is not success.
#[test]
fn output_that_is_lost_is_not_success() {
    let workshop = workshop();
    #[expect(clippy::disallowed_methods, reason = "a device that is always full, not a file")]
    let full = || std::fs::File::options().write(true).open("/dev/full").unwrap();
    for args in [&["policy", "reference"][..], &["inspect", "reel.zip"], &["completions", "bash"]] {
        let code = workshop.reroot(args).run_onto(full(), std::process::Stdio::null());
        assert_eq!(code, Some(5), "{args:?}");
    }
    let code = workshop.reroot(&["policy", "check", "nowhere.toml"]).run_onto(full(), std::process::Stdio::null());
    assert_eq!(code, Some(2), "another failure keeps its code");
}
