//! Reading the whole ledger again, and counting what is on it.

use std::collections::{BTreeSet, HashSet};
use std::path::Path;

use crate::origin::Uid;
use crate::x509::Sha256Digest;

use super::LedgerError;
use super::abandoned;
use super::accepted;
use super::batch::{BatchRow, BatchState, Summary};
use super::blocked;
use super::copy;
use super::index::{self, Total};
use super::leaf::{self, IndexKey, LeafKey, LeafSetDigest};
use super::open::{Ledger, State, damaged, decoded};
use super::record::{Head, Kind, Place, Record};
use super::revocations;
use super::round;
use super::signer_request;
use super::store::StoreError;

/// What a walk through every record has come to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LedgerReport {
    /// What was counted on the way.
    pub stats: LedgerStats,
    /// The head that the records lead to.
    pub head: Sha256Digest,
    /// What is not in order, in the order in which it was met; at most [`MAX_FINDINGS`].
    pub findings: Vec<LedgerFinding>,
    /// Whether leaf lists, sorted lists and results were compared with each other: not if records are missing or are
    /// not what was recorded.
    pub compared: bool,
    /// How many records before those that were counted were not read, because their head was noted.
    pub unread: Option<u64>,
}

/// A record that is not in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LedgerFinding {
    /// Its position.
    pub position: u64,
    /// What is wrong with it.
    pub what: &'static str,
}

/// The most findings of a walk. It ends there: more would not help the operator.
pub const MAX_FINDINGS: usize = 100;

/// How much is on a ledger.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LedgerStats {
    /// Records.
    pub records: u64,
    /// Batches begun.
    pub batches: u64,
    /// Batches sealed.
    pub sealed: u64,
    /// Batches given up.
    pub abandoned: u64,
    /// Leaves of all batches.
    pub leaves: u64,
    /// Leaves that may have been signed.
    pub intended: u64,
    /// Serial numbers given up.
    pub retries: u64,
    /// Certificates.
    pub certificates: u64,
    /// Signatures made for leaves.
    pub signatures_made: u64,
    /// Things that CA keys signed or were to sign besides leaves.
    pub ca_records: u64,
    /// Clock jumps that a person accepted.
    pub accepted: u64,
    /// Certificates in records that revoke, changes of a reason included.
    pub revoked: u64,
    /// Certificates that were released from hold.
    pub released: u64,
    /// Chips in records that block.
    pub blocked: u64,
    /// Chips in records that take a block back.
    pub unblocked: u64,
    /// Rounds of revocation lists.
    pub crl_rounds: u64,
    /// Revocation lists that were signed.
    pub crls: u64,
}

impl LedgerStats {
    /// Batches that are neither sealed nor abandoned. A damaged ledger may have more seals than batches.
    pub const fn open(&self) -> u64 {
        self.batches.saturating_sub(self.sealed).saturating_sub(self.abandoned)
    }
}

impl LedgerStats {
    fn add(&mut self, kind: Kind, count: u64, signatures: u64) {
        self.records += 1;
        match kind {
            Kind::Batch => self.batches += 1,
            Kind::Sealed => self.sealed += 1,
            Kind::Abandoned => self.abandoned += 1,
            Kind::Uids => self.leaves += count,
            Kind::Intent => self.intended += count,
            Kind::Retry => self.retries += 1,
            Kind::Issued => {
                self.certificates += count;
                self.signatures_made += signatures;
            }
            Kind::CaIntent => self.ca_records += 1,
            Kind::Accepted => self.accepted += 1,
            Kind::Revoked => self.revoked += count,
            Kind::Released => self.released += count,
            Kind::Blocked => self.blocked += count,
            Kind::Unblocked => self.unblocked += count,
            Kind::CrlRound => self.crl_rounds += 1,
            Kind::CrlIssued => self.crls += count,
            Kind::Genesis
            | Kind::Terms
            | Kind::Digests
            | Kind::Names
            | Kind::Keys
            | Kind::CaSigned
            | Kind::Sent
            | Kind::Settled
            | Kind::Moved
            | Kind::SignerRequest => {}
        }
    }
}

impl Ledger {
    /// How much is on the ledger, as its records say; nothing is checked.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn stats(&self) -> Result<LedgerStats, LedgerError> {
        self.with(|state| {
            let mut stats = LedgerStats::default();
            for kind in Kind::ALL {
                for entry in state.store.entries(kind, 0, u64::MAX)? {
                    stats.add(kind, entry.count, entry.signatures);
                }
            }
            Ok(stats)
        })
    }

    /// As [`examine`](Self::examine), with the first finding as an error.
    ///
    /// # Errors
    /// The first thing that is not in order, by the position of its record; or the store cannot be read.
    pub fn verify(&self) -> Result<LedgerReport, LedgerError> {
        let report = self.examine(&|_, _| {})?;
        match report.findings.first() {
            Some(finding) => Err(LedgerError::Damaged { position: finding.position, what: finding.what }),
            None => Ok(report),
        }
    }

    /// Reads every record: the chain, that each is found at its place and no place is left over, that each batch's
    /// leaf list is the one its terms name and its sorted keys are those of its leaves, that no two batches have one
    /// name or one seed, that results belong to intents, no leaf has two, and a sealed batch lacks none. `progress`
    /// receives the number of records that were read, and the number of all records.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn examine(&self, progress: &dyn Fn(u64, u64)) -> Result<LedgerReport, LedgerError> {
        self.with(|state| Walk::from(Head::EMPTY).examine(state, progress))
    }

    /// As [`examine`](Self::examine), for the records after the head that is noted in a file, and the batches that they
    /// belong to. That head was reached by a walk before: records up to it are believed.
    ///
    /// # Errors
    /// The file cannot be read or is not a head, the ledger was never at that head, or the store cannot be read.
    pub fn examine_after(&self, file: &Path, progress: &dyn Fn(u64, u64)) -> Result<LedgerReport, LedgerError> {
        self.with(|state| {
            let missing = || std::io::Error::from(std::io::ErrorKind::NotFound);
            let head = state.noted_head(file)?;
            let head = head.ok_or_else(|| LedgerError::HeadFile { path: file.to_owned(), source: missing() })?;
            Walk::from(head).examine(state, progress)
        })
    }
}

struct Walk {
    /// The head before the first record that is read.
    from: Head,
    findings: Vec<LedgerFinding>,
    stats: LedgerStats,
    /// Numbers of the batches that records were read of.
    batches: BTreeSet<u64>,
}

impl Walk {
    fn from(from: Head) -> Self {
        Self { from, findings: Vec::new(), stats: LedgerStats::default(), batches: BTreeSet::new() }
    }

    fn examine(mut self, state: &mut State, progress: &dyn Fn(u64, u64)) -> Result<LedgerReport, LedgerError> {
        let head = self.records(state, progress)?;
        // what the records say is judged when it is known that they are what was recorded
        let compared = self.findings.is_empty();
        if compared {
            self.contents(state)?;
        }
        let unread = (self.from != Head::EMPTY).then_some(self.from.records);
        Ok(LedgerReport { stats: self.stats, head: head.digest, findings: self.findings, compared, unread })
    }

    fn find(&mut self, position: u64, what: &'static str) {
        if self.findings.len() < MAX_FINDINGS {
            self.findings.push(LedgerFinding { position, what });
        }
    }

    /// The chain, and the places.
    fn records(&mut self, state: &mut State, progress: &dyn Fn(u64, u64)) -> Result<Head, LedgerError> {
        let end = state.store.head()?;
        let mut head = self.from;
        let before = state.store.entries(Kind::Batch, 0, self.from.records)?;
        let mut began: HashSet<u64> = before.into_iter().map(|entry| entry.place.batch).collect();
        // after a gap, nothing is known of the record before
        let mut known = true;
        for position in self.from.records + 1..=end.records {
            if self.findings.len() >= MAX_FINDINGS {
                return Ok(head);
            }
            let record = match state.store.at(position) {
                Ok(Some(record)) => record,
                Ok(None) => {
                    self.find(position, "it is missing");
                    known = false;
                    continue;
                }
                Err(StoreError::Damaged { position, what }) => {
                    self.find(position, what);
                    known = false;
                    continue;
                }
                Err(error) => return Err(error.into()),
            };
            if known && !record.follows(&head) {
                self.find(position, "it does not continue the hash chain");
            }
            let Place { kind, batch, .. } = record.entry.place;
            if state.store.entry(record.entry.place)? != Some(record.entry) {
                self.find(position, "it is not found at its place");
            }
            self.stats.add(kind, record.entry.count, record.entry.signatures);
            match kind {
                Kind::Batch => drop(began.insert(batch)),
                Kind::Moved => {
                    if let Err(what) = copy::check(&record, &end) {
                        self.find(position, what);
                    }
                }
                Kind::Accepted | Kind::Blocked | Kind::SignerRequest | Kind::Unblocked => {
                    let check = match kind {
                        Kind::Accepted => accepted::check,
                        Kind::SignerRequest => signer_request::check,
                        _ => blocked::check,
                    };
                    if let Err(what) = check(&record) {
                        self.find(position, what);
                    }
                }
                _ => {}
            }
            if batch != 0 && !began.contains(&batch) {
                self.find(position, "it belongs to a batch that never began");
            }
            if batch != 0 {
                self.batches.insert(batch);
            }
            // one changed record is one finding: those after it continue what it says of itself
            (head, known) = (record.head(), true);
            progress(position - self.from.records, end.records - self.from.records);
        }
        let mut places = 0;
        for kind in Kind::ALL {
            let entries = state.store.entries(kind, 0, u64::MAX)?;
            places += entries.iter().filter(|entry| entry.position > self.from.records).count() as u64;
        }
        if state.store.lacks_log()? {
            self.find(end.records, "it is the last record, and the write-ahead log with those after it is missing");
        }
        if places != self.stats.records {
            self.find(end.records, "there are places without records");
        }
        Ok(head)
    }

    /// What each batch's records say of each other.
    fn contents(&mut self, state: &mut State) -> Result<(), LedgerError> {
        let mut next = 0;
        let mut totals = Vec::new();
        let (mut names, mut seeds) = (HashSet::new(), HashSet::new());
        for entry in state.store.entries(Kind::Terms, 0, u64::MAX)? {
            let terms = state.expect(entry.place)?;
            if let Ok(row) = BatchRow::decode(&terms.body, BatchState::Open) {
                if !names.insert(row.id) {
                    self.find(terms.entry.position, "its batch has the name of an earlier one");
                }
                if !seeds.insert(*row.seed.as_bytes()) {
                    let what = "its batch has the seed of an earlier one: serial numbers may have been given twice";
                    self.find(terms.entry.position, what);
                }
            }
            if !self.batches.contains(&entry.place.batch) {
                continue;
            }
            match check_batch(state, &terms, &mut next, &mut totals) {
                Err(LedgerError::Damaged { position, what }) => self.find(position, what),
                other => other?,
            }
        }
        for checked in [revocations::check(state), round::check(state)] {
            match checked {
                Err(LedgerError::Damaged { position, what }) => self.find(position, what),
                other => other?,
            }
        }
        // the index counts the leaves of all batches
        if self.from == Head::EMPTY && self.findings.is_empty() && state.store.derives()? {
            match index::check(state, &totals) {
                Err(LedgerError::Damaged { position, what }) => self.find(position, what),
                other => other?,
            }
        }
        Ok(())
    }
}

/// Everything that belongs to one batch.
fn check_batch(state: &mut State, terms: &Record, next: &mut u64, totals: &mut Vec<Total>) -> Result<(), LedgerError> {
    let number = terms.entry.place.batch;
    let row = BatchRow::decode(&terms.body, BatchState::Open).map_err(|_| damaged(terms))?;
    let batch = state.expect(Place::new(Kind::Batch, number, 0))?;
    if batch.body != Summary::of(number, &row).encode() {
        return Err(LedgerError::Damaged { position: number, what: "it is not of the terms that follow it" });
    }
    let mut digest = LeafSetDigest::new();
    let mut last: Vec<u8> = Vec::new();
    let mut leaves: u64 = 0;
    let mut run = Run::new(number, *next);
    for chunk in 0..row.chunks() {
        let uids = state.expect(Place::new(Kind::Uids, number, chunk))?;
        let digests = state.expect(Place::new(Kind::Digests, number, chunk))?;
        let list = leaf::read_uids(&uids.body).map_err(|_| damaged(&uids))?;
        for (index, uid) in list.iter().enumerate() {
            let (spki, source) = leaf::read_digests(&digests.body, index).map_err(|_| damaged(&digests))?;
            if *uid <= last.as_slice() {
                return Err(LedgerError::Damaged { position: uids.entry.position, what: "its UIDs are not in order" });
            }
            last = uid.to_vec();
            digest.add(uid, &spki, &source);
            let leaf = LeafKey { uid: Uid::from_bytes(uid).map_err(|_| damaged(&uids))?, spki, source };
            run.add(state, &leaf)?;
            leaves += 1;
        }
        check_results(state, number, chunk, list.len())?;
    }
    run.end(state)?;
    *next += leaves;
    totals.append(&mut run.totals);
    if leaves != row.terms.leaf_count || digest.finish() != row.terms.leaves_sha256 {
        let position = terms.entry.position;
        return Err(LedgerError::Damaged { position, what: "the leaf list is not the one these terms name" });
    }
    abandoned::check(state, &Summary::of(number, &row))?;
    let issued: u64 = state.store.entries(Kind::Issued, number, number)?.iter().map(|entry| entry.count).sum();
    match state.store.entry(Place::new(Kind::Sealed, number, 0))? {
        Some(sealed) if issued != leaves => {
            Err(LedgerError::Damaged { position: sealed.position, what: "it seals leaves that have no certificate" })
        }
        _ => Ok(()),
    }
}

/// The sorted lists of a batch, made again from its leaves.
struct Run {
    batch: u64,
    number: u64,
    names: Vec<(u64, u32)>,
    keys: Vec<(u64, u32)>,
    /// Number of the batch's first leaf among those of all batches.
    first: u64,
    totals: Vec<Total>,
}

impl Run {
    fn new(batch: u64, first: u64) -> Self {
        Self { batch, number: 0, names: Vec::new(), keys: Vec::new(), first, totals: Vec::new() }
    }

    fn add(&mut self, state: &mut State, leaf: &LeafKey) -> Result<(), LedgerError> {
        let in_run = u32::try_from(self.names.len()).expect("a run is far below 2^32");
        let index = leaf::first_of_run(self.number) + in_run;
        self.names.push((IndexKey::Names.prefix(leaf), index));
        self.keys.push((IndexKey::Keys.prefix(leaf), index));
        if self.names.len() == leaf::RUN { self.end(state) } else { Ok(()) }
    }

    fn end(&mut self, state: &mut State) -> Result<(), LedgerError> {
        if self.names.is_empty() {
            return Ok(());
        }
        let first = self.first + u64::from(leaf::first_of_run(self.number));
        self.totals.push(Total::new(self.batch, first, self.first, [&self.names, &self.keys]));
        for (key, list) in [(IndexKey::Names, &mut self.names), (IndexKey::Keys, &mut self.keys)] {
            let record = state.expect(Place::new(key.kind(), self.batch, self.number))?;
            if record.body != leaf::write_prefixes(std::mem::take(list)) {
                let position = record.entry.position;
                return Err(LedgerError::Damaged { position, what: "it is not the sorted list of its batch's leaves" });
            }
        }
        self.number += 1;
        Ok(())
    }
}

/// Results come after the intent, and each leaf has at most one.
fn check_results(state: &mut State, batch: u64, chunk: u64, leaves: usize) -> Result<(), LedgerError> {
    let intent = state.store.entry(Place::new(Kind::Intent, batch, chunk))?;
    let mut issued = HashSet::new();
    for part in 0.. {
        let Some(record) = state.store.read(Place::new(Kind::Issued, batch, chunk).part(part))? else { break };
        let wrong = |what| Err(LedgerError::Damaged { position: record.entry.position, what });
        let indices = decoded(&record, |reader| {
            let mut indices = Vec::new();
            while !reader.is_empty() {
                indices.push(reader.count()?);
                reader.digest()?;
                reader.bytes()?;
            }
            Ok(indices)
        })?;
        if intent.is_none_or(|intent| intent.position > record.entry.position) {
            return wrong("its results come before the intent");
        }
        if indices.len() as u64 != record.entry.count {
            return wrong("it counts other results than it has");
        }
        if indices.into_iter().any(|index| index >= leaves || !issued.insert(index)) {
            return wrong("a leaf has two results");
        }
    }
    Ok(())
}
