//! The ledger on a streaming standby: verified there by a role that can read and nothing else, and waited for when it is gone.

use reroot::ledger::Kind;

use super::super::bench::Bench;
use super::{check_made, on_server};
use crate::support::postgres::Server;

#[test]
fn a_reader_verifies_a_standby_while_the_first_server_is_written_to() {
    let first = Server::start();
    first.execute("CREATE ROLE reroot_writer LOGIN; CREATE ROLE reroot_reader LOGIN");
    let bench = Bench::new(12, 5);
    let url = first.url("reroot");
    let workshop = on_server(&bench, &url);
    let standby = first.standby();
    let reader = standby.url_of("reroot_reader", "reroot");
    let ledger = |command: &str, more: &[&str]| workshop.reroot(&["ledger", command]).arg(&reader).args(more).run();
    let head = |url: &std::path::Path| workshop.reroot(&["ledger", "head"]).arg(url).run().success().out();

    let before = head(&url);
    let verified = ledger("verify", &[]).success();
    assert!(verified.out().contains(before.trim()) && verified.out().contains("ledger OK"), "{}", verified.out());
    workshop.reroot(&bench.command()).run().success();
    let after = head(&url);
    let records = std::fs::read_to_string(workshop.path("head")).unwrap();
    let records = records.split(' ').nth(1).unwrap().trim();
    standby.until(&format!("SELECT records >= {records} FROM reroot.head"));
    ledger("verify", &["--expect-head", after.trim()]).success();
    std::fs::write(workshop.path("head-of-before"), &before).unwrap();
    let rest = ledger("verify", &["--from", "head-of-before"]).success().out();
    assert!(rest.contains("not read") && rest.contains(after.trim()) && rest.contains("ledger OK"), "{rest}");
    let old = ledger("verify", &["--expect-head", before.trim()]).expect(2).err();
    assert!(old.contains(before.trim()), "{old}");
    // what the role and the server refuse, the program says
    let refused = workshop.reroot(&["ledger", "copy"]).arg(&reader).arg("copy.db").run().expect(5).err();
    assert!(refused.contains("is read-only for this user"), "{refused}");
    // a row that was changed on the first server does not verify on the standby either
    first.execute("UPDATE reroot.record SET body = 'x' WHERE kind = 3");
    standby.until("SELECT EXISTS (SELECT FROM reroot.record WHERE body = 'x')");
    let changed = ledger("verify", &[]).expect(1).out();
    assert!(changed.contains("it does not continue the hash chain") && changed.contains("FAILED"), "{changed}");
}

/// What the server committed and the standby has not: the run waits, also when an administrator ends one of its waits.
#[test]
fn a_run_waits_for_a_standby_that_is_gone() {
    let first = Server::start();
    let bench = Bench::new(2_000, 25);
    let url = first.url("reroot");
    let workshop = on_server(&bench, &url);
    let mut standby = first.standby();
    let earlier = bench.before.iter().filter(|record| record.entry.place.kind == Kind::Issued).count();
    let run = workshop.reroot(&bench.command()).start();
    first.until(&format!("SELECT count(*) > {earlier} FROM reroot.record WHERE kind = 9"));
    standby.kill();
    let waiting =
        |query: &str| format!("FROM pg_stat_activity WHERE wait_event = 'SyncRep' AND query LIKE '%{query}%'");
    first.until(&format!("SELECT EXISTS (SELECT {})", waiting("COMMIT")));
    let pid = first.client().query_one(&format!("SELECT pid {}", waiting("COMMIT")), &[]).unwrap().get::<_, i32>(0);
    first.execute(&format!("SELECT pg_cancel_backend({pid})"));
    // it writes the head once more, and waits for that
    first.until(&format!("SELECT EXISTS (SELECT {})", waiting("confirm")));
    assert!(!workshop.path("batch").exists());
    standby.start_again();
    let made = run.finish();
    assert_eq!(made.code, Some(0), "{}", made.err());
    check_made(&bench, &workshop, &url, "a standby that was gone");

    // who has not begun yet does not begin: what is on the server may be lost with it
    let workshop = bench.fresh();
    let url = first.url("other");
    workshop.reroot(&["ledger", "copy", "pki/ledger.db"]).arg(&url).run().success();
    standby.kill();
    let run = workshop.reroot(&["ledger", "copy"]).arg(&url).arg("pki/back.db").start();
    first.until(&format!("SELECT EXISTS (SELECT {})", waiting("confirm")));
    let pid = first.client().query_one(&format!("SELECT pid {}", waiting("confirm")), &[]).unwrap().get::<_, i32>(0);
    first.execute(&format!("SELECT pg_cancel_backend({pid})"));
    let refused = run.finish().expect(5).err();
    assert!(refused.contains("its wait for the standby was cancelled"), "{refused}");
}
