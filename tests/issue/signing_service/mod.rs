//! The signing service: plans go in over its socket, signatures come out, and nothing else does.

#![expect(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "what cannot be unwrapped fails the test; the service that is tested has the real clock"
)]

mod forged;
mod killed;
mod round;
mod secret;
mod socket;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use reroot::config::Config;
use reroot::ledger::{Ledger, ServiceOutcome, SignerRequest};
use reroot::signing_service::{Client, Readiness, RequestState};
use reroot::x509::Sha256Digest;
use rustix::process::{Pid, Signal};

use crate::plan::approvals::{approve_as, demand, person};
use crate::plan::machines::Machines;
use crate::support::run::{Finished, Run, Running, program};

/// A vault whose service is configured, and a plan of some leaves.
pub(crate) struct Bench {
    pub(crate) machines: Machines,
}

/// A service that runs; it is killed when it is dropped.
pub(crate) struct Signer {
    running: Option<Running>,
    pub(crate) client: Client,
}

impl Bench {
    /// One approval by anna, bert or carl is needed.
    pub(crate) fn new(leaves: u64) -> Self {
        Self::with(Machines::planned(leaves), |machines| demand(machines, 1))
    }

    /// As [`new`](Self::new), where a click is enough.
    pub(crate) fn with_console(leaves: u64) -> Self {
        Self::with(Machines::planned(leaves), |machines| {
            machines.edit("vault", |text| text + "approvals = \"console\"\n");
        })
    }

    pub(crate) fn with(machines: Machines, approvals: impl FnOnce(&Machines)) -> Self {
        for name in ["anna", "bert", "carl", "mallory"] {
            person(&machines, name, 3650);
        }
        approvals(&machines);
        let section = "\n[signer]\nsocket = \"../s\"\ndirectory = \"../spool\"\n";
        machines.edit("vault", |text| text + section);
        Run::tool("mkdir").args(["-m", "700", "spool"]).folder(machines.workshop.folder()).run().success();
        Self { machines }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.machines.path(name)
    }

    pub(crate) fn socket(&self) -> PathBuf {
        self.path("s")
    }

    pub(crate) fn client(&self) -> Client {
        Client::new(self.socket())
    }

    /// The program, ready to serve.
    pub(crate) fn command(&self) -> Run {
        self.machines.workshop.reroot(&SERVE)
    }

    pub(crate) fn start(&self) -> Signer {
        self.started(self.command())
    }

    pub(crate) fn started(&self, command: Run) -> Signer {
        let mut running = command.start();
        running.wait_for_err("listening on");
        Signer { running: Some(running), client: self.client() }
    }

    /// The program under a tool that lets its calls below the workshop's folder go wrong.
    pub(crate) fn disturbed(&self, args: &[&str]) -> Run {
        let under = ["--under", "."];
        let run = Run::tool(crate::support::faulty::faulty()).args(under).args(args).arg(program()).args(SERVE);
        let run = run.folder(self.machines.workshop.folder());
        self.machines.workshop.env.iter().fold(run, |run, (name, value)| run.env(name, value))
    }

    /// An approval of the plan by a person, as text.
    pub(crate) fn approval(&self, name: &str) -> String {
        self.approval_of(name, "anna", "reel.plan", &[])
    }

    pub(crate) fn approval_of(&self, name: &str, requester: &str, plan: &str, more: &[&str]) -> String {
        approve_as(&self.machines, name, requester, plan, more).success();
        self.text(&format!("{}.{name}.approval", plan.replace('.', "-")))
    }

    pub(crate) fn text(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).unwrap()
    }

    /// What the vault's ledger has of requests.
    pub(crate) fn requests(&self) -> Vec<SignerRequest> {
        self.ledger().signer_requests().unwrap()
    }

    pub(crate) fn ledger(&self) -> Ledger {
        let config = Config::load(&self.path("vault/reroot.toml")).unwrap();
        Ledger::open(config.ledger_path(), config.issuer_identity().unwrap().spki()).unwrap()
    }

    /// The signatures make the batch, which verifies, and each chip was signed once.
    pub(crate) fn check_batch(&self, signatures: &str, leaves: usize) {
        self.machines.finish("reel.plan", signatures, "batch").success();
        self.machines.workshop.verify("batch", &["--input", "reel.zip"]).success();
        assert_eq!(self.machines.workshop.lines("batch").len(), leaves);
        self.machines.workshop.reroot(&["ledger", "verify", "--config", "vault/reroot.toml"]).run().success();
    }
}

impl Signer {
    /// Submits the plan and waits for the end of the request.
    pub(crate) fn submit(&self, plan: &Path, approvals: &[String]) -> (Sha256Digest, RequestState) {
        let (id, _) = self.client.submit(plan, approvals, None).unwrap();
        (id, ended(&self.client, id))
    }

    /// The request is refused with this code.
    pub(crate) fn refuses(&self, plan: &Path, approvals: &[String], expected: &str) {
        match self.submit(plan, approvals).1 {
            RequestState::Refused { code, .. } if code == expected => {}
            other => panic!("expected {expected}: {other:?}"),
        }
    }

    pub(crate) fn signal(&self, signal: Signal) {
        send(self.running.as_ref().unwrap(), signal);
    }

    /// Ends it in order.
    pub(crate) fn stop(mut self) -> Finished {
        self.signal(Signal::TERM);
        self.running.take().unwrap().finish()
    }

    /// Kills it.
    pub(crate) fn kill(mut self) {
        self.signal(Signal::KILL);
        self.running.take().unwrap().finish();
    }
}

impl Drop for Signer {
    fn drop(&mut self) {
        if let Some(running) = self.running.take() {
            send(&running, Signal::KILL);
            running.finish();
        }
    }
}

/// Sends a signal to the program: under a tool that watches it, it is the tool's child.
pub(crate) fn send(running: &Running, signal: Signal) {
    let id = running.id();
    let children = std::fs::read_to_string(format!("/proc/{id}/task/{id}/children")).unwrap_or_default();
    let child = children.split_whitespace().next().and_then(|child| child.parse().ok());
    match child.and_then(Pid::from_raw) {
        // it may have ended in between
        Some(child) => drop(rustix::process::kill_process(child, signal)),
        None => running.signal(signal),
    }
}

/// Whether a program has ended and was not waited for.
pub(crate) fn is_over(running: &Running) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", running.id()));
    stat.map_or(true, |stat| stat.contains(") Z "))
}

/// Asks again and again, for a minute at most.
#[track_caller]
pub(crate) fn until<T>(what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    let end = Instant::now() + Duration::from_secs(60);
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(Instant::now() < end, "a minute is over: {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// How a request ends.
#[track_caller]
pub(crate) fn ended(client: &Client, id: Sha256Digest) -> RequestState {
    until("the request is answered", || client.request(id).ok().filter(RequestState::is_final))
}

#[track_caller]
pub(crate) fn is_ready(client: &Client) {
    until("the service is ready", || client.state().ok().filter(|state| state.readiness == Readiness::Ready {}));
}

#[track_caller]
pub(crate) fn signed(state: &RequestState) -> Sha256Digest {
    let RequestState::Signed { sha256 } = state else { panic!("not signed: {state:?}") };
    *sha256
}

/// How the ledger's last record of a request ends it: `refused`, `failed`, `signed` or `accepted`.
pub(crate) fn outcome(request: &SignerRequest) -> &'static str {
    match (&request.refused, request.service.as_ref().map(|service| &service.outcome)) {
        (Some(_), _) => "refused",
        (None, Some(ServiceOutcome::Failed(_))) => "failed",
        (None, Some(ServiceOutcome::Signed(_))) => "signed",
        (None, _) => "accepted",
    }
}

const SERVE: [&str; 4] = ["signer", "--config", "vault/reroot.toml", "--new-ledger"];
