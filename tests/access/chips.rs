//! Chips: every name of one finds it, and what is sent is what the batch has.

#![expect(clippy::disallowed_methods, reason = "the test loses the catalog")]

use super::service::Service;
use crate::support::judges::put;

#[test]
fn a_chip_is_found_by_every_name_and_its_proof_verifies() {
    let service = Service::with_batches();
    let token = service.new_token("anna", &["viewer"]);
    let line = service.workshop.lines("data/batches/one")[2].clone();
    let text = |key: &str| line[key].as_str().unwrap().to_owned();
    let uid = text("uid");
    let dashed = uid.as_bytes().chunks(2).map(|pair| String::from_utf8_lossy(pair).into_owned()).collect::<Vec<_>>();
    let names = [
        uid.clone(),
        uid.to_lowercase(),
        uid[4..].to_owned(),
        uid[4..18].to_owned(),
        dashed.join("-"),
        format!("0x{uid}"),
    ];
    for name in names {
        let found = service.get(&token, &format!("/v1/chips/{name}")).expect(200).json();
        let list = found["certificates"].as_array().unwrap();
        assert_eq!(list.len(), 1, "{name}");
        for (key, value) in [("uid", &uid), ("serial", &text("serial")), ("sha256", &text("sha256"))] {
            assert_eq!(list[0][key], **value, "{name}");
        }
        assert_eq!((&list[0]["position"], &list[0]["not_after"]), (&2.into(), &line["not_after"]));
    }
    for path in
        [format!("/v1/serials/{}", text("serial").to_lowercase()), format!("/v1/certificates/{}", text("sha256"))]
    {
        assert_eq!(service.get(&token, &path).expect(200).json()["certificates"][0]["uid"], *uid);
    }
    // what the ledger says
    let history = service.get(&token, &format!("/v1/chips/{uid}/history")).expect(200).json();
    assert_eq!(
        (&history["certificates"][0]["standing"], &history["certificates"][0]["revoked"]),
        (&"issued".into(), &serde_json::Value::Null)
    );

    let der = service.get(&token, &format!("/v1/chips/{uid}/certificate")).expect(200);
    assert_eq!(reroot::crypto::sha256(&der.body).to_string(), text("sha256"));
    assert_eq!(der.header("content-disposition"), Some(&*format!("attachment; filename=\"{uid}.der\"")));
    assert_eq!(der.header("x-content-type-options"), Some("nosniff"));
    let pem = service.get(&token, &format!("/v1/chips/{uid}/certificate?form=pem")).expect(200);
    assert_eq!(pem.text(), reroot::delivery::certificate_to_pem(&der.body));

    let proof = service.get(&token, &format!("/v1/chips/{uid}/proof")).expect(200);
    put(&service.workshop.path("chip.json"), &proof.body);
    let absent = "0209A021E021C4E1D00139";
    let batch = service.workshop.statement("data/batches/one")["batch"].as_str().unwrap().to_owned();
    let absence = service.get(&token, &format!("/v1/chips/{absent}/absence?batch={batch}")).expect(200);
    put(&service.workshop.path("absent.json"), &absence.body);
    let verify = |args: &[&str]| {
        let anchors = ["--source-anchor", "pki/anchors/test-root.pem", "--issuer-anchor", "pki/ca/root.pem"];
        service.workshop.reroot(args).args(anchors).run().success()
    };
    verify(&["verify-proof", "chip.json", "--uid", &uid]);
    verify(&["verify-proof", "absent.json", "--absent", "--uid", absent]);

    service.get(&token, &format!("/v1/chips/{uid}/absence?batch={batch}")).problem(409, "chip.present");
    service.get(&token, &format!("/v1/chips/{absent}/absence")).problem(400, "request.malformed");
    service.get(&token, &format!("/v1/chips/{absent}/absence?batch=none")).problem(404, "batch.unknown");
    for path in ["", "/certificate", "/proof", "/history"] {
        service.get(&token, &format!("/v1/chips/{absent}{path}")).problem(404, "chip.unknown");
    }
    service.get(&token, "/v1/chips/xyz").problem(400, "request.malformed");
    service.get(&token, &format!("/v1/chips/{uid}/proof?batch=none")).problem(404, "chip.unknown");
}

/// A revocation is on the ledger at once, and the answer says so.
#[test]
fn a_revoked_certificate_is_told() {
    let service = Service::with_batches();
    let token = service.new_token("anna", &["viewer"]);
    let uid = service.workshop.lines("data/batches/two")[0]["uid"].as_str().unwrap().to_owned();
    let args = [
        "revoke",
        "--uid",
        &uid,
        "--reason",
        "keyCompromise",
        "--by",
        "quality",
        "--yes",
        "--config",
        "pki/reroot.toml",
    ];
    service.workshop.reroot(&args).run().success();
    let history = service.get(&token, &format!("/v1/chips/{uid}/history")).expect(200).json();
    assert_eq!(history["certificates"][0]["revoked"], "keyCompromise");
    let listed = service.get(&token, "/v1/revocations").expect(200).json();
    let batch = service.workshop.statement("data/batches/two")["batch"].clone();
    let serial = service.workshop.lines("data/batches/two")[0]["serial"].clone();
    let one = &listed["items"][0];
    assert_eq!((&one["serial"], &one["batch"], &one["reason"]), (&serial, &batch, &"keyCompromise".into()));
    assert_eq!(listed["items"].as_array().map(Vec::len), Some(1));
}

#[test]
fn the_catalog_is_made_again_when_it_is_lost_and_takes_no_batch_that_was_changed() {
    let mut service = Service::with_batches();
    let uid = service.workshop.lines("data/batches/one")[0]["uid"].as_str().unwrap().to_owned();
    let token = service.new_token("anna", &["viewer"]);
    let path = format!("/v1/chips/{uid}");
    let before = service.get(&token, &path).expect(200).json();
    service.end("-KILL");
    std::fs::remove_dir_all(service.workshop.path("data/catalog")).unwrap();
    service.again();
    service.wait_for_batches(2);
    assert_eq!(service.get(&token, &path).expect(200).json(), before);

    // one line changed, under the statement as it was
    service.end("-KILL");
    std::fs::remove_dir_all(service.workshop.path("data/catalog")).unwrap();
    let lines = service.workshop.path("data/batches/one/manifest.jsonl");
    let text = std::fs::read_to_string(&lines).unwrap();
    put(&lines, text.replacen("\"attempt\":0", "\"attempt\":1", 1));
    service.again();
    service.wait_for_batches(1);
    service.get(&token, &path).problem(404, "chip.unknown");
}
