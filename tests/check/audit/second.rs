//! What version 2 of the formats adds (docs/spec/versions.md): the beacon, the missing chips of an expected list, the
//! form of signatures, seals of kinds that are not known yet, and that format and encoder go together.

use reroot::crypto::sha256;
use reroot::manifest::{MISSING_FILE, SEAL_FILE, STATEMENT_FILE, Statement, Unmet};
use reroot::x509::Sha256Digest;
use reroot::x509::tlv::{Reader, element, tag};

use super::batch::codes;
use super::forge::{Forge, certificate, key};
use super::verdict::refused_only;
use crate::support::judges::put;
use crate::support::run::Run;
use crate::support::workshop::{POLICY, Workshop};

/// Three chips, a list that names two of them and two that are not there, one by its unique number.
fn listed() -> Workshop {
    let workshop = Workshop::new();
    workshop.reel("reel.zip", 0..3);
    let uid = |n: u64| workshop.pki.leaf(n).uid();
    let list = [uid(0), uid(1), uid(7), uid(8)[4..18].to_owned()].join("\n");
    workshop.write("list.txt", list.as_bytes());
    workshop
        .issue("reel.zip", "batch", &["--expect", "list.txt", "--on-missing", "note", "--on-surplus", "ignore"])
        .expect(1);
    workshop
}

#[test]
fn the_missing_chips_of_a_list_are_in_the_batch_and_its_surplus_is_counted() {
    let workshop = listed();
    let uid = |n: u64| workshop.pki.leaf(n).uid();
    let mut expected = [format!("{{\"chip\":\"{}\"}}\n", uid(7)), format!("{{\"chip\":\"{}\"}}\n", &uid(8)[..18])];
    expected.sort_unstable();
    let missing = std::fs::read_to_string(workshop.path("batch").join(MISSING_FILE)).unwrap();
    assert_eq!(missing, expected.concat());
    let statement = workshop.statement("batch");
    assert_eq!(statement["format"], "reroot-manifest/2");
    assert_eq!(statement["family"], "stsafe-a");
    assert_eq!(statement["expected"]["count"], 4);
    assert_eq!(statement["expected"]["missing"]["count"], 2);
    assert_eq!(statement["expected"]["missing"]["sha256"], sha256(missing.as_bytes()).to_string());
    assert_eq!(statement["expected"]["surplus"], 1);
    assert!(statement["files"].as_array().unwrap().iter().all(|file| file["name"] != MISSING_FILE));
    let verified = workshop.verify("batch", &["--input", "reel.zip"]).success();
    assert!(verified.out().contains("form, order and number of the missing chips"), "{}", verified.out());
    // it comes out again byte for byte
    let files = workshop.files("batch");
    workshop.delete("batch");
    workshop
        .issue("reel.zip", "batch", &["--expect", "list.txt", "--on-missing", "note", "--on-surplus", "ignore"])
        .expect(1);
    assert!(workshop.files("batch") == files);
    // without a list there is no such file, and a list that is met has an empty one
    workshop.reel("more.zip", 20..22);
    workshop.issue("more.zip", "without", &[]).success();
    assert!(!workshop.path("without").join(MISSING_FILE).exists());
    assert!(workshop.statement("without")["expected"].is_null());
    workshop.reel("met.zip", 30..31);
    workshop.write("met.txt", uid(30).as_bytes());
    workshop.issue("met.zip", "met", &["--expect", "met.txt"]).success();
    assert_eq!(std::fs::read(workshop.path("met").join(MISSING_FILE)).unwrap(), b"");
    workshop.verify("met", &[]).success();
}

#[test]
fn missing_chips_that_are_not_as_stated_are_refused() {
    let workshop = listed();
    let uid = |n: u64| workshop.pki.leaf(n).uid();
    let good = std::fs::read_to_string(workshop.path("batch").join(MISSING_FILE)).unwrap();
    let (first, second) = good.split_once('\n').unwrap();
    let line = |chip: &str| format!("{{\"chip\":\"{chip}\"}}\n");
    // a chip of the batch, whole and by what its UID begins with; the others keep their order
    let with = |chip: &str| {
        let mut lines = [good.lines().map(|line| format!("{line}\n")).collect(), vec![line(chip)]].concat();
        lines.sort_unstable();
        lines.concat()
    };
    type Count = fn(&mut Unmet);
    let same: Count = |_| {};
    let more: Count = |unmet| unmet.missing_count = 3;
    let cases: [(&str, String, Count, &str); 10] = [
        ("fewer", format!("{first}\n"), same, "audit.expected.missing"),
        ("count", good.clone(), more, "audit.expected.missing"),
        ("order", format!("{second}{first}\n"), same, "audit.expected.missing"),
        ("twice", format!("{first}\n{first}\n"), same, "audit.expected.missing"),
        ("spaces", good.replace("{\"chip\"", "{ \"chip\""), same, "audit.expected.missing"),
        ("lower", format!("{}{}", line(&uid(7).to_lowercase()), second), same, "audit.expected.missing"),
        ("family", line("0208B0846159E439010139") + second, same, "audit.expected.missing"),
        ("there", with(&uid(1)), more, "audit.expected.missing"),
        ("begins", with(&uid(1)[..18]), more, "audit.expected.missing"),
        ("surplus", good.clone(), |unmet| unmet.surplus = 0, "audit.expected.surplus"),
    ];
    for (name, content, count, code) in cases {
        let mut forge = Forge::of(&workshop);
        forge.files.insert(MISSING_FILE.to_owned(), content.into_bytes());
        forge.seal(name, |statement| count(statement.expected.as_mut().unwrap().unmet.as_mut().unwrap()));
        refused_only(&workshop, name, &[], &[code]);
    }
    // the file alone, changed after sealing or taken away
    put(&workshop.path("batch").join(MISSING_FILE), good.replace("chip", "Chip"));
    let found = codes(&workshop.verify("batch", &["--format", "json"]).expect(1));
    assert!(found.contains("audit.file.digest"), "{found:?}");
    Run::tool("rm").arg(workshop.path("batch").join(MISSING_FILE)).run().success();
    let found = codes(&workshop.verify("batch", &["--format", "json"]).expect(1));
    assert!(found.contains("audit.file.missing"), "{found:?}");
}

#[test]
fn a_beacon_is_sealed_and_decides_the_serial_numbers() {
    let workshop = Workshop::new();
    workshop.reel("reel.zip", 0..2);
    workshop.write("news", b"TEST: the news of today\n");
    workshop.write("other", b"TEST: the news of another day\n");
    workshop.issue("reel.zip", "batch", &["--beacon", "news"]).success();
    let digest = sha256(b"TEST: the news of today\n").to_string();
    assert_eq!(workshop.statement("batch")["beacon"], digest);
    let verified = workshop.verify("batch", &["--beacon", "news"]).success();
    assert!(verified.out().contains(&format!("beacon        sha256 {digest}")), "{}", verified.out());
    assert!(verified.out().contains("checked       the beacon"), "{}", verified.out());
    let json = workshop.verify("batch", &["--format", "json"]).success();
    let json: serde_json::Value = serde_json::from_slice(&json.stdout).unwrap();
    assert_eq!(
        (&json["format"], &json["family"], &json["beacon"], &json["seals"]),
        (&"reroot-manifest/2".into(), &"stsafe-a".into(), &digest.into(), &serde_json::json!([]))
    );
    workshop.verify("batch", &["--report", "report.html"]).success();
    assert!(std::fs::read_to_string(workshop.path("report.html")).unwrap().contains("beacon"));
    // the batch holds: only the value that the auditor expects is another one
    let differs = |out: &str, beacon: &str| {
        let finished = workshop.verify(out, &["--format", "json", "--beacon", beacon]).expect(1);
        assert_eq!(codes(&finished), ["audit.beacon.differs".to_owned()].into());
    };
    differs("batch", "other");
    workshop.reel("more.zip", 10..12);
    workshop.issue("more.zip", "without", &[]).success();
    differs("without", "news");
    // another one sealed in its place gives other serial numbers
    Forge::of(&workshop).seal("forged", |statement| statement.beacon = Some(Sha256Digest::new([1; 32])));
    refused_only(&workshop, "forged", &[], &["audit.certificate.tbs"]);
    Forge::of(&workshop).seal("none", |statement| statement.beacon = None);
    refused_only(&workshop, "none", &[], &["audit.certificate.tbs"]);
}

#[test]
fn a_batch_keeps_the_beacon_with_which_it_was_begun() {
    let workshop = Workshop::new();
    workshop.reel("reel.zip", 0..2);
    workshop.write("news", b"TEST: the news of today\n");
    workshop.write("other", b"TEST: the news of another day\n");
    workshop.issue("reel.zip", "batch", &["--beacon", "news"]).success();
    let files = workshop.files("batch");
    workshop.delete("batch");
    let again = workshop.issue("reel.zip", "batch", &["--beacon", "other"]).success();
    assert!(workshop.files("batch") == files);
    let said = again.out() + &again.err();
    assert!(said.contains("continues with it; the one given now is not used"), "{said}");
    workshop.delete("batch");
    let same = workshop.issue("reel.zip", "batch", &["--beacon", "news"]).success();
    assert!(!(same.out() + &same.err()).contains("continues with it"));
}

#[test]
fn a_beacon_on_which_no_serial_number_depends_is_refused() {
    let workshop = Workshop::new();
    workshop.reel("reel.zip", 0..2);
    workshop.write("news", b"TEST: the news of today\n");
    workshop.write("empty", b"");
    let source = POLICY.replace("serial = \"derived\"", "serial = \"source\"");
    workshop.write("source.toml", source.as_bytes());
    let refused = workshop.issue_under("source.toml", "reel.zip", "batch", &["--beacon", "news"]).expect(2);
    let why = "error: a beacon was given, but no serial number would depend on it: the policy copies the serial numbers of \
               the leaves";
    assert!(refused.err().contains(why), "{}", refused.err());
    for file in ["empty", "nowhere"] {
        workshop.issue("reel.zip", "batch", &["--beacon", file]).expect(2);
    }
    assert!(!workshop.path("batch").exists());
    // sealed all the same
    workshop.issue_under("source.toml", "reel.zip", "batch", &[]).success();
    Forge::of(&workshop).seal("sealed", |statement| statement.beacon = Some(Sha256Digest::new([1; 32])));
    refused_only(&workshop, "sealed", &[], &["audit.beacon.unused"]);
}

#[test]
fn the_twin_of_a_signature_is_refused() {
    let workshop = Workshop::new();
    workshop.reel("reel.zip", 0..2);
    workshop.issue("reel.zip", "batch", &[]).success();
    let mut forge = Forge::of(&workshop);
    let der = forge.chips[1].certificate.clone();
    forge.chips[1].recertify(with_twin(&der, tag::BIT_STRING));
    forge.seal("certificate", |_| {});
    refused_only(&workshop, "certificate", &[], &["audit.certificate.form"]);

    let seal = std::fs::read(workshop.path("batch").join(SEAL_FILE)).unwrap();
    let twin = with_twin(&seal, tag::OCTET_STRING);
    put(&workshop.path("batch").join(SEAL_FILE), &twin);
    refused_only(&workshop, "batch", &[], &["manifest.seal.form"]);
    let finished = workshop.verify("batch", &[]).expect(1);
    assert!(finished.out().contains("higher of the two values of s that verify"), "{}", finished.out());
    put(&workshop.path("batch").join(SEAL_FILE), &seal);
    workshop.verify("batch", &[]).success();
}

/// The same structure with the other of the two signatures that verify in its last element.
fn with_twin(der: &[u8], last: u8) -> Vec<u8> {
    let outer = Reader::new(der).element("element").unwrap();
    if outer.tag == last {
        let unused = usize::from(last == tag::BIT_STRING);
        let (bits, signature) = outer.content.split_at(unused);
        let (r, s) = p256::ecdsa::Signature::from_der(signature).unwrap().split_scalars();
        let twin = p256::ecdsa::Signature::from_scalars(*r, -*s).unwrap();
        return element(last, &[bits, twin.to_der().as_bytes()]);
    }
    let mut children = Vec::new();
    let mut reader = Reader::new(outer.content);
    while !reader.is_empty() {
        children.push(reader.element("element").unwrap().raw.to_vec());
    }
    let changed = with_twin(&children.pop().unwrap(), last);
    children.push(changed);
    element(outer.tag, &children.iter().map(Vec::as_slice).collect::<Vec<_>>())
}

#[test]
fn seals_of_a_later_release_are_named_and_not_checked() {
    let workshop = Workshop::new();
    workshop.reel("reel.zip", 0..2);
    workshop.issue("reel.zip", "batch", &[]).success();
    Forge::of(&workshop).seal("later", |statement| statement.seals = vec!["pqc".to_owned(), "tlog".to_owned()]);
    let verified = workshop.verify("later", &[]).success();
    let note = "note: seals of kinds that this release cannot check were not checked: pqc, tlog";
    assert!(verified.out().contains(note), "{}", verified.out());
}

/// The holder of the manifest key signs what no release writes.
#[test]
fn a_format_and_an_encoder_that_do_not_go_together_are_refused() {
    let workshop = Workshop::new();
    workshop.reel("reel.zip", 0..1);
    workshop.issue("reel.zip", "batch", &[]).success();
    let folder = workshop.path("batch");
    let good = std::fs::read_to_string(folder.join(STATEMENT_FILE)).unwrap();
    let statement = Statement::parse(good.as_bytes()).unwrap();
    let signer = certificate(&std::fs::read(folder.join("manifest.pem")).unwrap());
    for (from, to, code, said) in [
        ("reroot-manifest/2", "reroot-manifest/3", "manifest.statement.format", "expected the format"),
        ("reroot-manifest/2", "reroot-manifest/1", "audit.statement.encoder", "`reroot-manifest/1` and the encoder 2"),
        ("\"encoder\": 2", "\"encoder\": 1", "audit.statement.encoder", "`reroot-manifest/2` and the encoder 1"),
        ("\"encoder\": 2", "\"encoder\": 3", "audit.statement.encoder", "`reroot-manifest/2` and the encoder 3"),
    ] {
        let text = good.replacen(from, to, 1);
        let seal =
            reroot::seal::seal_bytes(text.as_bytes(), &signer, &key(&workshop, "manifest"), statement.created).unwrap();
        put(&folder.join(STATEMENT_FILE), &text);
        put(&folder.join(SEAL_FILE), &seal);
        refused_only(&workshop, "batch", &[], &[code]);
        let finished = workshop.verify("batch", &[]).expect(1);
        assert!(finished.out().contains(said), "{}", finished.out());
    }
}
