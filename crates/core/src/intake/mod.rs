//! Pass 1: every item of every input is read once and examined; verified leaves go to the spool, a compact row of each
//! stays in memory. Shared by everything that begins with an archive (`reissue`, `inspect`).

mod examine;
mod resolve;
mod row;

pub use resolve::{Listed, compare};
pub use row::{LaidAside, Row, keep};

use std::collections::HashSet;
use std::io::Read;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::Receiver;

use crate::crypto::{VerificationEngine, sha256};
use crate::error::Error;
use crate::findings::FindingSpool;
use crate::origin::{Disposition, Finding, ItemName};
use crate::reel::{
    self, Edition, Input, InputRecord, Item, Limits, Sorted, SortedRecord, SortedSpool, SourceLeaf, Spool,
};
use crate::verify::{self, Examined, SourceRules, TrustAnchor, VerifiedLeaf, Verifier, Warning};
use crate::x509::{Certificate, Sha256Digest, Time};

use examine::{Results, examine_all};

/// What to read and how to judge it.
pub struct Source<'a> {
    /// What is read.
    pub inputs: &'a [Input],
    /// Limits while reading.
    pub limits: &'a Limits,
    /// Roots of the leaves.
    pub anchors: &'a [Certificate],
    /// What the policy accepts.
    pub rules: &'a SourceRules,
    /// The instant of the run.
    pub at: Time,
    /// Directory for the spool.
    pub scratch: &'a Path,
    /// Threads.
    pub jobs: usize,
    /// Who checks signatures.
    pub engine: VerificationEngine,
    /// Told how many items have been examined.
    pub advance: &'a (dyn Fn(u64) + Sync),
    /// Ends the work early.
    pub cancel: &'a AtomicBool,
}

impl Source<'_> {
    fn interrupted(&self) -> Result<(), Error> {
        if self.cancel.load(Ordering::Relaxed) { Err(Error::Interrupted) } else { Ok(()) }
    }
}

/// What pass 1 leaves behind.
pub struct Pass1 {
    /// The bytes of verified leaves.
    pub spool: Spool,
    /// One row for each verified leaf, not in order until [`resolve`](Self::resolve) sorts them.
    pub rows: Vec<Row>,
    /// Items that were rejected or ignored.
    pub findings: FindingSpool,
    /// What was read.
    pub inputs: Vec<InputRecord>,
    /// Inputs that yielded neither a certificate nor a rejection.
    pub without_certificates: Vec<ItemName>,
    /// Items seen.
    pub items: u64,
    /// Things worth a look about all of it.
    pub warnings: Vec<String>,
    /// Things worth a look about one leaf, of the first that had any.
    pub notes: Vec<Note>,
    /// The verifier, with the intermediates that the inputs held.
    pub verifier: Verifier,
}

/// Something worth a look about a verified leaf.
#[derive(Debug)]
pub struct Note {
    /// Position among all items.
    pub number: u64,
    /// The leaf's item.
    pub item: ItemName,
    /// What is worth a look.
    pub warning: Warning,
}

impl std::fmt::Display for Note {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.item, self.warning.reason)
    }
}

/// Reads every input, examines on all cores, and tries leaves without an anchor once more when the inputs' own
/// intermediates are known.
///
/// Validity is judged for the instant that `instant` names when it has seen what was read: an earlier batch made from
/// the same inputs has its own. Until then it is judged for `source.at`.
///
/// # Errors
/// Two inputs have one name, an input cannot be read, the spool cannot be written, or the run is interrupted.
pub fn read_and_verify<E: From<Error>>(
    source: &Source<'_>,
    stdin: &mut (dyn Read + Send),
    instant: impl FnOnce(&[InputRecord]) -> Result<Time, E>,
) -> Result<Pass1, E> {
    check_names(source.inputs)?;
    read_whatever_names(source, stdin, instant)
}

/// As [`read_and_verify`], of inputs that may have the same name: the caller tells their items apart by their positions.
pub(crate) fn read_whatever_names<E: From<Error>>(
    source: &Source<'_>,
    stdin: &mut (dyn Read + Send),
    instant: impl FnOnce(&[InputRecord]) -> Result<Time, E>,
) -> Result<Pass1, E> {
    let mut verifier = verifier(source, source.at)?;
    let scratch = source.scratch;
    let mut collector = Collector::new(scratch)?;
    let mut items = 0;
    let mut inputs = Vec::new();
    let mut without_certificates = Vec::new();
    examine_all::<Error>(source, &verifier, &mut collector, |send| {
        for input in source.inputs {
            let stdin: Option<&mut dyn Read> = if *input == Input::Stdin { Some(&mut *stdin) } else { None };
            let mut yields = source.limits.edition == Edition::First;
            let before = items;
            let mut each = |item: Item| {
                items += 1;
                yields |= item.is_certificate_or_fault();
                send(items - 1, item)
            };
            let records = reel::read(input, stdin, source.limits, scratch, &mut each)?;
            inputs.extend(records.into_iter().map(|record| InputRecord { first: before + record.first, ..record }));
            if !yields {
                without_certificates.push(input.name());
            }
        }
        Ok(())
    })?;

    let at = instant(&inputs)?;
    // workers finish in any order; the batch's list of intermediates and the paths through them have one
    let intermediates =
        std::mem::replace(&mut collector.intermediates, SortedSpool::new(scratch)).finish().map_err(Error::from)?;
    if at != source.at || intermediates.count() > 0 {
        if at != source.at {
            verifier = self::verifier(source, at)?.with_leaves_of(verifier);
        }
        add_intermediates(&mut verifier, &intermediates)?;
        collector.judge_times(&verifier)?;
        collector.reject_keys_of(&verifier)?;
        let waiting =
            std::mem::replace(&mut collector.waiting, FindingSpool::new(scratch)).finish().map_err(Error::from)?;
        examine_all::<Error>(source, &verifier, &mut collector, |send| {
            let mut waiting = waiting.read();
            while let Some(placed) = waiting.next_finding()? {
                let leaf = SourceLeaf { item: placed.finding.item, der: placed.more, file_name: None };
                if send(placed.number, Item::Candidate(leaf)).is_break() {
                    break;
                }
            }
            Ok(())
        })?;
    }
    Ok(Pass1 { without_certificates, ..collector.finish(source, verifier, inputs, items)? })
}

/// Verifies leaves that come one after the other from somewhere else than an archive, with the CA certificates that
/// came with them. A row's number is the leaf's place among them; an item that is not a genuine leaf becomes a finding.
///
/// # Errors
/// `leaves` fails, the spool cannot be written, or the run is interrupted.
pub fn verify_leaves<E: From<Error>>(
    source: &Source<'_>,
    intermediates: &[Certificate],
    leaves: impl FnOnce(&mut dyn FnMut(SourceLeaf) -> ControlFlow<()>) -> Result<(), E>,
) -> Result<Pass1, E> {
    let mut verifier = verifier(source, source.at)?;
    for certificate in intermediates {
        verifier.add_intermediate(certificate.clone());
    }
    let mut collector = Collector::new(source.scratch)?;
    let mut items = 0;
    examine_all::<E>(source, &verifier, &mut collector, |send| {
        leaves(&mut |leaf| {
            items += 1;
            send(items - 1, Item::Candidate(leaf))
        })
    })?;
    Ok(collector.finish(source, verifier, vec![], items)?)
}

/// Offers the inputs' CA certificates until none of them finds an issuer any more: the verifier remembers a limited
/// number that wait, and junk must not crowd out what comes after it.
fn add_intermediates(verifier: &mut Verifier, found: &Sorted) -> Result<(), Error> {
    loop {
        let before = verifier.intermediates().count();
        let mut found = found.records();
        while let Some(record) = found.next_record()? {
            if let Ok(certificate) = Certificate::from_der(record.body) {
                verifier.add_intermediate(certificate);
            }
        }
        if verifier.intermediates().count() == before {
            return Ok(());
        }
    }
}

fn verifier(source: &Source<'_>, at: Time) -> Result<Verifier, Error> {
    let anchors = source.anchors.iter().cloned().map(TrustAnchor::from_certificate).collect::<Result<Vec<_>, _>>()?;
    Ok(Verifier::new(anchors, source.rules.clone(), at)?.with_engine(source.engine))
}

/// Items are named after their input: two inputs of one name would give two items of one name.
fn check_names(inputs: &[Input]) -> Result<(), Error> {
    let mut names: Vec<ItemName> = inputs.iter().map(Input::name).collect();
    names.sort_unstable();
    match names.windows(2).find(|pair| pair[0] == pair[1]) {
        None => Ok(()),
        Some(pair) => Err(Error::InputTwice { name: pair[0].to_string() }),
    }
}

fn expired_anchors(anchors: &[Certificate], at: Time) -> impl Iterator<Item = String> {
    anchors.iter().filter(move |anchor| !anchor.validity().contains(at)).map(move |anchor| {
        let validity = anchor.validity();
        format!(
            "anchor `{}` is valid from {} to {}, not at {at} (leaves are accepted all the same)",
            anchor.subject(),
            validity.not_before(),
            validity.not_after(),
        )
    })
}

/// What became of one item.
enum Seen {
    Finding(u64, Finding),
    Ca(u64, Finding, Box<Certificate>),
    Orphan(u64, Finding, Vec<u8>),
    Verified(u64, VerifiedLeaf, Vec<Warning>),
}

fn seen(number: u64, leaf: &SourceLeaf, examined: Examined) -> Seen {
    match examined {
        Examined::CaCertificate(certificate) => {
            let reason =
                format!("CA certificate of `{}`: used for path building, never trusted", certificate.subject());
            let finding = Finding::ignored(leaf.item.clone(), verify::CA_CERTIFICATE, reason)
                .of(None, Some(sha256(certificate.der())));
            Seen::Ca(number, finding, Box::new(certificate))
        }
        Examined::Rejected(finding)
            if verify::DEPENDS_ON_INTERMEDIATES.contains(&finding.code)
                || verify::DEPENDS_ON_INSTANT.contains(&finding.code) =>
        {
            Seen::Orphan(number, finding, leaf.der.clone())
        }
        Examined::Rejected(finding) => Seen::Finding(number, finding),
        Examined::Verified(leaf, mut warnings) => {
            // an anchor's end is the same for all its leaves, and said once
            warnings.retain(|warning| warning.code != verify::CHAIN_ANCHOR_EXPIRED);
            Seen::Verified(number, leaf, warnings)
        }
    }
}

/// Takes results in any order and puts them in order afterwards.
struct Collector {
    spool: Spool,
    /// Leaves for which no path was found yet, with their bytes.
    waiting: FindingSpool,
    rows: Vec<Row>,
    findings: FindingSpool,
    /// CA certificates.
    intermediates: SortedSpool,
    notes: Vec<Note>,
}

/// Warnings kept; a reel in which every file name disagrees must not fill the memory.
const MAX_WARNINGS: usize = 1_000;

impl Collector {
    fn new(scratch: &Path) -> Result<Self, Error> {
        Ok(Self {
            spool: Spool::create(scratch)?,
            waiting: FindingSpool::new(scratch),
            rows: vec![],
            findings: FindingSpool::new(scratch),
            intermediates: SortedSpool::new(scratch),
            notes: vec![],
        })
    }

    /// What waits until the end has no path.
    fn finish(
        mut self,
        source: &Source<'_>,
        verifier: Verifier,
        inputs: Vec<InputRecord>,
        items: u64,
    ) -> Result<Pass1, Error> {
        let waiting = self.waiting.finish()?;
        let mut waiting = waiting.read();
        while let Some(placed) = waiting.next_finding()? {
            self.findings.push(placed.number, placed.finding)?;
        }
        self.notes.sort_unstable_by_key(|note| note.number);
        Ok(Pass1 {
            spool: self.spool,
            rows: self.rows,
            findings: self.findings,
            inputs,
            without_certificates: vec![],
            items,
            warnings: expired_anchors(source.anchors, verifier.at()).collect(),
            notes: self.notes,
            verifier,
        })
    }

    fn collect(&mut self, results: Receiver<Results>, source: &Source<'_>, verifier: &Verifier) -> Result<(), Error> {
        // after a failure this function drops the receiver, which ends the workers and the reading
        results.into_iter().try_for_each(|seen| self.take_all(seen, source, verifier))
    }

    fn take_all(&mut self, seen: Results, source: &Source<'_>, verifier: &Verifier) -> Result<(), Error> {
        let seen = seen?;
        (source.advance)(seen.len() as u64);
        seen.into_iter().try_for_each(|seen| self.take(seen, verifier))
    }

    /// Moves the leaves that are not valid at the verifier's instant to the findings.
    fn judge_times(&mut self, verifier: &Verifier) -> Result<(), Error> {
        let mut spool = self.spool.reader();
        let mut stay = vec![true; self.rows.len()];
        for (row, stays) in self.rows.iter().zip(&mut stay) {
            if let Err(finding) = row.readmit(&mut spool, verifier, verifier.at())? {
                self.findings.push(row.number(&mut spool)?, finding)?;
                *stays = false;
            }
        }
        row::keep(&mut self.rows, stay);
        Ok(())
    }

    /// Leaves that were verified before the intermediate was known whose key they carry.
    fn reject_keys_of(&mut self, verifier: &Verifier) -> Result<(), Error> {
        let keys: HashSet<Sha256Digest> =
            verifier.intermediates().map(|certificate| sha256(certificate.spki().der())).collect();
        for row in self.rows.extract_if(.., |row| keys.contains(&row.key.spki)) {
            let LaidAside { number, item, .. } = row.load(&self.spool)?;
            self.findings.push(number, verify::key_of_a_ca(item, &row.key))?;
        }
        Ok(())
    }

    fn take(&mut self, seen: Seen, verifier: &Verifier) -> Result<(), Error> {
        match seen {
            Seen::Finding(number, finding) => self.findings.push(number, finding)?,
            Seen::Ca(number, finding, certificate) => {
                debug_assert_eq!(finding.disposition, Disposition::Ignored);
                self.findings.push(number, finding)?;
                let record = SortedRecord { key: number.into(), name: &[], body: certificate.der() };
                self.intermediates.add(record)?;
            }
            Seen::Orphan(number, finding, der) => self.waiting.push_with(number, finding, &der)?,
            Seen::Verified(number, leaf, warnings) => {
                let room = MAX_WARNINGS.saturating_sub(self.notes.len());
                let item = &leaf.origin().item;
                let notes = warnings.into_iter().map(|warning| Note { number, item: item.clone(), warning });
                self.notes.extend(notes.take(room));
                self.rows.push(Row::lay_aside(number, &leaf, verifier, &mut self.spool)?);
            }
        }
        Ok(())
    }
}
