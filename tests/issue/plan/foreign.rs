//! An external CA: OpenSSL, which sees nothing but the files handed over.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use reroot::durable::{Access, create_directory};
use serde_json::Value;

use crate::plan::machines::Machines;
use crate::support::judges::put;
use crate::support::opinion::agreed_under;
use crate::support::pki::archive;
use crate::support::run::{Finished, Run};
use crate::support::workshop::{POLICY, Workshop};

const MAY_DIFFER: &str = "\n[foreign]\nmay_differ = [\"not_before\", \"not_after\"]\n";

/// The house that plans, and OpenSSL's CA.
pub(crate) struct Houses {
    pub(crate) machines: Machines,
}

/// What OpenSSL's CA does otherwise than asked.
#[derive(Default)]
pub(crate) struct Deviation<'a> {
    /// Another key than the wished one.
    pub(crate) key: Option<&'a str>,
    pub(crate) subject: Option<&'a str>,
    /// An extension's line in place of the wished one with the same identifier.
    pub(crate) extension: Option<&'a str>,
    pub(crate) serial: Option<&'a str>,
    /// The CA's files.
    pub(crate) ca: Option<&'a str>,
    pub(crate) digest: Option<&'a str>,
}

impl Houses {
    pub(crate) fn new(leaves: u64) -> Self {
        let houses = Self::with_policy(&(POLICY.to_owned() + MAY_DIFFER));
        houses.machines.workshop.reel("reel.zip", 0..leaves);
        houses.plan("foreign.toml", "handed").success();
        houses
    }

    pub(crate) fn with_policy(policy: &str) -> Self {
        let machines = Machines { workshop: Workshop::new() };
        let houses = Self { machines };
        houses.ca("other", "Other CA");
        houses.machines.edit("pki", |text| {
            let (_, rest) = text.split_once("[manifest]").unwrap();
            let issuer = "[issuer]\ncertificate = \"../other.pem\"\n\n[manifest]";
            format!("{issuer}{rest}").replace("\"ledger.db\"", "\"foreign.db\"")
        });
        houses.machines.workshop.write("foreign.toml", policy.as_bytes());
        houses
    }

    fn ca(&self, name: &str, subject: &str) {
        let (key, pem) = (format!("{name}.key"), format!("{name}.pem"));
        let new = ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "9000"];
        let extensions = ["-addext", "keyUsage=critical,keyCertSign", "-subj"];
        let run = Run::openssl().args(new).args(extensions).arg(format!("/O=Other House/CN={subject}"));
        run.args(["-keyout", &key, "-out", &pem]).folder(self.folder()).run().success();
    }

    pub(crate) fn with_workshop(workshop: Workshop) -> Self {
        Self { machines: Machines { workshop } }
    }

    /// A key that no chip has.
    pub(crate) fn stray_key(&self) -> String {
        let new = ["genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", "stray.key"];
        Run::openssl().args(new).folder(self.folder()).run().success();
        Run::openssl().args(["pkey", "-in", "stray.key", "-pubout"]).folder(self.folder()).run().success().out()
    }

    /// `issue --issuer cmp` of the reel.
    pub(crate) fn issue_by_cmp(&self, more: &[&str]) -> Finished {
        let args = ["issue", "reel.zip", "--policy", "foreign.toml", "--out", "batch", "--config", "pki/reroot.toml"];
        let cmp = ["--set", "lot=A1", "--issuer", "cmp", "--new-ledger"];
        self.machines.workshop.reroot(&args).args(cmp).args(more).run()
    }

    pub(crate) fn folder(&self) -> &Path {
        self.machines.workshop.folder()
    }

    pub(crate) fn plan(&self, policy: &str, out: &str) -> Finished {
        self.machines.plan_under(policy, "reel.zip", out, &["--foreign"])
    }

    pub(crate) fn finish(&self, certificates: &[&str], out: &str) -> Finished {
        let args = ["finish", "handed", "--out", out, "--config", "pki/reroot.toml", "--certificates"];
        self.machines.workshop.reroot(&args).args(certificates).run()
    }

    pub(crate) fn verify(&self, out: &str) -> Finished {
        let anchors = ["--source-anchor", "pki/anchors/test-root.pem", "--issuer-anchor", "other.pem"];
        let manifest = ["--manifest-anchor", "pki/ca/root.pem", "--input", "reel.zip"];
        let finished = self.machines.workshop.reroot(&["verify", out]).args(anchors).args(manifest).run();
        let anchors = ["pki/anchors/test-root.pem", "other.pem", "pki/ca/root.pem"];
        agreed_under(&self.machines.workshop, out, anchors, finished.code == Some(0));
        finished
    }

    /// Every chip of the batch is proved to be in it.
    fn proves(&self) {
        let workshop = &self.machines.workshop;
        let proofs = workshop.reroot(&["prove", "batch", "--all"]).run().success().stdout;
        let args =
            ["verify-proof", "-", "--source-anchor", "pki/anchors/test-root.pem", "--issuer-anchor", "other.pem"];
        let checked = workshop.reroot(&args).args(["--manifest-anchor", "pki/ca/root.pem"]).stdin(&*proofs).run();
        assert!(checked.success().out().contains("proof OK: the chip is in the batch"));
        let anchors = ["pki/anchors/test-root.pem", "other.pem", "pki/ca/root.pem"];
        for proof in proofs.split_inclusive(|byte| *byte == b'\n') {
            put(&workshop.path("one.json"), proof);
            agreed_under(workshop, "one.json", anchors, true);
        }
    }

    pub(crate) fn wishes(&self) -> Vec<Value> {
        let text = std::fs::read_to_string(self.machines.path("handed/requests.jsonl")).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// What OpenSSL makes of a wish.
    pub(crate) fn make(&self, wish: &Value, deviation: &Deviation<'_>) -> Vec<u8> {
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let names: BTreeMap<&str, &str> = [("2.5.4.10", "O"), ("2.5.4.11", "OU"), ("2.5.4.3", "CN")].into();
        let rdns = wish["subject_rdns"].as_array().unwrap();
        let subject = rdns.iter().fold(String::new(), |subject, rdn| {
            assert_eq!(rdn[0]["string"], "utf8");
            format!("{subject}/{}={}", names[text(&rdn[0]["type"]).as_str()], text(&rdn[0]["value"]))
        });
        let wished = wish["extensions"].as_array().unwrap().iter().map(|extension| {
            let critical = if extension["critical"] == true { "critical," } else { "" };
            format!("{}={critical}DER:{}", text(&extension["oid"]), text(&extension["der"]))
        });
        let mut extensions: BTreeMap<String, String> =
            wished.map(|line| (line.split('=').next().unwrap().to_owned(), line)).collect();
        if let Some(line) = deviation.extension {
            extensions.insert(line.split('=').next().unwrap().to_owned(), line.to_owned());
        }
        put(&self.machines.path("wish.pem"), deviation.key.map_or_else(|| text(&wish["spki_pem"]), str::to_owned));
        put(&self.machines.path("wish.ext"), extensions.into_values().collect::<Vec<_>>().join("\n"));
        let ca = deviation.ca.unwrap_or("other");
        let (pem, key) = (format!("{ca}.pem"), format!("{ca}.key"));
        let subject = deviation.subject.unwrap_or(&subject);
        let new = ["x509", "-new", "-utf8", "-force_pubkey", "wish.pem", "-days", "1000", "-extfile", "wish.ext"];
        let ca = ["-CA", &pem, "-CAkey", &key, "-subj", subject, "-outform", "DER"];
        let serial = deviation.serial.map_or_else(
            || format!("0x{}", &reroot::crypto::sha256(text(&wish["uid"]).as_bytes()).to_string()[..16]),
            str::to_owned,
        );
        let digest = deviation.digest.unwrap_or("-sha256");
        let run = Run::openssl().args(new).args(ca).args(["-set_serial", &serial, digest]);
        run.folder(self.folder()).run().success().stdout
    }

    fn certificates(&self) -> Vec<Vec<u8>> {
        self.wishes().iter().map(|wish| self.make(wish, &Deviation::default())).collect()
    }

    /// Certificates as a zip of oddly named files, in another order.
    fn zip(&self, name: &str, certificates: &[Vec<u8>]) {
        let names: Vec<String> = (0..certificates.len()).map(|at| format!("out/{:04}.cer", 9_999 - at)).collect();
        let files: Vec<(&str, &[u8])> =
            names.iter().zip(certificates).rev().map(|(name, der)| (name.as_str(), der.as_slice())).collect();
        put(&self.machines.path(name), archive::zip(&files));
    }

    /// All good certificates but for the first, which is these.
    fn refuses(&self, good: &[Vec<u8>], first: &[Vec<u8>], code: &str) {
        self.zip("wrong.zip", &[first, &good[1..]].concat());
        let refused = self.finish(&["wrong.zip"], "batch").expect(3);
        assert!(
            refused.err().contains("nothing was sealed") && refused.err().contains(code),
            "{code}: {}",
            refused.err()
        );
        assert!(!self.machines.path("batch").exists());
    }
}

fn pem(der: &[u8]) -> String {
    crate::support::pki::der::pem("CERTIFICATE", der)
}

#[test]
fn certificates_come_back_in_any_order_and_container() {
    let houses = Houses::new(5);
    let certificates = houses.certificates();
    houses.zip("back.zip", &certificates);
    let bundle: String = certificates.iter().rev().map(|der| pem(der)).collect();
    put(&houses.machines.path("bundle.pem"), &bundle);
    put(
        &houses.machines.path("with-ca.pem"),
        bundle + &std::fs::read_to_string(houses.machines.path("other.pem")).unwrap(),
    );
    let p7b = ["crl2pkcs7", "-nocrl", "-certfile", "with-ca.pem", "-outform", "DER", "-out", "back.p7b"];
    Run::openssl().args(p7b).folder(houses.folder()).run().success();
    create_directory(&houses.machines.path("back"), Access::Public).unwrap();
    for (at, der) in certificates.iter().enumerate() {
        put(&houses.machines.path(&format!("back/{at}.crt")), pem(der));
    }
    put(&houses.machines.path("two.pem"), certificates[..2].iter().map(|der| pem(der)).collect::<String>());
    put(&houses.machines.path("three.pem"), certificates[2..].iter().map(|der| pem(der)).collect::<String>());
    let mut batches = Vec::new();
    for returned in [&["back.zip"][..], &["bundle.pem"], &["back.p7b"], &["back"], &["three.pem", "two.pem"]] {
        houses.finish(returned, "batch").success();
        houses.verify("batch").success();
        houses.proves();
        batches.push(houses.machines.workshop.files("batch"));
        let again = houses.finish(returned, "batch").success();
        assert!(again.err().contains("already done"), "{}", again.err());
        houses.machines.workshop.delete("batch");
    }
    assert!(batches.iter().all(|batch| *batch == batches[0]), "a sealed batch comes out again byte for byte");
    houses.finish(&["back.zip"], "batch").success();
    let statement = houses.machines.workshop.statement("batch");
    assert_eq!((&statement["issuer"]["mode"], &statement["serial_seed"]), (&"foreign".into(), &Value::Null));
    for line in houses.machines.workshop.lines("batch") {
        // whether it began in the same second is chance
        let differs: Vec<&str> =
            line["differs"].as_array().unwrap().iter().map(|name| name.as_str().unwrap()).collect();
        assert!(differs == ["not_after", "not_before"] || differs == ["not_after"], "{differs:?}");
    }
    // the serial number that the other CA chose is found, and finds the chip
    let line = &houses.machines.workshop.lines("batch")[0];
    for wanted in [&line["uid"], &line["serial"], &line["sha256"]] {
        let args = ["ledger", "find", wanted.as_str().unwrap(), "--config", "pki/reroot.toml", "--format", "json"];
        let found: Value = serde_json::from_str(&houses.machines.workshop.reroot(&args).run().success().out()).unwrap();
        let certificate = &found["certificates"][0];
        assert_eq!((&certificate["uid"], &certificate["serial"]), (&line["uid"], &line["serial"]), "{wanted}");
    }
}

/// kill -9 while certificates are taken back.
#[test]
fn a_finish_with_certificates_that_was_killed_is_finished_by_the_same_command() {
    let houses = Houses::new(3);
    houses.zip("back.zip", &houses.certificates());
    let args = ["finish", "handed", "--out", "batch", "--config", "pki/reroot.toml", "--certificates", "back.zip"];
    let mut kills = 0;
    for n in 1.. {
        let copy = Houses { machines: Machines { workshop: houses.machines.workshop.copy() } };
        if crate::plan::kill::killed(&copy.machines, &args, "fsync,renameat2", n) {
            break;
        }
        kills += 1;
        // some certificates are on the ledger: the plan is still the one that was made
        let planned = copy.plan("foreign.toml", "handed").success();
        assert!(planned.err().contains("already done"), "{}", planned.err());
        copy.finish(&["back.zip"], "batch").success();
        copy.verify("batch").success();
        assert_eq!(copy.machines.workshop.leftovers(), Vec::<String>::new());
    }
    assert!(kills > 3, "{kills}");
}

#[test]
fn the_table_says_what_the_lines_say() {
    let houses = Houses::new(3);
    let script = "import csv, json\n\
        rows = list(csv.DictReader(open('handed/requests.csv', newline='')))\n\
        lines = [json.loads(line) for line in open('handed/requests.jsonl')]\n\
        assert len(rows) == len(lines) == 3\n\
        for row, line in zip(rows, lines):\n\
        \x20   for key in ('uid', 'st_number', 'spki_sha256', 'subject', 'not_before', 'not_after', 'signature', 'spki_pem'):\n\
        \x20       assert row[key] == line[key], key\n\
        \x20   wished = [e['oid'] + '=' + ('critical,' if e['critical'] else '') + 'DER:' + e['der'] for e in line['extensions']]\n\
        \x20   assert row['extensions'] == ';'.join(wished)\n";
    Run::tool("python3").args(["-I", "-c", script]).folder(houses.folder()).run().success();
    // the same command again, and a lost directory
    let before = houses.machines.workshop.files("handed");
    let again = houses.plan("foreign.toml", "handed").success();
    assert!(again.err().contains("already done"), "{}", again.err());
    assert_eq!(houses.machines.workshop.files("handed"), before);
    put(&houses.machines.path("handed/requests.csv"), "uid\r\n");
    houses.plan("foreign.toml", "handed").expect(2);
}

#[test]
fn a_certificate_that_is_not_as_asked_for_is_refused_and_nothing_is_sealed() {
    let houses = Houses::new(4);
    let wish = &houses.wishes()[0];
    let good = houses.certificates();
    let stray = houses.make(wish, &Deviation { key: Some(&houses.stray_key()), ..Deviation::default() });
    houses.refuses(&good, std::slice::from_ref(&stray), "answer.key.unknown");
    houses.refuses(&good, &[good[0].clone(), stray], "answer.key.unknown");
    houses.refuses(&good, &[], "answer.missing");
    let second = houses.make(wish, &Deviation { serial: Some("77"), ..Deviation::default() });
    houses.refuses(&good, &[good[0].clone(), second], "answer.key.twice");
    for (extension, code) in [
        ("2.5.29.37=DER:300a06082b06010505070301", "answer.differs"),
        ("2.5.29.15=critical,DER:03020106", "answer.certificate.ca"),
        ("2.5.29.15=critical,DER:03020780", "answer."),
        ("2.5.29.15=DER:03020780", "answer.differs"),
        ("2.5.29.37=critical,DER:300a06082b06010505070324", "answer.certificate.purpose"),
        ("1.2.3.4=DER:0500", "answer.differs"),
        // a CA certificate is not looked at, so that the chip has none
        ("2.5.29.19=critical,DER:30030101ff", "answer.missing"),
    ] {
        if code == "answer." {
            continue; // as asked for
        }
        let changed = houses.make(wish, &Deviation { extension: Some(extension), ..Deviation::default() });
        houses.refuses(&good, &[changed], code);
    }
    let changed =
        houses.make(wish, &Deviation { subject: Some("/O=Workshop/OU=A1/CN=somebody"), ..Deviation::default() });
    houses.refuses(&good, &[changed], "differs from what was asked for in subject");
    let changed = houses.make(wish, &Deviation { digest: Some("-sha384"), ..Deviation::default() });
    houses.refuses(&good, &[changed], "in signature");
    let serial = reroot::x509::Certificate::from_der(&good[1]).unwrap();
    let serial = format!("0x{}", hex::encode(serial.serial().content()));
    let same = houses.make(wish, &Deviation { serial: Some(&serial), ..Deviation::default() });
    houses.refuses(&good, &[same], "answer.serial-twice");
    houses.ca("stranger", "Other CA");
    houses.ca("third", "Third CA");
    for (ca, code) in [("stranger", "answer.certificate.signature"), ("third", "answer.certificate.issuer")] {
        let other = houses.make(wish, &Deviation { ca: Some(ca), ..Deviation::default() });
        houses.refuses(&good, &[other], code);
    }
    houses.refuses(&good, &[b"0\x82\x01\x00 no certificate".to_vec()], "answer.unreadable");
    // nothing of it was recorded: the right ones are taken
    houses.zip("back.zip", &good);
    houses.finish(&["back.zip"], "batch").success();
    houses.verify("batch").success();
    // once they are on the ledger, no others are
    houses.machines.workshop.delete("batch");
    let other = houses.make(wish, &Deviation { serial: Some("78"), ..Deviation::default() });
    houses.zip("other.zip", &[&[other][..], &good[1..]].concat());
    houses.finish(&["other.zip"], "batch").expect(5);
    houses.finish(&["back.zip"], "batch").success();
}

/// A CA's portal gives a certificate out alone and in a bundle with its chain.
#[test]
fn the_identical_certificate_counts_once() {
    let houses = Houses::new(3);
    let good = houses.certificates();
    houses.zip("back.zip", &good);
    put(&houses.machines.path("bundle.pem"), good.iter().map(|der| pem(der)).collect::<String>());
    put(&houses.machines.path("one.crt"), &good[1]);
    // as a Windows CA hands a chain out: PKCS#7 under the label CERTIFICATE
    let p7b = ["crl2pkcs7", "-nocrl", "-certfile", "bundle.pem", "-certfile", "other.pem", "-out", "label.p7b"];
    Run::openssl().args(p7b).folder(houses.folder()).run().success();
    let windows = std::fs::read_to_string(houses.machines.path("label.p7b")).unwrap().replace("PKCS7", "CERTIFICATE");
    put(&houses.machines.path("certnew.p7b"), windows);
    let inputs = ["back.zip", "bundle.pem", "one.crt", "certnew.p7b"];
    let finished = houses.finish(&inputs, "batch").success();
    let out = finished.out();
    assert!(out.contains("7 ignored [answer.certificate-twice]"), "{out}");
    assert!(out.contains("one.crt: back.zip!out/9998.cer is the same certificate"), "{out}");
    houses.verify("batch").success();
    assert!(houses.finish(&inputs, "batch").success().err().contains("already done"));
    // another certificate of the same key is still one too many, also behind two identical ones
    let second = houses.make(&houses.wishes()[0], &Deviation { serial: Some("77"), ..Deviation::default() });
    houses.machines.workshop.delete("batch");
    houses.refuses(&good, &[good[0].clone(), good[0].clone(), second], "answer.key.twice");
}

#[test]
fn an_input_that_yields_no_certificate_stops_the_finish() {
    let houses = Houses::new(2);
    houses.zip("back.zip", &houses.certificates());
    houses.machines.workshop.write("notes.txt", b"see the portal\n");
    houses.machines.workshop.write("more.7z", b"7z\xBC\xAF\x27\x1C\0\x04 and so on");
    for (input, code) in [("notes.txt", "answer.input-empty"), ("more.7z", "reel.container.archive")] {
        let refused = houses.finish(&["back.zip", input], "batch").expect(3);
        assert!(refused.err().contains(code) && refused.err().contains(input), "{}", refused.err());
    }
    houses.finish(&["back.zip"], "batch").success();
}

#[test]
fn only_what_the_policy_lets_differ_may_differ() {
    for (foreign, exit) in [
        ("", 3),
        ("\n[foreign]\nmay_differ = [\"not_before\"]\n", 3),
        ("\n[foreign]\nmay_differ = [\"not_after\", \"not_before\", \"extended_key_usage\", \"1.2.3.4\"]\n", 0),
    ] {
        let houses = Houses::with_policy(&(POLICY.to_owned() + foreign));
        houses.machines.workshop.reel("reel.zip", 0..2);
        houses.plan("foreign.toml", "handed").success();
        houses.zip("back.zip", &houses.certificates());
        houses.finish(&["back.zip"], "batch").expect(exit);
        assert_eq!(houses.machines.path("batch").exists(), exit == 0);
    }
    for wrong in ["[\"subjekt\"]", "[\"subject\", \"subject\"]", "[\"2.5.29.37\"]", "\"subject\"", "[\"1.2.x\"]"] {
        let houses = Houses::with_policy(&format!("{POLICY}\n[foreign]\nmay_differ = {wrong}\n"));
        houses.machines.workshop.reel("reel.zip", 0..1);
        houses.plan("foreign.toml", "handed").expect(2);
    }
}

#[test]
fn what_no_other_ca_promises_is_an_error_of_the_policy() {
    for (from, to, reason) in [
        ("full_width_signature = false", "full_width_signature = true", "does not promise"),
        ("serial = \"derived\"", "serial = \"source\"", "chooses its serial numbers"),
    ] {
        let houses = Houses::with_policy(&POLICY.replace(from, to));
        houses.machines.workshop.reel("reel.zip", 0..1);
        let refused = houses.plan("foreign.toml", "handed").expect(2);
        assert!(refused.err().contains(reason), "{}", refused.err());
        assert!(!houses.machines.path("handed").exists());
    }
}

#[test]
fn plans_of_one_kind_are_not_finished_as_the_other() {
    let houses = Houses::new(2);
    houses.zip("back.zip", &houses.certificates());
    let args = ["finish", "handed", "--out", "batch", "--config", "pki/reroot.toml", "--signatures", "back.zip"];
    let refused = houses.machines.workshop.reroot(&args).run().expect(2);
    assert!(refused.err().contains("an external CA"), "{}", refused.err());
    houses.machines.plan_under("foreign.toml", "reel.zip", "reel.plan", &[]).expect(2);
    assert!(!PathBuf::from("reel.plan").exists());
}
