//! Batches, proofs and line packs that were made.

use base64::Engine as _;

use crate::past::unpacked::Past;
use crate::support::judges::put;

#[test]
fn sealed_batches_verify_and_are_published_again() {
    for (name, history) in [
        ("finished-local", &["--history", "second", "again"][..]),
        ("finished-air-gapped", &[]),
        ("finished-foreign", &[]),
    ] {
        let past = Past::unpack(name);
        let verify = ["verify", "batch", "--input", "reel.zip"];
        past.workshop.reroot(&verify).args(past.anchors()).args(history).run().success();
        for other in history.iter().skip(1) {
            past.workshop.reroot(&["verify", other, "--input", "second.zip"]).args(past.anchors()).run().success();
        }
        past.workshop.reroot(&["ledger", "verify", "--config", "pki/reroot.toml"]).run().success();
    }
}

#[test]
fn a_run_with_findings_and_a_bulk_id_is_found_again() {
    let past = Past::unpack("finished-local");
    let files = past.workshop.files("batch");
    past.workshop.delete("batch");
    let more = ["--on-reject", "skip", "--form", "der,pem", "--bulk-id", "BULK-7", "--publish-bulk-id"];
    past.workshop.issue("reel.zip", "batch", &more).expect(1);
    assert!(past.workshop.files("batch") == files, "byte for byte");
}

#[test]
fn a_run_with_an_expected_list_and_a_reissue_are_found_again() {
    let past = Past::unpack("finished-local");
    let expected = ["--expect", "uids.txt", "--expect-count", "5"];
    let (second, again) = (past.workshop.files("second"), past.workshop.files("again"));
    past.workshop.delete("second");
    past.workshop.delete("again");
    past.workshop.issue("second.zip", "second", &expected).success();
    past.workshop.issue_under("again.toml", "second.zip", "again", &["--reissue", "shorter lives"]).success();
    assert!(past.workshop.files("second") == second && past.workshop.files("again") == again, "byte for byte");
}

/// Nothing in a statement of version 1 says of which family its chips are: a proof of version 2 has the policy.
#[test]
fn a_proof_of_another_family_than_stsafe_a_has_the_policy() {
    let past = Past::unpack("finished-generic");
    let anchors = ["--source-anchor", "pki/anchors/stm-stsafe-a-prod-ca-01.pem", "--issuer-anchor", "pki/ca/root.pem"];
    let run = |args: &[&str]| past.workshop.reroot(args).args(anchors).run();
    let chip = "0209B0846159E439520139";
    run(&["verify", "batch", "--input", "reel"]).success();
    run(&["verify-proof", "present.proof.json"]).success();
    run(&["lookup", "generic.pack", chip]).success();

    let made = past.workshop.reroot(&["prove", "batch", chip]).run().success().out();
    let proof: serde_json::Value = serde_json::from_str(&made).unwrap();
    assert_eq!(proof["format"], "reroot-proof/2");
    let policy = std::fs::read(past.workshop.path("batch/policy.toml")).unwrap();
    let encoded = base64::engine::general_purpose::STANDARD.encode(&policy);
    assert_eq!(proof["policy"], encoded);
    put(&past.workshop.path("new.json"), &made);
    run(&["verify-proof", "new.json"]).success();
    let pack = ["export", "batch", "--to", "line-pack", "--out", "new.pack", "--issuer-anchor", "pki/ca/root.pem"];
    past.workshop.reroot(&pack).run().success();
    run(&["lookup", "new.pack", chip]).success();

    // without the policy the chip would be of STSAFE-A, and its line says otherwise; with another one the digest differs
    let code = |proof: &str| {
        put(&past.workshop.path("other.json"), proof);
        let refused = run(&["verify-proof", "other.json", "--format", "json"]).expect(1);
        let said: serde_json::Value = serde_json::from_slice(&refused.stdout).unwrap();
        said["faults"][0]["code"].as_str().unwrap().to_owned()
    };
    let quoted = format!("\"{encoded}\"");
    assert_eq!(code(&made.replace(&quoted, "null")), "audit.entry.differs");
    let other = String::from_utf8(policy).unwrap().replace("generic", "stsafe-l");
    let other = format!("\"{}\"", base64::engine::general_purpose::STANDARD.encode(other));
    assert_eq!(code(&made.replace(&quoted, &other)), "audit.policy.digest");
    assert_eq!(code(&made.replace("reroot-proof/2", "reroot-proof/1")), "manifest.proof.syntax");
    // seals of a later release are named
    let later = made.replace("\"seals\":[]", "\"seals\":[{\"kind\":\"pqc\",\"seal\":\"AA==\",\"signer\":\"\"}]");
    put(&past.workshop.path("later.json"), &later);
    let holds = run(&["verify-proof", "later.json"]).success();
    assert!(holds.out().contains("not checked   seals of the kinds pqc"), "{}", holds.out());
}

/// A policy in a proof of an STSAFE-A batch would be a second spelling.
#[test]
fn a_proof_of_stsafe_a_has_no_policy() {
    let past = Past::unpack("finished-local");
    let chip = past.workshop.pki.leaf(2).uid();
    let made = past.workshop.reroot(&["prove", "batch", &chip]).run().success().out();
    assert!(made.starts_with("{\"format\":\"reroot-proof/2\"") && made.contains("\"policy\":null"));
    put(&past.workshop.path("new.json"), &made);
    past.workshop.reroot(&["verify-proof", "new.json"]).args(past.anchors()).run().success();
    let policy = std::fs::read(past.workshop.path("batch/policy.toml")).unwrap();
    let policy = base64::engine::general_purpose::STANDARD.encode(policy);
    let with = made.replace("\"policy\":null", &format!("\"policy\":\"{policy}\""));
    put(&past.workshop.path("with.json"), with);
    let refused = past.workshop.reroot(&["verify-proof", "with.json"]).args(past.anchors()).run().expect(1);
    let said = refused.out() + &refused.err();
    assert!(said.contains("it has a policy of the family stsafe-a, expected none"), "{said}");
}

#[test]
fn proofs_hold_and_chips_are_looked_up() {
    for name in ["finished-local", "finished-foreign"] {
        let past = Past::unpack(name);
        let chip = past.workshop.pki.leaf(2).uid();
        past.workshop.reroot(&["verify-proof", "present.proof.json"]).args(past.anchors()).run().success();
        past.workshop.reroot(&["lookup", "batch", &chip]).args(past.anchors()).run().success();
    }
    let past = Past::unpack("finished-local");
    let (chip, other) = (past.workshop.pki.leaf(2).uid(), past.workshop.pki.leaf(9).uid());
    past.workshop.reroot(&["lookup", "reel.pack", &chip]).args(past.anchors()).run().success();
    past.workshop.reroot(&["lookup", "reel.pack", &other, "--absent"]).args(past.anchors()).run().success();
    let absent = ["verify-proof", "absent.proof.json", "--absent", "--uid", &other];
    past.workshop.reroot(&absent).args(past.anchors()).run().success();
}
