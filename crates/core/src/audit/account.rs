//! Accounting: every item is exactly one of issued, rejected, ignored.

use std::io::Read;

use crate::crypto::sha256;
use crate::delivery::BatchReader;
use crate::error::Error;
use crate::intake::{Source, read_and_verify};
use crate::manifest::{self, Entry, FindingLine, InputLine, IssuerMode, Statement};
use crate::origin::Disposition;
use crate::policy::Policy;
use crate::reel::{Edition, Input, Limits};
use crate::x509::Sha256Digest;

use super::items::{Items, Misfit, Place, What};
use super::report::{AuditReport, code};
use super::{Audit, believed, check_digest};

/// The statement's counts against the lines.
pub(super) fn check_counts(reader: &BatchReader, statement: &Statement, report: &mut AuditReport) -> Result<(), Error> {
    let before = report.count();
    let mut rejected = 0;
    let mut ignored = 0;
    each_line(reader, statement, manifest::REJECTED_FILE, report, |_, line, report| {
        match FindingLine::parse(line) {
            Ok(line) if line.disposition() == Disposition::Rejected => rejected += 1,
            Ok(_) => ignored += 1,
            Err(error) => report.fault(code::ACCOUNT_LINE, manifest::REJECTED_FILE, &error.to_string()),
        }
        Ok(())
    })?;
    let mut inputs = 0;
    each_line(reader, statement, manifest::INPUTS_FILE, report, |_, line, report| {
        inputs += 1;
        if let Err(error) = InputLine::parse(line) {
            report.fault(code::ACCOUNT_LINE, manifest::INPUTS_FILE, &error.to_string());
        }
        Ok(())
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
    let mut intake = read_and_verify::<Error>(&source, stdin, |_| Ok(statement.issued_at))?;
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
    let mut items = Items::new(job.scratch);
    for row in &intake.rows {
        items.leaf(&row.load(&intake.spool)?.item, row)?;
    }
    let findings = intake.findings.finish()?;
    let mut reading = findings.read();
    while let Some(placed) = reading.next_finding()? {
        items.finding(&placed.finding)?;
    }
    drop((intake.rows, intake.spool));
    // lines that cannot be read have been reported where they were checked
    each_line(reader, statement, manifest::ENTRIES_FILE, report, |number, line, _| {
        match Entry::parse(statement.format, line) {
            Ok(entry) => items.entry(number, &entry),
            Err(_) => Ok(()),
        }
    })?;
    each_line(reader, statement, manifest::REJECTED_FILE, report, |number, line, _| match FindingLine::parse(line) {
        Ok(line) => items.rejected(number, &line),
        Err(_) => Ok(()),
    })?;
    // only then do the findings follow from the auditor's anchors
    let same_anchors = same_anchors(job, statement);
    let compared = items.compare(same_anchors)?;
    tell(reader, statement, &compared.misfits, report)?;
    report.more_faults += compared.more;
    if compared.left > 0 {
        let message = format!("{} items of the inputs are not accounted for", compared.left);
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

/// Reports the lines that do not fit. They are read once more, because only their places were kept.
fn tell(
    reader: &BatchReader,
    statement: &Statement,
    misfits: &[Misfit],
    report: &mut AuditReport,
) -> Result<(), Error> {
    let (entries, rejected) = misfits.split_at(misfits.partition_point(|misfit| misfit.place == Place::Entries));
    if !entries.is_empty() {
        let mut entries = entries.iter().peekable();
        each_line(reader, statement, manifest::ENTRIES_FILE, report, |number, line, report| {
            if let (Some(misfit), Ok(entry)) =
                (entries.next_if(|misfit| misfit.line == number), Entry::parse(statement.format, line))
            {
                let message = match misfit.what {
                    What::AnotherLeaf => "is another leaf in the inputs",
                    What::NotALeaf | What::Otherwise(_) => "was issued, but is no leaf that verifies",
                    What::NotThere => "is not in the inputs, or accounted for twice",
                };
                let message = format!("{} {message}", entry.source_item());
                report.fault(code::ACCOUNT_ITEM, manifest::ENTRIES_FILE, &message);
            }
            Ok(())
        })?;
    }
    if !rejected.is_empty() {
        let mut rejected = rejected.iter().peekable();
        each_line(reader, statement, manifest::REJECTED_FILE, report, |number, line, report| {
            if let (Some(misfit), Ok(line)) =
                (rejected.next_if(|misfit| misfit.line == number), FindingLine::parse(line))
            {
                let (disposition, of) = (line.disposition().as_str(), line.code());
                let (code, message) = match &misfit.what {
                    What::Otherwise(found) => {
                        (code::ACCOUNT_FINDING, format!("{} is {disposition} as {of}, but {found}", line.item()))
                    }
                    What::AnotherLeaf | What::NotALeaf | What::NotThere => {
                        let message = format!("{} is not in the inputs, or accounted for twice", line.item());
                        (code::ACCOUNT_ITEM, message)
                    }
                };
                report.fault(code, manifest::REJECTED_FILE, &message);
            }
            Ok(())
        })?;
    }
    Ok(())
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
    mut work: impl FnMut(u64, &str, &mut AuditReport) -> Result<(), Error>,
) -> Result<(), Error> {
    let Some(mut lines) = believed(reader.lines(name), name, report)? else { return Ok(()) };
    let mut number = 0;
    while let Some(line) = believed(lines.next_line(), name, report)?.flatten() {
        work(number, line, report)?;
        number += 1;
    }
    check_digest(&lines.finish()?, statement, report);
    Ok(())
}
