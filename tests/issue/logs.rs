//! The log for other programs: off unless asked for, one line of JSON a step, never a secret.
#![expect(clippy::unwrap_used, reason = "`unwrap` is for tests")]

use std::os::unix::fs::PermissionsExt as _;

use serde_json::Value;

use crate::support::judges::put;
use crate::support::place::{PIN, Place, append, edit};
use crate::support::run::Finished;
use crate::support::tokens::faulty;
use crate::support::workshop::{PASSPHRASE, PASSPHRASE_VARIABLE, Workshop};

const LEVELS: [&str; 4] = ["error", "warn", "info", "debug"];

/// The lines of a log among other lines.
fn lines(text: &str) -> Vec<Value> {
    let lines = text.lines().filter(|line| line.starts_with("{\"timestamp\":"));
    lines.map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{line}: {error}"))).collect()
}

fn messages(lines: &[Value]) -> Vec<&str> {
    lines.iter().map(|line| line["message"].as_str().unwrap()).collect()
}

/// The first line with this message.
fn find<'a>(lines: &'a [Value], message: &str) -> &'a Value {
    let found = lines.iter().find(|line| line["message"] == message);
    found.unwrap_or_else(|| panic!("{message} is not among {:?}", messages(lines)))
}

fn workshop() -> Workshop {
    let workshop = Workshop::new();
    workshop.reel("reel.zip", 0..10);
    workshop
}

#[test]
fn each_step_of_a_run_is_a_line_and_without_the_option_there_is_none() {
    let workshop = workshop();
    let silent = workshop.issue("reel.zip", "silent", &["--set", "lot=A0", "--dry-run"]).success();
    assert_eq!(lines(&silent.err()), Vec::<Value>::new());

    let issued = workshop.issue("reel.zip", "batch", &["--log", "debug", "--chunk", "4"]).success();
    assert_eq!(lines(&issued.out()), Vec::<Value>::new(), "a log is not data");
    let log = lines(&issued.err());
    let steps = [
        "started",
        "ledger opened",
        "run started",
        "input checked",
        "batch started",
        "chunk signed",
        "batch sealed",
        "batch published",
        "run ended",
        "ended",
    ];
    let mut found = messages(&log).into_iter();
    for step in steps {
        assert!(found.any(|message| message == step), "{step} in this order: {:?}", messages(&log));
    }
    for line in &log {
        let time = line["timestamp"].as_str().unwrap();
        assert!(time.len() == 24 && time.ends_with('Z') && time.as_bytes()[19] == b'.', "{line}");
        assert!(LEVELS.contains(&line["level"].as_str().unwrap()) && line["pid"].is_u64(), "{line}");
    }
    let statement = workshop.statement("batch");
    assert_eq!(find(&log, "started")["command"], "issue");
    let checked = find(&log, "input checked");
    assert_eq!((&checked["items"], &checked["ready"]), (&10.into(), &10.into()));
    assert_eq!(find(&log, "batch sealed")["batch"], statement["batch"]);
    assert_eq!(find(&log, "batch published")["out"], "batch");
    let chunks: Vec<&Value> = log.iter().filter(|line| line["message"] == "chunk signed").collect();
    let signed: u64 = chunks.iter().map(|line| line["certificates"].as_u64().unwrap()).sum();
    assert_eq!((chunks.len(), signed), (3, 10));
    assert_eq!(find(&log, "ended")["exit_code"], 0);

    // less important lines are left out, and the same command again is one line about it
    let again = workshop.issue("reel.zip", "batch", &["--log", "info"]).success();
    let again = lines(&again.err());
    assert!(again.iter().all(|line| line["level"] != "debug"), "{again:?}");
    assert_eq!(find(&again, "run ended")["outcome"], "already-done");
    let quiet = workshop.issue("reel.zip", "batch", &["--log", "error"]).success();
    assert_eq!(lines(&quiet.err()), Vec::<Value>::new());
}

#[test]
fn what_stops_a_run_is_in_the_log_with_its_code() {
    let workshop = workshop();
    workshop.write("bad.zip", &crate::support::pki::archive::zip(&[("x.der", b"\x30\x03abc")]));
    let refused = workshop.issue("bad.zip", "bad", &["--log", "warn"]).expect(3);
    let log = lines(&refused.err());
    assert!(find(&log, "findings")["code"].as_str().unwrap().contains('.'), "{log:?}");
    assert_eq!(find(&log, "run ended")["outcome"], "refused");

    put(&workshop.path("wrong.toml"), "version = 1\nnmae = \"x\"\n");
    let failed = workshop.issue_under("wrong.toml", "reel.zip", "bad", &["--log", "error"]).expect(2);
    let log = lines(&failed.err());
    assert_eq!(messages(&log), ["failed"]);
    assert_eq!(log[0]["exit_code"], 2);
    assert!(log[0]["codes"].as_str().unwrap().contains("policy."), "{log:?}");
    // what a file contributes to a line is a JSON string, without characters that move a cursor
    let hostile = workshop.issue("\u{1b}[2J\u{202e}.zip", "bad", &["--log", "error"]).expect(3);
    assert!(hostile.err().chars().all(|one| one == '\n' || reroot::text::is_printable(one)), "{:?}", hostile.err());
}

#[test]
fn the_level_may_come_from_the_environment_and_the_lines_may_go_to_a_file() {
    let workshop = workshop();
    let head = || workshop.reroot(&["status", "--config", "pki/reroot.toml"]);
    assert!(lines(&head().env("REROOT_LOG", "").run().success().err()).is_empty());
    assert!(!lines(&head().env("REROOT_LOG", "info").run().success().err()).is_empty());
    let wrong = head().env("REROOT_LOG", "loud").run().expect(2);
    assert!(wrong.err().contains("REROOT_LOG is `loud`"), "{}", wrong.err());
    assert!(lines(&head().env("REROOT_LOG", "info").args(["--log", "error"]).run().success().err()).is_empty());

    let path = workshop.path("reroot.log");
    for runs in 1..3 {
        let quiet = head().args(["--log-file", "reroot.log"]).run().success();
        assert!(lines(&quiet.err()).is_empty(), "{}", quiet.err());
        let log = lines(&std::fs::read_to_string(&path).unwrap());
        assert_eq!(log.iter().filter(|line| line["message"] == "started").count(), runs, "{log:?}");
    }
    assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);

    // a file with something else in it is left alone, and a pipe is not waited for
    let ledger = std::fs::read(workshop.path("pki/ledger.db")).unwrap();
    crate::support::run::Run::tool("mkfifo").arg("pipe").folder(workshop.folder()).run().success();
    for (file, why) in [
        ("pki/ledger.db", "is not a log of this program"),
        ("pki/reroot.toml", "is not a log of this program"),
        ("pipe", "is not a file"),
        ("missing/reroot.log", "No such file or directory"),
    ] {
        let refused = head().args(["--log-file", file]).run();
        assert!(refused.code != Some(0) && refused.err().contains(why), "{file}: {}", refused.err());
    }
    assert_eq!(std::fs::read(workshop.path("pki/ledger.db")).unwrap(), ledger);
    // a disk that is full stops no run
    let full = workshop.issue("reel.zip", "batch", &["--log", "debug", "--log-file", "/dev/full"]).expect(2);
    assert!(full.err().contains("is not a file"), "{}", full.err());
}

fn without(secrets: &[&str], finished: &Finished) {
    let text = finished.out() + &finished.err();
    for secret in secrets {
        assert!(!text.contains(secret), "{}: {secret} is in\n{text}", finished.command);
    }
    assert!(!lines(&text).is_empty(), "{}: there is no log in\n{text}", finished.command);
}

#[test]
fn no_line_of_any_level_has_a_passphrase_in_it() {
    let wrong = "Falsch-2718-Passphrase";
    let workshop = Workshop::with(&["--passphrase-env", PASSPHRASE_VARIABLE]);
    workshop.reel("reel.zip", 0..3);
    let key = std::fs::read_to_string(workshop.path("pki/ca/issuing.key.pem")).unwrap();
    let issue = |level: &str, passphrase: &str| {
        let args = ["issue", "reel.zip", "--policy", "policy.toml", "--out", "batch", "--config", "pki/reroot.toml"];
        let run = workshop.reroot(&args).args(["--set", "lot=A1", "--log", level]);
        run.env(PASSPHRASE_VARIABLE, passphrase).run()
    };
    let init = ["init", "again", "--organization", "Workshop", "--passphrase-env", PASSPHRASE_VARIABLE];
    let init = || workshop.reroot(&init).args(["--log", "debug"]).env(PASSPHRASE_VARIABLE, PASSPHRASE).run();
    // each of them fails, so that there is something to say at every level
    let mut runs: Vec<Finished> = LEVELS.iter().map(|level| issue(level, wrong).expect(4)).collect();
    runs.extend([issue("debug", PASSPHRASE).success(), init().success(), init().expect(2)]);
    for run in runs {
        without(&[PASSPHRASE, wrong], &run);
        // nor a line of a key
        let key: Vec<&str> = key.lines().filter(|line| line.len() > 60).collect();
        without(&key, &run);
    }
}

#[test]
fn a_token_that_comes_back_is_in_the_log_and_its_pin_is_not() {
    let place = Place::softhsm(&["lab"]);
    let mut workshop = place.workshop("P-256");
    workshop.reel("reel.zip", 0..20);
    edit(&workshop, &place.module, faulty());
    append(&workshop, "[hsm]\nsessions = 1\nretries = 3\nfirst_pause = \"1ms\"\nlongest_pause = \"1ms\"\n");
    workshop.env.insert("FAULTY_PKCS11_MODULE".to_owned(), place.module.clone());
    let issue = |out: &str, lot: &str, faults: &str| {
        let args = ["issue", "reel.zip", "--policy", "policy.toml", "--out", out, "--config", "pki/reroot.toml"];
        let run = workshop.reroot(&args).args(["--set", lot, "--jobs", "1", "--log", "debug"]);
        run.env("FAULTY_PKCS11", faults).run()
    };
    let stopped = issue("batch", "lot=A1", "C_SignInit:1-:fail=0x30").expect(4);
    without(&[PIN], &stopped);
    let log = lines(&stopped.err());
    assert!(find(&log, "token given up")["error"].as_str().unwrap().contains("CKR_DEVICE_ERROR"), "{log:?}");
    assert_eq!(find(&log, "failed")["exit_code"], 4);

    let mended = issue("batch", "lot=A1", "C_Sign:5:fail=0x30").success();
    without(&[PIN], &mended);
    let log = lines(&mended.err());
    assert!(find(&log, "token failed, tried again")["token"].as_str().unwrap().contains("`lab`"), "{log:?}");
    assert_eq!(find(&log, "token connected again")["attempts"], 1);
    find(&log, "batch resumed");
}
