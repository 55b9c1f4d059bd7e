//! Uploads: whole and with their digest, or not at all.

use std::io::{Read as _, Write as _};
use std::time::{Duration, Instant};

use base64::Engine as _;
use serde_json::json;

use crate::bench::Bench;
use crate::client::Client;

fn announced(client: &Client, name: &str, bytes: usize) -> (String, String) {
    let upload = client.post("/v1/uploads", &json!({ "name": name, "bytes": bytes })).expect(201);
    let document = upload.json();
    let id = document["id"].as_str().unwrap().to_owned();
    assert_eq!(upload.headers["location"], format!("/v1/uploads/{id}"));
    let content = document["content"].as_str().unwrap().to_owned();
    (id, content)
}

fn digest(content: &[u8]) -> String {
    let digest = reroot::crypto::sha256(content);
    let bytes = hex::decode(digest.to_string()).unwrap();
    format!("sha-256=:{}:", base64::engine::general_purpose::STANDARD.encode(bytes))
}

#[test]
fn a_content_that_is_not_what_was_said_is_refused_and_sent_again() {
    let bench = Bench::new();
    let service = bench.start();
    let anna = service.of("anna");
    let content = b"a reel, or so it was said".as_slice();
    let (id, place) = announced(&anna, "reel.zip", content.len());

    anna.send("PUT", &place, &[], &content[1..]).problem(422, "upload.length");
    let wrong = digest(b"something else");
    anna.send("PUT", &place, &[("content-digest", &wrong)], content).problem(422, "upload.digest");
    anna.send("PUT", &place, &[("content-digest", "sha-512=:AAAA:")], content).problem(400, "request.malformed");
    let chunked = "PUT {} HTTP/1.1\r\nhost: x\r\nconnection: close\r\nauthorization: Bearer secret-of-anna\r\n\
                   transfer-encoding: chunked\r\n\r\n0\r\n\r\n";
    let mut stream = anna.connect().unwrap();
    stream.write_all(chunked.replace("{}", &place).as_bytes()).unwrap();
    let mut said = String::new();
    stream.read_to_string(&mut said).unwrap();
    assert!(said.starts_with("HTTP/1.1 411") && said.contains("request.length-required"), "{said}");
    assert_eq!(bench.names("uploads"), Vec::<String>::new(), "nothing is left of them");

    let right = digest(content);
    let sent = anna.send("PUT", &place, &[("content-digest", &right)], content).expect(200).json();
    assert_eq!(
        (sent["state"].as_str(), &sent["sha256"]),
        (Some("received"), &json!(reroot::crypto::sha256(content).to_string()))
    );
    assert_eq!(std::fs::read(bench.data("uploads").join(&id)).unwrap(), content);
    // the answer was lost, and the sender tries again
    anna.send("PUT", &place, &[("content-digest", &right)], content).expect(200);
    anna.send("PUT", &place, &[("content-digest", &wrong)], content).problem(409, "upload.in-use");
    anna.send("DELETE", &format!("/v1/uploads/{id}"), &[], &[]).expect(204);
    assert_eq!(bench.names("uploads"), Vec::<String>::new());
    anna.get(&format!("/v1/uploads/{id}")).problem(404, "upload.unknown");
}

#[test]
fn the_digest_that_was_announced_counts_too() {
    let bench = Bench::new();
    let service = bench.start();
    let anna = service.of("anna");
    let new = json!({ "name": "reel.zip", "bytes": 4, "sha256": reroot::crypto::sha256(b"good").to_string() });
    let upload = anna.post("/v1/uploads", &new).expect(201).json();
    let place = upload["content"].as_str().unwrap();
    anna.send("PUT", place, &[], b"evil").problem(422, "upload.digest");
    anna.send("PUT", place, &[], b"good").expect(200);
    anna.post("/v1/uploads", &json!({ "name": "x", "bytes": 4, "sha256": "AB" })).problem(400, "request.malformed");
}

#[test]
fn a_sender_that_breaks_off_leaves_nothing_and_sends_again() {
    let bench = Bench::new();
    let service = bench.start();
    let anna = service.of("anna");
    let content = vec![7_u8; 3 << 20];
    let (id, place) = announced(&anna, "reel.zip", content.len());
    let mut stream = anna.connect().unwrap();
    stream.write_all(anna.head("PUT", &place, &[], content.len()).as_bytes()).unwrap();
    stream.write_all(&content[..2 << 20]).unwrap();
    wait_until("the partial file is there", || !bench.names("uploads").is_empty());
    // a second sender of the same content is sent away, and the first one goes on
    anna.send("PUT", &place, &[], &content).problem(409, "upload.in-use");
    anna.send("DELETE", &format!("/v1/uploads/{id}"), &[], &[]).problem(409, "upload.in-use");
    drop(stream);
    wait_until("the partial file is gone", || bench.names("uploads").is_empty());
    anna.send("PUT", &place, &[], &content).expect(200);
    assert_eq!(bench.names("uploads"), [id]);
}

#[test]
fn what_an_earlier_process_left_half_written_is_removed() {
    let bench = Bench::new();
    let (id, place) = announced(&bench.start().of("anna"), "reel.zip", 4);
    crate::support::judges::put(&bench.data("uploads").join(format!("{id}.partial")), b"ha");
    // a kill between the file's name and the store
    crate::support::judges::put(&bench.data("uploads").join(&id), b"half");
    let service = bench.start();
    service.of("anna").send("PUT", &place, &[], b"good").expect(200);
    assert_eq!(bench.names("uploads"), std::slice::from_ref(&id));
    assert_eq!(std::fs::read(bench.data("uploads").join(&id)).unwrap(), b"good");
}

#[test]
fn limits_are_said_before_anything_is_sent() {
    let mut bench = Bench::new();
    bench.settings.limits.upload_bytes = 1000;
    bench.settings.limits.uploads_per_user = 2;
    {
        let service = bench.start();
        let anna = service.of("anna");
        anna.post("/v1/uploads", &json!({ "name": "x", "bytes": 1001 })).problem(413, "request.too-large");
        anna.post("/v1/uploads", &json!({ "name": "x", "bytes": 0 })).problem(400, "request.malformed");
        anna.post("/v1/uploads", &json!({ "name": "", "bytes": 1 })).problem(400, "request.malformed");
        announced(&anna, "one", 10);
        let (_, place) = announced(&anna, "two", 10);
        let third = anna.post("/v1/uploads", &json!({ "name": "three", "bytes": 10 }));
        assert_eq!(third.headers["retry-after"], "60");
        third.problem(429, "upload.too-many");
        // a different operator has places of their own, and a content that has arrived takes none
        announced(&service.of("carl"), "one", 10);
        anna.send("PUT", &place, &[], b"0123456789").expect(200);
        announced(&anna, "three", 10);
    }
    bench.settings.limits.free_bytes = 1 << 60;
    let service = bench.start();
    let (_, place) = announced(&service.of("carl"), "x", 10);
    service.of("carl").send("PUT", &place, &[], b"0123456789").problem(507, "upload.no-space");
}

#[test]
fn an_upload_is_its_owner_s_alone() {
    let bench = Bench::new();
    let service = bench.start();
    let (id, place) = announced(&service.of("anna"), "reel.zip", 4);
    let path = format!("/v1/uploads/{id}");
    service.of("carl").get(&path).problem(404, "upload.unknown");
    service.of("carl").send("PUT", &place, &[], b"evil").problem(404, "upload.unknown");
    service.of("carl").send("DELETE", &path, &[], &[]).problem(404, "upload.unknown");
    assert_eq!(service.of("carl").get("/v1/uploads").json()["items"], json!([]));
    assert_eq!(service.of("audra").get(&path).expect(200).json()["owner"], "anna");
    // each is on one page, whatever was announced in the same second
    let mut all = vec![id, announced(&service.of("anna"), "b.zip", 4).0, announced(&service.of("carl"), "c.zip", 4).0];
    let mut seen = Vec::new();
    let mut page = service.of("audra").get("/v1/uploads?limit=2").expect(200).json();
    loop {
        let items = page["items"].as_array().unwrap();
        seen.extend(items.iter().map(|one| one["id"].as_str().unwrap().to_owned()));
        let Some(next) = page["next"].as_str() else { break };
        page = service.of("audra").get(&format!("/v1/uploads?limit=2&cursor={next}")).expect(200).json();
    }
    all.sort();
    seen.sort();
    assert_eq!(seen, all);
    service.of("audra").send("PUT", &place, &[], b"evil").problem(403, "auth.role");
    service.of("bert").post("/v1/uploads", &json!({ "name": "x", "bytes": 1 })).problem(403, "auth.role");
    service.stranger().get(&path).problem(401, "auth.missing");
    let thief = Client { token: Some("secret-of-ann".to_owned()), ..service.stranger() };
    thief.get(&path).problem(401, "auth.refused");
}

#[test]
fn ten_uploads_at_once_arrive_whole() {
    let mut bench = Bench::new();
    bench.settings.limits.uploads_per_user = 10;
    let service = bench.start();
    let anna = service.of("anna");
    let places: Vec<String> = (0..10).map(|at| announced(&anna, &format!("reel-{at}"), 8 << 20).1).collect();
    std::thread::scope(|scope| {
        for (at, place) in places.iter().enumerate() {
            let anna = anna.clone();
            scope.spawn(move || {
                let content = vec![u8::try_from(at).unwrap(); 8 << 20];
                let sent = anna.send("PUT", place, &[("content-digest", &digest(&content))], &content);
                sent.expect(200);
            });
        }
    });
    assert_eq!(bench.names("uploads").len(), 10);
}

pub(crate) fn wait_until(what: &str, mut holds: impl FnMut() -> bool) {
    let end = Instant::now() + Duration::from_secs(20);
    while !holds() {
        assert!(Instant::now() < end, "not within 20 s: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}
