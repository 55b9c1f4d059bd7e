//! What a person accepted that the program would have refused, with the reason.

use crate::x509::Time;

use super::LedgerError;
use super::codec::Writer;
use super::open::{Ledger, damaged, decoded};
use super::record::{Draft, Kind, Place, Record};

/// A clock jump that a person accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Accepted {
    /// Position of its record.
    pub position: u64,
    /// What the clock said when it was accepted.
    pub clock: Time,
    /// The newest instant that was known until then.
    pub known: Time,
    /// Why, in the person's words.
    pub reason: String,
}

/// The newest instants that a ledger knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KnownTimes {
    /// The last jump that was accepted. What is older than its record says nothing of the clock.
    pub accepted: Option<Accepted>,
    /// The newest instant of issue among the batches that began since.
    pub issued_at: Option<Time>,
    /// The statement that was sealed last, if no jump was ever accepted: after one, statements may repeat an instant of
    /// the old clock.
    pub sealed: Option<Vec<u8>>,
}

impl Ledger {
    /// Makes it durable that a person accepted the clock.
    ///
    /// # Errors
    /// The store fails.
    pub fn record_accepted_clock(&self, clock: Time, known: Time, reason: &str) -> Result<(), LedgerError> {
        self.with(|state| {
            let head = state.store.head()?;
            let mut body = Writer::with_capacity(reason.len() + 64);
            body.text(CLOCK);
            body.i64(clock.unix());
            body.i64(known.unix());
            body.text(reason);
            let draft = Draft::new(Place::new(Kind::Accepted, 0, head.records + 1), body.finish());
            state.append(&head, std::iter::once(draft))
        })
    }

    /// What a person accepted, oldest first.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn accepted(&self) -> Result<Vec<Accepted>, LedgerError> {
        self.with(|state| {
            let entries = state.store.entries(Kind::Accepted, 0, 0)?;
            entries.into_iter().map(|entry| read(&state.expect(entry.place)?)).collect()
        })
    }

    /// What the ledger knows of the time.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn known_times(&self) -> Result<KnownTimes, LedgerError> {
        self.with(|state| {
            let accepted = state.store.entries(Kind::Accepted, 0, 0)?.into_iter().max_by_key(|entry| entry.position);
            let accepted = accepted.map(|entry| read(&state.expect(entry.place)?)).transpose()?;
            let since = accepted.as_ref().map_or(0, |accepted| accepted.position);
            // rows are long, and only the latest can be the newest unless a clock jumped, which was accepted
            let last = state.batches()?.iter().rfind(|batch| batch.number > since).cloned();
            let issued_at = last.map(|summary| state.row(&summary)).transpose()?.map(|row| row.issued_at);
            let sealed = state.store.entries(Kind::Sealed, 0, u64::MAX)?;
            let sealed = sealed.into_iter().filter(|_| since == 0).max_by_key(|entry| entry.position);
            let sealed = sealed.map(|entry| state.statement(entry.place)).transpose()?;
            Ok(KnownTimes { accepted, issued_at, sealed })
        })
    }
}

/// Whether a record of this kind says what it has to.
pub(super) fn check(record: &Record) -> Result<(), &'static str> {
    match read(record) {
        Ok(_) if record.entry.place.chunk != record.entry.position => Err("it is not at its own place"),
        Ok(_) if record.entry.count != 0 || record.entry.signatures != 0 => Err("it counts something"),
        Ok(_) => Ok(()),
        Err(_) => Err("what was accepted cannot be read"),
    }
}

fn read(record: &Record) -> Result<Accepted, LedgerError> {
    let (what, clock, known, reason) = decoded(record, |reader| {
        Ok((reader.text()?.to_owned(), reader.i64()?, reader.i64()?, reader.text()?.to_owned()))
    })?;
    let time = |seconds| Time::from_unix(seconds).map_err(|_| damaged(record));
    if what != CLOCK {
        return Err(damaged(record));
    }
    Ok(Accepted { position: record.entry.position, clock: time(clock)?, known: time(known)?, reason })
}

/// The word for a clock jump: the first field of the record's body.
const CLOCK: &str = "clock";
