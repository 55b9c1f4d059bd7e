//! A million certificates revoked: how long that takes to record, what a round costs, and whether `issue` feels it.
//!
//! ```text
//! cargo bench --bench revocation
//! ```
//!
//! As many TEST leaves as REROOT_BENCH_CHIPS says (a million if it says nothing) are issued in one batch of the shipped
//! policy, whose certificates are on 64 CRLs, and all are revoked. The ledger is copied before, so that small batches can
//! be issued with and without the revocations, in turns. Each figure is that of a whole command, from its start to its end.

use std::process::Command;
use std::time::Duration;

use reroot_test_support::bench::{self, Bench, Ran};
use reroot_test_support::pki::TestPki;
use serde_json::Value;

const SMALL: u64 = 100;
const ROUNDS: u64 = 15;

#[expect(clippy::print_stdout, reason = "a benchmark's output")]
fn main() {
    let chips = bench::chips();
    let temporary = tempfile::tempdir().expect("a folder");
    let kept = bench::kept();
    let folder = kept.as_deref().unwrap_or(temporary.path());
    let bench = Bench { program: env!("CARGO_BIN_EXE_reroot"), folder, pki: TestPki::shipped() };
    bench.authority();
    bench.reel("reel.zip", 0..chips);
    let issued = issue(&bench, "pki", "reel.zip", "batch");
    println!("{chips} certificates issued in {}", figures(&issued));
    Command::new("cp").args(["-a", "pki", "without"]).current_dir(folder).status().expect("cp");

    let batch = json(&issued)["batch"].as_str().expect("the batch's name").to_owned();
    let revoke = ["revoke", "--batch", &batch, "--reason", "keyCompromise", "--yes", "--format", "json"];
    let revoked = bench.run(&[&revoke[..], &["--config", "pki/reroot.toml"]].concat());
    println!("all of them revoked in {}", figures(&revoked));

    for round in ["first", "second"] {
        let made = bench.run(&["crl", "--out", "www", "--format", "json", "--config", "pki/reroot.toml"]);
        let lists = json(&made)["lists"].as_array().expect("lists").clone();
        assert_eq!(lists[0]["entries"], chips, "all are on the full list");
        let bytes = std::fs::metadata(folder.join("www/full.crl")).expect("the full list").len();
        println!("{round} round: {} lists, the full one of {bytes} bytes, in {}", lists.len(), figures(&made));
    }

    let (mut with, mut without) = (vec![], vec![]);
    for round in 0..ROUNDS {
        let start = chips + round * SMALL;
        let reel = format!("small-{round}.zip");
        bench.reel(&reel, start..start + SMALL);
        with.push(issue(&bench, "pki", &reel, &format!("with-{round}")).took);
        without.push(issue(&bench, "without", &reel, &format!("without-{round}")).took);
    }
    let (with, without) = (median(&mut with), median(&mut without));
    let ratio = with.as_secs_f64() / without.as_secs_f64();
    println!("{SMALL} leaves issued in {with:.1?} with the revocations, {without:.1?} without: {ratio:.3}");
}

fn issue(bench: &Bench<'_>, ca: &str, reel: &str, out: &str) -> Ran {
    let config = format!("{ca}/reroot.toml");
    let args = ["issue", reel, "--policy", "policy.toml", "--out", out, "--format", "json", "--config", &config];
    bench.run(&args)
}

fn json(ran: &Ran) -> Value {
    serde_json::from_str(&ran.out).expect("JSON")
}

fn figures(ran: &Ran) -> String {
    format!("{:.2?}, peak memory {}", ran.took, ran.peak)
}

fn median(times: &mut [Duration]) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}
