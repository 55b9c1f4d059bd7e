//! Logging into the console over TLS, by a client certificate, and by a link that the program makes.

#![expect(clippy::unwrap_used, reason = "also in what the tests share")]

use super::certificates::{TLS, as_admin, ask_as, make, user};
use super::client::{Answer, ask};
use super::service::{Service, workshop};

/// What a browser sends with a form of the console.
const FORM: [(&str, &str); 2] =
    [("Sec-Fetch-Site", "same-origin"), ("Content-Type", "application/x-www-form-urlencoded")];

/// The cookie that an answer sets.
fn cookie(answer: &Answer) -> String {
    let set = answer.header("set-cookie").expect("a cookie is set");
    set.split(';').next().expect("a name and a value").to_owned()
}

#[test]
fn a_client_certificate_logs_in_and_its_cookie_is_for_tls_alone() {
    let workshop = workshop();
    make(&workshop);
    let mut service = Service::start(workshop, TLS);
    for name in ["anna", "revoked", "expired", "stranger"] {
        as_admin(&service, "POST", "/v1/users", &user(&service, name, &["viewer"], name)).expect(201);
    }
    let page = |name| ask_as(&service, name, "GET", "/console/login", &[], b"").map(|answer| answer.expect(200).text());
    assert!(page(Some("anna")).unwrap().contains("Log in with your client certificate"));
    assert!(page(None).unwrap().contains("Your browser has not shown one"));
    let log_in = |name| ask_as(&service, name, "POST", "/console/login/certificate", &FORM, b"");
    let answer = log_in(Some("anna")).unwrap().expect(200);
    let set = answer.header("set-cookie").unwrap();
    for part in ["__Host-reroot=", "; Path=/;", "; HttpOnly", "; SameSite=Strict", "; Secure"] {
        assert!(set.contains(part), "{set}");
    }
    assert!(!set.contains("Domain"), "{set}");
    assert_eq!(answer.header("strict-transport-security"), Some("max-age=31536000"));

    // the session is anna's with the certificate or without it, and under no other name of the cookie
    let cookie = cookie(&answer);
    let get = |name, cookie: &str| ask_as(&service, name, "GET", "/console/", &[("Cookie", cookie)], b"").unwrap();
    for name in [None, Some("anna"), Some("bert")] {
        assert!(get(name, &cookie).expect(200).text().contains("<strong>anna</strong>"));
    }
    get(Some("anna"), cookie.strip_prefix("__Host-").unwrap()).expect(303);
    get(Some("anna"), "").expect(303);

    // a certificate of no user, none, and those that are refused before anything is asked
    let refused = log_in(Some("bert")).unwrap().expect(401);
    assert!(refused.header("set-cookie").is_none() && refused.text().contains("auth.refused"), "{}", refused.text());
    assert!(log_in(None).unwrap().expect(401).text().contains("auth.missing"));
    for name in ["revoked", "expired", "stranger"] {
        assert!(log_in(Some(name)).is_none(), "{name}: the handshake fails");
    }
    // the form of a different site, with the certificate that the browser shows by itself
    let foreign = [("Sec-Fetch-Site", "cross-site"), FORM[1]];
    let foreign = ask_as(&service, Some("anna"), "POST", "/console/login/certificate", &foreign, b"").unwrap();
    assert!(foreign.header("set-cookie").is_none() && foreign.expect(403).text().contains("console.form-foreign"));

    // the session ends with its user
    as_admin(&service, "DELETE", "/v1/users/anna", "").expect(204);
    get(Some("anna"), &cookie).expect(303);
    service.verified_audit();
    let log = audit(&service);
    assert!(log.iter().any(|line| line.contains("console.login") && line.contains("\"auth\":\"certificate\"")));
}

/// The events of the audit log.
fn audit(service: &Service) -> Vec<String> {
    let files = std::fs::read_dir(service.workshop.path("data/audit")).unwrap().map(|file| file.unwrap().path());
    let mut files: Vec<_> = files.filter(|path| path.extension().is_some_and(|end| end == "jsonl")).collect();
    files.sort();
    let texts = files.into_iter().map(|path| std::fs::read_to_string(path).unwrap());
    texts.flat_map(|text| text.lines().map(str::to_owned).collect::<Vec<_>>()).collect()
}

/// The path of a link that the program makes.
fn link(service: &Service, more: &[&str]) -> String {
    let args = [&["serve", "--config", "service.toml", "--login-link"], more].concat();
    let run = service.workshop.reroot(&args).run().success();
    assert!(run.err().contains("this link logs in once, within 15 minutes"), "{}", run.err());
    let link = run.out();
    let (host, path) = link.trim().split_once("/console/").expect("a link to the console");
    assert_eq!(host, "http://127.0.0.1:0", "as the settings say");
    format!("/console/{path}")
}

fn log_in(service: &Service, link: &str) -> Answer {
    let secret = format!("secret={}", link.rsplit('/').next().unwrap());
    ask(&service.address, "POST", "/console/login/link", &FORM, secret.as_bytes())
}

#[test]
fn a_link_is_made_before_the_service_starts_and_while_it_runs() {
    let mut service = Service::start(workshop(), "");
    service.end("-TERM");
    let before = link(&service, &["anna", "--login-role", "admin"]);
    service.again();
    let meanwhile = link(&service, &["audra", "--login-role", "auditor", "--login-role", "viewer"]);
    for (link, name) in [(&before, "anna"), (&meanwhile, "audra")] {
        assert!(ask(&service.address, "GET", link, &[], b"").expect(200).text().contains(&format!("Log in as {name}")));
        let session = cookie(&log_in(&service, link).expect(200));
        let page = ask(&service.address, "GET", "/console/", &[("Cookie", &session)], b"").expect(200).text();
        assert!(page.contains(&format!("<strong>{name}</strong>")), "{page}");
        log_in(&service, link).expect(401);
        // the role is that of the link, for this session
        let users = ask(&service.address, "GET", "/console/admin", &[("Cookie", &session)], b"").expect(200).text();
        assert_eq!(users.contains("Add the user"), name == "anna", "{users}");
    }
    let user = serde_json::json!({"name": "olga", "roles": ["operator"], "certificates": []}).to_string();
    service.ask(&service.admin, "POST", "/v1/users", user.as_bytes()).expect(201);
    log_in(&service, &link(&service, &["olga"])).expect(200);
    for (args, said) in [
        (&["nobody"][..], "`nobody` is not a user of this service"),
        (&["olga", "--login-role", "station"], "invalid value 'station'"),
        (&["o l g a", "--login-role", "viewer"], "name"),
    ] {
        let args = [&["serve", "--config", "service.toml", "--login-link"], args].concat();
        let run = service.workshop.reroot(&args).run();
        assert!(run.code != Some(0) && run.out().is_empty() && run.err().contains(said), "{}", run.err());
    }
    // each link is on the log before its login
    service.verified_audit();
    let log = audit(&service);
    for name in ["anna", "audra", "olga"] {
        let at = |action: &str| {
            let fits = |line: &String| {
                line.contains(&format!("\"{name}\"")) && line.contains(&format!("\"action\":\"{action}\""))
            };
            log.iter().position(fits).unwrap_or_else(|| panic!("{action} of {name}: {log:#?}"))
        };
        assert!(at("login-link") < at("console.login"), "{name}: {log:#?}");
    }
}
