//! `jobs.sqlite`: uploads, policies, jobs and what belongs to them. It is no source of truth for certificates: the ledger is.
//!
//! *Trusted.* Who can change this file can plan other batches in the name of a user, and can sign none of them.

mod error;
mod jobs;
mod migrations;
mod number;
mod policies;
mod uploads;

use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use rusqlite::Connection;

pub use error::StoreError;
pub use jobs::{Change, Job, JobEvent, JobState, NewJob, StoredApproval};
pub use migrations::VERSION;
pub use number::{integer, natural};
pub use policies::{PolicyState, StoredPolicy};
pub use uploads::{Upload, UploadState};

/// The open file.
#[derive(Debug)]
pub struct Store(Mutex<Connection>);

impl Store {
    /// Opens the file, makes it if there is none, and brings an older one up to this version.
    ///
    /// # Errors
    /// The file cannot be opened, is of a later version, or is not such a file.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        let connection = Connection::open(path).map_err(|source| StoreError::Open { path: path.to_owned(), source })?;
        let wanted = "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON; \
                      PRAGMA trusted_schema = OFF;";
        connection.execute_batch(wanted).map_err(|source| StoreError::Open { path: path.to_owned(), source })?;
        connection.busy_timeout(std::time::Duration::from_secs(5))?;
        migrations::run(&connection, path)?;
        Ok(Self(Mutex::new(connection)))
    }

    /// The connection, for one statement or one transaction at a time.
    pub fn connection(&self) -> MutexGuard<'_, Connection> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Does several statements as one: all of them are on disk afterwards, or none is.
    ///
    /// # Errors
    /// As the statements, or the file cannot be written.
    pub fn transaction<T, E: From<StoreError>>(
        &self,
        work: impl FnOnce(&rusqlite::Transaction<'_>) -> Result<T, E>,
    ) -> Result<T, E> {
        let mut connection = self.connection();
        let transaction = connection.transaction().map_err(StoreError::from)?;
        let result = work(&transaction)?;
        transaction.commit().map_err(StoreError::from)?;
        Ok(result)
    }
}

#[cfg(test)]
mod tests;
