//! An error names what is wrong, what was expected and what to do, and nothing is signed.
//!
//! The texts are under `tests/cli/`; every one of them is read as an operator would read it before it is committed.
#![expect(clippy::unwrap_used, reason = "`unwrap` is for tests")]

use std::os::unix::fs::PermissionsExt;

use reroot::crypto::sha1;
use reroot::durable::{Access, create_directory};
use reroot::x509::oid;
use reroot::x509::tlv::{element, tag};

use crate::support::golden::Case;
use crate::support::judges::put;
use crate::support::manifest_pki::{Shape, TestKey, ca, extension, key_usage, pem, purposes, time};
use crate::support::pki::{archive, der, variants};
use crate::support::run::Run;
use crate::support::workshop::{PASSPHRASE, POLICY, Workshop};

/// The command of most cases.
const ISSUE: &str = "issue reel.zip --policy policy.toml --out batch --config pki/reroot.toml --set lot=A1";

/// A workshop with a reel of three chips.
fn workshop() -> Workshop {
    let workshop = Workshop::new();
    workshop.reel("reel.zip", 0..3);
    workshop
}

/// Whether a run left everything as it was: no output, no leftover, a ledger without a batch.
#[track_caller]
fn nothing_was_done(workshop: &Workshop) {
    assert!(!workshop.path("batch").exists(), "no output");
    assert_eq!(workshop.leftovers(), Vec::<String>::new());
    let ledger = std::fs::read(workshop.path("pki/ledger.db")).unwrap();
    let again = workshop.reroot(&ISSUE.split(' ').collect::<Vec<_>>()).arg("--dry-run").run();
    let after = std::fs::read(workshop.path("pki/ledger.db")).unwrap();
    assert!(ledger == after, "a dry run records nothing: {}", again.err());
    assert!(!again.err().contains("already done"), "nothing was issued");
}

fn folder(workshop: &Workshop, name: &str) {
    create_directory(&workshop.path(name), Access::Public).unwrap();
}

fn edit(workshop: &Workshop, name: &str, from: &str, to: &str) {
    let path = workshop.path(name);
    let text = std::fs::read_to_string(&path).unwrap();
    let edited = text.replacen(from, to, 1);
    assert_ne!(text, edited, "{name} has {from:?}");
    put(&path, edited);
}

#[test]
fn a_policy_that_is_missing_or_broken_is_named_with_the_place() {
    let workshop = workshop();
    workshop.write("syntax.toml", POLICY.replace("name = \"workshop\"", "name = workshop").as_bytes());
    workshop.write("unknown.toml", POLICY.replace("not_after", "notafter").as_bytes());
    let several = POLICY
        .replace("family = \"stsafe-a\"", "family = \"stsafe-b\"")
        .replace("\"digitalSignature\"", "\"keyCertSign\"")
        .replace("\"5y\"", "\"5 years\"");
    workshop.write("several.toml", several.as_bytes());
    workshop.write("latin1.toml", b"version = 1 # caf\xE9\n");
    workshop.write("outlives.toml", POLICY.replace("\"5y\"", "\"50y\"").as_bytes());
    let issue = |policy: &str| ISSUE.replace("policy.toml", policy);
    Case::new(&workshop, "policy")
        .note("No such file")
        .run(&issue("nowhere.toml"))
        .note("Not TOML")
        .run(&issue("syntax.toml"))
        .note("A key that does not exist, and one that is therefore missing")
        .run(&issue("unknown.toml"))
        .note("Every mistake at once")
        .run(&issue("several.toml"))
        .note("Not text")
        .run(&issue("latin1.toml"))
        .note("Right by itself, wrong for this issuer")
        .run(&issue("outlives.toml"))
        .note("The same through `policy check`, where a good one is named too")
        .run("policy check policy.toml unknown.toml")
        .finish();
    nothing_was_done(&workshop);
}

#[test]
fn a_configuration_that_is_missing_or_broken_is_named_with_the_place() {
    let workshop = workshop();
    let config = std::fs::read_to_string(workshop.path("pki/reroot.toml")).unwrap();
    let variant = |name: &str, from: &str, to: &str| {
        let text = config.replacen(from, to, 1);
        assert_ne!(text, config, "{from}");
        workshop.write(&format!("pki/{name}"), text.as_bytes());
    };
    variant("unknown.toml", "path = ", "file = ");
    variant("no-anchor.toml", "anchors = [\"anchors/test-root.pem\"]", "anchors = []");
    variant("lost-anchor.toml", "anchors/test-root.pem", "anchors/lost.pem");
    variant("leaf-anchor.toml", "anchors/test-root.pem", "ca/manifest.pem");
    variant("wrong-key.toml", "key = \"ca/issuing.key.pem\"", "key = \"ca/manifest.key.pem\"");
    variant("secret.toml", "[manifest]", "secret = \"hunter2\"\n[manifest]");
    let issue = |name: &str| ISSUE.replace("reroot.toml", name);
    Case::new(&workshop, "configuration")
        .note("No such file")
        .run(&issue("nowhere.toml"))
        .note("A key that does not exist")
        .run(&issue("unknown.toml"))
        .note("No trust anchor")
        .run(&issue("no-anchor.toml"))
        .note("A trust anchor that is not there")
        .run(&issue("lost-anchor.toml"))
        .note("A trust anchor that is not a CA")
        .run(&issue("leaf-anchor.toml"))
        .note("A key that is not the certificate's")
        .run(&issue("wrong-key.toml"))
        .note("A passphrase in the file is not repeated")
        .run(&issue("secret.toml"))
        .finish();
    nothing_was_done(&workshop);
}

/// A CA that this program would not have made: its issuing certificate or its manifest signer has ended.
fn expired(workshop: &Workshop, issuing_until: &str, manifest_until: &str) {
    let (root_key, issuing_key, manifest_key) = (TestKey::p256(2), TestKey::p256(3), TestKey::p256(4));
    let identifier = |key: &TestKey| element(tag::OCTET_STRING, &[sha1(key.spki().key()).as_bytes()]);
    let shape = |subject: &str, key: &TestKey, until: &str, extensions: Vec<Vec<u8>>| Shape {
        serial: vec![0x40, 1, 2, 3, 4, 5, 6, 7],
        issuer: "TEST root".to_owned(),
        subject: subject.to_owned(),
        spki: key.spki().clone(),
        not_before: time("2020-01-01T00:00:00Z"),
        not_after: time(until),
        extensions,
    };
    let own = |key: &TestKey| extension(oid::SUBJECT_KEY_IDENTIFIER, false, &identifier(key));
    let signs = |key: &TestKey| vec![ca(true), key_usage(1, 0x06), own(key)];
    let root = shape("TEST root", &root_key, "2080-01-01T00:00:00Z", signs(&root_key)).certify(&root_key);
    let issuing = shape("TEST issuing CA", &issuing_key, issuing_until, signs(&issuing_key)).certify(&root_key);
    let seals = vec![key_usage(7, 0x80), purposes(true, &[oid::KP_DOCUMENT_SIGNING]), own(&manifest_key)];
    let manifest = shape("TEST manifest signer", &manifest_key, manifest_until, seals).certify(&root_key);
    for (name, content) in [
        ("root.pem", pem(&root)),
        ("issuing.pem", pem(&issuing)),
        ("manifest.pem", pem(&manifest)),
        ("issuing.key.pem", der::pem("PRIVATE KEY", &issuing_key.pkcs8())),
        ("manifest.key.pem", der::pem("PRIVATE KEY", &manifest_key.pkcs8())),
    ] {
        put(&workshop.path("pki/ca").join(name), content);
    }
    reroot::ledger::Ledger::create(&workshop.path("pki/test.db"), issuing_key.spki()).unwrap();
    edit(workshop, "pki/reroot.toml", "ledger.db", "test.db");
}

#[test]
fn an_issuer_or_manifest_signer_that_has_ended_signs_nothing() {
    const ENDED: &str = "2026-01-01T00:00:00Z";
    const OPEN: &str = "2079-01-01T00:00:00Z";
    let issuer = workshop();
    expired(&issuer, ENDED, OPEN);
    Case::new(&issuer, "issuer_expired").run(ISSUE).run(&format!("{ISSUE} --dry-run")).finish();
    let manifest = workshop();
    expired(&manifest, OPEN, ENDED);
    Case::new(&manifest, "manifest_signer_expired").run(ISSUE).finish();
    for workshop in [issuer, manifest] {
        assert!(!workshop.path("batch").exists());
    }
    // its neighbour: the same CA before its end
    let open = workshop();
    expired(&open, OPEN, OPEN);
    open.issue("reel.zip", "batch", &[]).success();
}

#[test]
fn an_output_that_exists_is_never_touched() {
    let workshop = workshop();
    let other = Workshop::new();
    other.reel("reel.zip", 3..6);
    other.issue("reel.zip", "batch", &[]).success();
    folder(&workshop, "foreign-batch");
    for (name, content) in other.files("batch") {
        put(&workshop.path("foreign-batch").join(name), content);
    }
    workshop.write("file", b"mine");
    folder(&workshop, "empty");
    folder(&workshop, "folder");
    workshop.write("folder/thesis.txt", b"mine");
    std::os::unix::fs::symlink("nowhere", workshop.path("link")).unwrap();
    let out = |name: &str| ISSUE.replace("--out batch", &format!("--out {name}"));
    Case::new(&workshop, "output")
        .note("A file")
        .run(&out("file"))
        .note("An empty directory")
        .run(&out("empty"))
        .note("A directory with something in it")
        .run(&out("folder"))
        .note("A link that leads nowhere")
        .run(&out("link"))
        .note("A batch that another ledger sealed")
        .run(&out("foreign-batch"))
        .note("A file where its folder should be")
        .run(&out("file/batch"))
        .note("A file above the folders that would be made")
        .run(&out("file/new/batch"))
        .note("No name")
        .run(&out("folder/.."))
        .finish();
    assert_eq!(std::fs::read(workshop.path("file")).unwrap(), b"mine");
    assert_eq!(workshop.files("folder"), [("thesis.txt".to_owned(), b"mine".to_vec())]);
    assert_eq!(workshop.files("foreign-batch"), other.files("batch"));
    nothing_was_done(&workshop);
}

#[test]
fn folders_above_an_output_are_made_and_go_again_when_nothing_was_written() {
    let workshop = workshop();
    let issue = |more: &str| {
        let line = ISSUE.replace("--out batch", "--out no/where/batch") + more;
        workshop.reroot(&line.split(' ').collect::<Vec<_>>()).run()
    };
    issue(" --dry-run").success();
    assert!(!workshop.path("no").exists(), "a dry run leaves nothing");
    issue(" --expect-count 99").expect(3);
    assert!(!workshop.path("no").exists(), "a refused run leaves nothing");
    folder(&workshop, "no");
    issue(" --expect-count 99").expect(3);
    assert!(workshop.path("no").exists(), "what was there stays");
    assert!(!workshop.path("no/where").exists());
    issue("").success();
    assert!(workshop.path("no/where/batch/manifest.json").exists());
    // every other output goes the same way
    let backup = "ledger backup copies/today/copy.db --config pki/reroot.toml";
    workshop.reroot(&backup.split(' ').collect::<Vec<_>>()).run().success();
    let init = "init cas/one --organization Acme";
    workshop.reroot(&init.split(' ').collect::<Vec<_>>()).run().success();
    assert!(workshop.path("copies/today/copy.db").exists() && workshop.path("cas/one/reroot.toml").exists());
}

#[test]
fn an_output_folder_that_cannot_be_written_is_named() {
    let workshop = workshop();
    folder(&workshop, "closed");
    std::fs::set_permissions(workshop.path("closed"), std::fs::Permissions::from_mode(0o555)).unwrap();
    let line = ISSUE.replace("--out batch", "--out closed/batch");
    let run = Run::plain_user(workshop.folder()).args(line.split(' ')).run();
    Case::new(&workshop, "output_unwritable").ran(&line, &run).finish();
    nothing_was_done(&workshop);
}

#[test]
fn an_archive_that_cannot_be_read_is_named() {
    let workshop = workshop();
    let whole = std::fs::read(workshop.path("reel.zip")).unwrap();
    workshop.write("half.zip", &whole[..whole.len() / 2]);
    workshop.write("cut.zip", &whole[..whole.len() - 10]);
    let mut flipped = whole.clone();
    flipped[200] ^= 1;
    workshop.write("flipped.zip", &flipped);
    workshop.write("empty.zip", &archive::zip(&[]));
    workshop.write("nothing.zip", &archive::zip(&[("README.txt", b"to follow\n")]));
    workshop.write("zero", b"");
    workshop.write("noise.bin", &[0xA5; 5000]);
    folder(&workshop, "folder");
    folder(&workshop, "closed");
    workshop.write("closed/leaf.der", &workshop.pki.leaf(0).der);
    std::fs::set_permissions(workshop.path("closed"), std::fs::Permissions::from_mode(0o000)).unwrap();
    let input = |name: &str| ISSUE.replace("reel.zip", name);
    let closed = Run::plain_user(workshop.folder()).args(input("closed").split(' ')).run();
    Case::new(&workshop, "input")
        .note("No such file")
        .run(&input("nowhere.zip"))
        .note("Half of an archive")
        .run(&input("half.zip"))
        .note("An archive without its last bytes")
        .run(&input("cut.zip"))
        .note("One bit of an entry is another")
        .run(&input("flipped.zip"))
        .note("An archive without entries")
        .run(&input("empty.zip"))
        .note("An archive without certificates")
        .run(&input("nothing.zip"))
        .note("An empty file")
        .run(&input("zero"))
        .note("Anything")
        .run(&input("noise.bin"))
        .note("An empty folder")
        .run(&input("folder"))
        .note("A folder that may not be read")
        .ran(&input("closed"), &closed)
        .note("Nothing on standard input")
        .run(&input("-"))
        .note("Standard input twice")
        .run(&input("- -"))
        .note("The same archive twice")
        .run(&input("reel.zip reel.zip"))
        .finish();
    std::fs::set_permissions(workshop.path("closed"), std::fs::Permissions::from_mode(0o700)).unwrap();
}

/// Three good leaves, a forged one, one of another root, one that is cut off, and a text.
fn mixed(workshop: &Workshop) {
    let good: Vec<Vec<u8>> = workshop.pki.leaves(0..3).into_iter().map(|leaf| leaf.der).collect();
    let forged = variants::bad_signature(&workshop.pki.leaf(3).der);
    let genuine = std::fs::read(crate::support::run::project("fixtures/st/leaf-0209B0846159E439520139.der")).unwrap();
    let whole = workshop.pki.leaf(4).der;
    let files: [(&str, &[u8]); 7] = [
        ("a.der", &good[0]),
        ("b.der", &good[1]),
        ("c.der", &good[2]),
        ("forged.der", &forged),
        ("foreign.der", &genuine),
        ("short.der", &whole[..300]),
        ("README.txt", b"Three good ones.\n"),
    ];
    workshop.write("mixed.zip", &archive::zip(&files));
}

#[test]
fn one_bad_leaf_stops_the_run_with_every_finding() {
    let workshop = workshop();
    mixed(&workshop);
    let issue = ISSUE.replace("reel.zip", "mixed.zip");
    Case::new(&workshop, "rejected_stop")
        .note("By default nothing is signed")
        .run(&issue)
        .note("The same facts for programs")
        .run(&format!("{issue} --format json"))
        .note("A closer look")
        .run("inspect mixed.zip --verify --config pki/reroot.toml --policy policy.toml")
        .finish();
    nothing_was_done(&workshop);
}

#[test]
fn skipping_rejected_leaves_issues_the_good_ones_and_says_so() {
    let workshop = workshop();
    mixed(&workshop);
    let issue = ISSUE.replace("reel.zip", "mixed.zip") + " --on-reject skip";
    Case::new(&workshop, "rejected_skip")
        .run(&issue)
        .note("Again")
        .run(&issue)
        .note("The auditor")
        .run("verify batch --input mixed.zip --source-anchor pki/anchors/test-root.pem --issuer-anchor pki/ca/root.pem")
        .finish();
    let items: Vec<String> = workshop
        .rejected("batch")
        .iter()
        .map(|line| format!("{} {} {}", line["item"], line["disposition"], line["code"]).replace('"', ""))
        .collect();
    assert_eq!(
        items,
        [
            "mixed.zip!forged.der rejected verify.signature.invalid",
            "mixed.zip!foreign.der rejected verify.chain.no-trust-anchor",
            "mixed.zip!short.der rejected verify.der.truncated",
            "mixed.zip!README.txt ignored reel.text.no-certificate",
        ]
    );
    let counts = &workshop.statement("batch")["counts"];
    assert_eq!((&counts["items"], &counts["issued"]), (&7.into(), &3.into()));
    assert_eq!((&counts["rejected"], &counts["ignored"]), (&3.into(), &1.into()));
}

#[test]
fn a_key_that_cannot_be_opened_is_the_signers_failure() {
    let workshop = Workshop::with(&["--passphrase-env", "CA_PASSPHRASE"]);
    workshop.reel("reel.zip", 0..3);
    let good = std::fs::read_to_string(workshop.path("pki/reroot.toml")).unwrap();
    let no_secret: String = good.split_inclusive('\n').filter(|line| !line.starts_with("secret")).collect();
    assert_ne!(good, no_secret);
    workshop.write("pki/asks.toml", no_secret.as_bytes());
    let plain = Workshop::new();
    let key = std::fs::read(plain.path("pki/ca/issuing.key.pem")).unwrap();
    workshop.write("pki/ca/plain.key.pem", &key);
    workshop.write("pki/plain.toml", good.replace("issuing.key.pem", "plain.key.pem").as_bytes());
    workshop.write("pki/lost.toml", good.replace("issuing.key.pem", "lost.key.pem").as_bytes());
    workshop.write("pki/ca/not-a.key.pem", &std::fs::read(workshop.path("pki/ca/issuing.pem")).unwrap());
    workshop.write("pki/not-a-key.toml", good.replace("issuing.key.pem", "not-a.key.pem").as_bytes());
    let config = |name: &str| ISSUE.replace("reroot.toml", name);
    let nobody = Run::without_terminal(workshop.folder()).args(config("asks.toml").split(' ')).run();
    Case::new(&workshop, "signer")
        .note("The variable is not set")
        .run(ISSUE)
        .note("A wrong passphrase")
        .run_with(ISSUE, |run| run.env("CA_PASSPHRASE", "not it"))
        .note("An empty one")
        .run_with(ISSUE, |run| run.env("CA_PASSPHRASE", ""))
        .note("Nothing configured and no terminal to ask on")
        .ran(&config("asks.toml"), &nobody)
        .note("A passphrase for a key that is not encrypted")
        .run_with(&config("plain.toml"), |run| run.env("CA_PASSPHRASE", PASSPHRASE))
        .note("No key file")
        .run_with(&config("lost.toml"), |run| run.env("CA_PASSPHRASE", PASSPHRASE))
        .note("A certificate where a key should be")
        .run_with(&config("not-a-key.toml"), |run| run.env("CA_PASSPHRASE", PASSPHRASE))
        .finish();
    assert!(!workshop.path("batch").exists());
}

#[test]
fn a_ledger_that_is_not_this_issuers_is_named() {
    let workshop = workshop();
    let other = Workshop::new();
    workshop.write("pki/other.db", &std::fs::read(other.path("pki/ledger.db")).unwrap());
    workshop.write("pki/text.db", b"not a ledger, but long enough to be looked at as one by the library below");
    workshop.write("pki/zero.db", b"");
    let good = std::fs::read_to_string(workshop.path("pki/reroot.toml")).unwrap();
    for name in ["other", "text", "zero", "lost"] {
        let text = good.replace("ledger.db", &format!("{name}.db"));
        workshop.write(&format!("pki/{name}.toml"), text.as_bytes());
    }
    let config = |name: &str| ISSUE.replace("reroot.toml", name);
    Case::new(&workshop, "ledger")
        .note("Of another issuer")
        .run(&config("other.toml"))
        .note("Not a ledger")
        .run(&config("text.toml"))
        .note("An empty file")
        .run(&config("zero.toml"))
        .note("No such file: one that is lost is not made again")
        .run(&config("lost.toml"))
        .note("Another head than the operator noted")
        .run(&format!("{ISSUE} --expect-head {}", "ab".repeat(32)))
        .note("A head that is not one")
        .run(&format!("{ISSUE} --expect-head abc"))
        .finish();
    assert!(!workshop.path("pki/lost.db").exists());
    nothing_was_done(&workshop);
}

#[test]
fn expectations_that_are_not_met_stop_the_run() {
    let workshop = workshop();
    let uid = |index| workshop.pki.leaf(index).uid();
    workshop.write("two.txt", format!("{}\n{}\n", uid(0), uid(1)).as_bytes());
    workshop.write("four.txt", format!("# reel 7\n{}\n{}\n{}\n{}\n", uid(0), uid(1), uid(2), uid(9)).as_bytes());
    workshop.write("three.txt", format!("{}\n{}\n{}\n", uid(0), uid(1), uid(2)).as_bytes());
    workshop.write("bad.txt", format!("{}\n0209XY\n", uid(0)).as_bytes());
    workshop.write("twice.txt", format!("{}\n{}\n", uid(0), uid(0)).as_bytes());
    workshop.write("none.txt", b"# to follow\n");
    Case::new(&workshop, "expect")
        .note("A chip that is not on the list")
        .run(&format!("{ISSUE} --expect two.txt"))
        .note("An expected chip that is missing")
        .run(&format!("{ISSUE} --expect four.txt"))
        .note("Both for programs")
        .run(&format!("{ISSUE} --expect four.txt --format json"))
        .note("Another number of chips")
        .run(&format!("{ISSUE} --expect-count 4"))
        .note("A line that is not a UID")
        .run(&format!("{ISSUE} --expect bad.txt"))
        .note("A chip twice")
        .run(&format!("{ISSUE} --expect twice.txt"))
        .note("A list without chips")
        .run(&format!("{ISSUE} --expect none.txt"))
        .note("No such list")
        .run(&format!("{ISSUE} --expect nowhere.txt"))
        .finish();
    nothing_was_done(&workshop);
    // their neighbour: met
    workshop.issue("reel.zip", "batch", &["--expect", "three.txt", "--expect-count", "3"]).success();
    assert_eq!(workshop.statement("batch")["expected"]["count"], 3);
}

#[test]
fn parameters_and_reasons_are_checked_before_anything_is_read() {
    let workshop = workshop();
    let bare = ISSUE.replace(" --set lot=A1", "");
    let long = "x".repeat(1001);
    Case::new(&workshop, "parameters")
        .note("Missing")
        .run(&bare)
        .note("Not declared")
        .run(&format!("{ISSUE} --set lott=A1"))
        .note("Not as the policy wants it")
        .run(&format!("{bare} --set lot=a-lower-case-lot"))
        .note("Not a pair")
        .run(&format!("{bare} --set lot"))
        .note("Twice")
        .run(&format!("{ISSUE} --set lot=A2"))
        .note("A reissue without a reason")
        .run(&format!("{ISSUE} --reissue ''"))
        .note("A reason of blanks")
        .run(&format!("{ISSUE} --reissue '  '"))
        .note("A bulk identifier that is to be published and is not given")
        .run(&format!("{ISSUE} --publish-bulk-id"))
        .note("An empty one")
        .run(&format!("{ISSUE} --bulk-id ''"))
        .note("No input at all")
        .run("issue --policy policy.toml --out batch")
        .note("An option that does not exist")
        .run(&format!("{ISSUE} --overwrite"))
        .finish();
    let reason = workshop.issue("reel.zip", "batch", &["--reissue", &long]).expect(2);
    assert!(reason.err().contains("1000 characters"), "{}", reason.err());
    nothing_was_done(&workshop);
}

#[test]
fn a_dry_run_does_everything_but_record_and_sign() {
    let workshop = workshop();
    let ledger = || std::fs::read(workshop.path("pki/ledger.db")).unwrap();
    let before = ledger();
    Case::new(&workshop, "dry_run").run(&format!("{ISSUE} --dry-run")).finish();
    assert!(ledger() == before, "not one byte of the ledger changed");
    assert!(!workshop.path("batch").exists());
    assert_eq!(workshop.leftovers(), Vec::<String>::new());
    // rejections show as they would
    mixed(&workshop);
    workshop.issue("mixed.zip", "batch", &["--dry-run"]).expect(3);
    workshop.issue("mixed.zip", "batch", &["--dry-run", "--on-reject", "skip"]).expect(1);
    assert!(ledger() == before);
    workshop.issue("reel.zip", "batch", &[]).success();
    assert!(ledger() != before, "its neighbour, which does");
}

/// Every fact of the text is in the JSON.
#[test]
fn json_says_the_same_as_the_text_for_every_outcome() {
    let workshop = workshop();
    mixed(&workshop);
    let both = |input: &str, out: &str, more: &[&str], code: i32, outcome: &str| {
        let json = workshop.issue(input, out, &[&["--format", "json"], more].concat()).expect(code);
        let value: serde_json::Value = serde_json::from_slice(&json.stdout).unwrap();
        assert_eq!(value["outcome"], outcome);
        value
    };
    let dry = both("reel.zip", "batch", &["--dry-run"], 0, "dry-run");
    assert_eq!(dry["counts"]["issued"], 3);
    let done = both("reel.zip", "batch", &[], 0, "done");
    let again = both("reel.zip", "batch", &[], 0, "already-done");
    for key in ["batch", "issued_at", "root_hash", "statement_sha256", "ledger_head", "counts"] {
        assert_eq!(done[key], again[key], "{key}");
    }
    let said = workshop.issue("reel.zip", "batch", &[]).success();
    assert!(said.out().is_empty() && said.err().contains(done["batch"].as_str().unwrap()), "{}", said.err());
    workshop.delete("batch");
    let text = workshop.issue("reel.zip", "batch", &[]).success().out();
    for key in ["batch", "issued_at", "root_hash", "statement_sha256", "ledger_head"] {
        assert!(text.contains(done[key].as_str().unwrap()), "{key} is in\n{text}");
    }
    let refused = both("mixed.zip", "other", &[], 3, "refused");
    let stopped = workshop.issue("mixed.zip", "other", &[]).expect(3).err();
    for finding in refused["findings"].as_array().unwrap() {
        for key in ["item", "code", "reason"] {
            assert!(stopped.contains(finding[key].as_str().unwrap()), "{finding} is in\n{stopped}");
        }
    }
    for reason in refused["reasons"].as_array().unwrap() {
        assert!(stopped.contains(reason.as_str().unwrap()), "{reason} is in\n{stopped}");
    }
    // chips of the batch above are ignored, so that nothing is left
    assert_eq!(refused["ready"], 0);

    // errors are one document too, on standard error
    workshop.write("broken.toml", POLICY.replace("not_after", "notafter").as_bytes());
    for (args, code) in
        [(["--policy", "broken.toml"], 2), (["--policy", "nowhere.toml"], 2), (["--config", "nowhere.toml"], 2)]
    {
        let rest = ["--out", "new", "--config", "pki/reroot.toml", "--policy", "policy.toml"];
        let rest: Vec<&str> = rest.chunks(2).filter(|pair| pair[0] != args[0]).flatten().copied().collect();
        let run = workshop.reroot(&["issue", "reel.zip", "--format", "json"]).args(args).args(rest).run().expect(code);
        let value: serde_json::Value = serde_json::from_slice(&run.stderr).unwrap();
        assert!(value["error"].is_string() && run.stdout.is_empty(), "{value}");
    }
}

#[test]
fn standard_input_is_an_input_like_any_other() {
    let workshop = workshop();
    let reel = std::fs::read(workshop.path("reel.zip")).unwrap();
    let args: Vec<String> = ISSUE.replace("reel.zip", "-").split(' ').map(str::to_owned).collect();
    Run::reroot(workshop.folder()).args(&args).stdin(reel.clone()).run().success();
    let inputs = std::fs::read_to_string(workshop.path("batch/inputs.jsonl")).unwrap();
    assert!(inputs.starts_with("{\"name\":\"-\""), "{inputs}");
    let anchors = ["--source-anchor", "pki/anchors/test-root.pem", "--issuer-anchor", "pki/ca/root.pem"];
    let verify = || workshop.reroot(&["verify", "batch", "--input", "-"]).args(anchors);
    verify().stdin(reel).run().success();
    verify().stdin("something else").run().expect(1);
}
