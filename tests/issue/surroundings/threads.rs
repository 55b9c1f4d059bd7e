//! Systems that have no thread, or no descriptor, to spare.

use super::{ISSUE, begun, workshop};
use crate::support::faulty::faulty;
use crate::support::run::{Finished, Run};
use crate::support::workshop::Workshop;

/// `reroot` where every thread from the n-th on cannot be made.
fn with_threads(workshop: &Workshop, n: u32, args: &[&str]) -> Finished {
    let from = n.to_string();
    let how = ["--under", ".", "--calls", "clone,clone3", "--from", &from, "--how", "error=EAGAIN"];
    Run::tool(faulty()).args(how).arg(env!("CARGO_BIN_EXE_reroot")).args(args).folder(workshop.folder()).run()
}

#[test]
fn with_fewer_threads_or_none_the_same_work_is_done() {
    let workshop = workshop(40);
    let command = |out| [&ISSUE[..], &[out, "--config", "pki/reroot.toml", "--jobs", "4", "--chunk", "16"]].concat();
    let mut sealed = None;
    for n in 1..=10 {
        let issued = with_threads(&workshop, n, &command("batch")).success();
        workshop.verify("batch", &["--input", "reel.zip"]).success();
        let files = workshop.files("batch");
        // the same batch comes out again byte for byte
        assert_eq!(sealed.get_or_insert_with(|| files.clone()), &files, "{n}: {}", issued.err());
        workshop.delete("batch");
    }
    workshop.reroot(&command("batch")).run().success();
    let inspect = ["--format", "json", "inspect", "reel.zip"];
    let alone = with_threads(&workshop, 1, &inspect).success();
    assert_eq!(alone.out(), workshop.reroot(&inspect).run().success().out());
    for args in [
        vec!["verify", "batch", "--input", "reel.zip", "--jobs", "4", "--config", "pki/reroot.toml"],
        vec!["prove", "batch", "--all", "--out", "proofs"],
        vec!["export", "batch", "--to", "zip", "--out", "all.zip", "--issuer-anchor", "pki/ca/root.pem"],
        vec!["ledger", "verify", "--config", "pki/reroot.toml"],
    ] {
        with_threads(&workshop, 1, &args).success();
    }
}

/// The limit that administrators set, under a user who has it: root is not bound by it.
#[test]
fn under_a_limit_of_processes_a_batch_is_made() {
    let workshop = workshop(40);
    let reroot = env!("CARGO_BIN_EXE_reroot");
    let command = [&ISSUE[..], &["batch", "--config", "pki/reroot.toml", "--jobs", "4"]].concat();
    let limited = if rustix::process::geteuid().is_root() {
        // no other process has this user id, so the limit counts this run alone; the program is where that user can
        // reach it
        Run::tool("cp").arg(reroot).arg(workshop.path("reroot")).run().success();
        Run::tool("chown").args(["-R", "54321:54321", "."]).folder(workshop.folder()).run().success();
        Run::tool("setpriv").args(["--reuid=54321", "--regid=54321", "--clear-groups", "prlimit", "--nproc=1"])
    } else {
        Run::tool("prlimit").arg("--nproc=1")
    };
    let program = if rustix::process::geteuid().is_root() { "./reroot" } else { reroot };
    limited.arg(program).args(command).folder(workshop.folder()).run().success();
}

/// Few descriptors: a message and an exit code of ours, never a panic, and the same command finishes.
#[test]
fn with_few_descriptors_nothing_is_lost() {
    let workshop = workshop(3);
    let command = [&ISSUE[..], &["batch", "--config", "pki/reroot.toml"]].concat();
    let mut refused = 0;
    for descriptors in 3..40 {
        let limit = format!("--nofile={descriptors}");
        let run = Run::tool("prlimit").arg(limit).arg(env!("CARGO_BIN_EXE_reroot")).args(&command);
        let finished = run.folder(workshop.folder()).run();
        let err = finished.err();
        assert!(!err.contains("panicked"), "{descriptors}: {err}");
        match finished.code {
            // the dynamic linker's word, before there is a program
            Some(127) => {}
            Some(0) => {
                workshop.verify("batch", &["--input", "reel.zip"]).success();
                workshop.delete("batch");
            }
            Some(2..=5) => {
                assert!(err.contains("error: "), "{descriptors}: {err}");
                refused += 1;
            }
            other => panic!("{descriptors}: {other:?}: {err}"),
        }
    }
    assert!(refused > 2, "{refused}");
    workshop.reroot(&command).run().success();
    workshop.verify("batch", &["--input", "reel.zip"]).success();
    assert_eq!(begun(&workshop), 1, "every run was the same batch");
}
