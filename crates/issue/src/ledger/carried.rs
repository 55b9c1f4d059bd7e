//! Revocations on their way to the ledger of the machine that has the key, record by record.

use crate::x509::Sha256Digest;

use super::LedgerError;
use super::batch::BatchId;
use super::open::{Ledger, State};
use super::record::{Draft, Entry, Kind, Place, Record};
use super::revocations::Revocations;
use super::revoked::{Revocable, RevokedBody};

/// A Revoked or Released record, without the numbers of the ledger that it comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CarriedRecord {
    /// Whether certificates were released, not revoked.
    pub released: bool,
    /// Their batch; none for certificates of CAs and manifest signers.
    pub batch: Option<BatchId>,
    /// Which record of its kind and batch it is.
    pub part: u32,
    /// Its certificates.
    pub count: u64,
    /// Its content.
    pub body: Vec<u8>,
}

impl CarriedRecord {
    /// The certificates that are revoked; none of a record that releases.
    ///
    /// # Errors
    /// The content is not that of such a record.
    pub fn certificates(&self) -> Result<Vec<Revocable>, LedgerError> {
        if self.released { Ok(vec![]) } else { Ok(RevokedBody::read(&self.record(0, 0))?.certificates) }
    }

    fn kind(&self) -> Kind {
        if self.released { Kind::Released } else { Kind::Revoked }
    }

    fn record(&self, batch: u64, position: u64) -> Record {
        let place = Place::new(self.kind(), batch, 0).part(self.part);
        let entry = Entry { position, place, count: self.count, signatures: 0 };
        Record { entry, body: self.body.clone(), digest: Sha256Digest::new([0; 32]) }
    }
}

impl Ledger {
    /// The records that revoke or release after a position, up to another one, in their order.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn carried_revocations(&self, after: u64, up_to: u64) -> Result<Vec<CarriedRecord>, LedgerError> {
        self.with(|state| {
            let mut entries = state.store.entries(Kind::Revoked, 0, u64::MAX)?;
            entries.extend(state.store.entries(Kind::Released, 0, u64::MAX)?);
            entries.retain(|entry| entry.position > after && entry.position <= up_to);
            entries.sort_unstable_by_key(|entry| entry.position);
            let batches: std::collections::HashMap<u64, BatchId> =
                state.batches()?.iter().map(|batch| (batch.number, batch.id.clone())).collect();
            let carried = entries.into_iter().map(|entry| {
                Ok(CarriedRecord {
                    released: entry.place.kind == Kind::Released,
                    batch: batches.get(&entry.place.batch).cloned(),
                    part: entry.place.part,
                    count: entry.count,
                    body: state.expect(entry.place)?.body,
                })
            });
            carried.collect()
        })
    }

    /// What would be revoked with records that were carried here. Nothing is recorded.
    ///
    /// # Errors
    /// They do not continue those that are here, or contradict them; or the store cannot be read.
    pub fn revocations_with(&self, carried: &[CarriedRecord]) -> Result<Revocations, LedgerError> {
        self.with(|state| {
            let records = fresh(state, carried)?;
            Revocations::read_with(state, &records)
        })
    }

    /// Records what was carried here and is not here yet. Returns how many records were new.
    ///
    /// # Errors
    /// As [`revocations_with`](Self::revocations_with); or the store fails.
    pub fn record_carried(&self, carried: &[CarriedRecord]) -> Result<usize, LedgerError> {
        self.with(|state| {
            let head = state.store.head()?;
            let records = fresh(state, carried)?;
            Revocations::read_with(state, &records)?;
            let count = records.len();
            if count > 0 {
                let draft = |Record { entry, body, .. }| Draft { count: entry.count, ..Draft::new(entry.place, body) };
                state.append(&head, records.into_iter().map(draft))?;
            }
            Ok(count)
        })
    }
}

/// Those that are not here yet, as they would be recorded. The others must be the same.
fn fresh(state: &mut State, carried: &[CarriedRecord]) -> Result<Vec<Record>, LedgerError> {
    let head = state.store.head()?.records;
    let mut records: Vec<Record> = Vec::new();
    for one in carried {
        let batch = state.number_of(one.batch.as_ref())?;
        let differs = || LedgerError::CarriedDiffers {
            batch: one.batch.as_ref().map_or_else(|| "none".to_owned(), ToString::to_string),
            part: one.part,
        };
        let place = Place::new(one.kind(), batch, 0).part(one.part);
        if let Some(here) = state.store.read(place)? {
            if here.body != one.body || here.entry.count != one.count {
                return Err(differs());
            }
            continue;
        }
        let before = one.part.checked_sub(1).map(|part| place.part(part));
        let follows = match before {
            None => true,
            Some(before) => {
                records.iter().any(|record| record.entry.place == before) || state.store.entry(before)?.is_some()
            }
        };
        if !follows || records.iter().any(|record| record.entry.place == place) {
            return Err(differs());
        }
        records.push(one.record(batch, head + 1 + records.len() as u64));
    }
    Ok(records)
}
