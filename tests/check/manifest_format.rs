//! docs/spec/manifest-format.md is true: its commands run as printed, its examples are read by the program.
#![expect(clippy::unwrap_used, reason = "`unwrap` is for tests, their helpers included")]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use reroot::crypto::{sha1, sha256};
use reroot::delivery::{BatchReader, BatchWriter, ChipFiles, Form};
use reroot::durable::{self, Access};
use reroot::manifest::{
    AnchorReference, Counts, EntriesReference, Entry, FindingLine, Format, InputLine, InputsReference, IssuerReference,
    ManifestAnchor, PolicyReference, SignedManifest, Statement, TreeBuilder,
};
use reroot::origin::Uid;
use reroot::seal;
use reroot::verify::Family;
use reroot::x509::{Certificate, Sha256Digest, Spki, Time, oid};

use crate::support::manifest_pki::{Shape, TestKey, ca, key_usage, pem, purposes, root, signer_shape, statement, time};

fn document() -> String {
    std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/spec/manifest-format.md")).unwrap()
}

/// The contents of fenced blocks with this info string, in order.
fn blocks(info: &str) -> Vec<String> {
    let document = document();
    let mut blocks = Vec::new();
    let mut open: Option<String> = None;
    for line in document.lines() {
        match (&mut open, line.strip_prefix("```")) {
            (None, Some(found)) if found == info => open = Some(String::new()),
            (Some(_), Some("")) => blocks.extend(open.take()),
            (Some(text), _) => {
                text.push_str(line);
                text.push('\n');
            }
            (None, _) => {}
        }
    }
    blocks
}

/// A batch directory and the three anchors that its checker has from elsewhere.
struct Batch {
    _folder: tempfile::TempDir,
    path: PathBuf,
    anchors: [PathBuf; 3],
}

/// Runs what the document prints, and nothing else, in a batch directory.
fn run_documented_commands(batch: &Path, [manifest, issuer, source]: [&Path; 3]) -> Output {
    let script = blocks("sh").concat();
    assert!(script.contains("openssl cms -verify"), "the document has its commands");
    Command::new("bash")
        .args(["-c", &script])
        .current_dir(batch)
        .env("MANIFEST_ANCHOR", manifest)
        .env("ISSUER_ANCHOR", issuer)
        .env("SOURCE_ANCHOR", source)
        .output()
        .unwrap()
}

impl Batch {
    fn commands(&self) -> Output {
        let [manifest, issuer, source] = &self.anchors;
        run_documented_commands(&self.path, [manifest, issuer, source])
    }

    fn read(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.path.join(name)).unwrap()
    }

    /// The same batch with one file changed.
    fn change(&self, name: &str, change: impl FnOnce(&mut Vec<u8>)) {
        let mut bytes = self.read(name);
        change(&mut bytes);
        let path = self.path.join(name);
        remove(&path);
        durable::write_new(&path, Access::Public, &bytes).unwrap();
    }
}

#[expect(clippy::disallowed_methods, reason = "a test takes a batch apart")]
fn remove(path: &Path) {
    std::fs::remove_file(path).unwrap();
}

fn issued_at() -> Time {
    time("2026-06-01T12:00:00Z")
}

/// Three chips, certified by a source root and again by an issuing CA; the manifest signer is `signer`.
fn batch_signed_by(signer: impl FnOnce(&TestKey, &TestKey) -> (Certificate, Vec<u8>)) -> Batch {
    let folder = tempfile::tempdir().unwrap();
    let (source_key, root_key) = (TestKey::p256(1), TestKey::p256(2));
    let (issuing_key, manifest_key) = (TestKey::p256(3), TestKey::p256(4));
    let source_root = root("TEST source root", &source_key);
    let issuer_root = root("TEST root", &root_key);
    let issuing = Shape {
        subject: "TEST issuing CA".to_owned(),
        extensions: vec![ca(true), key_usage(1, 0x06)],
        ..signer_shape("TEST root", &issuing_key)
    }
    .certify(&root_key);

    let path = folder.path().join("batch");
    let blank = statement(issued_at(), vec![]);
    let mut writer = BatchWriter::create(&path, &blank.batch, &[Form::Der, Form::Pem], issued_at()).unwrap();
    let mut tree = TreeBuilder::new();
    for number in 1..=3_u8 {
        let uid = [2, 9, 0xB0, 0x84, 0x61, 0x59, 0xE4, 0x39, number, 1, 0x39];
        let device = TestKey::p256(100 + number);
        let certify = |serial: &[u8], issuer: &str, extensions: Vec<Vec<u8>>, key: &TestKey| {
            Shape {
                serial: serial.to_vec(),
                subject: hex::encode_upper(uid),
                extensions,
                not_before: issued_at(),
                ..signer_shape(issuer, &device)
            }
            .certify(key)
        };
        let leaf = certify(&uid, "TEST source root", vec![], &source_key);
        let extensions = vec![key_usage(7, 0x80), purposes(false, &[oid::KP_CLIENT_AUTH])];
        let certificate = certify(&[0x40 + number; 16], "TEST issuing CA", extensions, &issuing_key);
        let line = line(&leaf, &certificate);
        let uid = Uid::from_bytes(&uid).unwrap();
        let (certificate, source) = (certificate.der(), leaf.der());
        writer.add(&[ChipFiles { uid: &uid, certificate, source, line: &line }]).unwrap();
        tree.push(line.as_bytes());
    }
    let (signer, content) = signer(&root_key, &manifest_key);
    let policy = b"version = 1\nname = \"test\"\n";
    let input = InputLine::parse(&blocks("json input")[0].replace('\n', "")).unwrap().line();
    let finding = FindingLine::parse(&blocks("json finding")[0].replace('\n', "")).unwrap().line();
    writer.add_file("policy.toml", policy).unwrap();
    writer.add_file("chain.pem", (pem(&issuing) + &pem(&issuer_root)).as_bytes()).unwrap();
    writer.add_file("source-chain.pem", pem(&source_root).as_bytes()).unwrap();
    writer.add_file("manifest.pem", pem(&signer).as_bytes()).unwrap();
    writer.line("inputs.jsonl", &input).unwrap();
    writer.line("rejected.jsonl", &finding).unwrap();
    let report = writer.finish().unwrap();
    let sha256_of = |spki: &Spki| sha256(spki.der());
    let statement = Statement {
        inputs: InputsReference { sha256: report.sha256("inputs.jsonl").unwrap(), count: 1 },
        anchors: vec![AnchorReference {
            subject: source_root.subject().to_string(),
            spki_sha256: sha256_of(source_root.spki()),
            sha256: sha256(source_root.der()),
        }],
        policy: PolicyReference { sha256: sha256(policy), ..blank.policy },
        issuer: IssuerReference {
            sha256: sha256(issuing.der()),
            spki_sha256: sha256_of(issuing.spki()),
            ..blank.issuer
        },
        counts: Counts { items: 4, issued: 3, rejected: 1, ignored: 0, signatures_made: 3 },
        entries: EntriesReference {
            sha256: report.sha256("manifest.jsonl").unwrap(),
            tree_size: tree.size(),
            root_hash: tree.root(),
        },
        rejected: report.sha256("rejected.jsonl").unwrap(),
        files: report.other_files(),
        ..blank
    }
    .to_bytes();
    let seal = if content.is_empty() {
        seal::sign(&statement, &signer, &manifest_key, issued_at()).unwrap()
    } else {
        openssl_seal(folder.path(), &statement, &signer, &manifest_key)
    };
    writer.add_file("manifest.json", &statement).unwrap();
    writer.add_file("manifest.json.p7s", &seal).unwrap();
    writer.publish().unwrap();

    let anchor = |name: &str, certificate: &Certificate| {
        let path = folder.path().join(name);
        durable::write_new(&path, Access::Public, pem(certificate).as_bytes()).unwrap();
        path
    };
    let anchors = [
        anchor("manifest-anchor.pem", &issuer_root),
        anchor("issuer-anchor.pem", &issuer_root),
        anchor("source-anchor.pem", &source_root),
    ];
    Batch { _folder: folder, path, anchors }
}

/// A seal by a certificate that this program would not seal with.
fn openssl_seal(folder: &Path, statement: &[u8], signer: &Certificate, key: &TestKey) -> Vec<u8> {
    for (name, bytes) in [("s.json", statement.to_vec()), ("s.pem", pem(signer).into_bytes()), ("s.key", key.pkcs8())] {
        durable::write_new(&folder.join(name), Access::Private, &bytes).unwrap();
    }
    let output = Command::new("openssl")
        .args("cms -sign -binary -outform DER -in s.json -signer s.pem -inkey s.key -keyform DER -cades".split(' '))
        .current_dir(folder)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}

fn batch() -> Batch {
    batch_signed_by(|root_key, key| (signer_shape("TEST root", key).certify(root_key), vec![]))
}

/// The format of the document's examples.
const FORMAT: Format = Format::Two(Family::StsafeA);

/// A manifest line, put together from what the document says.
fn line(leaf: &Certificate, certificate: &Certificate) -> String {
    let uid = hex::encode_upper(leaf.serial().content());
    let digest = |bytes: &[u8]| sha256(bytes).to_string();
    let line = format!(
        concat!(
            r#"{{"uid":"{}","object":null,"label":null,"st_number":"{}","source_item":"reel.zip!{}.der","source_sha256":"{}","#,
            r#""spki_sha256":"{}","serial":"{}","attempt":0,"sha256":"{}","sha1":"{}","not_before":"{}","#,
            r#""not_after":"{}","bytes":{},"anchor":0,"relax":[],"evidence":"x509","reissue":null}}"#
        ),
        uid,
        &uid[4..],
        uid,
        digest(leaf.der()),
        digest(leaf.spki().der()),
        certificate.serial(),
        digest(certificate.der()),
        sha1(certificate.der()),
        certificate.validity().not_before(),
        certificate.validity().not_after(),
        certificate.der().len(),
    );
    assert_eq!(Entry::parse(FORMAT, &line).unwrap().line(), line);
    line
}

#[test]
fn the_documented_commands_confirm_a_batch() {
    let batch = batch();
    let output = batch.commands();
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{out}\n{err}");
    assert!(out.contains("0209B0846159E439010139"), "{out}");
    assert!(out.ends_with("everything holds\n"), "{out}");

    // and the program agrees, file by file
    let reader = BatchReader::open(&batch.path).unwrap();
    let signer = Certificate::from_der(&der_of(&reader.read("manifest.pem").unwrap())).unwrap();
    let anchor = Certificate::from_der(&der_of(&std::fs::read(&batch.anchors[0]).unwrap())).unwrap();
    let anchors = [ManifestAnchor::from_certificate(&anchor).unwrap()];
    let (statement, seal) = (reader.read("manifest.json").unwrap(), reader.read("manifest.json.p7s").unwrap());
    let manifest = SignedManifest::open(&statement, &seal, &signer, &anchors).unwrap();
    let statement = manifest.statement();
    assert_eq!(reader.unexpected(statement), [""; 0]);
    assert_eq!(reader.missing(statement), [""; 0]);
    for file in &statement.files {
        assert_eq!(reader.digest(&file.name).unwrap().sha256, file.sha256, "{}", file.name);
    }
    let (mut lines, mut tree) = (reader.lines("manifest.jsonl").unwrap(), TreeBuilder::new());
    let (mut certificates, mut sources) = (reader.certificates().unwrap(), reader.sources().unwrap());
    while let Some(line) = lines.next_line().unwrap() {
        tree.push(line.as_bytes());
        let entry = Entry::parse(statement.format, line).unwrap();
        let certificate = certificates.next_certificate().unwrap().unwrap();
        let source = sources.next_certificate().unwrap().unwrap();
        assert_eq!((&certificate.uid, &source.uid), (entry.uid(), entry.uid()));
        let digests: [Sha256Digest; 2] = [sha256(&certificate.der), sha256(&source.der)];
        assert_eq!(digests, [entry.sha256(), entry.source_sha256()]);
    }
    assert_eq!(certificates.next_certificate().unwrap(), None);
    assert_eq!(sources.next_certificate().unwrap(), None);
    assert_eq!((tree.size(), tree.root()), (statement.entries.tree_size, statement.entries.root_hash));
    assert_eq!(lines.finish().unwrap().sha256, statement.entries.sha256);
}

/// The same commands on what `reroot quickstart` made of the genuine leaves, each chip in turn as the sample.
#[test]
fn the_documented_commands_confirm_the_quickstart() {
    let folder = tempfile::tempdir().unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_reroot"))
        .args(["quickstart", "try"])
        .current_dir(folder.path())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let at = |path: &str| folder.path().join("try").join(path);
    let (root, source) = (at("pki/ca/root.pem"), at("pki/anchors/stm-stsafe-a-prod-ca-01.pem"));
    let output = run_documented_commands(&at("batch"), [&root, &root, &source]);
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success() && out.ends_with("everything holds\n"), "{out}\n{err}");
    // its neighbours: each anchor is looked at
    let stranger = at("pki/ca/issuing.pem");
    for anchors in [[&stranger, &root, &source], [&root, &source, &source], [&root, &root, &root]] {
        assert!(!run_documented_commands(&at("batch"), anchors.map(PathBuf::as_path)).status.success(), "{anchors:?}");
    }
}

fn der_of(pem: &[u8]) -> Vec<u8> {
    use base64::Engine as _;
    let text = std::str::from_utf8(pem).unwrap();
    let body: String = text.lines().filter(|line| !line.starts_with('-')).collect();
    base64::engine::general_purpose::STANDARD.decode(body).unwrap()
}

#[test]
fn the_documented_commands_refuse_a_changed_batch() {
    let fails = |batch: &Batch, what: &str| {
        let output = batch.commands();
        assert!(!output.status.success(), "{what}: {}", String::from_utf8_lossy(&output.stdout));
    };
    for name in ["manifest.json", "manifest.jsonl", "rejected.jsonl", "inputs.jsonl", "policy.toml", "chain.pem"] {
        let batch = batch();
        batch.change(name, |bytes| {
            let at = bytes.iter().rposition(u8::is_ascii_lowercase).unwrap();
            bytes[at] ^= 1;
        });
        fails(&batch, name);
    }
    let one = batch();
    one.change("manifest.json.p7s", |bytes| *bytes.last_mut().unwrap() ^= 1);
    fails(&one, "manifest.json.p7s");
    for name in ["certificates.zip", "sources.zip", "manifest.pem", "source-chain.pem"] {
        let batch = batch();
        batch.change(name, |bytes| {
            let at = bytes.len() / 2;
            bytes[at] ^= 1;
        });
        fails(&batch, name);
    }
    let one = batch();
    durable::write_new(&one.path.join("more.pem"), Access::Public, b"").unwrap();
    fails(&one, "a file more");
    let one = batch();
    remove(&one.path.join("policy.toml"));
    fails(&one, "a file less");
    let one = batch();
    one.change("manifest.jsonl", |bytes| {
        let end = bytes.iter().position(|byte| *byte == b'\n').unwrap();
        bytes.drain(..=end);
    });
    fails(&one, "a line less");
    let mut one = batch();
    one.anchors.swap(0, 2);
    fails(&one, "another manifest anchor");
    let mut one = batch();
    one.anchors.swap(1, 2);
    fails(&one, "another issuer anchor");
}

#[test]
fn the_documented_commands_refuse_a_batch_that_a_device_has_sealed() {
    let batch = batch_signed_by(|root_key, key| {
        let extensions = vec![key_usage(7, 0x80), purposes(false, &[oid::KP_CLIENT_AUTH])];
        (Shape { extensions, ..signer_shape("TEST root", key) }.certify(root_key), b"by openssl".to_vec())
    });
    let output = batch.commands();
    let err = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success());
    assert!(err.contains("CMS Verification successful"), "this one check is not enough: {err}");
}

#[test]
fn the_examples_in_the_document_are_read_and_written_alike() {
    let statements = blocks("json statement");
    assert_eq!(statements.len(), 1);
    let statement = Statement::parse(statements[0].as_bytes()).unwrap();
    assert_eq!(String::from_utf8(statement.to_bytes()).unwrap(), statements[0]);
    // long lines are broken in the document
    let entries = blocks("json entry");
    let mut tree = TreeBuilder::new();
    for entry in &entries {
        let line = entry.replace('\n', "");
        assert_eq!(Entry::parse(FORMAT, &line).unwrap().line(), line);
        tree.push(line.as_bytes());
    }
    assert_eq!(entries.len(), 1);
    FindingLine::parse(&blocks("json finding")[0].replace('\n', "")).unwrap();
    InputLine::parse(&blocks("json input")[0].replace('\n', "")).unwrap();
}

#[test]
fn the_document_names_every_key_and_code() {
    let document = document();
    let text = String::from_utf8(statement(issued_at(), vec![]).to_bytes()).unwrap();
    for key in
        text.lines().filter_map(|line| line.trim_start().strip_prefix('"')?.split_once("\":").map(|(key, _)| key))
    {
        assert!(key == "lot" || document.contains(&format!("`{key}`")), "{key}");
    }
    let codes = [reroot::manifest::CODES, reroot::delivery::CODES, reroot::audit::CODES, reroot::proof::CODES];
    for (code, _) in codes.into_iter().flatten() {
        assert!(document.contains(&format!("`{code}`")), "{code}");
    }
}

/// The list of codes is generated: `REROOT_BLESS=1` writes it.
#[test]
fn the_document_has_the_list_of_codes_of_findings() {
    const MARKS: [&str; 2] = ["<!-- codes of findings: begin -->\n", "<!-- codes of findings: end -->"];
    let text = document();
    let (before, rest) = text.split_once(MARKS[0]).expect("the list is marked");
    let (list, after) = rest.split_once(MARKS[1]).expect("the list is marked");
    let program = format!("\n{}\n", reroot::audit::list_markdown());
    if std::env::var_os("REROOT_BLESS").is_some() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/spec/manifest-format.md");
        let text = [before, MARKS[0], &program, MARKS[1], after].concat();
        #[expect(clippy::disallowed_methods, reason = "the document is written anew when it is asked for")]
        std::fs::write(path, text).unwrap();
        return;
    }
    assert_eq!(list, program);
    assert!(text.contains(&format!("\nList {}, for", reroot::audit::LIST)));
}
