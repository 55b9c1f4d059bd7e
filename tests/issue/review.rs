//! What a hostile review found: each test is a command that once did the wrong thing.

use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use reroot::cert::Seed;
use reroot::config::Config;
use reroot::crypto::sha256;
use reroot::delivery::{ArchiveReader, Stamp, ZipWriter};
use reroot::error::{CoreError, Error};
use reroot::issue::Issuer;
use reroot::ledger::Ledger;
use reroot::manifest::{Entry, FileDigest, Statement, TreeBuilder};
use reroot::pipeline::{Issue, Job, JobBasis, Local, Outcome, Progress, Stage, Summary, run};
use reroot::policy::Policy;
use reroot::reel::Input;
use reroot::signer::{FileSigner, SecretResolver};
use reroot::x509::{Certificate, SerialNumber, Time, pem};

use crate::support::judges::put;
use crate::support::pki::{archive, variants};
use crate::support::workshop::{POLICY, Workshop};

/// The same command finds its batch by what it says, not by what else has happened on the ledger since.
#[test]
fn a_command_finds_its_batch_after_a_reissue_of_the_same_chips() {
    let workshop = Workshop::new();
    workshop.reel("reel.zip", 0..3);
    workshop.issue("reel.zip", "first", &[]).success();
    workshop.issue("reel.zip", "second", &["--reissue", "keys were lost"]).success();
    let before = workshop.files("first");
    assert!(workshop.issue("reel.zip", "first", &[]).success().err().contains("already done"));
    workshop.delete("first");
    workshop.issue("reel.zip", "first", &[]).success();
    assert_eq!(workshop.files("first"), before);
}

#[test]
fn chips_ignored_then_and_reissued_since_do_not_change_a_batch_that_comes_out_again() {
    let workshop = Workshop::new();
    workshop.reel("reel.zip", 0..3);
    workshop.reel("more.zip", 1..5);
    workshop.issue("reel.zip", "first", &[]).success();
    workshop.issue("more.zip", "more", &[]).success();
    let before = workshop.files("more");
    workshop.issue("reel.zip", "again", &["--reissue", "x"]).success();
    workshop.delete("more");
    workshop.issue("more.zip", "more", &[]).success();
    assert_eq!(workshop.files("more"), before, "rejected.jsonl names the batch that was known then");
}

#[test]
fn a_reissue_for_the_same_reason_of_the_same_input_happens_once() {
    let workshop = Workshop::new();
    workshop.reel("reel.zip", 0..3);
    workshop.issue("reel.zip", "batch", &[]).success();
    // one chip that the ledger knows with another key: not every leaf of the input is in the batch
    let crossed = variants::crossed(&workshop.pki, 1, 7);
    workshop.write("mixed.zip", &archive::zip(&[("a.der", &workshop.pki.leaf(0).der), ("b.der", &crossed)]));
    let reissue =
        |reason, out| workshop.issue("mixed.zip", out, &["--on-reject", "skip", "--reissue", reason]).expect(1);
    reissue("first reason", "first");
    reissue("second reason", "second");
    assert!(reissue("first reason", "first").err().contains("already done"));
    reissue("first reason", "elsewhere");
    assert_eq!(workshop.files("elsewhere"), workshop.files("first"));
}

#[test]
fn missing_chips_are_reported_although_rejections_are_skipped() {
    let workshop = Workshop::new();
    workshop.reel("reel.zip", 0..3);
    let uids: Vec<String> = (0..4).map(|index| workshop.pki.leaf(index).uid().clone()).collect();
    workshop.write("expected.txt", uids.join("\n").as_bytes());
    let skip = ["--on-reject", "skip", "--expect", "expected.txt"];
    let stopped = workshop.issue("reel.zip", "batch", &skip).expect(3);
    assert!(stopped.err().contains("--on-missing note"), "{}", stopped.err());
    let skipped = workshop.issue("reel.zip", "batch", &[&skip[..], &["--on-missing", "note"]].concat()).expect(1);
    assert!(
        skipped.out().contains(&uids[3]) && skipped.out().contains("expected chips that the input lacks: 1"),
        "{}",
        skipped.out()
    );
    let count = ["--on-missing", "note", "--expect-count", "5", "--reissue", "x"];
    assert!(workshop.issue("reel.zip", "counted", &count).expect(1).out().contains("expected 5"));
}

#[test]
fn a_batch_keeps_the_form_in_which_it_was_begun() {
    let workshop = Workshop::new();
    workshop.reel("reel.zip", 0..3);
    workshop.issue("reel.zip", "batch", &["--bulk-id", "4711"]).success();
    let both = ["--bulk-id", "4711", "--form", "der,pem"];
    let published = ["--bulk-id", "4711", "--publish-bulk-id"];
    for more in [&both[..], &published[..]] {
        let refused = workshop.issue("reel.zip", "batch", more).expect(2);
        assert!(refused.err().contains("was started with `--form der`"), "{}", refused.err());
        workshop.issue("reel.zip", "elsewhere", more).expect(2);
    }
    // the order in which forms are named says nothing
    workshop.issue("reel.zip", "two", &["--form", "pem,der", "--reissue", "x"]).success();
    workshop.issue("reel.zip", "two", &["--form", "der,pem", "--reissue", "x"]).success();
}

#[test]
fn a_damaged_or_incomplete_output_is_not_already_done() {
    let workshop = Workshop::new();
    workshop.reel("reel.zip", 0..3);
    workshop.issue("reel.zip", "batch", &[]).success();
    put(&workshop.path("batch/certificates.zip"), b"");
    let refused = workshop.issue("reel.zip", "batch", &[]).expect(2);
    assert!(refused.err().contains("certificates.zip") && refused.err().contains("not what was sealed"));
    // what an operator puts beside the files is not a damage
    workshop.delete("batch");
    workshop.issue("reel.zip", "batch", &[]).success();
    workshop.write("batch/NOTES", b"delivered on Monday");
    workshop.issue("reel.zip", "batch", &[]).success();
}

#[test]
fn an_output_place_that_cannot_be_used_is_wrong_usage_and_found_first() {
    let workshop = Workshop::new();
    workshop.reel("reel.zip", 0..3);
    for out in ["missing/..", "reel.zip/batch", "reel.zip/missing/batch", "pki", ".", ".."] {
        let refused = workshop.issue("reel.zip", out, &[]).expect(2);
        assert!(!refused.err().contains("scratch"), "{out}: {}", refused.err());
    }
    workshop.issue("reel.zip", "batch/", &[]).success();
    assert!(workshop.issue("reel.zip", "./batch", &[]).success().err().contains("already done"));
}

#[test]
fn the_head_that_a_broken_run_was_given_is_good_for_the_same_command_again() {
    let workshop = Workshop::new();
    workshop.reel("reel.zip", 0..3);
    workshop.reel("other.zip", 3..5);
    let head = |finished: &crate::support::run::Finished| {
        let out = finished.out();
        let line = out.lines().find(|line| line.starts_with("ledger head")).expect("the head is printed");
        line.split_whitespace().nth(2).expect("a digest").to_owned()
    };
    let first = head(&workshop.issue("reel.zip", "batch", &[]).success());
    let guarded = ["--expect-head", first.as_str()];
    workshop.issue("other.zip", "other", &guarded).success();
    workshop.issue("other.zip", "other", &guarded).success();
    workshop.issue("reel.zip", "third", &["--expect-head", &first, "--reissue", "x"]).expect(2);
}

#[test]
fn a_bulk_id_that_no_statement_can_carry_stops_before_anything_is_signed() {
    let workshop = Workshop::new();
    workshop.reel("reel.zip", 0..3);
    let blank = ["--bulk-id", "", "--publish-bulk-id"];
    assert!(workshop.issue("reel.zip", "batch", &blank).expect(2).err().contains("--bulk-id"));
    workshop.issue("reel.zip", "batch", &[]).success();
}

#[test]
fn two_inputs_of_one_name_are_refused() {
    let workshop = Workshop::new();
    workshop.reel("reel.zip", 0..3);
    let args = ["issue", "reel.zip", "./reel.zip", "--policy", "policy.toml", "--out", "batch"];
    let refused = workshop.reroot(&args).args(["--config", "pki/reroot.toml", "--set", "lot=A1"]).run().expect(2);
    assert!(refused.err().contains("two inputs are named `reel.zip`"), "{}", refused.err());
}

#[test]
fn a_passphrase_file_is_found_from_anywhere() {
    let workshop = Workshop::new();
    workshop.write("root.pass", b"correct horse\n");
    workshop.reroot(&["init", "sealed", "--organization", "Sealed", "--passphrase-file", "root.pass"]).run().success();
    let config = std::fs::read_to_string(workshop.path("sealed/reroot.toml")).expect("init writes it");
    workshop.reel("reel.zip", 0..1);
    put(
        &workshop.path("sealed/reroot.toml"),
        config.replace("anchors/stm-stsafe-a-prod-ca-01.pem", "../pki/anchors/test-root.pem"),
    );
    let args = ["issue", "reel.zip", "--policy", "policy.toml", "--out", "batch", "--set", "lot=A1"];
    workshop.reroot(&args).args(["--config", "sealed/reroot.toml"]).run().success();
}

/// Changes a batch as an attacker can who holds the manifest key, but not the issuing key: the caller has changed the
/// files, this function makes the statement name them, then seals it again.
fn reseal(workshop: &Workshop, change: impl FnOnce(&mut Statement)) {
    let read = |name: &str| std::fs::read(workshop.path("batch").join(name)).expect(name);
    let mut statement = Statement::parse(&read("manifest.json")).expect("a statement");
    let mut tree = TreeBuilder::new();
    String::from_utf8(read("manifest.jsonl")).expect("ASCII").lines().for_each(|line| tree.push(line.as_bytes()));
    statement.entries.sha256 = sha256(&read("manifest.jsonl"));
    (statement.entries.tree_size, statement.entries.root_hash) = (tree.size(), tree.root());
    statement.rejected = sha256(&read("rejected.jsonl"));
    statement.inputs.sha256 = sha256(&read("inputs.jsonl"));
    for file in &mut statement.files {
        file.sha256 = sha256(&read(&file.name));
    }
    change(&mut statement);
    let key = std::fs::read(workshop.path("pki/ca/manifest.key.pem")).expect("a key");
    let signer = FileSigner::open(&key, None).expect("a plain key");
    let certificate = pem::read(&read("manifest.pem")).expect("PEM").remove(0).der;
    let certificate = Certificate::from_der(&certificate).expect("a certificate");
    let bytes = statement.to_bytes();
    let seal = reroot::seal::sign(&bytes, &certificate, &signer, statement.created).expect("a seal");
    put(&workshop.path("batch/manifest.json"), bytes);
    put(&workshop.path("batch/manifest.json.p7s"), seal);
}

fn sealed_batch() -> Workshop {
    let workshop = Workshop::new();
    workshop.reel("reel.zip", 0..3);
    workshop.issue("reel.zip", "batch", &[]).success();
    workshop
}

#[track_caller]
fn refused(workshop: &Workshop, code: &str, more: &[&str]) {
    let found = workshop.verify("batch", more).expect(1);
    assert!(found.out().contains(code), "{}", found.out());
}

#[test]
fn the_helper_seals_what_verifies() {
    let workshop = sealed_batch();
    reseal(&workshop, |_| {});
    workshop.verify("batch", &["--input", "reel.zip"]).success();
}

#[test]
fn a_line_says_of_reissue_what_the_statement_says() {
    let workshop = sealed_batch();
    let lines = std::fs::read_to_string(workshop.path("batch/manifest.jsonl")).expect("lines");
    put(&workshop.path("batch/manifest.jsonl"), lines.replacen("\"reissue\":null", "\"reissue\":\"lost\"", 1));
    reseal(&workshop, |_| {});
    refused(&workshop, "audit.entry.differs", &[]);
}

#[test]
fn a_line_claims_no_relaxation_that_the_policy_does_not_name() {
    let workshop = sealed_batch();
    let lines = std::fs::read_to_string(workshop.path("batch/manifest.jsonl")).expect("lines");
    let claimed = lines.replacen("[\"test-anchor\"]", "[\"test-anchor\",\"trailing-padding\"]", 1);
    assert_ne!(claimed, lines);
    put(&workshop.path("batch/manifest.jsonl"), claimed);
    reseal(&workshop, |_| {});
    refused(&workshop, "audit.entry.differs", &[]);
}

#[test]
fn no_archive_of_a_sealed_batch_stays_unread() {
    for name in ["certificates-0001.zip", "sources-0002.zip", "certificates-new.zip"] {
        let workshop = sealed_batch();
        let content = std::fs::read(workshop.path("batch/certificates.zip")).expect("an archive");
        workshop.write(&format!("batch/{name}"), &content);
        reseal(&workshop, |statement| {
            statement.files.push(FileDigest { name: name.to_owned(), sha256: sha256(&content) });
            statement.files.sort_by(|one, other| one.name.cmp(&other.name));
        });
        refused(&workshop, "audit.file.archive-unread", &[]);
    }
}

#[test]
fn numbers_that_the_files_contradict_are_refused() {
    let try_out = |code: &str, change: fn(&mut Statement)| {
        let workshop = sealed_batch();
        reseal(&workshop, change);
        refused(&workshop, code, &[]);
    };
    try_out("audit.account.counts", |statement| statement.inputs.count = 7);
    try_out("audit.account.counts", |statement| statement.counts.signatures_made = 2);
    try_out("audit.statement.discarded-serials", |statement| {
        statement.discarded_serials.push(SerialNumber::from_content(&[0x40; 16]).expect("positive"));
    });
    try_out("audit.statement.anchors", |statement| statement.anchors[0].subject = "CN=somebody else".to_owned());
}

/// A chip is left out and listed as rejected: only the input can tell.
#[test]
fn a_genuine_leaf_cannot_be_passed_off_as_a_bad_one() {
    for (claimed, code) in
        [("verify.signature.invalid", "audit.account.finding"), ("reel.zip.checksum", "audit.account.item")]
    {
        let workshop = sealed_batch();
        let lines = std::fs::read_to_string(workshop.path("batch/manifest.jsonl")).expect("lines");
        let (first, rest) = lines.split_once('\n').expect("three lines");
        put(&workshop.path("batch/manifest.jsonl"), rest);
        let sealed = std::fs::read(workshop.path("batch/manifest.json")).expect("a statement");
        let format = Statement::parse(&sealed).expect("a statement").format;
        let victim = Entry::parse(format, first).expect("a line");
        for name in ["certificates.zip", "sources.zip"] {
            let content = std::fs::read(workshop.path("batch").join(name)).expect("an archive");
            let statement =
                Statement::parse(&std::fs::read(workshop.path("batch/manifest.json")).expect("it")).expect("it");
            let mut writer = ZipWriter::new(Vec::new(), Stamp::new(statement.issued_at));
            let mut reader = ArchiveReader::new(&content[..], name);
            while let Some(entry) = reader.next_entry().expect("an entry") {
                if !entry.name.starts_with(&victim.uid().to_string()) {
                    writer.add(entry.name, entry.data).expect("writing to memory");
                }
            }
            put(&workshop.path("batch").join(name), writer.finish().expect("writing to memory"));
        }
        let item =
            if code.ends_with("item") { "reel.zip!nothing.der".to_owned() } else { victim.source_item().to_string() };
        let line = format!(
            "{{\"item\":\"{item}\",\"disposition\":\"rejected\",\"code\":\"{claimed}\",\"reason\":\"bad\",\"uid\":null,\
             \"source_sha256\":null}}\n"
        );
        put(&workshop.path("batch/rejected.jsonl"), line);
        reseal(&workshop, |statement| {
            (statement.counts.issued, statement.counts.rejected) = (2, 1);
        });
        workshop.verify("batch", &[]).success();
        refused(&workshop, code, &["--input", "reel.zip"]);
    }
}

#[test]
fn findings_of_an_honest_batch_are_made_again() {
    let workshop = Workshop::new();
    workshop.reel("reel.zip", 0..1);
    workshop.issue("reel.zip", "first", &[]).success();
    let leaf = |index| workshop.pki.leaf(index).der;
    let mut broken = leaf(3);
    *broken.last_mut().expect("bytes") ^= 1;
    let files: [(&str, &[u8]); 6] = [
        ("issued before.der", &leaf(0)),
        ("good.der", &leaf(1)),
        ("twin.der", &variants::twin(&leaf(1))),
        ("crossed.der", &variants::crossed(&workshop.pki, 0, 7)),
        ("broken.der", &broken),
        ("unexpected.der", &leaf(5)),
    ];
    workshop.write("mixed.zip", &archive::zip(&files));
    workshop
        .write("expected.txt", format!("{}\n{}\n", workshop.pki.leaf(0).uid(), workshop.pki.leaf(1).uid()).as_bytes());
    // the chip whose UID comes with two keys is missing
    let skip = ["--on-reject", "skip", "--expect", "expected.txt", "--on-missing", "note"];
    workshop.issue("mixed.zip", "batch", &skip).expect(1);
    let verified = workshop.verify("batch", &["--input", "mixed.zip"]).success();
    let derived = "every finding that inputs, policy, parameters, issuing CA and anchors give";
    assert!(verified.out().contains(derived), "{}", verified.out());
    // with the list, no finding is left that rests on the signer's word
    let verified = workshop.verify("batch", &["--input", "mixed.zip", "--expect", "expected.txt"]).success();
    assert!(verified.out().contains("signer's word 0 findings\n"), "{}", verified.out());
}

/// A run of the library with a clock of its own.
fn run_at(workshop: &Workshop, now: &str, out: &str) -> Result<Outcome<Summary>, Error> {
    run_until(workshop, now, out, u64::MAX)
}

/// As [`run_at`], interrupted when so many certificates are written.
fn run_until(workshop: &Workshop, now: &str, out: &str, certificates: u64) -> Result<Outcome<Summary>, Error> {
    run_accepting(workshop, now, out, certificates, None)
}

/// As [`run_until`], with the reason why the clock is right.
fn run_accepting(
    workshop: &Workshop,
    now: &str,
    out: &str,
    certificates: u64,
    accept_clock: Option<&str>,
) -> Result<Outcome<Summary>, Error> {
    struct Until<'a> {
        left: AtomicU64,
        issuing: AtomicBool,
        cancel: &'a AtomicBool,
    }
    impl Progress for Until<'_> {
        fn begin(&self, stage: Stage) {
            self.issuing.store(stage == Stage::Issue, Ordering::Relaxed);
        }
        fn total(&self, _: u64) {}
        fn advance(&self, count: u64) {
            if self.issuing.load(Ordering::Relaxed) && self.left.fetch_sub(count, Ordering::Relaxed) <= count {
                self.cancel.store(true, Ordering::Relaxed);
            }
        }
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
    let config = Config::load(&workshop.path("pki/reroot.toml")).expect("a configuration");
    let policy = Policy::parse(POLICY, "policy.toml").expect("a policy");
    let signer = config.open_issuer_signer(&NoSecrets).expect("a key");
    let issuer = Issuer::new(config.issuer_identity().expect("an issuer"), signer).expect("an issuer");
    let manifest_signer = config.open_manifest_signer(&NoSecrets).expect("a key");
    let ledger = Ledger::open(config.ledger_path(), issuer.identity().spki()).expect("a ledger");
    let now = Time::from_rfc3339(now).expect("a time");
    let basis = JobBasis {
        inputs: &[Input::Path(workshop.path("reel.zip"))],
        policy: &policy,
        params: policy.params(&[("lot".to_owned(), "A1".to_owned())].into()).expect("parameters"),
        issuer: issuer.identity(),
        manifest_certificate: &config.manifest_certificate().expect("a certificate"),
        manifest_signer: &*manifest_signer,
        anchors: &config.anchors().expect("anchors"),
        out: &workshop.path(out),
        now,
        seed: Seed(*sha256(now.to_string().as_bytes()).as_bytes()),
        batch_id: "01890a5d-ac96-774b-bcce-b302099a8057".parse().expect("a name"),
    };
    let job = Job::builder(basis)
        .accept_clock(accept_clock.map(str::to_owned))
        .jobs(2)
        .chunk_size(Some(2))
        .tool("reroot test")
        .build();
    let cancel = AtomicBool::new(false);
    let progress = Until { left: AtomicU64::new(certificates), issuing: AtomicBool::new(false), cancel: &cancel };
    let task = Issue { job: &job, stdin: &mut std::io::empty() };
    run(task, &ledger, &Local { issuer: &issuer }, &progress, &cancel)
}

/// Leaves, issuing CA and manifest signer have all expired by then; nothing is signed any more.
#[test]
fn a_sealed_batch_comes_out_again_decades_later() {
    let workshop = Workshop::new();
    workshop.reel("reel.zip", 0..3);
    workshop.issue("reel.zip", "batch", &[]).success();
    let before = workshop.files("batch");
    let much_later = "2070-01-01T00:00:00Z";
    assert!(matches!(run_at(&workshop, much_later, "batch"), Ok(Outcome::AlreadyDone(_))));
    workshop.delete("batch");
    assert!(matches!(run_at(&workshop, much_later, "batch"), Ok(Outcome::Done(_))));
    assert_eq!(workshop.files("batch"), before);
    // but nothing new is started
    let fresh = Workshop::new();
    fresh.reel("reel.zip", 0..3);
    assert!(matches!(run_at(&fresh, much_later, "batch"), Err(Error::Core(CoreError::CertificateNotValid { .. }))));
}

#[test]
fn a_clock_that_goes_backwards_is_told_and_does_no_harm() {
    let workshop = Workshop::new();
    workshop.reel("reel.zip", 0..3);
    workshop.issue("reel.zip", "batch", &[]).success();
    let before = workshop.files("batch");
    let Ok(Outcome::AlreadyDone(summary)) = run_at(&workshop, "2022-01-01T00:00:00Z", "batch") else {
        panic!("not done")
    };
    assert!(summary.warnings.iter().any(|warning| warning.contains("this machine's clock")), "{:?}", summary.warnings);
    assert_eq!(workshop.files("batch"), before);
}

/// The issuing CA's validity, from which the times of a test are counted.
fn days_after_init(workshop: &Workshop, days: i64) -> String {
    let config = Config::load(&workshop.path("pki/reroot.toml")).expect("a configuration");
    let begin = config.issuer_identity().expect("an issuer").certificate().validity().not_before();
    Time::from_unix(begin.unix() + days * 24 * 60 * 60).expect("a time").to_string()
}

/// A batch that was started is not finished with certificates that have expired; with a clock that is right it is, and
/// says what it would have said at first.
#[test]
fn an_open_batch_waits_while_its_certificates_are_expired() {
    let workshop = Workshop::new();
    workshop.reel("reel.zip", 0..20);
    let begun = days_after_init(&workshop, 2);
    assert!(matches!(
        run_until(&workshop, &begun, "batch", 4),
        Err(Error::Core(reroot::error::CoreError::Interrupted))
    ));
    let ledger = std::fs::read(workshop.path("pki/ledger.db")).expect("a ledger");
    for late in ["2070-01-01T00:00:00Z", "2001-01-01T00:00:00Z"] {
        let Err(error) = run_at(&workshop, late, "batch") else { panic!("{late}: certificates are not valid then") };
        assert!(matches!(error, Error::Core(CoreError::CertificateNotValid { .. })), "{error}");
        assert!(error.to_string().contains(&format!("not at {late}")), "{error}");
        assert!(ledger == std::fs::read(workshop.path("pki/ledger.db")).expect("a ledger"), "{late}: something is new");
        assert!(!workshop.path("batch").exists());
    }
    let later = days_after_init(&workshop, 30);
    let Ok(Outcome::Done(summary)) = run_at(&workshop, &later, "batch") else { panic!("not done") };
    assert!(summary.resumed, "something was signed before");
    assert_eq!((summary.issued_at.to_string(), summary.signatures_made), (begun.clone(), 20));
    let statement = workshop.statement("batch");
    assert_eq!((statement["issued_at"].as_str(), statement["created"].as_str()), (Some(&begun[..]), Some(&later[..])));
    workshop.verify("batch", &["--input", "reel.zip"]).success();
}

/// The clock was set back while a batch was open: the batch keeps its instant, and no time in the statement is earlier.
#[test]
fn an_open_batch_is_finished_with_a_clock_that_was_set_back() {
    let workshop = Workshop::new();
    workshop.reel("reel.zip", 0..20);
    let (begun, earlier) = (days_after_init(&workshop, 20), days_after_init(&workshop, 2));
    assert!(matches!(
        run_until(&workshop, &begun, "batch", 4),
        Err(Error::Core(reroot::error::CoreError::Interrupted))
    ));
    let refused = run_at(&workshop, &earlier, "batch");
    assert!(matches!(refused, Err(Error::ClockJump { .. })), "a person has to say that the clock is right");
    let accepted = run_accepting(&workshop, &earlier, "batch", u64::MAX, Some("the clock was ahead"));
    let Ok(Outcome::Done(summary)) = accepted else { panic!("not done") };
    assert!(summary.resumed, "something was signed before");
    assert_eq!((summary.issued_at.to_string(), summary.signatures_made), (begun.clone(), 20));
    let statement = workshop.statement("batch");
    assert_eq!((statement["issued_at"].as_str(), statement["created"].as_str()), (Some(&begun[..]), Some(&begun[..])));
    workshop.verify("batch", &["--input", "reel.zip"]).success();
}

/// One signal is enough while a pipe is silent.
#[test]
fn a_signal_ends_a_wait_for_standard_input() {
    let workshop = Workshop::new();
    let mut child = Command::new(env!("CARGO_BIN_EXE_reroot"))
        .args(["inspect", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .current_dir(workshop.folder())
        .spawn()
        .expect("it starts");
    let status = format!("/proc/{}/status", child.id());
    let handles_signals = || {
        let status = std::fs::read_to_string(&status).expect("it runs");
        let caught = status.lines().find_map(|line| line.strip_prefix("SigCgt:")).expect("a mask");
        u64::from_str_radix(caught.trim(), 16).expect("hexadecimal") & (1 << 14) != 0
    };
    while !handles_signals() {
        std::thread::yield_now();
    }
    let killed = Command::new("kill").args(["-TERM", &child.id().to_string()]).status().expect("kill");
    assert!(killed.success());
    let start = Instant::now();
    let code = loop {
        match child.try_wait().expect("its state") {
            Some(status) => break status.code(),
            None if start.elapsed() > Duration::from_secs(60) => break None,
            None => std::thread::yield_now(),
        }
    };
    drop(child.kill());
    assert_eq!(code, Some(6));
}

#[test]
fn a_quickstart_works_in_a_folder_with_a_blank() {
    let workshop = Workshop::new();
    workshop.reroot(&["quickstart", "my first try"]).run().success();
}
