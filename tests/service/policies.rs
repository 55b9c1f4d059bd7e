//! Policies: checked with places, drafted, activated, shown for one leaf.

use serde_json::json;

use crate::bench::Bench;
use crate::support::pki::der;
use crate::support::workshop::POLICY;

#[test]
fn mistakes_in_a_policy_have_their_places() {
    let bench = Bench::new();
    let service = bench.start();
    let text = POLICY.replace("serial = \"derived\"", "serial = \"chosen\"").replace("[device]", "[devise]");
    let found = service.of("vera").post("/v1/policies/check", &json!({ "text": text })).expect(200).json();
    let places = found["places"].as_array().unwrap();
    let line = |needle: &str| text.lines().position(|line| line.contains(needle)).unwrap() + 1;
    for needle in ["chosen", "[devise]"] {
        let at = places.iter().find(|place| place["line"] == line(needle));
        let at = at.unwrap_or_else(|| panic!("{needle} in line {}: {found:#}", line(needle)));
        assert!(at["code"].as_str().unwrap().starts_with("policy.") && at["column"].as_u64().unwrap() >= 1);
    }
    let good = service.of("vera").post("/v1/policies/check", &json!({ "text": POLICY })).expect(200).json();
    assert_eq!((&good["places"], &good["name"]), (&json!([]), &json!("workshop")));
}

#[test]
fn a_policy_is_drafted_and_activated_by_an_administrator() {
    let bench = Bench::new();
    let service = bench.start();
    let (admin, anna) = (service.of("admin"), service.of("anna"));
    let text = POLICY.replace("not_after = \"5y\"", "not_after = \"4y\"");
    let sha256 = reroot::crypto::sha256(text.as_bytes()).to_string();
    let path = format!("/v1/policies/{sha256}");
    service.of("vera").put_json(&path, &[], &json!({ "text": text })).problem(403, "auth.role");
    anna.put_json(&path.replace(&sha256, &"0".repeat(64)), &[], &json!({ "text": text }))
        .problem(400, "request.malformed");
    let wrong = text.replace("version = 1", "version = 9");
    let wrong_path = format!("/v1/policies/{}", reroot::crypto::sha256(wrong.as_bytes()));
    let problem = anna.put_json(&wrong_path, &[], &json!({ "text": wrong }));
    assert_eq!(problem.status, 400);
    assert!(!problem.json()["places"].as_array().unwrap().is_empty());

    let new = anna.put_json(&path, &[], &json!({ "text": text })).expect(201);
    assert_eq!(new.json()["state"], "draft");
    admin.put_json(&path, &[], &json!({ "text": text })).expect(200);
    // who has stored a text does not activate it
    let own = text.replace("4y", "3y");
    let own_path = format!("/v1/policies/{}", reroot::crypto::sha256(own.as_bytes()));
    let stored = admin.put_json(&own_path, &[], &json!({ "text": own })).expect(201);
    let (place, tag) = (format!("{own_path}/state"), [("if-match", &*stored.headers["etag"])]);
    let change = |state: &str| admin.put_json(&place, &tag, &json!({ "state": state }));
    change("active").problem(403, "approval.own-request");
    change("retired").expect(200);
    // a draft is for looking
    let upload = anna.upload("reel.zip", &bench.reel("reel.zip", 0..2));
    let mut job = json!({ "kind": "issue", "inputs": [upload], "policy": sha256, "params": { "lot": "A1" } });
    anna.post("/v1/jobs", &job).problem(409, "policy.not-active");
    job["dry_run"] = json!(true);
    anna.post("/v1/jobs", &job).expect(202);

    let state = json!({ "state": "active" });
    let place = format!("{path}/state");
    admin.put_json(&place, &[], &state).problem(428, "request.precondition-required");
    admin.put_json(&place, &[("if-match", "\"9\"")], &state).problem(412, "request.precondition-failed");
    let tag = new.headers["etag"].clone();
    let active = admin.put_json(&place, &[("if-match", &tag)], &state).expect(200);
    assert_eq!(active.json()["state"], "active");
    admin.put_json(&place, &[("if-match", &tag)], &state).problem(412, "request.precondition-failed");
    let items = anna.get("/v1/policies").json()["items"].clone();
    let mut names: Vec<_> = items.as_array().unwrap().iter().map(|p| p["state"].as_str().unwrap().to_owned()).collect();
    names.sort();
    assert_eq!(names, ["active", "active", "retired"]);
    let first = anna.get("/v1/policies?limit=1").expect(200).json();
    let next = first["next"].as_str().unwrap();
    let second = anna.get(&format!("/v1/policies?limit=1&cursor={next}")).expect(200).json();
    assert!(first["items"][0]["sha256"] != second["items"][0]["sha256"] && !second["next"].is_null(), "{second:#}");
    anna.get(&format!("/v1/uploads?cursor={next}")).problem(400, "request.malformed");
    assert_eq!(anna.get(&path).json()["params"], json!({ "lot": "[A-Z0-9]{1,8}" }));
}

#[test]
fn a_policy_is_shown_for_one_leaf() {
    let bench = Bench::new();
    let service = bench.start();
    let anna = service.of("anna");
    let path = format!("/v1/policies/{}/preview", Bench::policy());
    let leaf = der::pem("CERTIFICATE", &bench.workshop.pki.leaf(1).der);
    let shown = anna.post(&path, &json!({ "leaf": leaf, "params": { "lot": "A1" } })).expect(200).json();
    assert_eq!(shown["issued"], true, "{shown:#}");
    assert!(shown["certificate"].to_string().contains("Workshop"), "{shown:#}");
    anna.post(&path, &json!({ "leaf": leaf, "params": {} })).expect(400);
    anna.post(&path, &json!({ "leaf": "?", "params": { "lot": "A1" } })).problem(400, "request.malformed");
    let refused = anna.post(&path, &json!({ "leaf": "AAAA", "params": { "lot": "A1" } }));
    assert!(refused.status == 200 || refused.status == 422, "{refused:?}");
    service.of("vera").post(&path, &json!({ "leaf": leaf })).problem(403, "auth.role");
    let unknown = format!("/v1/policies/{}/preview", "0".repeat(64));
    anna.post(&unknown, &json!({ "leaf": leaf })).problem(404, "policy.unknown");
}
