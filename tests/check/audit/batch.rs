//! The batch that is tampered with, and how an auditor looks at it.

use std::collections::BTreeSet;

use crate::support::pki::{archive, variants};
use crate::support::run::Finished;
use crate::support::workshop::Workshop;

/// A workshop with a batch of four chips, of which one item was rejected and one ignored.
pub(crate) fn batch() -> Workshop {
    let workshop = Workshop::new();
    let leaves = workshop.pki.leaves(0..4);
    let forged = variants::bad_signature(&workshop.pki.leaf(7).der);
    let names: Vec<String> = leaves.iter().map(|leaf| format!("{}.der", leaf.uid())).collect();
    let mut files: Vec<(&str, &[u8])> =
        names.iter().map(String::as_str).zip(leaves.iter().map(|leaf| &leaf.der[..])).collect();
    files.push(("forged.der", &forged));
    files.push(("README.txt", b"a reel\n"));
    workshop.write("reel.zip", &archive::zip(&files));
    workshop.issue("reel.zip", "batch", &["--on-reject", "skip"]).expect(1);
    workshop
}

/// The distinct codes of what an audit found.
pub(crate) fn codes(finished: &Finished) -> BTreeSet<String> {
    let report: serde_json::Value = serde_json::from_slice(&finished.stdout)
        .unwrap_or_else(|error| panic!("{error}: {}\n{}", finished.out(), finished.err()));
    let faults = report["faults"].as_array().expect("a list of faults");
    assert_eq!(report["holds"], faults.is_empty());
    faults.iter().map(|fault| fault["code"].as_str().expect("a code").to_owned()).collect()
}
