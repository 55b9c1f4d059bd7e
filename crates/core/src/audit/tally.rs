//! What a batch holds, counted while its lines are read: for reports, no check depends on it.

use std::collections::BTreeMap;

use crate::manifest::Entry;
use crate::x509::{Certificate, Time};

/// Counts over all certificates that hold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Certificates by kind of public key.
    pub keys: BTreeMap<String, u64>,
    /// Certificates by the year in which they end.
    pub ends: BTreeMap<i32, u64>,
    /// Certificates by the month from which they are valid, as `2026-06`.
    pub begins: BTreeMap<String, u64>,
    /// Leaves by the year from which they are valid: when the chips were made.
    pub made: BTreeMap<i32, u64>,
    /// Certificates by length in bytes, in steps of 16.
    pub lengths: BTreeMap<u32, u64>,
}

impl Tally {
    pub(super) fn add(&mut self, sample: &Sample) {
        *self.keys.entry(sample.key.clone()).or_default() += 1;
        *self.ends.entry(sample.not_after.civil().year()).or_default() += 1;
        *self.begins.entry(sample.not_before.to_string()[..7].to_owned()).or_default() += 1;
        *self.made.entry(sample.made.civil().year()).or_default() += 1;
        *self.lengths.entry(sample.bytes / 16 * 16).or_default() += 1;
    }
}

/// What one line adds.
pub(super) struct Sample {
    key: String,
    not_before: Time,
    not_after: Time,
    made: Time,
    bytes: u32,
}

impl Sample {
    pub(super) fn of(entry: &Entry, leaf: &Certificate) -> Self {
        Self {
            key: leaf.spki().algorithm().to_string(),
            not_before: entry.validity().not_before(),
            not_after: entry.validity().not_after(),
            made: leaf.validity().not_before(),
            bytes: entry.bytes(),
        }
    }
}
