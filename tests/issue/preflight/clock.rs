//! A clock that jumps.

use reroot::ledger::Ledger;

use super::ca::{Foreign, issue};

fn at(ca: &Foreign, offset: &str, leaf: usize, out: &str, more: &[&str]) -> crate::support::run::Finished {
    let args = issue(leaf, out, more);
    ca.reroot_at(offset, &args.iter().map(String::as_str).collect::<Vec<_>>())
}

#[test]
fn a_clock_behind_the_last_batch_is_refused_unless_accepted_and_history_holds() {
    let ca = Foreign::with(&[]);
    at(&ca, "+0d", 0, "one", &[]).success();
    let said = at(&ca, "-3d", 1, "two", &[]).expect(2).err();
    assert!(said.contains("before the newest instant that is known") && said.contains("--accept-clock"), "{said}");
    assert!(!ca.path("two").exists());
    at(&ca, "-3d", 1, "two", &["--accept-clock", "", "--dry-run"]).expect(2);
    // a rehearsal records nothing
    at(&ca, "-3d", 1, "two", &["--accept-clock", "the battery was replaced", "--dry-run"]).success();
    let said = at(&ca, "-3d", 1, "two", &["--accept-clock", "the battery was replaced"]).success().out();
    assert!(said.contains("accepted: the battery was replaced"), "{said}");
    // what was accepted is the new clock: it needs no word again
    at(&ca, "-2d", 2, "three", &[]).success();
    let ledger = Ledger::open(&ca.path("ledger.db"), ca.issuing().spki()).unwrap();
    let accepted = ledger.accepted().unwrap();
    assert_eq!(accepted.len(), 1);
    assert_eq!(accepted[0].reason, "the battery was replaced");
    assert!(accepted[0].clock < accepted[0].known);
    drop(ledger);
    ca.reroot(&["ledger", "verify", "ledger.db"]).success();
    let stats = ca.reroot(&["ledger", "stats", "ledger.db"]).success().out();
    assert!(stats.contains("accepted"), "{stats}");
    for (batch, others) in [("one", ["two", "three"]), ("two", ["one", "three"]), ("three", ["one", "two"])] {
        ca.verify(batch, "root.pem", &["--history", others[0], others[1]]).success();
    }
}

#[test]
fn a_clock_years_ahead_is_refused_unless_accepted() {
    let ca = Foreign::with(&[]);
    let said = at(&ca, "+3y", 0, "one", &[]).expect(2).err();
    assert!(said.contains("far after the newest instant") && said.contains("400 days"), "{said}");
    ca.is_untouched();
    at(&ca, "+3y", 0, "one", &["--accept-clock", "first run after three years in a safe"]).success();
    ca.verify("one", "root.pem", &[]).success();
    // the right clock is behind it now
    at(&ca, "+0d", 1, "two", &[]).expect(2);
    at(&ca, "+0d", 1, "two", &["--accept-clock", "the other one was wrong"]).success();
    at(&ca, "+1d", 2, "three", &[]).success();
    ca.verify("three", "root.pem", &["--history", "one", "two"]).success();
    ca.reroot(&["ledger", "verify", "ledger.db"]).success();
}

#[test]
fn a_year_between_two_batches_is_no_jump() {
    let ca = Foreign::with(&[]);
    at(&ca, "+0d", 0, "one", &[]).success();
    at(&ca, "+370d", 1, "two", &[]).success();
    at(&ca, "+740d", 2, "three", &[]).success();
}
