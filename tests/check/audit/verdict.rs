//! Demands on what the verifiers say of a batch.

use std::collections::BTreeSet;

use super::batch::codes;
use crate::support::workshop::Workshop;

/// Demands that the program and the verifier in Python come to one verdict on the batch alone.
pub(crate) fn agree(workshop: &Workshop, out: &str) {
    let alone = workshop.verify(out, &[]).code;
    assert!(matches!(alone, Some(0 | 1)), "{out}: exit code {alone:?}");
    crate::support::opinion::agreed(workshop, out, alone == Some(0));
}

/// Demands that the batch at `out` is refused, for these reasons among others.
#[track_caller]
pub(crate) fn refused(workshop: &Workshop, out: &str, more: &[&str], because: &[&str]) {
    agree(workshop, out);
    let finished = workshop.verify(out, &[&["--format", "json"], more].concat());
    assert_eq!(finished.code, Some(1), "{because:?}: accepted\n{}{}", finished.out(), finished.err());
    let found = codes(&finished);
    for code in because {
        assert!(found.contains(*code), "{code} is not among {found:?}\n{}", finished.out());
    }
}

/// Demands that the batch at `out` is refused for these reasons and no other.
#[track_caller]
pub(crate) fn refused_only(workshop: &Workshop, out: &str, more: &[&str], because: &[&str]) {
    agree(workshop, out);
    let finished = workshop.verify(out, &[&["--format", "json"], more].concat());
    assert_eq!(finished.code, Some(1), "{because:?}: accepted\n{}{}", finished.out(), finished.err());
    let expected: BTreeSet<String> = because.iter().map(|code| (*code).to_owned()).collect();
    assert_eq!(codes(&finished), expected, "{}", finished.out());
}
