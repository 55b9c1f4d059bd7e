//! Requests that are made to do harm: every answer is printable, and none is a failure of the service.

use super::service::{Service, workshop};

#[test]
fn no_answer_repeats_what_moves_a_cursor_or_is_a_script() {
    let service = Service::start(workshop(), "");
    let token = service.new_token("anna", &["viewer"]);
    let names = [
        "%3Cscript%3Ealert(1)%3C%2Fscript%3E",
        "%E2%80%AE%E2%80%8B",
        "%1B%5B2J",
        "%00",
        "%ff%fe",
        "a%0d%0aX-Injected:%20yes",
        "..%2f..%2f..%2fetc%2fpasswd",
        &"A".repeat(4000),
        "'%20OR%201=1--",
    ];
    for name in names {
        for path in [
            format!("/v1/chips/{name}"),
            format!("/v1/chips/{name}/proof"),
            format!("/v1/chips/{name}/absence?batch={name}"),
            format!("/v1/serials/{name}"),
            format!("/v1/certificates/{name}"),
            format!("/v1/batches/{name}"),
            format!("/v1/batches/{name}/files/{name}"),
            format!("/v1/batches/{name}/findings"),
            format!("/v1/batches?cursor={name}"),
            format!("/v1/{name}"),
        ] {
            let answer = service.get(&token, &path);
            assert!((400..500).contains(&answer.status), "{path}: {} {}", answer.status, answer.text());
            assert_eq!(answer.header("content-type"), Some("application/problem+json"), "{path}");
            assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
            assert_eq!(answer.header("x-injected"), None);
            let text = answer.text();
            assert!(text.chars().all(|c| !c.is_control() && c != '\u{202e}' && c != '\u{200b}'), "{path}: {text:?}");
        }
    }
    // the name is on the audit log of a refusal in its one spelling
    let path = "/v1/tokens/%3Cscript%3E%E2%80%AE";
    service.ask(&token, "DELETE", path, b"").problem(403, "auth.role");
}
