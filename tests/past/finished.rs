//! Batches, proofs and line packs that were made.

use crate::unpacked::Past;

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
