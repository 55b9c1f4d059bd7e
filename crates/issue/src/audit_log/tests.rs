//! A log that is written, cut, changed and verified.

use std::io::Write as _;

use reroot_core::journal::{JournalReport, code, verify};
use reroot_core::manifest::ManifestAnchor;

use super::*;

fn time(text: &str) -> Time {
    Time::from_rfc3339(text).unwrap()
}

const MONDAY: &str = "2026-11-30T23:59:58Z";
const TUESDAY: &str = "2026-12-01T00:00:01Z";
const THURSDAY: &str = "2026-12-03T12:00:00Z";

fn entry(action: &str) -> Entry {
    Entry {
        actor: "anna".to_owned(),
        auth: Auth::Token,
        role: "operator".to_owned(),
        ip: Some("127.0.0.1".to_owned()),
        action: action.to_owned(),
        object: "job-1".to_owned(),
        before: None,
        after: None,
        result: Outcome::Started,
        code: None,
        of: None,
    }
}

fn check(folder: &Path, noted: Option<Head>) -> JournalReport {
    let anchors: [ManifestAnchor; 0] = [];
    verify(folder, &anchors, None, noted).unwrap()
}

fn codes(report: &JournalReport) -> Vec<&'static str> {
    report.faults.iter().map(|fault| fault.code.as_str()).collect()
}

fn change(path: &Path, how: impl FnOnce(Vec<u8>) -> Vec<u8>) {
    let bytes = how(std::fs::read(path).unwrap());
    std::fs::remove_file(path).unwrap();
    File::create_new(path).unwrap().write_all(&bytes).unwrap();
}

#[test]
fn events_are_chained_over_days_and_restarts() {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().join("audit");
    let mut journal = Journal::open(&place, time(MONDAY)).unwrap();
    assert_eq!(journal.append(time(MONDAY), vec![entry("a"), entry("b")]).unwrap(), 1);
    assert!(matches!(Journal::open(&place, time(MONDAY)), Err(JournalError::Held { .. })));
    assert_eq!(journal.append(time(TUESDAY), vec![entry("c")]).unwrap(), 3);
    // a clock that is set back starts no file
    assert_eq!(journal.append(time(MONDAY), vec![entry("d")]).unwrap(), 4);
    let head = journal.head();
    drop(journal);
    let mut journal = Journal::open(&place, time(THURSDAY)).unwrap();
    assert_eq!(journal.head(), head);
    assert_eq!(journal.append(time(THURSDAY), vec![entry("e")]).unwrap(), 5);
    let names: Vec<String> = list(&place).unwrap().iter().map(|file| file.part.to_string()).collect();
    assert_eq!(names, ["2026-11-30-0001.jsonl", "2026-12-01-0001.jsonl", "2026-12-03-0001.jsonl"]);
    let report = check(&place, Some(head));
    assert_eq!((report.events, report.head, report.noted), (5, journal.head(), Some(head)));
    // nothing but that the two closed files have no seals yet
    assert_eq!(codes(&report), ["journal.seal-missing"; 2]);
}

#[test]
fn what_a_crash_cuts_off_is_set_aside_with_an_event() {
    let folder = tempfile::tempdir().unwrap();
    let mut journal = Journal::open(folder.path(), time(MONDAY)).unwrap();
    journal.append(time(MONDAY), vec![entry("a"), entry("b")]).unwrap();
    let file = journal.open.as_ref().unwrap().file.path.clone();
    drop(journal);
    let whole = std::fs::read(&file).unwrap();
    let first = whole.iter().position(|byte| *byte == b'\n').unwrap() + 1;
    for cut in [first + 1, whole.len() - 1] {
        change(&file, |_| whole[..cut].to_vec());
        let torn = check(folder.path(), None);
        assert_eq!(codes(&torn), ["journal.line"]);
        assert_eq!(torn.faults[0].line, Some(2));
        let journal = Journal::open(folder.path(), time(MONDAY)).unwrap();
        assert_eq!(journal.head().seq, 2);
        drop(journal);
        assert!(std::fs::read(&file).unwrap().starts_with(&whole[..first]), "the whole line is as it was");
        assert!(check(folder.path(), None).holds());
        let aside = folder.path().read_dir().unwrap().filter_map(|entry| {
            let path = entry.unwrap().path();
            path.to_str().unwrap().contains(".torn-").then(|| std::fs::read(path).unwrap())
        });
        assert!(aside.into_iter().any(|kept| kept == whole[first..cut]));
        let event = String::from_utf8(std::fs::read(&file).unwrap()).unwrap();
        assert!(event.lines().last().unwrap().contains("\"action\":\"audit.set-aside\""), "{event}");
    }
}

/// A line that is whole and cut off from a file that holds nothing else: the file is then empty.
#[test]
fn a_first_line_that_was_cut_off_is_set_aside() {
    let folder = tempfile::tempdir().unwrap();
    drop(File::create_new(folder.path().join("2026-11-30-0001.jsonl")).unwrap().write_all(b"{\"format\""));
    let journal = Journal::open(folder.path(), time(MONDAY)).unwrap();
    assert_eq!(journal.head().seq, 1);
    assert!(check(folder.path(), None).holds());
}

/// The day has changed, the new file was made, and its first line was cut off or not written.
#[test]
fn an_empty_file_follows_from_the_one_before_it() {
    for beginning in [&b""[..], b"{\"for"] {
        let folder = tempfile::tempdir().unwrap();
        let mut journal = Journal::open(folder.path(), time(MONDAY)).unwrap();
        journal.append(time(MONDAY), vec![entry("a")]).unwrap();
        drop(journal);
        File::create_new(folder.path().join("2026-12-01-0001.jsonl")).unwrap().write_all(beginning).unwrap();
        let mut journal = Journal::open(folder.path(), time(TUESDAY)).unwrap();
        journal.append(time(TUESDAY), vec![entry("b")]).unwrap();
        assert_eq!(codes(&check(folder.path(), None)), ["journal.seal-missing"]);
    }
}

#[test]
fn every_change_is_found_with_its_place() {
    let folder = tempfile::tempdir().unwrap();
    let mut journal = Journal::open(folder.path(), time(MONDAY)).unwrap();
    for action in ["a", "b", "c"] {
        journal.append(time(MONDAY), vec![entry(action)]).unwrap();
    }
    let head = journal.head();
    let file = journal.open.as_ref().unwrap().file.path.clone();
    drop(journal);
    let whole = std::fs::read(&file).unwrap();
    assert!(check(folder.path(), Some(head)).holds());
    let lines: Vec<&[u8]> = whole.split_inclusive(|byte| *byte == b'\n').collect();
    // every byte, changed in a way that keeps it text
    for at in 0..whole.len() {
        change(&file, |_| {
            let mut bytes = whole.clone();
            bytes[at] ^= 1;
            bytes
        });
        let report = check(folder.path(), Some(head));
        assert!(!report.holds(), "byte {at}");
        assert_eq!(report.faults[0].file, "2026-11-30-0001.jsonl");
    }
    // the line before is named by the digest that the next one has
    change(&file, |_| String::from_utf8(whole.clone()).unwrap().replacen("anna", "bert", 1).into_bytes());
    let report = check(folder.path(), Some(head));
    assert_eq!(codes(&report), ["journal.chain"]);
    assert_eq!(report.faults[0].line, Some(2));
    // a line removed
    change(&file, |_| [lines[0], lines[2]].concat());
    let report = check(folder.path(), Some(head));
    assert_eq!(codes(&report), ["journal.sequence"]);
    assert_eq!(
        report.faults[0].to_string(),
        "2026-11-30-0001.jsonl, line 2: it is event 3: 1 missing before it, expected event 2"
    );
    // the end cut off at the border of a line: only the head that was noted elsewhere shows it
    change(&file, |_| [lines[0], lines[1]].concat());
    assert!(check(folder.path(), None).holds());
    let report = check(folder.path(), Some(head));
    assert_eq!(codes(&report), ["journal.head"]);
    assert_eq!(report.faults[0].found, "the log ends with event 2");
    assert_eq!(report.faults[0].code, code::HEAD);
}

#[test]
fn a_log_that_cannot_be_continued_is_not_continued() {
    let folder = tempfile::tempdir().unwrap();
    File::create_new(folder.path().join("2026-11-30-0001.jsonl")).unwrap().write_all(b"{}\n").unwrap();
    assert!(matches!(Journal::open(folder.path(), time(MONDAY)), Err(JournalError::NotAnEvent { .. })));
}

#[test]
fn an_event_that_is_too_long_is_refused_and_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let mut journal = Journal::open(folder.path(), time(MONDAY)).unwrap();
    let long = Entry { object: "x".repeat(MAX_LINE), ..entry("a") };
    let error = journal.append(time(MONDAY), vec![entry("b"), long]).unwrap_err();
    assert!(matches!(error, JournalError::TooLong { .. }), "{error}");
    assert_eq!(journal.append(time(MONDAY), vec![entry("c")]).unwrap(), 1);
    assert!(check(folder.path(), None).holds());
}

/// A handle that cannot be written plays the disk that fails.
#[test]
fn an_event_that_cannot_be_written_is_an_error_and_the_log_is_opened_again() {
    let folder = tempfile::tempdir().unwrap();
    let mut journal = Journal::open(folder.path(), time(MONDAY)).unwrap();
    journal.append(time(MONDAY), vec![entry("a")]).unwrap();
    let head = journal.head();
    let open = journal.open.as_mut().unwrap();
    open.handle = input::open(&open.file.path).unwrap();
    let error = journal.append(time(MONDAY), vec![entry("b")]).unwrap_err();
    assert!(matches!(error, JournalError::Durable(DurableError::Io { doing: "write", .. })), "{error}");
    // where the file ends is not known: nothing is taken before it is looked at
    let error = journal.append(time(MONDAY), vec![entry("c")]).unwrap_err();
    assert!(matches!(error, JournalError::Lost { .. }), "{error}");
    assert_eq!(journal.head(), head);
    drop(journal);
    let mut journal = Journal::open(folder.path(), time(MONDAY)).unwrap();
    assert_eq!(journal.append(time(MONDAY), vec![entry("d")]).unwrap(), 2);
    assert!(check(folder.path(), None).holds());
}
