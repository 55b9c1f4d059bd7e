//! Batches, exports, CAs and revocations asked for with one thing wrong.

use crate::support::golden::Case;
use crate::support::judges::put;
use crate::support::workshop::{POLICY, Workshop};

const ISSUE: &str = "issue reel.zip --policy policy.toml --set lot=A1 --out batch --config pki/reroot.toml";

/// A workshop with a batch of two chips.
fn issued() -> Workshop {
    let workshop = Workshop::new();
    workshop.reel("reel.zip", 0..2);
    workshop.issue("reel.zip", "batch", &[]).success();
    workshop
}

#[test]
fn an_export_that_cannot_be_made_says_why() {
    let workshop = issued();
    for (name, common_name) in [("same", "CN = \"device\""), ("blank", "CN = \"device {uid}\"")] {
        let policy = POLICY.replace("CN = \"{uid}\"", common_name);
        let policy = policy.replace("name = \"workshop\"", &format!("name = \"{name}\""));
        workshop.write(&format!("{name}.toml"), policy.as_bytes());
        workshop.issue_under(&format!("{name}.toml"), "reel.zip", name, &[]).success();
    }
    workshop.write("list.txt", b"0209A021E021C4E1D00139\n");
    let export = |rest: &str| format!("export {rest} --issuer-anchor pki/ca/root.pem");
    Case::new(&workshop, "export")
        .note("Names that a cloud does not take")
        .run(&export("same --to aws-bulk --out out"))
        .run(&export("blank --to azure-dps --out out"))
        .run(&export("batch --to aws-bulk --aws-policy 'my policy' --out out"))
        .note("A chip in two batches; a chip in none; no batch")
        .run(&export("batch same --to csv --out out"))
        .run(&export("batch --to csv --from list.txt --out out"))
        .run(&export("policy.toml --to csv --out out"))
        .run(&export("nowhere --to csv --out out"))
        .note("Places for the output that cannot be")
        .run(&export("batch --to directory --out .."))
        .run(&export("batch --to directory --out batch/out"))
        .run(&export("batch --to directory --out batch"))
        .run(&export("batch --to directory --out reel.zip/out"))
        .finish();
}

#[test]
fn a_ca_that_cannot_be_made_or_shown_to_a_cloud_says_why() {
    let workshop = Workshop::new();
    let proof = "ca proof --out proof.pem --config pki/reroot.toml --code";
    workshop.write("empty", b"");
    Case::new(&workshop, "ca")
        .note("Codes and days that cannot be")
        .run(&format!("{proof} 'a b'"))
        .run(&format!("{proof} 0123 --days 31"))
        .note("Matter: identifiers and keys that it does not have")
        .run("init matter -o TEST --vendor-id fff1")
        .run("init matter -o TEST --vendor-id FFF1 --product-id 12")
        .run("init matter -o TEST --vendor-id FFF1 --key P-384")
        .note("Keys that are made in tokens only")
        .run("init other -o TEST --key Ed25519")
        .note("A certificate that would last longer than its root; files that are not requests")
        .run("ca renew --for manifest --root-key pki/ca/root.key.pem --years 99 --out new.pem --config pki/reroot.toml")
        .run("ca renew --for issuing --root-key pki/ca/root.key.pem --years 99 --out new.pem --config pki/reroot.toml")
        .run("ca issue policy.toml --for issuing --root-key pki/ca/root.key.pem --out new.pem --config pki/reroot.toml")
        .finish();
}

#[test]
fn a_run_that_cannot_begin_or_go_on_says_why() {
    let workshop = issued();
    workshop.reel("more.zip", 2..4);
    workshop.write("beacon", b"");
    workshop.write("public-value", b"of today");
    let digest = "0".repeat(64);
    let batch = "01a00000-0000-7000-8000-000000000001";
    let sealed = workshop.statement("batch")["batch"].as_str().expect("a batch has a name").to_owned();
    let named = |line: &str| {
        let words: Vec<&str> = line.split(' ').map(|word| if word == "BATCH" { &*sealed } else { word }).collect();
        workshop.reroot(&words).run()
    };
    let published = named("ledger publish BATCH more.zip --out again --config pki/reroot.toml");
    let abandoned = named("ledger abandon BATCH --because TEST --yes --config pki/reroot.toml");
    let more = ISSUE.replace("reel.zip", "more.zip").replace("batch", "more");
    Case::new(&workshop, "run")
        .note("Reasons and identifiers that cannot be recorded")
        .run(&format!("{more} --accept-clock ''"))
        .run(&format!("{more} --bulk-id ''"))
        .note("A beacon that is empty, and one that changes nothing")
        .run(&format!("{more} --beacon beacon"))
        .run(&format!("{more} --beacon public-value"))
        .note("A ledger that is not the one expected; a known ledger that is none, and one that does not exist")
        .run(&format!("{more} --expect-head {digest}"))
        .run(&format!("{more} --known-ledger policy.toml"))
        .run(&format!("{more} --known-ledger nowhere.db"))
        .note("Batches that are not on the ledger, are sealed, or were made of other inputs")
        .run(&format!("ledger show {batch} --config pki/reroot.toml"))
        .run("ledger show no-batch --config pki/reroot.toml")
        .run(&format!("ledger publish {batch} reel.zip --out again --config pki/reroot.toml"))
        .ran("ledger publish BATCH more.zip --out again --config pki/reroot.toml", &published)
        .ran("ledger abandon BATCH --because TEST --yes --config pki/reroot.toml", &abandoned)
        .run(&format!("revoke --batch {batch} --reason superseded --yes --config pki/reroot.toml"))
        .finish();
}

/// Nothing is read of the input before the policy is found to go with the CA.
#[test]
fn a_validity_that_the_ca_cannot_give_is_refused_with_what_to_write() {
    let workshop = Workshop::new();
    workshop.reel("reel.zip", 0..2);
    let (begin, end) = ("not_before = \"issuance\"", "not_after = \"5y\"");
    let mut case = Case::new(&workshop, "policy_validity");
    for (note, name, not_before, not_after) in [
        ("Before the CA begins", "early", "2001-01-01T00:00:00Z", "2040-01-01T00:00:00Z"),
        ("After it ends", "late", "2201-01-01T00:00:00Z", "2202-01-01T00:00:00Z"),
        ("Longer than the CA", "long", "issuance", "2202-01-01T00:00:00Z"),
        ("The end before the beginning", "negative", "2040-01-01T00:00:00Z", "2039-01-01T00:00:00Z"),
        ("Beyond the year 9999", "beyond", "issuance", "9000y"),
    ] {
        let policy = POLICY.replace(begin, &format!("not_before = \"{not_before}\""));
        let policy = policy.replace(end, &format!("not_after = \"{not_after}\""));
        workshop.write(&format!("{name}.toml"), policy.as_bytes());
        case = case.note(note).run(&format!("{} --dry-run", ISSUE.replace("policy.toml", &format!("{name}.toml"))));
    }
    case.finish();
}

#[test]
#[expect(clippy::disallowed_methods, reason = "the test plays whoever changes a batch")]
fn a_batch_with_a_file_missing_or_changed_is_refused_with_the_file() {
    let workshop = issued();
    let read = |name: &str| std::fs::read(workshop.path("batch").join(name)).expect("the batch has it");
    let verify = "verify batch --source-anchor pki/anchors/test-root.pem --issuer-anchor pki/ca/root.pem";
    let mut case = Case::new(&workshop, "verify_changed");
    let change = |name: &str, content: &[u8]| put(&workshop.path("batch").join(name), content);
    let statement = read("manifest.json");
    let text = String::from_utf8(statement.clone()).expect("a statement is text");
    let seal = read("manifest.json.p7s");
    let signer = read("manifest.pem");
    let certificates = read("certificates.zip");
    let other = std::fs::read(workshop.path("pki/ca/root.pem")).expect("a CA has it");
    let issuing = std::fs::read(workshop.path("pki/ca/issuing.pem")).expect("a CA has it");
    let mut wrong_end = seal.clone();
    *wrong_end.last_mut().expect("it is not empty") ^= 1;
    for (note, name, good, bad) in [
        (
            "A statement of another format",
            "manifest.json",
            &statement,
            text.replace("reroot-manifest/", "reroot-manifest/9").into_bytes(),
        ),
        (
            "A statement that was changed",
            "manifest.json",
            &statement,
            text.replacen("workshop", "workshoq", 1).into_bytes(),
        ),
        ("A statement with a space", "manifest.json", &statement, [b" ", &statement[..]].concat()),
        ("A seal that is cut", "manifest.json.p7s", &seal, seal[..20].to_vec()),
        ("A seal whose signature was changed", "manifest.json.p7s", &seal, wrong_end),
        ("A CA's certificate in the place of the signer's", "manifest.pem", &signer, other),
        ("The issuing CA's certificate there", "manifest.pem", &signer, issuing),
        ("No certificate there", "manifest.pem", &signer, b"no certificate\n".to_vec()),
        ("An archive that is cut", "certificates.zip", &certificates, certificates[..20].to_vec()),
    ] {
        change(name, &bad);
        case = case.note(note).run(verify).run("export batch --to csv --out - --issuer-anchor pki/ca/root.pem");
        change(name, good);
    }
    let moved = workshop.path("batch/certificates.zip");
    std::fs::rename(&moved, workshop.path("moved.zip")).expect("it can be moved");
    case = case.note("A file is missing").run(verify);
    std::fs::create_dir(&moved).expect("a new folder");
    case = case.note("A folder in its place").run(verify);
    case.note("A directory that is not a batch, an anchor that is not the signer's")
        .run("verify pki --source-anchor pki/anchors/test-root.pem --issuer-anchor pki/ca/root.pem")
        .finish();
}
