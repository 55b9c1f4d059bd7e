//! `serve` and `signer` as programs, killed with SIGKILL at each state of a job: the job ends right, and once.
//!
//! `REROOT_LONG=1` kills each, and both, at every state of every kind of job that is signed; otherwise a sample of these
//! cases runs.

use std::time::{Duration, Instant};

use reroot::config::Config;
use reroot::ledger::Ledger;
use serde_json::{Value, json};

use crate::bench::{Bench, sharded};
use crate::client::Client;
use crate::jobs::{approved_by, id, person};
use crate::program::{Program, command};
use crate::signer::{SIGNED, Signer};
use crate::support::campaign::long;
use crate::support::run::Running;

/// What is killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Victim {
    Serve,
    Signer,
    Both,
}

/// The states in which a job is held when that happens.
const STATES: [&str; 7] = ["received", "checking", "awaiting-approval", "approved", "signing", "sealing", "over"];

/// The cases of the sample.
const SAMPLE: [(Victim, &str, &str); 9] = [
    (Victim::Serve, "issue", "checking"),
    (Victim::Serve, "issue", "sealing"),
    (Victim::Serve, "revoke", "sealing"),
    (Victim::Serve, "crl", "signing"),
    (Victim::Signer, "issue", "signing"),
    (Victim::Signer, "revoke", "approved"),
    (Victim::Signer, "crl", "signing"),
    (Victim::Both, "issue", "received"),
    (Victim::Both, "crl", "sealing"),
];

/// Both programs, and what was done with them.
pub(crate) struct Field {
    pub(crate) bench: Bench,
    program: Program,
    signer: Option<Signer>,
    reels: u64,
    /// Batches that were issued and not revoked.
    batches: Vec<String>,
    revoked: u64,
}

impl Field {
    pub(crate) fn new() -> Self {
        let mut bench = Bench::new();
        bench.policies.push(sharded());
        person(&bench, "bert");
        Signer::prepare(&bench, SIGNED);
        let signer = Some(Signer::start(&bench));
        let program = Program::new(&bench, "[limits]\nfree_bytes = 1\n[revocation]\nalone = 0\n");
        Self { bench, program, signer, reels: 0, batches: vec![], revoked: 0 }
    }

    pub(crate) fn anna(&self) -> Client {
        self.program.anna()
    }

    /// Posts a job for three chips that no job had before.
    pub(crate) fn issue(&mut self) -> String {
        let (name, from) = (format!("reel-{}.zip", self.reels), self.reels * LEAVES);
        self.reels += 1;
        let upload = self.anna().upload(&name, &self.bench.reel(&name, from..from + LEAVES));
        let policy = reroot::crypto::sha256(sharded().as_bytes()).to_string();
        let spec = json!({ "kind": "issue", "inputs": [upload], "policy": policy, "params": { "lot": "A1" } });
        id(&self.anna().post("/v1/jobs", &spec).expect(202).json())
    }

    fn revoke(&mut self) -> String {
        let batch = self.batches.pop().expect("it was issued before");
        self.revoked += LEAVES;
        let spec = json!({ "batches": [batch], "reason": "superseded" });
        id(&self.anna().post("/v1/revocations", &spec).expect(202).json())
    }

    /// Posts a round of lists, or finds the one that a revocation has posted.
    fn crl(&self) -> String {
        id(&self.anna().post("/v1/jobs", &json!({ "kind": "crl" })).json())
    }

    /// What a job needs that is there before it.
    fn prepare(&mut self, kind: &str) {
        match kind {
            "revoke" if self.batches.is_empty() => {
                let job = self.issue();
                self.end(&job, "published");
            }
            "crl" => {
                let job = self.crl();
                self.end(&job, "published");
            }
            _ => {}
        }
    }

    fn post(&mut self, kind: &str) -> String {
        match kind {
            "issue" => self.issue(),
            "revoke" => self.revoke(),
            _ => self.crl(),
        }
    }

    /// Approves what a job has planned. The job may plan again at the same time: then this approval is of no use.
    pub(crate) fn approve(&self, job: &str) {
        let signed = approved_by(&self.bench, &self.program.bert(), job, "bert", "anna");
        let path = format!("/v1/jobs/{job}/approvals");
        let answer = self.program.bert().post(&path, &json!({ "approval": signed }));
        assert!([202, 409].contains(&answer.status), "{}", answer.json());
    }

    /// Lets a job end, and approves what it asks for.
    pub(crate) fn end(&mut self, job: &str, end: &str) -> Value {
        for _ in 0..4 {
            let found = self.anna().wait_for(job, &["awaiting-approval", end]);
            if found["state"] == end {
                if found["kind"] == "issue" {
                    self.batches.push(found["plan"]["batch"].as_str().unwrap().to_owned());
                }
                return found;
            }
            self.approve(job);
        }
        panic!(
            "job {job} asks for approvals again and again: {:#}",
            self.anna().get(&format!("/v1/jobs/{job}")).json()
        );
    }

    /// Brings a job to a state, kills, starts again, and lets the job end. A ledger that this process has, or a signer that is
    /// not there, holds it at its place.
    #[expect(clippy::print_stderr, reason = "a failure says in which case it is")]
    fn survive(&mut self, victim: Victim, kind: &str, state: &str) {
        let (case, over) =
            (format!("{victim:?}, {kind}, {state}"), if kind == "revoke" { "recorded" } else { "published" });
        eprintln!("case: {case}");
        self.prepare(kind);
        let round = self.round();
        let early = ["received", "checking"].contains(&state);
        let mut planner = early.then(|| held(&self.bench, "pki"));
        // a job before it, which waits for the ledger
        let blocker = (state == "received").then(|| {
            let job = self.post(if kind == "issue" { kind } else { "crl" });
            self.anna().wait_for(&job, &["checking"]);
            job
        });
        let job = self.post(kind);
        let mut vault = None;
        let before = if early { Value::Null } else { self.anna().wait_for(&job, &["awaiting-approval"]) };
        match state {
            "approved" => self.signer.take().unwrap().kill(),
            "signing" => vault = Some(held(&self.bench, "vault")),
            "sealing" => planner = Some(held(&self.bench, "pki")),
            _ => {}
        }
        match state {
            "received" | "checking" => drop(self.anna().wait_for(&job, &[state])),
            "awaiting-approval" => {}
            "over" => drop(self.end(&job, over)),
            _ => {
                self.approve(&job);
                self.anna().wait_for(&job, &[state]);
            }
        }
        if victim != Victim::Signer {
            self.program.kill();
        }
        if victim != Victim::Serve
            && let Some(signer) = self.signer.take()
        {
            signer.kill();
        }
        drop((planner, vault));
        if victim != Victim::Signer {
            self.program.again(command(&self.bench));
        }
        if self.signer.is_none() {
            self.signer = Some(Signer::start(&self.bench));
        }
        if victim != Victim::Signer && ["checking", "sealing"].contains(&state) {
            // it says that its run was cut off, and goes on by itself
            self.anna().events(&job, "0", "\"state\":\"interrupted\"");
        }
        if state == "over" && kind == "issue" {
            self.batches.pop();
        }
        let ended = self.end(&job, over);
        if !before.is_null() && kind != "crl" {
            assert_eq!(
                ended["plan"]["subject"], before["plan"]["subject"],
                "{case}: what was planned is what was signed"
            );
        }
        match kind {
            "issue" => {
                self.check_batch(&case);
                // the same words find it, and nothing is done again
                let again = self.anna().post("/v1/jobs", &ended["spec"]).expect(200).json();
                assert_eq!((&again["already"], &again["revision"]), (&json!(true), &ended["revision"]), "{case}");
            }
            "revoke" => assert_eq!(ended["result"]["counts"]["revoke"], LEAVES, "{case}: {ended:#}"),
            _ => assert_eq!(self.round(), round + 1, "{case}: one round more"),
        }
        if let Some(job) = blocker {
            self.end(&job, "published");
        }
    }

    /// Both are gone at once.
    pub(crate) fn kill(&mut self) {
        self.program.kill();
        self.signer.take().unwrap().kill();
    }

    /// Starts both again.
    pub(crate) fn start(&mut self) {
        self.program.again(command(&self.bench));
        self.signer = Some(Signer::start(&self.bench));
    }

    /// Processes that waited have taken over.
    pub(crate) fn follow(&mut self, serve: Running, signer: Running) {
        self.program.follow(serve);
        self.signer = Some(Signer::follow(signer));
    }

    /// Has the ledger for which a job waits in this state.
    pub(crate) fn hold(&self, state: &str) -> Ledger {
        held(&self.bench, if state == "sealing" { "pki" } else { "vault" })
    }

    /// The round that is published.
    fn round(&self) -> u64 {
        let full = self.anna().get("/v1/crls/full");
        if full.status == 404 { 0 } else { full.json()["number"].as_u64().unwrap() }
    }

    /// The last batch is whole, and each of its certificates was signed once.
    pub(crate) fn check_batch(&self, case: &str) {
        let batch = self.batches.last().unwrap();
        let folder = format!("data/batches/{batch}");
        self.bench.workshop.verify(&folder, &[]).success();
        assert_eq!(self.bench.workshop.lines(&folder).len() as u64, LEAVES, "{case}");
        let signed = held(&self.bench, "vault").signatures_made(&batch.parse().unwrap()).unwrap();
        assert_eq!(signed, LEAVES, "{case}: each certificate was signed once");
    }

    /// Nothing is there twice, on either ledger.
    pub(crate) fn check(mut self) {
        let job = self.crl();
        self.end(&job, "published");
        let full = self.anna().get("/v1/crls/full").expect(200).json();
        assert_eq!(full["entries"], self.revoked, "{full:#}");
        assert_eq!(self.bench.names("batches").len() as u64, self.reels, "each job made one batch");
        self.program.kill();
        self.signer.take().unwrap().kill();
        for side in ["pki", "vault"] {
            let config = format!("{side}/reroot.toml");
            self.bench.workshop.reroot(&["ledger", "verify", "--config", &config]).run().success();
            let ledger = held(&self.bench, side);
            let revoked = ledger.revocations(u64::MAX).unwrap();
            assert_eq!(revoked.certificates().len() as u64, self.revoked, "{side}: each is revoked once");
            let last = ledger.round_before(u64::MAX).unwrap().unwrap();
            assert_eq!(Some(last.number), full["number"].as_u64(), "{side}: no round is left open");
        }
    }
}

/// Has a ledger, as a command of the shell has it for a while.
fn held(bench: &Bench, side: &str) -> Ledger {
    let config = Config::load(&bench.workshop.path(&format!("{side}/reroot.toml"))).unwrap();
    let issuer = config.issuer_identity().unwrap();
    let end = Instant::now() + Duration::from_secs(30);
    loop {
        match Ledger::open(config.ledger_path(), issuer.spki()) {
            Ok(ledger) => return ledger,
            Err(error) => assert!(Instant::now() < end, "{error}"),
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn matrix(victim: Victim) {
    let mut field = Field::new();
    for kind in ["issue", "revoke", "crl"] {
        for state in STATES {
            // two rounds that wait are one job, so none can be held before its run by the other
            let possible = (kind, state) != ("crl", "received");
            if possible && (long() || SAMPLE.contains(&(victim, kind, state))) {
                field.survive(victim, kind, state);
            }
        }
    }
    field.check();
}

#[test]
fn a_kill_of_the_service_at_each_state_ends_right_and_once() {
    matrix(Victim::Serve);
}

#[test]
fn a_kill_of_the_signer_at_each_state_ends_right_and_once() {
    matrix(Victim::Signer);
}

#[test]
fn a_kill_of_both_at_each_state_ends_right_and_once() {
    matrix(Victim::Both);
}

/// Chips of a reel.
const LEAVES: u64 = 3;
