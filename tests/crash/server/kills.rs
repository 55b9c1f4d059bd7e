//! The server, or the program, is killed at any moment; a standby takes over.

use std::path::Path;
use std::time::{Duration, Instant};

use rustix::process::Signal;

use super::super::bench::{Bench, say};
use super::super::kills::Moments;
use super::{check_made, name_in_configuration, on_server, recover};
use crate::support::campaign::{long, seed};
use crate::support::postgres::Server;
use crate::support::run::Running;
use crate::support::workshop::Workshop;

/// How often each is killed, leaves, leaves a chunk.
const SAMPLE: (usize, u64, u64) = (3, 900, 60);
const WHOLE: (usize, u64, u64) = (100, 6_000, 300);

/// Runs that are disturbed, each at a moment of another part of its time.
struct Campaign {
    bench: Bench,
    whole: Duration,
    moments: Moments,
    kills: usize,
}

impl Campaign {
    fn new(server: &Server) -> Self {
        let (kills, leaves, chunk) = if long() { WHOLE } else { SAMPLE };
        let bench = Bench::new(leaves, chunk);
        let url = server.url("whole");
        let undisturbed = on_server(&bench, &url);
        let begin = Instant::now();
        undisturbed.reroot(&bench.command()).run().success();
        let whole = begin.elapsed();
        say(&format!("{kills} kills of {leaves} leaves, undisturbed {whole:.2?}"));
        check_made(&bench, &undisturbed, &url, "undisturbed");
        Self { bench, whole, moments: Moments::new(seed()), kills }
    }

    /// Starts the command in a folder whose ledger is at the URL, and returns at the moment.
    fn run(&mut self, number: usize, url: &Path) -> (Workshop, Running, String) {
        let workshop = on_server(&self.bench, url);
        #[expect(clippy::cast_precision_loss, reason = "hundreds")]
        let share = (number as f64 + self.moments.next()) / self.kills as f64;
        let moment = self.whole.mul_f64(share);
        let run = workshop.reroot(&self.bench.command()).start();
        std::thread::sleep(moment);
        (workshop, run, format!("number {number}, after {moment:.1?}"))
    }
}

/// A run that is not killed itself ends well or with an error of the ledger.
fn ended(workshop: &Workshop, run: Running, case: &str) {
    let finished = run.finish();
    let err = finished.err();
    assert!(matches!(finished.code, Some(0 | 5)), "{case}: {:?} {err}", finished.code);
    assert_eq!(finished.code == Some(0), workshop.path("batch").exists(), "{case}: {err}");
    assert!(finished.code == Some(0) || err.contains("error: ledger `postgres://"), "{case}: {err}");
}

#[test]
fn after_a_crash_of_the_server_at_any_moment_the_same_command_makes_the_batch() {
    let mut server = Server::start();
    let mut campaign = Campaign::new(&server);
    for number in 0..campaign.kills {
        let url = server.url(&format!("c{number}"));
        let (workshop, run, case) = campaign.run(number, &url);
        server.crash();
        ended(&workshop, run, &case);
        recover(&campaign.bench, &workshop, &url, &case);
    }
}

#[test]
fn after_a_kill_of_the_program_at_any_moment_the_same_command_makes_the_batch() {
    let server = Server::start();
    let mut campaign = Campaign::new(&server);
    for number in 0..campaign.kills {
        let url = server.url(&format!("c{number}"));
        let (workshop, run, case) = campaign.run(number, &url);
        run.signal(Signal::KILL);
        run.finish();
        recover(&campaign.bench, &workshop, &url, &case);
    }
}

/// The first server is gone for good, and the standby that it waited for is made the first.
#[test]
fn after_a_failover_at_any_moment_the_same_command_makes_the_batch() {
    let mut campaign = Campaign::new(&Server::start());
    campaign.kills = if long() { 25 } else { 2 };
    for number in 0..campaign.kills {
        let mut first = Server::start();
        let standby = first.standby();
        let (workshop, run, case) = campaign.run(number, &first.url("reroot"));
        first.kill();
        standby.promote();
        ended(&workshop, run, &case);
        let url = standby.url("reroot");
        name_in_configuration(&workshop, &url);
        recover(&campaign.bench, &workshop, &url, &case);
    }
}
