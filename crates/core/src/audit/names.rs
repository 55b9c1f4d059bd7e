//! Names of items over all lines of a batch: an item is in one line or in one finding.

use std::path::Path;

use crate::error::Error;
use crate::manifest;
use crate::origin::ItemName;
use crate::reel::{SortedRecord, SortedSpool};

use super::inputs::half_digest;
use super::report::{AuditReport, code};

/// The names of all lines, until they are sorted.
pub(super) struct Names(SortedSpool);

impl Names {
    pub(super) fn new(scratch: &Path) -> Self {
        Self(SortedSpool::new(scratch))
    }

    /// Adds the item of a line, which is counted from zero.
    pub(super) fn add(&mut self, item: &ItemName, file: &'static str, line: u64) -> Result<(), Error> {
        let place = line << 1 | u64::from(file == manifest::REJECTED_FILE);
        let (key, body) = (half_digest(item.as_str().as_bytes()), &place.to_be_bytes());
        Ok(self.0.add(SortedRecord { key, name: &[], body })?)
    }

    /// Reports every item that is there again.
    pub(super) fn finish(self, report: &mut AuditReport) -> Result<(), Error> {
        let before = report.count();
        let sorted = self.0.finish()?;
        let mut records = sorted.records();
        let mut last: Option<(u128, u64)> = None;
        while let Some(record) = records.next_record()? {
            let place = u64::from_be_bytes(record.body.try_into().map_err(|_| Error::SpoolChanged)?);
            match last {
                Some((key, first)) if key == record.key => {
                    let message = format!("is about the same item as {}", shown(first));
                    report.fault(code::ACCOUNT_TWICE, &shown(place), &message);
                }
                _ => last = Some((record.key, place)),
            }
        }
        report.checked_since(before, "every item is named in one line or one finding");
        Ok(())
    }
}

fn shown(place: u64) -> String {
    let file = if place & 1 == 0 { manifest::ENTRIES_FILE } else { manifest::REJECTED_FILE };
    format!("{file} line {}", (place >> 1) + 1)
}
