//! Accounting: every item is exactly one of issued, rejected, ignored.

use std::io::Read;
use std::ops::ControlFlow;

use crate::crypto::sha256;
use crate::delivery::BatchReader;
use crate::error::Error;
use crate::manifest::{self, Entry, FindingLine, InputLine, IssuerMode, Statement};
use crate::origin::Disposition;
use crate::reel::{self, Input, Item};
use crate::x509::Sha256Digest;
use crate::x509::tlv::Reader;

use super::report::{AuditReport, code};
use super::{Audit, believed};

/// The statement's counts against the lines.
pub(super) fn check_counts(reader: &BatchReader, statement: &Statement, report: &mut AuditReport) -> Result<(), Error> {
    let before = report.count();
    let mut rejected = 0;
    let mut ignored = 0;
    each_line(reader, manifest::REJECTED_FILE, report, |line, report| match FindingLine::parse(line) {
        Ok(line) if line.disposition() == Disposition::Rejected => rejected += 1,
        Ok(_) => ignored += 1,
        Err(error) => report.fault(code::ACCOUNT_LINE, manifest::REJECTED_FILE, &error.to_string()),
    })?;
    let counts = &statement.counts;
    // discarded ones are signatures too; whether there were more is the ledger's to know
    let least = counts.issued + statement.discarded_serials.len() as u64;
    if statement.issuer.mode == IssuerMode::Local && counts.signatures_made < least {
        let message =
            format!("signatures_made is {}, which is less than the {least} in the batch", counts.signatures_made);
        report.fault(code::ACCOUNT_COUNTS, manifest::STATEMENT_FILE, &message);
    }
    let items = counts.issued + counts.rejected + counts.ignored;
    if counts.rejected != rejected || counts.ignored != ignored || counts.items != items {
        let message = format!(
            "statement: {} items = {} issued + {} rejected + {} ignored; lines: {rejected} rejected, {ignored} ignored",
            counts.items, counts.issued, counts.rejected, counts.ignored
        );
        report.fault(code::ACCOUNT_COUNTS, manifest::REJECTED_FILE, &message);
    }
    report.checked_since(before, "the counts: items = issued + rejected + ignored");
    Ok(())
}

/// The lines about the inputs against the statement.
pub(super) fn check_input_lines(
    reader: &BatchReader,
    statement: &Statement,
    report: &mut AuditReport,
) -> Result<(), Error> {
    let mut count = 0;
    each_line(reader, manifest::INPUTS_FILE, report, |line, report| {
        count += 1;
        if let Err(error) = InputLine::parse(line) {
            report.fault(code::ACCOUNT_LINE, manifest::INPUTS_FILE, &error.to_string());
        }
    })?;
    if count != statement.inputs.count {
        let message = format!("{count} inputs, the statement says {}", statement.inputs.count);
        report.fault(code::ACCOUNT_COUNTS, manifest::INPUTS_FILE, &message);
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
    let mut seen: Vec<Seen> = Vec::new();
    let mut records = Vec::new();
    for input in job.inputs {
        let stdin: Option<&mut dyn Read> = if *input == Input::Stdin { Some(&mut *stdin) } else { None };
        let mut each = |item| {
            seen.push(match &item {
                Item::Candidate(leaf) => {
                    let certificate = leaf.der.get(..outer_length(&leaf.der)).unwrap_or(&leaf.der);
                    Seen {
                        name: digest(leaf.item.as_str()),
                        content: [short(sha256(&leaf.der)), short(sha256(certificate))],
                    }
                }
                Item::Finding(finding) => {
                    Seen { name: digest(finding.item.as_str()), content: [finding.source_sha256.map_or(0, short); 2] }
                }
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
    let mut accounted: Vec<Accounted> = Vec::with_capacity(seen.len());
    // lines that cannot be read have been reported where they were checked
    each_line(reader, manifest::ENTRIES_FILE, report, |line, _| {
        accounted.extend(Entry::parse(line).ok().map(|entry| Accounted {
            name: digest(entry.source_item().as_str()),
            content: Some(short(entry.source_sha256())),
        }));
    })?;
    each_line(reader, manifest::REJECTED_FILE, report, |line, _| {
        accounted.extend(
            FindingLine::parse(line)
                .ok()
                .map(|line| Accounted { name: digest(line.item().as_str()), content: line.source_sha256().map(short) }),
        );
    })?;
    let items = (seen.len(), accounted.len());
    if is_same_account(seen, accounted) {
        report.checked("the inputs: every item accounted for, once");
    } else {
        let message = format!(
            "the inputs hold {} items, the batch accounts for {}; their names or certificates differ",
            items.0, items.1
        );
        report.fault(code::ACCOUNT_ITEM, manifest::REJECTED_FILE, &message);
    }
    Ok(())
}

/// An item of an input: its name, the digest of what it holds, and of the certificate without padding behind it.
struct Seen {
    name: [u8; 16],
    content: [u64; 2],
}

/// An item of the batch: its name and the digest of the certificate it held, where one is stated.
struct Accounted {
    name: [u8; 16],
    content: Option<u64>,
}

/// Whether every item is accounted for once, under its own name, with the certificate that it holds.
fn is_same_account(mut seen: Vec<Seen>, mut accounted: Vec<Accounted>) -> bool {
    seen.sort_unstable_by_key(|item| item.name);
    accounted.sort_unstable_by_key(|item| item.name);
    let seen = seen.chunk_by(|one, other| one.name == other.name);
    let mut accounted = accounted.chunk_by(|one, other| one.name == other.name);
    // an input given twice has each name twice
    let same = seen.into_iter().all(|items| {
        accounted.next().is_some_and(|lines| {
            let holds = |content: u64| items.iter().any(|item| item.content.contains(&content));
            lines[0].name == items[0].name
                && lines.len() == items.len()
                && lines.iter().all(|line| line.content.is_none_or(holds))
        })
    });
    same && accounted.next().is_none()
}

/// Octets of the first DER element, as far as its length says so.
fn outer_length(der: &[u8]) -> usize {
    Reader::new(der).element("item").map_or(der.len(), |element| element.raw.len())
}

/// A quarter of a SHA-256: nobody can make a second certificate for it that an anchor signed.
fn short(digest: Sha256Digest) -> u64 {
    u64::from_be_bytes(*digest.as_bytes().first_chunk().expect("a digest has 32 octets"))
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
