//! Every path of the console, as its router has it: no other site sends its forms, and none has it in a frame.

use reroot_service::console::paths;

use super::{Browser, FORM, SAME, attributes, text};
use crate::bench::Bench;
use crate::client::Answer;

/// A path with something in the place of each name.
fn filled(path: &str) -> String {
    path.split('/').map(|part| if part.starts_with('{') { "0" } else { part }).collect::<Vec<_>>().join("/")
}

/// The paths that a form must not reach, each once.
fn all() -> Vec<String> {
    let paths: Vec<String> = paths().into_iter().map(filled).collect();
    assert!(paths.len() >= 40, "{paths:?}");
    paths
}

#[test]
fn a_form_of_a_different_site_or_session_reaches_no_path() {
    let bench = Bench::new();
    let service = bench.start();
    let (anna, bert) = (Browser::of(&service, "anna"), Browser::of(&service, "bert"));
    let stranger = Browser::new(service.address);
    let (own, other) = (anna.token(), bert.token());
    let mut forms = 0;
    for path in all() {
        let send = |browser: &Browser, site: (&str, &str), token: &str| {
            browser.send("POST", &path, &[site, FORM], format!("form_token={token}&name=x").as_bytes())
        };
        for (site, token) in [
            (("sec-fetch-site", "cross-site"), own.as_str()),
            (("sec-fetch-site", "same-site"), &own),
            (("origin", "https://evil.example"), &own),
            (SAME, &other),
            (SAME, ""),
        ] {
            let answer = send(&anna, site, token).expect(403);
            assert!(text(&answer).contains("console.form-foreign"), "{path} {site:?} {token}");
        }
        // without a session there is nothing but the login, whose forms are of this site too
        let refused = send(&stranger, ("sec-fetch-site", "cross-site"), "").expect(403);
        assert!(text(&refused).contains("console.form-foreign"), "{path}");
        let open = path.starts_with("/console/login") || path.starts_with("/console/assets/");
        assert!(open || text(&send(&stranger, SAME, "").expect(401)).contains("auth.missing"), "{path}");
        // with the token the form is read, where the path has one; a fresh session, as one of them is the logout
        let answer = if path == "/console/logout" { send(&bert, SAME, &other) } else { send(&anna, SAME, &own) };
        assert!(!text(&answer).contains("console.form-foreign"), "{path}");
        forms += usize::from(answer.status != 405);
    }
    assert!(forms >= 20, "{forms} paths take a form");
    // the request that says nothing of where it comes from
    let silent = anna.send("POST", "/console/crls", &[FORM], format!("form_token={own}").as_bytes()).expect(403);
    assert!(text(&silent).contains("console.form-foreign"));
}

#[test]
fn no_answer_can_be_framed_guessed_or_kept() {
    let bench = Bench::new();
    let service = bench.start();
    let anna = Browser::of(&service, "anna");
    let style = attributes(&anna.page("/console/"), "href").into_keys().find(|path| path.contains(".css")).unwrap();
    for path in all().into_iter().chain(["/console/nothing".to_owned(), style]) {
        // a document that goes through to the browser has the policy of the API, which allows nothing
        let passed = path.starts_with("/console/v1/");
        let sender = if path == "/console/logout" { Browser::of(&service, "bert") } else { anna.clone() };
        for answer in [anna.get(&path), Browser::new(service.address).get(&path), sender.form(&path, &[])] {
            checked(&path, passed, &answer);
        }
    }
}

fn checked(path: &str, passed: bool, answer: &Answer) {
    let csp = &answer.headers["content-security-policy"];
    let parts = ["default-src 'none'", "frame-ancestors 'none'"];
    let own = ["script-src 'self';", "style-src 'self';", "base-uri 'none'", "require-trusted-types-for 'script'"];
    for part in parts.iter().chain(own.iter().filter(|_| !passed || answer.status >= 300)) {
        assert!(csp.contains(part), "{path}: {csp}");
    }
    for (name, value) in [
        ("x-frame-options", "DENY"),
        ("x-content-type-options", "nosniff"),
        ("referrer-policy", "same-origin"),
        ("cross-origin-opener-policy", "same-origin"),
        ("cross-origin-resource-policy", "same-origin"),
    ] {
        assert_eq!(answer.headers[name], value, "{path} {name}");
    }
    let kept = path.contains(".css") && answer.status == 200;
    assert_eq!(answer.headers["cache-control"] == "no-store", !kept, "{path}");
}
