//! Revocation over HTTP: asked for, approved where that is needed, recorded, signed, published, and read by OpenSSL.

use std::ops::Range;
use std::time::Duration;

use reroot_service::Settings;
use serde_json::{Value, json};

use crate::bench::{Bench, Service, sharded};
use crate::client::{Answer, Client};
use crate::jobs::{approval, id, person};
use crate::signer::{CONSOLE, SIGNED, Signer, signed};
use crate::support::judges::put;
use crate::support::run::Run;

/// Issues a batch under the policy with two shards. Returns its name and the UIDs.
pub(crate) fn issued(bench: &Bench, service: &Service, leaves: Range<u64>) -> (String, Vec<String>) {
    let job = posted(bench, service, leaves.clone());
    click(service, &job).expect(202);
    let published = service.of("anna").wait_for(&job, &["published"]);
    let uids = leaves.map(|index| bench.workshop.pki.leaf(index).uid()).collect();
    (published["plan"]["batch"].as_str().unwrap().to_owned(), uids)
}

/// Posts a job for a batch under the policy with two shards, which waits for its approval.
fn posted(bench: &Bench, service: &Service, leaves: Range<u64>) -> String {
    let anna = service.of("anna");
    let name = format!("reel-{}.zip", leaves.start);
    let upload = anna.upload(&name, &bench.reel(&name, leaves));
    let policy = reroot::crypto::sha256(sharded().as_bytes()).to_string();
    let spec = json!({ "kind": "issue", "inputs": [upload], "policy": policy, "params": { "lot": "A1" } });
    let job = id(&anna.post("/v1/jobs", &spec).expect(202).json());
    anna.wait_for(&job, &["awaiting-approval"]);
    job
}

fn click(service: &Service, job: &str) -> Answer {
    service.of("bert").post(&format!("/v1/jobs/{job}/approvals"), &json!({ "console": true }))
}

/// Asks for a change and waits for the job's state.
fn asked(client: &Client, spec: &Value, state: &str) -> Value {
    let answer = client.post("/v1/revocations", spec).expect(202);
    let job = id(&answer.json());
    assert_eq!(answer.headers["location"], format!("/v1/jobs/{job}"));
    client.wait_for(&job, &[state])
}

/// The round that a recorded change has posted is approved and published.
fn published(service: &Service, recorded: &Value) -> Value {
    let lists = recorded["result"]["crl_job"].as_str().unwrap().to_owned();
    approved(service, &lists)
}

/// A service with a policy that names two lists, and a signer that takes clicks.
pub(crate) fn clicked(change: impl FnOnce(&mut Settings)) -> (Bench, Signer, Service) {
    let mut bench = Bench::new();
    bench.policies.push(sharded());
    change(&mut bench.settings);
    Signer::prepare(&bench, CONSOLE);
    let signer = Signer::start(&bench);
    let service = bench.start();
    (bench, signer, service)
}

fn approved(service: &Service, lists: &str) -> Value {
    let anna = service.of("anna");
    let waiting = anna.wait_for(lists, &["awaiting-approval"]);
    assert_eq!(waiting["reason"], "nothing was signed: 0 of 1 approvals were given", "{waiting:#}");
    click(service, lists).expect(202);
    anna.wait_for(lists, &["published"])
}

/// The certificate of a chip of a batch that is published.
fn certificate(bench: &Bench, service: &Service, uid: &str) -> String {
    let path = format!("/v1/chips/{uid}/certificate");
    let answer = service.of("vera").send("GET", &path, &[("accept", "application/x-pem-file")], &[]).expect(200);
    let (der, pem) = (format!("{uid}.der"), format!("{uid}.pem"));
    put(&bench.workshop.path(&der), &answer.body);
    let form = if answer.body.starts_with(b"-----") { "PEM" } else { "DER" };
    let args = ["x509", "-inform", form, "-in", &der, "-out", &pem];
    Run::openssl().folder(bench.workshop.folder()).args(args).run().success();
    pem
}

/// What OpenSSL says of a certificate with the lists that the service gives out.
fn verified(bench: &Bench, service: &Service, certificate: &str, lists: &[&str]) -> (bool, String) {
    let mut pem = String::new();
    for (at, list) in lists.iter().enumerate() {
        let answer = service.stranger().get(&format!("/crl/{list}")).expect(200);
        assert_eq!(answer.headers["content-type"], "application/pkix-crl");
        let file = format!("{at}-{list}");
        put(&bench.workshop.path(&file), &answer.body);
        let args = ["crl", "-inform", "DER", "-in", &file];
        pem += &Run::openssl().folder(bench.workshop.folder()).args(args).run().success().out();
    }
    put(&bench.workshop.path("lists.pem"), &pem);
    let args = "verify -crl_check -CAfile pki/ca/root.pem -untrusted pki/ca/issuing.pem -CRLfile lists.pem";
    let run = Run::openssl().folder(bench.workshop.folder()).args(args.split(' ')).arg(certificate).run();
    (run.code == Some(0), run.out() + &run.err())
}

#[test]
fn one_certificate_is_revoked_and_openssl_knows_it() {
    let (bench, _signer, service) = clicked(|settings| settings.revocation.listen = Some(settings.listen.clone()));
    let anna = service.of("anna");
    let (batch, uids) = issued(&bench, &service, 0..3);
    assert_eq!(anna.get("/v1/crls").expect(200).json()["items"], json!([]));
    service.stranger().get("/crl/full.crl").problem(404, "crl.unknown");

    // counted, and what the lists would weigh
    let mut spec = json!({ "uids": [uids[0]], "reason": "keyCompromise", "dry_run": true });
    let checked = asked(&anna, &spec, "checked");
    let result = &checked["result"];
    assert_eq!((&result["outcome"], &result["counts"]["revoke"]), (&json!("dry-run"), &json!(1)), "{result:#}");
    let lists = result["lists"].as_array().unwrap();
    assert_eq!(lists.iter().map(|list| list["added"].as_u64().unwrap()).collect::<Vec<_>>(), [1, 1], "{result:#}");
    assert!(lists.iter().all(|list| list["bytes"].as_u64().unwrap() > 300), "{result:#}");
    assert_eq!(anna.get("/v1/revocations").json()["items"], json!([]), "a dry run records nothing");

    // one person may do it alone; the lists have a second one
    spec["dry_run"] = json!(false);
    let recorded = asked(&anna, &spec, "recorded");
    assert_eq!((&recorded["kind"], &recorded["result"]["outcome"]), (&json!("revoke"), &json!("done")), "{recorded:#}");
    let known = anna.get("/v1/revocations").expect(200).json();
    assert_eq!((&known["items"][0]["batch"], &known["items"][0]["reason"]), (&json!(batch), &json!("keyCompromise")));
    let round = published(&service, &recorded);
    assert_eq!((&round["result"]["round"], &round["kind"]), (&json!(1), &json!("crl")), "{round:#}");

    // what is published
    let items = anna.get("/v1/crls").expect(200).json()["items"].clone();
    let names: Vec<_> = items.as_array().unwrap().iter().map(|list| list["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["full.crl", "1.crl", "2.crl"], "{items:#}");
    assert_eq!(
        (&items[0]["number"], &items[0]["entries"], &items[0]["oldest_missing"]),
        (&json!(1), &json!(1), &Value::Null)
    );
    let first = anna.get("/v1/crls?limit=2").expect(200).json();
    let next = anna.get(&format!("/v1/crls?limit=2&cursor={}", first["next"].as_str().unwrap())).expect(200).json();
    assert_eq!((&next["items"][0], &next["next"]), (&items[2], &Value::Null));
    assert_eq!(anna.get("/v1/crls/full").expect(200).json(), items[0]);
    anna.get("/v1/crls/17").problem(404, "crl.unknown");
    service.stranger().get("/v1/crls").problem(401, "auth.missing");

    // the file, as caches and relying parties have it
    let full = service.stranger().get("/crl/full.crl").expect(200);
    let tag = format!("\"{}\"", reroot::crypto::sha256(&full.body));
    assert_eq!((&full.headers["etag"], items[0]["sha256"].as_str().unwrap()), (&tag, tag.trim_matches('"')));
    let age: u64 = full.headers["cache-control"].strip_prefix("public, max-age=").unwrap().parse().unwrap();
    assert!((86_000..=86_400).contains(&age), "{age}");
    for header in ["last-modified", "expires"] {
        let date = &full.headers[header];
        let read = Run::tool("date").args(["-u", "-d", date, "+%Y-%m-%dT%H:%M:%SZ"]).run().success().out();
        let member = if header == "expires" { "next_update" } else { "this_update" };
        assert_eq!(read.trim(), items[0][member], "{date}");
    }
    let known = service.stranger().send("GET", "/crl/full.crl", &[("if-none-match", &tag)], &[]);
    assert_eq!((known.status, &known.headers["etag"]), (304, &tag));
    let part = service.stranger().send("GET", "/crl/full.crl", &[("range", "bytes=0-9")], &[]).expect(206);
    assert_eq!(part.body, full.body[..10]);
    for other in ["/crl/index.json", "/crl/..%2fjobs.sqlite", "/crl/.hidden"] {
        service.stranger().get(other).problem(404, "crl.unknown");
    }
    // the listener for relying parties has the lists and nothing else
    let relying = Client { address: service.lists.unwrap(), token: None };
    assert_eq!(relying.get("/crl/full.crl").expect(200).body, full.body);
    relying.get("/v1/crls").problem(404, "request.path-unknown");

    let [revoked, valid] = [0, 1].map(|at| certificate(&bench, &service, &uids[at]));
    for lists in [&["full.crl"][..], &["1.crl", "2.crl"]] {
        let (good, said) = verified(&bench, &service, &revoked, lists);
        assert!(!good && said.contains("certificate revoked"), "{said}");
        let (good, said) = verified(&bench, &service, &valid, lists);
        assert!(good, "{said}");
    }
}

#[test]
fn many_certificates_and_every_release_need_a_second_person() {
    let (bench, _signer, service) = clicked(|settings| settings.revocation.alone = 1);
    let anna = service.of("anna");
    let (batch, uids) = issued(&bench, &service, 0..4);
    let list = format!("uid,reason,time\n{},superseded,\n{},superseded,\n", uids[0], uids[1]);
    let upload = anna.upload("returned.csv", list.as_bytes());
    let spec = json!({ "lists": [upload] });
    let waiting = asked(&anna, &spec, "awaiting-approval");
    assert_eq!((&waiting["plan"]["count"], &waiting["plan"]["action"]), (&json!(2), &json!("revoke")), "{waiting:#}");
    assert_eq!(anna.get("/v1/revocations").json()["items"], json!([]), "nothing is recorded before");
    let job = id(&waiting);
    let own = format!("/v1/jobs/{job}/approvals");
    anna.post(&own, &json!({ "console": true })).problem(403, "auth.role");
    // it binds nobody yet
    anna.send("POST", &format!("/v1/jobs/{job}/cancel"), &[], &[]).expect(202);
    let again = anna.post("/v1/revocations", &spec).expect(202).json();
    assert_eq!((id(&again), &again["attempt"]), (job.clone(), &json!(2)));
    anna.wait_for(&job, &["awaiting-approval"]);
    click(&service, &job).expect(202);
    let recorded = anna.wait_for(&job, &["recorded"]);
    assert_eq!(anna.get("/v1/revocations").json()["items"].as_array().unwrap().len(), 2);

    // one more while the round waits: the round is planned again, with all three
    let hold = json!({ "uids": [uids[2]], "reason": "certificateHold" });
    let held = asked(&anna, &hold, "recorded");
    assert_eq!(held["result"]["crl_job"], recorded["result"]["crl_job"]);
    let round = published(&service, &held);
    assert_eq!(round["result"]["lists"][0]["entries"], 3, "{round:#}");

    // what it lacks from now on is shown
    let release = json!({ "change": "release", "uids": [uids[2]] });
    let waiting = asked(&anna, &release, "awaiting-approval");
    assert_eq!(waiting["plan"]["action"], "release");
    click(&service, &id(&waiting)).expect(202);
    let released = anna.wait_for(&id(&waiting), &["recorded"]);
    let shown = anna.get("/v1/crls/full").expect(200).json();
    assert!(shown["oldest_missing"].is_string() && shown["oldest_missing_seconds"].is_u64(), "{shown:#}");
    let missing = anna.get("/v1/crls").json()["items"].clone();
    let missing = missing.as_array().unwrap().iter().filter(|list| list["oldest_missing"].is_string()).count();
    assert_eq!(missing, 2, "the full list and one shard");
    let later = published(&service, &released);
    assert_eq!(later["result"]["lists"][0]["entries"], 2, "{later:#}");
    assert!(later["result"]["round"].as_u64() > round["result"]["round"].as_u64(), "{later:#}");

    // the same hold after the release is new work, and a change of the reason has a second person
    assert_ne!(id(&asked(&anna, &hold, "recorded")), id(&held));
    let worse = json!({ "uids": [uids[0]], "reason": "keyCompromise" });
    let waiting = asked(&anna, &worse, "awaiting-approval");
    assert_eq!(waiting["result"]["counts"]["changed"], 1, "{waiting:#}");

    // names in doubt are findings, and nothing is recorded because of them
    let doubtful = json!({ "uids": [uids[3], "0209FFFFFFFFFFFFFF0139"], "reason": "superseded" });
    let refused = asked(&anna, &doubtful, "refused");
    assert_eq!(
        (&refused["problem"]["code"], &refused["result"]["findings"][0]["kind"]),
        (&json!("job.input-refused"), &json!("unknown"))
    );
    let mut without = doubtful.clone();
    without["skip_unknown"] = json!(true);
    assert_eq!(asked(&anna, &without, "recorded")["result"]["counts"]["revoke"], 1);
    let nothing = asked(&anna, &json!({ "uids": [uids[3]], "reason": "superseded" }), "recorded");
    assert_eq!(nothing["result"]["outcome"], "already-done");

    for (bad, member) in [
        (json!({ "reason": "superseded" }), "named"),
        (json!({ "uids": ["x"], "reason": "superseded" }), "uids"),
        (json!({ "uids": [uids[0]] }), "reason"),
        (json!({ "uids": [uids[0]], "reason": "boredom" }), "reason"),
        (json!({ "serials": ["zz"], "reason": "superseded" }), "serials"),
        (json!({ "batches": ["../x"], "reason": "superseded" }), "batches"),
        (json!({ "batches": [batch], "reason": "superseded", "at": "yesterday" }), "at"),
        (json!({ "change": "release", "uids": [uids[0]], "reason": "superseded" }), "reason"),
    ] {
        let problem = anna.post("/v1/revocations", &bad).problem(400, "request.malformed");
        assert!(problem["detail"].as_str().unwrap().contains(member), "{problem:#}");
    }
    service.of("bert").post("/v1/revocations", &hold).problem(403, "auth.role");
    anna.post("/v1/jobs", &json!({ "kind": "crl", "valid_days": 0 })).problem(400, "request.malformed");
}

/// A round and the first batch that needs lists of its own, in both orders: neither is refused for good.
#[test]
fn a_batch_with_new_lists_does_not_stop_a_round() {
    let (bench, _signer, service) = clicked(|_| {});
    let anna = service.of("anna");
    let crl = || id(&anna.post("/v1/jobs", &json!({ "kind": "crl" })).expect(202).json());
    let lists = |round: &Value| round["result"]["lists"].as_array().unwrap().len();
    // planned before the batch, approved after it: it is planned again, and its approvals are asked for again
    let before = crl();
    let planned = anna.wait_for(&before, &["awaiting-approval"]);
    assert_eq!(lists(&planned), 1, "{planned:#}");
    issued(&bench, &service, 0..2);
    click(&service, &before).expect(202);
    anna.events(&before, "0", "crl-plan.refused");
    let again = anna.wait_for(&before, &["awaiting-approval"]);
    assert_eq!(lists(&again), 3, "the batch's lists are there: {again:#}");
    let round = approved(&service, &before);
    assert_eq!(lists(&round), 3, "{round:#}");

    // planned after a batch whose plan waits, and signed before it
    let (bench, _signer, service) = clicked(|_| {});
    let anna = service.of("anna");
    let batch = posted(&bench, &service, 0..2);
    let after = id(&anna.post("/v1/jobs", &json!({ "kind": "crl" })).expect(202).json());
    let round = approved(&service, &after);
    assert_eq!(lists(&round), 3, "{round:#}");
    click(&service, &batch).expect(202);
    anna.wait_for(&batch, &["published"]);
}

#[test]
fn the_signer_checks_who_approved_a_revocation() {
    let mut bench = Bench::new();
    bench.settings.revocation.alone = 0;
    let (_signer, service) = signed(&bench);
    let anna = service.of("anna");
    let sign = |job: &str, name: &str| {
        let signed = approval(&bench, &service, job, name, "anna");
        service.of("bert").post(&format!("/v1/jobs/{job}/approvals"), &json!({ "approval": signed })).expect(202);
    };
    let upload = anna.upload("reel.zip", &bench.reel("reel.zip", 0..3));
    let issue = id(&anna.post("/v1/jobs", &crate::jobs::issue(&upload)).expect(202).json());
    anna.wait_for(&issue, &["awaiting-approval"]);
    sign(&issue, "bert");
    let batch = anna.wait_for(&issue, &["published"])["plan"]["batch"].clone();
    let waiting = asked(&anna, &json!({ "batches": [batch], "reason": "keyCompromise" }), "awaiting-approval");
    let job = id(&waiting);
    click(&service, &job).problem(409, "approval.signed-only");
    sign(&job, "mallory");
    let mut back = json!({});
    for _ in 0..100 {
        back = anna.get(&format!("/v1/jobs/{job}")).json();
        if back["reason"].as_str().unwrap_or_default().contains("approval.no-approver") {
            break;
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    assert_eq!(back["state"], "awaiting-approval", "{back:#}");
    assert_eq!(anna.get("/v1/revocations").json()["items"], json!([]));
    sign(&job, "bert");
    let recorded = anna.wait_for(&job, &["recorded"]);
    // an approval of the request is none of the round
    let lists = recorded["result"]["crl_job"].as_str().unwrap();
    anna.wait_for(lists, &["awaiting-approval"]);
    sign(lists, "bert");
    let round = anna.wait_for(lists, &["published"]);
    assert_eq!(round["result"]["lists"][0]["entries"], 3, "{round:#}");
    let requests = bench.workshop.reroot(&["ledger", "verify", "--config", "vault/reroot.toml"]).run();
    requests.success();
    let exported = bench.workshop.reroot(&["ledger", "verify", "--config", "pki/reroot.toml"]).run();
    exported.success();
}

/// The signer is told that rounds which change nothing need no approval: it asks for every other one.
#[test]
fn a_round_that_changes_nothing_needs_no_approval_where_the_signer_says_so() {
    let mut bench = Bench::new();
    bench.policies.push(sharded());
    person(&bench, "bert");
    Signer::prepare(&bench, &format!("routine_days = 20\n{SIGNED}"));
    let _signer = Signer::start(&bench);
    let service = bench.start();
    let anna = service.of("anna");
    let crl = |days: u32| id(&anna.post("/v1/jobs", &json!({ "kind": "crl", "valid_days": days })).expect(202).json());
    let approved = |job: &str, end: &str| {
        anna.wait_for(job, &["awaiting-approval"]);
        let approval = approval(&bench, &service, job, "bert", "anna");
        service.of("bert").post(&format!("/v1/jobs/{job}/approvals"), &json!({ "approval": approval })).expect(202);
        anna.wait_for(job, &[end])
    };
    // the first round says something new
    approved(&crl(10), "published");
    let alone = || {
        let job = crl(10);
        anna.wait_for(&job, &["published"]);
        let events = anna.events(&job, "0", "published");
        assert!(!events.contains("awaiting-approval"), "{events}");
    };
    alone();
    alone();
    // lists that are taken for longer than that
    approved(&crl(21), "published");
    // a batch brings lists of its own, and a revocation an entry
    let batch = approved(&posted(&bench, &service, 0..2), "published")["plan"]["batch"].clone();
    approved(&crl(10), "published");
    alone();
    let recorded = asked(&anna, &json!({ "batches": [batch], "reason": "superseded" }), "recorded");
    let round = approved(recorded["result"]["crl_job"].as_str().unwrap(), "published");
    assert_eq!(round["result"]["lists"][0]["entries"], 2, "{round:#}");
    alone();
}

#[test]
fn a_round_starts_by_time_where_the_settings_say_so() {
    let mut bench = Bench::new();
    bench.settings.revocation.round_hours = Some(6);
    Signer::prepare(&bench, CONSOLE);
    let _signer = Signer::start(&bench);
    let service = bench.start();
    let anna = service.of("anna");
    let mut jobs = json!([]);
    for _ in 0..100 {
        jobs = anna.get("/v1/jobs").json();
        if jobs.to_string().contains("\"crl\"") {
            break;
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    let found = jobs.as_object().unwrap().values().find_map(|list| list.get(0).cloned()).unwrap();
    assert_eq!((&found["kind"], &found["owner"]), (&json!("crl"), &json!("reroot 0.1.0")));
    let round = approved(&service, &id(&found));
    assert_eq!(round["result"]["lists"].as_array().unwrap().len(), 1, "the full list is there without a revocation");
    let full = service.stranger().get("/crl/full.crl").expect(200);
    let age: u64 = full.headers["cache-control"].strip_prefix("public, max-age=").unwrap().parse().unwrap();
    assert!((21_000..=21_600).contains(&age), "{age}");
    // the same words before the next round are that job; after it they are a new one
    let next = anna.post("/v1/jobs", &json!({ "kind": "crl" })).expect(202).json();
    assert_eq!(id(&anna.post("/v1/jobs", &json!({ "kind": "crl" })).expect(200).json()), id(&next));
}
