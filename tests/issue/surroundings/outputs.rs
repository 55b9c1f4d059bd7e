//! File systems without `renameat2(RENAME_NOREPLACE)`, hard links or flushes; names that are too long.

use std::path::Path;

use super::{ISSUE, begun, workshop};
use crate::support::faulty::faulty;
use crate::support::run::{Finished, Run};
use crate::support::workshop::Workshop;

/// What FUSE, NFS and 9p lack.
const NO_EXCLUSIVE_RENAME: &str = "renameat2=EINVAL";
/// And a network drive without hard links.
const NO_LINK: &str = "renameat2=ENOSYS,linkat=EPERM,link=EPERM";

/// `reroot` in the workshop's folder, where the file system below `under` lacks some calls.
fn without(workshop: &Workshop, under: &str, calls: &str, args: &[&str]) -> Finished {
    disturbed(workshop, &["--under", under, "--without", calls], args)
}

fn disturbed(workshop: &Workshop, how: &[&str], args: &[&str]) -> Finished {
    Run::tool(faulty()).args(how).arg(env!("CARGO_BIN_EXE_reroot")).args(args).folder(workshop.folder()).run()
}

fn issue_to(out: &str) -> Vec<&str> {
    [&ISSUE[..], &[out, "--config", "pki/reroot.toml"]].concat()
}

#[test]
fn every_output_gets_its_name_without_an_exclusive_rename() {
    let workshop = workshop(3);
    let lacking = |args: &[&str]| without(&workshop, ".", NO_EXCLUSIVE_RENAME, args);
    lacking(&issue_to("batch")).success();
    workshop.verify("batch", &["--input", "reel.zip"]).success();
    assert!(lacking(&issue_to("batch")).success().err().contains("already done"));
    for (target, out) in [("directory", "plain"), ("zip", "all.zip"), ("csv", "all.csv"), ("line-pack", "line.pack")] {
        let args = ["export", "batch", "--to", target, "--out", out, "--issuer-anchor", "pki/ca/root.pem"];
        lacking(&args).success();
        let again = lacking(&args).expect(2);
        assert!(again.err().contains("exists already"), "{target}: {}", again.err());
    }
    lacking(&["prove", "batch", "--all", "--out", "proofs"]).success();
    lacking(&["init", "other", "--organization", "Other"]).success();
    workshop.reroot(&["ca", "show", "--config", "other/reroot.toml"]).run().success();
    assert_eq!(workshop.leftovers(), Vec::<String>::new());

    let plan = ["plan", "reel.zip", "--policy", "policy.toml", "--set", "lot=A2", "--out"];
    let plan = [&plan[..], &["reel.plan", "--config", "other/reroot.toml", "--new-ledger"]].concat();
    // another CA, whose anchor is the TEST root
    let config = std::fs::read_to_string(workshop.path("other/reroot.toml")).unwrap();
    let config = config.replace("anchors/stm-stsafe-a-prod-ca-01.pem", "../pki/anchors/test-root.pem");
    std::fs::write(workshop.path("other/reroot.toml"), config).unwrap();
    let planned = lacking(&plan);
    if planned.code == Some(0) {
        assert!(lacking(&plan).success().err().contains("already done"));
    } else {
        panic!("{}", planned.err());
    }
    assert_eq!(workshop.leftovers(), Vec::<String>::new());
}

/// A directory's name is claimed with an empty one; a file has no such way.
#[test]
fn without_hard_links_directories_are_made_and_files_are_refused_before_anything_is_recorded() {
    let workshop = workshop(3);
    let before = begun(&workshop);
    let lacking = |args: &[&str]| without(&workshop, ".", NO_LINK, args);
    let plan = ["plan", "reel.zip", "--policy", "policy.toml", "--set", "lot=A1", "--out", "reel.plan"];
    let refused = lacking(&[&plan[..], &["--config", "pki/reroot.toml"]].concat()).expect(2);
    assert!(
        refused.err().contains("can neither rename without replacing (renameat2) nor make hard links"),
        "{}",
        refused.err()
    );
    assert!(refused.err().contains("Nothing was signed"), "{}", refused.err());
    assert_eq!(begun(&workshop), before, "nothing is on the ledger");
    lacking(&issue_to("batch")).success();
    workshop.verify("batch", &[]).success();
    let export = ["export", "batch", "--to", "zip", "--out", "all.zip", "--issuer-anchor", "pki/ca/root.pem"];
    lacking(&export).expect(2);
    assert_eq!(workshop.leftovers(), Vec::<String>::new());
}

/// Killed before each rename and after each mkdir in turn, the same command finishes: also where the empty directory that
/// claims the name was left.
#[test]
fn a_name_that_a_killed_run_claimed_is_finished_by_the_same_command() {
    let mut claims = 0;
    for at in 1.. {
        let workshop = workshop(3);
        let number = at.to_string();
        let how = ["--under", ".", "--without", NO_EXCLUSIVE_RENAME, "--calls", "rename,renameat,mkdir,mkdirat"];
        let how = [&how[..], &["--at", &number, "--how", "kill-before"]].concat();
        let killed = disturbed(&workshop, &how, &issue_to("batch"));
        if killed.code == Some(0) {
            break;
        }
        assert_eq!(killed.code, Some(137), "{}", killed.err());
        let claimed = workshop.path("batch").exists();
        claims += u32::from(claimed);
        without(&workshop, ".", NO_EXCLUSIVE_RENAME, &issue_to("batch")).success();
        workshop.verify("batch", &["--input", "reel.zip"]).success();
        assert_eq!(workshop.leftovers(), Vec::<String>::new(), "call {at}");
    }
    assert_eq!(claims, 1, "one kill came between the claim and the rename");
}

/// An empty directory that this run did not claim counts as an existing output, and is refused with and without an
/// exclusive rename.
#[test]
fn an_empty_directory_of_somebody_else_is_not_taken() {
    let workshop = workshop(3);
    std::fs::create_dir(workshop.path("batch")).unwrap();
    let refused = without(&workshop, ".", NO_EXCLUSIVE_RENAME, &issue_to("batch")).expect(2);
    assert!(refused.err().contains("exists already"), "{}", refused.err());
    std::fs::create_dir(workshop.path("batch.partial-x")).unwrap();
    let refused = workshop.reroot(&issue_to("batch")).run().expect(2);
    assert!(refused.err().contains("exists"), "{}", refused.err());
    assert_eq!(begun(&workshop), 0);
}

#[test]
fn a_flush_that_the_file_system_lacks_is_tolerated_for_outputs_and_noted() {
    let workshop = workshop(3);
    std::fs::create_dir(workshop.path("out")).unwrap();
    for (error, out) in [("EINVAL", "out/one"), ("EOPNOTSUPP", "out/two")] {
        let calls = format!("fsync={error},syncfs={error}");
        let again = if out == "out/one" { vec![] } else { vec!["--reissue", "a second disk"] };
        let args = [issue_to(out), again].concat();
        let issued = without(&workshop, "out", &calls, &args).success();
        assert!(issued.err().contains("warning: the file system of `out` cannot flush"), "{}", issued.err());
        workshop.verify(out, &[]).success();
    }
    let args = ["prove", "out/one", "--all", "--out", "out/proofs"];
    assert!(without(&workshop, "out", "fsync=EINVAL,syncfs=EINVAL", &args).success().err().contains("cannot flush"));
}

#[test]
fn a_flush_that_fails_is_never_tolerated_nor_one_that_the_ledgers_folder_lacks() {
    for (under, calls) in
        [("out", "fsync=EIO"), ("pki", "fsync=EINVAL"), ("pki", "fsync=EOPNOTSUPP"), ("pki", "fsync=EIO")]
    {
        let workshop = workshop(3);
        std::fs::create_dir(workshop.path("out")).unwrap();
        let calls = format!("{calls},{}", calls.replace("fsync", "fdatasync"));
        let failed = without(&workshop, under, &calls, &issue_to("out/batch")).expect(5);
        assert!(failed.err().contains("error: "), "{}", failed.err());
        assert!(!workshop.path("out/batch").exists(), "{under}: {calls}");
        workshop.reroot(&issue_to("out/batch")).run().success();
        workshop.verify("out/batch", &["--input", "reel.zip"]).success();
    }
}

#[test]
fn names_that_would_be_too_long_are_refused_before_anything_is_recorded() {
    let workshop = workshop(3);
    let longest = 255 - ".partial-".len() - 36;
    let out = "b".repeat(longest + 1);
    let refused = workshop.reroot(&issue_to(&out)).run().expect(2);
    assert!(refused.err().contains("is too long: while the output is written it has 256 bytes"), "{}", refused.err());
    let mut deep = String::new();
    while deep.len() < 4_060 {
        deep.push_str("pki/../");
    }
    for (command, out) in [("plan", "p".repeat(248)), ("issue", format!("{deep}batch")), ("plan", "p".repeat(300))] {
        let mut args = issue_to(&out);
        args[0] = command;
        let refused = workshop.reroot(&args).run().expect(2);
        assert!(refused.err().contains("too long"), "{}", refused.err());
    }
    assert_eq!(begun(&workshop), 0);
    workshop.reroot(&issue_to(&out[1..])).run().success();
    let file = "e".repeat(256);
    for args in [
        vec!["export", &out[1..], "--to", "zip", "--out", &file, "--issuer-anchor", "pki/ca/root.pem"],
        vec!["prove", &out[1..], "--all", "--out", &file],
        vec!["verify", &out[1..], "--report", &file, "--config", "pki/reroot.toml"],
    ] {
        let refused = workshop.reroot(&args).run().expect(2);
        assert!(refused.err().contains("too long"), "{args:?}: {}", refused.err());
    }
}

/// bindfs, a file system of FUSE: mounted for the test, unmounted when it ends.
struct Mounted<'a>(&'a Path);

impl<'a> Mounted<'a> {
    fn new(from: &Path, at: &'a Path) -> Self {
        assert!(Path::new("/dev/fuse").exists(), "there is no /dev/fuse, which this test needs");
        Run::tool("bindfs").args(["-o", "nonempty"]).arg(from).arg(at).run().success();
        Self(at)
    }
}

impl Drop for Mounted<'_> {
    fn drop(&mut self) {
        let root = rustix::process::geteuid().is_root();
        let (program, option) = if root { ("umount", "-l") } else { ("fusermount3", "-uz") };
        Run::tool(program).arg(option).arg(self.0).run();
    }
}

#[test]
fn a_real_fuse_file_system_takes_every_kind_of_output() {
    let workshop = workshop(3);
    let (behind, out) = (workshop.path("behind"), workshop.path("out"));
    std::fs::create_dir(&behind).unwrap();
    std::fs::create_dir(&out).unwrap();
    let mounted = Mounted::new(&behind, &out);
    workshop.reroot(&issue_to("out/batch")).run().success();
    workshop.verify("out/batch", &["--input", "reel.zip"]).success();
    for (target, name) in [("directory", "out/plain"), ("zip", "out/all.zip"), ("line-pack", "out/line.pack")] {
        let args = ["export", "out/batch", "--to", target, "--out", name, "--issuer-anchor", "pki/ca/root.pem"];
        workshop.reroot(&args).run().success();
    }
    workshop.reroot(&["prove", "out/batch", "--all", "--out", "out/proofs"]).run().success();
    workshop.reroot(&["init", "out/pki", "--organization", "Fuse"]).run().success();
    drop(mounted);
    let mut names: Vec<_> =
        std::fs::read_dir(&behind).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    assert_eq!(names, ["all.zip", "batch", "line.pack", "pki", "plain", "proofs"], "nothing else is left");
}

/// A sealed batch with one more file is refused by every verifier, so this program writes none into it.
#[test]
fn no_output_is_written_inside_a_sealed_batch() {
    let workshop = workshop(3);
    workshop.issue("reel.zip", "batch", &[]).success();
    let chip = &workshop.lines("batch")[0];
    let chip = chip["uid"].as_str().unwrap();
    for args in [
        &["verify", "batch", "--config", "pki/reroot.toml", "--report", "batch/report.html"][..],
        &["prove", "batch", chip, "--out", "batch/proof.json"],
        &["export", "batch", "--to", "csv", "--out", "batch/all.csv", "--issuer-anchor", "pki/ca/root.pem"],
        &issue_to("batch/inner"),
    ] {
        let refused = workshop.reroot(args).run().expect(2);
        let message = "would be inside the sealed batch `batch`, which takes no other file";
        assert!(refused.err().contains(message), "{args:?}: {}", refused.err());
    }
    workshop.verify("batch", &["--input", "reel.zip"]).success();
}
