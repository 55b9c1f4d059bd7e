//! The connection is cut when a transaction is to be committed: before the server has the COMMIT, or before the program
//! has the answer.

use super::super::bench::{Bench, say};
use super::{check_made, name_in_configuration, on_server, recover};
use crate::support::campaign::sample;
use crate::support::postgres::Server;
use crate::support::proxy::{Cut, Proxy};

#[test]
fn after_a_cut_at_any_commit_the_same_command_makes_the_batch() {
    let server = Server::start();
    let bench = Bench::new(12, 5);
    let whole = Proxy::start(&server.socket(), Cut::Never);
    let url = server.url("whole");
    let workshop = on_server(&bench, &url);
    name_in_configuration(&workshop, &whole.url("whole"));
    workshop.reroot(&bench.command()).run().success();
    check_made(&bench, &workshop, &url, "undisturbed");
    let commits = whole.commits();
    say(&format!("commits: {commits}"));
    assert!(commits > 4);

    let cuts = (1..=commits).flat_map(|number| [Cut::Before(number), Cut::After(number)]);
    for (number, cut) in sample(cuts.enumerate(), 5) {
        let case = format!("{cut:?}");
        let schema = format!("c{number}");
        let proxy = Proxy::start(&server.socket(), cut);
        let workshop = on_server(&bench, &server.url(&schema));
        name_in_configuration(&workshop, &proxy.url(&schema));
        let finished = workshop.reroot(&bench.command()).run();
        let err = finished.err();
        if matches!(cut, Cut::After(_)) {
            // it is on the ledger, and the run found it there
            assert_eq!(finished.code, Some(0), "{case}: {err}");
        } else {
            assert_eq!(finished.code, Some(5), "{case}: {err}");
            assert!(err.contains("error: ledger `postgres://"), "{case}: {err}");
            assert!(!workshop.path("batch").exists(), "{case}");
        }
        recover(&bench, &workshop, &server.url(&schema), &case);
    }
}
