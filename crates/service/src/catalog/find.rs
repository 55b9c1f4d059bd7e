//! Questions.

use reroot_core::origin::{ChipName, Uid};
use reroot_core::x509::{SerialNumber, Sha256Digest, Time};
use rusqlite::{OptionalExtension as _, Row, ToSql, params};
use serde::Serialize;
use utoipa::ToSchema;

use super::Catalog;
use crate::store::{StoreError, integer, natural};

/// A certificate of a chip.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Found {
    /// The chip, in upper-case hexadecimal.
    pub uid: String,
    /// The batch.
    pub batch: String,
    /// The line of the manifest, from 0.
    pub position: u64,
    /// The serial number of the certificate, in upper-case hexadecimal.
    pub serial: String,
    /// SHA-256 of the certificate.
    pub sha256: String,
    /// Its last second.
    pub not_after: String,
    /// The policy of the batch.
    pub policy: String,
    /// When the batch was issued.
    pub issued_at: String,
}

/// A batch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct BatchRow {
    /// Its name, a UUIDv7: names are in the order of time.
    pub id: String,
    /// SHA-256 of its statement.
    pub statement_sha256: String,
    /// The instant from which validity is counted.
    pub issued_at: String,
    /// When it was sealed.
    pub created: String,
    /// The name of its policy.
    pub policy: String,
    /// Subject of the issuing CA, escaped.
    pub issuer: String,
    /// SHA-256 of the issuing CA's certificate.
    pub issuer_sha256: String,
    /// Items that were read.
    pub items: u64,
    /// Certificates that were issued.
    pub issued: u64,
    /// Items that were rejected.
    pub rejected: u64,
    /// Items that were ignored.
    pub ignored: u64,
    /// Bytes of its line pack, once there is one.
    pub pack_bytes: Option<u64>,
    /// SHA-256 of its line pack.
    pub pack_sha256: Option<String>,
    /// The folder below that of all batches.
    #[serde(skip)]
    pub folder: String,
}

impl Catalog {
    /// Every certificate of a chip, newest batch first.
    ///
    /// # Errors
    /// The catalog cannot be read.
    pub fn chip(&self, name: &ChipName) -> Result<Vec<Found>, StoreError> {
        let mut found = Vec::new();
        for uid in name.candidates() {
            found = self.find("chip.uid = ?1", params![uid.as_bytes()])?;
            if !found.is_empty() {
                return Ok(found);
            }
        }
        if let Some(unique) = name.unique_number() {
            let [first, last] = [[0; 2], [0xFF; 2]].map(|product| [&[2, 9], unique, &product[..]].concat());
            found = self.find("chip.uid BETWEEN ?1 AND ?2 AND length(chip.uid) = 11", params![first, last])?;
        }
        Ok(found)
    }

    /// Every certificate with a serial number.
    ///
    /// # Errors
    /// The catalog cannot be read.
    pub fn serial(&self, serial: &SerialNumber) -> Result<Vec<Found>, StoreError> {
        self.find("chip.serial = ?1", params![serial.content()])
    }

    /// The certificate with a digest.
    ///
    /// # Errors
    /// The catalog cannot be read.
    pub fn digest(&self, sha256: Sha256Digest) -> Result<Vec<Found>, StoreError> {
        self.find("chip.sha256 = ?1", params![&sha256.as_bytes()[..]])
    }

    fn find(&self, wanted: &str, values: &[&dyn ToSql]) -> Result<Vec<Found>, StoreError> {
        self.ask(|connection| {
            let sql = format!(
                "SELECT chip.uid, batch.id, chip.position, chip.serial, chip.sha256, chip.not_after, batch.policy,
                 batch.issued_at FROM chip JOIN batch ON batch.number = chip.batch WHERE {wanted}
                 ORDER BY batch.id DESC LIMIT {MOST_CERTIFICATES}"
            );
            let mut statement = connection.prepare_cached(&sql)?;
            let rows = statement.query_map(values, found)?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
    }

    /// Batches before this name, newest first.
    ///
    /// # Errors
    /// The catalog cannot be read.
    pub fn batches(&self, before: Option<&str>, limit: usize) -> Result<Vec<BatchRow>, StoreError> {
        self.ask(|connection| {
            let sql = format!("SELECT {COLUMNS} FROM batch WHERE ?1 IS NULL OR id < ?1 ORDER BY id DESC LIMIT ?2");
            let mut statement = connection.prepare_cached(&sql)?;
            let rows = statement.query_map(params![before, integer(limit)], batch)?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
    }

    /// One batch.
    ///
    /// # Errors
    /// The catalog cannot be read.
    pub fn batch(&self, id: &str) -> Result<Option<BatchRow>, StoreError> {
        self.ask(|connection| {
            let mut statement = connection.prepare_cached(&format!("SELECT {COLUMNS} FROM batch WHERE id = ?"))?;
            Ok(statement.query_row([id], batch).optional()?)
        })
    }

    /// Batches, certificates, and folders that were refused.
    ///
    /// # Errors
    /// The catalog cannot be read.
    pub fn counts(&self) -> Result<(u64, u64, u64), StoreError> {
        self.ask(|connection| {
            let sql = "SELECT count(*), coalesce(sum(issued), 0), (SELECT count(*) FROM refused) FROM batch";
            let mut statement = connection.prepare_cached(sql)?;
            Ok(statement.query_row([], |row| Ok((natural(row, 0)?, natural(row, 1)?, natural(row, 2)?)))?)
        })
    }
}

fn found(row: &Row<'_>) -> rusqlite::Result<Found> {
    let bytes = |at| row.get::<_, Vec<u8>>(at);
    let uid = Uid::from_bytes(&bytes(0)?).map_or_else(|_| String::new(), |uid| uid.to_string());
    let not_after = Time::from_unix(row.get(5)?).map_or_else(|_| String::new(), |time| time.to_string());
    Ok(Found {
        uid,
        batch: row.get(1)?,
        position: natural(row, 2)?,
        serial: hex::encode_upper(bytes(3)?),
        sha256: hex::encode(bytes(4)?),
        not_after,
        policy: row.get(6)?,
        issued_at: row.get(7)?,
    })
}

fn batch(row: &Row<'_>) -> rusqlite::Result<BatchRow> {
    Ok(BatchRow {
        id: row.get(0)?,
        statement_sha256: row.get(1)?,
        issued_at: row.get(2)?,
        created: row.get(3)?,
        policy: row.get(4)?,
        issuer: row.get(5)?,
        issuer_sha256: row.get(6)?,
        items: natural(row, 7)?,
        issued: natural(row, 8)?,
        rejected: natural(row, 9)?,
        ignored: natural(row, 10)?,
        pack_bytes: row.get::<_, Option<i64>>(11)?.map(i64::unsigned_abs),
        pack_sha256: row.get(12)?,
        folder: row.get(13)?,
    })
}

const COLUMNS: &str = "id, statement_sha256, issued_at, created, policy, issuer, issuer_sha256, items, issued, rejected, \
                       ignored, pack_bytes, pack_sha256, folder";
/// Certificates of one answer: of a chip under several policies, or given again.
const MOST_CERTIFICATES: usize = 1000;
