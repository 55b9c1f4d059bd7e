//! Any bytes as an input: every one has an outcome, each item once, and nothing is left in the scratch directory.
#![no_main]

use std::collections::HashSet;
use std::ops::ControlFlow;

use libfuzzer_sys::fuzz_target;
use reroot::reel::{self, Input, Item, Limits};

fuzz_target!(|bytes: &[u8]| {
    let scratch = std::env::temp_dir();
    let limits = Limits { total_bytes: 16 << 20, ..Limits::default() };
    let mut names = HashSet::new();
    let records = reel::read(&Input::Stdin, Some(&mut &bytes[..]), &limits, &scratch, &mut |item| {
        let name = match item {
            Item::Candidate(leaf) => leaf.item,
            Item::Finding(finding) => finding.item,
        };
        assert!(names.insert(name), "an item came twice");
        ControlFlow::Continue(())
    });
    assert_eq!(records.expect("only the environment fails").len(), 1);
    assert!(!names.is_empty(), "an input without an outcome");
});
