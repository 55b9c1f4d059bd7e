//! What a statement of version 2 says of the list of expected chips: how it was not met, as far as the batch shows it.
//! Whether these are the chips of the list, only the list can show.

use crate::delivery::{BatchReader, DeliveryError, Lines};
use crate::error::Error;
use crate::manifest::{self, FindingLine, MissingLine, Statement};
use crate::origin::Uid;
use crate::verify::{self, Family};

use super::report::{AuditReport, code};
use super::{believed, check_digest};

/// The lines of `missing.jsonl`, and the findings that are there because the list does not name a chip.
pub(super) fn check(reader: &BatchReader, statement: &Statement, report: &mut AuditReport) -> Result<(), Error> {
    let (Some(unmet), Some(family)) = (statement.unmet(), statement.format.family()) else { return Ok(()) };
    let before = report.count();
    let Some(lines) = believed(reader.lines(manifest::MISSING_FILE), manifest::MISSING_FILE, report)? else {
        return Ok(());
    };
    let mut missing = Missing { lines, family, number: 0, next: None, beginning: None };
    missing.step(report)?;
    if let Some(mut entries) = reported(reader.lines(manifest::ENTRIES_FILE))? {
        while let Some(uid) = reported(entries.next_line())?.flatten().map(uid_of) {
            if let Some(uid) = uid
                && missing.names(&uid, report)?
            {
                let message = format!("chip {uid} is in the batch");
                report.fault(code::EXPECTED_MISSING, manifest::MISSING_FILE, &message);
            }
        }
    }
    while missing.next.is_some() {
        missing.step(report)?;
    }
    if missing.number != unmet.missing_count {
        let message = format!("{} lines, the statement says {}", missing.number, unmet.missing_count);
        report.fault(code::EXPECTED_MISSING, manifest::MISSING_FILE, &message);
    }
    check_digest(&missing.lines.finish()?, statement, report);
    let surplus = surplus(reader)?;
    if surplus != unmet.surplus {
        let message = format!(
            "{surplus} findings are of chips that the list does not name, the statement says {}",
            unmet.surplus
        );
        report.fault(code::EXPECTED_SURPLUS, manifest::REJECTED_FILE, &message);
    }
    report
        .checked_since(before, "form, order and number of the missing chips, and the number of those not on the list");
    Ok(())
}

/// The chips of `missing.jsonl` on their way through.
struct Missing {
    lines: Lines,
    family: Family,
    number: u64,
    next: Option<Uid>,
    /// The last one that is only the beginning of a UID.
    beginning: Option<Uid>,
}

impl Missing {
    /// Reads the next chip. A line that cannot be read, or is out of order, ends the walk.
    fn step(&mut self, report: &mut AuditReport) -> Result<(), Error> {
        let last = self.next.take();
        self.beginning = last.filter(|chip| self.family.is_beginning(chip)).or(self.beginning);
        let Some(line) = believed(self.lines.next_line(), manifest::MISSING_FILE, report)?.flatten() else {
            return Ok(());
        };
        self.number += 1;
        let place = format!("{} line {}", manifest::MISSING_FILE, self.number);
        match MissingLine::parse(line) {
            Err(error) => report.fault(code::EXPECTED_MISSING, &place, &error.to_string()),
            Ok(line) if !self.family.lists(line.chip()) => {
                let message = format!("{} is not a chip of the family {}", line.chip(), self.family);
                report.fault(code::EXPECTED_MISSING, &place, &message);
            }
            Ok(line) if last.is_some_and(|last| last >= *line.chip()) => {
                report.fault(code::EXPECTED_MISSING, &place, "does not come after the chip before it");
            }
            Ok(line) => self.next = Some(*line.chip()),
        }
        Ok(())
    }

    /// Whether the file names a chip. Chips are asked about in order of UIDs.
    fn names(&mut self, uid: &Uid, report: &mut AuditReport) -> Result<bool, Error> {
        while self.next.is_some_and(|next| next < *uid) {
            self.step(report)?;
        }
        let begins = |beginning: Uid| uid.as_bytes().starts_with(beginning.as_bytes());
        Ok(self.next == Some(*uid) || self.beginning.is_some_and(begins))
    }
}

/// A file or line that cannot be read is reported where it is checked, and ends what is asked of it here.
fn reported<T>(result: Result<T, DeliveryError>) -> Result<Option<T>, Error> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.is_about_content() => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// How many findings are there because the list does not name a chip.
fn surplus(reader: &BatchReader) -> Result<u64, Error> {
    let codes = [verify::EXPECT_SURPLUS.as_str(), verify::EXPECT_UNEXPECTED.as_str()];
    let mut count = 0;
    let Some(mut lines) = reported(reader.lines(manifest::REJECTED_FILE))? else { return Ok(0) };
    while let Some(line) = reported(lines.next_line())?.flatten() {
        count += u64::from(FindingLine::parse(line).is_ok_and(|line| codes.contains(&line.code())));
    }
    Ok(count)
}

fn uid_of(line: &str) -> Option<Uid> {
    line.strip_prefix("{\"uid\":\"")?.split_once('"')?.0.parse().ok()
}
