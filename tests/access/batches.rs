//! Batches, their files and their findings.

use std::io::Read as _;

use super::client::ask;
use super::service::{Service, workshop};
use crate::support::pki::archive;

fn with(service: &Service, token: &str, path: &str, header: (&str, &str)) -> super::client::Answer {
    let bearer = format!("Bearer {token}");
    ask(&service.address, "GET", path, &[("Authorization", &bearer), header], b"")
}

#[test]
fn files_are_those_of_the_batch_whole_in_parts_or_not_at_all() {
    let service = Service::with_batches();
    let token = service.new_token("anna", &["viewer"]);
    let batch = service.workshop.statement("data/batches/one")["batch"].as_str().unwrap().to_owned();
    let base = format!("/v1/batches/{batch}");
    let shown = service.get(&token, &base).expect(200).json();
    assert_eq!((&shown["issued"], &shown["rejected"]), (&6.into(), &0.into()));
    let names: Vec<String> =
        shown["files"].as_array().unwrap().iter().map(|file| file["name"].as_str().unwrap().to_owned()).collect();
    let files = service.workshop.files("data/batches/one");
    assert_eq!(names, files.iter().map(|(name, _)| name.clone()).collect::<Vec<_>>());
    for (name, content) in &files {
        let path = format!("{base}/files/{name}");
        let answer = service.get(&token, &path).expect(200);
        assert_eq!(answer.body, *content, "{name}");
        let tag = format!("\"{}\"", reroot::crypto::sha256(content));
        assert_eq!(answer.header("etag"), Some(&*tag));
        assert_eq!(answer.header("content-disposition"), Some(&*format!("attachment; filename=\"{name}\"")));
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
        let known = with(&service, &token, &path, ("If-None-Match", &tag)).expect(304);
        assert!(known.body.is_empty());
        // nothing has parts
        if content.is_empty() {
            with(&service, &token, &path, ("Range", "bytes=0-0")).problem(416, "request.range");
            continue;
        }
        let part = with(&service, &token, &path, ("Range", "bytes=3-7")).expect(206);
        assert_eq!(part.body, content[3..8]);
        assert_eq!(part.header("content-range"), Some(&*format!("bytes 3-7/{}", content.len())));
        let end = with(&service, &token, &path, ("Range", "bytes=-2")).expect(206);
        assert_eq!(end.body, content[content.len() - 2..]);
        let beyond = with(&service, &token, &path, ("Range", "bytes=99999999-")).problem(416, "request.range");
        assert_eq!(beyond.header("content-range"), Some(&*format!("bytes */{}", content.len())));
    }
    for other in ["nothing", "..%2f..%2fjobs.sqlite", "%2e%2e", "manifest.json%00", "%2Fetc%2Fpasswd"] {
        let answer = service.get(&token, &format!("{base}/files/{other}"));
        assert!([400, 404].contains(&answer.status), "{other}: {}", answer.text());
    }
    service.get(&token, "/v1/batches/none").problem(404, "batch.unknown");
    // a file beside those of the statement is not sent, and neither is a link
    let folder = service.workshop.path("data/batches/one");
    std::os::unix::fs::symlink("/etc/passwd", folder.join("link.pem")).unwrap();
    crate::support::judges::put(&folder.join("more.pem"), "more");
    for other in ["link.pem", "more.pem"] {
        service.get(&token, &format!("{base}/files/{other}")).problem(404, "batch.file-unknown");
    }
    // the pack is that of the catalog
    let auditor = service.new_token("bert", &["auditor"]);
    let mut pack = Vec::new();
    let path = service.workshop.path(&format!("data/catalog/{batch}.pack"));
    std::fs::File::open(path).unwrap().read_to_end(&mut pack).unwrap();
    assert_eq!(service.get(&auditor, &format!("{base}/pack")).expect(200).body, pack);
}

#[test]
fn pages_follow_each_other_and_a_cursor_cannot_be_made_up() {
    let service = Service::with_batches();
    let token = service.new_token("anna", &["viewer"]);
    let first = service.get(&token, "/v1/batches?limit=1").expect(200).json();
    let cursor = first["next"].as_str().unwrap();
    let second = service.get(&token, &format!("/v1/batches?limit=1&cursor={cursor}")).expect(200).json();
    assert!(first["items"][0]["id"].as_str() > second["items"][0]["id"].as_str(), "newest first");
    assert!(second["next"].is_null() && first.get("total").is_none());
    let changed = cursor.replacen(&cursor[..1], if cursor.starts_with('0') { "1" } else { "0" }, 1);
    for (query, said) in [
        (format!("cursor={changed}"), "`cursor` is not one of this list"),
        ("cursor=zz".to_owned(), "`cursor` is not one of this list"),
        ("limit=0".to_owned(), "`limit` is 0, expected 1 to 1000"),
        ("limit=1001".to_owned(), "`limit` is 1001"),
        ("limit=x".to_owned(), "limit"),
        ("more=1".to_owned(), "more"),
    ] {
        let answer = service.get(&token, &format!("/v1/batches?{query}")).problem(400, "request.malformed");
        assert!(answer.text().contains(said), "{}", answer.text());
    }
}

#[test]
fn findings_are_paged_and_streamed() {
    let workshop = workshop();
    let leaf = workshop.pki.leaf(0);
    // names as an archive can have them
    let hostile = ["a<script>alert(1)</script>.txt", "b\u{202e}gnp.der", "c\"'&.txt", "d.txt", "e.txt"];
    let mut files: Vec<(&str, &[u8])> = hostile.iter().map(|name| (*name, &b"no certificate"[..])).collect();
    files.push(("leaf.der", &leaf.der));
    workshop.write("reel.zip", &archive::zip(&files));
    workshop.issue("reel.zip", "data/batches/one", &["--on-reject", "skip"]).expect(1);
    let service = Service::start(workshop, "");
    service.wait_for_batches(1);
    let token = service.new_token("anna", &["auditor"]);
    let batch = service.workshop.statement("data/batches/one")["batch"].as_str().unwrap().to_owned();
    let expected = service.workshop.rejected("data/batches/one");
    assert!(expected.len() >= hostile.len(), "{expected:?}");
    let base = format!("/v1/batches/{batch}/findings");
    let mut found = Vec::new();
    let mut path = format!("{base}?limit=2");
    loop {
        let page = service.get(&token, &path).expect(200).json();
        let items = page["items"].as_array().unwrap();
        assert!(items.len() <= 2);
        found.extend(items.iter().cloned());
        let Some(next) = page["next"].as_str() else { break };
        path = format!("{base}?limit=2&cursor={next}");
    }
    assert_eq!(found, expected);
    let streamed = with(&service, &token, &base, ("Accept", "application/x-ndjson")).expect(200);
    assert_eq!(streamed.header("content-type"), Some("application/x-ndjson"));
    let file = std::fs::read(service.workshop.path("data/batches/one/rejected.jsonl")).unwrap();
    assert_eq!(streamed.body, file);
    assert!(file.is_ascii(), "no name moves a cursor");
}
