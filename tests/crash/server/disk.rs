//! The disk of the server is full.

use super::super::bench::{Bench, say};
use super::{on_server, recover};
use crate::support::campaign::sample;
use crate::support::postgres::Server;

/// KiB that are left when the batch begins.
const LEFT: [u32; 8] = [0, 8, 24, 40, 56, 72, 96, 128];

#[test]
fn a_full_disk_of_the_server_ends_the_run_and_loses_nothing() {
    let bench = Bench::new(300, 50);
    let (mut full, mut cases) = (0, 0);
    for left in sample(LEFT, 3) {
        let server = Server::start_on_small_disk();
        let url = server.url("reroot");
        let workshop = on_server(&bench, &url);
        server.fill_disk(left);
        let finished = workshop.reroot(&bench.command()).run();
        let (case, err) = (format!("{left} KiB left"), finished.err());
        cases += 1;
        if finished.code == Some(5) {
            full += 1;
            assert!(err.contains("error: ledger `postgres://"), "{case}: {err}");
            assert!(!workshop.path("batch").exists(), "{case}");
        } else {
            assert_eq!(finished.code, Some(0), "{case}: {err}");
        }
        server.free_disk();
        recover(&bench, &workshop, &url, &case);
    }
    say(&format!("{full} of {cases} disks were too small"));
    assert!(full > 0);
}
