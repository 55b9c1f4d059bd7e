//! What a hostile review found: each test is a command that once did the wrong thing.

#[expect(clippy::allow_attributes, reason = "`expect` would fail in a test that uses every helper")]
#[allow(dead_code, unreachable_pub, reason = "each test uses some of the helpers")]
mod support;

use support::judges::put;
use support::pki::{archive, variants};
use support::workshop::Workshop;

/// The same command finds its batch by what it says, not by what else has happened on the ledger since.
#[test]
fn a_command_finds_its_batch_after_a_reissue_of_the_same_chips() {
    let workshop = Workshop::new();
    workshop.reel("reel.zip", 0..3);
    workshop.issue("reel.zip", "first", &[]).success();
    workshop.issue("reel.zip", "second", &["--reissue", "keys were lost"]).success();
    let before = workshop.files("first");
    assert!(workshop.issue("reel.zip", "first", &[]).success().err().contains("already done"));
    workshop.delete("first");
    workshop.issue("reel.zip", "first", &[]).success();
    assert_eq!(workshop.files("first"), before);
}

#[test]
fn chips_ignored_then_and_reissued_since_do_not_change_a_batch_that_comes_out_again() {
    let workshop = Workshop::new();
    workshop.reel("reel.zip", 0..3);
    workshop.reel("more.zip", 1..5);
    workshop.issue("reel.zip", "first", &[]).success();
    workshop.issue("more.zip", "more", &[]).success();
    let before = workshop.files("more");
    workshop.issue("reel.zip", "again", &["--reissue", "x"]).success();
    workshop.delete("more");
    workshop.issue("more.zip", "more", &[]).success();
    assert_eq!(workshop.files("more"), before, "rejected.jsonl names the batch that was known then");
}

#[test]
fn a_reissue_for_the_same_reason_of_the_same_input_happens_once() {
    let workshop = Workshop::new();
    workshop.reel("reel.zip", 0..3);
    workshop.issue("reel.zip", "batch", &[]).success();
    // one chip that the ledger knows with another key: not every leaf of the input is in the batch
    let crossed = variants::crossed(&workshop.pki, 1, 7);
    workshop.write("mixed.zip", &archive::zip(&[("a.der", &workshop.pki.leaf(0).der), ("b.der", &crossed)]));
    let reissue =
        |reason, out| workshop.issue("mixed.zip", out, &["--on-reject", "skip", "--reissue", reason]).expect(1);
    reissue("first reason", "first");
    reissue("second reason", "second");
    assert!(reissue("first reason", "first").err().contains("already done"));
    reissue("first reason", "elsewhere");
    assert_eq!(workshop.files("elsewhere"), workshop.files("first"));
}

#[test]
fn missing_chips_are_reported_although_rejections_are_skipped() {
    let workshop = Workshop::new();
    workshop.reel("reel.zip", 0..3);
    let uids: Vec<String> = (0..4).map(|index| workshop.pki.leaf(index).uid().clone()).collect();
    workshop.write("expected.txt", uids.join("\n").as_bytes());
    let skipped = workshop.issue("reel.zip", "batch", &["--on-reject", "skip", "--expect", "expected.txt"]).expect(1);
    assert!(
        skipped.out().contains(&uids[3]) && skipped.out().contains("expected chips that the input lacks: 1"),
        "{}",
        skipped.out()
    );
    let count =
        workshop.issue("reel.zip", "counted", &["--on-reject", "skip", "--expect-count", "5", "--reissue", "x"]);
    assert!(count.expect(1).out().contains("expected 5"));
}

#[test]
fn a_batch_keeps_the_form_in_which_it_was_begun() {
    let workshop = Workshop::new();
    workshop.reel("reel.zip", 0..3);
    workshop.issue("reel.zip", "batch", &["--bulk-id", "4711"]).success();
    let both = ["--bulk-id", "4711", "--form", "der,pem"];
    let published = ["--bulk-id", "4711", "--publish-bulk-id"];
    for more in [&both[..], &published[..]] {
        let refused = workshop.issue("reel.zip", "batch", more).expect(2);
        assert!(refused.err().contains("was begun with `--form der`"), "{}", refused.err());
        workshop.issue("reel.zip", "elsewhere", more).expect(2);
    }
    // the order in which forms are named says nothing
    workshop.issue("reel.zip", "two", &["--form", "pem,der", "--reissue", "x"]).success();
    workshop.issue("reel.zip", "two", &["--form", "der,pem", "--reissue", "x"]).success();
}

#[test]
fn a_damaged_or_incomplete_output_is_not_already_done() {
    let workshop = Workshop::new();
    workshop.reel("reel.zip", 0..3);
    workshop.issue("reel.zip", "batch", &[]).success();
    put(&workshop.path("batch/certificates.zip"), b"");
    let refused = workshop.issue("reel.zip", "batch", &[]).expect(2);
    assert!(refused.err().contains("certificates.zip") && refused.err().contains("not what was sealed"));
    // what an operator puts beside the files is no damage
    workshop.delete("batch");
    workshop.issue("reel.zip", "batch", &[]).success();
    workshop.write("batch/NOTES", b"delivered on Monday");
    workshop.issue("reel.zip", "batch", &[]).success();
}

#[test]
fn an_output_place_that_cannot_be_used_is_wrong_usage_and_found_first() {
    let workshop = Workshop::new();
    workshop.reel("reel.zip", 0..3);
    for out in ["missing/batch", "missing/..", "reel.zip/batch", "pki", ".", ".."] {
        let refused = workshop.issue("reel.zip", out, &[]).expect(2);
        assert!(!refused.err().contains("scratch"), "{out}: {}", refused.err());
    }
    workshop.issue("reel.zip", "batch/", &[]).success();
    assert!(workshop.issue("reel.zip", "./batch", &[]).success().err().contains("already done"));
}

#[test]
fn the_head_that_a_broken_run_was_given_is_good_for_the_same_command_again() {
    let workshop = Workshop::new();
    workshop.reel("reel.zip", 0..3);
    workshop.reel("other.zip", 3..5);
    let head = |finished: &support::run::Finished| {
        let out = finished.out();
        let line = out.lines().find(|line| line.starts_with("ledger head")).expect("the head is printed");
        line.split_whitespace().nth(2).expect("a digest").to_owned()
    };
    let first = head(&workshop.issue("reel.zip", "batch", &[]).success());
    let guarded = ["--expect-head", first.as_str()];
    workshop.issue("other.zip", "other", &guarded).success();
    workshop.issue("other.zip", "other", &guarded).success();
    workshop.issue("reel.zip", "third", &["--expect-head", &first, "--reissue", "x"]).expect(2);
}

#[test]
fn a_bulk_id_that_no_statement_can_carry_stops_before_anything_is_signed() {
    let workshop = Workshop::new();
    workshop.reel("reel.zip", 0..3);
    let blank = ["--bulk-id", "", "--publish-bulk-id"];
    assert!(workshop.issue("reel.zip", "batch", &blank).expect(2).err().contains("--bulk-id"));
    workshop.issue("reel.zip", "batch", &[]).success();
}

#[test]
fn two_inputs_of_one_name_are_refused() {
    let workshop = Workshop::new();
    workshop.reel("reel.zip", 0..3);
    let args = ["issue", "reel.zip", "./reel.zip", "--policy", "policy.toml", "--out", "batch"];
    let refused = workshop.reroot(&args).args(["--config", "pki/reroot.toml", "--set", "lot=A1"]).run().expect(2);
    assert!(refused.err().contains("two inputs are named `reel.zip`"), "{}", refused.err());
}

#[test]
fn a_passphrase_file_is_found_from_anywhere() {
    let workshop = Workshop::new();
    workshop.write("root.pass", b"correct horse\n");
    workshop.reroot(&["init", "sealed", "--organization", "Sealed", "--passphrase-file", "root.pass"]).run().success();
    let config = std::fs::read_to_string(workshop.path("sealed/reroot.toml")).expect("init writes it");
    workshop.reel("reel.zip", 0..1);
    put(
        &workshop.path("sealed/reroot.toml"),
        config.replace("anchors/stm-stsafe-a-prod-ca-01.pem", "../pki/anchors/test-root.pem"),
    );
    let args = ["issue", "reel.zip", "--policy", "policy.toml", "--out", "batch", "--set", "lot=A1"];
    workshop.reroot(&args).args(["--config", "sealed/reroot.toml"]).run().success();
}
