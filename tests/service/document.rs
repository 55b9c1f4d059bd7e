//! The OpenAPI document that is checked in is the one that is served.

use crate::support::judges::put;
use crate::support::run::project;

#[test]
fn the_document_that_is_checked_in_is_the_one_that_is_served() {
    let served = reroot_service::http::openapi().to_pretty_json().unwrap() + "\n";
    let path = project("docs/reference/openapi.json");
    if std::env::var_os("REROOT_BLESS").is_some() {
        put(&path, &served);
    }
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(kept == served, "docs/reference/openapi.json differs (REROOT_BLESS=1 writes it)");
}

/// Each operation says who may do it by how it answers a caller who shows nothing, and each path is one of `/v1` or of health.
#[test]
fn every_operation_has_a_description_and_the_answers_of_its_kind() {
    let document = serde_json::to_value(reroot_service::http::openapi()).unwrap();
    let mut count = 0;
    for (path, methods) in document["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            count += 1;
            assert!(operation["description"].is_string() || operation["summary"].is_string(), "{method} {path}");
            if path.starts_with("/v1/") && path != "/v1/version" {
                assert!(operation["responses"].get("4XX").is_some(), "{method} {path} says nothing of problems");
            }
        }
    }
    assert!(count >= 20, "{count} operations");
}
