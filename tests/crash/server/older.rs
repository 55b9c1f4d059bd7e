//! A server that lacks records which it had confirmed: an old backup was restored, or a standby took over that had not
//! received everything.

use super::super::bench::Bench;
use super::{name_in_configuration, on_server, verify};
use crate::support::postgres::Server;
use crate::support::run::Finished;
use crate::support::workshop::Workshop;

/// A folder with one batch on the server, and the reel of a second one.
fn with_a_batch(server: &Server) -> (Bench, Workshop) {
    let bench = Bench::new(5, 5);
    let workshop = on_server(&bench, &server.url("reroot"));
    workshop.reroot(&bench.command()).run().success();
    workshop.reel("later.zip", 500..503);
    workshop.reel("next.zip", 600..603);
    (bench, workshop)
}

fn head(workshop: &Workshop, server: &Server) -> String {
    workshop.reroot(&["ledger", "head"]).arg(server.url("reroot")).run().success().out()
}

/// Nothing is issued, by any command, until a person has decided what the ledger lacks.
fn is_refused(workshop: &Workshop, server: &Server) {
    let before = head(workshop, server);
    let said = |finished: Finished| {
        let err = finished.expect(5).err();
        let noted = format!("which the last run noted in `{}`", workshop.path("head").display());
        assert!(err.contains("error: ledger head is ") && err.contains(&noted), "{err}");
    };
    for _ in 0..2 {
        said(workshop.issue("next.zip", "next", &[]));
        said(verify(workshop));
    }
    assert_eq!(head(workshop, server), before, "something was recorded");
    assert!(!workshop.path("next").exists());
}

#[test]
fn an_old_backup_of_the_server_is_refused_until_a_person_answers() {
    let mut server = Server::start();
    let (_bench, workshop) = with_a_batch(&server);
    server.keep_copy();
    workshop.issue("later.zip", "later", &[]).success();
    server.restore_copy();
    is_refused(&workshop, &server);
    // the answer: the person has looked at what is missing, and puts the note aside
    std::fs::rename(workshop.path("head"), workshop.path("head-before-the-restore")).unwrap();
    let next = workshop.issue("next.zip", "next", &[]).success();
    assert!(next.err().contains("to compare the ledger's head with"), "{}", next.err());
    verify(&workshop).success();
}

#[test]
fn a_standby_that_had_not_received_everything_is_refused() {
    let mut first = Server::start();
    let mut standby = first.standby();
    let (_bench, workshop) = with_a_batch(&first);
    standby.kill();
    // a person lets the first server go on alone
    first.execute("ALTER SYSTEM RESET synchronous_standby_names");
    first.execute("SELECT pg_reload_conf()");
    workshop.issue("later.zip", "later", &[]).success();
    first.kill();
    standby.start_again();
    standby.promote();
    name_in_configuration(&workshop, &standby.url("reroot"));
    is_refused(&workshop, &standby);
}
