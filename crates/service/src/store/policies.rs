//! Policies: their text by digest, and whether jobs may use them.

use rusqlite::{OptionalExtension as _, Row, params};

use super::{Store, StoreError, integer};

/// Whether jobs may use a policy. The signer's own list decides in the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PolicyState {
    /// Jobs may use it.
    Active,
    /// Not yet.
    Draft,
    /// Not any more.
    Retired,
}

impl PolicyState {
    /// The word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Draft => "draft",
            Self::Retired => "retired",
        }
    }

    /// The state of a word.
    pub fn of(word: &str) -> Option<Self> {
        [Self::Active, Self::Draft, Self::Retired].into_iter().find(|state| state.as_str() == word)
    }
}

/// A policy.
#[derive(Clone, Debug)]
pub struct StoredPolicy {
    /// SHA-256 of its text.
    pub sha256: String,
    /// The name that it gives itself.
    pub name: String,
    /// Its text.
    pub text: String,
    /// Whether jobs may use it.
    pub state: PolicyState,
    /// Counts changes of the state.
    pub revision: u32,
    /// Who brought it.
    pub owner: String,
    /// When.
    pub created: String,
}

const COLUMNS: &str = "sha256, name, text, state, revision, owner, created";

fn policy(row: &Row<'_>) -> rusqlite::Result<StoredPolicy> {
    let state: String = row.get(3)?;
    Ok(StoredPolicy {
        sha256: row.get(0)?,
        name: row.get(1)?,
        text: row.get(2)?,
        state: PolicyState::of(&state).unwrap_or(PolicyState::Retired),
        revision: row.get(4)?,
        owner: row.get(5)?,
        created: row.get(6)?,
    })
}

impl Store {
    /// Adds a policy. One that is there stays as it is. Returns whether it is new.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn add_policy(&self, policy: &StoredPolicy) -> Result<bool, StoreError> {
        let insert = format!("INSERT OR IGNORE INTO policy ({COLUMNS}) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)");
        let StoredPolicy { sha256, name, text, state, revision, owner, created } = policy;
        let values = params![sha256, name, text, state.as_str(), revision, owner, created];
        Ok(self.connection().execute(&insert, values)? > 0)
    }

    /// The policy with this digest.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn policy(&self, sha256: &str) -> Result<Option<StoredPolicy>, StoreError> {
        let select = format!("SELECT {COLUMNS} FROM policy WHERE sha256 = ?1");
        Ok(self.connection().query_row(&select, [sha256], policy).optional()?)
    }

    /// Policies by name, those after one.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn policies(&self, after: Option<&str>, most: usize) -> Result<Vec<StoredPolicy>, StoreError> {
        let select = format!(
            "SELECT {COLUMNS} FROM policy WHERE ?1 IS NULL OR (name, created, sha256) > \
             (SELECT name, created, sha256 FROM policy WHERE sha256 = ?1) ORDER BY name, created, sha256 LIMIT ?2"
        );
        let connection = self.connection();
        let mut statement = connection.prepare(&select)?;
        let rows = statement.query_map(params![after, integer(most)], policy)?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Changes the state of a policy whose revision is still this one. Returns whether it was.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn change_policy(&self, sha256: &str, state: PolicyState, revision: u32) -> Result<bool, StoreError> {
        let update = "UPDATE policy SET state = ?2, revision = revision + 1 WHERE sha256 = ?1 AND revision = ?3";
        Ok(self.connection().execute(update, params![sha256, state.as_str(), revision])? > 0)
    }
}
