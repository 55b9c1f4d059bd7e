//! `verify --history`: the batches of one ledger, each of which names the one before it.
//!
//! Of every batch the seal, the digest of every file, the statement and the lines are looked at, not the certificates: an
//! auditor who wants those checked verifies that batch. What is shown is what no single batch can show: that none was left
//! out between two of them, that the ledger did not branch (a copy of it restored and used), that no chip has two
//! certificates under one policy name without a reason that was written down, that no key, seed or serial number is there
//! twice, and that findings which rest on an earlier batch are true.
//!
//! Not shown: that no batch follows the last one, unless its digest was kept elsewhere; and that a reason is a good one.

mod lines;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use crate::delivery::BatchReader;
use crate::error::Error;
use crate::manifest::{ManifestAnchor, SignedManifest, Statement};
use crate::text::Printable;
use crate::x509::{Sha256Digest, Time};

use super::claims::Claims;
use super::report::{AuditReport, code};
use super::source::Contradiction;
use super::{Audit, check_files, open_statement};

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
    /// Whether the batches before the one under audit are there back to the first of the ledger.
    pub complete: bool,
    /// By policy name.
    pub policies: BTreeMap<String, Chained>,
    /// Certificates of chips that had one under the same policy name, by that name and the reason that is given.
    pub reissues: BTreeMap<(String, String), u64>,
    /// Findings about earlier batches that those batches show to be true.
    pub shown: u64,
}

/// Batches of one policy name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Chained {
    /// How many batches.
    pub batches: u64,
    /// How many certificates.
    pub certificates: u64,
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
    claims: Claims,
    report: &mut AuditReport,
) -> Result<(), Error> {
    let before = report.count();
    let own = audited.1.statement_sha256();
    let mut batches = vec![batch(BatchReader::open(audited.0.folder())?, audited.1)];
    for path in job.history {
        if is_same_folder(path, audited.0.folder()) {
            continue;
        }
        let reader = BatchReader::open(path)?;
        let faults = report.faults.len();
        let signed = open_statement(&reader, anchors, report)?;
        if let Some((signed, _)) = &signed {
            check_files(&reader, signed.statement(), report)?;
        }
        for fault in report.faults.iter_mut().skip(faults) {
            fault.place = format!("{}: {}", Printable::new(path), fault.place);
        }
        let Some((signed, _)) = signed else { continue };
        if batches.iter().all(|other| other.digest != signed.statement_sha256()) {
            batches.push(batch(reader, &signed));
        }
    }
    report.checked_since(before, "the history: seal and every file of every batch");
    // in the order in which they say they were made; in equal seconds as they follow each other
    let depths = depths(&batches);
    batches.sort_by_cached_key(|batch| (batch.statement.created, depths[&batch.digest], batch.statement.batch.clone()));
    let head = chain(&batches, report);
    seeds(&batches, report);
    let (before_own, complete) = ancestors(&batches, own);
    let lines = lines::check(job, &batches, &lines::Looked { own, before_own: &before_own, complete }, claims, report)?;
    let times = batches.iter().map(|batch| batch.statement.created);
    let (from, to) = (times.clone().min(), times.max());
    report.checked_since(
        before,
        "the history: each batch names the one before it; no chip has two certificates under one policy name without a \
         reason; no key has two chips; no seed and no serial number is there twice",
    );
    check_kept(job, head, &batches, report);
    if let (Some(from), Some(to)) = (from, to) {
        let batches = batches.len() as u64;
        let lines::Read { lines, policies, reissues, shown } = lines;
        report.history = Some(History { batches, lines, from, to, head, complete, policies, reissues, shown });
    }
    Ok(())
}

/// Without a history, a head that was kept elsewhere is the batch itself.
pub(super) fn check_head(job: &Audit<'_>, own: Sha256Digest, report: &mut AuditReport) {
    match job.head {
        None => {}
        Some(kept) if kept == own => report.checked("the batch is the head that was kept elsewhere"),
        Some(kept) => {
            let message = format!(
                "the head that was kept is {kept}, and this batch has {own}: the batches between them were not given"
            );
            report.fault(code::HISTORY_HEAD, "history", &message);
        }
    }
}

/// A head that was kept elsewhere is the end of the chain: with less, the ledger was put back or a batch is kept from the
/// auditor; with more, the digest is an old one.
fn check_kept(job: &Audit<'_>, head: Option<Sha256Digest>, batches: &[Batch], report: &mut AuditReport) {
    let Some(kept) = job.head else { return };
    if head == Some(kept) {
        report.checked("the end of the chain is the head that was kept elsewhere");
        return;
    }
    let message = match batches.iter().find(|batch| batch.digest == kept) {
        Some(batch) => match followers(batches, kept) {
            0 => format!("the head that was kept, {kept}, is {}, and the chain has other ends", batch.name),
            follow => format!(
                "the head that was kept, {kept}, is {} and not the end of the chain: batches that follow it: {follow}",
                batch.name
            ),
        },
        None => format!(
            "the head that was kept, {kept}, is not in the chain: the ledger was put back to a state before it, or \
             batches were not given"
        ),
    };
    report.fault(code::HISTORY_HEAD, "history", &message);
}

fn followers(batches: &[Batch], of: Sha256Digest) -> usize {
    let mut count = 0;
    let mut last = of;
    while let Some(next) = batches.iter().find(|batch| previous(batch) == Some(last)) {
        count += 1;
        last = next.digest;
        if count > batches.len() {
            break;
        }
    }
    count
}

fn previous(batch: &Batch) -> Option<Sha256Digest> {
    batch.statement.previous.as_ref().map(|previous| previous.statement_sha256)
}

/// The batches before this one in the chain, by position, and whether they reach back to the first of the ledger.
fn ancestors(batches: &[Batch], own: Sha256Digest) -> (BTreeSet<usize>, bool) {
    let mut found = BTreeSet::new();
    let mut at = batches.iter().position(|batch| batch.digest == own);
    while let Some(batch) = at.map(|at| &batches[at]) {
        let Some(before) = previous(batch) else { return (found, true) };
        at = batches.iter().position(|other| other.digest == before).filter(|at| found.insert(*at));
    }
    (found, false)
}

/// How many of the batches each one follows, directly or not.
fn depths(batches: &[Batch]) -> BTreeMap<Sha256Digest, usize> {
    let before: BTreeMap<Sha256Digest, Option<Sha256Digest>> =
        batches.iter().map(|batch| (batch.digest, previous(batch))).collect();
    let mut depths = BTreeMap::new();
    for batch in batches {
        let mut chain = Vec::new();
        let mut at = Some(batch.digest);
        while let Some(digest) = at.filter(|digest| !depths.contains_key(digest)) {
            chain.push(digest);
            at = before[&digest].filter(|digest| before.contains_key(digest));
        }
        let known = at.map_or(0, |digest| depths[&digest] + 1);
        depths.extend(chain.into_iter().rev().zip(known..));
    }
    depths
}

/// Names and seeds are there once: serial numbers are as good as the seed is fresh.
fn seeds(batches: &[Batch], report: &mut AuditReport) {
    let mut seen: BTreeMap<[u8; 32], &Batch> = BTreeMap::new();
    let mut names: BTreeMap<&str, &Batch> = BTreeMap::new();
    for batch in batches {
        if let Some(other) = names.insert(&batch.statement.batch, batch) {
            let message = format!("has the name of {}, {}", other.name, batch.statement.batch);
            report.fault(code::HISTORY_SAME_NAME, &batch.name, &message);
        }
        let Some(seed) = &batch.statement.serial_seed else { continue };
        if let Some(other) = seen.insert(*seed.as_bytes(), batch) {
            let message = format!("has the serial seed of {}", other.name);
            report.fault(code::HISTORY_SEED, &batch.name, &message);
        }
    }
}

fn is_same_folder(one: &Path, other: &Path) -> bool {
    matches!((one.canonicalize(), other.canonicalize()), (Ok(one), Ok(other)) if one == other)
}

fn batch(reader: BatchReader, signed: &SignedManifest) -> Batch {
    let (name, statement) = (Printable::new(reader.folder()).to_string(), signed.statement().clone());
    Batch { name, reader, statement, digest: signed.statement_sha256() }
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

/// A batch is made when the one before it has been made, or later. The walk through the history of a ledger checks this,
/// and so does the issuer before the first signature of a batch.
///
/// # Errors
/// It does not.
pub fn follows(before: Time, own: Time) -> Result<(), Contradiction> {
    if before <= own {
        return Ok(());
    }
    let message = format!("was made at {own}, before the batch that it follows, which was made at {before}");
    Err(Contradiction::new(code::HISTORY_TIME, message))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_are_shown_in_ascii() {
        assert_eq!(Printable::new(Path::new("a\u{202e}b")).to_string(), "a\\u{202e}b");
    }
}
