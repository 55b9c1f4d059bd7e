//! Names to certificates: every selector, what is in doubt, and what is recorded.

use serde_json::json;

use super::field::{Field, json as read};
use crate::support::judges::put;
use crate::support::workshop::{POLICY, Workshop};

#[test]
fn every_selector_finds_its_certificates() {
    let field = Field::new(4);
    let uid = field.uid(1);
    let line = field.line(&uid);
    let serial = line["serial"].as_str().unwrap().to_owned();
    put(&field.path("uids.txt"), format!("{uid}\n"));
    put(&field.path("list.csv"), format!("uid;reason;time\n{uid};keyCompromise;2020-01-01T00:00:00Z\n"));
    let args = ["export", "batch", "--to", "directory", "--out", "certificates", "--issuer-anchor", "pki/ca/root.pem"];
    field.workshop.reroot(&args).run().success();
    field.workshop.reel("one.zip", 1..2);
    let batch = field.workshop.statement("batch")["batch"].as_str().unwrap().to_owned();
    let certificate = format!("certificates/{uid}.der");
    let st_number = &uid[4..];
    let selectors: [(&[&str], u64); 11] = [
        (&["--uid", &uid, "--reason", "superseded"], 1),
        (&["--uid", st_number, "--reason", "4"], 1),
        (&["--uids", "uids.txt", "--reason", "superseded"], 1),
        (&["--serial", &serial, "--reason", "superseded"], 1),
        (&["--certificate", &certificate, "--reason", "superseded"], 1),
        (&["--reel", "one.zip", "--reason", "superseded"], 1),
        (&["--list", "list.csv"], 1),
        (&["--batch", &batch, "--reason", "superseded"], 4),
        (&["--policy", "workshop", "--reason", "superseded"], 4),
        (&["--issued-between", "2020-01-01..2099-12-31", "--reason", "superseded"], 4),
        (&["--policy", "workshop", "--issued-between", "2020-01-01..2020-12-31", "--reason", "superseded"], 0),
    ];
    let head = field.run(&["ledger", "head"], &[]).out();
    for (selector, expected) in selectors {
        let finished = field.run(&["revoke", "--dry-run", "--format", "json"], selector).success();
        assert_eq!(read(&finished)["counts"]["revoke"], expected, "{selector:?}");
    }
    assert_eq!(field.run(&["ledger", "head"], &[]).out(), head, "a dry run records nothing");
    // the time of the list is that of the entry
    field.revoke(&["--list", "list.csv"]).success();
    field.crl();
    let shown = field.run(&["crl", "export", "--to", "jsonl", "--out", "revocations.jsonl"], &[]);
    shown.success();
    let text = std::fs::read_to_string(field.path("revocations.jsonl")).unwrap();
    let one: serde_json::Value = serde_json::from_str(text.trim()).unwrap();
    assert_eq!((&one["uid"], &one["serial"]), (&json!(uid), &line["serial"]));
    assert_eq!((&one["reason"], &one["sha256"]), (&json!("keyCompromise"), &line["sha256"]));
    assert_eq!(one["revoked_at"], "2020-01-01T00:00:00Z");
    field.ledger_holds();
}

#[test]
fn a_selector_that_cannot_name_anything_is_named_itself() {
    let field = Field::new(1);
    put(&field.path("notes.txt"), "hello\n");
    let refused = field.run(&["revoke", "--yes", "--reel", "notes.txt", "--reason", "superseded"], &[]).expect(3);
    assert!(refused.out().contains("notes.txt: there is no leaf in it"), "{}", refused.out());
    let turned = "2026-02-01..2026-01-01";
    let refused = field.run(&["revoke", "--yes", "--issued-between", turned, "--reason", "superseded"], &[]).expect(2);
    let said = "--issued-between begins at 2026-02-01T00:00:00Z, after its end at 2026-01-01T23:59:59Z";
    assert!(refused.err().contains(said), "{}", refused.err());
    field.ledger_holds();
}

#[test]
fn earlier_certificates_are_superseded_by_a_later_batch() {
    let field = Field::new(3);
    let again = field.workshop.issue("reel.zip", "second", &["--reissue", "new lot", "--set", "lot=B2"]);
    again.success();
    let second = field.workshop.statement("second")["batch"].as_str().unwrap().to_owned();
    let finished = field.revoke(&["--superseded-by", &second, "--reason", "superseded"]).success();
    assert_eq!(read(&finished)["counts"]["revoke"], 3);
    field.crl();
    let mut expected: Vec<String> =
        field.workshop.lines("batch").iter().map(|line| line["serial"].as_str().unwrap().to_owned()).collect();
    expected.sort();
    assert_eq!(field.serials("www/full.crl"), expected, "the first batch and not the second");
}

#[test]
fn a_second_time_changes_nothing_and_a_reason_stays() {
    let field = Field::new(2);
    let uid = field.uid(0);
    let done = read(&field.revoke(&["--uid", &uid, "--reason", "superseded"]).success());
    assert_eq!((&done["outcome"], &done["counts"]["revoke"]), (&json!("done"), &json!(1)));
    for reason in ["superseded", "cessationOfOperation"] {
        let again = read(&field.revoke(&["--uid", &uid, "--reason", reason]).success());
        assert_eq!((&again["outcome"], &again["counts"]["already"]), (&json!("already-done"), &json!(1)), "{reason}");
    }
    let changed = read(&field.revoke(&["--uid", &uid, "--reason", "key-compromise"]).success());
    assert_eq!((&changed["outcome"], &changed["counts"]["changed"]), (&json!("done"), &json!(1)));
    let final_one = field.release(&["--uid", &uid]).expect(3);
    assert_eq!(read(&final_one)["findings"][0]["kind"], "final");
    field.ledger_holds();
}

#[test]
fn what_is_in_doubt_is_named_with_its_line_and_nothing_is_recorded() {
    let field = Field::new(3);
    let (good, unknown) = (field.uid(0), field.uid(40));
    let damaged =
        format!("\u{feff}UID;Lot\r\n{good} ;1\r\n2.09E+20;2\r\n209021021;3\r\n\"{unknown}\";4\r\n0209XY;5\r\n");
    put(&field.path("damaged.csv"), damaged);
    let list = "uid,reason,time\nZZ,superseded,\n{good},nonsense,\n{good},superseded,yesterday\n{good},superseded\n";
    put(&field.path("list.csv"), list.replace("{good}", &good));
    put(&field.path("columns.csv"), format!("chip,why\n{good},superseded\n"));
    let other = Workshop::new();
    other.reel("reel.zip", 0..1);
    other.issue("reel.zip", "batch", &[]).success();
    let foreign = other.path("pki/ca/issuing.pem").display().to_string();
    type Case<'a> = (&'a [&'a str], &'a [(&'a str, &'a str)]);
    let cases: [Case<'_>; 5] = [
        (
            &["--uids", "damaged.csv", "--reason", "superseded"],
            &[
                ("damaged.csv, line 3", "what a spreadsheet makes of a long number"),
                ("damaged.csv, line 4", "a spreadsheet drops zeros"),
                ("damaged.csv, line 6", "is not hexadecimal"),
                ("damaged.csv, line 5", "no certificate of chip"),
            ],
        ),
        (
            &["--list", "list.csv"],
            &[
                ("list.csv, line 2", "is not hexadecimal"),
                ("list.csv, line 3", "`nonsense` is not a reason"),
                ("list.csv, line 4", "`time` is"),
                ("list.csv, line 5", "has 2 columns, expected 3"),
            ],
        ),
        (&["--list", "columns.csv"], &[("columns.csv, line 1", "unknown column `chip`")]),
        (&["--certificate", &foreign, "--reason", "superseded"], &[("issuing.pem", "it is a certificate of")]),
        (&["--serial", "4000000000000001", "--reason", "1"], &[("--serial", "no certificate of this ledger")]),
    ];
    let head = field.run(&["ledger", "head"], &[]).out();
    for (selector, expected) in cases {
        let refused = read(&field.revoke(selector).expect(3));
        assert_eq!(refused["outcome"], "refused");
        let findings = refused["findings"].as_array().unwrap();
        assert_eq!(findings.len(), expected.len(), "{findings:#?}");
        for (found, (place, what)) in findings.iter().zip(expected) {
            assert!(found["place"].as_str().unwrap().ends_with(place), "{found} {place}");
            assert!(found["finding"].as_str().unwrap().contains(what), "{found} {what}");
        }
    }
    assert_eq!(field.run(&["ledger", "head"], &[]).out(), head);
    // without the lines in doubt
    let skipped = field.revoke(&["--uids", "damaged.csv", "--reason", "superseded", "--skip-unknown"]).expect(1);
    assert_eq!(read(&skipped)["counts"]["revoke"], 1);
    field.ledger_holds();
}

#[test]
fn a_person_is_asked_and_a_missing_answer_is_no() {
    let field = Field::new(1);
    let uid = field.uid(0);
    let ask = |answer: &str| {
        let args = ["revoke", "--config", "pki/reroot.toml", "--uid", &uid, "--reason", "superseded"];
        field.workshop.reroot(&args).stdin(answer).run()
    };
    for answer in ["", "yes\n", "no\n"] {
        assert!(ask(answer).expect(2).err().contains("nothing was recorded: it was not confirmed"));
    }
    ask("revoke\n").success();
    for wrong in [&["--uid", uid.as_str()][..], &["--reason", "1"], &["--uid", &uid, "--reason", "removeFromCRL"]] {
        field.revoke(wrong).expect(2);
    }
}

#[test]
fn the_batch_of_an_external_ca_is_left_to_that_ca() {
    let field = Field::new(1);
    let uid = field.uid(5);
    let plan = ["plan", "other.zip", "--foreign", "--policy", "foreign.toml", "--out", "foreign"];
    field.workshop.reel("other.zip", 5..6);
    put(&field.path("foreign.toml"), POLICY.replace("name = \"workshop\"", "name = \"foreign\""));
    field.workshop.reroot(&plan).args(["--config", "pki/reroot.toml", "--set", "lot=A1"]).run().success();
    let refused = read(&field.revoke(&["--uid", &uid, "--reason", "superseded"]).expect(3));
    assert_eq!(refused["findings"][0]["kind"], "foreign", "{refused}");
    assert_eq!(refused["counts"]["foreign"], 1);
}

#[test]
fn blocked_chips_are_not_issued_and_a_stolen_reel_is_revoked_and_blocked() {
    let field = Field::new(2);
    field.workshop.reel("stolen.zip", 0..4);
    field.workshop.reel("next-to-it.zip", 2..4);
    let shown = read(&field.revoke(&["--reel", "stolen.zip", "--reason", "keyCompromise"]).success());
    assert_eq!((&shown["counts"]["revoke"], &shown["counts"]["to_block"]), (&json!(2), &json!(2)), "{shown}");
    // the same command again has nothing left to do, and a release does not unblock
    let again = read(&field.revoke(&["--reel", "stolen.zip", "--reason", "keyCompromise"]).success());
    assert_eq!((&again["outcome"], &again["counts"]["already"]), (&json!("already-done"), &json!(4)), "{again}");
    let released = read(&field.release(&["--reel", "next-to-it.zip"]).success());
    assert_eq!((&released["outcome"], &released["counts"]["not_revoked"]), (&json!("already-done"), &json!(2)));
    field.workshop.reel("next.zip", 2..5);
    let refused = field.workshop.issue("next.zip", "next", &[]).expect(3);
    assert!(refused.err().contains("ledger.blocked"), "{}", refused.err());
    field.workshop.issue("next.zip", "next", &["--on-reject", "skip"]).expect(1);
    let rejected = field.workshop.rejected("next");
    let codes: Vec<&str> = rejected.iter().map(|one| one["code"].as_str().unwrap()).collect();
    assert_eq!(codes, ["ledger.blocked"; 2]);
    field.workshop.verify("next", &["--input", "next.zip"]).success();
    // until the operator unblocks them
    let uids = [field.uid(2), field.uid(3)].join("\n");
    put(&field.path("back.txt"), uids);
    let back = ["unblock", "--uids", "back.txt", "--why", "found again", "--by", "quality", "--yes"];
    field.run(&back, &[]).success();
    field.workshop.reel("rest.zip", 2..4);
    field.workshop.issue("rest.zip", "rest", &[]).success();
    // and one by one
    let uid = field.uid(7);
    let block = ["block", "--uid", &uid, "--why", "sample", "--by", "quality", "--yes", "--format", "json"];
    assert_eq!(read(&field.run(&block, &[]).success())["counts"]["block"], 1);
    assert_eq!(read(&field.run(&block, &[]).success())["outcome"], "already-done");
    field.ledger_holds();
}
