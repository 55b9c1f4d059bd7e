//! With the signer: approvals that count, approvals that do not, and a signer that dies.

use serde_json::json;

use crate::bench::{Bench, Service, sharded};
use crate::jobs::{approval, id, person, posted};
use crate::support::judges::put;
use crate::support::run::{Run, Running};
use crate::support::workshop::POLICY;

/// The signer, as a program of its own.
pub(crate) struct Signer(Option<Running>);

impl Signer {
    /// Writes its configuration: signatures of bert count, or a click.
    pub(crate) fn prepare(bench: &Bench, approvals: &str) {
        Run::tool("mkdir").args(["-m", "700", "vault/requests"]).folder(bench.workshop.folder()).run().success();
        let config = bench.workshop.path("vault/reroot.toml");
        let text = std::fs::read_to_string(&config).unwrap();
        let signing = format!(
            "\n[signer]\nsocket = \"../s\"\ndirectory = \"requests\"\n\n[signing]\nplanners = [\"ca/manifest.pem\"]\n\
             policies = [\"{}\", \"{}\"]\nmax_days = 30\n{approvals}",
            reroot::crypto::sha256(POLICY.as_bytes()),
            reroot::crypto::sha256(sharded().as_bytes())
        );
        put(&config, text + &signing);
    }

    pub(crate) fn start(bench: &Bench) -> Self {
        Self::started(bench.workshop.reroot(&["signer", "--config", "vault/reroot.toml", "--new-ledger"]))
    }

    /// Starts it with this command.
    pub(crate) fn started(command: Run) -> Self {
        Self::follow(command.start())
    }

    /// A process that is there already has the folder now.
    pub(crate) fn follow(mut running: Running) -> Self {
        running.wait_for_err("listening on");
        Self(Some(running))
    }

    pub(crate) fn kill(mut self) {
        let running = self.0.take().unwrap();
        running.signal(rustix::process::Signal::KILL);
        running.finish();
    }
}

impl Drop for Signer {
    fn drop(&mut self) {
        if let Some(running) = self.0.take() {
            running.signal(rustix::process::Signal::TERM);
            running.finish();
        }
    }
}

/// A signer that wants the signature of bert, and the service in front of it. Mallory has a key too.
pub(crate) fn signed(bench: &Bench) -> (Signer, Service) {
    for name in ["bert", "mallory"] {
        person(bench, name);
    }
    Signer::prepare(bench, SIGNED);
    (Signer::start(bench), bench.start())
}

pub(crate) const SIGNED: &str = "approvals = 1\n\n[signing.approvers]\nbert = \"../bert.pem\"\n";
pub(crate) const CONSOLE: &str = "approvals = \"console\"\n";

#[test]
fn a_signed_approval_makes_a_batch_that_verifies_and_goes_out() {
    let bench = Bench::new();
    let (_signer, service) = signed(&bench);
    let anna = service.of("anna");
    let job = posted(&bench, &anna, 0..5);
    anna.wait_for(&job, &["awaiting-approval"]);
    let approvals = format!("/v1/jobs/{job}/approvals");
    service.of("bert").post(&approvals, &json!({ "console": true })).problem(409, "approval.signed-only");
    let signed = approval(&bench, &service, &job, "bert", "anna");
    service.of("bert").post(&approvals, &json!({ "approval": signed })).expect(202);
    let published = anna.wait_for(&job, &["published"]);
    let batch = published["plan"]["batch"].as_str().unwrap().to_owned();
    let out = format!("data/batches/{batch}");
    let name = reroot::crypto::sha256(&std::fs::read(bench.workshop.path("reel-0-5.zip")).unwrap()).to_string();
    Run::tool("cp").args(["reel-0-5.zip", &name]).folder(bench.workshop.folder()).run().success();
    bench.workshop.verify(&out, &["--input", &name]).success();
    assert_eq!(bench.workshop.lines(&out).len(), 5);
    bench.empties("jobs");
    assert_eq!(anna.post("/v1/jobs", &published["spec"]).expect(200).json()["already"], true);

    let verify = id(&anna.post("/v1/jobs", &json!({ "kind": "verify", "batch": batch })).expect(202).json());
    let report = anna.wait_for(&verify, &["checked"]);
    assert_eq!(report["result"]["faults"], json!([]), "{report:#}");
    let export = json!({ "kind": "export", "batches": [batch], "to": "csv" });
    let export = id(&anna.post("/v1/jobs", &export).expect(202).json());
    anna.wait_for(&export, &["checked"]);
    let table = anna.get(&format!("/v1/jobs/{export}/export")).expect(200);
    assert_eq!(String::from_utf8(table.body).unwrap().lines().count(), 6);
    assert!(table.headers["content-disposition"].starts_with("attachment"));
    let nothing = id(&anna.post("/v1/jobs", &json!({ "kind": "verify", "batch": "../../etc" })).expect(202).json());
    assert_eq!(anna.wait_for(&nothing, &["refused"])["problem"]["code"], "batch.unknown");
}

#[test]
fn an_approval_that_the_signer_refuses_sends_the_job_back() {
    let bench = Bench::new();
    let (_signer, service) = signed(&bench);
    let anna = service.of("anna");
    let job = posted(&bench, &anna, 0..2);
    anna.wait_for(&job, &["awaiting-approval"]);
    let approvals = format!("/v1/jobs/{job}/approvals");
    let forged = approval(&bench, &service, &job, "mallory", "anna");
    service.of("bert").post(&approvals, &json!({ "approval": forged })).expect(202);
    let mut back = anna.wait_for(&job, &["awaiting-approval"]);
    for _ in 0..100 {
        if back["reason"].as_str().unwrap_or_default().contains("approval.no-approver") {
            break;
        }
        std::thread::sleep(std::time::Duration::from_millis(100));
        back = anna.get(&format!("/v1/jobs/{job}")).json();
    }
    assert!(back["reason"].as_str().unwrap().contains("approval.no-approver"), "{back:#}");
    let signed = approval(&bench, &service, &job, "bert", "anna");
    service.of("bert").post(&approvals, &json!({ "approval": signed })).expect(202);
    anna.wait_for(&job, &["published"]);
}

#[test]
fn a_signer_that_dies_and_comes_back_signs_once() {
    let bench = Bench::new();
    Signer::prepare(&bench, CONSOLE);
    let signer = Signer::start(&bench);
    let service = bench.start();
    let anna = service.of("anna");
    let job = posted(&bench, &anna, 0..4);
    anna.wait_for(&job, &["awaiting-approval"]);
    let approvals = format!("/v1/jobs/{job}/approvals");
    // carl has both roles, and may approve what a different person asked for
    service.of("carl").post(&approvals, &json!({ "console": true })).expect(202);
    signer.kill();
    std::thread::sleep(std::time::Duration::from_millis(300));
    let _signer = Signer::start(&bench);
    let published = anna.wait_for(&job, &["published"]);
    let out = format!("data/batches/{}", published["plan"]["batch"].as_str().unwrap());
    bench.workshop.verify(&out, &[]).success();
    assert_eq!(bench.workshop.lines(&out).len(), 4);
    // a second operator's job beside it
    let other = posted(&bench, &service.of("carl"), 10..12);
    service.of("carl").wait_for(&other, &["awaiting-approval"]);
    let own = format!("/v1/jobs/{other}/approvals");
    service.of("carl").post(&own, &json!({ "console": true })).problem(403, "approval.own-request");
    service.of("bert").post(&own, &json!({ "console": true })).expect(202);
    service.of("carl").wait_for(&other, &["published"]);
}
