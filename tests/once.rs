//! "Once" (docs/design.md): each sentence of it, through the front door.

#[expect(clippy::allow_attributes, reason = "`expect` would fail in a test that uses every helper")]
#[allow(dead_code, unreachable_pub, reason = "each test uses some of the helpers")]
mod support;

use support::judges::put;
use support::pki::{archive, variants};
use support::workshop::{POLICY, Workshop};

fn serials(workshop: &Workshop, out: &str) -> Vec<String> {
    workshop.lines(out).iter().map(|line| line["serial"].as_str().expect("text").to_owned()).collect()
}

#[test]
fn the_same_command_again_exits_0_and_changes_nothing() {
    let workshop = Workshop::new();
    workshop.reel("reel.zip", 0..3);
    workshop.issue("reel.zip", "batch", &[]).success();
    let before = workshop.files("batch");
    let again = workshop.issue("reel.zip", "batch", &[]).success();
    assert!(again.err().contains("already done"), "{}", again.err());
    assert_eq!(workshop.files("batch"), before);
    assert_eq!(workshop.leftovers(), Vec::<String>::new());
}

#[test]
fn a_deleted_output_is_published_again_byte_for_byte() {
    let workshop = Workshop::new();
    workshop.reel("reel.zip", 0..3);
    workshop.issue("reel.zip", "batch", &[]).success();
    let before = workshop.files("batch");
    workshop.delete("batch");
    workshop.issue("reel.zip", "batch", &[]).success();
    assert_eq!(workshop.files("batch"), before);
}

#[test]
fn the_same_chips_in_another_archive_are_ignored_with_the_earlier_batch() {
    let workshop = Workshop::new();
    workshop.reel("reel.zip", 0..3);
    workshop.reel("other.zip", 2..5);
    workshop.reel("same.zip", [1, 0, 2]);
    workshop.issue("reel.zip", "batch", &[]).success();
    let first = workshop.statement("batch")["batch"].as_str().unwrap().to_owned();

    workshop.issue("other.zip", "second", &[]).success();
    assert_eq!(workshop.lines("second").len(), 2, "only the chips that are new");
    let ignored = workshop.rejected("second");
    assert_eq!(ignored.len(), 1);
    assert_eq!(ignored[0]["code"], "ledger.already-issued");
    assert!(ignored[0]["reason"].as_str().unwrap().contains(&first), "{}", ignored[0]);

    // nothing left to issue is not success: somebody expected certificates
    let none = workshop.issue("same.zip", "third", &[]).expect(3);
    assert!(none.err().contains("nothing left to issue") && none.err().contains(&first), "{}", none.err());
    assert!(!workshop.path("third").exists());
}

#[test]
fn an_edited_policy_of_the_same_name_stops_the_run() {
    let workshop = Workshop::new();
    workshop.reel("reel.zip", 0..3);
    workshop.issue("reel.zip", "batch", &[]).success();
    let first = workshop.statement("batch")["batch"].as_str().unwrap().to_owned();
    workshop.write("edited.toml", POLICY.replace("5y", "6y").as_bytes());
    let stopped = workshop.issue_under("edited.toml", "reel.zip", "edited", &[]).expect(3);
    assert!(stopped.err().contains("another text of this policy"), "{}", stopped.err());
    assert!(stopped.err().contains(&first) && stopped.err().contains("--reissue"), "{}", stopped.err());
    // skipping rejections does not get past it
    workshop.issue_under("edited.toml", "reel.zip", "edited", &["--on-reject", "skip"]).expect(3);
    assert!(!workshop.path("edited").exists());
}

#[test]
fn other_params_stop_the_run() {
    let workshop = Workshop::new();
    workshop.reel("reel.zip", 0..3);
    workshop.issue("reel.zip", "batch", &[]).success();
    let stopped = workshop.issue("reel.zip", "other", &["--set", "lot=B2"]).expect(3);
    assert!(stopped.err().contains("other parameters"), "{}", stopped.err());
}

#[test]
fn a_twin_of_an_issued_leaf_stops_the_run() {
    let workshop = Workshop::new();
    workshop.reel("reel.zip", 0..3);
    workshop.issue("reel.zip", "batch", &[]).success();
    let twin = variants::twin(&workshop.pki.leaf(1).der);
    workshop.write("twin.zip", &archive::zip(&[("twin.der", &twin)]));
    let stopped = workshop.issue("twin.zip", "twin", &[]).expect(3);
    assert!(stopped.err().contains("another leaf certificate"), "{}", stopped.err());
    let renewed = variants::renewed(&workshop.pki, 1);
    workshop.write("renewed.zip", &archive::zip(&[("renewed.der", &renewed)]));
    let stopped = workshop.issue("renewed.zip", "renewed", &[]).expect(3);
    assert!(stopped.err().contains("another leaf certificate"), "{}", stopped.err());
}

#[test]
fn a_chip_with_another_key_than_on_the_ledger_raises_the_alarm() {
    let workshop = Workshop::new();
    workshop.reel("reel.zip", 0..3);
    workshop.issue("reel.zip", "batch", &[]).success();
    for (name, leaf) in
        [("uid.zip", variants::crossed(&workshop.pki, 1, 7)), ("key.zip", variants::crossed(&workshop.pki, 7, 1))]
    {
        workshop.write(name, &archive::zip(&[("leaf.der", &leaf)]));
        let stopped = workshop.issue(name, "crossed", &[]).expect(3);
        assert!(stopped.err().contains("ALARM"), "{name}: {}", stopped.err());
        // also under another policy name: a chip has one key
        workshop.issue_under("policy.toml", name, "crossed", &["--reissue", "x"]).expect(3);
    }
}

#[test]
fn a_reissue_passes_and_is_recorded() {
    let workshop = Workshop::new();
    workshop.reel("reel.zip", 0..3);
    workshop.issue("reel.zip", "batch", &[]).success();
    workshop.write("edited.toml", POLICY.replace("5y", "6y").as_bytes());
    let reason = ["--reissue", "five years were too few"];
    workshop.issue_under("edited.toml", "reel.zip", "edited", &reason).success();
    for line in workshop.lines("edited") {
        assert_eq!(line["reissue"], "five years were too few");
    }
    for (old, new) in serials(&workshop, "batch").iter().zip(serials(&workshop, "edited")) {
        assert_ne!(*old, new);
    }
    // and that, too, is done once
    let again = workshop.issue_under("edited.toml", "reel.zip", "edited", &reason).success();
    assert!(again.err().contains("already done"), "{}", again.err());
    workshop.verify("edited", &["--input", "reel.zip"]).success();
}

#[test]
fn another_policy_name_is_another_certificate() {
    let workshop = Workshop::new();
    workshop.reel("reel.zip", 0..3);
    workshop.issue("reel.zip", "batch", &[]).success();
    workshop.write("second.toml", POLICY.replace("\"workshop\"", "\"second\"").as_bytes());
    workshop.issue_under("second.toml", "reel.zip", "second", &[]).success();
    assert_eq!(workshop.lines("second").len(), 3);
    let (first, second) = (serials(&workshop, "batch"), serials(&workshop, "second"));
    assert!(first.iter().all(|serial| !second.contains(serial)));
}

#[test]
fn duplicates_and_twins_in_one_input_give_one_certificate() {
    let workshop = Workshop::new();
    let leaf = workshop.pki.leaf(0).der;
    let twin = variants::twin(&leaf);
    workshop.write("reel.zip", &archive::zip(&[("a.der", &leaf), ("b.der", &leaf), ("c.der", &twin)]));
    workshop.issue("reel.zip", "batch", &[]).success();
    assert_eq!(workshop.lines("batch").len(), 1);
    assert_eq!(workshop.rejected("batch").len(), 2);
    assert_eq!(workshop.statement("batch")["counts"]["ignored"], 2);
}

#[test]
fn a_changed_published_batch_is_not_taken_for_the_sealed_one() {
    let workshop = Workshop::new();
    workshop.reel("reel.zip", 0..3);
    workshop.issue("reel.zip", "batch", &[]).success();
    put(&workshop.path("batch/manifest.json"), b"{}");
    let refused = workshop.issue("reel.zip", "batch", &[]).expect(2);
    assert!(refused.err().contains("exists already"), "{}", refused.err());
}
