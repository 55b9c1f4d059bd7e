//! Batches that were read by the rules of the release that began them: what is rejected today was ignored.

use crate::past::unpacked::Past;

const ISSUE: [&str; 8] =
    ["issue", "reel.zip", "--policy", "pki/policies/minimal.toml", "--config", "pki/reroot.toml", "--out", "batch"];
const VERIFY: [&str; 6] = ["verify", "batch", "--config", "pki/reroot.toml", "--input", "reel.zip"];

#[test]
fn a_batch_that_was_read_by_earlier_rules_still_verifies_with_its_inputs() {
    let past = Past::unpack("edition-finished");
    let verified = past.workshop.reroot(&VERIFY).run().success().out();
    assert!(verified.contains("(edition 1)"), "{verified}");
    assert!(
        verified.contains("every finding that inputs, policy, parameters, issuing CA and anchors give"),
        "{verified}"
    );
    // the same command again, by this release
    assert!(past.workshop.reroot(&ISSUE).run().success().err().contains("already done"));
}

#[test]
fn a_batch_that_was_begun_by_earlier_rules_is_finished_by_them() {
    let past = Past::unpack("edition-open");
    past.workshop.reroot(&ISSUE).run().success();
    assert_eq!(past.workshop.rejected("batch").len(), 2);
    past.workshop.reroot(&VERIFY).run().success();
}
