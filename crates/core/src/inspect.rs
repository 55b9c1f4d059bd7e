//! Looking at a reel: what is in it, and with verification, what is wrong with it.

use std::collections::BTreeMap;
use std::io::Read;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::atomic::AtomicBool;

use crate::crypto::{VerificationEngine, sha256};
use crate::error::Error;
use crate::findings::{FindingSpool, Findings, Placed, Reading};
use crate::intake::{Note, Pass1, Source, read_and_verify};
use crate::origin::{Disposition, Finding, ItemName, Uid};
use crate::reel::{self, Input, InputRecord, Item, Limits, Sorted, SortedRecord, SortedRecords, SortedSpool};
use crate::verify::{self, ExpectedList, MissingChip, SourceRules, Warning};
use crate::x509::{Certificate, Leniency, Time};

/// Looking believes nothing, so it reads what some policy might accept.
const READABLE: Leniency = Leniency { explicit_default_boolean: true };

/// What to look at and how.
#[expect(missing_debug_implementations, reason = "holds a closure")]
pub struct Look<'a> {
    /// What to read.
    pub inputs: &'a [Input],
    /// Limits while reading.
    pub limits: Limits,
    /// Directory for scratch files.
    pub scratch: &'a Path,
    /// Keep one record an item, for programs.
    pub entries: bool,
    /// Told how many items have been examined.
    pub advance: &'a (dyn Fn(u64) + Sync),
    /// Ends the work early.
    pub cancel: &'a AtomicBool,
}

/// How to verify.
#[derive(Clone, Copy, Debug)]
pub struct Judgement<'a> {
    /// Trust anchors.
    pub anchors: &'a [Certificate],
    /// Family, keys and relaxations.
    pub rules: &'a SourceRules,
    /// The chips that must be there.
    pub expected: Option<&'a ExpectedList>,
    /// The instant for which validity is judged.
    pub at: Time,
    /// Threads.
    pub jobs: usize,
    /// Who checks signatures.
    pub engine: VerificationEngine,
}

/// What was seen.
#[derive(Debug, Default)]
pub struct Inspection {
    /// Whether leaves were verified, rather than only looked at.
    pub verified: bool,
    /// What was read.
    pub inputs: Vec<InputRecord>,
    /// Items seen.
    pub items: u64,
    /// Leaf certificates (with verification: verified ones).
    pub leaves: u64,
    /// Leaves by chip family, as their serial numbers suggest.
    pub families: BTreeMap<String, u64>,
    /// Leaves by issuer name.
    pub issuers: BTreeMap<String, u64>,
    /// Leaves by kind of public key.
    pub keys: BTreeMap<String, u64>,
    /// Earliest and latest notBefore.
    pub not_before: Option<(Time, Time)>,
    /// Earliest and latest notAfter.
    pub not_after: Option<(Time, Time)>,
    /// Smallest and largest UID.
    pub uids: Option<(Uid, Uid)>,
    /// Rejected and ignored items, in the order of the input.
    pub findings: Findings,
    /// Inputs that hold no certificate.
    pub without_certificates: Vec<ItemName>,
    /// Expected chips that were not found.
    pub missing: Vec<MissingChip>,
    /// Things worth a look.
    pub warnings: Vec<String>,
    /// Good leaves, if one record an item was asked for.
    good: Option<Sorted>,
    /// Things worth a look about single leaves.
    notes: Vec<Note>,
}

/// One item, for programs.
#[derive(Clone, Debug)]
pub struct EntryReport {
    /// The item's name.
    pub item: String,
    /// The chip, where it could be read.
    pub uid: Option<String>,
    /// Why it is not taken; empty for a good leaf.
    pub findings: Vec<Finding>,
    /// What is worth a look although it is taken.
    pub warnings: Vec<Warning>,
}

impl EntryReport {
    fn of(finding: Finding) -> Self {
        let uid = finding.uid.as_ref().map(ToString::to_string);
        Self { item: finding.item.to_string(), uid, findings: vec![finding], warnings: vec![] }
    }
}

impl Inspection {
    /// Whether anything was rejected or missing, or an input holds nothing.
    pub fn has_faults(&self) -> bool {
        !self.missing.is_empty()
            || !self.without_certificates.is_empty()
            || self.findings.count(Disposition::Rejected) > 0
    }

    /// One record an item, in the order of the input, if they were asked for; otherwise those of the findings.
    pub fn entries(&self) -> EntryReports<'_> {
        EntryReports {
            findings: self.findings.read(),
            finding: None,
            good: self.good.as_ref().map(Sorted::records),
            leaf: None,
            notes: &self.notes,
        }
    }

    fn count(&mut self, certificate: &Certificate) {
        self.leaves += 1;
        let uid = Uid::from_serial(certificate.serial());
        let family = guess(&uid).to_owned();
        *self.families.entry(family).or_default() += 1;
        let issuer = certificate.issuer().to_string();
        let known = self.issuers.len() < MAX_ISSUERS || self.issuers.contains_key(&issuer);
        *self.issuers.entry(if known { issuer } else { OTHER_ISSUERS.to_owned() }).or_default() += 1;
        *self.keys.entry(certificate.spki().algorithm().to_string()).or_default() += 1;
        let validity = certificate.validity();
        self.not_before = Some(widen(self.not_before.take(), validity.not_before()));
        self.not_after = Some(widen(self.not_after.take(), validity.not_after()));
        self.uids = Some(widen(self.uids.take(), uid));
    }
}

/// Goes through the records of items: what there is of them is not in memory.
#[derive(Debug)]
pub struct EntryReports<'a> {
    findings: Reading<'a>,
    /// The next of each, as far as they were looked at.
    finding: Option<Placed>,
    good: Option<SortedRecords<'a>>,
    leaf: Option<(u64, EntryReport)>,
    /// Those that are still to come, in the order of the input.
    notes: &'a [Note],
}

impl EntryReports<'_> {
    fn next_entry(&mut self) -> Result<Option<EntryReport>, Error> {
        if self.finding.is_none() {
            self.finding = self.findings.next_finding()?;
        }
        if self.leaf.is_none()
            && let Some(good) = &mut self.good
        {
            self.leaf = good.next_record()?.map(leaf).transpose()?;
        }
        let leaf_first = match (&self.leaf, &self.finding) {
            (Some((number, _)), Some(finding)) => *number < finding.number,
            (leaf, _) => leaf.is_some(),
        };
        if !leaf_first {
            return Ok(self.finding.take().map(|placed| EntryReport::of(placed.finding)));
        }
        let Some((number, mut entry)) = self.leaf.take() else { return Ok(None) };
        let skip = self.notes.partition_point(|note| note.number < number);
        let of_this = self.notes[skip..].partition_point(|note| note.number == number);
        let (notes, rest) = self.notes[skip..].split_at(of_this);
        self.notes = rest;
        entry.warnings.extend(notes.iter().map(|note| note.warning.clone()));
        Ok(Some(entry))
    }
}

impl Iterator for EntryReports<'_> {
    type Item = Result<EntryReport, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        self.next_entry().transpose()
    }
}

fn leaf(record: SortedRecord<'_>) -> Result<(u64, EntryReport), Error> {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).map_err(|_| Error::SpoolChanged);
    let entry =
        EntryReport { item: text(record.name)?, uid: Some(text(record.body)?), findings: vec![], warnings: vec![] };
    Ok((u64::try_from(record.key).map_err(|_| Error::SpoolChanged)?, entry))
}

/// What goes by, set aside.
struct Aside<'a> {
    look: &'a Look<'a>,
    findings: FindingSpool,
    good: SortedSpool,
}

impl<'a> Aside<'a> {
    fn new(look: &'a Look<'a>, findings: FindingSpool) -> Self {
        Self { look, findings, good: SortedSpool::new(look.scratch) }
    }

    fn leaf(&mut self, number: u64, item: &ItemName, uid: &Uid) -> Result<(), Error> {
        if self.look.entries {
            let uid = uid.to_string();
            let record = SortedRecord { key: number.into(), name: item.as_str().as_bytes(), body: uid.as_bytes() };
            self.good.add(record)?;
        }
        Ok(())
    }

    fn finish(self, into: &mut Inspection) -> Result<(), Error> {
        into.findings = self.findings.finish()?;
        into.good = if self.look.entries { Some(self.good.finish()?) } else { None };
        Ok(())
    }
}

/// Issuers that are counted by name; a reel has a few, and junk must not fill the memory or the screen.
const MAX_ISSUERS: usize = 100;
const OTHER_ISSUERS: &str = "(any other issuer)";

/// The family that a UID's form suggests.
fn guess(uid: &Uid) -> &'static str {
    match uid.as_bytes() {
        [2, 9, rest @ ..] if rest.len() == 9 => "stsafe-a",
        other if other.len() == 9 => "stsafe-l",
        _ => "generic",
    }
}

fn widen<T: Ord + Clone>(range: Option<(T, T)>, value: T) -> (T, T) {
    match range {
        None => (value.clone(), value),
        Some((low, high)) => (low.min(value.clone()), high.max(value)),
    }
}

/// Reads and counts; believes nothing.
///
/// # Errors
/// An input cannot be read.
pub fn look(look: &Look<'_>, stdin: &mut (dyn Read + Send)) -> Result<Inspection, Error> {
    let mut seen = Inspection::default();
    let mut aside = Aside::new(look, FindingSpool::new(look.scratch));
    for input in look.inputs {
        let stdin: Option<&mut dyn Read> = if *input == Input::Stdin { Some(&mut *stdin) } else { None };
        let mut yields = false;
        let mut failure = None;
        let mut each = |item| {
            seen.items += 1;
            yields |= matches!(item, Item::Candidate(_));
            (look.advance)(1);
            failure = take(&mut seen, &mut aside, item).err();
            if failure.is_some() || look.cancel.load(std::sync::atomic::Ordering::Relaxed) {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            }
        };
        let inputs = reel::read(input, stdin, &look.limits, look.scratch, &mut each);
        // an interrupted read is no fault of the input
        if look.cancel.load(std::sync::atomic::Ordering::Relaxed) {
            return Err(Error::Interrupted);
        }
        failure.map_or(Ok(()), Err)?;
        seen.inputs.extend(inputs?);
        if !yields {
            seen.without_certificates.push(input.name());
        }
    }
    aside.finish(&mut seen)?;
    Ok(seen)
}

/// Counts a leaf, or sets aside what is none. The item is the last that was counted.
fn take(seen: &mut Inspection, aside: &mut Aside<'_>, item: Item) -> Result<(), Error> {
    let number = seen.items - 1;
    let leaf = match item {
        Item::Finding(finding) => return Ok(aside.findings.push(number, finding)?),
        Item::Candidate(leaf) => leaf,
    };
    let finding = match Certificate::from_der_leniently(&leaf.der, READABLE) {
        Ok((certificate, _)) if certificate.is_ca() => {
            let reason = format!("CA certificate of `{}`", certificate.subject());
            let finding = Finding::ignored(leaf.item, verify::CA_CERTIFICATE, reason);
            finding.of(None, Some(sha256(certificate.der())))
        }
        Ok((certificate, _)) => {
            seen.count(&certificate);
            return aside.leaf(number, &leaf.item, &Uid::from_serial(certificate.serial()));
        }
        Err(error) => Finding::rejected(leaf.item, verify::code_of(&error), error.to_string()),
    };
    Ok(aside.findings.push(number, finding)?)
}

/// Reads and verifies as `issue` would, ledger aside.
///
/// # Errors
/// An input cannot be read, or no anchor is given.
pub fn look_and_verify(
    look: &Look<'_>,
    judgement: &Judgement<'_>,
    stdin: &mut (dyn Read + Send),
) -> Result<Inspection, Error> {
    let source = Source {
        inputs: look.inputs,
        limits: &look.limits,
        anchors: judgement.anchors,
        rules: judgement.rules,
        at: judgement.at,
        scratch: look.scratch,
        jobs: judgement.jobs,
        engine: judgement.engine,
        advance: look.advance,
        cancel: look.cancel,
    };
    let mut intake = read_and_verify::<Error>(&source, stdin, |_| Ok(judgement.at))?;
    let missing = intake.resolve(judgement.expected)?;
    let Pass1 { spool, rows, findings, inputs, without_certificates, items, mut warnings, notes, verifier: _ } = intake;
    warnings.extend(notes.iter().map(ToString::to_string));
    let mut seen = Inspection {
        inputs,
        items,
        without_certificates,
        missing,
        warnings,
        notes,
        verified: true,
        ..Inspection::default()
    };
    let mut aside = Aside::new(look, findings);
    for row in &rows {
        let leaf = row.load(&spool)?;
        let (certificate, _) = Certificate::from_der_leniently(&leaf.der, READABLE).map_err(|_| Error::SpoolChanged)?;
        seen.count(&certificate);
        aside.leaf(leaf.number, &leaf.item, &row.key.uid)?;
    }
    aside.finish(&mut seen)?;
    Ok(seen)
}
