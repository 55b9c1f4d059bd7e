//! Records in PostgreSQL: one schema for each issuer key, appends by a function of the server. One run at a time writes, or
//! workers, each of which records what it signs of the chunks that it has leases for ([`Pool`]).
//!
//! The chain, its digests and its bodies are those of a ledger in SQLite. The server computes each digest, this module
//! compares it with its own before the commit. What is relied on:
//! - The head is one row. `append` locks it until its transaction ends, compares it, and adds: that alone makes records
//!   come one after the other. The lock of a session, which keeps a second run out, saves work and proves nothing.
//! - A commit whose answer is lost is looked up, never repeated: on a new connection, after the old session has ended.
//! - What was read may not be on the standby yet, after a crash or a wait that was cancelled. So the head is written once
//!   more before anything is built on it.

mod pool;
mod session;
mod tls;
mod url;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use std::time::Duration;

use postgres::error::SqlState;
use postgres::{Row, Transaction};

use crate::x509::Sha256Digest;

pub use self::pool::Pool;
use self::session::{Session, check_settings, is_there};
use self::url::Address;
use super::LedgerError;
use super::record::{Entry, Head, Kind, Place, Record};
use super::rows::signed;
use super::store::{LedgerStore, StoreError};

/// A ledger on a server.
pub(super) struct PostgresStore {
    /// The URL, as the caller named it.
    url: PathBuf,
    address: Address,
    session: Session,
    /// The head when the ledger was opened to be read: later records are not seen.
    reads_to: Option<u64>,
    /// Of a worker: the token under which each chunk (batch and number) is held.
    tokens: Option<HashMap<(u64, u64), u64>>,
    broken: bool,
    /// The format that the schema must have: [`FORMAT`], or [`COPYING`] while it is filled.
    format: i64,
}

impl PostgresStore {
    /// Makes the schema and takes hold of it.
    pub(super) fn create(url: &Path) -> Result<Self, LedgerError> {
        Self::make(url, "")?;
        Self::open(url)
    }

    /// Makes a schema that nothing opens until the copy is finished; removes what an interrupted copy left.
    pub(super) fn begin_copy(url: &Path) -> Result<Self, LedgerError> {
        let schema = Address::parse(url)?.schema;
        if Self::exists(url)? && !Self::is_open(url)? {
            // no copy goes on: it would have the lock
            drop(Self::open_format(url, COPYING)?);
            let mut client = Address::parse(url)?.connect(|_| {}).map_err(|error| failed(url, &error))?;
            client.batch_execute(&format!("DROP SCHEMA {schema} CASCADE")).map_err(|error| failed(url, &error))?;
        }
        Self::make(url, &format!("UPDATE {schema}.head SET format = {COPYING};"))?;
        Self::open_format(url, COPYING)
    }

    /// Lets the copy, which ends with this head, be opened from now on.
    pub(super) fn finish_copy(url: &Path, head: &Head) -> Result<(), LedgerError> {
        let mut store = Self::open_format(url, COPYING)?;
        if store.head()? != *head {
            return Err(LedgerError::Incomplete { path: url.to_owned() });
        }
        let sql = format!("UPDATE {}.head SET format = {FORMAT}", store.address.schema);
        store.session.client.batch_execute(&sql).map_err(|error| failed(url, &error))?;
        store.format = FORMAT;
        Ok(store.confirm()?)
    }

    /// Whether there is a ledger that is not being copied to.
    pub(super) fn is_open(url: &Path) -> Result<bool, LedgerError> {
        if !Self::exists(url)? {
            return Ok(false);
        }
        match Session::begin(url, &Address::parse(url)?, false, COPYING) {
            Ok(_) => Ok(false),
            Err(LedgerError::Newer { .. }) => Ok(true),
            Err(error) => Err(error),
        }
    }

    fn make(url: &Path, more: &str) -> Result<(), LedgerError> {
        let address = Address::parse(url)?;
        let mut client = address.connect(|_| {}).map_err(|error| failed(url, &error))?;
        check_settings(url, &mut client)?;
        let made = [include_str!("schema.sql"), include_str!("pool.sql")].concat().replace('@', &address.schema);
        let sql = format!("BEGIN; {made} {more} COMMIT;");
        client.batch_execute(&sql).map_err(|error| match error.code() {
            Some(&SqlState::DUPLICATE_SCHEMA) => LedgerError::Exists { path: url.to_owned() },
            _ => failed(url, &error).into(),
        })?;
        Ok(())
    }

    /// Whether there is a schema of this name.
    pub(super) fn exists(url: &Path) -> Result<bool, LedgerError> {
        let address = Address::parse(url)?;
        let mut client = address.connect(|_| {}).map_err(|error| failed(url, &error))?;
        Ok(is_there(&mut client, &address.schema).map_err(|error| failed(url, &error))?)
    }

    /// Opens a ledger and takes hold of it.
    pub(super) fn open(url: &Path) -> Result<Self, LedgerError> {
        Self::open_format(url, FORMAT)
    }

    fn open_format(url: &Path, format: i64) -> Result<Self, LedgerError> {
        let mut store = Self::begin(url, true, format)?;
        let mut lock = || store.session.lock(&store.address.schema).map_err(|error| failed(url, &error));
        let mut held = lock()?;
        for _ in 0..ENDING {
            if held {
                break;
            }
            // the server notices the end of a session a moment after the run has closed it
            std::thread::sleep(ENDS);
            held = lock()?;
        }
        if !held {
            return Err(LedgerError::Locked { path: url.to_owned(), process: None });
        }
        store.confirm()?;
        Ok(store)
    }

    /// Opens a ledger to read what is on it now: also on a standby, and while a run adds to it.
    pub(super) fn open_to_read(url: &Path) -> Result<Self, LedgerError> {
        let mut store = Self::begin(url, false, FORMAT)?;
        store.reads_to = Some(store.head()?.records);
        Ok(store)
    }

    /// Opens a ledger beside others that add to it: what may be signed of a chunk is added under its token alone.
    pub(super) fn open_as_worker(url: &Path) -> Result<Self, LedgerError> {
        let mut store = Self::begin(url, true, FORMAT)?;
        store.tokens = Some(HashMap::new());
        store.pause_briefly()?;
        store.confirm()?;
        Ok(store)
    }

    fn begin(url: &Path, writes: bool, format: i64) -> Result<Self, LedgerError> {
        let address = Address::parse(url)?;
        let session = Session::begin(url, &address, writes, format)?;
        Ok(Self { url: url.to_owned(), address, session, reads_to: None, tokens: None, broken: false, format })
    }

    /// Lets the server end this session when it stops in the middle of an append, as a process does that is halted: all
    /// other workers wait for the head meanwhile.
    fn pause_briefly(&mut self) -> Result<(), StoreError> {
        self.session.client.batch_execute(PAUSING).map_err(|error| self.failed(&error))
    }

    fn failed(&self, error: &postgres::Error) -> StoreError {
        failed(&self.url, error)
    }

    /// Writes the head as it is, which is durable, here and on the standby, only after everything before it.
    fn confirm(&mut self) -> Result<(), StoreError> {
        self.session.cancelled.store(false, Ordering::Relaxed);
        let sql = format!("SELECT {}.confirm()", self.address.schema);
        self.session.client.batch_execute(&sql).map_err(|error| self.failed(&error))?;
        if self.session.cancelled.load(Ordering::Relaxed) {
            let what =
                "its wait for the standby was cancelled, so that what it committed may be lost with it".to_owned();
            return Err(StoreError::Postgres { url: self.url.clone(), what });
        }
        Ok(())
    }

    /// Adds all records in one transaction. The outer error leaves nothing on the server; the inner one leaves open
    /// whether the commit happened.
    fn add(
        &mut self,
        at: &Head,
        records: &mut dyn Iterator<Item = Record>,
    ) -> Result<(Head, Result<(), StoreError>), StoreError> {
        let url = &self.url;
        let Session { client, append, head, .. } = &mut self.session;
        let append = append.as_ref().ok_or(StoreError::ReadOnly)?;
        let mut transaction = client.transaction().map_err(|error| failed(url, &error))?;
        let mut last = *at;
        for record in records {
            let Entry { place, count, signatures, .. } = record.entry;
            if let Some(tokens) = &self.tokens {
                check_lease(&mut transaction, (url, &self.address.schema), tokens, place)?;
            }
            let (kind, batch, chunk, part) = key(place);
            let row = transaction.query_one(
                append,
                &[
                    &signed(last.records),
                    &&last.digest.as_bytes()[..],
                    &kind,
                    &batch,
                    &chunk,
                    &part,
                    &signed(count),
                    &signed(signatures),
                    &record.body,
                ],
            );
            let row = row.map_err(|error| match error.as_db_error() {
                Some(refusal) if refusal.code().code() == HEAD_MOVED => {
                    let found = refusal.detail().and_then(|text| text.parse().ok()).unwrap_or_default();
                    StoreError::HeadMoved { expected: last.records, found }
                }
                Some(refusal) if refusal.constraint() == Some("place") => {
                    let Place { kind, batch, chunk, .. } = place;
                    StoreError::PlaceTaken { kind, batch, chunk }
                }
                _ => failed(url, &error),
            })?;
            let linked: &[u8] = row.try_get(0).map_err(|error| failed(url, &error))?;
            if linked != record.digest.as_bytes() {
                return Err(StoreError::Damaged {
                    position: record.entry.position,
                    what: "the server chains it differently",
                });
            }
            last = record.head();
        }
        if last == *at {
            let rows = transaction.query(&*head, &[]).map_err(|error| failed(url, &error))?;
            let found = head_of(url, rows.first())?;
            if found != *at {
                return Err(StoreError::HeadMoved { expected: at.records, found: found.records });
            }
        }
        Ok((last, transaction.commit().map_err(|error| failed(url, &error))))
    }

    /// Finds out whether a commit happened whose answer was lost. The session that made it has ended before this looks.
    fn look_up(&mut self, at: &Head, last: &Head) -> Result<bool, StoreError> {
        let lost = |what| StoreError::Lost { path: self.url.clone(), what };
        let before = self.session.process;
        let mut session = Err(lost("the server does not answer any more"));
        for _ in 0..ATTEMPTS {
            session = match Session::begin(&self.url, &self.address, true, self.format) {
                Ok(session) => Ok(session),
                Err(LedgerError::Store(error)) => Err(error),
                Err(_) => Err(lost("another server answers, which is not one to write to")),
            };
            if session.is_ok() {
                break;
            }
            std::thread::sleep(PAUSE);
        }
        self.session = session?;
        if self.tokens.is_some() {
            self.pause_briefly()?;
        }
        let mut held = false;
        for _ in 0..ATTEMPTS {
            // the server may not have noticed yet that the old connection is gone
            let there = self.session.client.execute(END_SESSION, &[&before.0, &before.1]);
            held = match there.map_err(|error| failed(&self.url, &error))? {
                0 if self.tokens.is_some() => true,
                0 => self.session.lock(&self.address.schema).map_err(|error| failed(&self.url, &error))?,
                _ => false,
            };
            if held {
                break;
            }
            std::thread::sleep(PAUSE);
        }
        if !held {
            return Err(StoreError::Lost { path: self.url.clone(), what: "another process took it meanwhile" });
        }
        self.confirm()?;
        let has = |found: Option<Record>, head: &Head| found.is_some_and(|record| record.digest == head.digest);
        if at.records > 0 && !has(self.at(at.records)?, at) {
            let what = "the server that answers now lacks records that this run has read";
            return Err(StoreError::Lost { path: self.url.clone(), what });
        }
        Ok(has(self.at(last.records)?, last))
    }

    fn sees(&self, position: u64) -> bool {
        self.reads_to.is_none_or(|last| position <= last)
    }

    fn rows(&mut self, rows: Result<Vec<Row>, postgres::Error>) -> Result<Vec<Row>, StoreError> {
        rows.map_err(|error| self.failed(&error))
    }

    fn record(&mut self, rows: Result<Vec<Row>, postgres::Error>) -> Result<Option<Record>, StoreError> {
        let rows = self.rows(rows)?;
        let Some(row) = rows.first() else { return Ok(None) };
        let entry = entry_of(&self.url, row)?;
        let position = entry.position;
        let digest: Vec<u8> = row.try_get(7).map_err(|error| self.failed(&error))?;
        let digest =
            digest.try_into().map_err(|_| StoreError::Damaged { position, what: "its digest is not 32 bytes" })?;
        let body = row.try_get(8).map_err(|error| self.failed(&error))?;
        Ok(Some(Record { entry, digest: Sha256Digest::new(digest), body }).filter(|_| self.sees(position)))
    }
}

impl LedgerStore for PostgresStore {
    fn head(&mut self) -> Result<Head, StoreError> {
        if let Some(records) = self.reads_to {
            return Ok(self.at(records)?.map_or(Head::EMPTY, |record| record.head()));
        }
        let rows = self.session.client.query(&self.session.head, &[]);
        let rows = self.rows(rows)?;
        head_of(&self.url, rows.first())
    }

    fn append(&mut self, at: &Head, records: &mut dyn Iterator<Item = Record>) -> Result<(), StoreError> {
        if self.broken {
            return Err(StoreError::Broken);
        }
        let (last, committed) = match self.add(at, records) {
            Ok(added) => added,
            Err(error) => {
                // nothing is there: the server undoes what was not committed
                self.broken |= self.session.client.is_closed();
                return Err(error);
            }
        };
        let result = match committed {
            // committed here, and perhaps not on the standby: the head is written once more
            Ok(()) if self.session.cancelled.load(Ordering::Relaxed) => self.confirm(),
            Ok(()) => Ok(()),
            Err(error) if !self.session.client.is_closed() => Err(error),
            Err(error) => match self.look_up(at, &last) {
                Ok(true) => {
                    tracing::warn!(records = last.records, "a commit whose answer was lost is on the ledger");
                    Ok(())
                }
                Ok(false) => Err(error),
                Err(lost) => Err(lost),
            },
        };
        self.broken |= result.is_err();
        result
    }

    /// An append returns when the server has flushed it.
    fn flush(&mut self) -> Result<(), StoreError> {
        self.check()
    }

    fn check(&mut self) -> Result<(), StoreError> {
        if self.broken {
            return Err(StoreError::Broken);
        }
        if self.reads_to.is_some() {
            return Ok(());
        }
        let row = match self.tokens {
            Some(_) => self.session.client.query_one("SELECT true", &[]),
            None => self.session.client.query_one(HOLDS, &[&format!("reroot-ledger {}", self.address.schema)]),
        };
        let held = row.and_then(|row| row.try_get::<_, bool>(0));
        let lost = |what| StoreError::Lost { path: self.url.clone(), what };
        match held {
            Ok(true) => Ok(()),
            Ok(false) => Err(lost("this session does not hold it any more")),
            Err(_) if self.session.client.is_closed() => Err(lost("the connection to the server was lost")),
            Err(error) => Err(self.failed(&error)),
        }
    }

    fn read(&mut self, place: Place) -> Result<Option<Record>, StoreError> {
        let (kind, batch, chunk, part) = key(place);
        let rows = self.session.client.query(&self.session.read, &[&kind, &batch, &chunk, &part]);
        self.record(rows)
    }

    fn entry(&mut self, place: Place) -> Result<Option<Entry>, StoreError> {
        let (kind, batch, chunk, part) = key(place);
        let rows = self.session.client.query(&self.session.entry, &[&kind, &batch, &chunk, &part]);
        let entry = self.rows(rows)?.first().map(|row| entry_of(&self.url, row)).transpose()?;
        Ok(entry.filter(|entry| self.sees(entry.position)))
    }

    fn entries(&mut self, kind: Kind, first: u64, last: u64) -> Result<Vec<Entry>, StoreError> {
        let key: [&(dyn postgres::types::ToSql + Sync); 3] = [&i16::from(kind as u8), &signed(first), &signed(last)];
        let rows = self.session.client.query(&self.session.entries, &key);
        let mut entries: Vec<Entry> =
            self.rows(rows)?.iter().map(|row| entry_of(&self.url, row)).collect::<Result<_, _>>()?;
        entries.retain(|entry| self.sees(entry.position));
        Ok(entries)
    }

    fn at(&mut self, position: u64) -> Result<Option<Record>, StoreError> {
        let rows = self.session.client.query(&self.session.at, &[&signed(position)]);
        self.record(rows)
    }

    fn hold(&mut self, batch: u64, chunk: u64, token: u64) {
        if let Some(tokens) = &mut self.tokens {
            tokens.insert((batch, chunk), token);
        }
    }

    fn let_go(&mut self, token: u64) {
        if let Some(tokens) = &mut self.tokens {
            tokens.retain(|_, held| *held != token);
        }
    }
}

/// Refuses a record of what may be signed, unless the chunk is leased under the token of this worker. It stays so until
/// the transaction ends. A result needs no lease: it is of bytes that were recorded.
fn check_lease(
    transaction: &mut Transaction<'_>,
    (url, schema): (&Path, &str),
    tokens: &HashMap<(u64, u64), u64>,
    Place { kind, batch, chunk, .. }: Place,
) -> Result<(), StoreError> {
    if !matches!(kind, Kind::Intent | Kind::Retry) {
        return Ok(());
    }
    let fenced = StoreError::Fenced { batch, chunk };
    let Some(token) = tokens.get(&(batch, chunk)) else { return Err(fenced) };
    let sql = format!("SELECT {schema}.fence($1, $2, $3)");
    match transaction.execute(&sql, &[&signed(batch), &signed(chunk), &signed(*token)]) {
        Ok(_) => Ok(()),
        Err(error) if error.code().is_some_and(|code| code.code() == NOT_LEASED) => Err(fenced),
        Err(error) => Err(failed(url, &error)),
    }
}

/// A place as the server has it.
fn key(place: Place) -> (i16, i64, i64, i64) {
    (i16::from(place.kind as u8), signed(place.batch), signed(place.chunk), i64::from(place.part))
}

fn failed(url: &Path, error: &postgres::Error) -> StoreError {
    let what = match error.as_db_error() {
        Some(said) => format!("{} (SQLSTATE {})", said.message(), said.code().code()),
        None => match std::error::Error::source(error) {
            Some(source) => format!("{error}: {source}"),
            None => error.to_string(),
        },
    };
    StoreError::Postgres { url: url.to_owned(), what }
}

fn get<'a, T: postgres::types::FromSql<'a>>(url: &Path, row: &'a Row, column: usize) -> Result<T, StoreError> {
    row.try_get(column).map_err(|error| failed(url, &error))
}

fn head_of(url: &Path, row: Option<&Row>) -> Result<Head, StoreError> {
    let missing = StoreError::Damaged { position: 0, what: "the row of the head is missing" };
    let row = row.ok_or(missing)?;
    let (records, digest): (i64, Vec<u8>) = (get(url, row, 0)?, get(url, row, 1)?);
    let records = records.cast_unsigned();
    let damaged = |_| StoreError::Damaged { position: records, what: "its digest is not 32 bytes" };
    Ok(Head { records, digest: Sha256Digest::new(digest.try_into().map_err(damaged)?) })
}

fn entry_of(url: &Path, row: &Row) -> Result<Entry, StoreError> {
    let unsigned = |column| get::<i64>(url, row, column).map(i64::cast_unsigned);
    let position = unsigned(0)?;
    let kind = u8::try_from(get::<i16>(url, row, 1)?).ok().and_then(Kind::from_number);
    let kind = kind.ok_or(StoreError::Damaged { position, what: "its kind is unknown" })?;
    let part =
        u32::try_from(unsigned(4)?).map_err(|_| StoreError::Damaged { position, what: "its part is too large" })?;
    let place = Place { kind, batch: unsigned(2)?, chunk: unsigned(3)?, part };
    Ok(Entry { position, place, count: unsigned(5)?, signatures: unsigned(6)? })
}

/// The format of the schema, not that of the records.
const FORMAT: i64 = 1;
/// In place of the format while the schema is filled with the records of another ledger.
const COPYING: i64 = 0;
/// What `append` answers when the head is not the one that it was given.
const HEAD_MOVED: &str = "RR001";
/// What `fence` answers when the chunk is not leased under the token.
const NOT_LEASED: &str = "RR003";
/// A worker has all records of an append when it begins, so it never waits in the middle of one.
const PAUSING: &str = "SET idle_in_transaction_session_timeout = '10s'";
const HOLDS: &str =
    "SELECT EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND granted AND pid = pg_backend_pid()
    AND (classid::bigint << 32 | objid::bigint) = hashtextextended($1, 0))";
/// Ends the session that had the lock, if it is still there.
const END_SESSION: &str = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE pid = $1 AND (extract(epoch FROM backend_start) * 1000000)::bigint = $2";
/// How often, and how long each time, a server is waited for that does not answer or has not ended a session.
const ATTEMPTS: u32 = 60;
const PAUSE: Duration = Duration::from_millis(500);
/// How often, and how long each time, the end of the last run's session is waited for.
const ENDING: u32 = 20;
const ENDS: Duration = Duration::from_millis(50);

#[cfg(test)]
#[path = "../../../../../tests/support/src/postgres.rs"]
#[expect(unreachable_pub, dead_code, reason = "the file of another package, whose tests use the rest of it")]
pub(super) mod testing;
#[cfg(test)]
mod tests;
