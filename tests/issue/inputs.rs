//! No input is lost in silence: what is not read is named and stops the run, and batches of earlier releases still verify.
#![expect(clippy::unwrap_used, reason = "`unwrap` is for tests")]

use std::sync::atomic::{AtomicBool, Ordering};

use reroot::cert::Seed;
use reroot::config::Config;
use reroot::durable::{Access, create_directory};
use reroot::error::Error;
use reroot::issue::Issuer;
use reroot::ledger::Ledger;
use reroot::pipeline::{Issue, Job, JobBasis, Local, Outcome, Progress, Stage, Summary, run};
use reroot::policy::Policy;
use reroot::reel::{Edition, Input, Limits};
use reroot::signer::SecretResolver;

use crate::support::golden::Case;
use crate::support::pki::{archive, der};
use crate::support::workshop::{POLICY, Workshop};

const SEVEN_ZIP: &[u8] = b"7z\xBC\xAF\x27\x1C\0\x04 and so on";
const APPLE_DOUBLE: &[u8] = b"\0\x05\x16\x07\0\x02\0\0Mac OS X        \0\x02";

/// A workshop with a reel of three chips.
fn workshop() -> Workshop {
    let workshop = Workshop::new();
    workshop.reel("reel.zip", 0..3);
    workshop
}

fn inspect(workshop: &Workshop, input: &str, more: &[&str]) -> crate::support::run::Finished {
    workshop.reroot(&["inspect", input, "--source-anchor", "pki/anchors/test-root.pem"]).args(more).run()
}

#[test]
fn what_is_recognised_and_not_read_is_named_and_stops_every_command() {
    let workshop = workshop();
    let numbers: Vec<String> = workshop.pki.leaf(0).der.iter().map(|byte| format!("0x{byte:02X}")).collect();
    let hexadecimal = numbers.join(",");
    let jws = format!("{{\"payload\":\"{}\"}}", base64url(&format!("{{\"x5c\":[\"MIIB{}\"]}}", "A".repeat(90))));
    let inner = archive::zip(&[("a.7z", SEVEN_ZIP)]);
    for (name, content, code, word) in [
        ("reel.7z", SEVEN_ZIP, "reel.container.archive", "a 7z archive"),
        ("inner.zip", &inner, "reel.container.archive", "a 7z archive"),
        ("reel.tar.xz", b"\xFD7zXZ\0\0\x04", "reel.container.compressed", "xz-compressed data"),
        ("reel.gpg", b"\x8C\x0D\x04\x09\x03\x0A12345678\x60\xD2\x3F", "reel.container.encrypted", "OpenPGP"),
        ("reel.db", b"SQLite format 3\0\x10\0", "reel.container.database", "an SQLite database"),
        ("leaf.h", hexadecimal.as_bytes(), "reel.text.numbers", "hexadecimal numbers"),
        ("manifest.json", jws.as_bytes(), "reel.text.encoded", "JWS"),
    ] {
        workshop.write(name, content);
        let issued = workshop.issue(name, "batch", &[]).expect(3);
        assert!(issued.err().contains(&format!("1 rejected [{code}]")), "{name}: {}", issued.err());
        assert!(issued.err().contains(word) && issued.err().contains("hint: "), "{name}: {}", issued.err());
        workshop.issue(name, "batch", &["--on-reject", "skip"]).expect(3);
        assert!(inspect(&workshop, name, &["--verify"]).expect(1).out().contains(code), "{name}");
        assert!(inspect(&workshop, name, &[]).expect(1).out().contains("no certificate in input"), "{name}");
        let plan = ["plan", name, "--policy", "policy.toml", "--out", "a.plan", "--config", "pki/reroot.toml"];
        workshop.reroot(&plan).args(["--set", "lot=A1"]).run().expect(3);
        assert!(!workshop.path("batch").exists() && !workshop.path("a.plan").exists(), "{name}");
    }
}

/// One file of each code in a folder: every message and hint as it is printed.
#[test]
fn every_form_that_is_not_read_has_its_message_and_hint() {
    let workshop = Workshop::new();
    create_directory(&workshop.path("folder"), Access::Public).unwrap();
    let leaf = workshop.pki.leaf(0).der;
    let spaced = leaf.iter().map(|byte| format!("{byte:02X}")).collect::<Vec<_>>().join(" ");
    let utf32: Vec<u8> = "\u{FEFF}list".chars().flat_map(|letter| u32::from(letter).to_le_bytes()).collect();
    let sheet = archive::zip(&[("[Content_Types].xml", b"<Types/>"), ("xl/workbook.xml", b"<workbook/>")]);
    let mail = "MIME-Version: 1.0\r\nContent-Transfer-Encoding: base64\r\n\r\nUEsDBBQAAAAIAA==\r\n";
    let zone = [&[1, 2, 3, 4][..], &leaf, &[0xFF; 20]].concat();
    let labelled = der::pem("DEVICE CERT", &leaf);
    let files: [(&str, &[u8]); 15] = [
        ("._01.der", APPLE_DOUBLE),
        ("01.7z", SEVEN_ZIP),
        ("02.tar.xz", b"\xFD7zXZ\0\0\x04"),
        ("03.db", b"SQLite format 3\0\x10\0"),
        ("04.xlsx", &sheet),
        ("05.gpg", b"\x8C\x0D\x04\x09\x03\x0A12345678\x60\xD2\x3F"),
        ("06.jks", b"\xFE\xED\xFE\xED\0\0\0\x02\0\0\0\x01"),
        ("07.eml", mail.as_bytes()),
        ("08.p7m", &signed_data(&[&leaf], Some(b"the reel"))),
        ("09.bin", &zone),
        ("10.pem", labelled.as_bytes()),
        ("11.txt", b"UEsDBBQAAAAIAAAAIQAAAAAAAAAAAAAAAAAAAAAABAAAAA==\n"),
        ("12.txt", &utf32),
        ("13.txt", spaced.as_bytes()),
        ("14.txt", b"nothing here\n"),
    ];
    for (name, content) in files {
        workshop.write(&format!("folder/{name}"), content);
    }
    let command = "issue folder --policy policy.toml --out batch --config pki/reroot.toml --set lot=A1";
    Case::new(&workshop, "inputs").note("One file of each code").run(command).finish();
}

fn base64url(text: &str) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(text)
}

#[test]
fn an_input_that_yields_nothing_stops_the_run_beside_one_that_does() {
    let workshop = workshop();
    workshop.write("notes.txt", b"nothing here\n");
    let both = ["notes.txt", "--policy", "policy.toml", "--out", "batch", "--config", "pki/reroot.toml"];
    let run =
        |more: &[&str]| workshop.reroot(&["issue", "reel.zip"]).args(both).args(["--set", "lot=A1"]).args(more).run();
    let refused = run(&[]).expect(3);
    assert!(refused.err().contains("- no certificate in input notes.txt"), "{}", refused.err());
    let verified = workshop
        .reroot(&[
            "inspect",
            "reel.zip",
            "notes.txt",
            "--verify",
            "--config",
            "pki/reroot.toml",
            "--policy",
            "policy.toml",
        ])
        .run()
        .expect(1);
    assert!(verified.out().contains("no certificate in input notes.txt"), "{}", verified.out());
    let json = workshop.reroot(&["inspect", "notes.txt", "--format", "json"]).run().expect(1);
    assert!(json.out().contains("\"without_certificates\""), "{}", json.out());
    let skipped = run(&["--on-reject", "skip"]).expect(1);
    assert!(skipped.out().contains("noted: no certificate in input notes.txt"), "{}", skipped.out());
    // inside of an archive it takes nothing away
    let leaf = workshop.pki.leaf(7).der;
    workshop.write(
        "more.zip",
        &archive::zip(&[("a.der", &leaf), ("notes.txt", b"nothing here\n"), ("a.pdf", b"%PDF-1.7 \0")]),
    );
    workshop.issue("more.zip", "more", &[]).success();
    let codes: Vec<_> = workshop.rejected("more").into_iter().map(|line| line["code"].clone()).collect();
    assert_eq!(codes, ["reel.text.no-certificate", "reel.file.not-a-certificate"]);
}

#[test]
fn companions_are_ignored_by_name_and_content() {
    let workshop = Workshop::new();
    let leaf = |n| workshop.pki.leaf(n).der;
    workshop.write(
        "mac.zip",
        &archive::zip(&[
            ("reel/a.der", &leaf(0)),
            ("reel/.DS_Store", b"\0\0\0\x01Bud1\0\0"),
            ("reel/Thumbs.db", b"\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1"),
            ("reel/desktop.ini", b"[.ShellClassInfo]\r\n"),
            ("reel/._b.der", &leaf(1)),
            ("__MACOSX/reel/._a.der", APPLE_DOUBLE),
            ("__MACOSX/reel/._c.cer", APPLE_DOUBLE),
        ]),
    );
    workshop.issue("mac.zip", "batch", &[]).success();
    assert_eq!(workshop.lines("batch").len(), 2, "a certificate under a companion's name is read");
    let rejected = workshop.rejected("batch");
    assert_eq!(rejected.len(), 5);
    for line in rejected {
        assert_eq!((&line["disposition"], &line["code"]), (&"ignored".into(), &"reel.file.companion".into()), "{line}");
    }
    workshop.verify("batch", &["--input", "mac.zip"]).success();
    workshop.write("lost.zip", &archive::zip(&[("a.der", &leaf(3)), ("b.der", APPLE_DOUBLE)]));
    let lost = workshop.issue("lost.zip", "lost", &[]).expect(3);
    assert!(lost.err().contains("[reel.file.no-certificate]"), "its own certificate is gone: {}", lost.err());
}

/// Bundles as Windows CAs and old programs write them hold leaves like any other.
#[test]
fn pkcs7_is_read_in_ber_and_under_the_label_certificate() {
    let workshop = Workshop::new();
    let (one, two) = (workshop.pki.leaf(0).der, workshop.pki.leaf(1).der);
    workshop.write("certnew.p7b", der::pem("CERTIFICATE", &signed_data(&[&one], None)).as_bytes());
    workshop.write("ber.p7b", &signed_data(&[&two], Some(b"")));
    workshop.write("reel.p7m", &signed_data(&[&two], Some(b"the reel")));
    workshop.issue("certnew.p7b", "one", &[]).success();
    workshop.verify("one", &["--input", "certnew.p7b"]).success();
    workshop.issue("ber.p7b", "two", &[]).success();
    let refused = workshop.issue("reel.p7m", "three", &[]).expect(3);
    assert!(refused.err().contains("1 rejected [reel.container.signed]"), "{}", refused.err());
}

/// A SignedData with indefinite lengths, its content, where there is some, in one piece.
fn signed_data(certificates: &[&[u8]], content: Option<&[u8]>) -> Vec<u8> {
    let long = |tag: u8, parts: &[&[u8]]| [&[tag, 0x80], &parts.concat()[..], &[0, 0]].concat();
    let id = |last: u8| [&[6, 9, 0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 1, 7][..], &[last]].concat();
    let content = content.map_or_else(Vec::new, |content| {
        let piece = [&[4, u8::try_from(content.len()).unwrap()], content].concat();
        long(0xA0, &[&long(0x24, &[&piece])])
    });
    let signed =
        long(0x30, &[&[2, 1, 1, 0x31, 0], &long(0x30, &[&id(1), &content]), &long(0xA0, certificates), &[0x31, 0]]);
    long(0x30, &[&id(2), &long(0xA0, &[&signed])])
}

/// Breaks off when signing begins, if told to.
struct Until<'c> {
    cancel: &'c AtomicBool,
    breaks: bool,
}

impl Progress for Until<'_> {
    fn begin(&self, stage: Stage) {
        self.cancel.store(self.breaks && stage == Stage::Issue, Ordering::Relaxed);
    }
    fn total(&self, _: u64) {}
    fn advance(&self, _: u64) {}
    fn end(&self, _: Stage) {}
}

struct NoSecrets;

impl SecretResolver for NoSecrets {
    fn env(&self, _: &str) -> Option<std::ffi::OsString> {
        None
    }
    fn prompt(&self, _: &str) -> std::io::Result<String> {
        Err(std::io::ErrorKind::NotFound.into())
    }
}

/// `issue INPUT --out OUT` as the release before read inputs.
fn issue_as_before(workshop: &Workshop, input: &str, out: &str, breaks: bool) -> Result<Outcome<Summary>, Error> {
    let config = Config::load(&workshop.path("pki/reroot.toml")).unwrap();
    let policy = Policy::parse(POLICY, "policy.toml").unwrap();
    let signer = config.open_issuer_signer(&NoSecrets).unwrap();
    let issuer = Issuer::new(config.issuer_identity().unwrap(), signer).unwrap();
    let manifest_signer = config.open_manifest_signer(&NoSecrets).unwrap();
    let ledger = Ledger::open(config.ledger_path(), issuer.identity().spki()).unwrap();
    let manifest_certificate = config.manifest_certificate().unwrap();
    let begins = [issuer.identity().certificate(), &manifest_certificate].map(|one| one.validity().not_before());
    let basis = JobBasis {
        inputs: &[Input::Path(workshop.path(input))],
        policy: &policy,
        params: policy.params(&[("lot".to_owned(), "A1".to_owned())].into()).unwrap(),
        issuer: issuer.identity(),
        manifest_certificate: &manifest_certificate,
        manifest_signer: &*manifest_signer,
        anchors: &config.anchors().unwrap(),
        out: &workshop.path(out),
        now: begins.into_iter().max().unwrap(),
        seed: Seed([7; 32]),
        batch_id: "01890a5d-ac96-774b-bcce-b302099a8057".parse().unwrap(),
    };
    let job = Job::builder(basis)
        .limits(Limits { edition: Edition::First, ..Limits::default() })
        .jobs(2)
        .chunk_size(Some(2))
        .tool("reroot test")
        .build();
    let cancel = AtomicBool::new(false);
    let progress = Until { cancel: &cancel, breaks };
    let task = Issue { job: &job, stdin: &mut std::io::empty() };
    run(task, &ledger, &Local { issuer: &issuer }, &progress, &cancel)
}

/// A reel with something in it that was ignored then and is rejected now.
fn mixed(workshop: &Workshop) {
    let leaf = |n| workshop.pki.leaf(n).der;
    let files: [(&str, &[u8]); 4] =
        [("a.der", &leaf(0)), ("b.der", &leaf(1)), ("more.7z", SEVEN_ZIP), ("c.txt", b"nothing here\n")];
    workshop.write("reel.zip", &archive::zip(&files));
}

/// Batches of version 1 may have been read by earlier rules (tests/issue/past/editions.rs); one of version 2 that was hides what
/// today's rules see.
#[test]
fn a_batch_of_version_2_is_read_by_todays_rules_alone() {
    let workshop = Workshop::new();
    mixed(&workshop);
    assert!(matches!(issue_as_before(&workshop, "reel.zip", "batch", false), Ok(Outcome::Done(_))));
    let refused = workshop.verify("batch", &["--input", "reel.zip"]).expect(1).out();
    assert!(refused.contains("but would be rejected as reel.container.archive"), "{refused}");
    let workshop = Workshop::new();
    mixed(&workshop);
    assert!(matches!(
        issue_as_before(&workshop, "reel.zip", "batch", true),
        Err(Error::Core(reroot::error::CoreError::Interrupted))
    ));
    workshop.issue("reel.zip", "batch", &[]).expect(3);
}
