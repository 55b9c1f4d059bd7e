//! Sealing: statement and signature, once.

use crate::crypto::sha256;
use crate::x509::Sha256Digest;

use super::LedgerError;
use super::batch::{BatchId, BatchState};
use super::codec::Writer;
use super::open::{Ledger, State, decoded};
use super::record::{Draft, Kind, Place, Record};

impl Ledger {
    /// Makes a batch's statement and its CMS signature durable. They are what is published from then on.
    ///
    /// # Errors
    /// Leaves are left without a certificate, the batch was abandoned or sealed with other bytes, or the store fails.
    pub fn seal(&self, batch: &BatchId, statement: &[u8], cms: &[u8]) -> Result<(), LedgerError> {
        self.with(|state| {
            let head = state.store.head()?;
            let summary = state.known(batch)?;
            let place = Place::new(Kind::Sealed, summary.number, 0);
            if let Some(record) = state.store.read(place)? {
                let (earlier, signature) = decode(&record)?;
                return if earlier == statement && signature == cms {
                    Ok(())
                } else {
                    Err(LedgerError::SealDiffers { batch: batch.clone() })
                };
            }
            if state.state_of(summary.number)? == BatchState::Abandoned {
                return Err(LedgerError::Abandoned { batch: batch.clone() });
            }
            let leaves = state.row(&summary)?.terms.leaf_count;
            let issued = state.sum(summary.number)?.0;
            if issued != leaves {
                return Err(LedgerError::NotComplete { batch: batch.clone(), issued, leaves });
            }
            let mut body = Writer::with_capacity(statement.len() + cms.len() + 8);
            body.bytes(statement);
            body.bytes(cms);
            state.append(&head, std::iter::once(Draft::new(place, body.finish())))
        })
    }

    /// Statement and CMS signature of a batch, if it is sealed.
    ///
    /// # Errors
    /// There is no such batch, or the store cannot be read.
    #[expect(clippy::type_complexity, reason = "two byte strings, in the order of the function's name and doc")]
    pub fn sealed(&self, batch: &BatchId) -> Result<Option<(Vec<u8>, Vec<u8>)>, LedgerError> {
        self.with(|state| {
            let number = state.known(batch)?.number;
            state.store.read(Place::new(Kind::Sealed, number, 0))?.map(|record| decode(&record)).transpose()
        })
    }

    /// The batch that was sealed last and SHA-256 of its statement.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn last_sealed(&self) -> Result<Option<(BatchId, Sha256Digest)>, LedgerError> {
        self.with(|state| {
            let sealed = state.store.entries(Kind::Sealed, 0, u64::MAX)?;
            let Some(last) = sealed.into_iter().max_by_key(|entry| entry.position) else { return Ok(None) };
            let record = state.expect(last.place)?;
            let statement = sha256(&decode(&record)?.0);
            let batch = state.batches()?.iter().find(|batch| batch.number == last.place.batch);
            let missing = LedgerError::Damaged { position: last.position, what: "it seals a batch that never began" };
            Ok(Some((batch.ok_or(missing)?.id.clone(), statement)))
        })
    }

    /// The statement that was sealed last.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn last_statement(&self) -> Result<Option<Vec<u8>>, LedgerError> {
        self.with(|state| {
            let sealed = state.store.entries(Kind::Sealed, 0, u64::MAX)?;
            let last = sealed.into_iter().max_by_key(|entry| entry.position);
            last.map(|entry| state.statement(entry.place)).transpose()
        })
    }

    /// How many leaves of a batch have a certificate.
    ///
    /// # Errors
    /// There is no such batch, or the store cannot be read.
    pub fn certificates_made(&self, batch: &BatchId) -> Result<u64, LedgerError> {
        self.with(|state| {
            let number = state.known(batch)?.number;
            Ok(state.sum(number)?.0)
        })
    }

    /// How many signatures the issuing key made for a batch, those thrown away included. A signature that was made and
    /// lost before it could be recorded is not among them.
    ///
    /// # Errors
    /// There is no such batch, or the store cannot be read.
    pub fn signatures_made(&self, batch: &BatchId) -> Result<u64, LedgerError> {
        self.with(|state| {
            let number = state.known(batch)?.number;
            Ok(state.sum(number)?.1)
        })
    }
}

impl State {
    /// The statement that a Sealed record holds.
    pub(super) fn statement(&mut self, place: Place) -> Result<Vec<u8>, LedgerError> {
        let record = self.expect(place)?;
        Ok(decode(&record)?.0)
    }

    /// Certificates and signatures of a batch.
    fn sum(&mut self, number: u64) -> Result<(u64, u64), LedgerError> {
        let entries = self.store.entries(Kind::Issued, number, number)?;
        Ok(entries.iter().fold((0, 0), |(count, made), entry| (count + entry.count, made + entry.signatures)))
    }
}

fn decode(record: &Record) -> Result<(Vec<u8>, Vec<u8>), LedgerError> {
    decoded(record, |reader| Ok((reader.bytes()?.to_vec(), reader.bytes()?.to_vec())))
}
