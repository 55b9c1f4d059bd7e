//! Jobs: the same work is the same job, a dead signer loses nothing, and a restart goes on.

use serde_json::{Value, json};

use crate::bench::{Bench, Service};
use crate::client::Client;
use crate::support::judges::put;
use crate::support::run::Run;

pub(crate) fn issue(upload: &str) -> Value {
    json!({ "kind": "issue", "inputs": [upload], "policy": Bench::policy(), "params": { "lot": "A1" } })
}

pub(crate) fn id(job: &Value) -> String {
    job["id"].as_str().unwrap().to_owned()
}

/// Uploads a reel of some leaves and posts a job for it.
pub(crate) fn posted(bench: &Bench, client: &Client, leaves: std::ops::Range<u64>) -> String {
    let name = format!("reel-{}-{}.zip", leaves.start, leaves.end);
    let upload = client.upload(&name, &bench.reel(&name, leaves));
    id(&client.post("/v1/jobs", &issue(&upload)).expect(202).json())
}

/// A person with a key and a certificate, which the signer knows.
pub(crate) fn person(bench: &Bench, name: &str) {
    let line = format!(
        "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout {name}.key -out {name}.pem -days 3650 -subj \
         /CN={name} -addext basicConstraints=critical,CA:FALSE -addext keyUsage=critical,digitalSignature"
    );
    put(&bench.workshop.path("empty.cnf"), "[req]\ndistinguished_name = dn\n[dn]\n");
    let run = Run::openssl().folder(bench.workshop.folder()).env("OPENSSL_CONF", "empty.cnf");
    run.args(line.split(' ')).run().success();
    Run::tool("chmod").args(["600", &format!("{name}.key")]).folder(bench.workshop.folder()).run().success();
}

/// The text of an approval of a job's plan, made on a machine of the person's own.
pub(crate) fn approval(bench: &Bench, service: &Service, job: &str, name: &str, requester: &str) -> String {
    approved_by(bench, &service.of("bert"), job, name, requester)
}

/// The same, with the plan as this client reads it.
pub(crate) fn approved_by(bench: &Bench, client: &Client, job: &str, name: &str, requester: &str) -> String {
    let plan = client.get(&format!("/v1/jobs/{job}/plan")).expect(200);
    let digest = reroot::crypto::sha256(&plan.body).to_string();
    let (file, out) = (format!("{job}-{name}.plan"), format!("{}-{name}-{requester}.approval", &digest[..16]));
    put(&bench.workshop.path(&file), &plan.body);
    let (key, certificate) = (format!("{name}.key"), format!("{name}.pem"));
    let args = ["approve", &file, "--planner", "pki/ca/manifest.pem", "--requester", requester, "--yes"];
    let own = ["--key", &key, "--certificate", &certificate, "--out", &out];
    bench.workshop.reroot(&args).args(own).run().success();
    std::fs::read_to_string(bench.workshop.path(&out)).unwrap()
}

#[test]
fn the_same_work_is_the_same_job() {
    let bench = Bench::new();
    let service = bench.start();
    let anna = service.of("anna");
    let reel = bench.reel("reel.zip", 0..3);
    let upload = anna.upload("reel.zip", &reel);
    let key = ("idempotency-key", "first");
    let send = |spec: &Value, headers: &[(&str, &str)]| {
        let headers = [&[("content-type", "application/json")], headers].concat();
        anna.send("POST", "/v1/jobs", &headers, spec.to_string().as_bytes())
    };
    let new = send(&issue(&upload), &[key]).expect(202);
    let job = id(&new.json());
    assert_eq!(
        (new.headers["location"].as_str(), &new.json()["already"]),
        (&*format!("/v1/jobs/{job}"), &json!(false))
    );
    let again = send(&issue(&upload), &[key]).expect(200).json();
    assert_eq!((id(&again), &again["already"]), (job.clone(), &json!(true)));
    let mut other = issue(&upload);
    other["params"]["lot"] = json!("B2");
    send(&other, &[key]).problem(422, "request.key-reused");
    send(&other, &[("idempotency-key", "")]).problem(400, "request.malformed");
    // the same reel, sent again by a colleague
    let copy = service.of("carl").upload("copy.zip", &reel);
    let same = service.of("carl").post("/v1/jobs", &issue(&copy)).expect(200).json();
    assert_eq!((id(&same), &same["owner"]), (job, &json!("anna")));
}

#[test]
fn what_is_wrong_with_a_job_is_said_before_it_is_stored() {
    let bench = Bench::new();
    let service = bench.start();
    let anna = service.of("anna");
    let upload = anna.upload("reel.zip", &bench.reel("reel.zip", 0..2));
    let with = |change: &dyn Fn(&mut Value)| {
        let mut spec = issue(&upload);
        change(&mut spec);
        anna.post("/v1/jobs", &spec)
    };
    with(&|spec| spec["inputs"] = json!([])).problem(400, "request.malformed");
    with(&|spec| spec["inputs"] = json!(["../../etc/passwd"])).problem(404, "upload.unknown");
    with(&|spec| spec["policy"] = json!("x")).problem(404, "policy.unknown");
    with(&|spec| spec["colour"] = json!(1)).problem(400, "request.malformed");
    with(&|spec| spec["kind"] = json!("sign")).problem(400, "request.malformed");
    with(&|spec| spec["params"] = json!({})).expect(400);
    with(&|spec| spec["params"]["lot"] = json!("not a lot")).expect(400);
    let twin = anna.upload("twin.zip", &bench.reel("twin.zip", 0..2));
    with(&|spec| spec["inputs"] = json!([upload, twin])).problem(400, "request.malformed");
    let expected = anna.post("/v1/uploads", &json!({ "name": "x", "bytes": 5 })).json();
    with(&|spec| spec["inputs"] = json!([expected["id"]])).problem(409, "upload.incomplete");
    service.of("carl").post("/v1/jobs", &issue(&upload)).problem(404, "upload.unknown");
    service.of("bert").post("/v1/jobs", &issue(&upload)).problem(403, "auth.role");
    anna.send("POST", "/v1/jobs", &[("content-type", "text/plain")], b"{}").problem(415, "request.media-type");
    let long = format!("{{\"kind\":\"{}\"}}", "x".repeat(1 << 20));
    anna.send("POST", "/v1/jobs", &[("content-type", "application/json")], long.as_bytes())
        .problem(413, "request.too-large");
    assert_eq!(anna.get("/v1/jobs").expect(200).json()["items"], json!([]));
    anna.get("/v1/jobs/nothing").problem(404, "job.unknown");
    anna.get("/v1/jobs?limit=0").problem(400, "request.malformed");
    anna.get("/v1/jobs?cursor=x").problem(400, "request.malformed");
    anna.get("/v1/jobs?colour=1").problem(400, "request.malformed");
    anna.get("/v2/jobs").problem(404, "request.path-unknown");
    anna.send("PATCH", "/v1/jobs", &[], &[]).problem(405, "request.method");
}

#[test]
fn a_reel_that_does_not_verify_is_refused_with_findings_and_can_be_posted_again() {
    let bench = Bench::new();
    let service = bench.start();
    let anna = service.of("anna");
    let junk = anna.upload("junk.zip", b"this is no archive");
    let job = id(&anna.post("/v1/jobs", &issue(&junk)).expect(202).json());
    let refused = anna.wait_for(&job, &["refused"]);
    assert!(refused["problem"]["code"].is_string() && refused["problem"]["detail"].is_string(), "{refused:#}");
    bench.empties("jobs");
    // what was found of each item is there, although there is no batch
    let leaf = bench.workshop.pki.leaf(1).der.clone();
    let broken = &leaf[..leaf.len() - 1];
    let mut files: Vec<(&str, &[u8])> = vec![("a.der", broken), ("b.der", broken), ("c.der", broken)];
    files.push(("notes.txt", b"not a leaf"));
    let upload = anna.upload("broken.zip", &crate::support::pki::archive::zip(&files));
    let bad = id(&anna.post("/v1/jobs", &issue(&upload)).expect(202).json());
    anna.wait_for(&bad, &["refused"]);
    let path = format!("/v1/jobs/{bad}/findings");
    let all = anna.get(&path).expect(200).json()["items"].clone();
    assert_eq!(all.as_array().unwrap().len(), 4, "{all:#}");
    let rejected = anna.get(&format!("{path}?severity=rejected&limit=2")).expect(200).json();
    assert_eq!((rejected["items"].as_array().unwrap().len(), &rejected["items"][0]), (2, &all[0]), "{rejected:#}");
    let rest = format!("{path}?severity=rejected&limit=2&cursor={}", rejected["next"].as_str().unwrap());
    let rest = anna.get(&rest).expect(200).json();
    let ignored = anna.get(&format!("{path}?severity=ignored")).expect(200).json()["items"].clone();
    let seen = 2 + rest["items"].as_array().unwrap().len() + ignored.as_array().unwrap().len();
    assert_eq!(seen, 4, "{rest:#} {ignored:#}");
    let code = all[0]["code"].as_str().unwrap();
    let lines = |query: &str| {
        let answer =
            anna.send("GET", &format!("{path}{query}"), &[("accept", "application/x-ndjson")], &[]).expect(200);
        assert_eq!(answer.headers["content-type"], "application/x-ndjson");
        String::from_utf8(answer.body).unwrap().lines().count()
    };
    assert_eq!((lines(""), lines("?code=nothing")), (4, 0));
    assert!(lines(&format!("?code={code}")) >= 3);
    anna.get(&format!("{path}?severity=fatal")).problem(400, "request.malformed");
    anna.get(&format!("{path}?cursor={}", rejected["next"].as_str().unwrap())).problem(400, "request.malformed");
    let again = anna.post("/v1/jobs", &issue(&junk)).expect(202).json();
    assert_eq!((id(&again), &again["attempt"]), (job.clone(), &json!(2)));
    anna.wait_for(&job, &["refused"]);
    anna.send("POST", &format!("/v1/jobs/{job}/cancel"), &[], &[]).problem(409, "job.over");
}

#[test]
fn a_dry_run_ends_when_everything_was_checked() {
    let bench = Bench::new();
    let service = bench.start();
    let anna = service.of("anna");
    let upload = anna.upload("reel.zip", &bench.reel("reel.zip", 0..3));
    let mut spec = issue(&upload);
    spec["dry_run"] = json!(true);
    let job = id(&anna.post("/v1/jobs", &spec).expect(202).json());
    let checked = anna.wait_for(&job, &["checked"]);
    assert_eq!(checked["result"]["counts"]["leaves"], 3, "{checked:#}");
    assert_eq!(checked["result"]["outcome"], "dry-run");
    assert_eq!(anna.get(&format!("/v1/jobs/{job}/findings")).expect(200).json(), json!({ "items": [], "next": null }));
    let inspect = json!({ "kind": "inspect", "inputs": [upload], "verify": true, "policy": Bench::policy() });
    let job = id(&anna.post("/v1/jobs", &inspect).expect(202).json());
    let checked = anna.wait_for(&job, &["checked"]);
    assert_eq!(checked["result"]["leaves"], 3, "{checked:#}");
}

/// Everything but the signer: the job waits, says why, and its events are all there after a restart.
#[test]
fn without_a_signer_a_job_waits_and_says_why() {
    let bench = Bench::new();
    person(&bench, "bert");
    let job = {
        let service = bench.start();
        let anna = service.of("anna");
        let job = posted(&bench, &anna, 0..3);
        let waiting = anna.wait_for(&job, &["awaiting-approval"]);
        assert_eq!(waiting["plan"]["count"], 3, "{waiting:#}");
        let path = format!("/v1/jobs/{job}");
        anna.send("POST", &format!("{path}/cancel"), &[], &[]).problem(409, "job.committed");
        service.of("carl").send("POST", &format!("{path}/cancel"), &[], &[]).problem(403, "auth.role");

        let approvals = format!("{path}/approvals");
        let text = service.of("bert").get(&format!("{path}/approval-text")).expect(200).json();
        assert!(text["text"].as_str().unwrap().contains("\"requester\":\"anna\""), "{text:#}");
        anna.post(&approvals, &json!({ "console": true })).problem(403, "auth.role");
        service.of("bert").post(&approvals, &json!({})).problem(400, "request.malformed");
        service.of("bert").post(&approvals, &json!({ "approval": "x" })).problem(422, "approval.malformed");
        let console = service.of("bert").post(&approvals, &json!({ "console": true }));
        assert_eq!(console.headers["retry-after"], "5");
        console.problem(503, "signer.unreachable");
        let other = approval(&bench, &service, &job, "bert", "carl");
        service.of("bert").post(&approvals, &json!({ "approval": other })).problem(422, "approval.malformed");
        // what a person has signed is kept, whatever the signer does
        let signed = approval(&bench, &service, &job, "bert", "anna");
        let taken = service.of("bert").post(&approvals, &json!({ "approval": signed })).expect(202).json();
        assert_eq!(taken["state"], "approved", "{taken:#}");
        service.of("bert").post(&approvals, &json!({ "approval": signed })).problem(409, "approval.not-waiting");
        let mut found = Value::Null;
        for _ in 0..100 {
            found = anna.get(&path).json();
            if found["reason"].is_string() {
                break;
            }
            std::thread::sleep(std::time::Duration::from_millis(100));
        }
        let reason = found["reason"].as_str().unwrap();
        assert!(reason.contains("connect to the socket"), "{found:#}");
        job
    };
    let service = bench.start();
    let anna = service.of("anna");
    let found = anna.get(&format!("/v1/jobs/{job}")).json();
    assert_eq!(found["state"], "approved", "{found:#}");
    let list = anna.get("/v1/jobs?state=approved&limit=1").json();
    assert_eq!((id(&list["items"][0]), &list["next"]), (job.clone(), &Value::Null));
    // three jobs, two on a page, the last ones first; a cursor is of one list
    let more: Vec<String> = (10..12).map(|at| posted(&bench, &anna, at..at + 1)).collect();
    let first = anna.get("/v1/jobs?limit=2").json();
    assert_eq!([id(&first["items"][0]), id(&first["items"][1])], [more[1].clone(), more[0].clone()]);
    let next = first["next"].as_str().unwrap();
    let second = anna.get(&format!("/v1/jobs?limit=2&cursor={next}")).json();
    assert_eq!((id(&second["items"][0]), &second["next"]), (job.clone(), &Value::Null));
    anna.get(&format!("/v1/jobs?state=approved&cursor={next}")).problem(400, "request.malformed");
    anna.get("/v1/jobs?cursor=before-2").problem(400, "request.malformed");

    // the events until now, and those after one that the caller has seen
    let events = |after: &str| anna.events(&job, after, "connect to the socket");
    let all = events("0");
    for state in ["received", "checking", "awaiting-approval", "approved"] {
        assert!(all.contains(&format!("\"state\":\"{state}\"")), "{state}: {all}");
    }
    assert!(all.contains("content-type: text/event-stream") && !events("3").contains("\"state\":\"received\""));
}
