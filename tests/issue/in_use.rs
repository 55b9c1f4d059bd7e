//! A ledger that another process has: the command names it and fails, or waits; a backup is made in between.

use crate::support::golden::Case;
use crate::support::pki::archive;
use crate::support::workshop::Workshop;

/// The command of most cases.
const ISSUE: &str = "issue reel.zip --policy policy.toml --out batch --config pki/reroot.toml --set lot=A1";

#[test]
fn a_ledger_that_another_process_has_is_named_and_waited_for() {
    let workshop = Workshop::new();
    workshop.reel("reel.zip", 0..3);
    let leaves: Vec<_> = workshop.pki.leaves(0..600);
    let names: Vec<String> = leaves.iter().map(crate::support::pki::TestLeaf::uid).collect();
    let files: Vec<(&str, &[u8])> =
        names.iter().map(String::as_str).zip(leaves.iter().map(|leaf| &leaf.der[..])).collect();
    let reel = archive::zip(&files);
    let args = ISSUE.replace("reel.zip", "-").replace("--out batch", "--out first");
    let mut first = workshop.reroot(&words(&args)).start();
    // once all but a pipe's content is read, the first process has its ledger
    assert!(reel.len() > 150_000, "{} bytes", reel.len());
    let (now, later) = reel.split_at(reel.len() - 1000);
    first.feed(now);
    Case::new(&workshop, "ledger_locked").run(ISSUE).finish();
    // with --wait: for so long, until a signal, or until the first process has ended
    let waiting = |seconds: &str| workshop.reroot(&[&words(ISSUE)[..], &["--wait", seconds]].concat());
    let tired = waiting("1").run().expect(5);
    assert!(tired.err().contains("waiting up to 1 s") && tired.err().contains("is in use"), "{}", tired.err());
    let mut stopped = waiting("600").start();
    stopped.wait_for_err("waiting up to 600 s");
    stopped.signal(rustix::process::Signal::TERM);
    stopped.finish().expect(6);
    let backup = ["ledger", "backup", "copy.db", "--config", "pki/reroot.toml"];
    workshop.reroot(&backup).run().expect(5);
    assert!(!workshop.path("copy.db").exists());
    let mut patient = waiting("600").start();
    patient.wait_for_err("waiting up to 600 s");
    first.feed(later);
    first.finish().success();
    assert_eq!(workshop.lines("first").len(), 600);
    patient.finish().success();
    let head = |of: &[&str]| workshop.reroot(&[&["ledger", "head"], of].concat()).run().success().out();
    Case::new(&workshop, "ledger_backup")
        .run(&backup.join(" "))
        .note("Nothing is overwritten")
        .run(&backup.join(" "))
        .note("The folders above it are made")
        .run("ledger backup new/folder/copy.db --config pki/reroot.toml")
        .finish();
    assert_eq!(head(&["copy.db"]), head(&["--config", "pki/reroot.toml"]));
    workshop.reroot(&["ledger", "verify", "copy.db"]).run().success();
}

fn words(line: &str) -> Vec<&str> {
    line.split(' ').collect()
}
