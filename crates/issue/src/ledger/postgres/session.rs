//! A connection to the server of a ledger.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use postgres::error::SqlState;
use postgres::{Client, Statement};

use crate::ledger::LedgerError;

use super::url::Address;
use super::{COPYING, FORMAT, failed, get};

/// A connection and what was prepared on it.
pub(super) struct Session {
    pub(super) client: Client,
    /// Number of the server's process, and when it began.
    pub(super) process: (i32, i64),
    /// Whether the server said that a commit may not be on the standby.
    pub(super) cancelled: Arc<AtomicBool>,
    pub(super) append: Option<Statement>,
    pub(super) head: Statement,
    pub(super) at: Statement,
    pub(super) read: Statement,
    pub(super) entry: Statement,
    pub(super) entries: Statement,
}

impl Session {
    pub(super) fn begin(url: &Path, address: &Address, writes: bool, format: i64) -> Result<Self, LedgerError> {
        let cancelled = Arc::new(AtomicBool::new(false));
        let flag = Arc::clone(&cancelled);
        let notices = move |notice: postgres::error::DbError| {
            // "canceling wait for synchronous replication due to user request", and likewise for a shutdown
            if *notice.code() == SqlState::WARNING || notice.message().contains("synchronous replication") {
                flag.store(true, Ordering::Relaxed);
            }
        };
        let mut client = address.connect(notices).map_err(|error| failed(url, &error))?;
        let schema = &address.schema;
        if !is_there(&mut client, schema).map_err(|error| failed(url, &error))? {
            return Err(LedgerError::Missing { path: url.to_owned() });
        }
        if writes {
            check_settings(url, &mut client)?;
        }
        Self::prepare(client, schema, (writes, format), cancelled, url)
    }

    fn prepare(
        mut client: Client,
        schema: &str,
        (writes, format): (bool, i64),
        cancelled: Arc<AtomicBool>,
        url: &Path,
    ) -> Result<Self, LedgerError> {
        let wrong = |error: &postgres::Error| match error.code() {
            Some(&SqlState::UNDEFINED_TABLE | &SqlState::UNDEFINED_COLUMN | &SqlState::UNDEFINED_FUNCTION) => {
                LedgerError::Foreign { path: url.to_owned() }
            }
            _ => failed(url, error).into(),
        };
        let settings = if writes { WRITING } else { READING };
        client.batch_execute(settings).map_err(|error| wrong(&error))?;
        let has = client.query_one(&format!("SELECT format FROM {schema}.head"), &[]);
        let found: i64 = get(url, &has.map_err(|error| wrong(&error))?, 0)?;
        if found == COPYING && format != COPYING {
            return Err(LedgerError::Incomplete { path: url.to_owned() });
        }
        if found != format {
            return Err(LedgerError::Newer { path: url.to_owned(), found, supported: FORMAT });
        }
        let own = client.query_one(OWN_SESSION, &[]).map_err(|error| wrong(&error))?;
        let process = (get(url, &own, 0)?, get(url, &own, 1)?);
        let mut prepare = |sql: String| client.prepare(&sql).map_err(|error| wrong(&error));
        let select = |columns: &str, rest: &str| format!("SELECT {columns} FROM {schema}.record {rest}");
        let place = "WHERE kind = $1 AND batch = $2 AND chunk = $3 AND part = $4";
        let append = if writes {
            Some(prepare(format!("SELECT {schema}.append($1, $2, $3, $4, $5, $6, $7, $8, $9)"))?)
        } else {
            None
        };
        Ok(Self {
            append,
            head: prepare(format!("SELECT records, digest FROM {schema}.head"))?,
            at: prepare(select(RECORD, "WHERE position = $1"))?,
            read: prepare(select(RECORD, place))?,
            entry: prepare(select(ENTRY, place))?,
            entries: prepare(select(ENTRY, "WHERE kind = $1 AND batch BETWEEN $2 AND $3 ORDER BY batch, chunk, part"))?,
            client,
            process,
            cancelled,
        })
    }

    /// Takes the lock of the schema for this session, if no other one has it.
    pub(super) fn lock(&mut self, schema: &str) -> Result<bool, postgres::Error> {
        self.client.query_one(LOCK, &[&format!("reroot-ledger {schema}")])?.try_get(0)
    }
}

/// Checks what of the server's settings decides whether a record that was added stays.
pub(super) fn check_settings(url: &Path, client: &mut Client) -> Result<(), LedgerError> {
    let row = client.query_one(SETTINGS, &[]).map_err(|error| failed(url, &error))?;
    let is_standby: bool = get(url, &row, 0)?;
    if is_standby {
        return Err(LedgerError::ReadOnly { path: url.to_owned() });
    }
    for (column, setting) in [(1, "fsync"), (2, "full_page_writes")] {
        let found: String = get(url, &row, column)?;
        if found != "on" {
            return Err(LedgerError::ServerSetting { url: url.to_owned(), setting, found });
        }
    }
    let (waits_for, standbys): (String, i64) = (get(url, &row, 3)?, get(url, &row, 4)?);
    if waits_for.is_empty() && standbys > 0 {
        tracing::warn!(
            standbys,
            "the server has a standby and does not wait for it: after a failover the last records may be missing"
        );
    }
    Ok(())
}

pub(super) fn is_there(client: &mut Client, schema: &str) -> Result<bool, postgres::Error> {
    client.query_one("SELECT EXISTS (SELECT FROM pg_namespace WHERE nspname = $1)", &[&schema])?.try_get(0)
}

/// `remote_apply`, where the server asks for it, waits for more than `on`. Nothing may end a commit that waits, and a
/// session whose other end is gone ends soon.
const WRITING: &str = "SET statement_timeout = 0; SET lock_timeout = 0; SET idle_in_transaction_session_timeout = 0;
    SET idle_session_timeout = 0; SET tcp_keepalives_idle = 15; SET tcp_keepalives_interval = 5; SET tcp_keepalives_count = 3;
    SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') <> 'remote_apply'";
const READING: &str = "SET default_transaction_read_only = on; SET statement_timeout = 0";
const SETTINGS: &str = "SELECT pg_is_in_recovery(), current_setting('fsync'), current_setting('full_page_writes'),
    current_setting('synchronous_standby_names'), (SELECT count(*) FROM pg_stat_replication)";
const LOCK: &str = "SELECT pg_try_advisory_lock(hashtextextended($1, 0))";
const OWN_SESSION: &str = "SELECT pid, (extract(epoch FROM backend_start) * 1000000)::bigint FROM pg_stat_activity
    WHERE pid = pg_backend_pid()";
const ENTRY: &str = "position, kind, batch, chunk, part, count, signatures";
const RECORD: &str = "position, kind, batch, chunk, part, count, signatures, digest, body";
