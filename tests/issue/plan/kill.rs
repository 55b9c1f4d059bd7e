//! kill -9 in each of the three commands, then the same command: one certificate a chip, one serial number.

use std::collections::BTreeMap;

use crate::plan::machines::Machines;
use crate::support::run::Run;

const PLAN: &[&str] = &[
    "plan",
    "reel.zip",
    "--policy",
    "policy.toml",
    "--out",
    "reel.plan",
    "--config",
    "pki/reroot.toml",
    "--set",
    "lot=A1",
    "--new-ledger",
];
const SIGN: &[&str] = &["sign", "reel.plan", "--out", "reel.signatures", "--config", "vault/reroot.toml", "--yes"];
const FINISH: &[&str] =
    &["finish", "reel.plan", "--signatures", "reel.signatures", "--out", "batch", "--config", "pki/reroot.toml"];

/// Kills the n-th call of a kind. Returns whether the command came to its end all the same.
pub(crate) fn killed(machines: &Machines, command: &[&str], call: &str, n: usize) -> bool {
    let trace = ["-f", "-qq", "-o", "/dev/null", "-e", "trace=fsync,fdatasync,renameat2,pwrite64", "-e"];
    let injection = format!("inject={call}:signal=KILL:when={n}");
    let run = Run::tool("strace").args(trace).arg(injection).arg(env!("CARGO_BIN_EXE_reroot")).args(command);
    run.folder(machines.workshop.folder()).run().code == Some(0)
}

fn serials(machines: &Machines) -> BTreeMap<String, String> {
    let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
    machines.workshop.lines("batch").iter().map(|line| (text(&line["uid"]), text(&line["serial"]))).collect()
}

fn again(machines: &Machines, command: &[&str]) {
    machines.workshop.reroot(command).run().success();
}

/// `before` runs undisturbed, `command` is killed and given again, `after` runs undisturbed.
fn kill_at_every(call: &str, step: usize, before: &[&[&str]], command: &[&str], after: &[&[&str]]) {
    let mut kills = 0;
    for n in 1.. {
        let machines = Machines::new();
        machines.workshop.reel("reel.zip", 0..5);
        for command in before {
            again(&machines, command);
        }
        if killed(&machines, command, call, n * step) {
            break;
        }
        kills += 1;
        again(&machines, command);
        // once more: nothing is left to do, and nothing changes
        again(&machines, command);
        for command in after {
            again(&machines, command);
        }
        assert_eq!(serials(&machines).len(), 5, "{command:?} {call} {n}");
        machines.workshop.verify("batch", &["--input", "reel.zip"]).success();
        let partial = |name: &str| machines.path(name).exists();
        assert!(!partial("reel.plan.partial") && !partial("reel.signatures.partial"), "{call} {n}");
        assert_eq!(machines.workshop.leftovers(), Vec::<String>::new(), "{command:?} {call} {n}");
    }
    assert!(kills > 0, "{call} was never reached in {command:?}");
}

#[test]
fn a_plan_that_was_killed_is_planned_by_the_same_command() {
    kill_at_every("fsync", 1, &[], PLAN, &[SIGN, FINISH]);
    kill_at_every("renameat2", 1, &[], PLAN, &[SIGN, FINISH]);
    kill_at_every("pwrite64", 7, &[], PLAN, &[SIGN, FINISH]);
}

#[test]
fn a_signing_that_was_killed_is_signed_by_the_same_command() {
    kill_at_every("fsync", 1, &[PLAN], SIGN, &[FINISH]);
    kill_at_every("renameat2", 1, &[PLAN], SIGN, &[FINISH]);
    kill_at_every("pwrite64", 7, &[PLAN], SIGN, &[FINISH]);
}

#[test]
fn a_finish_that_was_killed_is_finished_by_the_same_command() {
    kill_at_every("fsync", 1, &[PLAN, SIGN], FINISH, &[]);
    kill_at_every("renameat2", 1, &[PLAN, SIGN], FINISH, &[]);
    // strace counts thread by thread, and the one that writes the ledger has few to write
    kill_at_every("pwrite64", 2, &[PLAN, SIGN], FINISH, &[]);
}
