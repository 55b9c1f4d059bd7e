//! Tokens: what they are for, and when they are refused.

use serde_json::json;

use super::client::ask;
use super::service::{Service, soon, workshop};

#[test]
fn a_token_is_for_its_roles_areas_networks_and_time() {
    let service = Service::start(workshop(), "");
    let reader = service.new_token("anna", &["viewer"]);
    service.get(&reader, "/v1/batches").expect(200);
    service.get(&reader, "/v1/tokens").problem(403, "auth.role");

    let chips = service.token("bert", &["viewer"], json!({"areas": ["chips"]})).expect(201).json();
    let chips = chips["text"].as_str().unwrap();
    service.get(chips, "/v1/batches").problem(403, "auth.role");
    service.get(chips, "/v1/chips/0209A021E021C4E1D00139").problem(404, "chip.unknown");

    let inside =
        service.token("carl", &["viewer"], json!({"networks": ["127.0.0.0/8", "10.0.0.0/8"]})).expect(201).json();
    service.get(inside["text"].as_str().unwrap(), "/v1/batches").expect(200);
    let outside = service.token("carl", &["viewer"], json!({"networks": ["192.0.2.0/24"]})).expect(201).json();
    service.get(outside["text"].as_str().unwrap(), "/v1/batches").problem(401, "auth.refused");

    let brief = service.token("dora", &["viewer"], json!({"expires": soon(3)})).expect(201).json();
    let brief = brief["text"].as_str().unwrap();
    service.get(brief, "/v1/batches").expect(200);
    service
        .until(|| service.get(brief, "/v1/version").status == 200 && service.get(brief, "/v1/batches").status == 401);

    let made = service.token("emil", &["viewer"], json!({})).expect(201).json();
    let (id, text) = (made["id"].as_str().unwrap(), made["text"].as_str().unwrap());
    service.get(text, "/v1/batches").expect(200);
    let path = format!("/v1/tokens/{id}");
    let revoked = service.ask(&service.admin, "DELETE", &path, b"").expect(200).json();
    service.get(text, "/v1/batches").problem(401, "auth.refused");
    // once more changes nothing
    assert_eq!(service.ask(&service.admin, "DELETE", &path, b"").expect(200).json(), revoked);
    service.ask(&service.admin, "DELETE", "/v1/tokens/000000000000", b"").problem(404, "token.unknown");

    // the list has no secret of any of them
    let list = service.get(&service.admin, "/v1/tokens?limit=1000").expect(200).text();
    assert!(list.contains("\"owner\":\"emil\"") && list.contains(id), "{list}");
    let secret = |text: &str| text.rsplit('_').next().unwrap().to_owned();
    for text in [&reader, chips, text, &service.admin] {
        assert!(!list.contains(&secret(text)), "{list}");
    }
    let files = ["data/jobs.sqlite", "data/jobs.sqlite-wal"]
        .map(|name| std::fs::read(service.workshop.path(name)).unwrap_or_default());
    for text in [&reader, chips, text, &service.admin] {
        let secret = secret(text);
        assert!(!files.iter().any(|file| file.windows(secret.len()).any(|part| part == secret.as_bytes())));
    }
}

#[test]
fn what_is_no_token_is_refused() {
    let service = Service::start(workshop(), "");
    let good = service.new_token("anna", &["viewer"]);
    let changed = good.replace("rrt_", "rrx_");
    let other = |from: &str, to: &str| good.replacen(from, to, 1);
    for text in [
        "",
        "x",
        &changed,
        &good[..good.len() - 1],
        &other(&good[30..31], if &good[30..31] == "0" { "1" } else { "0" }),
    ] {
        let answer = service.get(text, "/v1/batches").problem(401, "auth.refused");
        assert_eq!(answer.header("www-authenticate"), Some("Bearer"));
    }
    ask(&service.address, "GET", "/v1/batches", &[], b"").problem(401, "auth.missing");
    ask(&service.address, "GET", "/v1/batches", &[("Authorization", "Basic YTpi")], b"").problem(401, "auth.refused");
    // one who guesses has to wait
    let mut last = service.get("x", "/v1/batches");
    for _ in 0..40 {
        last = service.get("x", "/v1/batches");
    }
    let seconds: u64 = last.problem(429, "request.too-many").header("retry-after").unwrap().parse().unwrap();
    assert!((1..=60).contains(&seconds));
    // and so do those behind the same address; what is open stays so
    service.get(&good, "/v1/batches").problem(429, "request.too-many");
    ask(&service.address, "GET", "/livez", &[], b"").expect(200);
}

#[test]
fn what_a_token_cannot_have_is_refused_with_its_member() {
    let service = Service::start(workshop(), "");
    for (more, said) in [
        (json!({"owner": "a b"}), "`owner` must have"),
        (json!({"owner": "anna\n"}), "`owner` must have"),
        (json!({"roles": []}), "`roles` is empty"),
        (json!({"roles": ["auditor", "operator"]}), "combines auditor with operator"),
        (json!({"roles": ["station", "viewer"]}), "combines station with other roles"),
        (json!({"roles": ["king"]}), "king"),
        (json!({"expires": soon(-1)}), "expected a time within a year"),
        (json!({"expires": soon(400 * 24 * 3600)}), "expected a time within a year"),
        (json!({"expires": "tomorrow"}), "expected a time such as"),
        (json!({"networks": ["10.0.0.1/8"]}), "expected a network such as"),
        (json!({"areas": ["everything"]}), "everything"),
        (json!({"more": 1}), "more"),
    ] {
        let answer = service.token("anna", &["viewer"], more).problem(400, "request.malformed");
        assert!(answer.json()["detail"].as_str().unwrap().contains(said), "{}", answer.text());
    }
}
