//! Three workers on one batch, what disturbs them, and what must hold afterwards.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::{Duration, Instant};

use reroot::crypto::sha256;
use reroot::ledger::Kind;

use super::super::super::bench::{Bench, certificates, records, say};
use super::super::super::kills::Moments;
use super::super::workers::{approve, bodies, signed_by_one_machine};
use super::super::{name_in_configuration, on_server, verify};
use crate::support::campaign::{long, seed};
use crate::support::judges::put;
use crate::support::postgres::Server;
use crate::support::run::{Finished, Run, Running};
use crate::support::workshop::Workshop;

/// How often each fault is made, leaves, leaves a chunk.
const SAMPLE: (usize, u64, u64) = (2, 2_000, 100);
const WHOLE: (usize, u64, u64) = (60, 20_000, 500);
/// Seconds: as short as a lease can be.
const LEASE: &str = "2";

/// Runs that are disturbed, each when another part of the batch is done.
pub(super) struct Farm {
    bench: Bench,
    leaves: u64,
    chunk: u64,
    moments: Moments,
    pub(super) runs: usize,
}

/// A batch that is handed out, and the workers that sign it.
pub(super) struct Field {
    pub(super) workshop: Workshop,
    pub(super) workers: Vec<Running>,
    pub(super) case: String,
}

impl Farm {
    pub(super) fn new() -> Self {
        let (runs, leaves, chunk) = if long() { WHOLE } else { SAMPLE };
        let bench = Bench::new(leaves, chunk);
        let moments = Moments::new(seed());
        Self { bench, leaves, chunk, moments, runs }
    }

    /// Hands the batch out, from two planners at once, and starts three workers, the first of which reaches the server at
    /// a URL of its own. Returns when some part of the batch is done.
    pub(super) fn run(&mut self, number: usize, (server, schema): (&Server, &str), first: Option<&Path>) -> Field {
        let url = &server.url(schema);
        let workshop = on_server(&self.bench, url);
        approve(&workshop, "pki/reroot.toml", "");
        let planners = ["reel.plan", "twin.plan"].map(|plan| self.plan(&workshop, plan).start());
        for planner in planners {
            planner.finish().success();
        }
        let urls = [first.unwrap_or(url), url, url];
        let workers = (1..).zip(urls).map(|(machine, url)| Self::worker(&workshop, machine, url).start()).collect();
        // of the last three chunks each worker may have one
        let done = self.draw(self.leaves / self.chunk - 3) - 1;
        let mut client = server.client();
        let count =
            format!("SELECT count(*) FROM {schema}.record WHERE kind = 9 AND batch > {}", self.bench.before.len());
        let until = Instant::now() + Duration::from_secs(300);
        while client.query_one(&count, &[]).unwrap().get::<_, i64>(0).cast_unsigned() < done as u64 {
            assert!(Instant::now() < until, "{done} chunks are never done");
        }
        let case = format!("number {number}, when {done} chunks were done");
        say(&case);
        Field { workshop, workers, case }
    }

    /// A number from 1 to `last`.
    pub(super) fn draw(&mut self, last: u64) -> usize {
        let last = u32::try_from(last).unwrap();
        let drawn = self.moments.next() * f64::from(last);
        (1..last).filter(|number| f64::from(*number) <= drawn).count() + 1
    }

    fn plan(&self, workshop: &Workshop, plan: &str) -> Run {
        let args = ["plan", "reel.zip", "--policy", "policy.toml", "--out", plan, "--set", "lot=A1", "--wait", "600"];
        workshop
            .reroot(&args)
            .args(["--config", "pki/reroot.toml", "--pool", "leaves", "--chunk"])
            .arg(self.chunk.to_string())
    }

    /// A worker on a machine of this number, which notes the head in a file of its own.
    fn worker(workshop: &Workshop, machine: u32, url: &Path) -> Run {
        let text = std::fs::read_to_string(workshop.path("pki/reroot.toml")).unwrap();
        let head = |name: &str| format!("head_file = \"{}\"", workshop.path(name).display());
        let own = text.replace(&head("head"), &head(&format!("head-{machine}")));
        assert_ne!(own, text);
        let config = format!("pki/machine-{machine}.toml");
        put(&workshop.path(&config), own);
        let args = ["sign", "--config", &config, "--leaves", "leaves", "--lease", LEASE, "--jobs", "1"];
        workshop.reroot(&args).args(["--until-empty", "--pool"]).arg(url)
    }

    /// Workers that ended are started again: one does the rest. Then two finishers make the batch at once.
    pub(super) fn recover(&self, workshop: &Workshop, url: &Path, case: &str) {
        name_in_configuration(workshop, url);
        let last = Self::worker(workshop, 1, url).run();
        assert_eq!(last.code, Some(0), "{case}: {}", last.err());
        self.check(workshop, url, case);
    }

    /// Each chip has one certificate, none is lost, and what was signed is what one machine signs.
    fn check(&self, workshop: &Workshop, url: &Path, case: &str) {
        let status = workshop.reroot(&["pool", "status"]).arg(url).run().success().out();
        assert!(status.contains(" 0 open + 0 leased ") && status.contains(" 0 parked"), "{case}: {status}");
        let finishers = ["batch", "twin"].map(|out| {
            let args = ["finish", "reel.plan", "--pool", "--config", "pki/reroot.toml", "--wait", "600", "--out", out];
            workshop.reroot(&args).start()
        });
        for finisher in finishers {
            let finished = finisher.finish();
            assert_eq!(finished.code, Some(0), "{case}: {}", finished.err());
        }
        assert!(workshop.files("batch") == workshop.files("twin"), "{case}: two finishers differ");
        verify(workshop).success();
        workshop.verify("batch", &["--input", "reel.zip", "--history", "earlier"]).success();
        workshop.reroot(&["ledger", "copy"]).arg(url).arg("pki/back.db").run().success();
        std::fs::rename(workshop.path("pki/back.db"), workshop.path("pki/ledger.db")).unwrap();
        let all = records(workshop);
        let made = &all[self.bench.before.len()..];
        let sum = |kind| made.iter().filter(|r| r.entry.place.kind == kind).map(|r| r.entry.count).sum::<u64>();
        assert_eq!((sum(Kind::Intent), sum(Kind::Issued)), (self.leaves, self.leaves), "{case}");
        let issued = certificates(workshop, "batch");
        assert_eq!(issued.keys().cloned().collect::<BTreeSet<_>>(), self.bench.uids, "{case}");
        let intents = bodies(made, Kind::Intent);
        let signed: Vec<u8> = issued.values().flat_map(|tbs| sha256(tbs).as_bytes().to_vec()).collect();
        assert!(intents.values().flatten().eq(&signed), "{case}: other bytes were signed than recorded");
        assert!(signed_by_one_machine(workshop) == intents, "{case}: one machine signs other bytes");
    }
}

/// A worker that was not killed itself ends well, or with an error of the ledger.
pub(super) fn ended(worker: Running, case: &str) -> Finished {
    let finished = worker.finish();
    assert!(matches!(finished.code, Some(0 | 5)), "{case}: {:?} {}", finished.code, finished.err());
    finished
}
