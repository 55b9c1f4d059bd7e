//! The ledger on a PostgreSQL server: what can happen to the server, to the connection and to the program while a batch is
//! made, and the same command again.

mod copy;
mod cuts;
mod disk;
mod kills;
mod older;
mod pool;
mod standby;
mod workers;

use std::path::Path;

use super::bench::Bench;
use crate::support::run::Finished;
use crate::support::workshop::Workshop;

/// A folder of the bench whose ledger has moved to this URL. Its head is noted in a file.
fn on_server(bench: &Bench, url: &Path) -> Workshop {
    let workshop = bench.fresh();
    workshop.reroot(&["ledger", "copy", "pki/ledger.db"]).arg(url).run().success();
    let config = workshop.path("pki/reroot.toml");
    let text = std::fs::read_to_string(&config).unwrap();
    let head = format!("url = \"\"\nhead_file = \"{}\"", workshop.path("head").display());
    let moved = text.replace("path = \"ledger.db\"", &head);
    assert_ne!(moved, text);
    std::fs::write(&config, moved).unwrap();
    name_in_configuration(&workshop, url);
    workshop
}

/// Lets the configuration name this URL.
fn name_in_configuration(workshop: &Workshop, url: &Path) {
    let config = workshop.path("pki/reroot.toml");
    let text = std::fs::read_to_string(&config).unwrap();
    let line = text.lines().find(|line| line.starts_with("url = ")).unwrap();
    std::fs::write(&config, text.replace(line, &format!("url = \"{}\"", url.display()))).unwrap();
}

/// The same command again makes the batch: one certificate a chip, each over the bytes that were recorded, nothing
/// recorded twice. The ledger is a file afterwards.
fn recover(bench: &Bench, workshop: &Workshop, url: &Path, case: &str) {
    let again = workshop.reroot(&bench.command()).run();
    assert_eq!(again.code, Some(0), "{case}: {}", again.err());
    check_made(bench, workshop, url, case);
}

fn check_made(bench: &Bench, workshop: &Workshop, url: &Path, case: &str) {
    verify(workshop).success();
    workshop.verify("batch", &["--input", "reel.zip", "--history", "earlier"]).success();
    workshop.reroot(&["ledger", "copy"]).arg(url).arg("pki/back.db").run().success();
    std::fs::rename(workshop.path("pki/back.db"), workshop.path("pki/ledger.db")).unwrap();
    bench.check_whole(workshop, &bench.before, case);
}

fn verify(workshop: &Workshop) -> Finished {
    workshop.reroot(&["ledger", "verify", "--config", "pki/reroot.toml"]).run()
}
