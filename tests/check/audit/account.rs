//! What a provider who holds the manifest key can leave out, and under which code, before an auditor who has the inputs, the
//! expected list or the history.

use super::batch::codes;
use super::forge::Forge;
use super::verdict::{agree, refused_only};
use crate::support::judges::put;
use crate::support::pki::{archive, der, variants};
use crate::support::run::Run;
use crate::support::workshop::{POLICY, Workshop};

const INPUT: [&str; 2] = ["--input", "reel.zip"];

/// A batch of these chips.
fn issued(chips: std::ops::Range<u64>, more: &[&str]) -> Workshop {
    let workshop = Workshop::new();
    workshop.reel("reel.zip", chips);
    workshop.issue("reel.zip", "batch", more);
    workshop
}

/// A line of `rejected.jsonl`.
fn finding(item: &str, disposition: &str, code: &str, uid: Option<&str>, source: Option<&str>) -> String {
    let quoted = |text: Option<&str>| text.map_or("null".to_owned(), |text| format!("\"{text}\""));
    format!(
        "{{\"item\":\"{item}\",\"disposition\":\"{disposition}\",\"code\":\"{code}\",\"reason\":\"so it is\",\
         \"uid\":{},\"source_sha256\":{}}}\n",
        quoted(uid),
        quoted(source)
    )
}

/// Takes a chip out of the batch and gives this reason for it.
fn left_out(workshop: &Workshop, name: &str, disposition: &str, code: &str) {
    left_out_at(workshop, 1, name, disposition, code);
}

fn left_out_at(workshop: &Workshop, at: usize, name: &str, disposition: &str, code: &str) {
    let mut forge = Forge::of(workshop);
    let chip = forge.chips.remove(at);
    let (item, source) = (chip.get("source_item"), chip.get("source_sha256"));
    let line = finding(item.trim_matches('"'), disposition, code, Some(&chip.name), Some(source.trim_matches('"')));
    add(&mut forge, &line, disposition);
    // an insider counts it too
    let unmet = forge.statement.expected.as_mut().and_then(|expected| expected.unmet.as_mut());
    if let Some(unmet) = unmet.filter(|_| code.starts_with("verify.expect.")) {
        unmet.surplus += 1;
    }
    forge.seal(name, |_| ());
}

fn add(forge: &mut Forge<'_>, line: &str, disposition: &str) {
    forge.files.get_mut("rejected.jsonl").unwrap().extend_from_slice(line.as_bytes());
    let count = &mut forge.statement.counts;
    if disposition == "rejected" {
        count.rejected += 1;
    } else {
        count.ignored += 1;
    }
}

fn json(workshop: &Workshop, out: &str, more: &[&str]) -> serde_json::Value {
    let finished = workshop.verify(out, &[&["--format", "json"], more].concat());
    serde_json::from_slice(&finished.stdout).unwrap_or_else(|error| panic!("{error}: {}", finished.err()))
}

#[test]
fn a_genuine_chip_is_not_left_out_under_a_code_that_can_be_derived() {
    let workshop = issued(0..4, &[]);
    for (n, (disposition, code)) in [
        ("rejected", "policy.leaf.validity"),
        ("rejected", "policy.leaf.key"),
        ("rejected", "rfc5280.serial.too-long"),
        ("rejected", "aws-iot.thing-name"),
        ("rejected", "rfc5280.structure"),
        ("rejected", "verify.signature.invalid"),
        ("rejected", "verify.conflict.uid-two-keys"),
        ("ignored", "verify.conflict.duplicate"),
        ("ignored", "reel.file.not-a-certificate"),
    ]
    .into_iter()
    .enumerate()
    {
        assert!(reroot::audit::listed_codes().iter().any(|listed| listed.code.as_str() == code), "{code}");
        let out = format!("out-{n}");
        left_out(&workshop, &out, disposition, code);
        let finished = workshop.verify(&out, &[&["--format", "json"][..], &INPUT].concat()).expect(1);
        assert_eq!(codes(&finished), ["audit.account.finding".to_owned()].into(), "{code}: {}", finished.out());
    }
}

#[test]
fn a_code_that_is_not_on_the_list_is_refused_with_and_without_the_input() {
    let workshop = issued(0..4, &[]);
    for (n, code) in [
        "made.up",
        "verify.chain.made-up",
        "reel.made-up",
        "policy.leaf.made-up",
        "ledger.made-up",
        "policy.value.empty",
        // these stop a run, so no batch has them
        "ledger.abandoned",
        "ledger.held-by-open-batch",
        "ledger.issued.other-policy",
        "cmp.refused",
        "answer.differs",
        "verify.expect.missing",
        "lint.unnamed",
    ]
    .into_iter()
    .enumerate()
    {
        let out = format!("out-{n}");
        left_out(&workshop, &out, "rejected", code);
        agree(&workshop, &out);
        for more in [&[][..], &INPUT] {
            let finished = workshop.verify(&out, &[&["--format", "json"], more].concat()).expect(1);
            assert_eq!(codes(&finished), ["audit.account.code".to_owned()].into(), "{code}");
        }
        let text = workshop.verify(&out, &[]).expect(1).out();
        assert!(text.contains(&format!("has the code {code}, which no finding of a batch has")), "{text}");
    }
}

#[test]
fn a_finding_about_a_leaf_says_of_which_one_and_as_the_list_of_codes_has_it() {
    let workshop = issued(0..4, &[]);
    for (n, (disposition, code)) in [
        ("rejected", "ledger.already-issued"),
        // the policy derives serial numbers
        ("rejected", "ledger.serial-repeated"),
        ("ignored", "ledger.uid-with-other-key"),
        ("ignored", "policy.leaf.key"),
        ("ignored", "verify.signature.invalid"),
        ("rejected", "reel.zip.directory"),
    ]
    .into_iter()
    .enumerate()
    {
        let out = format!("out-{n}");
        left_out(&workshop, &out, disposition, code);
        refused_only(&workshop, &out, &[], &["audit.account.finding"]);
    }
    // who names no chip has nothing that a history could be asked for
    for (n, (uid, source)) in
        [(None, Some("ab".repeat(32))), (Some("0209B0846159E439010139"), None)].into_iter().enumerate()
    {
        let mut forge = Forge::of(&workshop);
        let chip = forge.chips.remove(1);
        let item = chip.get("source_item");
        let line = finding(item.trim_matches('"'), "ignored", "ledger.already-issued", uid, source.as_deref());
        add(&mut forge, &line, "ignored");
        let out = format!("nameless-{n}");
        forge.seal(&out, |_| ());
        refused_only(&workshop, &out, &[], &["audit.account.finding"]);
    }
}

#[test]
fn a_chip_that_the_list_names_is_not_left_out_as_surplus() {
    let workshop = Workshop::new();
    workshop.reel("reel.zip", 0..5);
    let uids: Vec<String> = (0..5).map(|index| workshop.pki.leaf(index).uid()).collect();
    let elsewhere = workshop.pki.leaf(99).uid();
    // one of the reel is not on the list, and one of the list not on the reel, by its unique number
    let list = format!("{}\n{}\n", uids[..4].join("\n"), &elsewhere[4..18]);
    workshop.write("uids.txt", list.as_bytes());
    let more = ["--expect", "uids.txt", "--on-surplus", "ignore", "--on-missing", "note"];
    workshop.issue("reel.zip", "batch", &more).expect(1);
    let expect = [INPUT[0], INPUT[1], "--expect", "uids.txt"];
    for more in [&expect[..], &expect[2..]] {
        let report = json(&workshop, "batch", more);
        assert_eq!(report["holds"], true, "{report}");
        assert_eq!(report["expected"]["missing"], serde_json::json!([{"chip": &elsewhere[4..18], "line": 5}]));
        assert_eq!((&report["expected"]["listed"], &report["expected"]["unlisted"]), (&5.into(), &0.into()));
    }
    let text = workshop.verify("batch", &expect).success().out();
    assert!(text.contains(&format!("missing: {} (line 5 of the list)", &elsewhere[4..18])), "{text}");
    assert!(text.contains("signer's word 0 findings\n"), "{text}");
    // without the list the finding is the signer's word
    let report = json(&workshop, "batch", &INPUT);
    assert_eq!(report["signers_word"], serde_json::json!({"verify.expect.surplus": 1}));

    for (n, (disposition, code)) in
        [("ignored", "verify.expect.surplus"), ("rejected", "verify.expect.unexpected")].into_iter().enumerate()
    {
        let out = format!("out-{n}");
        left_out(&workshop, &out, disposition, code);
        for more in [&expect[..], &expect[2..]] {
            let finished = workshop.verify(&out, &[&["--format", "json"], more].concat()).expect(1);
            assert_eq!(codes(&finished), ["audit.expect.chip".to_owned()].into(), "{}", finished.out());
        }
        // an auditor without a list takes the signer's word, and the report says so
        assert_eq!(json(&workshop, &out, &INPUT)["signers_word"][code], 1 + u64::from(n == 0));
    }
    // a chip that is not on the list; the batch claims that it was issued before
    let mut forge = Forge::of(&workshop);
    let lines = String::from_utf8(forge.files["rejected.jsonl"].clone()).unwrap();
    let lines = lines.replace("verify.expect.surplus", "ledger.already-issued");
    forge.files.insert("rejected.jsonl".to_owned(), lines.into_bytes());
    forge.seal("relabelled", |_| ());
    refused_only(&workshop, "relabelled", &expect, &["audit.expect.chip", "audit.expected.surplus"]);
    // no list at all, and chips left out because of one
    let mut forge = Forge::of(&workshop);
    forge.files.remove("missing.jsonl").unwrap();
    forge.seal("no-list", |statement| statement.expected = None);
    refused_only(&workshop, "no-list", &[], &["audit.account.finding"]);
    refused_only(&workshop, "no-list", &expect, &["audit.account.finding", "audit.expect.list"]);
    // another list than the one that was sealed
    workshop.write("other.txt", format!("{list}# checked\n").as_bytes());
    refused_only(&workshop, "batch", &["--expect", "other.txt"], &["audit.expect.list"]);
    Forge::of(&workshop).seal("count", |statement| statement.expected.as_mut().unwrap().count = 4);
    refused_only(&workshop, "count", &["--expect", "uids.txt"], &["audit.expect.list"]);
    workshop.write("bad.txt", b"xyz\n");
    workshop.verify("batch", &["--expect", "bad.txt"]).expect(2);
}

#[test]
fn findings_of_policy_and_rules_are_derived_again() {
    let workshop = Workshop::new();
    // name and end are copied: one fits, the second has a name that is not copied, the third ends after the CA
    let policy = POLICY
        .replace("{ CN = \"{uid}\" }", "{ CN = \"{source.common_name}\" }")
        .replace("not_after = \"5y\"", "not_after = \"source\"");
    workshop.write("copies.toml", policy.as_bytes());
    let leaf = |index: u64, name: &str, year: u32| {
        let mut shape = workshop.pki.shape(index);
        let name = name.replace('N', &workshop.pki.leaf(index).uid());
        shape.subject = der::st_name("NL", "STMicroelectronics nv", &name);
        let time = |text: &str| reroot::x509::Time::from_rfc3339(text).unwrap().to_der();
        let ends = format!("{year}-01-01T00:00:00Z");
        shape.validity = der::sequence(&[&time("2021-01-01T00:00:00Z"), &time(&ends)]);
        workshop.pki.certify(&shape)
    };
    let leaves = [leaf(0, "thing-N", 2030), leaf(1, " N", 2030), leaf(2, "thing-N", 2090)];
    let files: [(&str, &[u8]); 3] = [("a.der", &leaves[0]), ("b.der", &leaves[1]), ("c.der", &leaves[2])];
    workshop.write("reel.zip", &archive::zip(&files));
    workshop.issue_under("copies.toml", "reel.zip", "batch", &["--on-reject", "skip"]).expect(1);
    let codes_of = |out: &str| -> Vec<String> {
        workshop.rejected(out).iter().map(|line| line["code"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(codes_of("batch"), ["policy.leaf.common-name", "policy.leaf.validity"]);
    let report = json(&workshop, "batch", &INPUT);
    assert_eq!((&report["holds"], &report["signers_word"]), (&true.into(), &serde_json::json!({})), "{report}");
    // each under the other's code, and under one that neither has
    let lines = String::from_utf8(Forge::of(&workshop).files["rejected.jsonl"].clone()).unwrap();
    for (n, (from, to)) in [
        ("policy.leaf.validity", "policy.leaf.common-name"),
        ("policy.leaf.common-name", "policy.leaf.validity"),
        ("policy.leaf.common-name", "aws-iot.thing-name"),
        ("policy.leaf.validity", "rfc5280.validity.negative"),
    ]
    .into_iter()
    .enumerate()
    {
        let mut forge = Forge::of(&workshop);
        forge.files.insert("rejected.jsonl".to_owned(), lines.replace(from, to).into_bytes());
        forge.seal(&format!("out-{n}"), |_| ());
        refused_only(&workshop, &format!("out-{n}"), &INPUT, &["audit.account.finding"]);
    }
    // the chip that fits, under the code of one that does not
    left_out_at(&workshop, 0, "fits", "rejected", "policy.leaf.validity");
    refused_only(&workshop, "fits", &INPUT, &["audit.account.finding"]);
}

#[test]
fn an_item_is_in_one_line_or_one_finding() {
    let workshop = issued(0..4, &[]);
    // a chip that has a certificate; the batch claims that it was rejected as well
    let mut forge = Forge::of(&workshop);
    let item = forge.chips[1].get("source_item");
    let line = finding(item.trim_matches('"'), "rejected", "verify.signature.invalid", None, None);
    add(&mut forge, &line, "rejected");
    forge.seal("both", |_| ());
    refused_only(&workshop, "both", &[], &["audit.account.twice"]);
    let text = workshop.verify("both", &[]).expect(1).out();
    assert!(text.contains("rejected.jsonl line 1: is about the same item as manifest.jsonl line 2"), "{text}");
    // two certificates from one item, two findings of one item
    let mut forge = Forge::of(&workshop);
    let item = forge.chips[1].get("source_item");
    forge.chips[2].set("source_item", &item);
    forge.seal("lines", |_| ());
    refused_only(&workshop, "lines", &[], &["audit.account.twice"]);
    let mut forge = Forge::of(&workshop);
    let line = finding("reel.zip!x", "ignored", "reel.zip.directory", None, None);
    add(&mut forge, &line, "ignored");
    add(&mut forge, &line, "ignored");
    forge.seal("findings", |_| ());
    refused_only(&workshop, "findings", &[], &["audit.account.twice"]);
}

#[test]
fn a_finding_names_the_chip_and_the_certificate_of_its_item() {
    let workshop = super::batch::batch();
    let uid = workshop.pki.leaf(2).uid();
    let rejected = String::from_utf8(Forge::of(&workshop).files["rejected.jsonl"].clone()).unwrap();
    let known = rejected.lines().find(|line| line.contains("forged.der")).unwrap().to_owned();
    let value: serde_json::Value = serde_json::from_str(&known).unwrap();
    let (own, digest) = (value["uid"].to_string(), value["source_sha256"].to_string());
    for (n, changed) in [
        known.replace(&format!("\"uid\":{own}"), "\"uid\":null"),
        known.replace(&format!("\"uid\":{own}"), &format!("\"uid\":\"{uid}\"")),
        known.replace(&digest, "null"),
        known.replace(&digest, &format!("\"{}\"", "ab".repeat(32))),
    ]
    .into_iter()
    .enumerate()
    .filter(|(_, changed)| *changed != known)
    {
        let mut forge = Forge::of(&workshop);
        forge.files.insert("rejected.jsonl".to_owned(), rejected.replace(&known, &changed).into_bytes());
        forge.seal(&format!("out-{n}"), |_| ());
        refused_only(&workshop, &format!("out-{n}"), &INPUT, &["audit.account.finding"]);
    }
    // a leaf that was left out for a reason that no auditor can check, under a different chip's name
    let mut forge = Forge::of(&workshop);
    let chip = forge.chips.remove(1);
    let (item, source) = (chip.get("source_item"), chip.get("source_sha256"));
    let line =
        finding(item.trim_matches('"'), "ignored", "ledger.already-issued", Some(&uid), Some(source.trim_matches('"')));
    add(&mut forge, &line, "ignored");
    forge.seal("other-uid", |_| ());
    refused_only(&workshop, "other-uid", &INPUT, &["audit.account.finding"]);
}

#[test]
fn a_padded_zone_dump_is_neither_hidden_nor_invented() {
    let workshop = Workshop::new();
    let policy = POLICY.replace("relax = [\"test-anchor\"]", "relax = [\"test-anchor\", \"trailing-padding\"]");
    workshop.write("padded.toml", policy.as_bytes());
    let plain = workshop.pki.leaf(0).der;
    let padded = variants::padded(&workshop.pki.leaf(1).der, 1000, 0xFF);
    workshop.write("reel.zip", &archive::zip(&[("a.der", &plain), ("b.der", &padded)]));
    workshop.issue_under("padded.toml", "reel.zip", "batch", &[]).success();
    workshop.verify("batch", &INPUT).success();
    for at in 0..2 {
        let mut forge = Forge::of(&workshop);
        let line = &mut forge.chips[at].line;
        let (plain, padded) = ("\"relax\":[\"test-anchor\"]", "\"relax\":[\"test-anchor\",\"trailing-padding\"]");
        *line = if line.contains(padded) { line.replace(padded, plain) } else { line.replace(plain, padded) };
        let out = format!("out-{at}");
        forge.seal(&out, |_| ());
        // what the leaf was cut out of, only the inputs show
        workshop.verify(&out, &[]).success();
        refused_only(&workshop, &out, &INPUT, &["audit.account.padding"]);
    }
}

#[test]
fn inputs_are_known_by_their_content_in_any_order() {
    let workshop = Workshop::new();
    workshop.reel("one.zip", 0..3);
    workshop.reel("two.zip", 2..5);
    reroot::durable::create_directory(&workshop.path("three"), reroot::durable::Access::Public).unwrap();
    put(&workshop.path("three/x.der"), workshop.pki.leaf(9).der);
    put(&workshop.path("three/y.der"), workshop.pki.leaf(9).der);
    put(&workshop.path("three/z.txt"), "nothing\n");
    workshop
        .reroot(&["issue", "one.zip", "two.zip", "three", "--policy", "policy.toml", "--out", "batch"])
        .args(["--config", "pki/reroot.toml", "--set", "lot=A1"])
        .run()
        .success();
    let inputs = ["one.zip", "two.zip", "three"];
    let verify = |more: &[&str]| workshop.verify("batch", more).success().out();
    let plain = verify(&["--input", "one.zip", "--input", "two.zip", "--input", "three"]);
    assert_eq!(verify(&["--input", inputs[0], inputs[1], inputs[2]]), plain);
    assert!(!plain.contains("note: the inputs"), "{plain}");
    // one chip is in two archives: which of them was used follows from the order of the batch
    let other = verify(&["--input", "three", "two.zip", "one.zip"]);
    assert!(other.contains("note: the inputs are those of the batch in another order"), "{other}");
    for (from, to) in [("one.zip", "zz.zip"), ("two.zip", "aa%!.zip"), ("three", "four")] {
        Run::tool("cp").args(["-r", from, to]).folder(workshop.folder()).run().success();
    }
    Run::tool("mv").args(["four/x.der", "four/zzz.der"]).folder(workshop.folder()).run().success();
    let named = verify(&["--input", "four", "zz.zip", "aa%!.zip"]);
    assert!(named.contains("note: the inputs are those of the batch by their SHA-256, under other names"), "{named}");
    assert!(named.contains("checked       the inputs: every item accounted for, once"), "{named}");
    // two inputs of one name, which the provider could not have had
    for (folder, name) in [("left", "one.zip"), ("right", "two.zip")] {
        reroot::durable::create_directory(&workshop.path(folder), reroot::durable::Access::Public).unwrap();
        put(&workshop.path(folder).join("reel.zip"), std::fs::read(workshop.path(name)).unwrap());
    }
    verify(&["--input", "right/reel.zip", "three", "left/reel.zip"]);
    // one too many, one too few
    refused_only(&workshop, "batch", &["--input", "one.zip", "two.zip"], &["audit.account.input"]);
    refused_only(&workshop, "batch", &["--input", "one.zip", "two.zip", "three", "zz.zip"], &["audit.account.input"]);
}

#[test]
fn a_batch_made_without_an_anchor_of_the_auditors_left_nothing_out() {
    let workshop = super::batch::batch();
    // the batch's anchors are those of the auditor and one more, or fewer: findings follow from the batch's
    let genuine = crate::support::run::project("fixtures/st/stm-stsafe-a-prod-ca-01.pem").display().to_string();
    let more = [&INPUT[..], &["--source-anchor", &genuine]].concat();
    let text = workshop.verify("batch", &more).success().out();
    assert!(text.contains("note: the batch was made with other source anchors"), "{text}");
    // a chip of that other anchor, which the provider does not have
    let leaf = std::fs::read(crate::support::run::project("fixtures/st/leaf-0209B0846159E439520139.der")).unwrap();
    let own = workshop.pki.leaf(3).der;
    workshop.write("mixed.zip", &archive::zip(&[("a.der", &own), ("b.der", &leaf)]));
    workshop.issue("mixed.zip", "mixed", &["--on-reject", "skip"]);
    workshop.reel("fresh.zip", 50..52);
    let fresh = [("a.der", workshop.pki.leaf(60).der), ("b.der", leaf)];
    workshop.write("both.zip", &archive::zip(&[(fresh[0].0, &fresh[0].1), (fresh[1].0, &fresh[1].1)]));
    workshop.issue("both.zip", "both", &["--on-reject", "skip"]).expect(1);
    workshop.verify("both", &["--input", "both.zip"]).success();
    let finished =
        workshop.verify("both", &["--format", "json", "--input", "both.zip", "--source-anchor", &genuine]).expect(1);
    assert_eq!(codes(&finished), ["audit.account.finding".to_owned()].into(), "{}", finished.out());
}

/// Text, JSON and page say what was not checked.
#[test]
fn what_was_not_given_is_always_said() {
    let workshop = super::batch::batch();
    let report = json(&workshop, "batch", &[]);
    let options = |report: &serde_json::Value| -> Vec<String> {
        report["not_checked"].as_array().unwrap().iter().map(|one| one["option"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(options(&report), ["--input", "--history", "--expect", "--tsa-anchor"]);
    assert_eq!((&report["rejected"], &report["ignored"]), (&1.into(), &1.into()));
    assert_eq!(
        report["signers_word"],
        serde_json::json!({"reel.text.no-certificate": 1, "verify.signature.invalid": 1})
    );
    let text = workshop.verify("batch", &["--report", "report.html"]).success().out();
    let page = std::fs::read_to_string(workshop.path("report.html")).unwrap();
    for part in ["(no --input)", "(no --history)", "(no --expect)", "(no --tsa-anchor)"] {
        assert!(text.contains(part) && page.contains(part), "{part}: {text}");
    }
    for part in ["2 findings: 1 reel.text.no-certificate, 1 verify.signature.invalid", "1 items"] {
        assert!(text.contains(part) && page.contains(part), "{part}: {text}");
    }
    let report = json(&workshop, "batch", &INPUT);
    assert_eq!(options(&report), ["--history", "--expect", "--tsa-anchor"]);
    assert_eq!(report["signers_word"], serde_json::json!({}));
}
