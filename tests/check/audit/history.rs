//! `verify --history`: what several batches of one ledger show together.

use super::batch::codes;
use super::forge::Forge;
use super::verdict::refused_only;
use crate::support::workshop::Workshop;

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
    let policy = crate::support::workshop::POLICY.replace("\"workshop\"", "\"second\"");
    workshop.write("second.toml", policy.as_bytes());
    workshop.issue_under("second.toml", "two.zip", "second", &[]).success();
    workshop.verify("second", &["--history", "one", "two", "three", "again"]).success();
    // a ledger that forgot: sealed again without the reason, in line and statement
    let bare = workshop.copy();
    crate::support::run::Run::tool("mv").args(["again", "batch"]).folder(bare.folder()).run().success();
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
        crate::support::judges::put(&path, text);
        let finished = workshop.verify("two", &["--format", "json", "--history", "one"]).expect(1);
        assert!(codes(&finished).contains("audit.file.digest"), "{to}: {}", finished.out());
        assert!(finished.out().contains("one: manifest.jsonl"), "{}", finished.out());
    }
    let statement = workshop.path("one/manifest.json");
    let text = std::fs::read_to_string(&statement).unwrap();
    crate::support::judges::put(&path, &good);
    crate::support::judges::put(&statement, text.replace("\"encoder\": 2", "\"encoder\": 1"));
    refused_only(&workshop, "two", &["--history", "one"], &["manifest.seal.digest", "audit.history.gap"]);
}

/// What the holder of the manifest key can say of the batch before.
#[test]
fn a_chain_that_contradicts_itself_is_refused() {
    use reroot::manifest::Previous;
    use reroot::x509::Time;
    let workshop = three();
    crate::support::run::Run::tool("cp").args(["-r", "three", "batch"]).folder(workshop.folder()).run().success();
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
    crate::support::run::Run::tool("mv").args(["two", "batch"]).folder(copy.folder()).run().success();
    let created = Forge::of(&copy).statement.created;
    let later = Time::from_unix(created.unix() + 3600).unwrap();
    Forge::of(&copy).seal("late", |statement| statement.created = later);
    let late = copy.path("late").display().to_string();
    let digest = reroot::crypto::sha256(&std::fs::read(copy.path("late/manifest.json")).unwrap());
    Forge::of(&workshop).seal("early", |statement| statement.previous.as_mut().unwrap().statement_sha256 = digest);
    refused_only(&workshop, "early", &["--history", "one", &late], &["audit.history.time"]);
}

fn report(workshop: &Workshop, out: &str, more: &[&str]) -> serde_json::Value {
    let finished = workshop.verify(out, &[&["--format", "json"], more].concat());
    serde_json::from_slice(&finished.stdout).unwrap_or_else(|error| panic!("{error}: {}", finished.err()))
}

/// Gives the name `batch` to this one, which is what [`Forge`] takes apart.
fn as_batch(workshop: &Workshop, name: &str) {
    crate::support::run::Run::tool("cp").args(["-r", name, "batch"]).folder(workshop.folder()).run().success();
}

#[test]
fn what_was_issued_before_is_looked_up_in_the_history() {
    let workshop = three();
    // chips of the first batch, and a new one
    workshop.reel("four.zip", [0, 1, 60, 61]);
    workshop.issue("four.zip", "four", &[]).success();
    let history = ["--history", "one", "two", "three", "--input", "four.zip"];
    let found = report(&workshop, "four", &history);
    assert_eq!((&found["holds"], &found["history"]["shown"]), (&true.into(), &2.into()), "{found}");
    assert_eq!((&found["signers_word"], &found["history"]["complete"]), (&serde_json::json!({}), &true.into()));
    assert_eq!(report(&workshop, "four", &history[..4])["history"]["shown"], 2);
    let word = serde_json::json!({"ledger.already-issued": 2});
    assert_eq!(report(&workshop, "four", &history[4..])["signers_word"], word);
    // a history that does not reach back is a fault of its own, and shows nothing
    let partly = report(&workshop, "four", &["--history", "two", "three"]);
    assert_eq!((&partly["signers_word"], &partly["history"]["complete"]), (&word, &false.into()));
    refused_only(&workshop, "four", &["--history", "two", "three"], &["audit.history.gap"]);

    // a chip that no batch has, left out as if one had: with and without the inputs
    as_batch(&workshop, "four");
    let left_out = |name: &str, disposition: &str, code: &str| {
        let mut forge = Forge::of(&workshop);
        let chip = forge.chips.remove(1);
        let line = format!(
            "{{\"item\":{},\"disposition\":\"{disposition}\",\"code\":\"{code}\",\"reason\":\"\",\"uid\":\"{}\",\
             \"source_sha256\":{}}}\n",
            chip.get("source_item"),
            chip.name,
            chip.get("source_sha256")
        );
        forge.files.get_mut("rejected.jsonl").unwrap().extend_from_slice(line.as_bytes());
        let count = &mut forge.statement.counts;
        if disposition == "rejected" {
            count.rejected += 1;
        } else {
            count.ignored += 1;
        }
        forge.seal(name, |_| ());
    };
    for (n, (disposition, code)) in [
        ("ignored", "ledger.already-issued"),
        ("rejected", "ledger.uid-with-other-key"),
        ("rejected", "ledger.key-under-other-uid"),
    ]
    .into_iter()
    .enumerate()
    {
        let out = format!("out-{n}");
        left_out(&out, disposition, code);
        refused_only(&workshop, &out, &history, &["audit.account.ledger"]);
        let text = workshop.verify(&out, &history).expect(1).out();
        assert!(text.contains(&format!("is left out as {code}, and no batch of the history shows that")), "{text}");
        // the signer's word without the history, and said to be so
        assert_eq!(report(&workshop, &out, &history[4..])["signers_word"][code], if n == 0 { 3 } else { 1 });
    }
    // issued before, but under another name of policy, or in a batch that came later
    let policy = crate::support::workshop::POLICY.replace("\"workshop\"", "\"second\"");
    workshop.write("second.toml", policy.as_bytes());
    workshop.reel("five.zip", [60, 61]);
    workshop.issue_under("second.toml", "five.zip", "five", &[]).success();
    left_out("later", "ignored", "ledger.already-issued");
    refused_only(&workshop, "later", &["--history", "one", "two", "three"], &["audit.account.ledger"]);
}

#[test]
fn a_key_a_seed_and_a_serial_number_are_there_once() {
    let workshop = three();
    as_batch(&workshop, "three");
    let history = ["--history", "one", "two"];
    let statement = std::fs::read(workshop.path("two/manifest.json")).unwrap();
    let seed = reroot::manifest::Statement::parse(&statement).unwrap().serial_seed;
    // two batches with one seed
    Forge::of(&workshop).seal("seed", |statement| statement.serial_seed = seed);
    let found = codes(&workshop.verify("seed", &["--format", "json", "--history", "one", "two"]).expect(1));
    assert!(found.contains("audit.history.seed"), "{found:?}");
    // lines of the batch before say the same of other chips, as a provider could who sealed them
    let lines = workshop.lines("two");
    for (name, key, value, code) in [
        ("key", "spki_sha256", lines[0]["spki_sha256"].to_string(), "audit.history.key-uid"),
        ("serial", "serial", lines[0]["serial"].to_string(), "audit.history.serial"),
    ] {
        let mut forge = Forge::of(&workshop);
        forge.chips[1].set(key, &value);
        forge.seal(name, |_| ());
        let finished = workshop.verify(name, &[&["--format", "json"], &history[..]].concat()).expect(1);
        assert!(codes(&finished).contains(code), "{}", finished.out());
        // from the other side: the forged batch is in the history
        let finished = workshop.verify("two", &["--format", "json", "--history", "one", name]).expect(1);
        assert_eq!(codes(&finished), [code.to_owned()].into(), "{}", finished.out());
    }
}

#[test]
fn every_file_of_every_batch_of_the_history_is_digested() {
    let workshop = three();
    for name in ["certificates.zip", "sources.zip", "rejected.jsonl", "policy.toml"] {
        let path = workshop.path("one").join(name);
        let good = std::fs::read(&path).unwrap();
        crate::support::judges::put(&path, [&good[..], b"\n"].concat());
        let finished = workshop.verify("two", &["--format", "json", "--history", "one"]).expect(1);
        assert_eq!(codes(&finished), ["audit.file.digest".to_owned()].into(), "{name}");
        assert!(finished.out().contains(&format!("one: {name}")), "{}", finished.out());
        crate::support::judges::put(&path, good);
    }
    crate::support::judges::put(&workshop.path("one/more.txt"), "more\n");
    refused_only(&workshop, "two", &["--history", "one"], &["audit.file.unexpected"]);
}

#[test]
fn a_head_that_was_kept_elsewhere_is_the_end_of_the_chain() {
    let workshop = three();
    let head = |name: &str| {
        let statement = std::fs::read(workshop.path(name).join("manifest.json")).unwrap();
        reroot::crypto::sha256(&statement).to_string()
    };
    let [one, two, three] = ["one", "two", "three"].map(head);
    let all = ["--history", "one", "two", "--head"];
    let text = workshop.verify("three", &[&all[..], &[&three]].concat()).success().out();
    assert!(text.contains("checked       the end of the chain is the head that was kept elsewhere"), "{text}");
    // an older one: batches follow it
    refused_only(&workshop, "three", &[&all[..], &[&one]].concat(), &["audit.history.head"]);
    let text = workshop.verify("three", &[&all[..], &[&one]].concat()).expect(1).out();
    assert!(text.contains("batches that follow it: 2"), "{text}");
    // a younger one: the last batch is kept from the auditor
    refused_only(&workshop, "two", &["--history", "one", "--head", &three], &["audit.history.head"]);
    // a batch alone
    workshop.verify("two", &["--head", &two]).success();
    refused_only(&workshop, "two", &["--head", &three], &["audit.history.head"]);
    workshop.verify("two", &["--head", "xyz"]).expect(2);
}

#[test]
fn the_chain_is_told_by_policy_and_by_reason() {
    let workshop = three();
    workshop.issue("two.zip", "again", &["--reissue", "the first line lost them"]).success();
    let policy = crate::support::workshop::POLICY.replace("\"workshop\"", "\"second\"");
    workshop.write("second.toml", policy.as_bytes());
    workshop.issue_under("second.toml", "two.zip", "second", &[]).success();
    let history = ["--history", "one", "two", "three", "again"];
    let found = report(&workshop, "second", &history);
    assert_eq!(
        (&found["history"]["policies"], &found["history"]["reissues"]),
        (
            &serde_json::json!([
                {"name": "second", "batches": 1, "certificates": 3},
                {"name": "workshop", "batches": 4, "certificates": 12},
            ]),
            &serde_json::json!([
                {"policy": "workshop", "reason": "the first line lost them", "certificates": 3},
            ])
        )
    );
    let text = workshop.verify("second", &history).success().out();
    for line in [
        "history       policy `second`: 1 batches, 3 certificates",
        "history       policy `workshop`: 4 batches, 12 certificates",
        "history       policy `workshop`: 3 certificates issued again: the first line lost them",
    ] {
        assert!(text.contains(line), "{text}");
    }
}
