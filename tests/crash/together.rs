//! Two runs at once, and runs that come back at another time: one ledger never issues twice, one name is one batch.

use std::path::Path;
use std::sync::Barrier;

use super::bench::{Bench, certificates, records};
use crate::support::run::{Finished, Run};
use crate::support::workshop::Workshop;

/// Runs commands at the same instant.
fn at_once<const N: usize>(runs: [Run; N]) -> [Finished; N] {
    let barrier = Barrier::new(N);
    let mut finished = std::thread::scope(|scope| {
        let started = runs.map(|run| {
            scope.spawn(|| {
                barrier.wait();
                run.run()
            })
        });
        started.map(|thread| Some(thread.join().unwrap()))
    });
    std::array::from_fn(|at| finished[at].take().unwrap())
}

/// A second run may only have been too early: the ledger was in use, or the batch had its name by then.
fn check_second(finished: &Finished, exits: &[i32], says: &[&str]) {
    let (out, err) = (finished.out(), finished.err());
    let code = finished.code.unwrap();
    assert!(exits.contains(&code), "exit {code}\n{out}\n{err}");
    if code != 0 {
        assert!(says.iter().any(|text| err.contains(text)), "{err}");
    }
}

const ROUNDS: u64 = 6;

#[test]
fn the_same_command_twice_at_the_same_instant_makes_one_batch() {
    let bench = Bench::new(40, 5);
    for round in 0..ROUNDS {
        let workshop = bench.fresh();
        let run = || workshop.reroot(&bench.command());
        let both = at_once([run(), run()]);
        assert!(both.iter().any(|finished| finished.code == Some(0)), "round {round}: {both:#?}");
        for finished in &both {
            check_second(finished, &[0, 5], &["in use", "is open in process", "locked"]);
        }
        let left = records(&workshop);
        bench.recover(&workshop, &left, &format!("round {round}"));
    }
}

#[test]
fn two_commands_on_one_ledger_at_the_same_instant_issue_each_chip_once() {
    for round in 0..ROUNDS {
        let workshop = Workshop::new();
        workshop.reel("one.zip", 0..20);
        workshop.reel("two.zip", 10..30);
        let command = |reel: &'static str, out: &'static str| {
            let args = ["issue", reel, "--policy", "policy.toml", "--out", out, "--config", "pki/reroot.toml"];
            workshop.reroot(&args).args(["--set", "lot=A1", "--chunk", "5", "--on-reject", "skip"])
        };
        let both = at_once([command("one.zip", "one"), command("two.zip", "two")]);
        for finished in &both {
            check_second(finished, &[0, 5], &["in use", "is open in process", "locked"]);
        }
        // a command that found the ledger in use succeeds when it runs again
        command("one.zip", "one").run().success();
        command("two.zip", "two").run().success();
        let (one, two) = (certificates(&workshop, "one"), certificates(&workshop, "two"));
        assert_eq!(one.len() + two.len(), 30, "round {round}");
        assert!(one.keys().all(|uid| !two.contains_key(uid)), "round {round}: a chip has two certificates");
        workshop.verify("one", &["--history", "two"]).success();
    }
}

/// Two providers, two ledgers, one output: one provider gets the name, the other gets an error and loses nothing.
#[test]
fn two_ledgers_with_one_output_at_the_same_instant_never_mix() {
    for round in 0..ROUNDS {
        let place = tempfile::tempdir().unwrap();
        let out = place.path().join("batch");
        let workshops = [Workshop::new(), Workshop::new()];
        for workshop in &workshops {
            workshop.reel("reel.zip", 0..20);
        }
        let command = |workshop: &Workshop, out: &Path| {
            let args = ["issue", "reel.zip", "--policy", "policy.toml", "--config", "pki/reroot.toml"];
            workshop.reroot(&args).args(["--set", "lot=A1", "--chunk", "5", "--out"]).arg(out)
        };
        let both = at_once([0, 1].map(|at: usize| command(&workshops[at], &out)));
        let winners: Vec<usize> = (0..2).filter(|at| both[*at].code == Some(0)).collect();
        let [winner] = winners[..] else { panic!("round {round}: {both:#?}") };
        let loser = 1 - winner;
        assert_eq!(both[loser].code, Some(2), "round {round}: {}", both[loser].err());
        assert!(both[loser].err().contains("exists"), "round {round}: {}", both[loser].err());
        workshops[winner].verify(out.to_str().unwrap(), &[]).success();
        // what the loser has signed is on its ledger, and comes out at another place
        command(&workshops[loser], &workshops[loser].path("batch")).run().success();
        workshops[loser].verify("batch", &[]).success();
        command(&workshops[winner], &out).run().success();
        let left: Vec<_> = std::fs::read_dir(place.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        let partial = left.iter().filter(|name| name.to_string_lossy().contains("partial")).count();
        assert!(left.len() - partial == 1 && partial <= 1, "round {round}: {left:?}");
    }
}

#[test]
fn init_twice_at_the_same_instant_makes_one_ca() {
    for round in 0..ROUNDS {
        let folder = tempfile::tempdir().unwrap();
        let init = || Run::reroot(folder.path()).args(["init", "pki", "--organization", "Workshop"]);
        let both = at_once([init(), init()]);
        let made = both.iter().filter(|finished| finished.code == Some(0)).count();
        assert_eq!(made, 1, "round {round}: {both:#?}");
        for finished in &both {
            check_second(finished, &[0, 2], &["exists", "another process is making a CA in `pki`"]);
        }
        // one CA, whole: every key is its certificate's
        let workshop = Workshop::at(folder).prepare();
        for name in ["root", "issuing", "manifest"] {
            let file = |end: &str| workshop.path("pki/ca").join(format!("{name}{end}"));
            let key = Run::openssl().args(["pkey", "-pubout", "-in"]).arg(file(".key.pem")).run().success().out();
            let public =
                Run::openssl().args(["x509", "-pubkey", "-noout", "-in"]).arg(file(".pem")).run().success().out();
            assert_eq!(key, public, "round {round}: {name}");
        }
        assert_eq!(workshop.leftovers(), Vec::<String>::new());
        workshop.reel("reel.zip", 0..3);
        workshop.issue("reel.zip", "batch", &[]).success();
        workshop.verify("batch", &[]).success();
    }
}
