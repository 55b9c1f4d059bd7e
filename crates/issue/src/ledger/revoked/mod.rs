//! Revoked and Released: which certificates are revoked, recorded before any list says so.

use std::collections::HashMap;

use crate::crl::Reason;
use crate::x509::{SerialNumber, Time};

use super::LedgerError;
use super::batch::BatchId;
use super::codec::{Malformed, Reader, Writer};
use super::instruction::{Instruction, read_time};
use super::open::{Ledger, State, decoded};

use super::record::{Draft, Kind, Place, Record};
use super::revocations::{Revocations, may_become};
use super::scope::Scope;

/// Certificates of one batch that are revoked for one reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Revocation {
    /// The batch; none for certificates of CAs and manifest signers.
    pub batch: Option<BatchId>,
    /// Why.
    pub reason: Reason,
    /// When, and who asked.
    pub instruction: Instruction,
    /// The certificates, in strictly ascending order of index.
    pub certificates: Vec<Revocable>,
}

/// A certificate with everything that a CRL says of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Revocable {
    /// Index of its leaf in the batch. Certificates of no batch are counted in the order in which they were revoked.
    pub index: u32,
    /// Its serial number.
    pub serial: SerialNumber,
    /// The end of its validity, or the latest that it can be.
    pub not_after: Time,
    /// Its CRL distribution point.
    pub scope: Scope,
}

/// Certificates of one batch that are on hold and become valid again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Release {
    /// The batch; none for certificates of CAs and manifest signers.
    pub batch: Option<BatchId>,
    /// When, and who asked.
    pub instruction: Instruction,
    /// Indexes of the certificates, strictly ascending.
    pub indexes: Vec<u32>,
}

/// What became of certificates that were to be revoked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RevokedCount {
    /// Recorded now.
    pub recorded: u64,
    /// Revoked before for the same reason: nothing was recorded.
    pub unchanged: u64,
}

impl Ledger {
    /// Makes it durable that certificates are revoked, all of them or none. Those that are revoked for the same reason
    /// already are passed over.
    ///
    /// # Errors
    /// A reason may not follow the one that is recorded, a certificate is named twice or out of order, there is no such
    /// batch, or the store fails.
    pub fn record_revoked(&self, revocations: &[Revocation]) -> Result<RevokedCount, LedgerError> {
        self.with(|state| {
            let head = state.store.head()?;
            let mut count = RevokedCount::default();
            let mut drafts = Vec::new();
            let mut parts = Parts::new(Kind::Revoked);
            for of_batch in by_batch(revocations, |revocation| revocation.batch.as_ref()) {
                let number = state.number_of(of_batch[0].batch.as_ref())?;
                let known = Revocations::of_batch(state, number, u64::MAX)?;
                let mut seen = Seen::default();
                for revocation in of_batch {
                    seen.check(number, revocation.certificates.iter().map(|certificate| certificate.index))?;
                    let mut fresh = Vec::with_capacity(revocation.certificates.len());
                    for certificate in &revocation.certificates {
                        match known.find(number, certificate.index).map(|found| found.reason) {
                            Some(reason) if reason == revocation.reason => count.unchanged += 1,
                            Some(from) if !may_become(from, revocation.reason) => {
                                let (serial, to) = (certificate.serial, revocation.reason);
                                return Err(LedgerError::ReasonChange { serial, from, to });
                            }
                            _ => fresh.push(certificate),
                        }
                    }
                    count.recorded += fresh.len() as u64;
                    for piece in fresh.chunks(PIECE) {
                        let body = write(revocation.reason, &revocation.instruction, piece);
                        drafts.push(parts.draft(state, number, piece.len(), body)?);
                    }
                }
            }
            if !drafts.is_empty() {
                state.append(&head, drafts.into_iter())?;
            }
            Ok(count)
        })
    }

    /// Makes it durable that certificates that were on hold are valid again. Those that are not revoked are passed over.
    /// Returns how many were released.
    ///
    /// # Errors
    /// A certificate is revoked for another reason than certificateHold, or as for
    /// [`record_revoked`](Self::record_revoked).
    pub fn record_released(&self, releases: &[Release]) -> Result<u64, LedgerError> {
        self.with(|state| {
            let head = state.store.head()?;
            let mut drafts = Vec::new();
            let mut released = 0;
            let mut parts = Parts::new(Kind::Released);
            for of_batch in by_batch(releases, |release| release.batch.as_ref()) {
                let number = state.number_of(of_batch[0].batch.as_ref())?;
                let known = Revocations::of_batch(state, number, u64::MAX)?;
                let mut seen = Seen::default();
                for release in of_batch {
                    seen.check(number, release.indexes.iter().copied())?;
                    let mut fresh = Vec::with_capacity(release.indexes.len());
                    for index in &release.indexes {
                        match known.find(number, *index) {
                            None => {}
                            Some(found) if found.reason == Reason::CertificateHold => fresh.push(*index),
                            Some(found) => {
                                return Err(LedgerError::NotOnHold { serial: found.serial, reason: found.reason });
                            }
                        }
                    }
                    released += fresh.len() as u64;
                    for piece in fresh.chunks(PIECE) {
                        let mut body = Writer::with_capacity(piece.len() * 4 + 64);
                        release.instruction.write(&mut body);
                        for index in piece {
                            body.u32(*index);
                        }
                        drafts.push(parts.draft(state, number, piece.len(), body.finish())?);
                    }
                }
            }
            if !drafts.is_empty() {
                state.append(&head, drafts.into_iter())?;
            }
            Ok(released)
        })
    }
}

impl State {
    /// The number under which records of this batch stand: 0 for no batch.
    pub(super) fn number_of(&mut self, batch: Option<&BatchId>) -> Result<u64, LedgerError> {
        Ok(match batch {
            None => 0,
            Some(id) => self.known(id)?.number,
        })
    }
}

/// Items of one batch together, in the order of their batches' first items.
fn by_batch<T>(items: &[T], batch: impl Fn(&T) -> Option<&BatchId>) -> Vec<Vec<&T>> {
    let mut places: HashMap<Option<&BatchId>, usize> = HashMap::new();
    let mut groups: Vec<Vec<&T>> = Vec::new();
    for item in items {
        let at = *places.entry(batch(item)).or_insert_with(|| {
            groups.push(Vec::new());
            groups.len() - 1
        });
        groups[at].push(item);
    }
    groups
}

/// Indexes that were named for a batch.
#[derive(Default)]
struct Seen(std::collections::HashSet<u32>);

impl Seen {
    fn check(&mut self, batch: u64, indexes: impl Iterator<Item = u32>) -> Result<(), LedgerError> {
        let mut last = None;
        for index in indexes {
            if last.is_some_and(|last| last >= index) || !self.0.insert(index) {
                return Err(LedgerError::RevokedTwice { batch, index });
            }
            last = Some(index);
        }
        Ok(())
    }
}

/// Numbers the records of one kind that are about to be added to batches.
struct Parts {
    kind: Kind,
    next: HashMap<u64, u32>,
}

impl Parts {
    fn new(kind: Kind) -> Self {
        Self { kind, next: HashMap::new() }
    }

    fn draft(&mut self, state: &mut State, batch: u64, count: usize, body: Vec<u8>) -> Result<Draft, LedgerError> {
        let next = match self.next.get(&batch) {
            Some(next) => *next,
            None => u32::try_from(state.store.entries(self.kind, batch, batch)?.len()).expect("far below 2^32 records"),
        };
        self.next.insert(batch, next + 1);
        let place = Place::new(self.kind, batch, 0).part(next);
        Ok(Draft { count: count as u64, ..Draft::new(place, body) })
    }
}

fn write(reason: Reason, instruction: &Instruction, certificates: &[&Revocable]) -> Vec<u8> {
    let mut scopes: Vec<&Scope> = Vec::new();
    let mut places: HashMap<&Scope, u32> = HashMap::new();
    for certificate in certificates {
        places.entry(&certificate.scope).or_insert_with(|| {
            scopes.push(&certificate.scope);
            u32::try_from(scopes.len() - 1).expect("no more scopes than certificates")
        });
    }
    let mut body = Writer::with_capacity(certificates.len() * 36 + scopes.len() * 64 + 64);
    body.u8(reason.code());
    instruction.write(&mut body);
    body.count(scopes.len());
    for scope in scopes {
        scope.write(&mut body);
    }
    for Revocable { index, serial, not_after, scope } in certificates {
        body.u32(*index);
        body.u8(u8::try_from(serial.content().len()).expect("a serial number has 20 bytes at most"));
        body.raw(serial.content());
        body.i64(not_after.unix());
        body.u32(places[scope]);
    }
    body.finish()
}

/// The content of a Revoked record.
pub(super) struct RevokedBody {
    pub(super) reason: Reason,
    pub(super) instruction: Instruction,
    pub(super) certificates: Vec<Revocable>,
}

impl RevokedBody {
    pub(super) fn read(record: &Record) -> Result<Self, LedgerError> {
        decoded(record, |reader| {
            let reason =
                Reason::from_code(reader.u8()?).filter(|reason| Reason::ALLOWED.contains(reason)).ok_or(Malformed)?;
            let instruction = Instruction::read(reader)?;
            let scopes = (0..reader.count()?).map(|_| Scope::read(reader)).collect::<Result<Vec<_>, _>>()?;
            let mut certificates = Vec::with_capacity(capacity(record));
            while !reader.is_empty() {
                let index = ascending(reader, certificates.last().map(|last: &Revocable| last.index))?;
                let bytes = reader.u8()?;
                let serial = SerialNumber::from_content(reader.raw(usize::from(bytes))?).map_err(|_| Malformed)?;
                let not_after = read_time(reader)?;
                let scope = usize::try_from(reader.u32()?).ok().and_then(|at| scopes.get(at)).ok_or(Malformed)?;
                certificates.push(Revocable { index, serial, not_after, scope: scope.clone() });
            }
            counted(record, certificates.len())?;
            Ok(Self { reason, instruction, certificates })
        })
    }
}

/// The indexes in a Released record.
pub(super) fn read_released(record: &Record) -> Result<Vec<u32>, LedgerError> {
    Ok(read_release(record)?.1)
}

/// Who asked for a release, and when.
pub(super) fn read_released_instruction(record: &Record) -> Result<Instruction, LedgerError> {
    Ok(read_release(record)?.0)
}

fn read_release(record: &Record) -> Result<(Instruction, Vec<u32>), LedgerError> {
    decoded(record, |reader| {
        let instruction = Instruction::read(reader)?;
        let mut indexes = Vec::with_capacity(capacity(record));
        while !reader.is_empty() {
            indexes.push(ascending(reader, indexes.last().copied())?);
        }
        counted(record, indexes.len())?;
        Ok((instruction, indexes))
    })
}

fn ascending(reader: &mut Reader<'_>, last: Option<u32>) -> Result<u32, Malformed> {
    let index = reader.u32()?;
    if last.is_some_and(|last| last >= index) { Err(Malformed) } else { Ok(index) }
}

fn capacity(record: &Record) -> usize {
    usize::try_from(record.entry.count).unwrap_or(0).min(record.body.len() / 4)
}

/// The record counts what its body has.
fn counted(record: &Record, found: usize) -> Result<(), Malformed> {
    if record.entry.count == found as u64 && record.entry.signatures == 0 { Ok(()) } else { Err(Malformed) }
}

/// Certificates in one record: what is in memory at once when it is read.
const PIECE: usize = 65_536;

#[cfg(test)]
mod tests;
