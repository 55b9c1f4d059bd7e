//! Names and texts made to do harm: they are in answers as data, and nowhere as paths.

use serde_json::json;

use crate::bench::Bench;
use crate::support::pki::archive;

const NAMES: [&str; 8] = [
    "../../../etc/passwd",
    "/etc/passwd",
    "reel\u{1b}[2J\u{1b}]0;owned\u{7}.zip",
    "reel\u{202e}piz.exe",
    "<script>alert(1)</script>",
    "a\r\nset-cookie: x=y",
    "nul\u{0}byte",
    "=HYPERLINK(\"http://evil\")",
];

#[test]
fn names_are_data_in_every_answer() {
    let mut bench = Bench::new();
    bench.settings.limits.uploads_per_user = 100;
    let service = bench.start();
    let anna = service.of("anna");
    for name in NAMES {
        let new = anna.post("/v1/uploads", &json!({ "name": name, "bytes": 4 })).expect(201);
        assert_eq!(new.json()["name"], name, "the value is what was sent");
        assert!(!new.headers.contains_key("set-cookie"));
        let id = new.json()["id"].as_str().unwrap().to_owned();
        anna.send("PUT", &format!("/v1/uploads/{id}/content"), &[], b"junk").expect(200);
        let shown = String::from_utf8(anna.get(&format!("/v1/uploads/{id}")).body).unwrap();
        let moves = |character: char| character != '\n' && (character.is_control() || character == '\u{202e}');
        assert!(!shown.contains(moves), "{shown:?}");
        let job = json!({ "kind": "issue", "inputs": [id], "policy": name, "params": { name: name } });
        let said = anna.post("/v1/jobs", &job).problem(404, "policy.unknown");
        assert!(!said["detail"].as_str().unwrap().contains(moves), "{said:?}");
    }
    assert_eq!(bench.names("uploads").len(), NAMES.len());
    assert!(bench.names("uploads").iter().all(|name| name.len() == 32 && name.bytes().all(|b| b.is_ascii_hexdigit())));
}

/// Items of an archive with such names: findings and results stay printable, and nothing is written outside.
#[test]
fn names_inside_an_archive_are_data_too() {
    let bench = Bench::new();
    let service = bench.start();
    let anna = service.of("anna");
    let leaf = bench.workshop.pki.leaf(1).der.clone();
    let broken = &leaf[..leaf.len() - 1];
    let files: Vec<(&str, &[u8])> =
        NAMES.iter().filter(|name| !name.contains('\u{0}')).map(|name| (*name, broken)).collect();
    let upload = anna.upload("reel.zip", &archive::zip(&files));
    let spec = json!({ "kind": "issue", "inputs": [upload], "policy": Bench::policy(), "params": { "lot": "A1" } });
    let job = anna.post("/v1/jobs", &spec).expect(202).json()["id"].as_str().unwrap().to_owned();
    let refused = anna.wait_for(&job, &["refused"]);
    assert!(refused["problem"].is_object());
    let shown = String::from_utf8(anna.get(&format!("/v1/jobs/{job}")).body).unwrap();
    assert!(
        !shown.contains(|character: char| character != '\n' && (character.is_control() || character == '\u{202e}'))
    );
    assert!(!bench.data("passwd").exists() && !bench.workshop.path("etc/passwd").exists());
}

/// Paths and queries that no client of good will sends: each is answered with a problem, none with 5xx.
#[test]
fn no_request_is_answered_with_a_server_error() {
    let bench = Bench::new();
    let service = bench.start();
    let ids = ["x", "..%2f..%2fetc%2fpasswd", "%00", "%ff%fe", "a%0d%0ab", "'%20OR%201=1--", &"9".repeat(2000)];
    let paths = [
        "/v1/uploads/{}",
        "/v1/uploads/{}/content",
        "/v1/jobs/{}",
        "/v1/jobs/{}/events",
        "/v1/jobs/{}/plan",
        "/v1/jobs/{}/export",
        "/v1/jobs/{}/approval-text",
        "/v1/jobs/{}/approvals",
        "/v1/jobs/{}/cancel",
        "/v1/policies/{}",
        "/v1/policies/{}/preview",
        "/v1/policies/{}/state",
        "/v1/jobs?cursor={}",
        "/v1/jobs?limit={}",
        "/v1/jobs?state={}",
        "/{}",
    ];
    for who in ["anna", "bert", "admin", "audra"] {
        let client = service.of(who);
        for path in paths {
            for id in ids {
                let path = path.replace("{}", id);
                for method in ["GET", "POST", "PUT", "DELETE"] {
                    let bodies: [&[u8]; 2] = [b"{}", b"[\"\xff"];
                    for body in if method == "GET" { &bodies[..1] } else { &bodies[..] } {
                        let body: &[u8] = if method == "GET" { &[] } else { body };
                        let answer = client.send(method, &path, &[("content-type", "application/json")], body);
                        assert!((400..500).contains(&answer.status), "{who} {method} {path}: {answer:?}");
                        assert!(answer.json()["code"].is_string(), "{who} {method} {path}");
                        assert_eq!(answer.headers["x-content-type-options"], "nosniff");
                    }
                }
            }
        }
    }
}
