//! Several machines sign one plan: the batch is the one that a single machine would make.

use std::collections::BTreeMap;
use std::path::Path;

use reroot::crypto::sha256;
use reroot::delivery::BatchReader;
use reroot::ledger::{Kind, Record};
use rustix::process::Signal;

use super::super::bench::{Bench, certificates, records};
use super::{name_in_configuration, on_server, verify};
use crate::support::judges::put;
use crate::support::postgres::Server;
use crate::support::run::{Finished, Run};
use crate::support::workshop::Workshop;

const LEAVES: u64 = 300;
const CHUNK: u64 = 25;

/// A folder whose ledger is at the URL, and whose machine plans, signs and finishes.
fn farm(server: &Server) -> (Bench, Workshop) {
    let bench = Bench::new(LEAVES, CHUNK);
    let workshop = on_server(&bench, &server.url("farm"));
    approve(&workshop, "pki/reroot.toml", "");
    (bench, workshop)
}

/// Lets the machine sign what is planned here under the policy.
pub(super) fn approve(workshop: &Workshop, config: &str, more: &str) {
    let policy = sha256(&std::fs::read(workshop.path("policy.toml")).unwrap());
    let text = std::fs::read_to_string(workshop.path("pki/reroot.toml")).unwrap();
    let text = text.split("\n[signing]").next().unwrap();
    let signing = format!(
        "{text}\n[signing]\nplanners = [\"ca/manifest.pem\"]\npolicies = [\"{policy}\"]\nmax_days = 30\n{more}"
    );
    put(&workshop.path(config), signing);
}

fn plan(workshop: &Workshop) -> Run {
    plan_to(workshop, "reel.plan")
}

fn plan_to(workshop: &Workshop, out: &str) -> Run {
    let args = ["plan", "reel.zip", "--policy", "policy.toml", "--out", out, "--set", "lot=A1"];
    let chunk = CHUNK.to_string();
    workshop.reroot(&args).args(["--config", "pki/reroot.toml", "--pool", "leaves", "--chunk", &chunk])
}

fn worker(workshop: &Workshop, config: &str) -> Run {
    workshop.reroot(&["sign", "--pool", "--leaves", "leaves", "--at-once", "1", "--config", config])
}

fn last_worker(workshop: &Workshop) -> Finished {
    worker(workshop, "pki/reroot.toml").args(["--until-empty", "--format", "json"]).run()
}

fn finish(workshop: &Workshop) -> Finished {
    workshop.reroot(&["finish", "reel.plan", "--pool", "--out", "batch", "--config", "pki/reroot.toml"]).run()
}

/// What was recorded of the chunks, by their numbers.
pub(super) fn bodies(records: &[Record], kind: Kind) -> BTreeMap<u64, Vec<u8>> {
    let of_kind = records.iter().filter(|record| record.entry.place.kind == kind);
    of_kind.map(|record| (record.entry.place.chunk, record.body.clone())).collect()
}

fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let entries = std::fs::read_dir(folder).unwrap().map(Result::unwrap);
    entries.map(|file| (file.file_name().into_string().unwrap(), std::fs::read(file.path()).unwrap())).collect()
}

#[test]
fn workers_make_the_batch_that_one_machine_would_make() {
    let server = Server::start();
    let (bench, workshop) = farm(&server);
    // they wait for the plan
    let mut waiting = [(); 2].map(|()| worker(&workshop, "pki/reroot.toml").start());
    for worker in &mut waiting {
        worker.wait_for_err("takes chunks");
    }
    plan(&workshop).run().success();
    let last = last_worker(&workshop).success();
    let last: serde_json::Value = serde_json::from_str(&last.out()).unwrap();
    assert_eq!(last["parked"], 0, "{last}");
    for worker in waiting {
        worker.signal(Signal::TERM);
        let ended = worker.finish().expect(6);
        assert!(ended.err().contains("interrupted"), "{}", ended.err());
    }

    finish(&workshop).success();
    verify(&workshop).success();
    workshop.verify("batch", &["--input", "reel.zip", "--history", "earlier"]).success();
    assert!(finish(&workshop).success().err().contains("already done"));
    accepted_by_openssl(&workshop);

    // each chip once, over the bytes that one machine signs
    workshop.reroot(&["ledger", "copy"]).arg(server.url("farm")).arg("pki/back.db").run().success();
    std::fs::rename(workshop.path("pki/back.db"), workshop.path("pki/ledger.db")).unwrap();
    let all = records(&workshop);
    let shared = &all[bench.before.len()..];
    let sum = |kind| shared.iter().filter(|r| r.entry.place.kind == kind).map(|r| r.entry.count).sum::<u64>();
    assert_eq!((sum(Kind::Intent), sum(Kind::Issued)), (LEAVES, LEAVES));
    let intents = bodies(shared, Kind::Intent);
    let issued = certificates(&workshop, "batch");
    let signed: Vec<u8> = issued.values().flat_map(|tbs| sha256(tbs).as_bytes().to_vec()).collect();
    assert_eq!(intents.values().flatten().copied().collect::<Vec<u8>>(), signed);
    assert_eq!(signed_by_one_machine(&workshop), intents);
}

/// The same plan on a signing machine with a ledger of its own.
pub(super) fn signed_by_one_machine(workshop: &Workshop) -> BTreeMap<u64, Vec<u8>> {
    std::fs::remove_file(workshop.path("pki/ledger.db")).unwrap();
    let config = std::fs::read_to_string(workshop.path("pki/reroot.toml")).unwrap();
    let own = config.lines().filter(|line| !line.starts_with("head_file"));
    let own = own.map(|line| if line.starts_with("url = ") { "path = \"ledger.db\"" } else { line });
    put(&workshop.path("pki/vault.toml"), own.collect::<Vec<_>>().join("\n"));
    let args = ["sign", "reel.plan", "--out", "signatures", "--yes", "--new-ledger", "--config", "pki/vault.toml"];
    workshop.reroot(&args).run().success();
    bodies(&records(workshop), Kind::Intent)
}

fn accepted_by_openssl(workshop: &Workshop) {
    let mut stream = BatchReader::open(&workshop.path("batch")).unwrap().certificates().unwrap();
    put(&workshop.path("one.der"), stream.next_certificate().unwrap().unwrap().der);
    let openssl = || Run::openssl().folder(workshop.folder());
    openssl().args(["x509", "-inform", "DER", "-in", "one.der", "-out", "one.pem"]).run().success();
    let chain = ["verify", "-CAfile", "pki/ca/root.pem", "-untrusted", "pki/ca/issuing.pem", "one.pem"];
    assert!(openssl().args(chain).run().success().out().contains("one.pem: OK"));
}

/// What an interrupted run has not written is written by the same command, byte for byte.
#[test]
fn the_same_plan_again_does_the_rest() {
    let server = Server::start();
    let (_, workshop) = farm(&server);
    put(&workshop.path("leaves"), "a file");
    let taken = plan(&workshop).run().expect(5).err();
    assert!(taken.contains("cannot create a file in `leaves`: not a directory"), "{taken}");
    assert!(!workshop.path("reel.plan").exists());
    std::fs::remove_file(workshop.path("leaves")).unwrap();
    let own = plan_to(&workshop, "./leaves").run().expect(2).err();
    assert!(own.contains("`./leaves` exists already"), "{own}");
    assert!(!workshop.path("leaves").exists());
    plan(&workshop).run().success();
    let (leaves, planned) = (files(&workshop.path("leaves")), std::fs::read(workshop.path("reel.plan")).unwrap());
    assert_eq!(leaves.len() as u64, LEAVES / CHUNK);
    for (name, content) in &leaves {
        assert_eq!(*name, format!("{}.leaves", sha256(content)));
    }
    let missing = finish(&workshop).expect(3).err();
    assert!(missing.contains(&format!("has 0 of {LEAVES} certificates")), "{missing}");

    std::fs::remove_file(workshop.path("reel.plan")).unwrap();
    std::fs::remove_file(workshop.path("leaves").join(leaves.keys().next().unwrap())).unwrap();
    plan(&workshop).run().success();
    assert_eq!(files(&workshop.path("leaves")), leaves);
    // its signature is new
    let again = std::fs::read(workshop.path("reel.plan")).unwrap();
    assert_eq!(again[..1_000], planned[..1_000]);

    last_worker(&workshop).success();
    // also when it is signed
    assert!(plan(&workshop).run().success().err().contains("already done"));
    finish(&workshop).success();
    let batch = workshop.files("batch");
    workshop.delete("batch");
    finish(&workshop).success();
    assert_eq!(workshop.files("batch"), batch);
}

#[test]
fn a_worker_that_may_not_sign_refuses_and_the_chunks_stay_for_others() {
    let server = Server::start();
    let (_, workshop) = farm(&server);
    plan(&workshop).run().success();
    let refused = |config: &str, leaves: &str, code: i32, text: &str| {
        let args = ["sign", "--pool", "--leaves", leaves, "--until-empty", "--config", config];
        let err = workshop.reroot(&args).run().expect(code).err();
        assert!(err.contains(text), "{err}");
    };
    approve(&workshop, "pki/asks.toml", "approvals = \"console\"\n");
    let text = std::fs::read_to_string(workshop.path("pki/reroot.toml")).unwrap();
    let (before, after) = text.split_once("policies = [\"").unwrap();
    put(&workshop.path("pki/knows-not.toml"), format!("{before}policies = [\"{}", "00".repeat(32) + &after[64..]));
    // more often than a chunk is tried
    for _ in 0..6 {
        refused("pki/reroot.toml", "elsewhere", 3, "cannot read `elsewhere/");
    }
    refused(
        "pki/reroot.toml",
        "https://leaves.example/",
        2,
        "expected a directory or a URL that begins with `http://`",
    );
    refused("pki/asks.toml", "leaves", 2, "`[signing]` demands approvals (1)");
    refused("pki/knows-not.toml", "leaves", 3, "is not approved on this machine");
    last_worker(&workshop).success();
    finish(&workshop).success();
    verify(&workshop).success();
}

/// A file that is not the one that was handed out is given back by every worker, and then parked.
#[test]
fn a_chunk_that_always_fails_is_parked_and_the_others_are_signed() {
    let server = Server::start();
    let (_, workshop) = farm(&server);
    plan(&workshop).run().success();
    let (name, content) = files(&workshop.path("leaves")).pop_first().unwrap();
    put(&workshop.path("leaves").join(&name), b"changed");
    let last = last_worker(&workshop).expect(1);
    assert!(last.err().contains(&format!("its file `{name}` has a different SHA-256")), "{}", last.err());
    let counts: serde_json::Value = serde_json::from_str(&last.out()).unwrap();
    assert_eq!((&counts["parked"], &counts["certificates"]), (&1.into(), &(LEAVES - CHUNK).into()), "{counts}");
    finish(&workshop).expect(3);
    put(&workshop.path("leaves").join(&name), content);
    plan(&workshop).run().success();
    last_worker(&workshop).success();
    finish(&workshop).success();
}

#[test]
fn a_ledger_in_a_file_has_no_pool() {
    let workshop = Workshop::new();
    workshop.reel("reel.zip", 0..2);
    approve(&workshop, "pki/reroot.toml", "");
    for run in [plan(&workshop), worker(&workshop, "pki/reroot.toml")] {
        let err = run.run().expect(2).err();
        assert!(err.contains("is in a file, expected one on a server"), "{err}");
    }
    // a URL that is named overrules the configuration
    let server = Server::start();
    let (_, other) = farm(&server);
    plan(&other).run().success();
    name_in_configuration(&other, &server.url("nowhere"));
    let url = server.url("farm");
    let args = ["sign", "--leaves", "leaves", "--until-empty", "--config", "pki/reroot.toml", "--pool"];
    other.reroot(&args).arg(url).run().success();
}
