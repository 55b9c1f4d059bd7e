//! The audit log of a service, written with the library and checked with both programs.

#![expect(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "what cannot be unwrapped fails the test; it plays a person who changes the log"
)]

use std::path::{Path, PathBuf};

use reroot::audit_log::Journal;
use reroot::journal::{Auth, Entry, Head, Outcome};
use reroot::seal::sign_closed_journal;
use reroot::x509::Time;
use reroot_test_support::manifest_pki::{self, TestKey};

use crate::support::faulty::reroot_check;
use crate::support::judges::put;
use crate::support::run::{Finished, Run};

fn time(text: &str) -> Time {
    Time::from_rfc3339(text).unwrap()
}

fn entry(action: &str, object: &str) -> Entry {
    Entry {
        actor: "anna@example.com".to_owned(),
        auth: Auth::Certificate,
        role: "operator".to_owned(),
        ip: Some("192.0.2.7".to_owned()),
        action: action.to_owned(),
        object: object.to_owned(),
        before: None,
        after: Some("planned".to_owned()),
        result: Outcome::Started,
        code: None,
        of: None,
    }
}

/// Three days of a log: two are closed and sealed, the last one is open.
struct Log {
    folder: tempfile::TempDir,
    head: Head,
}

const DAYS: [&str; 3] = ["2026-06-01", "2026-06-02", "2026-06-04"];

impl Log {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let [root, key] = [1, 2].map(TestKey::p256);
        let anchor = manifest_pki::root("TEST root", &root);
        put(&folder.path().join("root.pem"), manifest_pki::pem(&anchor));
        let signer = manifest_pki::signer_shape("TEST root", &key).certify(&root);
        let place = folder.path().join("audit");
        let mut journal = Journal::open(&place, time("2026-06-01T08:00:00Z")).unwrap();
        for day in DAYS {
            for (hour, object) in [(9, "job-1"), (10, "a\u{202e}b<script>\"\\"), (11, "job-3")] {
                let at = time(&format!("{day}T{hour:02}:00:00Z"));
                journal.append(at, vec![entry("job.create", object)]).unwrap();
            }
        }
        let sealed = sign_closed_journal(&place, &signer, &key, time("2026-06-04T12:00:00Z")).unwrap();
        assert_eq!(sealed, ["2026-06-01-0001.jsonl", "2026-06-02-0001.jsonl"]);
        assert!(sign_closed_journal(&place, &signer, &key, time("2026-06-04T13:00:00Z")).unwrap().is_empty());
        Self { folder, head: journal.head() }
    }

    fn file(&self, day: &str) -> PathBuf {
        self.folder.path().join(format!("audit/{day}-0001.jsonl"))
    }

    fn verify(&self, more: &[&str]) -> Finished {
        let run = |tool: &str| {
            let args = ["audit", "verify", "audit", "--manifest-anchor", "root.pem"];
            Run::tool(tool).args(args).args(more).env("NO_COLOR", "1").folder(self.folder.path()).run()
        };
        let found = run(reroot_check());
        let other = run(env!("CARGO_BIN_EXE_reroot"));
        assert_eq!((found.code, found.out()), (other.code, other.out()), "both programs say the same");
        found
    }

    fn change(path: &Path, how: impl FnOnce(String) -> String) {
        let text = how(std::fs::read_to_string(path).unwrap());
        put(path, &text);
    }

    /// Verification fails, and says this.
    #[track_caller]
    fn fails(&self, more: &[&str], said: &str) {
        let found = self.verify(more).expect(1).out();
        assert!(found.contains(said) && found.ends_with("audit log verification FAILED\n"), "{found}");
    }
}

#[test]
fn a_whole_log_is_ok_and_its_head_can_be_noted() {
    let log = Log::new();
    let head = log.head.to_string();
    let said = log.verify(&["--head", &head]).success().out();
    for line in
        ["files         3\n", "events        9\n", "sealed up to  event 6\n", "the log has it\n", "audit log OK\n"]
    {
        assert!(said.contains(line), "{said}");
    }
    let json: serde_json::Value =
        serde_json::from_str(&log.verify(&["--head", &head, "--format", "json"]).success().out()).unwrap();
    assert_eq!(json["outcome"], "ok");
    assert_eq!(json["head"], head);
    assert_eq!(json["noted_head_met"], true);
    // the first day was archived elsewhere
    let first = std::fs::read_to_string(log.file(DAYS[0])).unwrap();
    let end = Head::of(3, first.lines().last().unwrap().as_bytes()).to_string();
    std::fs::remove_file(log.file(DAYS[0])).unwrap();
    log.verify(&["--after", &end]).success();
    log.fails(&[], "2026-06-02-0001.jsonl, line 1: it is event 4: 3 missing before it, expected event 1");
}

#[test]
fn one_byte_a_line_a_day_and_the_end_are_missed() {
    let log = Log::new();
    let noted = log.head.to_string();
    let head = ["--head", &noted[..]];
    let texts = DAYS.map(|day| std::fs::read_to_string(log.file(day)).unwrap());
    let put_back = |day: usize| Log::change(&log.file(DAYS[day]), |_| texts[day].clone());

    Log::change(&log.file(DAYS[1]), |text| text.replacen("job-1", "job-2", 1));
    log.fails(&head, "[journal.chain] 2026-06-02-0001.jsonl, line 2: `prev` is ");
    log.fails(&head, "[journal.seal] 2026-06-02-0001.jsonl.p7s: ");
    put_back(1);

    // the last line of a closed day: the next file has its digest
    Log::change(&log.file(DAYS[0]), |text| text.replacen("job-3", "job-4", 1));
    log.fails(&[], "[journal.chain] 2026-06-02-0001.jsonl, line 1: `prev` is ");
    put_back(0);

    Log::change(&log.file(DAYS[2]), |text| {
        text.split_inclusive('\n').enumerate().filter(|(at, _)| *at != 1).map(|(_, line)| line).collect()
    });
    log.fails(
        &head,
        "[journal.sequence] 2026-06-04-0001.jsonl, line 2: it is event 9: 1 missing before it, expected event 8",
    );
    put_back(2);

    // the open file cut off at the border of a line: seals say nothing of it, a noted head does
    Log::change(&log.file(DAYS[2]), |text| text.split_inclusive('\n').take(2).collect());
    log.verify(&[]).success();
    log.fails(&head, &format!("[journal.head] 2026-06-04-0001.jsonl: the log ends with event 8, expected {noted}"));
    // within a line
    Log::change(&log.file(DAYS[2]), |text| text[..text.len() - 10].to_owned());
    log.fails(&[], "[journal.line] 2026-06-04-0001.jsonl, line 2: it has no newline: it was cut off");
    put_back(2);

    // the open file cut off to nothing, and removed
    Log::change(&log.file(DAYS[2]), |_| String::new());
    log.fails(&head, "the log ends with event 6");
    std::fs::remove_file(log.file(DAYS[2])).unwrap();
    log.fails(&head, "the log ends with event 6");
    put(&log.file(DAYS[2]), &texts[2]);

    // a day
    std::fs::remove_file(log.file(DAYS[1])).unwrap();
    log.fails(&head, "2026-06-04-0001.jsonl, line 1: it is event 7: 3 missing before it, expected event 4");
    put(&log.file(DAYS[1]), &texts[1]);

    // a seal, and one of another file
    let seal = |day: &str| log.folder.path().join(format!("audit/{day}-0001.jsonl.p7s"));
    let bytes = std::fs::read(seal(DAYS[0])).unwrap();
    std::fs::remove_file(seal(DAYS[0])).unwrap();
    log.fails(
        &head,
        "[journal.seal-missing] 2026-06-01-0001.jsonl.p7s: it does not exist, expected a seal by the manifest key",
    );
    std::fs::copy(seal(DAYS[1]), seal(DAYS[0])).unwrap();
    log.fails(&head, "[journal.seal] 2026-06-01-0001.jsonl.p7s: ");
    put(&seal(DAYS[0]), &bytes);
    log.verify(&head).success();

    // another anchor
    let stranger = manifest_pki::root("TEST root", &TestKey::p256(9));
    put(&log.folder.path().join("root.pem"), manifest_pki::pem(&stranger));
    log.fails(&head, "[journal.seal] ");
}

/// Who can write the folder and has no manifest key can make a chain again, and no seal.
#[test]
fn a_chain_that_was_made_again_has_no_seal() {
    let log = Log::new();
    let mut head = Head::EMPTY;
    for day in DAYS {
        Log::change(&log.file(day), |text| {
            let mut out = String::new();
            for line in text.lines() {
                let mut event = reroot::journal::Event::read(line.as_bytes()).unwrap();
                event.entry.actor = "bert".to_owned();
                event.prev = head.digest;
                head = Head::of(event.seq, event.line().as_bytes());
                out += &event.line();
                out.push('\n');
            }
            out
        });
    }
    let found = log.verify(&[]).expect(1).out();
    assert_eq!(found.matches("[journal.seal] ").count(), 2, "{found}");
    log.fails(&["--head", &log.head.to_string()], "[journal.head] ");
}

#[test]
fn what_is_typed_wrong_is_said() {
    let log = Log::new();
    for (more, said) in [
        (&["--head", "12"][..], "--head: `12` is not a head: expected the number of an event, a colon"),
        (&["--after", "x:y"], "--after: `x:y` is not a head"),
    ] {
        let found = log.verify(more).expect(2);
        assert!(found.err().contains(said), "{}", found.err());
    }
    std::fs::create_dir(log.folder.path().join("empty")).unwrap();
    let run = |args: &[&str]| Run::tool(reroot_check()).args(args).folder(log.folder.path()).run();
    let found = run(&["audit", "verify", "empty", "--manifest-anchor", "root.pem"]).expect(2);
    assert!(found.err().contains("`empty` holds no audit log"), "{}", found.err());
    let found = run(&["audit", "verify", "audit"]).expect(2);
    assert!(found.err().contains("no trust anchor of the manifest signer was named"), "{}", found.err());
    let found = run(&["audit", "verify", "nowhere", "--manifest-anchor", "root.pem"]).expect(5);
    assert!(found.err().contains("cannot read `nowhere`"), "{}", found.err());
}
