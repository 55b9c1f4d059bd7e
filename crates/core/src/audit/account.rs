//! Accounting by the lines alone: every item is exactly one of issued, rejected, ignored, each named once, each code on the
//! closed list. Whether what they say is true, only the inputs show (audit/derive).

use std::collections::HashSet;

use crate::delivery::BatchReader;
use crate::error::Error;
use crate::manifest::{self, FindingLine, InputLine, IssuerMode, Statement};
use crate::origin::{Disposition, ledger_codes};
use crate::policy::Policy;
use crate::x509::Sha256Digest;

use super::claims::{Claim, Claims, rests_on_word};
use super::grounds::{self, Ground};
use super::names::Names;
use super::report::{AuditReport, code};
use super::{Audit, believed, check_digest};

/// What the lines of a batch say of the items that were not issued.
pub(super) struct Counted {
    /// Leaves that the lines record without a certificate because of policy or issuing CA: the first 8 bytes of their
    /// digests.
    pub(super) unfit: HashSet<u64>,
    /// What only the ledger knows, as the lines have it.
    pub(super) claims: Claims,
}

/// The statement's counts against the lines, and whether every code is one of the list.
pub(super) fn check_counts(
    job: &Audit<'_>,
    reader: &BatchReader,
    (statement, policy): (&Statement, Option<&Policy>),
    same_list: bool,
    names: &mut Names,
    report: &mut AuditReport,
) -> Result<Counted, Error> {
    let before = report.count();
    let mut counted = Counted { unfit: HashSet::new(), claims: Claims::new(job.scratch) };
    let has_inputs = !job.inputs.is_empty();
    each_line(reader, statement, manifest::REJECTED_FILE, report, |number, line, report| {
        let line = match FindingLine::parse(line) {
            Ok(line) => line,
            Err(error) => {
                report.fault(code::ACCOUNT_LINE, manifest::REJECTED_FILE, &error.to_string());
                return Ok(());
            }
        };
        match line.disposition() {
            Disposition::Rejected => report.rejected += 1,
            Disposition::Ignored => report.ignored += 1,
        }
        names.add(line.item(), manifest::REJECTED_FILE, number)?;
        let place = format!("{} line {}", manifest::REJECTED_FILE, number + 1);
        let (item, of) = (line.item(), line.code());
        let Some(listed) = grounds::listed(of) else {
            let message = format!("{item} has the code {of}, which no finding of a batch has");
            report.fault(code::ACCOUNT_CODE, &place, &message);
            return Ok(());
        };
        let mut refuse = |message: String| report.fault(code::ACCOUNT_FINDING, &place, &message);
        if listed.disposition.is_some_and(|only| only != line.disposition()) {
            refuse(format!("{item} is {} as {of}, which never is so", line.disposition().as_str()));
        }
        let of_leaf = !matches!(listed.ground, Ground::Inputs | Ground::Leaf);
        if of_leaf && (line.uid().is_none() || line.source_sha256().is_none()) {
            refuse(format!("{item} is {of}, and names no chip or no leaf"));
        }
        if listed.ground == Ground::List && statement.expected.is_none() {
            refuse(format!("{item} is left out as {of}, and the batch has no expected list"));
        }
        if listed.code == ledger_codes::SERIAL_REPEATED && policy.is_some_and(|policy| !policy.copies_serial()) {
            refuse(format!("{item} is left out as {of}, and the policy copies no serial numbers"));
        }
        if has_inputs
            && listed.ground == Ground::Certificate
            && let Some(source) = line.source_sha256()
        {
            counted.unfit.insert(beginning(&source));
        }
        rests_on_word(&mut report.word, listed.code, has_inputs, same_list);
        if let (Ground::History, Some(uid)) = (listed.ground, line.uid()) {
            let source = line.source_sha256();
            counted.claims.add(&Claim { line: number, code: listed.code, uid: *uid, source, spki: None })?;
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
    let (rejected, ignored) = (report.rejected, report.ignored);
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
    Ok(counted)
}

/// Enough of a digest to tell whether a line may be about a leaf.
pub(super) fn beginning(digest: &Sha256Digest) -> u64 {
    u64::from_be_bytes(digest.as_bytes()[..8].try_into().expect("8 of 32 bytes"))
}

/// Goes through the lines of a file, and checks that it is the one that the statement names.
pub(super) fn each_line(
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
