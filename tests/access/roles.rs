//! The table of roles is what the service does, what the document describes and what the guide prints.

#![expect(clippy::unwrap_used, reason = "what cannot be unwrapped fails the test")]

use std::collections::BTreeSet;

use reroot_service::principal::Role;
use reroot_service::principal::allowed::{OPEN, ROUTES, table};

use super::service::{Service, workshop};
use crate::support::run::project;

/// The routes of the OpenAPI document, as `METHOD /path`.
fn described() -> BTreeSet<String> {
    let document = serde_json::to_value(reroot_service::http::openapi()).unwrap();
    let mut described = BTreeSet::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for method in ["get", "put", "post", "delete", "patch"].iter().filter(|method| item.get(**method).is_some()) {
            if !OPEN.contains(&path.as_str()) {
                described.insert(format!("{} {path}", method.to_uppercase()));
            }
        }
    }
    described
}

#[test]
fn every_role_may_do_what_the_table_says_and_nothing_else() {
    let service = Service::start(workshop(), "");
    let described = described();
    for role in Role::ALL {
        let owner = format!("the-{}", role.as_str());
        let token = service.new_token(&owner, &[role.as_str()]);
        for route in ROUTES.iter().filter(|route| described.contains(&format!("{} {}", route.method, route.path))) {
            let path = route.path.replace("{station}", &owner).replace("{id}", "nothing").replace("{batch}", "nothing");
            let path = path
                .replace("{sha256}", &"0".repeat(64))
                .replace("{name}", "nothing")
                .replace("{chip}", "0209A021E021C4E1D00139");
            let path = path.replace("{digest}", &"0".repeat(64)).replace("{serial}", "01").replace("{job}", "nothing");
            let answer = service.ask(&token, route.method, &path, b"");
            let refused = answer.status == 403;
            assert_eq!(refused, !route.roles.contains(&role), "{role:?} {} {path}: {}", route.method, answer.text());
            assert!(answer.status < 500 || answer.status == 503, "{role:?} {} {path}: {}", route.method, answer.text());
            assert_ne!(answer.status, 405, "{} {path} is not served", route.method);
        }
    }
}

#[test]
fn every_route_of_the_document_is_in_the_table() {
    let listed: BTreeSet<String> = ROUTES.iter().map(|route| format!("{} {}", route.method, route.path)).collect();
    let described = described();
    assert!(described.len() > 20, "{described:?}");
    assert_eq!(described.difference(&listed).collect::<Vec<_>>(), Vec::<&String>::new());
}

#[test]
fn the_guide_prints_the_table() {
    let guide = std::fs::read_to_string(project("docs/guide/service-access.md")).unwrap();
    assert!(guide.contains(&table()), "docs/guide/service-access.md must have this table:\n{}", table());
}
