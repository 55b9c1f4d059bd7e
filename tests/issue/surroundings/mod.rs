//! Surroundings that can do less than a local disk and a machine of one's own: file systems without an exclusive
//! rename, systems without a thread to spare, folders that other users can write to.
#![expect(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "helpers of tests, which clippy takes for a program"
)]

mod outputs;
mod threads;
mod trust;
use crate::support::workshop::Workshop;

/// A workshop with a reel of so many chips.
fn workshop(chips: u64) -> Workshop {
    let workshop = Workshop::new();
    workshop.reel("reel.zip", 0..chips);
    workshop
}

/// `reroot issue reel.zip` under the workshop's policy.
const ISSUE: [&str; 7] = ["issue", "reel.zip", "--policy", "policy.toml", "--set", "lot=A1", "--out"];

/// Batches that were started on the workshop's ledger.
fn begun(workshop: &Workshop) -> u64 {
    let stats =
        workshop.reroot(&["--format", "json", "ledger", "stats", "--config", "pki/reroot.toml"]).run().success();
    let stats: serde_json::Value = serde_json::from_slice(&stats.stdout).unwrap();
    stats["total"]["batches"].as_u64().unwrap_or_else(|| panic!("{stats}"))
}
