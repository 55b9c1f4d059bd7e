//! Accounting by the inputs: every item is derived again, and every line and finding with it.

use std::io::Read;

use crate::cert::{Encoder, IssuerIdentity, Seed, SerialBasis, Serials};
use crate::crypto::sha256;
use crate::delivery::BatchReader;
use crate::error::Error;
use crate::intake::{LaidAside, Pass1, Row, Source, read_whatever_names};
use crate::manifest::{self, Entry, FindingLine, InputLine, Statement};
use crate::origin::Code;
use crate::parallel;
use crate::policy::{BoundPolicy, Policy};
use crate::reel::{Edition, Input, Limits, SpoolReader};
use crate::verify::Relaxation;
use crate::x509::Certificate;

use super::account::{Counted, beginning, each_line};
use super::claims::Claims;
use super::inputs::Matched;
use super::items::{Items, Leaf, Misfit, Place, What};
use super::report::{AuditReport, code};
use super::{Audit, entries};

/// What findings follow from, besides the inputs.
pub(super) struct Grounds<'a> {
    pub(super) reader: &'a BatchReader,
    pub(super) statement: &'a Statement,
    pub(super) policy: &'a Policy,
    pub(super) identity: &'a IssuerIdentity,
}

/// Checks the inputs themselves: they have the same bytes; each of their items is in the manifest or among the
/// findings, once; the findings are those that leaf, policy and anchors give. Returns the claims that only the ledger
/// can confirm.
///
/// An account must follow from the inputs under one edition of the rules of reading, the whole of it. Earlier editions
/// are tried for a batch of version 1 if today's does not give it.
pub(super) fn check_inputs(
    job: &Audit<'_>,
    grounds: &Grounds<'_>,
    counted: &Counted,
    stdin: &mut (dyn Read + Send),
    report: &mut AuditReport,
) -> Result<Option<Claims>, Error> {
    let before = report.clone();
    let claims = check_inputs_by(job, (grounds, counted), stdin, &job.limits, report)?;
    let differs = |report: &AuditReport| {
        report.faults[before.faults.len()..].iter().any(|fault| fault.code == code::ACCOUNT_INPUT)
    };
    // batches of version 2 were all made by today's rules
    let earlier = grounds.statement.format.encoder() == Encoder::One;
    if !earlier || report.count() == before.count() || differs(report) || job.inputs.contains(&Input::Stdin) {
        return Ok(claims);
    }
    for edition in Edition::EARLIER {
        let limits = Limits { edition: *edition, ..job.limits.clone() };
        let mut again = before.clone();
        let claims = check_inputs_by(job, (grounds, counted), stdin, &limits, &mut again)?;
        if again.count() == before.count() {
            again.warnings.push(format!(
                "the inputs were read by the rules of an earlier release (edition {}): what is rejected today may be \
                 ignored there",
                edition.number()
            ));
            *report = again;
            return Ok(claims);
        }
    }
    Ok(claims)
}

fn check_inputs_by(
    job: &Audit<'_>,
    (grounds, counted): (&Grounds<'_>, &Counted),
    stdin: &mut (dyn Read + Send),
    limits: &Limits,
    report: &mut AuditReport,
) -> Result<Option<Claims>, Error> {
    let Grounds { reader, statement, policy, identity } = grounds;
    let Some(bound) = entries::bind(policy, identity, statement, report) else { return Ok(None) };
    let stated = stated_anchors(job, statement);
    let mut source = Source {
        inputs: job.inputs,
        limits,
        anchors: stated.as_deref().unwrap_or(job.source_anchors),
        rules: policy.source(),
        at: statement.issued_at,
        scratch: job.scratch,
        jobs: job.jobs,
        engine: job.engine,
        advance: &|_| {},
        cancel: job.cancel,
    };
    let mut intake = read_whatever_names::<Error>(&source, stdin, |_| Ok(statement.issued_at))?;
    let mut lines = Vec::new();
    each_line(reader, statement, manifest::INPUTS_FILE, report, |_, line, _| {
        lines.extend(InputLine::parse(line));
        Ok(())
    })?;
    let Some(matched) = Matched::of(&intake.inputs, &lines) else {
        let message = "these are not the inputs that the batch was made from (number, sizes or SHA-256 differ)";
        report.fault(code::ACCOUNT_INPUT, manifest::INPUTS_FILE, message);
        return Ok(None);
    };
    let before = report.count();
    intake.take_out_conflicts_in_order(|number| matched.place(number))?;
    let mut items = Items::new(job.scratch);
    add_leaves(job, &mut items, &intake, &matched, |row, spool| {
        if counted.unfit.contains(&beginning(&row.source())) {
            unfit(row, spool, &intake, &bound, grounds)
        } else {
            Ok(vec![])
        }
    })?;
    let Pass1 { rows, spool, findings, .. } = intake;
    let findings = findings.finish()?;
    let mut reading = findings.read();
    while let Some(placed) = reading.next_finding()? {
        let item = matched.item(placed.number, &placed.finding.item);
        items.finding(&item, &placed.finding)?;
    }
    drop((rows, spool));
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
    let compared = items.compare(job.scratch)?;
    tell(reader, statement, &compared.misfits, report)?;
    report.more_faults += compared.more;
    if compared.left > 0 {
        let message = format!("{} items of the inputs are not accounted for", compared.left);
        report.fault(code::ACCOUNT_ITEM, manifest::REJECTED_FILE, &message);
    }
    if stated.is_some() {
        source.anchors = job.source_anchors;
        check_other_anchors(&source, statement, stdin, report)?;
    }
    if report.count() == before {
        report.checked("the inputs: every item accounted for, once");
        report.checked("every finding that inputs, policy, parameters, issuing CA and anchors give: derived again");
        report.warnings.extend(matched.note().map(str::to_owned));
    }
    Ok(Some(compared.claims))
}

/// Adds every leaf that verifies and conflicts with none.
fn add_leaves(
    job: &Audit<'_>,
    items: &mut Items,
    intake: &Pass1,
    matched: &Matched,
    unfit: impl Fn(&Row, &mut SpoolReader<'_>) -> Result<Vec<Code>, Error> + Sync,
) -> Result<(), Error> {
    for block in intake.rows.chunks(BLOCK) {
        let built = parallel::map_shares(job.jobs, block.iter().collect(), |share: Vec<&Row>| {
            let mut spool = intake.spool.reader();
            share.into_iter().map(|row| unfit(row, &mut spool)).collect::<Vec<_>>()
        });
        for (row, unfit) in block.iter().zip(built.into_iter().flatten()) {
            let unfit = unfit?;
            let leaf = Leaf { key: &row.key, padded: row.was_padded(&intake.verifier), unfit: &unfit };
            let LaidAside { number, item, .. } = row.load(&intake.spool)?;
            items.leaf(&matched.item(number, &item), &leaf)?;
        }
    }
    Ok(())
}

/// Rows looked at together.
const BLOCK: usize = 8_192;

/// Why policy, issuing CA and leaf give no certificate that may be signed: the codes that the run can have found.
fn unfit(
    row: &Row,
    spool: &mut SpoolReader<'_>,
    intake: &Pass1,
    bound: &BoundPolicy,
    grounds: &Grounds<'_>,
) -> Result<Vec<Code>, Error> {
    let Grounds { statement, identity, .. } = grounds;
    let leaf = match row.readmit(spool, &intake.verifier, statement.issued_at)? {
        Ok(leaf) => leaf,
        Err(finding) => return Ok(vec![finding.code]),
    };
    let template = match bound.template(&leaf) {
        Ok(template) => template,
        Err(finding) => return Ok(vec![finding.code]),
    };
    // where an external CA chose the numbers, the statement does not have the run's seed: a placeholder takes its place
    let (nobodys, encoder) = (Seed([0; 32]), statement.format.encoder());
    let nobodys = SerialBasis { encoder, batch: &statement.batch, seed: &nobodys, beacon: None };
    let basis = statement.serial_basis().unwrap_or(nobodys);
    let serial = Serials::new(&basis, identity.spki()).of(&template, 0);
    let lints = identity.prepare(&template, serial, 0).err();
    Ok(lints.into_iter().flatten().map(|lint| lint.code).collect())
}

/// The auditor's anchors that the statement names too, where the two lists differ: the batch's findings follow from
/// those. A certificate of the batch is never used: its maker could choose one under which any finding follows.
fn stated_anchors(job: &Audit<'_>, statement: &Statement) -> Option<Vec<Certificate>> {
    let stated: Vec<Certificate> =
        job.source_anchors.iter().filter(|anchor| is_stated(anchor, statement)).cloned().collect();
    let all = stated.len() == job.source_anchors.len() && statement.anchors.len() == stated.len();
    // without any of them, no line of the batch holds either
    (!all && !stated.is_empty()).then_some(stated)
}

/// Whether the statement names an anchor of this name and key.
fn is_stated(anchor: &Certificate, statement: &Statement) -> bool {
    let (key, subject) = (sha256(anchor.spki().der()), anchor.subject().to_string());
    statement.anchors.iter().any(|stated| stated.spki_sha256 == key && stated.subject == subject)
}

/// Leaves that verify under an anchor of the auditor's that the batch was made without: they were left out.
fn check_other_anchors(
    source: &Source<'_>,
    statement: &Statement,
    stdin: &mut (dyn Read + Send),
    report: &mut AuditReport,
) -> Result<(), Error> {
    report.warnings.push(
        "the batch was made with other source anchors: its findings were derived from those that you gave and it names"
            .into(),
    );
    let more: Vec<usize> = (0..source.anchors.len()).filter(|at| !is_stated(&source.anchors[*at], statement)).collect();
    let Some(first) = more.first() else { return Ok(()) };
    if source.inputs.contains(&Input::Stdin) {
        let message = format!(
            "the batch was made without your anchor `{}`: whether leaves verify under it cannot be seen, since standard \
             input is read once; give the input as a file",
            source.anchors[*first].subject()
        );
        report.fault(code::ACCOUNT_INPUT, manifest::INPUTS_FILE, &message);
        return Ok(());
    }
    let intake = read_whatever_names::<Error>(source, stdin, |_| Ok(statement.issued_at))?;
    for at in more {
        let leaves = intake.rows.iter().filter(|row| row.anchor(&intake.verifier) == at).count();
        if leaves > 0 {
            let message = format!(
                "{leaves} leaves verify under `{}`, an anchor that the batch was made without",
                source.anchors[at].subject()
            );
            report.fault(code::ACCOUNT_FINDING, manifest::REJECTED_FILE, &message);
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
                let (code, message) = match misfit.what {
                    What::AnotherLeaf => (code::ACCOUNT_ITEM, "is another leaf in the inputs"),
                    What::NotALeaf | What::Otherwise(_) => {
                        (code::ACCOUNT_ITEM, "was issued, but is not a leaf that verifies")
                    }
                    What::NotThere => (code::ACCOUNT_ITEM, "is not in the inputs, or accounted for twice"),
                    What::Padding if entry.relax().contains(&Relaxation::TrailingPadding) => {
                        (code::ACCOUNT_PADDING, "is not a padded zone dump in the inputs, but the line says so")
                    }
                    What::Padding => {
                        (code::ACCOUNT_PADDING, "is a padded zone dump in the inputs, and the line does not say so")
                    }
                };
                let message = format!("{} {message}", entry.source_item());
                report.fault(code, manifest::ENTRIES_FILE, &message);
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
                    What::AnotherLeaf | What::NotALeaf | What::NotThere | What::Padding => {
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
