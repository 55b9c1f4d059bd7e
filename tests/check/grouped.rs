//! What would be a line for each of thousands is grouped for people; JSON has all of it.

use reroot::durable::{Access, create_directory};

use crate::support::judges::put;
use crate::support::workshop::Workshop;

const LEAVES: u64 = 12;

#[test]
fn a_wrong_anchor_is_a_few_lines_and_a_hint() {
    let workshop = Workshop::new();
    workshop.reel("reel.zip", 0..LEAVES);
    workshop.issue("reel.zip", "batch", &[]).success();
    let wrong = ["verify", "batch", "--source-anchor", "pki/ca/root.pem", "--issuer-anchor", "pki/ca/root.pem"];
    let found = workshop.reroot(&wrong).run().expect(1).out();
    assert_eq!(found.lines().filter(|line| line.starts_with("FAULT [audit.source.rejected]")).count(), 3, "{found}");
    assert!(found.contains("  ... and 9 more of this kind (--format json lists them)\n"), "{found}");
    assert!(
        found.contains("  hint: Every leaf of the batch fails: check that --source-anchor names the root"),
        "{found}"
    );
    let all = workshop.reroot(&wrong).args(["--format", "json"]).run().expect(1).out();
    let all: serde_json::Value = serde_json::from_str(&all).unwrap();
    assert_eq!(all["faults"].as_array().unwrap().len() as u64, LEAVES);
}

#[test]
fn a_folder_is_one_line() {
    let workshop = Workshop::new();
    for folder in ["reel", "reel/lot"] {
        create_directory(&workshop.path(folder), Access::Public).unwrap();
    }
    for (number, leaf) in workshop.pki.leaves(0..LEAVES).iter().enumerate() {
        let folder = if number < 10 { "reel" } else { "reel/lot" };
        put(&workshop.path(&format!("{folder}/{}.der", leaf.uid())), &leaf.der);
    }
    let found = workshop.reroot(&["inspect", "reel"]).run().success().out();
    assert!(found.contains("10 in reel ("), "{found}");
    assert!(found.contains("2 in reel/lot ("), "{found}");
    assert_eq!(found.lines().filter(|line| line.contains("sha256")).count(), 0, "{found}");
    let all = workshop.reroot(&["inspect", "reel", "--format", "json"]).run().success().out();
    let all: serde_json::Value = serde_json::from_str(&all).unwrap();
    assert_eq!(all["inputs"].as_array().unwrap().len() as u64, LEAVES);
}
