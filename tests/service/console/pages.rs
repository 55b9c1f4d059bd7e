//! Every page: what a user may open, and that no text of a user is markup.

use serde_json::json;

use super::{Browser, attributes, escaped, text};
use crate::bench::Bench;
use crate::support::pki::archive;
use crate::support::workshop::POLICY;

/// Pages that are there from the beginning.
const PAGES: [&str; 13] = [
    "/console/",
    "/console/uploads",
    "/console/jobs",
    "/console/jobs/new",
    "/console/batches",
    "/console/crls",
    "/console/revocations",
    "/console/revocations/new",
    "/console/policies",
    "/console/policies/new",
    "/console/stations",
    "/console/audit",
    "/console/admin",
];

/// Those of operators alone.
const OF_OPERATORS: [&str; 2] = ["/console/jobs/new", "/console/revocations/new"];

#[test]
fn a_user_opens_the_pages_of_the_menu_and_no_others() {
    let bench = Bench::new();
    let service = bench.start();
    let many = [&OF_OPERATORS[..], &["/console/uploads", "/console/stations", "/console/audit", "/console/admin"]];
    for (name, refused) in [
        ("anna", &["/console/audit", "/console/admin"][..]),
        ("bert", &many.concat()),
        ("vera", &many.concat()),
        ("audra", &OF_OPERATORS),
        ("admin", &OF_OPERATORS),
    ] {
        let browser = Browser::of(&service, name);
        let menu = attributes(&browser.page("/console/"), "href");
        for path in PAGES {
            let answer = browser.get(path);
            let expected = if refused.contains(&path) { 403 } else { 200 };
            assert_eq!(answer.status, expected, "{name} {path}: {}", text(&answer));
            let shown = menu.contains_key(path);
            assert!(!shown || expected == 200, "the menu of {name} has {path}");
        }
    }
}

#[test]
fn an_auditor_looks_and_does_not_touch() {
    let bench = Bench::new();
    let service = bench.start();
    let audra = Browser::of(&service, "audra");
    let policy = format!("/console/policies/{}", Bench::policy());
    for path in PAGES.iter().copied().filter(|path| !OF_OPERATORS.contains(path)).chain([policy.as_str()]) {
        let page = audra.page(path);
        let actions = attributes(&page, "action");
        let harmless = |action: &String| {
            ["/console/search", "/console/logout", "/console/jobs", "/console/audit", "/console/audit/verify"]
                .contains(&action.as_str())
                // a check of a text stores nothing
                || action == "/console/policies" && !page.contains("Store as a draft")
        };
        assert!(actions.keys().all(harmless), "{path}: {actions:?}");
    }
    for (path, fields) in [
        ("/console/jobs", &[("input", "x"), ("policy", "y")][..]),
        ("/console/jobs/0/cancel", &[]),
        ("/console/jobs/0/approve", &[("console", "yes")]),
        ("/console/uploads/0/remove", &[]),
        ("/console/batches/0/work", &[("to", "csv")]),
        ("/console/crls", &[]),
        ("/console/revocations/new", &[("uids", "x"), ("reason", "superseded")]),
        ("/console/stations", &[("station", "a"), ("batch", "b")]),
        ("/console/stations/a", &[("batch", "b")]),
        (&format!("{policy}/state"), &[("state", "retired"), ("revision", "\"1\"")]),
        ("/console/admin/users", &[("name", "x"), ("role", "viewer")]),
        ("/console/admin/users/remove", &[("name", "x")]),
        ("/console/admin/tokens", &[("owner", "x"), ("role", "viewer"), ("expires", "2027-01-01T00:00:00Z")]),
        ("/console/admin/tokens/revoke", &[("id", "x")]),
    ] {
        let answer = audra.form(path, fields).expect(403);
        assert!(text(&answer).contains("auth.role"), "{path}: {}", text(&answer));
    }
    audra.upload("a.zip", b"x").expect(403);
    assert!(audra.page("/console/audit").contains("console.login"));
    let verified = text(&audra.form("/console/audit/verify", &[]).expect(200));
    assert!(verified.contains("the chain is whole: OK"), "{verified}");
}

/// Names that would be markup, move a cursor or turn text around.
const HOSTILE: [&str; 4] = [
    "<script>alert(1)</script>",
    "\"><img src=x onerror=alert(1)>",
    "a' onfocus='alert(1)",
    "reel\u{202e}piz.\u{1b}[31m{{7*7}}",
];

#[test]
fn names_of_users_are_text_in_every_page() {
    let bench = Bench::new();
    let service = bench.start();
    let (anna, audra, admin) =
        (Browser::of(&service, "anna"), Browser::of(&service, "audra"), Browser::of(&service, "admin"));
    let broken = &bench.workshop.pki.leaf(1).der.clone()[..40];
    let files: Vec<(&str, &[u8])> = HOSTILE.iter().map(|name| (*name, broken)).collect();
    let reel = archive::zip(&files);
    let mut pages: Vec<(&Browser, String)> = PAGES.iter().map(|path| (&audra, (*path).to_owned())).collect();
    pages.retain(|(_, path)| !OF_OPERATORS.contains(&path.as_str()));
    for (at, name) in (0_u8..).zip(HOSTILE) {
        // as a browser writes a quotation mark
        anna.upload(&name.replace('"', "%22"), &[&reel[..], &[at]].concat()).expect(303);
        let searched = anna.get("/console/search?q=").expect(303);
        assert_eq!(searched.headers["location"], "/console/");
        let escaped = escaped(name);
        for path in [
            "search?q=",
            "chips/",
            "batches/",
            "jobs/",
            "policies/",
            "stations/",
            "jobs?state=",
            "audit?actor=",
            "nothing/",
        ] {
            pages.push((&audra, format!("/console/{path}{escaped}")));
        }
        pages.push((&anna, format!("/console/revocations/new?uids={escaped}&serials={escaped}&at={escaped}")));
        let refused = anna.form("/console/revocations/new", &[("policies", name), ("batches", name), ("reason", name)]);
        harmless("/console/revocations/new", &text(&refused.expect(400)));
        pages.push((&anna, format!("/console/jobs/new?input={escaped}&policy={escaped}&param.{escaped}={escaped}")));
        let wrong = admin.form("/console/policies", &[("text", name), ("run", "check")]);
        // the text is in the field as it was sent: it is the sender's own
        let (page, rest) =
            text(&wrong.expect(200)).split_once("<textarea").map(|(a, b)| (a.to_owned(), b.to_owned())).unwrap();
        harmless("/console/policies", &(page + rest.split_once("</textarea>").unwrap().1));
        assert!(!rest.contains("<script") && !rest.contains("<img"), "{rest}");
        harmless(
            "/console/admin/users",
            &text(&admin.form("/console/admin/users", &[("name", name), ("role", "viewer")]).expect(400)),
        );
    }
    let ids = service.of("anna").get("/v1/uploads").json();
    let id = ids["items"][0]["id"].as_str().unwrap();
    let spec = json!({ "kind": "inspect", "inputs": [id] });
    let job = service.of("anna").post("/v1/jobs", &spec).expect(202).json()["id"].as_str().unwrap().to_owned();
    service.of("anna").wait_for(&job, &["checked"]);
    pages.push((&anna, format!("/console/jobs/{job}")));
    pages.push((&anna, format!("/console/jobs/{job}/findings")));
    pages.push((&anna, format!("/console/jobs/new?input={id}&policy={}", Bench::policy())));
    pages.push((&anna, "/console/uploads".to_owned()));
    for (browser, path) in pages {
        let answer = browser.get(&path);
        if answer.status != 303 {
            harmless(&path, &text(&answer));
        }
    }
    // findings by code, and all of them as a file
    let findings = format!("/console/jobs/{job}/findings");
    let code = attributes(&anna.page(&findings), "value").into_keys().find(|value| value.contains('.')).unwrap();
    assert!(anna.page(&format!("{findings}?code={code}")).contains("are shown"));
    assert!(!anna.page(&format!("{findings}?code=nothing")).contains("<td class=\"name\">"));
    let file = anna.get(&format!("{findings}.jsonl")).expect(200);
    assert_eq!(file.headers["content-disposition"], "attachment; filename=\"findings.jsonl\"");
    assert_eq!(text(&file).lines().filter(|line| line.contains(&code)).count(), 1, "{}", text(&file));
    assert!(text(&anna.get("/console/jobs/0/findings.jsonl").expect(404)).contains("job.unknown"));
    let shown = anna.page("/console/uploads");
    assert!(shown.contains("&#60;script&#62;alert(1)&#60;/script&#62;"), "{shown}");
    assert!(shown.contains("reel\\u{202e}piz.\\u{1b}[31m{{7*7}}"), "{shown}");
}

#[test]
fn a_subject_that_would_be_markup_is_text_in_every_page() {
    let mut bench = Bench::new();
    let markup = "<img src=x onerror=alert(1)>";
    let policy = POLICY.replace("O = \"Workshop\"", &format!("O = \"{markup}\""));
    bench.policies.push(policy.clone());
    let service = bench.start();
    let (anna, bert) = (Browser::of(&service, "anna"), Browser::of(&service, "bert"));
    let id = service.of("anna").upload("reel.zip", &bench.reel("reel.zip", 0..2));
    let sha256 = reroot::crypto::sha256(policy.as_bytes()).to_string();
    let spec = json!({ "kind": "issue", "inputs": [id], "policy": sha256, "params": { "lot": "A1" } });
    let job = service.of("anna").post("/v1/jobs", &spec).expect(202).json()["id"].as_str().unwrap().to_owned();
    service.of("anna").wait_for(&job, &["awaiting-approval"]);
    let escaped = "&#60;img src=x onerror=alert(1)&#62;";
    for (browser, path) in [
        (&anna, format!("/console/jobs/new?input={id}&policy={sha256}&param.lot=A1")),
        (&anna, format!("/console/policies/{sha256}")),
        (&bert, format!("/console/jobs/{job}/approve")),
    ] {
        let page = browser.page(&path);
        assert!(page.contains(escaped) && !page.contains("<img"), "{path}: {page}");
    }
}

#[track_caller]
fn harmless(path: &str, page: &str) {
    for bad in ["<script>", "<img", "onerror=alert(1)>", " onfocus='", " style=", "<style", "\u{202e}", "\u{1b}", "49."]
    {
        assert!(!page.contains(bad), "{path} has {bad:?}: {page}");
    }
    // one script, which is a file of the program; no handler in the markup
    assert_eq!(page.matches("<script").count(), 1, "{path}: {page}");
    for handler in ["onclick=", "onload=", "javascript:", "http://", "https://", "//cdn"] {
        let own = page.replace("http://pki.example.com", "").replace("http://www.w3.org/2000/svg", "");
        assert!(!own.contains(handler), "{path} has {handler}: {page}");
    }
}

#[test]
fn a_policy_is_checked_stored_compared_and_activated() {
    let bench = Bench::new();
    let service = bench.start();
    let (admin, anna) = (Browser::of(&service, "admin"), Browser::of(&service, "anna"));
    let text_of = POLICY;
    let wrong = text_of.replace("not_after = \"5y\"", "not_after = \"five\"");
    let said = text(&admin.form("/console/policies", &[("text", &wrong), ("run", "store")]).expect(200));
    assert!(said.contains("line 17, column") && said.contains("class=\"wrong\""), "{said}");
    let changed = text_of.replace("not_after = \"5y\"", "not_after = \"4y\"").replace('\n', "\r\n");
    let page = anna.lead("/console/policies", &[("text", &changed), ("run", "store")]);
    let draft = admin.page(&page);
    assert!(draft.contains(">Activate<"));
    assert!(
        draft.contains(">draft<")
            && draft.contains("- not_after = &#34;5y&#34;")
            && draft.contains("+ not_after = &#34;4y&#34;"),
        "{draft}"
    );
    let revision = attributes(&draft, "value")
        .into_keys()
        .find(|value| value.starts_with("&#34;"))
        .unwrap()
        .replace("&#34;", "\"");
    let state = format!("{page}/state");
    assert!(
        text(&anna.form(&state, &[("state", "active"), ("revision", &revision)]).expect(403)).contains("auth.role")
    );
    assert_eq!(admin.lead(&state, &[("state", "active"), ("revision", &revision)]), page);
    // the page of before says what is not so any more
    let old = admin.form(&state, &[("state", "retired"), ("revision", &revision)]).expect(412);
    assert!(text(&old).contains("request.precondition-failed"));
    assert!(admin.page(&page).contains(">active<"));
}

#[test]
fn a_token_is_shown_once_and_a_station_has_no_console() {
    let bench = Bench::new();
    let service = bench.start();
    let admin = Browser::of(&service, "admin");
    let expires =
        attributes(&admin.page("/console/admin"), "value").into_keys().find(|value| value.ends_with('Z')).unwrap();
    let fields = [("owner", "line-1"), ("role", "station"), ("networks", "127.0.0.0/8"), ("expires", expires.as_str())];
    let made = text(&admin.form("/console/admin/tokens", &fields).expect(200));
    let at = made.find("rrt_").expect("the text of the token");
    let token = made[at..at + 89].to_owned();
    assert!(!admin.page("/console/admin").contains(&token));
    let station = crate::client::Client { address: service.address, token: Some(token) };
    station.get("/v1/stations/line-1/packs").expect(200);
    assert_eq!(station.get("/console/").expect(303).headers["location"], "/console/login");
    let id = &made[at + 4..at + 16];
    assert_eq!(admin.lead("/console/admin/tokens/revoke", &[("id", id)]), "/console/admin");
    station.get("/v1/stations/line-1/packs").problem(401, "auth.refused");
}
