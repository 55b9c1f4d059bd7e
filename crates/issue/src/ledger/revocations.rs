//! What the Revoked and Released records say together: which certificates are revoked now, or were at a position.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::crl::Reason;
use crate::x509::{SerialNumber, Time};

use super::LedgerError;
use super::batch::BatchId;
use super::open::{Ledger, State};

use super::record::{Entry, Kind, Record};
use super::revoked::{Revocable, RevokedBody, read_released, read_released_instruction};
use super::scope::Scope;

/// A certificate that is revoked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Revoked {
    /// Number of its batch; 0 if it is of none.
    pub batch: u64,
    /// Index of its leaf in the batch.
    pub index: u32,
    /// Its serial number.
    pub serial: SerialNumber,
    /// The end of its validity, or the latest that it can be.
    pub not_after: Time,
    /// Its CRL distribution point.
    pub scope: Scope,
    /// Why.
    pub reason: Reason,
    /// Since when. A change of the reason does not change it: a certificate that was on hold is revoked since it was
    /// (X.509 §9.5.3.1).
    pub since: Time,
    /// Position of the record that revoked it, or put it on hold.
    pub position: u64,
}

/// The certificates that are revoked, in the order of batch and index.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Revocations {
    certificates: Vec<Revoked>,
    /// Position of the last record that changed something; 0 if there is none.
    changed: u64,
}

impl Ledger {
    /// The certificates that are revoked, as the records up to a position say.
    ///
    /// # Errors
    /// The store cannot be read, or the records contradict each other.
    pub fn revocations(&self, up_to: u64) -> Result<Revocations, LedgerError> {
        self.with(|state| Revocations::read(state, 0, u64::MAX, up_to))
    }

    /// As [`revocations`](Self::revocations), of one batch, or of certificates that are of none.
    ///
    /// # Errors
    /// As there; or there is no such batch.
    pub fn revocations_of(&self, batch: Option<&BatchId>) -> Result<Revocations, LedgerError> {
        self.with(|state| {
            let number = state.number_of(batch)?;
            Revocations::of_batch(state, number, u64::MAX)
        })
    }
}

impl Ledger {
    /// The number of the next certificate of no batch that is revoked for the first time.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn next_of_no_batch(&self) -> Result<u32, LedgerError> {
        self.with(|state| {
            let mut next = 0;
            for entry in state.store.entries(Kind::Revoked, 0, 0)? {
                let body = RevokedBody::read(&state.expect(entry.place)?)?;
                next = body.certificates.last().map_or(next, |last| next.max(last.index + 1));
            }
            Ok(next)
        })
    }

    /// Position of the last Revoked or Released record; 0 if there is none.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn revocations_changed(&self) -> Result<u64, LedgerError> {
        self.with(State::revocations_changed)
    }

    /// The oldest time of an instruction to revoke or release that was recorded after a position.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn oldest_change_after(&self, position: u64) -> Result<Option<Time>, LedgerError> {
        Ok(self.oldest_changes_after(position)?.remove(&Scope::default()))
    }

    /// As [`oldest_change_after`](Self::oldest_change_after), for each distribution point whose list lacks something. The
    /// full list is the scope without a URL, and lacks what any of them lacks.
    ///
    /// # Errors
    /// As there.
    pub fn oldest_changes_after(&self, position: u64) -> Result<BTreeMap<Scope, Time>, LedgerError> {
        self.with(|state| {
            let mut entries = state.store.entries(Kind::Revoked, 0, u64::MAX)?;
            entries.extend(state.store.entries(Kind::Released, 0, u64::MAX)?);
            let mut oldest: BTreeMap<Scope, Time> = BTreeMap::new();
            let mut note = |scope: Scope, at: Time| {
                oldest.entry(scope).and_modify(|known| *known = at.min(*known)).or_insert(at);
            };
            for entry in entries.into_iter().filter(|entry| entry.position > position) {
                let record = state.expect(entry.place)?;
                if entry.place.kind == Kind::Revoked {
                    let body = RevokedBody::read(&record)?;
                    note(Scope::default(), body.instruction.at);
                    for scope in body.certificates.into_iter().map(|one| one.scope).collect::<BTreeSet<_>>() {
                        note(scope, body.instruction.at);
                    }
                } else {
                    let at = read_released_instruction(&record)?.at;
                    note(Scope::default(), at);
                    // they were on hold before this record
                    let before = Revocations::of_batch(state, entry.place.batch, entry.position - 1)?;
                    for index in read_released(&record)? {
                        before.find(entry.place.batch, index).into_iter().for_each(|one| note(one.scope.clone(), at));
                    }
                }
            }
            Ok(oldest)
        })
    }
}

impl Revocations {
    /// The certificates, in the order of batch and index.
    pub fn certificates(&self) -> &[Revoked] {
        &self.certificates
    }

    /// Gives up the certificates, in the order of batch and index.
    pub fn into_certificates(self) -> Vec<Revoked> {
        self.certificates
    }

    /// Position of the last Revoked or Released record; 0 if there is none.
    pub const fn changed(&self) -> u64 {
        self.changed
    }

    /// What is known of the certificate of a leaf.
    pub fn find(&self, batch: u64, index: u32) -> Option<&Revoked> {
        let found = self.certificates.binary_search_by_key(&(batch, index), |one| (one.batch, one.index));
        found.ok().map(|at| &self.certificates[at])
    }

    pub(super) fn of_batch(state: &mut State, number: u64, up_to: u64) -> Result<Self, LedgerError> {
        Self::read(state, number, number, up_to)
    }

    pub(super) fn read(state: &mut State, first: u64, last: u64, up_to: u64) -> Result<Self, LedgerError> {
        Self::collect(state, first, last, up_to, &[])
    }

    /// As all records say, and then those that are not recorded yet.
    pub(super) fn read_with(state: &mut State, more: &[Record]) -> Result<Self, LedgerError> {
        Self::collect(state, 0, u64::MAX, u64::MAX, more)
    }

    fn collect(state: &mut State, first: u64, last: u64, up_to: u64, more: &[Record]) -> Result<Self, LedgerError> {
        let mut entries: Vec<Entry> = state.store.entries(Kind::Revoked, first, last)?;
        entries.extend(state.store.entries(Kind::Released, first, last)?);
        entries.retain(|entry| entry.position <= up_to);
        entries.sort_unstable_by_key(|entry| entry.position);
        let changed = entries.last().map_or(0, |entry| entry.position);
        let mut events = Vec::new();
        for entry in entries {
            read_events(&state.expect(entry.place)?, &mut events)?;
        }
        for record in more {
            read_events(record, &mut events)?;
        }
        // stable: events of one certificate stay in the order of their records
        events.sort_by_key(|event| (event.batch, event.index));
        Ok(Self { certificates: replay(events)?, changed })
    }
}

/// A certificate was revoked, or released.
struct Event {
    batch: u64,
    index: u32,
    position: u64,
    revoked: Option<Revoked>,
}

fn read_events(record: &Record, events: &mut Vec<Event>) -> Result<(), LedgerError> {
    let Entry { position, place, .. } = record.entry;
    let batch = place.batch;
    if place.kind == Kind::Released {
        let released = |index| Event { batch, index, position, revoked: None };
        events.extend(read_released(record)?.into_iter().map(released));
        return Ok(());
    }
    let RevokedBody { reason, instruction, certificates } = RevokedBody::read(record)?;
    events.extend(certificates.into_iter().map(|one| {
        let Revocable { index, serial, not_after, scope } = one;
        let revoked = Revoked { batch, index, serial, not_after, scope, reason, since: instruction.at, position };
        Event { batch, index, position, revoked: Some(revoked) }
    }));
    Ok(())
}

fn replay(events: Vec<Event>) -> Result<Vec<Revoked>, LedgerError> {
    let mut certificates: Vec<Revoked> = Vec::with_capacity(events.len());
    let mut state: Option<Revoked> = None;
    let mut last = None;
    for event in events {
        let place = Some((event.batch, event.index));
        if place != last {
            certificates.extend(state.take());
            last = place;
        }
        let damaged = |what| LedgerError::Damaged { position: event.position, what };
        state = match (state.take(), event.revoked) {
            (None, Some(revoked)) => Some(revoked),
            (Some(before), Some(revoked)) if before.serial != revoked.serial => {
                return Err(damaged("it revokes a certificate that was revoked under another serial number"));
            }
            (Some(before), Some(revoked)) if may_become(before.reason, revoked.reason) => {
                Some(Revoked { since: before.since, position: before.position, ..revoked })
            }
            (Some(_), Some(_)) => {
                return Err(damaged("it changes the reason of a revocation to one that may not follow"));
            }
            (Some(before), None) if before.reason == Reason::CertificateHold => None,
            (_, None) => return Err(damaged("it releases a certificate that is not on hold")),
        };
    }
    certificates.extend(state);
    Ok(certificates)
}

/// Whether the records name leaves that their batches have, and follow one another as they may.
pub(super) fn check(state: &mut State) -> Result<(), LedgerError> {
    let leaves: HashMap<u64, u64> = state.batches()?.iter().map(|batch| (batch.number, batch.leaves)).collect();
    for one in Revocations::read(state, 0, u64::MAX, u64::MAX)?.certificates {
        if one.batch != 0 && leaves.get(&one.batch).is_none_or(|leaves| u64::from(one.index) >= *leaves) {
            return Err(LedgerError::Damaged {
                position: one.position,
                what: "it revokes a leaf that its batch does not have",
            });
        }
    }
    Ok(())
}

/// Whether a certificate that is revoked for one reason may be revoked for another: from certificateHold for any,
/// otherwise only for keyCompromise.
pub fn may_become(from: Reason, to: Reason) -> bool {
    from == Reason::CertificateHold || (to == Reason::KeyCompromise && from != to)
}
