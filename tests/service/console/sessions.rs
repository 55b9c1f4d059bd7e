//! Sessions, forms, hosts and headers.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::{Browser, FORM, SAME, text};
use crate::bench::{Bench, link_of};

#[test]
fn a_link_logs_in_once_and_a_logout_ends_the_session() {
    let bench = Bench::new();
    let service = bench.start();
    let stranger = Browser::new(service.address);
    let led = stranger.get("/console/jobs").expect(303);
    assert_eq!(led.headers["location"], "/console/login");
    assert_eq!(stranger.get("/").expect(303).headers["location"], "/console/");
    let path = format!("/console/login/link/{}", hex::encode(link_of("anna")));
    // looking at a link does not use it up
    for _ in 0..2 {
        assert!(stranger.page(&path).contains("Log in as anna"));
    }
    let anna = Browser::of(&service, "anna");
    let cookie = anna.cookie.clone().unwrap();
    assert!(cookie.starts_with("reroot=") && cookie.len() == "reroot=".len() + 64, "{cookie}");
    let secret = format!("secret={}", hex::encode(link_of("anna")));
    let again = stranger.send("POST", "/console/login/link", &[SAME, FORM], secret.as_bytes()).expect(401);
    assert!(text(&again).contains("was used already") && !again.headers.contains_key("set-cookie"));
    stranger.get(&path).expect(401);
    assert!(anna.page("/console/").contains("<strong>anna</strong>"));
    // a session is not an API token, and a token no session
    service.stranger().send("GET", "/v1/jobs", &[("cookie", &cookie)], &[]).problem(401, "auth.missing");
    service.of("anna").get("/console/jobs").expect(303);
    let out = anna.form("/console/logout", &[]).expect(303);
    assert!(out.headers["set-cookie"].contains("Max-Age=0"));
    anna.get("/console/").expect(303);
    let audit = std::fs::read_dir(bench.data("audit")).unwrap().map(|file| file.unwrap().path());
    let log: String = audit.map(|path| std::fs::read_to_string(path).unwrap()).collect();
    for (action, result) in [("console.login", "done"), ("console.login", "refused"), ("console.logout", "done")] {
        let fits = |line: &&str| line.contains(&format!("\"{action}\"")) && line.contains(&format!("\"{result}\""));
        assert!(log.lines().any(|line| fits(&line)), "{action} {result}: {log}");
    }
}

#[test]
fn the_cookie_is_for_this_site_alone() {
    let bench = Bench::new();
    let service = bench.start();
    let mut browser = Browser::new(service.address);
    let secret = format!("secret={}", hex::encode(link_of("bert")));
    let answer = browser.send("POST", "/console/login/link", &[SAME, FORM], secret.as_bytes()).expect(200);
    let set = &answer.headers["set-cookie"];
    for part in ["; HttpOnly", "; SameSite=Strict", "; Path=/", "; Max-Age=43200"] {
        assert!(set.contains(part), "{set}");
    }
    // the session of a browser that came with a cookie of someone else's choice is a new one
    browser.cookie = Some(format!("reroot={}", "0".repeat(64)));
    browser.get("/console/").expect(303);
    browser.keep(&answer);
    browser.get("/console/").expect(200);
    assert!(!browser.cookie.unwrap().ends_with(&"0".repeat(64)));
}

#[test]
fn a_form_that_is_not_of_this_session_is_refused() {
    let bench = Bench::new();
    let service = bench.start();
    let (anna, bert) = (Browser::of(&service, "anna"), Browser::of(&service, "bert"));
    let (mine, other) = (format!("form_token={}", anna.token()), format!("form_token={}", bert.token()));
    let host = service.address.to_string();
    let (own, evil) = (format!("http://{host}"), "http://evil.example".to_owned());
    let send = |headers: &[(&str, &str)], body: &str| {
        let headers: Vec<(&str, &str)> = [&[FORM], headers].concat();
        anna.send("POST", "/console/jobs/0/cancel", &headers, body.as_bytes())
    };
    for (headers, body) in [
        (&[SAME][..], ""),
        (&[SAME], "form_token="),
        (&[SAME], other.as_str()),
        (&[], mine.as_str()),
        (&[("sec-fetch-site", "cross-site")], mine.as_str()),
        (&[("sec-fetch-site", "same-site")], mine.as_str()),
        (&[("sec-fetch-site", "none")], mine.as_str()),
        (&[("origin", evil.as_str())], mine.as_str()),
        (&[("origin", "null")], mine.as_str()),
        (&[("sec-fetch-site", "cross-site"), ("origin", own.as_str())], mine.as_str()),
    ] {
        let answer = send(headers, body).expect(403);
        assert!(text(&answer).contains("console.form-foreign"), "{headers:?}");
    }
    // the same form from a page of this session reaches the API, which knows no such job
    for headers in [&[SAME][..], &[("origin", own.as_str())]] {
        assert!(text(&send(headers, &mine).expect(404)).contains("job.unknown"));
    }
    let json = anna.send("POST", "/console/jobs/0/cancel", &[SAME, ("content-type", "text/plain")], mine.as_bytes());
    assert!(text(&json.expect(415)).contains("request.media-type"));
    // and the form with a file
    let body = "--e\r\nContent-Disposition: form-data; name=\"form_token\"\r\n\r\nx\r\n--e\r\nContent-Disposition: form-data; \
                name=\"file\"; filename=\"a\"\r\n\r\nb\r\n--e--\r\n";
    let kind = ("content-type", "multipart/form-data; boundary=e");
    let refused = anna.send("POST", "/console/uploads", &[SAME, kind], body.as_bytes()).expect(403);
    assert!(text(&refused).contains("console.form-foreign"));
    assert!(bench.names("uploads").is_empty());
}

#[test]
fn what_a_page_of_a_different_site_sends_to_the_api_is_refused() {
    let bench = Bench::new();
    let service = bench.start();
    let anna = service.of("anna");
    for site in ["cross-site", "same-site"] {
        let headers = [("sec-fetch-site", site)];
        anna.send("POST", "/v1/jobs/0/cancel", &headers, &[]).problem(403, "console.form-foreign");
        anna.send("GET", "/v1/jobs", &headers, &[]).expect(200);
    }
    anna.send("POST", "/v1/jobs/0/cancel", &[], &[]).problem(404, "job.unknown");
}

#[test]
fn an_unknown_host_is_refused_and_a_listed_one_is_not() {
    let mut bench = Bench::new();
    bench.settings.console.hosts = vec!["reroot.example".to_owned()];
    let service = bench.start();
    let ask = |host: &str| {
        let text = format!("GET /console/login HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n");
        let mut stream = service.stranger().connect().unwrap();
        std::io::Write::write_all(&mut stream, text.as_bytes()).unwrap();
        let mut answer = String::new();
        std::io::Read::read_to_string(&mut stream, &mut answer).unwrap();
        answer.split(' ').nth(1).unwrap().to_owned()
    };
    for good in ["127.0.0.1", "localhost:1", "LOCALHOST", "[::1]:443", "reroot.example", "Reroot.Example:8443"] {
        assert_eq!(ask(good), "200", "{good}");
    }
    for bad in ["evil.example", "reroot.example.evil", "127.0.0.1.evil.example", "10.0.0.1", ""] {
        assert_eq!(ask(bad), "421", "{bad}");
    }
}

/// Seconds by which the clock of the test below is ahead.
static LATER: AtomicU64 = AtomicU64::new(0);

#[test]
fn a_session_ends_when_it_rests_and_after_twelve_hours_in_any_case() {
    let mut bench = Bench::new();
    bench.clock = || crate::bench::clock() + Duration::from_secs(LATER.load(Ordering::Relaxed));
    let service = bench.start();
    let minutes = |minutes: u64| LATER.store(minutes * 60, Ordering::Relaxed);
    let (anna, bert) = (Browser::of(&service, "anna"), Browser::of(&service, "bert"));
    let alive = |browser: &Browser| match browser.get("/console/").status {
        200 => true,
        303 => false,
        status => panic!("{status}"),
    };
    let late = Browser::new(service.address);
    let link = format!("/console/login/link/{}", hex::encode(link_of("carl")));
    minutes(14);
    assert!(late.page(&link).contains("Log in as carl"));
    minutes(29);
    late.get(&link).expect(401);
    assert!(alive(&anna));
    // anna's last request was half a minute ago; bert's half an hour
    minutes(31);
    assert!(alive(&anna) && !alive(&bert));
    for at in (31..719).step_by(29) {
        minutes(at);
        assert!(alive(&anna), "after {at} minutes");
    }
    minutes(719);
    assert!(alive(&anna));
    minutes(720);
    assert!(!alive(&anna));
    // what ended stays so, also where the clock goes back
    minutes(0);
    assert!(!alive(&anna) && !alive(&bert));
}
