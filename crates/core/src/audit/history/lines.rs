//! The lines of all batches of a history: side by side in order of UIDs, and once more sorted by key and by serial
//! number.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::atomic::Ordering;

use crate::delivery::Lines;
use crate::error::Error;
use crate::manifest::{self, Entry};
use crate::origin::Uid;
use crate::origin::ledger_codes as ledger_code;
use crate::reel::{SortedRecord, SortedRecords, SortedSpool};
use crate::x509::Sha256Digest;

use super::super::claims::{Claim, Claims, half};
use super::super::inputs::half_digest;
use super::super::report::{AuditReport, code};
use super::super::{Audit, believed, check_digest};
use super::{Batch, Chained};

/// Where findings about earlier batches look.
pub(super) struct Looked<'a> {
    /// The batch under audit.
    pub(super) own: Sha256Digest,
    /// The batches before it, by position.
    pub(super) before_own: &'a BTreeSet<usize>,
    /// Whether those are all.
    pub(super) complete: bool,
}

/// What the lines came to.
pub(super) struct Read {
    pub(super) lines: u64,
    pub(super) policies: BTreeMap<String, Chained>,
    pub(super) reissues: BTreeMap<(String, String), u64>,
    pub(super) shown: u64,
}

/// Reads all lines.
pub(super) fn check(
    job: &Audit<'_>,
    batches: &[Batch],
    looked: &Looked<'_>,
    claims: Claims,
    report: &mut AuditReport,
) -> Result<Read, Error> {
    let mut sorted = Sorted::new(job.scratch, !claims.is_empty());
    let counts = chips(job, batches, &mut sorted, report)?;
    let mut read = Read { lines: 0, policies: BTreeMap::new(), reissues: BTreeMap::new(), shown: 0 };
    for (batch, lines) in batches.iter().zip(counts) {
        read.lines += lines;
        let name = &batch.statement.policy.name;
        let chained = read.policies.entry(name.clone()).or_default();
        chained.batches += 1;
        chained.certificates += lines;
        if let Some(reason) = &batch.statement.reissue {
            *read.reissues.entry((name.clone(), reason.clone())).or_default() += lines;
        }
    }
    let Sorted { keys, serials, chips } = sorted;
    let keys = keys.finish()?;
    unique(batches, &mut keys.records(), report, |first, other| {
        (first.uid != other.uid).then(|| (code::HISTORY_KEY_UID, format!("has the key of chip {}", first.uid)))
    })?;
    let serials = serials.finish()?;
    unique(batches, &mut serials.records(), report, |first, other| {
        let message = format!("its certificate has the serial number of that of chip {}", first.uid);
        (first.certificate != other.certificate).then_some((code::HISTORY_SERIAL, message))
    })?;
    let Claims { by_uid, by_key } = claims;
    let judge = Judge { batches, looked };
    if let Some(chips) = chips {
        let (known, by_uid) = (chips.finish()?, by_uid.finish()?);
        join(&mut by_uid.records(), &mut known.records(), |claim, known| {
            read.shown += u64::from(judge.settle(claim, judge.is_issued(claim, known), report));
        })?;
    }
    let by_key = by_key.finish()?;
    join(&mut by_key.records(), &mut keys.records(), |claim, known| {
        let found = known.iter().any(|known| known.uid != claim.uid && !judge.is_own(known));
        read.shown += u64::from(judge.settle(claim, found, report));
    })?;
    Ok(read)
}

/// Lines that are asked for by something else than their order.
struct Sorted {
    keys: SortedSpool,
    serials: SortedSpool,
    /// By UID; only where findings ask for it.
    chips: Option<SortedSpool>,
}

/// A line as it is sorted.
struct Known {
    batch: usize,
    source: Sha256Digest,
    spki: Sha256Digest,
    certificate: Sha256Digest,
    uid: Uid,
}

impl Sorted {
    fn new(scratch: &Path, chips: bool) -> Self {
        let new = || SortedSpool::new(scratch);
        Self { keys: new(), serials: new(), chips: chips.then(new) }
    }

    fn add(&mut self, at: usize, batch: &Batch, entry: &Entry) -> Result<(), Error> {
        let at = u32::try_from(at).expect("batches are directories with names").to_be_bytes();
        let (source, spki, certificate) = (entry.source_sha256(), entry.spki_sha256(), entry.sha256());
        let uid = entry.uid().as_bytes();
        let body = [&at[..], source.as_bytes(), spki.as_bytes(), certificate.as_bytes(), uid].concat();
        let number = [batch.statement.issuer.spki_sha256.as_bytes(), entry.serial().content()].concat();
        self.keys.add(SortedRecord { key: half(&spki), name: &[], body: &body })?;
        self.serials.add(SortedRecord { key: half_digest(&number), name: &[], body: &body })?;
        if let Some(chips) = &mut self.chips {
            chips.add(SortedRecord { key: half_digest(uid), name: &[], body: &body })?;
        }
        Ok(())
    }
}

impl Known {
    fn read(body: &[u8]) -> Result<Self, Error> {
        Self::parse(body).ok_or(Error::SpoolChanged)
    }

    fn parse(body: &[u8]) -> Option<Self> {
        let (batch, rest) = body.split_first_chunk::<4>()?;
        let (source, rest) = rest.split_first_chunk::<32>()?;
        let (spki, rest) = rest.split_first_chunk::<32>()?;
        let (certificate, uid) = rest.split_first_chunk::<32>()?;
        Some(Self {
            batch: usize::try_from(u32::from_be_bytes(*batch)).ok()?,
            source: Sha256Digest::new(*source),
            spki: Sha256Digest::new(*spki),
            certificate: Sha256Digest::new(*certificate),
            uid: Uid::from_bytes(uid).ok()?,
        })
    }
}

/// Reports lines that have the same key of sorting as an earlier one, where `wrong` says so.
fn unique(
    batches: &[Batch],
    records: &mut SortedRecords<'_>,
    report: &mut AuditReport,
    wrong: impl Fn(&Known, &Known) -> Option<(crate::origin::Code, String)>,
) -> Result<(), Error> {
    let mut first: Option<(u128, Known)> = None;
    while let Some(record) = records.next_record()? {
        let (key, known) = (record.key, Known::read(record.body)?);
        match &first {
            Some((of, other)) if *of == key => {
                if let Some((code, message)) = wrong(other, &known) {
                    let place = format!("{}: chip {}", batches[known.batch].name, known.uid);
                    report.fault(code, &place, &format!("{message} in {}", batches[other.batch].name));
                }
            }
            _ => first = Some((key, known)),
        }
    }
    Ok(())
}

/// Hands over each claim with the lines of its chip or key. A batch has a chip once; of a key that many chips have, a
/// few lines are enough.
fn join(
    claims: &mut SortedRecords<'_>,
    known: &mut SortedRecords<'_>,
    mut each: impl FnMut(&Claim, &[Known]),
) -> Result<(), Error> {
    let mut group: (u128, Vec<Known>) = (0, vec![]);
    let mut next = known.next_record()?.map(|record| (record.key, Known::read(record.body)));
    while let Some(record) = claims.next_record()? {
        let claim = Claim::read(record.body)?;
        if group.0 != record.key {
            group = (record.key, vec![]);
        }
        while let Some((key, line)) = next.take_if(|(key, _)| *key <= record.key) {
            let line = line?;
            if key == record.key && group.1.len() < ENOUGH {
                group.1.push(line);
            }
            next = known.next_record()?.map(|record| (record.key, Known::read(record.body)));
        }
        each(&claim, &group.1);
    }
    Ok(())
}

/// More batches than an auditor has.
const ENOUGH: usize = 100_000;

struct Judge<'a> {
    batches: &'a [Batch],
    looked: &'a Looked<'a>,
}

impl Judge<'_> {
    fn is_own(&self, known: &Known) -> bool {
        self.batches[known.batch].digest == self.looked.own
    }

    /// Whether the lines of a chip show what a finding says of it.
    fn is_issued(&self, claim: &Claim, known: &[Known]) -> bool {
        let own = self.batches.iter().find(|batch| batch.digest == self.looked.own).map(|batch| &batch.statement);
        let Some(own) = own else { return false };
        let others = || known.iter().filter(|known| known.uid == claim.uid && !self.is_own(known));
        let same_key = |known: &Known| claim.spki.is_none_or(|spki| spki == known.spki);
        let same_source = |known: &Known| claim.source.is_none_or(|source| source == known.source);
        match claim.code {
            ledger_code::ALREADY_ISSUED => others().any(|known| {
                let statement = &self.batches[known.batch].statement;
                self.looked.before_own.contains(&known.batch)
                    && statement.policy.name == own.policy.name
                    && statement.policy.sha256 == own.policy.sha256
                    && statement.params == own.params
                    && same_key(known)
                    && same_source(known)
            }),
            ledger_code::UID_WITH_OTHER_KEY => others().any(|known| match claim.spki {
                Some(spki) => spki != known.spki,
                None => !same_source(known),
            }),
            ledger_code::SERIAL_REPEATED => others().next().is_some(),
            _ => false,
        }
    }

    /// Whether it was shown. Where all batches are at hand and none of them shows it, it is not true.
    fn settle(&self, claim: &Claim, found: bool, report: &mut AuditReport) -> bool {
        if found {
            if let Some(count) = report.word.get_mut(&claim.code) {
                *count -= 1;
            }
            report.word.retain(|_, count| *count > 0);
        } else if self.looked.complete {
            let place = format!("{} line {}", manifest::REJECTED_FILE, claim.line + 1);
            let message =
                format!("chip {} is left out as {}, and no batch of the history shows that", claim.uid, claim.code);
            report.fault(code::ACCOUNT_LEDGER, &place, &message);
        }
        found
    }
}

/// The lines of one batch on their way through.
struct Walk<'a> {
    at: usize,
    batch: &'a Batch,
    lines: Lines,
    next: Option<Entry>,
    number: u64,
    last: Option<Entry>,
}

impl Walk<'_> {
    /// Reads the next line; one that cannot be read, or is out of order, ends the walk of this batch.
    fn step(&mut self, sorted: &mut Sorted, report: &mut AuditReport) -> Result<(), Error> {
        self.last = self.next.take();
        let line = believed(self.lines.next_line(), &self.batch.name, report)?.flatten();
        let Some(line) = line else { return Ok(()) };
        self.number += 1;
        let place = format!("{}: {} line {}", self.batch.name, manifest::ENTRIES_FILE, self.number);
        match Entry::parse(self.batch.statement.format, line) {
            Ok(entry) if self.last.as_ref().is_some_and(|last| last.uid() >= entry.uid()) => {
                report.fault_once(code::ENTRY_ORDER, &place, "does not come after the chip before it");
            }
            Ok(entry) => {
                if entry.reissue() != self.batch.statement.reissue.as_deref() {
                    report.fault_once(code::ENTRY_DIFFERS, &place, "has another reissue than the statement");
                }
                sorted.add(self.at, self.batch, &entry)?;
                self.next = Some(entry);
            }
            Err(error) => report.fault_once(code::ENTRY_SYNTAX, &place, &error.to_string()),
        }
        Ok(())
    }
}

/// All lines of all batches side by side, in order of UIDs. Returns how many each has.
fn chips(job: &Audit<'_>, batches: &[Batch], sorted: &mut Sorted, report: &mut AuditReport) -> Result<Vec<u64>, Error> {
    let mut walks = Vec::new();
    for (at, batch) in batches.iter().enumerate() {
        let Some(lines) = believed(batch.reader.lines(manifest::ENTRIES_FILE), &batch.name, report)? else { continue };
        let mut walk = Walk { at, batch, lines, next: None, number: 0, last: None };
        walk.step(sorted, report)?;
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
                walk.step(sorted, report)?;
            }
        }
        compare(&met, report);
    }
    let mut lines = vec![0; batches.len()];
    for walk in walks {
        lines[walk.at] = walk.number;
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
