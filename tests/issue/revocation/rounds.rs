//! Rounds: numbers, clocks, files, monitors, an old ledger.

use serde_json::json;

use super::field::{Field, json as read};
use crate::support::judges::put;
use crate::support::run::Run;

#[test]
fn a_round_has_every_shard_and_one_full_list() {
    let field = Field::new(12);
    let uids = [field.uid(0), field.uid(3), field.uid(11)];
    put(&field.path("uids.txt"), uids.join("\n"));
    field.revoke(&["--uids", "uids.txt", "--reason", "keyCompromise"]).success();
    let round = field.crl();
    assert_eq!((&round["round"], &round["signatures_made"]), (&json!(1), &json!(5)));
    let mut expected: Vec<String> =
        uids.iter().map(|uid| field.line(uid)["serial"].as_str().unwrap().to_owned()).collect();
    expected.sort();
    assert_eq!(field.serials("www/full.crl"), expected);
    let mut of_shards: Vec<String> = (1..=4).flat_map(|shard| field.serials(&format!("www/{shard}.crl"))).collect();
    of_shards.sort();
    assert_eq!(of_shards, expected, "each certificate is on one shard");
    let text = Run::openssl().args(["crl", "-inform", "DER", "-noout", "-text", "-in"]).arg(field.path("www/1.crl"));
    let text = text.run().success().out();
    assert!(text.contains("X509v3 Issuing Distribution Point: critical"), "{text}");
    assert!(text.contains("URI:http://crl.example.com/1.crl"), "{text}");
    let index: serde_json::Value =
        serde_json::from_slice(&std::fs::read(field.path("www/index.json")).unwrap()).unwrap();
    assert_eq!(index["lists"].as_array().unwrap().len(), 5);
    assert_eq!(index["lists"][0]["urls"], json!([]));
    assert_eq!(field.crl()["round"], 2, "a round without a revocation is a round");
    field.ledger_holds();
}

#[test]
fn a_hold_is_released_and_the_next_list_is_without_it() {
    let field = Field::new(3);
    let uid = field.uid(2);
    field.revoke(&["--uid", &uid, "--hold"]).success();
    field.crl();
    assert_eq!(field.serials("www/full.crl").len(), 1);
    assert_eq!(read(&field.release(&["--uid", &uid]).success())["counts"]["release"], 1);
    assert_eq!(read(&field.release(&["--uid", &uid]).success())["outcome"], "already-done");
    field.crl();
    assert_eq!(field.serials("www/full.crl"), [""; 0]);
    field.ledger_holds();
}

#[test]
fn a_monitor_is_told_when_a_round_is_due() {
    let field = Field::new(2);
    let due =
        |more: &[&str]| field.workshop.reroot(&["crl", "due", "www", "--ledger", "pki/ledger.db"]).args(more).run();
    assert!(due(&[]).expect(1).out().contains("no round was published"));
    field.crl();
    assert!(due(&[]).success().out().contains("OK: no round is due"));
    assert!(due(&["--before", "9d"]).expect(1).out().contains("the lists of round 1 end at"));
    let uid = field.uid(0);
    field.revoke(&["--uid", &uid, "--reason", "1", "--at", "2020-01-01T00:00:00Z"]).success();
    assert!(due(&[]).expect(1).out().contains("a revocation of 2020-01-01T00:00:00Z waits"));
    field.crl();
    due(&[]).success();
    put(&field.path("www/2.crl"), "changed");
    assert!(due(&[]).expect(1).out().contains("`2.crl` is not the list that the index names"));
    field.crl();
    due(&[]).success();
}

#[test]
fn an_old_ledger_makes_no_round() {
    let field = Field::new(2);
    field.crl();
    let folder = field.workshop.folder();
    Run::tool("cp").args(["-a", "pki/ledger.db", "old.db"]).folder(folder).run().success();
    let uid = field.uid(0);
    field.revoke(&["--uid", &uid, "--reason", "keyCompromise"]).success();
    field.crl();
    let published = std::fs::read(field.path("www/full.crl")).unwrap();
    Run::tool("cp").args(["-a", "old.db", "pki/ledger.db"]).folder(folder).run().success();
    let refused = field.run(&["crl", "--out", "www"], &[]).expect(2);
    assert!(refused.err().contains("has round 2 of the revocation lists, and the last one on the ledger is 1"));
    assert_eq!(std::fs::read(field.path("www/full.crl")).unwrap(), published);
    // a ledger that went on in another way has other lists of the same number
    field.run(&["crl", "--out", "elsewhere"], &[]).success();
    field.run(&["crl", "--out", "www"], &[]).expect(2);
    // and one whose head was noted is refused before
    let config = field.path("pki/reroot.toml");
    let text = std::fs::read_to_string(&config).unwrap();
    put(&config, text.replace("path = \"ledger.db\"", "path = \"ledger.db\"\nhead_file = \"noted\""));
    field.run(&["crl", "--out", "elsewhere"], &[]).success();
    Run::tool("cp").args(["-a", "old.db", "pki/ledger.db"]).folder(folder).run().success();
    let refused = field.run(&["crl", "--out", "third"], &[]).expect(5);
    assert!(refused.err().contains("which the last run noted"), "{}", refused.err());
    assert!(!field.path("third").exists());
}

#[test]
fn the_directory_of_another_issuer_is_left_alone() {
    let (field, other) = (Field::new(1), Field::new(1));
    other.crl();
    let out = other.path("www").display().to_string();
    let refused = field.run(&["crl", "--out", &out], &[]).expect(2);
    assert!(refused.err().contains("holds the lists of another issuer"), "{}", refused.err());
    put(&other.path("www/index.json"), "{}");
    assert!(other.run(&["crl", "--out", "www"], &[]).expect(2).err().contains("is not an index of revocation lists"));
}

#[test]
fn the_clock_of_a_round_is_not_behind_the_last_one() {
    let field = Field::new(1);
    field.crl();
    for command in [&["crl", "--out", "www"][..], &["crl", "plan", "--out", "round.plan"]] {
        let faked = Run::tool("faketime")
            .args(["2020-01-01 00:00:00"])
            .arg(crate::support::run::program())
            .args(command)
            .args(["--config", "pki/reroot.toml"])
            .folder(field.workshop.folder())
            .run()
            .expect(2);
        assert!(faked.err().contains("the last round of revocation lists, 1, has thisUpdate"), "{}", faked.err());
    }
    assert!(!field.path("round.plan").exists());
    assert_eq!(field.crl()["round"], 2);
}

#[test]
fn clouds_are_told_by_certificate_and_enrolment() {
    let field = Field::new(3);
    let (first, held) = (field.uid(0), field.uid(1));
    field.revoke(&["--uid", &first, "--reason", "keyCompromise"]).success();
    field.revoke(&["--uid", &held, "--hold"]).success();
    let export = |to: &str, out: &str| {
        field.run(&["crl", "export", "--to", to, "--out", out], &[]).success();
        std::fs::read_to_string(field.path(out)).unwrap()
    };
    let script = export("aws-revoke", "aws.sh");
    let line = |uid: &str, status: &str| {
        let sha256 = field.line(uid)["sha256"].as_str().unwrap().to_owned();
        format!("aws iot update-certificate --certificate-id {sha256} --new-status {status} #")
    };
    assert!(script.contains(&line(&first, "REVOKED")) && script.contains(&line(&held, "INACTIVE")), "{script}");
    Run::tool("sh").args(["-n", "aws.sh"]).folder(field.workshop.folder()).run().success();
    let azure = export("azure-dps-disable", "azure.jsonl");
    let ids: Vec<String> = azure
        .lines()
        .map(|line| {
            serde_json::from_str::<serde_json::Value>(line).unwrap()["registrationId"].as_str().unwrap().to_owned()
        })
        .collect();
    let mut expected = [first.to_lowercase(), held.to_lowercase()];
    expected.sort();
    assert_eq!(ids, expected);
    assert!(
        field.run(&["crl", "export", "--to", "jsonl", "--out", "aws.sh"], &[]).code != Some(0),
        "never overwritten"
    );
}
