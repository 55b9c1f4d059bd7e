//! The line pack: one SQLite file that stations read with whatever they have (docs/line-pack.md).
//!
//! Written once, complete, under a name that was free; read without locks, journal or any trust: what is read out of it
//! is a [`Proof`], and that is believed only once it was checked.

use std::path::{Path, PathBuf};

use rusqlite::{Connection, OpenFlags, OptionalExtension, params};

use crate::durable::output::Shape;
use crate::durable::{self, Access};
use crate::manifest::{Entry, Proof, ProofChip, ProofLine};
use crate::origin::Uid;
use crate::x509::Sha256Digest;

use super::directory::{PARTIAL, check_place, partial_path};
use super::error::DeliveryError;

/// Writes a pack beside its final name and publishes it.
pub struct PackWriter {
    out: PathBuf,
    partial: PathBuf,
    connection: Connection,
    /// Statement and chains have been written.
    begun: bool,
}

impl PackWriter {
    /// Begins a pack. What an interrupted run left of the same one is removed first.
    ///
    /// # Errors
    /// `out` exists, or cannot be made.
    pub fn create(out: &Path, batch: &str) -> Result<Self, DeliveryError> {
        check_place(out, Shape::file(PARTIAL, FILE.len()))?;
        let partial = partial_path(out, batch)?;
        if partial.symlink_metadata().is_ok_and(|found| !found.is_dir()) {
            return Err(DeliveryError::PartialInTheWay { path: partial });
        }
        durable::remove_partial(&partial)?;
        durable::output::create_directory(&partial, Access::Public)?;
        drop(durable::create_new(&partial.join(FILE), Access::Public)?);
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(partial.join(FILE), flags).map_err(|error| failed(out, &error))?;
        // a pack that was not finished has no name: nothing is to be recovered
        let schema = format!(
            "PRAGMA page_size = {PAGE_SIZE}; PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF;
             PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = {VERSION}; BEGIN; {SCHEMA}"
        );
        connection.execute_batch(&schema).map_err(|error| failed(out, &error))?;
        Ok(Self { out: out.to_owned(), partial, connection, begun: false })
    }

    /// Takes a chip: of its lines the pack keeps its own. Chips come in order of UIDs, all of one batch.
    ///
    /// # Errors
    /// The proof is one of absence, or writing fails.
    pub fn add(&mut self, proof: &Proof) -> Result<(), DeliveryError> {
        let uid = proof.uid.to_string();
        let begin = format!("{{\"uid\":\"{uid}\"");
        let own = proof.lines.iter().find(|line| line.line.starts_with(&begin));
        let (Some(chip), Some(own)) = (&proof.chip, own) else {
            return Err(DeliveryError::EntryDiffers { uid: proof.uid, what: "line" });
        };
        let write = || -> rusqlite::Result<()> {
            let mut insert = self.connection.prepare_cached(INSERT)?;
            let st_number = (uid.len() == ST_SERIAL && uid.starts_with("0209")).then(|| &uid[4..]);
            let path: Vec<u8> = own.path.iter().flat_map(Sha256Digest::as_bytes).copied().collect();
            // a pack has fewer lines than fit an i64
            let position = own.index.cast_signed();
            insert.execute(params![position, uid, st_number, own.line, path, chip.certificate, chip.source])?;
            if !self.begun {
                let mut facts = self.connection.prepare("INSERT INTO pack VALUES (?1, ?2)")?;
                facts.execute(params!["format", FORMAT])?;
                facts.execute(params!["statement", proof.statement])?;
                facts.execute(params!["seal", proof.seal])?;
                let mut chain = self.connection.prepare("INSERT OR IGNORE INTO chain VALUES (?1, ?2, ?3)")?;
                for (position, der) in (0_i64..).zip(&chip.chain) {
                    chain.execute(params![ISSUER, position, der])?;
                }
            }
            // leaves of one batch may have come through several intermediates
            let mut chain = self.connection.prepare_cached(INSERT_SOURCE)?;
            for der in &chip.source_chain {
                chain.execute(params![der])?;
            }
            Ok(())
        };
        write().map_err(|error| failed(&self.out, &error))?;
        self.begun = true;
        Ok(())
    }

    /// Completes the pack and gives it its name: everything is on disk before, the name is on disk after.
    ///
    /// # Errors
    /// There was no chip, the name was taken in the meantime, or the file system fails. Then nothing is left.
    pub fn publish(self) -> Result<(), DeliveryError> {
        let Self { out, partial, connection, begun } = self;
        let finished = || {
            if !begun {
                return Err(DeliveryError::Incomplete { missing: "a chip" });
            }
            connection.execute_batch("COMMIT").map_err(|error| failed(&out, &error))?;
            connection.close().map_err(|(_, error)| failed(&out, &error))?;
            durable::output::sync_filesystem(&partial)?;
            match durable::output::publish(&partial.join(FILE), &out) {
                Err(durable::DurableError::Exists { path }) => Err(DeliveryError::OutputExists { path }),
                other => Ok(other?),
            }
        };
        let finished = finished();
        let removed = durable::remove_partial(&partial);
        finished?;
        Ok(removed?)
    }

    /// Gives the pack up and removes what was written of it.
    ///
    /// # Errors
    /// Removing fails.
    pub fn abandon(self) -> Result<(), DeliveryError> {
        drop(self.connection);
        Ok(durable::remove_partial(&self.partial)?)
    }
}

/// A pack, opened for reading. Nothing in it is believed.
pub struct PackReader {
    path: PathBuf,
    connection: Connection,
}

impl PackReader {
    /// Whether the file begins as SQLite files do.
    pub fn is_one(path: &Path) -> bool {
        use std::io::Read as _;
        let mut begin = [0; 16];
        path.is_file()
            && std::fs::File::open(path).and_then(|mut file| file.read_exact(&mut begin)).is_ok()
            && begin == *b"SQLite format 3\0"
    }

    /// Opens a pack: takes as long for ten million chips as for ten.
    ///
    /// # Errors
    /// It cannot be opened, or is no pack of this format.
    pub fn open(path: &Path) -> Result<Self, DeliveryError> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(path, flags).map_err(|error| failed(path, &error))?;
        let settings = "PRAGMA trusted_schema = OFF; PRAGMA cell_size_check = ON; PRAGMA query_only = ON;";
        connection.execute_batch(settings).map_err(|error| failed(path, &error))?;
        let reader = Self { path: path.to_owned(), connection };
        let number = |pragma: &str| {
            reader
                .one(&format!("PRAGMA {pragma}"), params![], |row| row.get::<_, i64>(0))
                .map(Option::unwrap_or_default)
        };
        if number("application_id")? != i64::from(APPLICATION_ID) || number("user_version")? != i64::from(VERSION) {
            return Err(reader.refused("is no line pack of the format reroot-pack/1"));
        }
        let format = "SELECT value FROM pack WHERE key = 'format'";
        if reader.one(format, params![], |row| row.get::<_, String>(0))?.as_deref() != Some(FORMAT) {
            return Err(reader.refused("does not say that its format is reroot-pack/1"));
        }
        Ok(reader)
    }

    /// The place of a chip among the lines.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn position(&self, uid: &Uid) -> Result<Option<u64>, DeliveryError> {
        self.one("SELECT position FROM chip WHERE uid = ?1", params![uid.to_string()], position)
    }

    /// The UID of the STSAFE-A chip with this unique number.
    ///
    /// # Errors
    /// Several chips have it, or the file cannot be read.
    pub fn with_unique_number(&self, unique: &[u8]) -> Result<Option<Uid>, DeliveryError> {
        let from = format!("0209{}", hex::encode_upper(unique));
        // the digits after it come before `G`
        let query = "SELECT uid, count(*) FROM chip WHERE uid > ?1 AND uid < ?1 || 'G' AND length(uid) = ?2";
        let found = self.one(query, params![from, i64::try_from(ST_SERIAL).expect("22")], |row| {
            Ok((row.get::<_, Option<String>>(0)?, row.get::<_, i64>(1)?))
        })?;
        match found {
            Some((Some(uid), 1)) => uid.parse().map(Some).map_err(|_| self.refused("has a UID that is none")),
            Some((_, 0)) | None => Ok(None),
            _ => Err(self.refused("has several chips with this unique number")),
        }
    }

    /// The proof of the chip at a position, as the pack has it.
    ///
    /// # Errors
    /// The pack lacks a part of it, or cannot be read.
    pub fn presence(&self, uid: &Uid, position: u64) -> Result<Proof, DeliveryError> {
        let chip = self.one(
            "SELECT source, certificate FROM chip WHERE position = ?1",
            params![position.cast_signed()],
            |row| Ok((row.get(0)?, row.get(1)?)),
        )?;
        let Some((source, certificate)) = chip else { return Err(self.refused("lacks a line")) };
        let (chain, source_chain) = (self.chain(ISSUER)?, self.chain(SOURCE)?);
        let lines = [position.checked_sub(1), Some(position), position.checked_add(1)];
        let proof = self.absence(uid, &lines.into_iter().flatten().collect::<Vec<_>>())?;
        Ok(Proof { chip: Some(ProofChip { source, source_chain, certificate, chain }), ..proof })
    }

    /// The positions of the lines between which a chip would be.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn neighbours(&self, uid: &Uid) -> Result<Vec<u64>, DeliveryError> {
        let uid = uid.to_string();
        let before = "SELECT position FROM chip WHERE uid < ?1 ORDER BY uid DESC LIMIT 1";
        let after = "SELECT position FROM chip WHERE uid > ?1 ORDER BY uid LIMIT 1";
        let both = [self.one(before, params![uid], position)?, self.one(after, params![uid], position)?];
        Ok(both.into_iter().flatten().collect())
    }

    /// A proof with the lines at these positions, as far as there are any, and no chip.
    ///
    /// # Errors
    /// The pack lacks statement or seal, or cannot be read.
    pub fn absence(&self, uid: &Uid, positions: &[u64]) -> Result<Proof, DeliveryError> {
        let mut lines = Vec::new();
        for position in positions {
            let query = "SELECT line, path FROM chip WHERE position = ?1";
            let line = self.one(query, params![position.cast_signed()], |row| {
                Ok((row.get::<_, String>(0)?, row.get::<_, Vec<u8>>(1)?))
            })?;
            let Some((line, path)) = line else { continue };
            let (digests, rest) = path.as_chunks::<32>();
            if !rest.is_empty() || digests.len() > 64 || line.len() > Entry::MAX_LINE {
                return Err(self.refused("has a line or a path that is none"));
            }
            let path = digests.iter().copied().map(Sha256Digest::new).collect();
            lines.push(ProofLine { index: *position, path, line });
        }
        Ok(Proof { uid: *uid, chip: None, lines, statement: self.fact("statement")?, seal: self.fact("seal")? })
    }

    fn fact(&self, key: &str) -> Result<Vec<u8>, DeliveryError> {
        let found = self.one("SELECT value FROM pack WHERE key = ?1", params![key], |row| row.get(0))?;
        found.ok_or_else(|| self.refused("lacks its statement or its seal"))
    }

    fn chain(&self, kind: &str) -> Result<Vec<Vec<u8>>, DeliveryError> {
        let mut list = Vec::new();
        while list.len() < MAX_CHAIN {
            let query = "SELECT der FROM chain WHERE kind = ?1 AND position = ?2";
            let at = i64::try_from(list.len()).expect("a chain is short");
            let Some(der) = self.one(query, params![kind, at], |row| row.get(0))? else { break };
            list.push(der);
        }
        Ok(list)
    }

    fn one<T>(
        &self,
        query: &str,
        values: impl rusqlite::Params,
        read: impl FnOnce(&rusqlite::Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Option<T>, DeliveryError> {
        self.connection.query_row(query, values, read).optional().map_err(|error| failed(&self.path, &error))
    }

    fn refused(&self, reason: &str) -> DeliveryError {
        DeliveryError::Pack { path: self.path.clone(), reason: reason.to_owned() }
    }
}

fn position(row: &rusqlite::Row<'_>) -> rusqlite::Result<u64> {
    row.get::<_, i64>(0).map(i64::cast_unsigned)
}

fn failed(path: &Path, error: &rusqlite::Error) -> DeliveryError {
    DeliveryError::Pack { path: path.to_owned(), reason: error.to_string() }
}

const FORMAT: &str = "reroot-pack/1";
/// `RRPK`
const APPLICATION_ID: u32 = 0x5252_504B;
const VERSION: u32 = 1;
/// A row has some 2.5 kB: pages of 4096 octets would be half empty.
const PAGE_SIZE: u32 = 16_384;
const FILE: &str = "pack";
const ISSUER: &str = "issuer";
const SOURCE: &str = "source";
/// Hexadecimal digits of an STSAFE-A serial number.
const ST_SERIAL: usize = 22;
const MAX_CHAIN: usize = 8;

/// As docs/line-pack.md prints it.
const SCHEMA: &str = "
CREATE TABLE pack (key TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE chain (kind TEXT NOT NULL, position INTEGER NOT NULL, der BLOB NOT NULL, PRIMARY KEY (kind, position)) WITHOUT ROWID;
CREATE TABLE chip (position INTEGER PRIMARY KEY, uid TEXT NOT NULL UNIQUE, st_number TEXT, line TEXT NOT NULL, path BLOB NOT NULL, certificate BLOB NOT NULL, source BLOB NOT NULL);
";
const INSERT: &str =
    "INSERT INTO chip (position, uid, st_number, line, path, certificate, source) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";
const INSERT_SOURCE: &str = "INSERT INTO chain SELECT 'source', count(*), ?1 FROM chain WHERE kind = 'source' \
                             HAVING NOT EXISTS (SELECT 1 FROM chain WHERE kind = 'source' AND der = ?1)";
