//! The tables, by version: a step is never changed once it was released, a new one is added.

use std::path::Path;

use rusqlite::Connection;

use super::StoreError;

/// What brings a file from the version before to this one.
const STEPS: &[&str] = &[
    // 1: uploads, policies, jobs
    "CREATE TABLE upload (id TEXT PRIMARY KEY, name TEXT NOT NULL, bytes INTEGER NOT NULL, wanted TEXT, sha256 TEXT,
       state TEXT NOT NULL, owner TEXT NOT NULL, created TEXT NOT NULL, expires INTEGER NOT NULL) STRICT;
     CREATE TABLE policy (sha256 TEXT PRIMARY KEY, name TEXT NOT NULL, text TEXT NOT NULL, state TEXT NOT NULL,
       revision INTEGER NOT NULL, owner TEXT NOT NULL, created TEXT NOT NULL) STRICT;
     CREATE TABLE job (id TEXT PRIMARY KEY, seq INTEGER NOT NULL UNIQUE, kind TEXT NOT NULL, spec TEXT NOT NULL,
       state TEXT NOT NULL, ended INTEGER NOT NULL, revision INTEGER NOT NULL, owner TEXT NOT NULL,
       created TEXT NOT NULL, changed TEXT NOT NULL, attempt INTEGER NOT NULL, reason TEXT, plan TEXT, result TEXT, problem TEXT) STRICT;
     CREATE INDEX job_open ON job(seq) WHERE ended = 0;
     CREATE TABLE job_upload (job TEXT NOT NULL, upload TEXT NOT NULL, PRIMARY KEY (job, upload)) STRICT;
     CREATE INDEX job_upload_upload ON job_upload(upload);
     CREATE TABLE job_event (job TEXT NOT NULL, revision INTEGER NOT NULL, state TEXT NOT NULL, reason TEXT,
       at TEXT NOT NULL, PRIMARY KEY (job, revision)) STRICT;
     CREATE TABLE approval (job TEXT NOT NULL, seq INTEGER NOT NULL, person TEXT NOT NULL, kind TEXT NOT NULL,
       body TEXT NOT NULL, at TEXT NOT NULL, PRIMARY KEY (job, seq)) STRICT;
     CREATE TABLE idempotency (owner TEXT NOT NULL, key TEXT NOT NULL, request TEXT NOT NULL, job TEXT NOT NULL,
       at INTEGER NOT NULL, PRIMARY KEY (owner, key)) STRICT;",
    // 2: tokens, users, stations
    "CREATE TABLE token (id TEXT PRIMARY KEY, sha256 TEXT NOT NULL, owner TEXT NOT NULL, roles TEXT NOT NULL,
       areas TEXT NOT NULL, networks TEXT NOT NULL, created_by TEXT NOT NULL, created TEXT NOT NULL,
       expires TEXT NOT NULL, revoked TEXT, last_used TEXT) STRICT;
     CREATE TABLE user (name TEXT PRIMARY KEY, roles TEXT NOT NULL, created_by TEXT NOT NULL, created TEXT NOT NULL) STRICT;
     CREATE TABLE user_certificate (sha256 TEXT PRIMARY KEY, user TEXT NOT NULL) STRICT;
     CREATE TABLE pack (station TEXT NOT NULL, batch TEXT NOT NULL, assigned_by TEXT NOT NULL, assigned TEXT NOT NULL,
       PRIMARY KEY (station, batch)) STRICT;
     CREATE TABLE chip_load (station TEXT NOT NULL, seq INTEGER NOT NULL, uid TEXT NOT NULL, line TEXT NOT NULL,
       received TEXT NOT NULL, PRIMARY KEY (station, seq)) STRICT;
     CREATE INDEX chip_load_uid ON chip_load(uid);",
    // 3: receipts
    "CREATE TABLE receipt (station TEXT NOT NULL, seq INTEGER NOT NULL, batch TEXT NOT NULL, uid TEXT NOT NULL,
       nonce TEXT NOT NULL UNIQUE, line TEXT NOT NULL, received TEXT NOT NULL, PRIMARY KEY (station, seq)) STRICT;
     CREATE INDEX receipt_uid ON receipt(uid);",
    // 4: sessions of the console
    "CREATE TABLE session (sha256 TEXT PRIMARY KEY, name TEXT NOT NULL, roles TEXT, logged_in TEXT NOT NULL,
       created INTEGER NOT NULL, used INTEGER NOT NULL) STRICT;
     CREATE TABLE login_link (sha256 TEXT PRIMARY KEY, name TEXT NOT NULL, roles TEXT, expires INTEGER NOT NULL) STRICT;",
    // 5: links that were made while the service has the audit log
    "ALTER TABLE login_link ADD COLUMN noted INTEGER NOT NULL DEFAULT 1;",
    // 6: jobs that are interrupted
    "ALTER TABLE job ADD COLUMN resumes TEXT;",
];

/// The version that this program writes.
#[expect(clippy::cast_possible_truncation, reason = "there are a few steps")]
pub const VERSION: u32 = STEPS.len() as u32;

/// Brings a file up to this version, each step in a transaction of its own.
pub(super) fn run(connection: &Connection, path: &Path) -> Result<(), StoreError> {
    let found: u32 = connection.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    if found > VERSION {
        return Err(StoreError::Version { path: path.to_owned(), found, known: VERSION });
    }
    for (version, step) in (1..).zip(STEPS).skip(found as usize) {
        connection.execute_batch(&format!("BEGIN IMMEDIATE; {step} PRAGMA user_version = {version}; COMMIT;"))?;
    }
    Ok(())
}
