//! Uploads: what a principal has said it will send, and what has arrived.

use rusqlite::{OptionalExtension as _, Row, params};

use super::{Store, StoreError, integer};

/// Whether the content of an upload is here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UploadState {
    /// It has not arrived.
    Expected,
    /// It is on the disk, whole, under the id of the upload.
    Received,
}

/// An upload.
#[derive(Clone, Debug)]
pub struct Upload {
    /// Random; the name of the file on the disk.
    pub id: String,
    /// The name that the principal gave, which is never a path.
    pub name: String,
    /// How long the content is.
    pub bytes: i64,
    /// SHA-256 that the content must have, if that was said.
    pub wanted: Option<String>,
    /// SHA-256 of what has arrived.
    pub sha256: Option<String>,
    /// Whether it has arrived.
    pub state: UploadState,
    /// Who sends it.
    pub owner: String,
    /// When it was announced.
    pub created: String,
    /// Seconds since 1970 after which it is removed, unless a job needs it.
    pub expires: i64,
}

const COLUMNS: &str = "id, name, bytes, wanted, sha256, state, owner, created, expires";

impl UploadState {
    /// The word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Expected => "expected",
            Self::Received => "received",
        }
    }
}

fn upload(row: &Row<'_>) -> rusqlite::Result<Upload> {
    let state: String = row.get(5)?;
    Ok(Upload {
        id: row.get(0)?,
        name: row.get(1)?,
        bytes: row.get(2)?,
        wanted: row.get(3)?,
        sha256: row.get(4)?,
        state: if state == "received" { UploadState::Received } else { UploadState::Expected },
        owner: row.get(6)?,
        created: row.get(7)?,
        expires: row.get(8)?,
    })
}

impl Store {
    /// Adds an upload, unless its owner has as many open ones as `most`. Returns whether it was added.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn add_upload(&self, upload: &Upload, most: u32) -> Result<bool, StoreError> {
        self.transaction(|transaction| {
            let count = "SELECT count(*) FROM upload WHERE owner = ?1 AND state = 'expected'";
            let open: u32 = transaction.query_row(count, [&upload.owner], |row| row.get(0))?;
            if open >= most {
                return Ok(false);
            }
            transaction.execute(
                &format!("INSERT INTO upload ({COLUMNS}) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)"),
                params![
                    upload.id,
                    upload.name,
                    upload.bytes,
                    upload.wanted,
                    upload.sha256,
                    upload.state.as_str(),
                    upload.owner,
                    upload.created,
                    upload.expires
                ],
            )?;
            Ok(true)
        })
    }

    /// The upload of this id.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn upload(&self, id: &str) -> Result<Option<Upload>, StoreError> {
        let select = format!("SELECT {COLUMNS} FROM upload WHERE id = ?1");
        Ok(self.connection().query_row(&select, [id], upload).optional()?)
    }

    /// Uploads of one principal, or of all, the last ones first, at most `most`. `before` is the time and the id of the one
    /// after which they begin.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn uploads(
        &self,
        owner: Option<&str>,
        before: Option<(&str, &str)>,
        most: usize,
    ) -> Result<Vec<Upload>, StoreError> {
        let select = format!(
            "SELECT {COLUMNS} FROM upload WHERE (?1 IS NULL OR owner = ?1) AND (?2 IS NULL OR (created, id) < (?2, ?3)) \
             ORDER BY created DESC, id DESC LIMIT ?4"
        );
        let (created, id) = before.unzip();
        let connection = self.connection();
        let mut statement = connection.prepare(&select)?;
        let rows = statement.query_map(params![owner, created, id, integer(most)], upload)?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Notes that the content has arrived and is on the disk.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn received(&self, id: &str, sha256: &str) -> Result<(), StoreError> {
        let update = "UPDATE upload SET state = 'received', sha256 = ?2 WHERE id = ?1";
        self.connection().execute(update, [id, sha256])?;
        Ok(())
    }

    /// Removes an upload, unless a job that has not ended needs it. Returns whether it was removed.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn remove_upload(&self, id: &str) -> Result<bool, StoreError> {
        let delete = format!("DELETE FROM upload WHERE id = ?1 AND NOT {NEEDED}");
        Ok(self.connection().execute(&delete, [id])? > 0)
    }

    /// Ids of uploads whose time is over and that no job needs.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn expired_uploads(&self, now: i64) -> Result<Vec<String>, StoreError> {
        let select = format!("SELECT id FROM upload WHERE expires < ?1 AND NOT {NEEDED}");
        let connection = self.connection();
        let mut statement = connection.prepare(&select)?;
        let rows = statement.query_map([now], |row| row.get(0))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }
}

/// Whether a job that has not ended reads the upload.
const NEEDED: &str = "EXISTS (SELECT 1 FROM job_upload JOIN job ON job.id = job_upload.job \
                      WHERE job_upload.upload = upload.id AND job.ended = 0)";
