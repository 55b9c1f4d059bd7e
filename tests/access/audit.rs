//! The audit log through HTTP: written before the action, and verified when the service has ended in any way.

use reroot::journal::{Event, Head};
use serde_json::json;

use super::service::{Service, workshop};
use crate::support::run::Run;

fn events(service: &Service, token: &str) -> Vec<Event> {
    let mut events: Vec<Event> = Vec::new();
    loop {
        let after = events.last().map_or(0, |event| event.seq);
        let answer = service.get(token, &format!("/v1/audit?after={after}&limit=3")).expect(200);
        assert_eq!(answer.header("content-type"), Some("application/x-ndjson"));
        let text = answer.text();
        let page: Vec<Event> = text.lines().map(|line| Event::read(line.as_bytes()).expect(line)).collect();
        assert!(page.len() <= 3);
        if page.is_empty() {
            return events;
        }
        events.extend(page);
    }
}

#[test]
fn what_changes_something_is_on_the_log_before_and_after() {
    let mut service = Service::start(workshop(), "");
    let auditor = service.new_token("ada", &["auditor"]);
    let made = service.token("anna", &["viewer"], json!({})).expect(201).json();
    let id = made["id"].as_str().unwrap().to_owned();
    service.ask(made["text"].as_str().unwrap(), "DELETE", &format!("/v1/tokens/{id}"), b"").problem(403, "auth.role");
    service.ask(&service.admin, "DELETE", "/v1/tokens/000000000000", b"").problem(404, "token.unknown");
    service.get("x", "/v1/tokens").problem(401, "auth.refused");
    service.get(&service.admin, "/v1/audit").problem(403, "auth.role");
    let events = events(&service, &auditor);
    // the chain can be followed with what was sent
    let mut head = Head::EMPTY;
    for event in &events {
        assert_eq!((event.seq, event.prev), (head.seq + 1, head.digest));
        head = Head::of(event.seq, event.line().as_bytes());
    }
    let said: Vec<String> = events
        .iter()
        .map(|event| {
            let code = event.entry.code.as_deref().unwrap_or("-");
            format!(
                "{} {} {:?} {code} {}",
                event.entry.actor,
                event.entry.action,
                event.entry.result,
                event.entry.of.map_or(0, |of| event.seq - of)
            )
        })
        .collect();
    assert_eq!(
        said,
        [
            "root first-admin Started - 0",
            "root first-admin Done - 1",
            "root POST /v1/tokens Started - 0",
            "root POST /v1/tokens Done - 1",
            "root POST /v1/tokens Started - 0",
            "root POST /v1/tokens Done - 1",
            "anna DELETE /v1/tokens/{id} Refused auth.role 0",
            "root DELETE /v1/tokens/{id} Started - 0",
            "root DELETE /v1/tokens/{id} Refused token.unknown 1",
            "unknown GET /v1/tokens Refused auth.refused 0",
            "root GET /v1/audit Refused auth.role 0",
        ]
    );
    assert_eq!(events[6].entry.object, format!("/v1/tokens/{id}"));
    assert_eq!(events[4].entry.after, None, "nothing has changed before it is done");
    assert_eq!(events[5].entry.after.as_deref(), Some(&*format!("token {id} of anna: viewer")));
    assert_eq!(events[8].entry.after, None, "what was refused has changed nothing");
    assert_eq!(events[6].entry.ip.as_deref(), Some("127.0.0.1"));
    let noted = service.get(&auditor, "/v1/audit/head").expect(200).json();
    assert_eq!(noted["head"], head.to_string());
    let said = service.verified_audit();
    assert!(said.contains("audit log OK") && said.contains(&head.to_string()), "{said}");
}

#[test]
fn the_log_says_what_a_change_has_changed() {
    let service = Service::with_batches();
    let (auditor, operator) = (service.new_token("ada", &["auditor"]), service.new_token("otto", &["operator"]));
    let batch = service.get(&auditor, "/v1/batches").expect(200).json()["items"][0]["id"].as_str().unwrap().to_owned();
    let seen = events(&service, &auditor).len();
    let ask = |who: &str, method: &str, path: &str, more: &[(&str, &str)], body: &str| {
        let bearer = format!("Bearer {who}");
        let headers = [&[("Authorization", &*bearer), ("Content-Type", "application/json")], more].concat();
        super::client::ask(&service.address, method, path, &headers, body.as_bytes())
    };
    let root = &service.admin;
    ask(root, "POST", "/v1/users", &[], r#"{"name":"bert","roles":["operator","approver"]}"#).expect(201);
    ask(root, "DELETE", "/v1/users/bert", &[], "").expect(204);
    let pack = format!("/v1/stations/line-1/packs/{batch}");
    for method in ["PUT", "PUT", "DELETE"] {
        ask(root, method, &pack, &[], "").expect(204);
    }
    let text = std::fs::read_to_string(service.workshop.path("policy.toml")).unwrap();
    let policy = format!("/v1/policies/{}", reroot::crypto::sha256(text.as_bytes()));
    for _ in 0..2 {
        ask(&operator, "PUT", &policy, &[], &json!({ "text": text }).to_string());
    }
    for (state, revision) in [("active", "\"1\""), ("retired", "\"2\"")] {
        let body = json!({ "state": state }).to_string();
        ask(root, "PUT", &format!("{policy}/state"), &[("If-Match", revision)], &body).expect(200);
    }
    let upload = ask(&operator, "POST", "/v1/uploads", &[], r#"{"name":"a","bytes":3}"#).expect(201).json();
    let upload = upload["id"].as_str().unwrap();
    ask(&operator, "PUT", &format!("/v1/uploads/{upload}/content"), &[], "abc").expect(200);
    ask(&operator, "DELETE", &format!("/v1/uploads/{upload}"), &[], "").expect(204);
    let changes: Vec<String> = events(&service, &auditor)[seen..]
        .iter()
        .filter(|event| event.entry.of.is_some())
        .map(|event| {
            let state = |state: &Option<String>| state.clone().unwrap_or_else(|| "-".to_owned());
            format!("{}: {} > {}", event.entry.action, state(&event.entry.before), state(&event.entry.after))
        })
        .collect();
    let abc = reroot::crypto::sha256(b"abc");
    assert_eq!(
        changes,
        [
            "POST /v1/users: - > bert: operator,approver",
            "DELETE /v1/users/{name}: operator,approver > -",
            "PUT /v1/stations/{station}/packs/{batch}: - > assigned",
            "PUT /v1/stations/{station}/packs/{batch}: - > -",
            "DELETE /v1/stations/{station}/packs/{batch}: assigned > -",
            "PUT /v1/policies/{sha256}: - > draft",
            "PUT /v1/policies/{sha256}: - > -",
            "PUT /v1/policies/{sha256}/state: draft > active",
            "PUT /v1/policies/{sha256}/state: active > retired",
            &format!("POST /v1/uploads: - > upload {upload} expected"),
            &format!("PUT /v1/uploads/{{id}}/content: expected > received, SHA-256 {abc}"),
            "DELETE /v1/uploads/{id}: received > -",
        ]
    );
}

#[test]
fn a_log_that_a_kill_has_cut_off_is_gone_on_with_and_verifies() {
    let mut service = Service::start(workshop(), "");
    let file = |service: &Service| {
        let folder = service.workshop.path("data/audit");
        let names = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
        names.filter(|path| path.extension().is_some_and(|ending| ending == "jsonl")).max().unwrap()
    };
    for round in 0..3 {
        service.new_token("anna", &["viewer"]);
        service.end("-KILL");
        let path = file(&service);
        let bytes = std::fs::read(&path).unwrap();
        assert_eq!(bytes.last(), Some(&b'\n'), "an event that was answered is whole");
        let torn = [&bytes[..], b"{\"format\":\"reroot-audit/1\",\"seq\":"].concat();
        crate::support::judges::put(&path, &torn[..torn.len() - round]);
        service.again();
    }
    let said = service.verified_audit();
    assert!(said.contains("audit log OK"), "{said}");
    let text = std::fs::read_to_string(file(&service)).unwrap();
    assert_eq!(text.matches("\"action\":\"audit.set-aside\"").count(), 3, "{text}");
    // one byte
    crate::support::judges::put(&file(&service), text.replacen("anna", "anne", 1).replacen("\"root\"", "\"rood\"", 1));
    let args = ["audit", "verify", "data/audit", "--config", "pki/reroot.toml"];
    let said = service.workshop.reroot(&args).run().expect(1).out();
    assert!(said.contains("[journal.chain]") && said.contains("audit log verification FAILED"), "{said}");
}

#[test]
fn readiness_and_metrics_say_what_works() {
    let service = Service::with_batches();
    let ready = super::client::ask(&service.address, "GET", "/readyz", &[], b"").expect(503).json();
    let parts: Vec<(&str, bool)> = ready["parts"]
        .as_array()
        .unwrap()
        .iter()
        .map(|part| (part["part"].as_str().unwrap(), part["works"].as_bool().unwrap()))
        .collect();
    // no signer was started
    assert!(parts.contains(&("signer", false)), "{parts:?}");
    for part in ["audit-log", "catalog", "clock", "disk", "ledger", "store"] {
        assert!(parts.contains(&(part, true)), "{part}: {parts:?}");
    }
    // one that takes connections and says nothing is not waited for for long
    let socket = std::os::unix::net::UnixListener::bind(service.workshop.path("signer.sock")).unwrap();
    super::client::ask(&service.address, "GET", "/readyz", &[], b"").expect(503);
    drop(socket);
    Run::tool("rm").arg(service.workshop.path("signer.sock")).run().success();
    let signer = service.signer();
    service.until(|| super::client::ask(&service.address, "GET", "/readyz", &[], b"").status == 200);
    drop(signer);
    let text = super::client::ask(&service.metrics, "GET", "/metrics", &[], b"").expect(200).text();
    for line in [
        "reroot_catalog_batches 2\n",
        "reroot_catalog_chips 10\n",
        "reroot_ready{part=\"ledger\"} 1\n",
        "reroot_http_requests_total{method=\"GET\",route=\"/readyz\",status=\"200\"} 1\n",
        "# EOF\n",
    ] {
        assert!(text.contains(line), "{line}{text}");
    }
    // the API does not have them, and the listener has nothing else
    super::client::ask(&service.address, "GET", "/metrics", &[], b"").problem(404, "request.path-unknown");
    super::client::ask(&service.metrics, "GET", "/v1/version", &[], b"").expect(404);
}
