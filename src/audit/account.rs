//! Accounting: every item is exactly one of issued, rejected, ignored.

use std::io::Read;
use std::num::NonZeroU32;

use crate::crypto::sha256;
use crate::delivery::BatchReader;
use crate::error::Error;
use crate::intake::{Intake, Source, read_and_verify};
use crate::manifest::{self, Entry, FindingLine, InputLine, IssuerMode, Statement};
use crate::origin::{Disposition, Finding, ItemName};
use crate::policy::Policy;
use crate::reel::{self, Edition, Input, Limits};
use crate::verify;
use crate::x509::Sha256Digest;

use super::report::{AuditReport, code};
use super::{Audit, believed, check_digest};

/// The statement's counts against the lines.
pub(super) fn check_counts(reader: &BatchReader, statement: &Statement, report: &mut AuditReport) -> Result<(), Error> {
    let before = report.count();
    let mut rejected = 0;
    let mut ignored = 0;
    each_line(reader, statement, manifest::REJECTED_FILE, report, |line, report| match FindingLine::parse(line) {
        Ok(line) if line.disposition() == Disposition::Rejected => rejected += 1,
        Ok(_) => ignored += 1,
        Err(error) => report.fault(code::ACCOUNT_LINE, manifest::REJECTED_FILE, &error.to_string()),
    })?;
    let mut inputs = 0;
    each_line(reader, statement, manifest::INPUTS_FILE, report, |line, report| {
        inputs += 1;
        if let Err(error) = InputLine::parse(line) {
            report.fault(code::ACCOUNT_LINE, manifest::INPUTS_FILE, &error.to_string());
        }
    })?;
    let counts = &statement.counts;
    let items = counts.issued + counts.rejected + counts.ignored;
    if counts.rejected != rejected || counts.ignored != ignored || counts.items != items {
        let message = format!(
            "statement: {} items = {} issued + {} rejected + {} ignored; lines: {rejected} rejected, {ignored} ignored",
            counts.items, counts.issued, counts.rejected, counts.ignored
        );
        report.fault(code::ACCOUNT_COUNTS, manifest::REJECTED_FILE, &message);
    }
    if statement.inputs.count != inputs {
        let message = format!("{inputs} inputs, the statement says {}", statement.inputs.count);
        report.fault(code::ACCOUNT_COUNTS, manifest::INPUTS_FILE, &message);
    }
    // discarded ones are signatures too; how many more there were is the signer's word
    let least = counts.issued.saturating_add(statement.discarded_serials.len() as u64);
    if statement.issuer.mode != IssuerMode::Foreign && counts.signatures_made < least {
        let message =
            format!("signatures_made is {}, which is less than the {least} in the batch", counts.signatures_made);
        report.fault(code::ACCOUNT_COUNTS, manifest::STATEMENT_FILE, &message);
    }
    report.checked_since(before, "the counts: items = issued + rejected + ignored");
    Ok(())
}

/// The inputs themselves: the same octets, every item of theirs in the manifest or among the findings, once, and every
/// finding that leaf, policy and anchors give.
///
/// An account must follow from the inputs under one edition of the rules of reading, the whole of it. Earlier editions
/// are tried if today's does not give it.
pub(super) fn check_inputs(
    job: &Audit<'_>,
    reader: &BatchReader,
    statement: &Statement,
    policy: &Policy,
    stdin: &mut (dyn Read + Send),
    report: &mut AuditReport,
) -> Result<(), Error> {
    let before = report.clone();
    check_inputs_by(job, (reader, statement, policy), stdin, &job.limits, report)?;
    let differs = |report: &AuditReport| {
        report.faults[before.faults.len()..].iter().any(|fault| fault.code == code::ACCOUNT_INPUT)
    };
    if report.count() == before.count() || differs(report) || job.inputs.contains(&Input::Stdin) {
        return Ok(());
    }
    for edition in Edition::EARLIER {
        let limits = Limits { edition: *edition, ..job.limits.clone() };
        let mut again = before.clone();
        check_inputs_by(job, (reader, statement, policy), stdin, &limits, &mut again)?;
        if again.count() == before.count() {
            again.warnings.push(format!(
                "the inputs were read by the rules of an earlier release (edition {}): what is rejected today may be \
                 ignored there",
                edition.number()
            ));
            *report = again;
            return Ok(());
        }
    }
    Ok(())
}

fn check_inputs_by(
    job: &Audit<'_>,
    (reader, statement, policy): (&BatchReader, &Statement, &Policy),
    stdin: &mut (dyn Read + Send),
    limits: &Limits,
    report: &mut AuditReport,
) -> Result<(), Error> {
    let source = Source {
        inputs: job.inputs,
        limits,
        anchors: job.source_anchors,
        rules: policy.source(),
        at: statement.issued_at,
        scratch: job.scratch,
        jobs: job.jobs,
        engine: job.engine,
        advance: &|_| {},
        cancel: job.cancel,
    };
    let mut intake = read_and_verify(&source, stdin, |_| Ok(statement.issued_at))?;
    // the expected list is not at hand: chips rejected because of it stay leaves here
    intake.resolve(None)?;
    let lines: String = intake
        .inputs
        .iter()
        .map(|input| InputLine::new(input.name.clone(), input.bytes, input.sha256).line() + "\n")
        .collect();
    if sha256(lines.as_bytes()) != statement.inputs.sha256 {
        let message = "these are not the inputs that the batch was made from (names, sizes or SHA-256 differ)";
        report.fault(code::ACCOUNT_INPUT, manifest::INPUTS_FILE, message);
        return Ok(());
    }
    let before = report.count();
    let mut account = Account::of(&intake)?;
    // only then do the findings follow from the auditor's anchors
    let same_anchors = same_anchors(job, statement);
    // lines that cannot be read have been reported where they were checked
    each_line(reader, statement, manifest::ENTRIES_FILE, report, |line, report| {
        if let Ok(entry) = Entry::parse(line) {
            let found = account.strike(
                entry.source_item(),
                |derived| matches!(derived, Derived::Leaf { source } if *source == entry.source_sha256()),
            );
            let message = match found {
                Some(Derived::Leaf { source }) if source == entry.source_sha256() => return,
                Some(Derived::Leaf { .. }) => "is another leaf in the inputs",
                Some(Derived::Finding { .. }) => "was issued, but is no leaf that verifies",
                None => "is not in the inputs, or accounted for twice",
            };
            report.fault(code::ACCOUNT_ITEM, manifest::ENTRIES_FILE, &format!("{} {message}", entry.source_item()));
        }
    })?;
    each_line(reader, statement, manifest::REJECTED_FILE, report, |line, report| {
        if let Ok(line) = FindingLine::parse(line) {
            let Some(derived) = account.strike(line.item(), |derived| contradiction(derived, &line).is_none()) else {
                let message = format!("{} is not in the inputs, or accounted for twice", line.item());
                return report.fault(code::ACCOUNT_ITEM, manifest::REJECTED_FILE, &message);
            };
            if let Some(found) = contradiction(&derived, &line).filter(|_| same_anchors) {
                let message =
                    format!("{} is {} as {}, but {found}", line.item(), line.disposition().as_str(), line.code());
                report.fault(code::ACCOUNT_FINDING, manifest::REJECTED_FILE, &message);
            }
        }
    })?;
    let left = account.left();
    if left > 0 {
        let message = format!("{left} items of the inputs are not accounted for");
        report.fault(code::ACCOUNT_ITEM, manifest::REJECTED_FILE, &message);
    }
    if report.count() == before {
        report.checked("the inputs: every item accounted for, once");
        if same_anchors {
            report.checked(
                "every finding that leaf, policy and anchors give; those of ledger and lists are the signer's word",
            );
        } else {
            report
                .warnings
                .push("the batch was made with other source anchors: its findings were not made again".into());
        }
    }
    Ok(())
}

/// What the inputs themselves say of one item.
#[derive(Clone, Copy)]
enum Derived {
    /// Not a leaf that could be issued, whatever the ledger says.
    Finding { disposition: Disposition, code: &'static str },
    /// A verified leaf without a conflict.
    Leaf { source: Sha256Digest },
}

/// Every item of the inputs, struck out one by one: 20 octets an item, beside what the intake keeps of it.
struct Account<'a> {
    intake: &'a Intake,
    /// Sorted by name.
    items: Vec<Item>,
}

struct Item {
    name: [u8; 16],
    /// Position among the rows and, after them, the findings.
    place: Option<Place>,
}

/// One less than four octets can say, so that none of them says "struck out".
#[derive(Clone, Copy)]
struct Place(NonZeroU32);

impl Place {
    fn of(at: usize) -> Self {
        let number = u32::try_from(at + 1).ok().and_then(NonZeroU32::new);
        Self(number.expect("fewer than 2^32 rows and findings fit into memory"))
    }

    fn position(self) -> usize {
        usize::try_from(self.0.get()).expect("it was a position") - 1
    }
}

impl<'a> Account<'a> {
    fn of(intake: &'a Intake) -> Result<Self, Error> {
        let mut items: Vec<Item> = Vec::with_capacity(intake.rows.len() + intake.findings.len());
        for row in &intake.rows {
            let name = digest(&row.load(&intake.spool)?.item);
            items.push(Item { name, place: Some(Place::of(items.len())) });
        }
        for (_, finding) in &intake.findings {
            items.push(Item { name: digest(&finding.item), place: Some(Place::of(items.len())) });
        }
        items.sort_unstable_by_key(|item| item.name);
        Ok(Self { intake, items })
    }

    fn derived(&self, place: Place) -> Derived {
        let at = place.position();
        if let Some(row) = self.intake.rows.get(at) {
            return Derived::Leaf { source: row.source() };
        }
        let (_, Finding { disposition, code, .. }) = &self.intake.findings[at - self.intake.rows.len()];
        Derived::Finding { disposition: *disposition, code: code.as_str() }
    }

    /// Strikes out one item of this name: one that fits if there is one, since an input given twice has each name twice.
    fn strike(&mut self, item: &ItemName, fits: impl Fn(&Derived) -> bool) -> Option<Derived> {
        let name = digest(item);
        let first = self.items.partition_point(|item| item.name < name);
        let mut any = None;
        for (at, item) in (first..).zip(self.items[first..].iter().take_while(|item| item.name == name)) {
            let Some(derived) = item.place.map(|place| self.derived(place)) else { continue };
            if fits(&derived) {
                any = Some((at, derived));
                break;
            }
            any.get_or_insert((at, derived));
        }
        let (at, derived) = any?;
        self.items[at].place = None;
        Some(derived)
    }

    fn left(&self) -> usize {
        self.items.iter().filter(|item| item.place.is_some()).count()
    }
}

/// What a line of rejected.jsonl should say instead, if it can be known.
fn contradiction(derived: &Derived, line: &FindingLine) -> Option<String> {
    match derived {
        Derived::Finding { disposition, code } if *disposition == line.disposition() && *code == line.code() => None,
        Derived::Finding { disposition, code } => Some(format!("would be {} as {code}", disposition.as_str())),
        Derived::Leaf { .. } if follows_from_inputs(line.code()) => Some("verifies and conflicts with no other".into()),
        Derived::Leaf { source } if line.source_sha256().is_some_and(|stated| stated != *source) => {
            Some("is another leaf in the inputs".into())
        }
        Derived::Leaf { .. } => None,
    }
}

/// Whether a finding of this code follows from leaf, policy and anchors, without the ledger or an expected list.
fn follows_from_inputs(code: &str) -> bool {
    let expected = [verify::EXPECT_COUNT, verify::EXPECT_MISSING, verify::EXPECT_SURPLUS, verify::EXPECT_UNEXPECTED];
    let known = reel::CODES.iter().chain(verify::CODES).any(|(known, _)| known.as_str() == code);
    known && !expected.iter().any(|expected| expected.as_str() == code)
}

fn same_anchors(job: &Audit<'_>, statement: &Statement) -> bool {
    let sorted = |mut list: Vec<Sha256Digest>| {
        list.sort_unstable();
        list.dedup();
        list
    };
    sorted(job.source_anchors.iter().map(|anchor| sha256(anchor.spki().der())).collect())
        == sorted(statement.anchors.iter().map(|anchor| anchor.spki_sha256).collect())
}

fn each_line(
    reader: &BatchReader,
    statement: &Statement,
    name: &'static str,
    report: &mut AuditReport,
    mut work: impl FnMut(&str, &mut AuditReport),
) -> Result<(), Error> {
    let Some(mut lines) = believed(reader.lines(name), name, report)? else { return Ok(()) };
    while let Some(line) = believed(lines.next_line(), name, report)?.flatten() {
        work(line, report);
    }
    check_digest(&lines.finish()?, statement, report);
    Ok(())
}

/// Half a SHA-256 stands for an item's name: a collision would have to be made on purpose, by whoever made the archive,
/// to hide one of their own items.
fn digest(name: &ItemName) -> [u8; 16] {
    sha256(name.as_str().as_bytes()).as_bytes()[..16].try_into().expect("half of 32 octets")
}
