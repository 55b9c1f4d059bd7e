//! The OpenAPI document: requests that Schemathesis makes from it, none of which may end in a failure of the service.

use super::service::Service;
use crate::support::run::{Run, project};

#[test]
fn requests_made_from_the_document_end_in_no_failure() {
    let service = Service::with_batches();
    // a signer that answers, so that the service is ready
    let _signer = service.signer();
    let [admin, auditor, operator, station] =
        [("eve", "admin"), ("ada", "auditor"), ("otto", "operator"), ("line-1", "station")]
            .map(|(name, role)| service.new_token(name, &[role]));
    let folder = service.workshop.folder().display().to_string();
    let run = |token: &str, paths: [&str; 2]| {
        let address = format!("http://{}/v1/openapi.json", service.address);
        let bearer = format!("Authorization: Bearer {token}");
        let args = ["run", &address, "--header", &bearer, "--checks", "not_a_server_error", "--max-examples", "6"];
        let more = ["--phases", "examples,fuzzing", "--seed", "1", "--no-color"];
        let run = Run::venv("schemathesis").args(args).args(more).args(paths).folder(service.workshop.folder());
        let hooks = project("tests/access").display().to_string();
        let run = run.env("HOME", &folder).env("PYTHONPATH", hooks).env("SCHEMATHESIS_HOOKS", "serializers");
        run.run().success();
    };
    // together they reach every route; what removes tokens comes last, since it finds the one that it is sent with
    for token in [&admin, &auditor, &operator, &station] {
        run(token, ["--exclude-path-regex", REMOVING]);
    }
    run(&admin, ["--include-path-regex", REMOVING]);
    super::client::ask(&service.address, "GET", "/readyz", &[], b"").expect(200);
}

const REMOVING: &str = "^/v1/(tokens|users)/";
