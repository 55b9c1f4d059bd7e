//! Rounds that are killed, rounds at the same time, and the records of all of them read by another program.

use std::collections::BTreeSet;

use reroot::crl::Crl;

use super::field::{Field, json as read};
use crate::support::run::{Run, project};

/// The calls by which a round changes a file, one group for each loop. strace counts in each thread.
const CALLS: [(&str, usize); 4] =
    [("fsync,fdatasync", 1), ("rename,renameat,renameat2,mkdir,unlink,unlinkat", 1), ("write", 3), ("pwrite64", 5)];

fn round(field: &Field) -> Run {
    field.workshop.reroot(&["crl", "--out", "www", "--format", "json", "--config", "pki/reroot.toml"])
}

/// The numbers of the lists under their final names: each list is whole.
fn published(field: &Field) -> BTreeSet<u64> {
    let Ok(folder) = std::fs::read_dir(field.path("www")) else { return BTreeSet::new() };
    let names = folder.map(|entry| entry.unwrap().path());
    let lists = names.filter(|path| path.extension().is_some_and(|extension| extension == "crl"));
    lists
        .map(|path| {
            let list = Crl::from_der(std::fs::read(&path).unwrap());
            list.unwrap_or_else(|error| panic!("{}: {error}", path.display())).number().value().unwrap()
        })
        .collect()
}

/// The lists of all rounds follow from the ledger's records, and the program that says so shares no line with this one.
fn another_program_rebuilds_every_list(field: &Field) {
    let script = project("verifier/rebuild_crl.py");
    let run = Run::venv("python").arg("-B").arg(script).args(["pki/ledger.db", "pki/ca/issuing.pem"]);
    let said = run.folder(field.workshop.folder()).run().success().out();
    assert!(said.lines().count() > 0 && said.lines().all(|line| line.ends_with(": OK")), "{said}");
}

#[test]
fn a_round_that_was_killed_is_finished_by_the_same_command() {
    let field = Field::new(12);
    field.revoke(&["--uid", &field.uid(3), "--reason", "keyCompromise"]).success();
    let mut last = 0;
    for (calls, step) in CALLS {
        for nth in (1..).step_by(step) {
            let inject = format!("inject={calls}:signal=KILL:when={nth}");
            let trace = format!("trace={calls}");
            let strace = ["-f", "-qq", "-o", "/dev/null", "-e", &trace, "-e", &inject];
            let args = ["crl", "--out", "www", "--config", "pki/reroot.toml"];
            let run = Run::tool("strace").args(strace).arg(env!("CARGO_BIN_EXE_reroot")).args(args);
            let killed = run.folder(field.workshop.folder()).run();
            let seen = published(&field);
            assert!(seen.last().is_none_or(|number| *number >= last), "{calls} {nth}: {seen:?} after {last}");
            let made = read(&round(&field).run().success());
            let number = made["round"].as_u64().unwrap();
            assert_eq!(published(&field), BTreeSet::from([number]), "{calls} {nth}");
            assert!(number > last, "{calls} {nth}: {number} after {last}");
            last = number;
            let names: BTreeSet<_> =
                std::fs::read_dir(field.path("www")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
            assert_eq!(names, ["1.crl", "2.crl", "3.crl", "4.crl", "full.crl", "index.json"].map(Into::into).into());
            if killed.code == Some(0) {
                assert!(nth > 1, "{calls}: nothing was killed");
                break;
            }
        }
    }
    assert_eq!(field.serials("www/full.crl").len(), 1);
    field.ledger_holds();
    another_program_rebuilds_every_list(&field);
}

#[test]
fn two_rounds_at_once_have_two_numbers() {
    let field = Field::new(6);
    field.revoke(&["--uid", &field.uid(1), "--reason", "superseded"]).success();
    let running = [round(&field).start(), round(&field).start()];
    let numbers = running.map(|one| read(&one.finish().success())["round"].as_u64().unwrap());
    assert_eq!(BTreeSet::from(numbers), BTreeSet::from([1, 2]));
    assert_eq!(published(&field), BTreeSet::from([2]));
    field.ledger_holds();
    another_program_rebuilds_every_list(&field);
}

#[test]
fn lists_with_holds_and_releases_follow_from_the_records() {
    let field = Field::new(9);
    field.revoke(&["--uid", &field.uid(0), "--uid", &field.uid(7), "--hold"]).success();
    field.crl();
    field.release(&["--uid", &field.uid(7)]).success();
    field.revoke(&["--uid", &field.uid(2), "--reason", "cessationOfOperation"]).success();
    field.crl();
    field.revoke(&["--uid", &field.uid(0), "--reason", "keyCompromise"]).success();
    field.crl();
    assert_eq!(field.serials("www/full.crl").len(), 2);
    another_program_rebuilds_every_list(&field);
}
