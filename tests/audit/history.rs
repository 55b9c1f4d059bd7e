//! `verify --history`: what several batches of one ledger show together.

use super::batch::codes;
use super::forge::Forge;
use super::support::workshop::Workshop;
use super::verdict::refused_only;

/// Three batches of one ledger, one after the other.
fn three() -> Workshop {
    let workshop = Workshop::new();
    for (n, name) in (0..).zip(["one", "two", "three"]) {
        let reel = format!("{name}.zip");
        workshop.reel(&reel, n * 4..n * 4 + 3);
        workshop.issue(&reel, name, &[]).success();
    }
    workshop
}

#[test]
fn batches_of_one_ledger_are_a_chain_from_any_of_them() {
    let workshop = three();
    for (batch, others) in [("one", ["two", "three"]), ("two", ["three", "one"]), ("three", ["one", "two"])] {
        let more = ["--format", "json", "--history", others[0], others[1]];
        let finished = workshop.verify(batch, &more).success();
        let report: serde_json::Value = serde_json::from_slice(&finished.stdout).unwrap();
        assert_eq!((&report["history"]["batches"], &report["history"]["lines"]), (&3.into(), &9.into()));
        let head = std::fs::read(workshop.path("three/manifest.json")).unwrap();
        assert_eq!(report["history"]["head"], reroot::crypto::sha256(&head).to_string());
    }
    // the batch under audit may be among them, and once is enough
    let text = workshop.verify("two", &["--history", "one", "two", "three", "one"]).success().out();
    assert!(text.contains("history       3 batches, 9 lines"), "{text}");
}

#[test]
fn a_batch_that_is_left_out_is_a_gap() {
    let workshop = three();
    refused_only(&workshop, "three", &["--history", "one"], &["audit.history.gap"]);
    refused_only(&workshop, "three", &["--history", "two"], &["audit.history.gap"]);
    workshop.verify("two", &["--history", "one"]).success();
}

#[test]
fn a_ledger_that_was_copied_and_used_twice_is_a_fork() {
    let workshop = three();
    let copy = workshop.copy();
    for (one, reel) in [(&workshop, 20..23), (&copy, 30..33)] {
        one.reel("four.zip", reel);
        one.issue("four.zip", "four", &[]).success();
    }
    let other = copy.path("four").display().to_string();
    let history = ["--history", "one", "two", "three", &other];
    refused_only(&workshop, "four", &history, &["audit.history.fork"]);
    // the same chips, too
    let copy = workshop.copy();
    workshop.reel("five.zip", 40..43);
    copy.reel("five.zip", 40..43);
    workshop.issue("five.zip", "five", &[]).success();
    copy.issue("five.zip", "five", &[]).success();
    let other = copy.path("five").display().to_string();
    let history = ["--history", "one", "two", "three", "four", &other];
    refused_only(&workshop, "five", &history, &["audit.history.fork", "audit.history.twice"]);
}

#[test]
fn a_chip_that_was_issued_for_again_needs_its_reason() {
    let workshop = three();
    workshop.issue("two.zip", "again", &["--reissue", "the first line lost them"]).success();
    let history = ["--history", "one", "two", "three"];
    workshop.verify("again", &history).success();
    // another policy name is another certificate
    let policy = super::support::workshop::POLICY.replace("\"workshop\"", "\"second\"");
    workshop.write("second.toml", policy.as_bytes());
    workshop.issue_under("second.toml", "two.zip", "second", &[]).success();
    workshop.verify("second", &["--history", "one", "two", "three", "again"]).success();
    // a ledger that forgot: sealed anew without the reason, in line and statement
    let bare = workshop.copy();
    super::support::run::Run::tool("mv").args(["again", "batch"]).folder(bare.folder()).run().success();
    let mut forge = Forge::of(&bare);
    for chip in &mut forge.chips {
        chip.set("reissue", "null");
    }
    forge.seal("forged", |statement| statement.reissue = None);
    refused_only(&bare, "forged", &history, &["audit.history.twice"]);
}

#[test]
fn batches_of_somebody_else_are_refused() {
    let workshop = three();
    let other = three();
    let foreign = other.path("two").display().to_string();
    let finished = workshop.verify("one", &["--format", "json", "--history", &foreign]).expect(1);
    assert_eq!(codes(&finished), ["manifest.signer.no-trust-anchor".to_owned()].into());
    assert!(finished.out().contains("two: manifest.json"), "{}", finished.out());
    workshop.verify("one", &["--history", "nowhere"]).expect(2);
}

#[test]
fn a_batch_of_the_history_that_was_changed_is_seen() {
    let workshop = three();
    let path = workshop.path("one/manifest.jsonl");
    let good = std::fs::read(&path).unwrap();
    for (from, to) in [("\"attempt\":0", "\"attempt\":1"), ("{\"uid\"", "{ \"uid\""), ("}\n", "}")] {
        let text = String::from_utf8(good.clone()).unwrap().replacen(from, to, 1);
        super::support::judges::put(&path, text);
        let finished = workshop.verify("two", &["--format", "json", "--history", "one"]).expect(1);
        assert!(codes(&finished).contains("audit.file.digest"), "{to}: {}", finished.out());
        assert!(finished.out().contains("one: manifest.jsonl"), "{}", finished.out());
    }
    let statement = workshop.path("one/manifest.json");
    let text = std::fs::read_to_string(&statement).unwrap();
    super::support::judges::put(&path, &good);
    super::support::judges::put(&statement, text.replace("\"encoder\": 2", "\"encoder\": 1"));
    refused_only(&workshop, "two", &["--history", "one"], &["manifest.seal.digest", "audit.history.gap"]);
}

/// What the holder of the manifest key can say of the batch before.
#[test]
fn a_chain_that_contradicts_itself_is_refused() {
    use reroot::manifest::Previous;
    use reroot::x509::Time;
    let workshop = three();
    super::support::run::Run::tool("cp").args(["-r", "three", "batch"]).folder(workshop.folder()).run().success();
    let history = ["--history", "one", "two"];
    let forged = |name: &str, change: &dyn Fn(&mut Previous), codes: &[&str]| {
        Forge::of(&workshop).seal(name, |statement| change(statement.previous.as_mut().unwrap()));
        refused_only(&workshop, name, &history, codes);
    };
    forged(
        "name",
        &|previous| previous.batch = "01968d2e-7b00-7cc3-98c4-dc0c0c07398f".to_owned(),
        &["audit.history.name"],
    );
    forged("digest", &|previous| previous.statement_sha256 = reroot::crypto::sha256(b""), &["audit.history.gap"]);
    let mut forge = Forge::of(&workshop);
    forge.statement.previous = None;
    forge.seal("first", |_| ());
    refused_only(&workshop, "first", &history, &["audit.history.fork"]);
    // made before the batch that it follows
    let copy = workshop.copy();
    copy.delete("batch");
    super::support::run::Run::tool("mv").args(["two", "batch"]).folder(copy.folder()).run().success();
    let created = Forge::of(&copy).statement.created;
    let later = Time::from_unix(created.unix() + 3600).unwrap();
    Forge::of(&copy).seal("late", |statement| statement.created = later);
    let late = copy.path("late").display().to_string();
    let digest = reroot::crypto::sha256(&std::fs::read(copy.path("late/manifest.json")).unwrap());
    Forge::of(&workshop).seal("early", |statement| statement.previous.as_mut().unwrap().statement_sha256 = digest);
    refused_only(&workshop, "early", &["--history", "one", &late], &["audit.history.time"]);
}
