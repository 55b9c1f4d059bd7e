//! Leases of chunks on the server: functions of `pool.sql`.

use std::path::{Path, PathBuf};
use std::time::Duration;

use postgres::types::ToSql;
use postgres::{Client, Row};

use crate::ledger::batch::{BatchId, Summary};
use crate::ledger::pool::{
    ChunkFile, Claim, HandedOut, MOST_ATTEMPTS, Parked, PoolStatus, PoolWorker, Settled, Worker,
};
use crate::ledger::record::Kind;
use crate::ledger::rows::signed;
use crate::ledger::{LedgerError, is_url};
use crate::x509::Sha256Digest;

use super::session::Session;
use super::url::Address;
use super::{FORMAT, failed, get};

/// The chunks that a ledger on a server hands to workers. It has a connection of its own, and makes a new one when that
/// was lost.
pub struct Pool {
    url: PathBuf,
    address: Address,
    writes: bool,
    session: Option<Session>,
    /// Every batch that was looked for, with its number, which is the position of its first record.
    batches: Vec<(i64, BatchId)>,
}

impl Pool {
    /// Connects to hand out and to claim.
    ///
    /// # Errors
    /// The URL is not one, the server does not answer or may not be written to, or there is no ledger.
    pub fn open(url: &Path) -> Result<Self, LedgerError> {
        Self::connect(url, true)
    }

    /// Connects to look alone: also on a standby, and as a role that only reads.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn open_to_read(url: &Path) -> Result<Self, LedgerError> {
        Self::connect(url, false)
    }

    fn connect(url: &Path, writes: bool) -> Result<Self, LedgerError> {
        if !is_url(url) {
            return Err(LedgerError::NotOnServer { path: url.to_owned() });
        }
        let address = Address::parse(url)?;
        let session = Some(Session::begin(url, &address, writes, FORMAT)?);
        Ok(Self { url: url.to_owned(), address, writes, session, batches: Vec::new() })
    }

    /// Hands out a batch: its chunks in order. Called again, it opens chunks that were parked, and changes no other but
    /// for its file.
    ///
    /// # Errors
    /// There is no such batch, or the server refuses.
    pub fn hand_out(&mut self, batch: &BatchId, chunks: &[ChunkFile]) -> Result<(), LedgerError> {
        let number = self.number(batch)?;
        let files: Vec<&[u8]> = chunks.iter().map(|chunk| &chunk.sha256.as_bytes()[..]).collect();
        let counts: Vec<i64> = chunks.iter().map(|chunk| signed(chunk.leaves)).collect();
        self.ask("SELECT @.hand_out($1, $2, $3)", &[&number, &files, &counts]).map(drop)
    }

    /// Leases up to `limit` chunks: open ones, or ones whose lease ran out.
    ///
    /// # Errors
    /// The ledger is of a later format or was moved, or the server refuses.
    pub fn claim(&mut self, worker: &Worker, lease: Duration, limit: usize) -> Result<Vec<Claim>, LedgerError> {
        let Worker { name, build, signer, host } = worker;
        let most = i32::try_from(MOST_ATTEMPTS).expect("a small number");
        let (seconds, wanted) = (lease.as_secs_f64(), signed(limit as u64));
        let rows = self.ask(
            "SELECT * FROM @.claim($1, $2, $3, $4, $5, $6, $7, $8) ORDER BY batch, chunk",
            &[name, build, signer, host, &FORMAT, &seconds, &wanted, &most],
        )?;
        rows.iter().map(|row| self.claimed(row)).collect()
    }

    fn claimed(&mut self, row: &Row) -> Result<Claim, LedgerError> {
        let number = get(&self.url, row, 0)?;
        let batch = self.name(number)?;
        let [chunk, token, leaves] = [(1), (2), (5)].map(|column| self.unsigned(row, column));
        let sha256: Vec<u8> = get(&self.url, row, 4)?;
        let damaged = |_| LedgerError::Damaged { position: number.cast_unsigned(), what: "the name of a chunk's file" };
        let sha256 = Sha256Digest::new(sha256.try_into().map_err(damaged)?);
        let attempts = self.small(row, 3)?;
        Ok(Claim { batch, chunk: chunk?, token: token?, attempts, file: ChunkFile { sha256, leaves: leaves? } })
    }

    /// Makes leases longer, from now on. Returns the tokens of those that the worker still has.
    ///
    /// # Errors
    /// The server refuses, or does not answer.
    pub fn extend(&mut self, worker: &Worker, claims: &[Claim], lease: Duration) -> Result<Vec<u64>, LedgerError> {
        let tokens: Vec<i64> = claims.iter().map(|claim| signed(claim.token)).collect();
        let rows = self.ask("SELECT @.extend($1, $2, $3)", &[&worker.name, &tokens, &lease.as_secs_f64()])?;
        rows.iter().map(|row| self.unsigned(row, 0)).collect()
    }

    /// Ends a lease. Returns whether that changed anything: not if the worker did not have it any more, nor if a chunk
    /// that is said to be done lacks certificates on the ledger.
    ///
    /// # Errors
    /// The server refuses, or does not answer.
    pub fn settle(&mut self, claim: &Claim, how: Settled<'_>) -> Result<bool, LedgerError> {
        let number = self.number(&claim.batch)?;
        let (state, reason): (i16, Option<&str>) = match how {
            Settled::Open { reason } => (0, Some(reason)),
            Settled::Untouched => (0, None),
            Settled::Done => (2, None),
            Settled::Parked { reason } => (3, Some(reason)),
        };
        let (chunk, token, untouched) = (signed(claim.chunk), signed(claim.token), how == Settled::Untouched);
        let rows = self
            .ask("SELECT @.settle($1, $2, $3, $4, $5, $6)", &[&number, &chunk, &token, &state, &reason, &untouched])?;
        Ok(rows.first().map(|row| get(&self.url, row, 0)).transpose()?.unwrap_or(false))
    }

    /// What is handed out, and to which workers.
    ///
    /// # Errors
    /// The server does not answer.
    pub fn status(&mut self) -> Result<PoolStatus, LedgerError> {
        let (batches, parked) = (self.ask(BATCHES, &[])?, self.ask(PARKED, &[])?);
        let workers = self.ask(WORKERS, &[])?;
        Ok(PoolStatus {
            batches: batches.iter().map(|row| self.handed_out(row)).collect::<Result<_, _>>()?,
            parked: parked.iter().map(|row| self.parked(row)).collect::<Result<_, _>>()?,
            workers: workers.iter().map(|row| self.worker(row)).collect::<Result<_, _>>()?,
        })
    }

    fn handed_out(&mut self, row: &Row) -> Result<HandedOut, LedgerError> {
        let batch = self.name(get(&self.url, row, 0)?)?;
        let number = |column| self.unsigned(row, column);
        Ok(HandedOut {
            batch,
            leaves: number(1)?,
            certificates: number(2)?,
            open: number(3)?,
            leased: number(4)?,
            done: number(5)?,
            parked: number(6)?,
        })
    }

    fn parked(&mut self, row: &Row) -> Result<Parked, LedgerError> {
        let batch = self.name(get(&self.url, row, 0)?)?;
        let (chunk, attempts) = (self.unsigned(row, 1)?, self.small(row, 2)?);
        Ok(Parked { batch, chunk, attempts, reason: get(&self.url, row, 3)? })
    }

    fn worker(&self, row: &Row) -> Result<PoolWorker, LedgerError> {
        let text = |column| get(&self.url, row, column);
        let worker = Worker { name: text(0)?, build: text(1)?, signer: text(2)?, host: text(3)? };
        let number = |column| self.unsigned(row, column);
        let (started_seconds, seen_seconds) = (number(4)?, number(5)?);
        Ok(PoolWorker { worker, started_seconds, seen_seconds, leased: number(6)?, certificates: number(7)? })
    }

    fn unsigned(&self, row: &Row, column: usize) -> Result<u64, LedgerError> {
        Ok(get::<i64>(&self.url, row, column)?.cast_unsigned())
    }

    fn small(&self, row: &Row, column: usize) -> Result<u32, LedgerError> {
        Ok(get::<i32>(&self.url, row, column)?.cast_unsigned())
    }

    /// The number of a batch.
    fn number(&mut self, batch: &BatchId) -> Result<i64, LedgerError> {
        let unknown = || LedgerError::UnknownBatch { batch: batch.clone() };
        self.find(|(_, name)| name == batch)?.map(|(number, _)| number).ok_or_else(unknown)
    }

    /// The batch of a number.
    fn name(&mut self, number: i64) -> Result<BatchId, LedgerError> {
        let missing = LedgerError::Damaged { position: number.cast_unsigned(), what: "it is not that of a batch" };
        self.find(|(known, _)| *known == number)?.map(|(_, name)| name).ok_or(missing)
    }

    fn find(&mut self, wanted: impl Fn(&(i64, BatchId)) -> bool) -> Result<Option<(i64, BatchId)>, LedgerError> {
        if let Some(found) = self.batches.iter().find(|batch| wanted(batch)) {
            return Ok(Some(found.clone()));
        }
        let known = self.batches.last().map_or(0, |(number, _)| *number);
        let kind = i16::from(Kind::Batch as u8);
        let rows = self
            .ask("SELECT batch, body FROM @.record WHERE kind = $1 AND batch > $2 ORDER BY batch", &[&kind, &known])?;
        for row in &rows {
            let (number, body): (i64, &[u8]) = (get(&self.url, row, 0)?, get(&self.url, row, 1)?);
            let position = number.cast_unsigned();
            let damaged = |_| LedgerError::Damaged { position, what: "its body is not what its kind has" };
            self.batches.push((number, Summary::decode(position, body).map_err(damaged)?.id));
        }
        Ok(self.batches.iter().find(|batch| wanted(batch)).cloned())
    }

    /// Asks the server, and once more on a new connection if the old one is lost: nothing is harmed by a question that
    /// is asked twice.
    fn ask(&mut self, sql: &str, values: &[&(dyn ToSql + Sync)]) -> Result<Vec<Row>, LedgerError> {
        let sql = sql.replace('@', &self.address.schema);
        let answer = self.client()?.query(&sql, values);
        match answer {
            Err(_) if self.client()?.is_closed() => {
                self.session = None;
                let answer = self.client()?.query(&sql, values);
                answer.map_err(|error| self.refusal(&error))
            }
            answer => answer.map_err(|error| self.refusal(&error)),
        }
    }

    fn client(&mut self) -> Result<&mut Client, LedgerError> {
        let session = match self.session.take() {
            Some(session) => session,
            None => Session::begin(&self.url, &self.address, self.writes, FORMAT)?,
        };
        Ok(&mut self.session.insert(session).client)
    }

    fn refusal(&self, error: &postgres::Error) -> LedgerError {
        let refused = error.as_db_error().filter(|refusal| refusal.code().code() == NEWER);
        match refused.and_then(|refusal| refusal.detail()?.parse().ok()) {
            Some(found) => LedgerError::Newer { path: self.url.clone(), found, supported: FORMAT },
            None => failed(&self.url, error).into(),
        }
    }
}

impl std::fmt::Debug for Pool {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Pool(..)")
    }
}

/// What `claim` answers when the schema has another format.
const NEWER: &str = "RR005";
const BATCHES: &str = "SELECT l.batch, sum(l.count)::bigint,
    (SELECT coalesce(sum(r.count), 0)::bigint FROM @.record r WHERE r.kind = 9 AND r.batch = l.batch),
    count(*) FILTER (WHERE state = 0 OR (state = 1 AND until <= clock_timestamp())),
    count(*) FILTER (WHERE state = 1 AND until > clock_timestamp()),
    count(*) FILTER (WHERE state = 2), count(*) FILTER (WHERE state = 3)
    FROM @.chunk_lease l GROUP BY l.batch HAVING NOT @.is_closed(l.batch) ORDER BY l.batch";
const PARKED: &str = "SELECT batch, chunk, attempts, coalesce(reason, '') FROM @.chunk_lease
    WHERE state = 3 AND NOT @.is_closed(batch) ORDER BY batch, chunk";
const WORKERS: &str = "SELECT name, build, signer, host,
    greatest(0, extract(epoch FROM clock_timestamp() - started))::bigint,
    greatest(0, extract(epoch FROM clock_timestamp() - seen))::bigint,
    (SELECT count(*) FROM @.chunk_lease l WHERE l.state = 1 AND l.holder = w.name AND l.until > clock_timestamp()),
    certificates FROM @.worker w ORDER BY seen DESC, name";

#[cfg(test)]
mod tests;
