//! Two runs at once, and runs that come back at another time: one ledger never issues twice, one name is one batch.

use std::path::Path;
use std::sync::Barrier;
use std::time::SystemTime;

use reroot::config::Config;
use reroot::ledger::Ledger;
use reroot::x509::Time;

use super::bench::{Bench, certificates, records};
use crate::support::judges::put;
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

/// Two sites with a key and a ledger each: what one has issued, the other rejects, and issues again for a reason alone.
#[test]
fn a_site_rejects_the_chips_that_another_has_issued_for() {
    let [first, second] = [Workshop::new(), Workshop::new()];
    first.reel("reel.zip", 0..6);
    first.issue("reel.zip", "batch", &[]).success();
    second.reel("reel.zip", 3..9);
    second.reel("later.zip", 0..1);
    let list = second.path("first.names");
    let export = |workshop: &Workshop, out: &Path| {
        workshop.reroot(&["ledger", "export-names"]).arg(out).args(["--config", "pki/reroot.toml"]).run()
    };
    let said = export(&first, &list).success().out();
    assert!(said.contains("names") && said.contains(" 6\n"), "{said}");
    assert!(export(&first, &list).expect(2).err().contains("exists"));
    let known = ["--known", "first.names"];
    // of this run's own key
    put(&first.path("first.names"), std::fs::read(&list).unwrap());
    let own = first.issue("reel.zip", "again", &known).expect(2).err();
    assert!(own.contains("is of the issuing key of this run"), "{own}");

    let stopped = second.issue("reel.zip", "batch", &known).expect(3).err();
    assert!(stopped.contains("3 rejected [ledger.elsewhere]"), "{stopped}");
    assert!(stopped.contains("is in the list `first.names` of a different site"), "{stopped}");
    // a damaged list is refused before anything is recorded
    let head = |workshop: &Workshop| workshop.reroot(&["ledger", "head", "pki/ledger.db"]).run().success().out();
    let before = head(&second);
    let text = std::fs::read_to_string(&list).unwrap();
    put(&second.path("cut.names"), &text[..text.len() - 40]);
    let cut = second.issue("reel.zip", "batch", &["--known", "cut.names", "--on-reject", "skip"]).expect(3).err();
    assert!(cut.contains("list of names `cut.names`, line 10:"), "{cut}");
    assert_eq!(head(&second), before);

    let skip = ["--known", "first.names", "--on-reject", "skip"];
    second.issue("reel.zip", "batch", &skip).expect(1);
    assert_eq!(second.lines("batch").len(), 3);
    let codes: Vec<_> = second.rejected("batch").iter().map(|one| one["code"].clone()).collect();
    assert_eq!(codes, ["ledger.elsewhere"; 3]);
    second.verify("batch", &["--input", "reel.zip"]).success();
    // the same command again, and the batch that it made is not touched by the list
    assert!(second.issue("reel.zip", "batch", &skip).expect(1).err().contains("already done"));
    let reissued = second.issue("later.zip", "later", &["--known", "first.names", "--reissue", "moved here"]).success();
    assert_eq!(second.lines("later").len(), 1, "{}", reissued.out());
    // and back: what the second site issued, the first rejects
    let list = first.path("second.names");
    export(&second, &list).success();
    let both = first.issue("reel.zip", "third", &["--known", "second.names", "--dry-run"]);
    assert!(!both.err().contains("ledger.elsewhere"), "its own word comes first: {}", both.err());
    first.reel("fresh.zip", 7..8);
    assert!(
        first.issue("fresh.zip", "fresh", &["--known", "second.names"]).expect(3).err().contains("ledger.elsewhere")
    );
}

/// What it makes is of the time at which it had the ledger: others may have recorded later instants than that of its start.
#[test]
fn a_run_that_waited_for_the_ledger_reads_its_clock_after_that() {
    let workshop = Workshop::new();
    workshop.reel("reel.zip", 0..2);
    let config = Config::load(&workshop.path("pki/reroot.toml")).unwrap();
    let ledger = Ledger::open(config.ledger_path(), config.issuer_identity().unwrap().spki()).unwrap();
    let args = ["issue", "reel.zip", "--policy", "policy.toml", "--out", "batch", "--set", "lot=A1", "--wait", "600"];
    let mut run = workshop.reroot(&args).args(["--config", "pki/reroot.toml"]).start();
    run.wait_for_err("waiting up to 600 s");
    let now = || SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs();
    let started = now();
    while now() == started {
        std::thread::yield_now();
    }
    drop(ledger);
    run.finish().success();
    let statement: serde_json::Value =
        serde_json::from_slice(&std::fs::read(workshop.path("batch/manifest.json")).unwrap()).unwrap();
    let issued_at = Time::from_rfc3339(statement["issued_at"].as_str().unwrap()).unwrap();
    assert!(issued_at.unix().unsigned_abs() > started, "{issued_at}");
}
