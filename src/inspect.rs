//! Looking at a reel: what is in it, and with verification, what is wrong with it.

use std::collections::BTreeMap;
use std::io::Read;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::atomic::AtomicBool;

use crate::crypto::{VerificationEngine, sha256};
use crate::error::Error;
use crate::intake::{Intake, Source, read_and_verify};
use crate::origin::{Disposition, Finding, ItemName, Uid};
use crate::reel::{self, Input, InputRecord, Item, Limits};
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
#[derive(Clone, Debug, Default)]
pub struct Inspection {
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
    /// Rejected and ignored items, unless they are among the entries.
    pub findings: Vec<Finding>,
    /// Inputs that hold no certificate.
    pub without_certificates: Vec<ItemName>,
    /// Expected chips that were not found.
    pub missing: Vec<MissingChip>,
    /// Things worth a look.
    pub warnings: Vec<String>,
    /// One record an item, if asked for, in the order of the input. They hold the findings, then, instead of the list
    /// above.
    pub entries: Vec<EntryReport>,
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
    fn good(item: &ItemName, uid: String) -> Self {
        Self { item: item.to_string(), uid: Some(uid), findings: vec![], warnings: vec![] }
    }

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
            || self.all_findings().any(|finding| finding.disposition == Disposition::Rejected)
    }

    /// Every finding, wherever it is kept.
    pub fn all_findings(&self) -> impl Iterator<Item = &Finding> {
        self.findings.iter().chain(self.entries.iter().flat_map(|entry| &entry.findings))
    }

    fn found(&mut self, look: &Look<'_>, finding: Finding) {
        if look.entries {
            self.entries.push(EntryReport::of(finding));
        } else {
            self.findings.push(finding);
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
    for input in look.inputs {
        let stdin: Option<&mut dyn Read> = if *input == Input::Stdin { Some(&mut *stdin) } else { None };
        let mut yields = false;
        let mut each = |item| {
            seen.items += 1;
            yields |= matches!(item, Item::Candidate(_));
            (look.advance)(1);
            match item {
                Item::Finding(finding) => seen.found(look, finding),
                Item::Candidate(leaf) => match Certificate::from_der_leniently(&leaf.der, READABLE) {
                    Ok((certificate, _)) if certificate.is_ca() => {
                        let reason = format!("CA certificate of `{}`", certificate.subject());
                        let finding = Finding::ignored(leaf.item, verify::CA_CERTIFICATE, reason);
                        seen.found(look, finding.of(None, Some(sha256(certificate.der()))));
                    }
                    Ok((certificate, _)) => {
                        seen.count(&certificate);
                        if look.entries {
                            let uid = Uid::from_serial(certificate.serial()).to_string();
                            seen.entries.push(EntryReport::good(&leaf.item, uid));
                        }
                    }
                    Err(error) => {
                        let reason = error.to_string();
                        seen.found(look, Finding::rejected(leaf.item, verify::code_of(&error), reason));
                    }
                },
            }
            if look.cancel.load(std::sync::atomic::Ordering::Relaxed) {
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
        seen.inputs.extend(inputs?);
        if !yields {
            seen.without_certificates.push(input.name());
        }
    }
    Ok(seen)
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
    let mut intake = read_and_verify(&source, stdin, |_| Ok(judgement.at))?;
    let missing = intake.resolve(judgement.expected)?;
    let Intake { spool, rows, mut findings, inputs, without_certificates, items, mut warnings, notes, verifier: _ } =
        intake;
    warnings.extend(notes.iter().map(ToString::to_string));
    let mut seen = Inspection { inputs, items, without_certificates, missing, warnings, ..Inspection::default() };
    let mut entries: Vec<(u64, EntryReport)> = Vec::new();
    for row in &rows {
        let leaf = row.load(&spool)?;
        let (certificate, _) = Certificate::from_der_leniently(&leaf.der, READABLE).map_err(|_| Error::SpoolChanged)?;
        seen.count(&certificate);
        if look.entries {
            entries.push((row.item, EntryReport::good(&leaf.item, row.key.uid.to_string())));
        }
    }
    findings.sort_by_key(|(number, _)| *number);
    if look.entries {
        entries.extend(findings.into_iter().map(|(number, finding)| (number, EntryReport::of(finding))));
        entries.sort_by_key(|(number, _)| *number);
        for note in notes {
            let at = entries.partition_point(|(number, _)| *number < note.number);
            if let Some((_, entry)) = entries.get_mut(at).filter(|(number, _)| *number == note.number) {
                entry.warnings.push(note.warning);
            }
        }
        seen.entries = entries.into_iter().map(|(_, entry)| entry).collect();
    } else {
        seen.findings = findings.into_iter().map(|(_, finding)| finding).collect();
    }
    Ok(seen)
}
