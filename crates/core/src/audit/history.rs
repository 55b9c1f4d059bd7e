//! `verify --history`: the batches of one ledger, each of which names the one before it.
//!
//! Of every batch the seal, the statement and the lines are looked at, not the certificates: whoever wants those
//! checked verifies that batch. What is shown is what no single batch can show: that none was left out between two of
//! them, that the ledger did not branch (a copy of it restored and used), and that no chip has two certificates under
//! one policy name without a reason that was written down.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::atomic::Ordering;

use crate::delivery::{BatchReader, Lines};
use crate::error::Error;
use crate::manifest::{self, Entry, ManifestAnchor, SignedManifest, Statement};
use crate::text::Printable;
use crate::x509::{Sha256Digest, Time};

use super::report::{AuditReport, code};
use super::source::Contradiction;
use super::{Audit, believed, check_digest, open_statement};

/// What the history of a ledger showed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct History {
    /// Batches, the one under audit included, each once.
    pub batches: u64,
    /// Lines that were read in all of them.
    pub lines: u64,
    /// When the first of them was made.
    pub from: Time,
    /// When the last of them was made.
    pub to: Time,
    /// SHA-256 of the statement that no other batch names: the head.
    pub head: Option<Sha256Digest>,
}

struct Batch {
    name: String,
    reader: BatchReader,
    statement: Statement,
    digest: Sha256Digest,
}

/// Walks the chain of the batch under audit and those given.
pub(super) fn check(
    job: &Audit<'_>,
    anchors: &[ManifestAnchor],
    audited: (&BatchReader, &SignedManifest),
    report: &mut AuditReport,
) -> Result<(), Error> {
    let before = report.count();
    let mut batches = vec![batch(BatchReader::open(audited.0.folder())?, audited.1)];
    for path in job.history {
        let reader = BatchReader::open(path)?;
        let faults = report.faults.len();
        let signed = open_statement(&reader, anchors, report)?;
        for fault in report.faults.iter_mut().skip(faults) {
            fault.place = format!("{}: {}", shown(path), fault.place);
        }
        let Some((signed, _)) = signed else { continue };
        if batches.iter().all(|other| other.digest != signed.statement_sha256()) {
            batches.push(batch(reader, &signed));
        }
    }
    // in the order in which they say they were made; equal seconds in the order of their names, which are times too
    batches.sort_by(|a, b| (a.statement.created, &a.statement.batch).cmp(&(b.statement.created, &b.statement.batch)));
    let head = chain(&batches, report);
    let lines = chips(job, &batches, report)?;
    let times = batches.iter().map(|batch| batch.statement.created);
    let (from, to) = (times.clone().min(), times.max());
    report.checked_since(before, "the history: every batch names the one before it, no chip has two certificates");
    if let (Some(from), Some(to)) = (from, to) {
        report.history = Some(History { batches: batches.len() as u64, lines, from, to, head });
    }
    Ok(())
}

fn batch(reader: BatchReader, signed: &SignedManifest) -> Batch {
    let (name, statement) = (shown(reader.folder()), signed.statement().clone());
    Batch { name, reader, statement, digest: signed.statement_sha256() }
}

fn shown(path: &Path) -> String {
    Printable::new(path).to_string()
}

/// Who names whom. Returns the head, if there is one.
fn chain(batches: &[Batch], report: &mut AuditReport) -> Option<Sha256Digest> {
    let mut named: BTreeMap<Option<Sha256Digest>, &Batch> = BTreeMap::new();
    let issuer = batches.first().map(|batch| batch.statement.issuer.spki_sha256);
    for batch in batches {
        if Some(batch.statement.issuer.spki_sha256) != issuer {
            let message = "was issued by another CA than the batches before it: not of their ledger";
            report.fault(code::HISTORY_ISSUER, &batch.name, message);
        }
        let previous = batch.statement.previous.as_ref();
        let digest = previous.map(|previous| previous.statement_sha256);
        if let Some(other) = named.insert(digest, batch) {
            let message = match previous {
                Some(previous) => format!("follows batch {}, and so does {}", previous.batch, other.name),
                None => format!("is the first of its ledger, and so is {}", other.name),
            };
            report.fault(code::HISTORY_FORK, &batch.name, &message);
        }
        let Some(previous) = previous else { continue };
        match batches.iter().find(|other| other.digest == previous.statement_sha256) {
            None => {
                let message = format!(
                    "follows batch {} (statement sha256 {}), which is not here",
                    previous.batch, previous.statement_sha256
                );
                report.fault(code::HISTORY_GAP, &batch.name, &message);
            }
            Some(other) if other.statement.batch != previous.batch => {
                let message =
                    format!("calls the batch before it {}, which is {}", previous.batch, other.statement.batch);
                report.fault(code::HISTORY_NAME, &batch.name, &message);
            }
            Some(other) => {
                if let Err(found) = follows(other.statement.created, batch.statement.created) {
                    report.fault(found.code, &batch.name, &found.message);
                }
            }
        }
    }
    let followed: BTreeSet<_> = named.keys().flatten().collect();
    let mut heads = batches.iter().filter(|batch| !followed.contains(&batch.digest));
    let head = heads.next().map(|batch| batch.digest);
    // more than one is a gap or a fork, and was told
    head.filter(|_| heads.next().is_none())
}

/// A batch is made when the one before it has been made, or later. Asked by whoever walks the history of a ledger, and
/// before the first signature of a batch.
pub fn follows(before: Time, own: Time) -> Result<(), Contradiction> {
    if before <= own {
        return Ok(());
    }
    let message = format!("was made at {own}, before the batch that it follows, which was made at {before}");
    Err(Contradiction::new(code::HISTORY_TIME, message))
}

/// The lines of one batch on their way through.
struct Walk<'a> {
    batch: &'a Batch,
    lines: Lines,
    next: Option<Entry>,
    number: u64,
    last: Option<Entry>,
}

impl Walk<'_> {
    /// Reads the next line; one that cannot be read, or is out of order, ends the walk of this batch.
    fn step(&mut self, report: &mut AuditReport) -> Result<(), Error> {
        self.last = self.next.take();
        let line = believed(self.lines.next_line(), &self.batch.name, report)?.flatten();
        let Some(line) = line else { return Ok(()) };
        self.number += 1;
        let place = format!("{}: {} line {}", self.batch.name, manifest::ENTRIES_FILE, self.number);
        match Entry::parse(self.batch.statement.format, line) {
            Ok(entry) if self.last.as_ref().is_some_and(|last| last.uid() >= entry.uid()) => {
                report.fault_once(code::ENTRY_ORDER, &place, "does not come after the chip before it");
            }
            Ok(entry) => self.next = Some(entry),
            Err(error) => report.fault_once(code::ENTRY_SYNTAX, &place, &error.to_string()),
        }
        Ok(())
    }
}

/// All lines of all batches side by side, in order of UIDs. Returns how many there were.
fn chips(job: &Audit<'_>, batches: &[Batch], report: &mut AuditReport) -> Result<u64, Error> {
    let mut walks = Vec::new();
    for batch in batches {
        let Some(lines) = believed(batch.reader.lines(manifest::ENTRIES_FILE), &batch.name, report)? else { continue };
        let mut walk = Walk { batch, lines, next: None, number: 0, last: None };
        walk.step(report)?;
        walks.push(walk);
    }
    loop {
        if job.cancel.load(Ordering::Relaxed) {
            return Err(Error::Interrupted);
        }
        let Some(uid) = walks.iter().filter_map(|walk| walk.next.as_ref()).map(Entry::uid).min().copied() else {
            break;
        };
        let mut met: Vec<(&Batch, Entry)> = Vec::new();
        for walk in &mut walks {
            if walk.next.as_ref().is_some_and(|entry| *entry.uid() == uid) {
                let entry = walk.next.clone().expect("it was just seen");
                met.push((walk.batch, entry));
                walk.step(report)?;
            }
        }
        compare(&met, report);
    }
    let mut lines = 0;
    for walk in walks {
        lines += walk.number;
        let faults = report.count();
        check_digest(&walk.lines.finish()?, &walk.batch.statement, report);
        if report.count() > faults
            && let Some(fault) = report.faults.last_mut()
        {
            fault.place = format!("{}: {}", walk.batch.name, fault.place);
        }
    }
    Ok(lines)
}

/// One chip in several batches, the oldest first.
fn compare(met: &[(&Batch, Entry)], report: &mut AuditReport) {
    for (at, (batch, entry)) in met.iter().enumerate() {
        let place = || format!("{}: chip {}", batch.name, entry.uid());
        let earlier = &met[..at];
        if let Some((other, _)) = earlier.iter().find(|(_, other)| other.spki_sha256() != entry.spki_sha256()) {
            let message = format!("has another key than in {}", other.name);
            report.fault(code::HISTORY_KEY, &place(), &message);
        }
        let same_policy = |other: &Batch| other.statement.policy.name == batch.statement.policy.name;
        if let Some((other, _)) = earlier.iter().find(|(other, _)| same_policy(other))
            && entry.reissue().is_none()
        {
            let message = format!(
                "has a certificate under policy `{}` from {} too, and no reason is given",
                batch.statement.policy.name, other.name
            );
            report.fault(code::HISTORY_TWICE, &place(), &message);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_are_shown_in_ascii() {
        assert_eq!(shown(Path::new("a\u{202e}b")), "a\\u{202e}b");
    }
}
