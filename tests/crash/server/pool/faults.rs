//! The failures of docs/guide/many-machines.md that a worker, the server or the connection between them can have, each at
//! any moment.

use rustix::process::Signal;

use super::farm::{Farm, Field, ended};
use crate::support::postgres::Server;
use crate::support::proxy::{Cut, Proxy};
use crate::support::run::Running;

/// One worker gets a signal at any moment, and the others do all. `then` looks at what became of the first one.
fn without_one(signal: Signal, then: impl Fn(Running, &str)) {
    let server = Server::start();
    let mut farm = Farm::new();
    for number in 0..farm.runs {
        let schema = format!("c{number}");
        let Field { workshop, workers, case } = farm.run(number, (&server, &schema), None);
        workers[0].signal(signal);
        let mut workers = workers.into_iter();
        let first = workers.next().unwrap();
        for worker in workers {
            let finished = worker.finish();
            assert_eq!(finished.code, Some(0), "{case}: {}", finished.err());
        }
        then(first, &case);
        farm.recover(&workshop, &server.url(&schema), &case);
    }
}

#[test]
fn after_a_kill_of_a_worker_at_any_moment_the_others_make_the_batch() {
    without_one(Signal::KILL, |killed, _| drop(killed.finish()));
}

/// It is halted until the others have done all, which needs its lease to run out, and goes on then.
#[test]
fn after_a_worker_was_halted_beyond_its_lease_at_any_moment_the_batch_is_whole() {
    without_one(Signal::STOP, |halted, case| {
        halted.signal(Signal::CONT);
        ended(halted, case);
    });
}

#[test]
fn after_a_cut_at_any_commit_of_a_worker_the_batch_is_whole() {
    let server = Server::start();
    let mut farm = Farm::new();
    for number in 0..farm.runs {
        let schema = format!("c{number}");
        let commit = farm.draw(6);
        let cut = if number % 2 == 0 { Cut::Before(commit) } else { Cut::After(commit) };
        let proxy = Proxy::start(&server.socket(), cut);
        let first = proxy.url(&schema);
        let Field { workshop, workers, case } = farm.run(number, (&server, &schema), Some(&first));
        for worker in workers {
            ended(worker, &format!("{case}, {cut:?}"));
        }
        farm.recover(&workshop, &server.url(&schema), &case);
    }
}

#[test]
fn after_a_crash_of_the_server_at_any_moment_workers_that_start_again_make_the_batch() {
    let mut server = Server::start();
    let mut farm = Farm::new();
    for number in 0..farm.runs {
        let schema = format!("c{number}");
        let Field { workshop, workers, case } = farm.run(number, (&server, &schema), None);
        server.crash();
        for worker in workers {
            ended(worker, &case);
        }
        farm.recover(&workshop, &server.url(&schema), &case);
    }
}

#[test]
fn after_a_failover_at_any_moment_workers_that_start_again_make_the_batch() {
    let mut farm = Farm::new();
    for number in 0..farm.runs {
        let mut first = Server::start();
        let standby = first.standby();
        let Field { workshop, workers, case } = farm.run(number, (&first, "reroot"), None);
        first.kill();
        standby.promote();
        for worker in workers {
            ended(worker, &case);
        }
        farm.recover(&workshop, &standby.url("reroot"), &case);
    }
}
