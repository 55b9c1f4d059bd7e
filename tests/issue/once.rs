//! "Once" (docs/adr/0036-identity-of-a-certificate.md): each sentence of it, through the front door.
#![expect(clippy::unwrap_used, reason = "`unwrap` is for tests")]

use crate::support::judges::put;
use crate::support::pki::{archive, variants};
use crate::support::run::Run;
use crate::support::workshop::{POLICY, Workshop};

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

/// What is sealed comes out again from its sources, byte for byte, with the keys locked away.
#[test]
fn a_sealed_batch_is_published_again_without_a_key() {
    let workshop = Workshop::new();
    workshop.reel("reel.zip", 0..3);
    workshop.reel("other.zip", 3..5);
    workshop.issue("reel.zip", "batch", &["--bulk-id", "4711", "--form", "pem"]).success();
    let (files, statement) = (workshop.files("batch"), workshop.statement("batch"));
    let batch = statement["batch"].as_str().unwrap();
    for key in ["issuing", "manifest"] {
        reroot::durable::remove_partial_file(&workshop.path(&format!("pki/ca/{key}.key.pem"))).unwrap();
    }
    let publish = |inputs: &[&str], more: &[&str]| {
        let run = workshop.reroot(&["ledger", "publish", batch]).args(inputs).args(more);
        run.args(["--out", "again", "--config", "pki/reroot.toml"]).run()
    };
    for inputs in [&["other.zip"][..], &["reel.zip", "other.zip"]] {
        let refused = publish(inputs, &[]).expect(3);
        assert!(refused.err().contains(&format!("are not those that batch {batch} was made of")), "{}", refused.err());
    }
    workshop.write("uids.txt", format!("{}\n", workshop.pki.leaf(0).uid()).as_bytes());
    let refused = publish(&["reel.zip"], &["--expect", "uids.txt"]).expect(2);
    assert!(refused.err().contains("was made without one"), "{}", refused.err());

    let said = publish(&["reel.zip"], &[]).success();
    assert!(said.out().contains("published   again, as it was sealed; nothing was signed"), "{}", said.out());
    assert_eq!(workshop.files("again"), files);
    let again = publish(&["reel.zip"], &[]).success();
    assert!(again.err().contains(&format!("already done: `again` holds batch {batch}")) && again.out().is_empty());
    workshop.reroot(&["ledger", "verify", "--config", "pki/reroot.toml"]).run().success();
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

    // a reel that is done, packed otherwise: one line with the batch
    let none = workshop.issue("same.zip", "third", &[]).success();
    let said = format!("already done: every chip of this input has its certificate, in batch {first}");
    assert!(none.err().lines().last() == Some(&said) && none.out().is_empty(), "{}{}", none.err(), none.out());
    assert!(!workshop.path("third").exists());
    let none = workshop.issue("same.zip", "third", &["--format", "json"]).success();
    let none: serde_json::Value = serde_json::from_str(&none.out()).unwrap();
    assert_eq!((none["outcome"].as_str(), none["batches"][0].as_str()), (Some("already-issued"), Some(&*first)));
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

/// A copy of a file under another name, as operators rename archives.
fn renamed(workshop: &Workshop, from: &str, to: &str) {
    workshop.write(to, &std::fs::read(workshop.path(from)).unwrap());
}

fn list(workshop: &Workshop, name: &str, indices: impl IntoIterator<Item = u64>) {
    let uids: Vec<String> = indices.into_iter().map(|index| workshop.pki.leaf(index).uid()).collect();
    workshop.write(name, uids.join("\n").as_bytes());
}

/// Digest of the ledger's head.
fn head(workshop: &Workshop) -> String {
    workshop.reroot(&["ledger", "head", "--config", "pki/reroot.toml"]).run().success().out()
}

#[test]
fn another_name_list_or_bulk_id_makes_no_other_run() {
    let workshop = Workshop::new();
    workshop.reel("reel.zip", 0..3);
    renamed(&workshop, "reel.zip", "reel (1).zip");
    list(&workshop, "three.txt", 0..3);
    list(&workshop, "two.txt", 0..2);
    list(&workshop, "four.txt", 0..4);
    workshop.issue("reel.zip", "batch", &["--expect", "three.txt", "--bulk-id", "A"]).success();
    let (before, head_before) = (workshop.files("batch"), head(&workshop));
    for (input, more) in [
        ("reel.zip", &[][..]),
        ("reel.zip", &["--expect", "three.txt"]),
        ("reel.zip", &["--bulk-id", "B"]),
        ("reel (1).zip", &[]),
        ("reel (1).zip", &["--expect", "three.txt", "--bulk-id", "A"]),
        ("reel.zip", &["--expect", "two.txt", "--on-surplus", "ignore"]),
        ("reel.zip", &["--expect-count", "3"]),
    ] {
        let again = workshop.issue(input, "batch", more).success();
        assert!(again.err().contains("already done"), "{input} {more:?}: {}", again.err());
    }
    // the list is checked all the same
    let missing = workshop.issue("reel.zip", "batch", &["--expect", "four.txt"]).expect(3);
    assert!(missing.err().contains("missing: ") && missing.err().contains("--on-missing note"), "{}", missing.err());
    workshop.issue("reel (1).zip", "batch", &["--expect", "four.txt", "--on-reject", "skip"]).expect(3);
    let noted = workshop.issue("reel.zip", "batch", &["--expect", "four.txt", "--on-missing", "note"]).expect(1);
    assert!(noted.err().contains("already done") && noted.out().contains("missing: "), "{}", noted.out());
    let surplus = workshop.issue("reel.zip", "batch", &["--expect", "two.txt"]).expect(3);
    assert!(surplus.err().contains("has chips that the list does not name: 1"), "{}", surplus.err());
    workshop.issue("reel.zip", "batch", &["--expect-count", "4"]).expect(3);
    assert_eq!(workshop.files("batch"), before);
    assert_eq!(head(&workshop), head_before, "nothing was recorded");
    // a deleted output comes out again with another list and bulk identifier
    workshop.delete("batch");
    workshop.issue("reel.zip", "batch", &["--bulk-id", "B"]).success();
    assert_eq!(workshop.files("batch"), before);
    // unless chips were missing: what was missing only the list of then says
    list(&workshop, "eight.txt", 6..8);
    workshop.reel("seven.zip", 6..7);
    let note = ["--expect", "eight.txt", "--on-missing", "note"];
    workshop.issue("seven.zip", "seven", &note).expect(1);
    let seven = workshop.files("seven");
    workshop.delete("seven");
    let other = workshop.issue("seven.zip", "seven", &[]).expect(3);
    assert!(other.err().contains("comes out only as it was, with the list of then"), "{}", other.err());
    workshop.issue("seven.zip", "seven", &note).expect(1);
    assert_eq!(workshop.files("seven"), seven);
    let head_before = head(&workshop);
    // from a reel with a different name it cannot, as the name is in the lines: the program reports that its chips are
    // done
    workshop.delete("batch");
    let other = workshop.issue("reel (1).zip", "batch", &[]).success();
    assert!(!workshop.path("batch").exists() && other.err().contains("already done: every chip"), "{}", other.err());
    assert!(other.err().contains("was sealed from these leaves, packed or named otherwise"), "{}", other.err());
    assert_eq!(head(&workshop), head_before);
}

#[test]
fn a_list_chooses_chips_of_a_larger_archive_and_each_choice_is_a_run() {
    let workshop = Workshop::new();
    workshop.reel("delivery.zip", 0..6);
    list(&workshop, "first.txt", 0..3);
    list(&workshop, "second.txt", 3..6);
    // as before: a chip that is not on the list is rejected
    workshop.issue("delivery.zip", "first", &["--expect", "first.txt"]).expect(3);
    let first = workshop.issue("delivery.zip", "first", &["--expect", "first.txt", "--on-surplus", "ignore"]).success();
    assert!(first.out().contains("[verify.expect.surplus]"), "{}", first.out());
    // without a list, all of the archive is wanted: that is more than the batch of this input has
    let all = workshop.issue("delivery.zip", "all", &["--on-reject", "stop"]).expect(3);
    assert!(all.err().contains("a list of those alone issues them"), "{}", all.err());
    assert_eq!(workshop.lines("first").len(), 3);
    assert_eq!(workshop.statement("first")["counts"]["ignored"], 3);
    workshop.verify("first", &["--input", "delivery.zip"]).success();
    let second =
        workshop.issue("delivery.zip", "second", &["--expect", "second.txt", "--on-surplus", "ignore"]).success();
    assert!(!second.err().contains("already"), "{}", second.err());
    assert_eq!(workshop.lines("second").len(), 3);
    workshop.verify("second", &["--input", "delivery.zip", "--history", "first", "second"]).success();
    let both = [serials(&workshop, "first"), serials(&workshop, "second")].concat();
    assert_eq!(both.iter().collect::<std::collections::BTreeSet<_>>().len(), 6);
    let all = workshop.issue("delivery.zip", "all", &[]).expect(3);
    assert!(all.err().contains("comes out only as it was"), "{}", all.err());
    for out in ["first", "second"] {
        let more = ["--expect", &format!("{out}.txt"), "--on-surplus", "ignore"];
        let again = workshop.issue("delivery.zip", out, &more).success();
        assert!(again.err().contains("already done"), "{}", again.err());
    }
}

#[test]
fn missing_surplus_and_rejected_have_an_option_each() {
    let workshop = Workshop::new();
    let bad = variants::bad_signature(&workshop.pki.leaf(9).der);
    let leaves: Vec<_> = (0..3).map(|index| workshop.pki.leaf(index)).collect();
    let names: Vec<String> = leaves.iter().map(|leaf| format!("{}.der", leaf.uid())).collect();
    let mut files: Vec<(&str, &[u8])> =
        names.iter().zip(&leaves).map(|(name, leaf)| (name.as_str(), leaf.der.as_slice())).collect();
    files.push(("bad.der", &bad));
    workshop.write("reel.zip", &archive::zip(&files));
    // chip 0 is surplus, chip 7 is missing, bad.der is rejected
    list(&workshop, "list.txt", [1, 2, 7]);
    let expect = ["--expect", "list.txt"];
    for (reject, missing, surplus, code) in [
        ("stop", "stop", "reject", 3),
        ("skip", "stop", "reject", 3),
        ("skip", "stop", "ignore", 3),
        ("stop", "note", "reject", 3),
        ("stop", "note", "ignore", 3),
        ("skip", "note", "reject", 1),
        ("skip", "note", "ignore", 1),
    ] {
        let more =
            [&expect[..], &["--on-reject", reject, "--on-missing", missing, "--on-surplus", surplus, "--dry-run"]]
                .concat();
        let finished = workshop.issue("reel.zip", "batch", &more).expect(code);
        let said = finished.out() + &finished.err();
        assert!(said.contains("missing: "), "{more:?}\n{said}");
        let expected = if surplus == "ignore" {
            "1 ignored [verify.expect.surplus]"
        } else {
            "1 rejected [verify.expect.unexpected]"
        };
        assert!(said.contains(expected), "{more:?}\n{said}");
        // a hint names only what helps
        if code == 3 {
            assert_eq!(said.contains("--on-reject skip"), reject == "stop", "{said}");
            assert_eq!(said.contains("--on-missing note"), missing == "stop", "{said}");
        }
    }
    // the count goes with the list: fewer are missing chips, more are not
    let skip = ["--on-reject", "skip", "--dry-run"];
    workshop.issue("reel.zip", "batch", &[&skip[..], &["--expect-count", "4"]].concat()).expect(3);
    workshop
        .issue("reel.zip", "batch", &[&skip[..], &["--expect-count", "4", "--on-missing", "note"]].concat())
        .expect(1);
    workshop
        .issue("reel.zip", "batch", &[&skip[..], &["--expect-count", "2", "--on-missing", "note"]].concat())
        .expect(3);
}

/// Begins a batch and leaves it open: the planner records it, and no signing machine signs it.
fn begun(workshop: &Workshop, input: &str, more: &[&str]) -> String {
    let args =
        ["plan", input, "--policy", "policy.toml", "--out", "x.plan", "--config", "pki/reroot.toml", "--set", "lot=A1"];
    workshop.reroot(&args).args(more).run().success();
    let stats =
        workshop.reroot(&["ledger", "stats", "--config", "pki/reroot.toml", "--format", "json"]).run().success();
    let stats: serde_json::Value = serde_json::from_str(&stats.out()).unwrap();
    stats["open"][0]["batch"].as_str().expect("one open batch").to_owned()
}

#[test]
fn a_plan_is_found_again_under_another_name_list_or_bulk_id() {
    let workshop = Workshop::new();
    workshop.reel("reel.zip", 0..3);
    renamed(&workshop, "reel.zip", "other.zip");
    list(&workshop, "three.txt", 0..3);
    list(&workshop, "four.txt", 0..4);
    let batch = begun(&workshop, "reel.zip", &["--bulk-id", "A"]);
    let plan = std::fs::read(workshop.path("x.plan")).unwrap();
    let again = |input: &str, out: &str, more: &[&str]| {
        let args =
            ["plan", input, "--policy", "policy.toml", "--out", out, "--config", "pki/reroot.toml", "--set", "lot=A1"];
        workshop.reroot(&args).args(more).run()
    };
    for (input, more) in
        [("other.zip", &[][..]), ("reel.zip", &["--expect", "three.txt"]), ("reel.zip", &["--bulk-id", "B"])]
    {
        let found = again(input, "x.plan", more).success();
        assert!(found.err().contains("already done") && found.err().contains(&batch), "{}", found.err());
    }
    again("other.zip", "x.plan", &["--expect", "four.txt"]).expect(3);
    // a new plan of the batch would say something else than the ledger
    let refused = again("other.zip", "y.plan", &[]).expect(3);
    assert!(
        refused.err().contains(&batch) && refused.err().contains("can only be made from the same ones"),
        "{}",
        refused.err()
    );
    assert_eq!(std::fs::read(workshop.path("x.plan")).unwrap(), plan);
}

/// Kills a run in the midst of its batch, at a flush that it counts itself: no clock and no other process decides when.
fn killed(workshop: &Workshop, input: &str, more: &[&str]) {
    let args = ["issue", input, "--policy", "policy.toml", "--out", "batch", "--config", "pki/reroot.toml"];
    let trace = ["-f", "-qq", "-o", "/dev/null", "-e", "trace=fsync,fdatasync"];
    let kill = ["-e", "inject=fsync,fdatasync:signal=KILL:when=100"];
    let run = Run::tool("strace").args(trace).args(kill).arg(env!("CARGO_BIN_EXE_reroot")).args(args);
    let run = run.args(["--set", "lot=A1", "--chunk", "1"]).args(more).folder(workshop.folder());
    assert_ne!(run.run().code, Some(0), "hundreds of flushes come before its end");
    assert!(workshop.leftovers().iter().any(|name| name.starts_with("batch.partial")), "it has begun");
    assert!(!workshop.path("batch").exists());
}

#[test]
fn an_open_batch_is_finished_under_another_name_list_or_bulk_id() {
    const CHIPS: u64 = 400;
    let workshop = Workshop::new();
    workshop.reel("reel.zip", 0..CHIPS);
    renamed(&workshop, "reel.zip", "other.zip");
    workshop.reel("more.zip", 0..=CHIPS);
    list(&workshop, "all.txt", 0..CHIPS);
    list(&workshop, "fewer.txt", 1..CHIPS);
    list(&workshop, "one-more.txt", 0..=CHIPS);
    killed(&workshop, "reel.zip", &["--bulk-id", "A"]);
    let before = head(&workshop);
    for (input, more, what) in [
        (
            "reel.zip",
            &["--expect", "fewer.txt", "--on-surplus", "ignore"][..],
            "has chips that the list does not name: 1",
        ),
        ("reel.zip", &["--expect", "one-more.txt"], "expected chips that the input lacks: 1"),
        ("more.zip", &[], "was begun without chips that this run wants: 1"),
        ("more.zip", &["--on-reject", "skip"], "is open and holds chips of this input"),
    ] {
        let stopped = workshop.issue(input, "batch", more).expect(3);
        assert!(stopped.err().contains(what), "{input} {more:?}: {}", stopped.err());
    }
    assert_eq!(head(&workshop), before, "nothing was recorded");
    let finished = workshop.issue("other.zip", "batch", &["--expect", "all.txt", "--bulk-id", "B"]).success();
    assert!(!finished.err().contains("already done"), "{}", finished.err());
    assert_eq!(workshop.lines("batch").len() as u64, CHIPS);
    // the list of the run that seals is sealed, and the name of its input
    assert_eq!(workshop.statement("batch")["expected"]["count"], CHIPS);
    workshop.verify("batch", &["--input", "other.zip"]).success();
    let again = workshop.issue("reel.zip", "batch", &[]).success();
    assert!(again.err().contains("already done"), "{}", again.err());
}

#[test]
fn an_open_batch_that_was_begun_with_chips_missing_is_finished_by_its_own_command() {
    let workshop = Workshop::new();
    workshop.reel("reel.zip", 0..400);
    list(&workshop, "one-more.txt", 0..401);
    killed(&workshop, "reel.zip", &["--expect", "one-more.txt", "--on-missing", "note"]);
    // as the program before had it, which asked for no option: what was missing was said when the batch was started
    let finished = workshop.issue("reel.zip", "batch", &["--expect", "one-more.txt"]).expect(1);
    assert!(finished.out().contains("missing: ") && finished.out().contains("noted: "), "{}", finished.out());
    workshop.issue("reel.zip", "batch", &["--expect", "one-more.txt"]).expect(3);
}

#[test]
fn a_key_that_signs_in_batches_makes_a_batch_like_any_other() {
    let workshop = Workshop::new();
    let config = std::fs::read_to_string(workshop.path("pki/reroot.toml")).unwrap();
    let with = |value: &str| config.replacen("[issuer]\n", &format!("[issuer]\nbatch_signer = {value}\n"), 1);
    workshop.reel("reel.zip", 0..200);
    let write = |value: &str| put(&workshop.path("pki/reroot.toml"), with(value));
    write("1");
    let refused = workshop.issue("reel.zip", "batch", &[]).expect(2);
    assert!(refused.err().contains("`batch_signer` is an integer, expected true or false"), "{}", refused.err());
    write("true");
    workshop.issue("reel.zip", "batch", &[]).success();
    workshop.verify("batch", &["--input", "reel.zip"]).success();
    // the general library makes and checks all of them; the option had another name before
    for (number, option) in ["--generic", "--generic-verify"].iter().enumerate() {
        let (reel, batch) = (format!("reel-{number}.zip"), format!("batch-{number}"));
        let first = 200 * (number as u64 + 1);
        workshop.reel(&reel, first..first + 200);
        workshop.issue(&reel, &batch, &[option]).success();
        workshop.verify(&batch, &["--input", &reel, option]).success();
    }
}
