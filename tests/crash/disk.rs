//! Disks that are full, that cannot flush, that go away.

use super::bench::{Bench, Disturbed, disturb, say};
use crate::support::campaign::sample;
use crate::support::pki::{TestLeaf, archive};
use crate::support::run::Run;
use crate::support::workshop::Workshop;

/// A failed flush is never followed by success, nor by another flush of the same file: the system would say that all
/// is well.
#[test]
fn a_flush_that_failed_is_not_tried_again_and_ends_the_run() {
    let bench = Bench::new(12, 5);
    let only = ["--calls", "fsync,fdatasync,syncfs,sync_file_range"];
    let flushes = bench.disturb(&only).calls;
    assert!(flushes.len() > 20, "{flushes:?}");
    for at in sample(1..=flushes.len(), 3) {
        let number = at.to_string();
        let disturbed = bench.disturb(&[only[0], only[1], "--at", &number, "--how", "error=EIO"]);
        let (call, later) = (&disturbed.calls[at - 1], &disturbed.calls[at..]);
        let case = format!("flush {at} ({call})");
        bench.check_disturbed(&disturbed, &case);
        // SQLite flushes the ledger's folder once more and does not mind; it was flushed before, and minded
        if !(call.ends_with("/pki") && disturbed.finished.code == Some(0)) {
            assert_eq!(disturbed.finished.code, Some(5), "{case}: {}", disturbed.finished.err());
            assert!(disturbed.finished.err().contains("flush"), "{case}: {}", disturbed.finished.err());
            assert!(!later.contains(call), "{case}: flushed again");
        }
        bench.recover(&disturbed.workshop, &disturbed.left, &case);
    }
}

/// The same with a disk on which nothing grows any more, from any call on.
#[test]
fn a_disk_that_is_full_from_any_call_on_loses_nothing() {
    let bench = Bench::new(12, 5);
    let only = ["--calls", "write,pwrite64,openat,mkdir,ftruncate,renameat2"];
    let calls = bench.disturb(&only).calls;
    for from in sample(1..=calls.len(), 7) {
        let number = from.to_string();
        let disturbed = bench.disturb(&[only[0], only[1], "--from", &number, "--how", "error=ENOSPC"]);
        let case = format!("full from call {from} on ({})", calls[from - 1]);
        bench.check_disturbed(&disturbed, &case);
        // the run succeeds if only its last calls fail, on the lock file
        let done = calls[from - 1..].iter().all(|call| call.ends_with("-lock"));
        assert_eq!(disturbed.finished.code, Some(if done { 0 } else { 5 }), "{case}: {}", disturbed.finished.err());
        bench.recover(&disturbed.workshop, &disturbed.left, &case);
    }
}

/// A line pack is a database of SQLite. If its disk is full, the error names the disk and not the pack's content.
#[test]
fn a_disk_that_is_full_under_a_line_pack_ends_with_5_and_the_same_command_makes_it() {
    let bench = Bench::new(12, 5);
    let made = bench.fresh();
    made.reroot(&bench.command()).run().success();
    let command = ["export", "batch", "--to", "line-pack", "--out", "line.pack", "--config", "pki/reroot.toml"];
    let calls = disturb(made.copy(), &["--calls", "pwrite64"], &command).calls;
    assert!(!calls.is_empty());
    for from in sample(1..=calls.len(), 4) {
        let full = ["--calls", "pwrite64", "--from", &from.to_string(), "--how", "error=ENOSPC"];
        let Disturbed { workshop, finished, .. } = disturb(made.copy(), &full, &command);
        assert_eq!(finished.code, Some(5), "call {from}: {}", finished.err());
        assert!(finished.err().contains("disk is full") && finished.err().contains("line.pack"), "{}", finished.err());
        let names = std::fs::read_dir(workshop.folder()).unwrap().map(|entry| entry.unwrap().file_name());
        assert!(!names.into_iter().any(|name| name.to_string_lossy().contains("line")), "call {from}");
        workshop.reroot(&command).run().success();
    }
}

/// A file system of so many KiB with CA, ledger, scratch and output on it, in a mount namespace of its own; when it is
/// full it is made larger, as an operator would, and the same command is given again.
const SMALL_DISK: &str = r#"
size=$1; reroot=$2; shift 2
mount -t tmpfs -o size=${size}k tmpfs small || exit 97
cp -a pki small/ || exit 98
"$reroot" "$@"; echo "first $?"
if [ -e small/batch ]; then echo "published"; fi
mount -o remount,size=64m small || exit 97
"$reroot" "$@" >/dev/null; echo "second $?"
"$reroot" verify small/batch --input reel.zip --source-anchor pki/anchors/test-root.pem \
    --issuer-anchor pki/ca/root.pem >/dev/null; echo "verify $?"
"$reroot" ledger verify small/pki/ledger.db >/dev/null; echo "ledger $?"
ls -A small | grep -v -x -e pki -e batch
cp -a small/batch small/pki/ledger.db .
"#;

#[test]
fn a_small_file_system_that_fills_up_loses_nothing() {
    let workshop = Workshop::new();
    workshop.reel("reel.zip", 0..60);
    reroot::durable::create_directory(&workshop.path("small"), reroot::durable::Access::Public).unwrap();
    let (mut full, mut passed) = (0, 0);
    for size in sample((160..1_200).step_by(8), 10) {
        let folder = workshop.copy();
        let command = ["issue", "reel.zip", "--policy", "policy.toml", "--out", "small/batch", "--set", "lot=A1"];
        // root of the namespace only, where the test is not root's
        let run = Run::tool("unshare").args(["--map-root-user", "--mount", "sh", "-c", SMALL_DISK, "sh"]);
        let run = run.arg(size.to_string()).arg(env!("CARGO_BIN_EXE_reroot")).args(command);
        let run = run.args(["--config", "small/pki/reroot.toml", "--chunk", "16"]).folder(folder.folder());
        let finished = run.run();
        let (out, err) = (finished.out(), finished.err());
        if finished.code == Some(98) {
            continue;
        }
        let all = format!("{size} KiB: {out}\n{err}");
        let lines: Vec<&str> =
            out.lines().filter(|line| line.split(' ').count() == 2 || *line == "published").collect();
        let said = |line: &str| lines.contains(&line);
        if said("first 5") {
            full += 1;
            assert!(!said("published"), "{all}");
            let error = err.lines().find(|line| line.starts_with("error: ")).unwrap();
            assert!(error.contains("No space left on device") || error.contains("disk is full"), "{all}");
            assert!(err.contains("small/") || err.contains("`small`"), "{all}");
        } else {
            passed += 1;
            assert!(said("first 0") && said("published"), "{all}");
        }
        assert!(said("second 0") && said("verify 0") && said("ledger 0"), "{all}");
        assert!(!out.contains("partial") && !out.contains("scratch"), "{all}");
        assert_eq!(folder.lines("batch").len(), 60, "{all}");
    }
    say(&format!("{full} file systems were too small, {passed} were not"));
    assert!(full > 3 && passed > 0, "{full} full, {passed} passed");
}

/// The folder of the output is taken away while the input is still coming.
#[test]
fn an_output_folder_that_goes_away_is_an_error_and_nothing_is_lost() {
    let workshop = Workshop::new();
    let leaves = workshop.pki.leaves(0..600);
    let names: Vec<String> = leaves.iter().map(TestLeaf::uid).collect();
    let files: Vec<(&str, &[u8])> =
        names.iter().map(String::as_str).zip(leaves.iter().map(|leaf| &leaf.der[..])).collect();
    let reel = archive::zip(&files);
    let gone = workshop.path("gone");
    let make = || reroot::durable::create_directory(&gone, reroot::durable::Access::Public).unwrap();
    let command = ["issue", "-", "--policy", "policy.toml", "--out", "gone/batch", "--config", "pki/reroot.toml"];
    make();
    let mut run = workshop.reroot(&command).args(["--set", "lot=A1"]).start();
    // once all but a pipe's content is read, the place was looked at
    let (now, later) = reel.split_at(reel.len() - 1000);
    run.feed(now);
    std::fs::remove_dir(&gone).unwrap();
    run.feed(later);
    let err = run.finish().expect(2).err();
    assert!(err.contains("`gone`") && err.contains("is made by the next run"), "{err}");
    make();
    workshop.reroot(&command).args(["--set", "lot=A1"]).stdin(reel).run().success();
    assert_eq!(workshop.lines("gone/batch").len(), 600);
    workshop.verify("gone/batch", &[]).success();
}
