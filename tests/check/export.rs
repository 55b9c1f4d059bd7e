//! `reroot export` and `reroot ca` through the front door; other programs read what comes out.

use reroot::durable::{Access, create_directory};
use serde_json::Value;

use crate::support::judges::put;
use crate::support::run::{Finished, Run};
use crate::support::workshop::{POLICY, Workshop};

const LEAVES: u64 = 12;

fn workshop() -> Workshop {
    let workshop = Workshop::new();
    workshop.reel("reel.zip", 0..LEAVES);
    workshop.issue("reel.zip", "batch", &[]).success();
    workshop
}

fn export(workshop: &Workshop, to: &str, out: &str, more: &[&str]) -> Finished {
    let anchors = ["--issuer-anchor", "pki/ca/root.pem"];
    let anchors = if more.contains(&"--unverified") { &[][..] } else { &anchors };
    workshop.reroot(&["export", "batch", "--to", to, "--out", out]).args(anchors).args(more).run()
}

fn text(workshop: &Workshop, path: &str) -> String {
    std::fs::read_to_string(workshop.path(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

const ALL: [&str; 6] = ["aws-bulk", "aws-thingpress", "azure-dps", "csv", "directory", "zip"];

/// What each export must hold for each certificate is derived again from `certificates.zip`, by Python alone.
const PYTHON: &str = r#"
import base64, csv, hashlib, io, json, sys, zipfile
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import NameOID

archive = zipfile.ZipFile("batch/certificates.zip")
ders = {name[:-4]: archive.read(name) for name in archive.namelist()}
uids = list(ders)
assert uids == sorted(uids) and len(uids) == int(sys.argv[1])
pem = lambda der: x509.load_der_x509_certificate(der).public_bytes(Encoding.PEM).decode()
common_name = lambda c: c.subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value

issuing = open("pki/ca/issuing.pem").read()
things = [json.loads(line) for line in open("aws-bulk/things.jsonl")]
for name in ["provisioning-template.json", "jitp-template.json"]:
    template = json.load(open("aws-bulk/" + name))
    assert len(json.dumps(template)) <= 10240
    refs = set()
    def walk(value):
        if isinstance(value, dict):
            refs.update([value["Ref"]] if "Ref" in value else [])
            [walk(inner) for inner in value.values()]
    walk(template["Resources"])
    assert refs == set(template["Parameters"]), "every parameter is used, and none is undeclared"
    assert template["Resources"]["policy"]["Properties"] == {"PolicyName": "fleet"}
    if name.startswith("jitp"):
        # only what AWS takes from the subject, and the certificate's own id
        assert refs == {"AWS::IoT::Certificate::CommonName", "AWS::IoT::Certificate::Id"}
        assert all(len(x509.load_der_x509_certificate(der).subject.get_attributes_for_oid(NameOID.COMMON_NAME)) == 1
                   for der in ders.values())
    else:
        assert all(set(thing) == refs for thing in things)
assert [thing["SerialNumber"] for thing in things] == uids
for thing in things:
    certificate = x509.load_pem_x509_certificate(thing["CertificatePem"].encode())
    certificate.verify_directly_issued_by(x509.load_pem_x509_certificate(thing["CACertificatePem"].encode()))
    assert certificate.public_bytes(Encoding.DER) == ders[thing["SerialNumber"]]
    assert thing["ThingName"] == common_name(certificate) == thing["SerialNumber"]
    assert thing["CACertificatePem"] == issuing

# the steps of Thingpress's provider "generated": decode the line, read it as PEM, take the common name
lines = open("aws-thingpress").read().splitlines()
loaded = [x509.load_pem_x509_certificate(base64.b64decode(line, validate=True)) for line in lines]
assert [common_name(one) for one in loaded] == uids
assert [one.public_bytes(Encoding.DER) for one in loaded] == list(ders.values())

requests = [json.loads(line) for line in open("azure-dps")]
assert all(set(request) == {"mode", "enrollments"} and len(request["enrollments"]) <= 10 for request in requests)
enrolments = [enrolment for request in requests for enrolment in request["enrollments"]]
assert [enrolment["registrationId"] for enrolment in enrolments] == uids
for enrolment in enrolments:
    der = base64.b64decode(enrolment["attestation"]["x509"]["clientCertificates"]["primary"]["certificate"], validate=True)
    assert der == ders[enrolment["registrationId"]]
    assert enrolment["registrationId"] == common_name(x509.load_der_x509_certificate(der))

rows = list(csv.DictReader(open("csv", newline="")))
assert [row["uid"] for row in rows] == uids
for row in rows:
    der = ders[row["uid"]]
    fingerprint = hashlib.sha256(der).hexdigest()
    assert row["st_number"] == row["uid"][4:]
    assert int(row["serial"], 16) == x509.load_der_x509_certificate(der).serial_number
    assert row["certificate_id"] == fingerprint and row["thumbprint"] == hashlib.sha1(der).hexdigest().upper()
    assert row["lfdi"] == fingerprint[:40].upper()
    parsed = x509.load_der_x509_certificate(der)
    form = "%Y-%m-%dT%H:%M:%SZ"
    assert row["not_before"] == parsed.not_valid_before_utc.strftime(form)
    assert row["not_after"] == parsed.not_valid_after_utc.strftime(form)
    spki = parsed.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    assert row["spki_sha256"] == hashlib.sha256(spki).hexdigest()
    assert "CN=" + row["uid"] in row["subject"] and "CN=" in row["issuer"] and row["issuer"] != row["subject"]
    assert int(row["sfdi"]) // 10 == int(fingerprint[:9], 16) and sum(map(int, row["sfdi"])) % 10 == 0

zipped = zipfile.ZipFile("zip")
assert zipped.testzip() is None and zipped.namelist() == [uid + form for uid in uids for form in (".der", ".pem")]
for uid in uids:
    assert zipped.read(uid + ".der") == open(f"directory/{uid}.der", "rb").read() == ders[uid]
    assert zipped.read(uid + ".pem").decode() == open(f"directory/{uid}.pem").read() == pem(ders[uid])
"#;

#[test]
fn every_export_says_what_the_certificates_say() {
    let workshop = workshop();
    for to in ALL {
        let said = export(&workshop, to, to, &["--form", "pem,der", "--aws-policy", "fleet"]).success();
        assert_eq!(said.out(), format!("{to}\n"));
        assert!(said.err().contains("12 certificates of batch "), "{}", said.err());
    }
    Run::python(PYTHON).arg(LEAVES.to_string()).folder(workshop.folder()).run().success();
    let files = std::fs::read_dir(workshop.path("directory")).unwrap().count() as u64;
    assert_eq!(files, 2 * LEAVES);
    assert!(workshop.leftovers().is_empty());

    // the same again is the same bytes; the first is not touched
    for to in ["aws-thingpress", "azure-dps", "csv", "zip"] {
        export(&workshop, to, "again", &["--form", "pem,der", "--aws-policy", "fleet"]).success();
        assert_eq!(std::fs::read(workshop.path("again")).unwrap(), std::fs::read(workshop.path(to)).unwrap());
        let taken = export(&workshop, to, "again", &[]).expect(2);
        assert!(taken.err().contains("`again` exists already"), "{}", taken.err());
        #[expect(clippy::disallowed_methods, reason = "a test plays the operator")]
        std::fs::remove_file(workshop.path("again")).unwrap();
    }
}

#[test]
fn openssl_names_the_certificate_as_the_table_does() {
    let workshop = workshop();
    export(&workshop, "csv", "table.csv", &[]).success();
    export(&workshop, "directory", "files", &[]).success();
    let table = text(&workshop, "table.csv");
    let row: Vec<&str> = table.lines().nth(1).unwrap().split(',').collect();
    let der = workshop.path(&format!("files/{}.der", row[0]));
    let of = |digest: &str| {
        let args = ["x509", "-inform", "DER", "-noout", "-fingerprint", digest, "-in"];
        let said = Run::openssl().args(args).arg(&der).run().success().out();
        said.trim().split_once('=').unwrap().1.replace(':', "")
    };
    assert_eq!(row[3].to_uppercase(), of("-sha256"));
    assert_eq!(row[4], of("-sha1"));
}

#[test]
fn json_gives_the_same_facts() {
    let workshop = workshop();
    let said = json(&export(&workshop, "csv", "table.csv", &["--format", "json"]).success().out());
    assert_eq!(said["certificates"], LEAVES);
    assert_eq!(said["to"], "csv");
    assert_eq!(said["verified"], true);
    assert_eq!(said["batch"], workshop.statement("batch")["batch"]);
}

/// If no anchor is named, the anchor of `reroot.toml` is used. The anchor of a different CA is refused.
#[test]
fn a_batch_is_exported_under_an_anchor_or_expressly_without() {
    let workshop = workshop();
    let plain = ["export", "batch", "--to", "csv", "--out", "table.csv"];
    let none = workshop.reroot(&plain).run().expect(2);
    assert!(none.err().contains("there is no configuration `reroot.toml`"), "{}", none.err());
    workshop.reroot(&plain).args(["--config", "pki/reroot.toml"]).run().success();

    workshop.reroot(&["init", "other", "--organization", "Other"]).run().success();
    let args = ["export", "batch", "--to", "csv", "--out", "other.csv"];
    let foreign = workshop.reroot(&args).args(["--issuer-anchor", "other/ca/root.pem"]).run().expect(1);
    assert!(foreign.err().contains("batch failed verification"), "{}", foreign.err());
    assert!(!workshop.path("other.csv").exists());
    workshop
        .reroot(&args)
        .args(["--issuer-anchor", "other/ca/root.pem", "--manifest-anchor", "pki/ca/root.pem"])
        .run()
        .success();

    put(&workshop.path("batch/manifest.json.p7s"), b"0");
    export(&workshop, "csv", "sealed.csv", &[]).expect(1);
    let unsealed = export(&workshop, "csv", "unsealed.csv", &["--unverified"]).success();
    assert!(unsealed.err().contains("warning: the seal was not looked at"), "{}", unsealed.err());
    let both = workshop.reroot(&args).args(["--unverified", "--issuer-anchor", "pki/ca/root.pem"]).run();
    both.expect(2);
}

#[test]
fn a_batch_that_was_changed_is_not_exported_whoever_looks_at_the_seal() {
    let files = ["certificates.zip", "manifest.jsonl", "chain.pem", "manifest.json", "manifest.pem"];
    let workshop = workshop();
    for file in files {
        let path = workshop.path("batch").join(file);
        let good = std::fs::read(&path).unwrap();
        let step = good.len() / 7;
        for place in (0..good.len()).step_by(step) {
            let mut bad = good.clone();
            bad[place] ^= 1;
            put(&path, &bad);
            export(&workshop, "directory", "out", &[]).expect(1);
        }
        put(&path, &good[..good.len() - 1]);
        export(&workshop, "directory", "out", &[]).expect(1);
        if !["manifest.json", "manifest.pem"].contains(&file) {
            export(&workshop, "directory", "out", &["--unverified"]).expect(1);
        }
        put(&path, &good);
        assert!(!workshop.path("out").exists() && workshop.leftovers().is_empty(), "{file}");
    }
    // a line and its certificate taken away together leave a batch that looks whole
    let lines = text(&workshop, "batch/manifest.jsonl");
    put(&workshop.path("batch/manifest.jsonl"), lines.split_once('\n').unwrap().1);
    let short = export(&workshop, "csv", "out", &[]).expect(1);
    assert!(short.err().contains("not what its line in manifest.jsonl says"), "{}", short.err());
    export(&workshop, "directory", "out", &[]).expect(1);
    put(&workshop.path("batch/manifest.jsonl"), lines);
    export(&workshop, "directory", "out", &[]).success();
}

#[test]
fn names_that_a_cloud_does_not_take_are_refused_with_what_to_do() {
    let workshop = Workshop::new();
    workshop.reel("reel.zip", 0..2);
    let policies = [("same", "CN = \"all devices\"", "CN = \"device\""), ("blank", "", "CN = \"device {uid}\"")];
    for (name, _, common_name) in policies {
        let policy =
            POLICY.replace("CN = \"{uid}\"", common_name).replace("name = \"workshop\"", &format!("name = \"{name}\""));
        workshop.write(&format!("{name}.toml"), policy.as_bytes());
        workshop.issue_under(&format!("{name}.toml"), "reel.zip", name, &[]).success();
        for to in ["aws-bulk", "aws-thingpress", "azure-dps"] {
            let args = ["export", name, "--to", to, "--out", "out", "--issuer-anchor", "pki/ca/root.pem"];
            let refused = workshop.reroot(&args).run().expect(2);
            let expected = if name == "same" { "name `device` of " } else { "has a common name `device " };
            assert!(refused.err().contains(expected), "{}", refused.err());
            assert!(refused.err().contains("hint: The device is named after the certificate's common name"));
            assert!(!workshop.path("out").exists() && workshop.leftovers().is_empty());
        }
    }
}

/// The subject is the one thing in a certificate that others choose: `--set lot=...` within the policy's pattern, here
/// a hostile policy.
#[test]
fn no_cell_of_the_table_begins_a_formula_whatever_a_subject_says() {
    let workshop = Workshop::new();
    workshop.reel("reel.zip", 0..3);
    let policy = POLICY.replace("O = \"Workshop\"", "O = \"=HYPERLINK(1),+@-\"");
    workshop.write("hostile.toml", policy.as_bytes());
    workshop.issue_under("hostile.toml", "reel.zip", "batch", &[]).success();
    export(&workshop, "csv", "table.csv", &[]).success();
    let table = text(&workshop, "table.csv");
    assert!(table.contains("=HYPERLINK"), "{table}");
    for line in table.lines().skip(1) {
        // a quote opens and closes a text; a comma between two texts ends a cell
        let outside: Vec<&str> = line.split('"').step_by(2).collect();
        let inside: Vec<&str> = line.split('"').skip(1).step_by(2).collect();
        let begins = |cell: &&str| cell.starts_with(['=', '+', '-', '@']);
        assert_eq!(inside.len(), 2, "subject and issuer: {line}");
        assert!(!inside.iter().any(begins) && !outside.join("").split(',').any(|cell| begins(&cell)), "{line}");
    }
}

#[test]
fn a_certificate_authority_is_proven_to_a_cloud() {
    let workshop = Workshop::new();
    let args = ["ca", "proof", "--code", "0123abcd", "--out", "proof.pem", "--config", "pki/reroot.toml"];
    let said = workshop.reroot(&args).run().success();
    assert_eq!(said.out(), "proof.pem\n");
    let proof = workshop.path("proof.pem");
    let chain = ["-CAfile", "pki/ca/root.pem", "-untrusted", "pki/ca/issuing.pem"];
    let verify = Run::openssl().args(["verify", "-x509_strict"]).args(chain).arg(&proof);
    verify.folder(workshop.folder()).run().success();
    // what the clouds check: the CA alone, and the code
    let direct = ["verify", "-partial_chain", "-CAfile", "pki/ca/issuing.pem"];
    Run::openssl().args(direct).arg(&proof).folder(workshop.folder()).run().success();
    let subject = Run::openssl().args(["x509", "-noout", "-subject", "-in"]).arg(&proof).run().success().out();
    assert_eq!(subject.trim(), "subject=CN = 0123abcd");
    crate::support::judges::lint(&proof);

    let again = workshop.reroot(&args).run().expect(2);
    assert!(again.err().contains("`proof.pem` exists already"), "{}", again.err());
    for (code, complaint) in [("a b", "is not 1 to 64 letters"), ("", "is not 1 to 64 letters")] {
        let args = ["ca", "proof", "--code", code, "--out", "other.pem", "--config", "pki/reroot.toml"];
        let refused = workshop.reroot(&args).run().expect(2);
        assert!(refused.err().contains(complaint), "{}", refused.err());
    }
    let args = ["ca", "proof", "--code", "a", "--days", "31", "--out", "other.pem", "--config", "pki/reroot.toml"];
    workshop.reroot(&args).run().expect(2);
    assert!(!workshop.path("other.pem").exists());
    // batches go on under the same ledger
    workshop.reel("reel.zip", 0..2);
    workshop.issue("reel.zip", "batch", &[]).success();
    workshop.verify("batch", &[]).success();
}

#[test]
fn the_configured_certificates_are_shown() {
    let workshop = Workshop::new();
    let said = workshop.reroot(&["ca", "show", "--config", "pki/reroot.toml"]).run().success().out();
    for role in ["issuing CA", "above it", "manifest signer", "source anchor"] {
        assert!(said.contains(role), "{said}");
    }
    let shown = workshop.reroot(&["ca", "show", "--config", "pki/reroot.toml", "--format", "json"]).run().success();
    let shown = json(&shown.out());
    let issuing = Run::openssl().args(["x509", "-noout", "-fingerprint", "-sha256", "-in"]);
    let fingerprint = issuing.arg(workshop.path("pki/ca/issuing.pem")).run().success().out();
    let fingerprint = fingerprint.trim().split_once('=').unwrap().1.replace(':', "").to_lowercase();
    assert_eq!(shown["certificates"][0]["sha256"], fingerprint);
}

/// A directory that appears only when it is complete, also where it would be inside the batch.
#[test]
fn an_export_makes_the_folders_above_it_and_needs_a_free_name() {
    let workshop = workshop();
    export(&workshop, "directory", "none/out", &[]).success();
    let nowhere = export(&workshop, "directory", "pki/reroot.toml/out", &[]).expect(2);
    let expected = "the output cannot be in `pki/reroot.toml`, which is not a directory";
    assert!(nowhere.err().contains(expected), "{}", nowhere.err());
    create_directory(&workshop.path("empty"), Access::Public).unwrap();
    export(&workshop, "directory", "empty", &[]).expect(2);
}

/// Several batches come out as one export in the order of UIDs, a list chooses, and PEM goes on with the CAs above.
#[test]
fn batches_come_out_together_and_a_list_chooses_among_their_chips() {
    let workshop = workshop();
    workshop.reel("more.zip", LEAVES..LEAVES + 3);
    workshop.issue("more.zip", "second", &[]).success();
    let both = |to: &str, out: &str, more: &[&str]| {
        let args = ["export", "batch", "second", "--to", to, "--out", out, "--issuer-anchor", "pki/ca/root.pem"];
        workshop.reroot(&args).args(more).run()
    };
    let said = both("csv", "both.csv", &[]).success();
    assert!(said.err().contains("15 certificates of 2 batches for csv"), "{}", said.err());
    let uids = |name: &str| -> Vec<String> {
        text(&workshop, name).lines().skip(1).map(|line| line.split(',').next().unwrap().to_owned()).collect()
    };
    let all = uids("both.csv");
    assert!(all.len() == 15 && all.is_sorted(), "{all:?}");

    workshop.write("uids.txt", format!("{}\n{}\n", all[14], all[2]).as_bytes());
    both("csv", "some.csv", &["--from", "uids.txt"]).success();
    assert_eq!(uids("some.csv"), [all[2].clone(), all[14].clone()]);
    both("directory", "pem", &["--from", "uids.txt", "--form", "pem", "--with-chain"]).success();
    let pem = text(&workshop, &format!("pem/{}.pem", all[2]));
    assert_eq!(pem.matches("BEGIN CERTIFICATE").count(), 2, "the chip's and the issuing CA's, without the root");
    workshop.write("leaf.pem", pem.as_bytes());
    let args = ["verify", "-CAfile", "pki/ca/root.pem", "-untrusted", "leaf.pem", "leaf.pem"];
    Run::openssl().args(args).folder(workshop.folder()).run().success();

    let piped = both("csv", "-", &["--from", "uids.txt"]).success();
    assert_eq!(piped.stdout, std::fs::read(workshop.path("some.csv")).unwrap());
    for (to, more) in [("directory", &[][..]), ("csv", &["--format", "json"])] {
        both(to, "-", more).expect(2);
    }

    workshop.write("other.txt", b"0209A021E021C4E1D00139\n");
    for (more, code, message) in [
        (&["--from", "other.txt"][..], 2, "chip 0209A021E021C4E1D00139 is in none of the batches"),
        (&["--with-chain"], 2, "--with-chain is for PEM files"),
    ] {
        let refused = both("directory", "refused", more).expect(code);
        assert!(refused.err().contains(message), "{}", refused.err());
    }
    workshop.issue("more.zip", "again", &["--reissue", "lost"]).success();
    let args = ["export", "again", "second", "--to", "csv", "--out", "refused", "--issuer-anchor", "pki/ca/root.pem"];
    let refused = workshop.reroot(&args).run().expect(2);
    assert!(refused.err().contains("is in two of the batches"), "{}", refused.err());
    assert!(!workshop.path("refused").exists() && workshop.leftovers().is_empty());
}
