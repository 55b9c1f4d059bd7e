//! From claims to a name and roles.

use serde_json::{Value, json};

use super::*;
use crate::principal::Roles;

#[test]
fn groups_become_roles() {
    let settings = OidcSettings {
        issuer: "https://login.example.com".to_owned(),
        client_id: "reroot".to_owned(),
        client_secret: None,
        public_url: "https://reroot.example.com".to_owned(),
        ca: None,
        name_claim: "email".to_owned(),
        groups_claim: "groups".to_owned(),
        roles: vec![
            ("pki".to_owned(), vec![Role::Operator, Role::Approver]),
            ("audit".to_owned(), vec![Role::Auditor]),
            ("pki-too".to_owned(), vec![Role::Operator]),
        ],
        skew: 60,
    };
    let who = |changes: &[(&str, Value)]| {
        let mut claims = json!({"email": "anna@example.com", "email_verified": true, "groups": ["pki", "staff"]});
        for (claim, value) in changes {
            claims[*claim] = value.clone();
        }
        of_claims(&settings, &Claims::of(claims))
    };
    let anna = who(&[]).unwrap();
    assert_eq!((&*anna.name, anna.roles), ("anna@example.com", Roles::of(&[Role::Operator, Role::Approver])));
    assert_eq!(anna.shown, Shown::Provider);
    assert_eq!(who(&[("groups", json!(["pki", "pki-too"]))]).unwrap().roles, anna.roles);
    for (change, expected) in [
        (("groups", json!(["staff"])), "no group of `anna@example.com` has a role here"),
        (("groups", Value::Null), "no group of"),
        (("groups", json!({"pki": true})), "no group of"),
        (("groups", json!(["pki", "audit"])), "do not go together"),
        (("email", Value::Null), "no text in its claim `email`"),
        (("email", json!("a b\u{202e}")), "`email` must have"),
        (("email_verified", json!(false)), "`email_verified`"),
        (("email_verified", json!("true")), "`email_verified`"),
        (("email_verified", Value::Null), "`email_verified`"),
    ] {
        let problem = who(std::slice::from_ref(&change)).expect_err("refused");
        assert!(problem.document().detail.contains(expected), "{change:?}: {}", problem.document().detail);
    }
}
