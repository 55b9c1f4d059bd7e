//! Accounting: every item is exactly one of issued, rejected, ignored.

use std::io::Read;
use std::ops::ControlFlow;

use crate::crypto::sha256;
use crate::delivery::BatchReader;
use crate::error::Error;
use crate::manifest::{self, Entry, FindingLine, InputLine, Statement};
use crate::origin::Disposition;
use crate::reel::{self, Input, Item};

use super::report::{AuditReport, code};
use super::{Audit, believed};

/// The statement's counts against the lines.
pub(super) fn check_counts(reader: &BatchReader, statement: &Statement, report: &mut AuditReport) -> Result<(), Error> {
    let mut rejected = 0;
    let mut ignored = 0;
    each_line(reader, manifest::REJECTED_FILE, report, |line, report| match FindingLine::parse(line) {
        Ok(line) if line.disposition() == Disposition::Rejected => rejected += 1,
        Ok(_) => ignored += 1,
        Err(error) => report.fault(code::ACCOUNT_LINE, manifest::REJECTED_FILE, &error.to_string()),
    })?;
    let counts = &statement.counts;
    let items = counts.issued + counts.rejected + counts.ignored;
    if counts.rejected != rejected || counts.ignored != ignored || counts.items != items {
        let message = format!(
            "statement: {} items = {} issued + {} rejected + {} ignored; lines: {rejected} rejected, {ignored} ignored",
            counts.items, counts.issued, counts.rejected, counts.ignored
        );
        report.fault(code::ACCOUNT_COUNTS, manifest::REJECTED_FILE, &message);
    } else {
        report.checked("the counts: items = issued + rejected + ignored");
    }
    Ok(())
}

/// The inputs themselves: the same octets, and every item of theirs in the manifest or among the findings, once.
pub(super) fn check_inputs(
    job: &Audit<'_>,
    reader: &BatchReader,
    statement: &Statement,
    stdin: &mut (dyn Read + Send),
    report: &mut AuditReport,
) -> Result<(), Error> {
    let mut seen: Vec<[u8; 16]> = Vec::new();
    let mut records = Vec::new();
    for input in job.inputs {
        let stdin: Option<&mut dyn Read> = if *input == Input::Stdin { Some(&mut *stdin) } else { None };
        let mut each = |item| {
            seen.push(match &item {
                Item::Candidate(leaf) => digest(leaf.item.as_str()),
                Item::Finding(finding) => digest(finding.item.as_str()),
            });
            ControlFlow::Continue(())
        };
        records.extend(reel::read(input, stdin, &job.limits, job.scratch, &mut each)?);
    }
    let lines: String = records
        .iter()
        .map(|input| InputLine::new(input.name.clone(), input.bytes, input.sha256).line() + "\n")
        .collect();
    if sha256(lines.as_bytes()) != statement.inputs.sha256 {
        let message = "these are not the inputs that the batch was made from (names, sizes or SHA-256 differ)";
        report.fault(code::ACCOUNT_INPUT, manifest::INPUTS_FILE, message);
        return Ok(());
    }
    let mut accounted: Vec<[u8; 16]> = Vec::with_capacity(seen.len());
    // lines that cannot be read have been reported where they were checked
    each_line(reader, manifest::ENTRIES_FILE, report, |line, _| {
        accounted.extend(Entry::parse(line).ok().map(|entry| digest(entry.source_item().as_str())));
    })?;
    each_line(reader, manifest::REJECTED_FILE, report, |line, _| {
        accounted.extend(FindingLine::parse(line).ok().map(|line| digest(line.item().as_str())));
    })?;
    seen.sort_unstable();
    accounted.sort_unstable();
    if seen == accounted {
        report.checked("the inputs: every item accounted for, once");
    } else {
        let message = format!("the inputs hold {} items, the batch accounts for {}", seen.len(), accounted.len());
        report.fault(code::ACCOUNT_ITEM, manifest::REJECTED_FILE, &message);
    }
    Ok(())
}

fn each_line(
    reader: &BatchReader,
    name: &'static str,
    report: &mut AuditReport,
    mut work: impl FnMut(&str, &mut AuditReport),
) -> Result<(), Error> {
    let Some(mut lines) = believed(reader.lines(name), name, report)? else { return Ok(()) };
    while let Some(line) = believed(lines.next_line(), name, report)?.flatten() {
        work(line, report);
    }
    Ok(())
}

/// Half a SHA-256 stands for an item's name: a collision would have to be made on purpose, by whoever made the archive,
/// to hide one of their own items.
fn digest(name: &str) -> [u8; 16] {
    sha256(name.as_bytes()).as_bytes()[..16].try_into().expect("half of 32 octets")
}
