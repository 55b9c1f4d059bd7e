//! `reroot ledger copy` is killed at any call that changes a file, or cut from the server at any commit: there are never two
//! ledgers that can be written, and the same command ends with one.

use std::path::{Path, PathBuf};

use reroot::ledger::Ledger;
use reroot::x509::{Certificate, pem};

use super::super::bench::{Bench, disturb, faulty, records, say};
use super::super::calls::faults;
use crate::support::campaign::sample;
use crate::support::postgres::Server;
use crate::support::proxy::{Cut, Proxy};
use crate::support::run::Run;
use crate::support::workshop::Workshop;

/// Whether a run could add to the ledger.
fn can_be_written(workshop: &Workshop, place: &Path) -> bool {
    let text = std::fs::read(workshop.path("pki/ca/issuing.pem")).unwrap();
    let issuing = Certificate::from_der(&pem::read(&text).unwrap()[0].der).unwrap();
    Ledger::open(place, issuing.spki()).is_ok()
}

/// Gives the command again, and checks which ledger is open before and after.
fn goes_on(workshop: &Workshop, from: &Path, to: &Path, case: &str) {
    let open = |place| can_be_written(workshop, place);
    assert!(!(open(from) && open(to)), "{case}: two ledgers can be written");
    for again in ["again", "once more"] {
        let run = workshop.reroot(&["ledger", "copy"]).arg(from).arg(to).run();
        assert_eq!(run.code, Some(0), "{case}, {again}: {}", run.err());
    }
    assert_eq!((open(from), open(to)), (false, true), "{case}");
}

/// The ledger of the folder is what it was, if it is moved to a file.
fn ends_as(bench: &Bench, workshop: &Workshop, place: &Path, case: &str) {
    workshop.reroot(&["ledger", "copy"]).arg(place).arg("pki/end.db").run().success();
    std::fs::rename(workshop.path("pki/end.db"), workshop.path("pki/ledger.db")).unwrap();
    assert!(records(workshop) == bench.before, "{case}: the records are not those of before");
}

/// Kills at each call of `command`, in ways of which none is an error that the program sees.
fn killed_at_each_call(step: usize, start: &dyn Fn(usize) -> (Workshop, PathBuf, PathBuf), bench: &Bench) {
    let (workshop, from, to) = start(0);
    let command = |from: &Path, to: &Path| {
        ["ledger", "copy"].map(PathBuf::from).into_iter().chain([from.to_owned(), to.to_owned()]).collect::<Vec<_>>()
    };
    let words = command(&from, &to);
    let words: Vec<&str> = words.iter().map(|word| word.to_str().unwrap()).collect();
    let undisturbed = disturb(workshop, &[], &words);
    assert_eq!(undisturbed.finished.code, Some(0), "{}", undisturbed.finished.err());
    let calls = undisturbed.calls;
    let cases = faults(&calls, 0..calls.len()).into_iter().filter(|(_, how, _)| how.starts_with("kill"));
    let mut killed = 0;
    for (number, (when, how, at)) in sample(cases.enumerate(), step) {
        let (workshop, from, to) = start(number + 1);
        let case = format!("{when} {at} --how {how} ({})", calls[at - 1]);
        let run = Run::tool(faulty()).args(["--under", ".", when, &at.to_string(), "--how", how]);
        let run = run.arg(env!("CARGO_BIN_EXE_reroot")).args(command(&from, &to)).folder(workshop.folder()).run();
        assert_eq!(run.code, Some(137), "{case}: {}", run.err());
        killed += 1;
        goes_on(&workshop, &from, &to, &case);
        ends_as(bench, &workshop, &to, &case);
    }
    say(&format!("{killed} kills at {} calls", calls.len()));
    assert!(killed > 2);
}

#[test]
fn a_copy_between_files_that_is_killed_at_any_call_goes_on() {
    let bench = Bench::new(1, 1);
    let start = |_| {
        let workshop = bench.fresh();
        let [from, to] = ["pki/ledger.db", "pki/new.db"].map(|name| workshop.path(name));
        (workshop, from, to)
    };
    killed_at_each_call(9, &start, &bench);
}

#[test]
fn a_copy_to_a_server_that_is_killed_at_any_call_goes_on() {
    let server = Server::start();
    let bench = Bench::new(1, 1);
    let start = |number| {
        let workshop = bench.fresh();
        let from = workshop.path("pki/ledger.db");
        (workshop, from, server.url(&format!("c{number}")))
    };
    killed_at_each_call(5, &start, &bench);
}

#[test]
fn a_closed_ledger_says_where_it_goes_on() {
    let server = Server::start();
    let workshop = Bench::new(1, 1).fresh();
    let url = server.url("acme");
    let moved = workshop.reroot(&["ledger", "copy", "pki/ledger.db"]).arg(&url).run().success();
    assert!(
        moved.err().contains("`pki/ledger.db` is closed; write `url` of the new one into [ledger]"),
        "{}",
        moved.err()
    );
    let place = url.to_str().unwrap();
    for verb in ["verify", "stats"] {
        let said = workshop.reroot(&["ledger", verb, "pki/ledger.db"]).run().success().out();
        assert!(said.contains("moved to") && said.contains(place), "{said}");
        let json = workshop.reroot(&["ledger", verb, "pki/ledger.db", "--format", "json"]).run().success().out();
        let json: serde_json::Value = serde_json::from_str(&json).unwrap();
        assert_eq!(json["moved_to"], place);
    }
    assert!(!workshop.reroot(&["ledger", "stats"]).arg(&url).run().success().out().contains("moved to"));
}

#[test]
fn a_copy_from_a_server_that_is_killed_at_any_call_goes_on() {
    let server = Server::start();
    let bench = Bench::new(1, 1);
    let start = |number| {
        let workshop = bench.fresh();
        let url = server.url(&format!("c{number}"));
        workshop.reroot(&["ledger", "copy", "pki/ledger.db"]).arg(&url).run().success();
        let to = workshop.path("pki/new.db");
        (workshop, url, to)
    };
    killed_at_each_call(7, &start, &bench);
}

#[test]
fn a_copy_that_is_cut_from_the_server_at_any_commit_goes_on() {
    let server = Server::start();
    let bench = Bench::new(1, 1);
    for number in 1..=2 {
        for (name, cut) in [("before", Cut::Before(number)), ("after", Cut::After(number))] {
            let case = format!("{cut:?}");
            // to the server; the second COMMIT does not come
            let workshop = bench.fresh();
            let file = workshop.path("pki/ledger.db");
            let proxy = Proxy::start(&server.socket(), cut);
            let url = proxy.url(&format!("{name}{number}"));
            let run = workshop.reroot(&["ledger", "copy"]).arg(&file).arg(&url).run();
            let lost = proxy.commits() >= number && name == "before";
            assert_eq!(run.code, Some(if lost { 5 } else { 0 }), "{case}: {}", run.err());
            goes_on(&workshop, &file, &url, &case);
            // and back: only the record that closes it is committed there
            let back = workshop.path("pki/back.db");
            let proxy = Proxy::start(&server.socket(), cut);
            let url = proxy.url(&format!("{name}{number}"));
            let run = workshop.reroot(&["ledger", "copy"]).arg(&url).arg(&back).run();
            let lost = proxy.commits() >= number && name == "before";
            assert_eq!(run.code, Some(if lost { 5 } else { 0 }), "{case}: {}", run.err());
            goes_on(&workshop, &url, &back, &case);
            ends_as(&bench, &workshop, &back, &case);
        }
    }
}
