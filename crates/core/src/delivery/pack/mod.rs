//! The line pack: one SQLite file that a station can read in any language that has SQLite (docs/spec/line-pack.md).
//!
//! Written once, complete, under a name that was free. [`reader`] reads it, and trusts nothing in it.

mod reader;

use std::path::{Path, PathBuf};

use rusqlite::{Connection, OpenFlags, params};

use crate::durable::output::Shape;
use crate::durable::{self, Access, DurableError};
use crate::manifest::{Entry, Proof};
use crate::text::brief;
use crate::x509::Sha256Digest;

pub use reader::PackReader;

use super::directory::{PARTIAL, check_place, partial_path};
use super::error::DeliveryError;
use super::staged::Staged;

/// Writes a pack beside its final name and publishes it.
pub struct PackWriter {
    out: PathBuf,
    staged: Staged,
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
        let staged = Staged::create(out, partial_path(out, batch)?)?;
        let file = staged.folder().join(FILE);
        drop(durable::create_new(&file, Access::Public)?);
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(&file, flags).map_err(|error| unwritten(out, &error))?;
        // a pack that was not finished has no name: nothing is to be recovered
        let Version { number, schema, .. } = VERSION_2;
        let schema = format!(
            "PRAGMA page_size = {PAGE_SIZE}; PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF;
             PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = {number}; BEGIN; {schema}"
        );
        connection.execute_batch(&schema).map_err(|error| unwritten(out, &error))?;
        Ok(Self { out: out.to_owned(), staged, connection, begun: false })
    }

    /// Takes a chip: of its lines the pack keeps its own. Chips come in order of UIDs, all of one batch.
    ///
    /// # Errors
    /// The proof is one of absence, or writing fails.
    pub fn add(&mut self, proof: &Proof) -> Result<(), DeliveryError> {
        let uid = proof.uid.to_string();
        let own = proof.lines.iter().find(|line| Entry::uid_of(&line.line) == Some(&uid));
        let (Some(chip), Some(own)) = (&proof.chip, own) else {
            return Err(DeliveryError::EntryDiffers { uid: proof.uid, what: "line" });
        };
        let write = || -> rusqlite::Result<()> {
            let mut insert = self.connection.prepare_cached(INSERT)?;
            let path: Vec<u8> = own.path.iter().flat_map(Sha256Digest::as_bytes).copied().collect();
            // a pack has fewer lines than fit an i64
            let position = own.index.cast_signed();
            insert.execute(params![position, uid, own.line, path, chip.certificate, chip.source])?;
            if !self.begun {
                let mut facts = self.connection.prepare("INSERT INTO pack VALUES (?1, ?2)")?;
                facts.execute(params!["format", VERSION_2.format])?;
                facts.execute(params!["statement", proof.statement])?;
                facts.execute(params!["seal", proof.seal])?;
                if let Some(policy) = &proof.policy {
                    facts.execute(params!["policy", policy])?;
                }
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
        write().map_err(|error| unwritten(&self.out, &error))?;
        self.begun = true;
        Ok(())
    }

    /// Completes the pack and gives it its name: everything is on disk before, the name is on disk after.
    ///
    /// # Errors
    /// There was no chip, the name was taken in the meantime, or the file system fails. Then nothing is left.
    pub fn publish(self) -> Result<(), DeliveryError> {
        let Self { out, staged, connection, begun } = self;
        let finished = || {
            if !begun {
                return Err(DeliveryError::Incomplete { missing: "a chip" });
            }
            connection.execute_batch("COMMIT").map_err(|error| unwritten(&out, &error))?;
            connection.close().map_err(|(_, error)| unwritten(&out, &error))?;
            durable::output::sync_filesystem(staged.folder())?;
            staged.publish_file(FILE)
        };
        let finished = finished();
        let removed = staged.remove();
        finished.and(removed)
    }

    /// Gives the pack up and removes what was written of it.
    ///
    /// # Errors
    /// Removing fails.
    pub fn abandon(self) -> Result<(), DeliveryError> {
        drop(self.connection);
        self.staged.remove()
    }
}

/// A pack of our own that cannot be written is the machine's fault, mostly a full disk.
fn unwritten(path: &Path, error: &rusqlite::Error) -> DeliveryError {
    let source = std::io::Error::other(brief(&error.to_string()));
    DurableError::Io { doing: "write", path: path.to_owned(), source }.into()
}

fn failed(path: &Path, error: &rusqlite::Error) -> DeliveryError {
    // SQLite's message may quote the file
    let reason = brief(&error.to_string());
    DeliveryError::Pack { path: path.to_owned(), reason }
}

/// A version of the format: its number in the header, its name and its tables, as docs/spec/line-pack.md prints them. A
/// reader compares the tables byte for byte: they never change under a format's name.
struct Version {
    number: u32,
    format: &'static str,
    schema: &'static str,
}

const VERSION_1: Version = Version {
    number: 1,
    format: "reroot-pack/1",
    schema: "
CREATE TABLE pack (key TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE chain (kind TEXT NOT NULL, position INTEGER NOT NULL, der BLOB NOT NULL, PRIMARY KEY (kind, position)) WITHOUT ROWID;
CREATE TABLE chip (position INTEGER PRIMARY KEY, uid TEXT NOT NULL UNIQUE, st_number TEXT, line TEXT NOT NULL, path BLOB NOT NULL, certificate BLOB NOT NULL, source BLOB NOT NULL);
",
};
/// The one that is written.
const VERSION_2: Version = Version {
    number: 2,
    format: "reroot-pack/2",
    schema: "
CREATE TABLE pack (key TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE chain (kind TEXT NOT NULL, position INTEGER NOT NULL, der BLOB NOT NULL, PRIMARY KEY (kind, position)) WITHOUT ROWID;
CREATE TABLE chip (position INTEGER PRIMARY KEY, uid TEXT NOT NULL UNIQUE, object TEXT, label TEXT, line TEXT NOT NULL, path BLOB NOT NULL, certificate BLOB NOT NULL, source BLOB NOT NULL);
",
};
/// `RRPK`
const APPLICATION_ID: u32 = 0x5252_504B;
/// A row has about 2.5 kB: pages of 4096 bytes would be half empty.
const PAGE_SIZE: u32 = 16_384;
const FILE: &str = "pack";
const ISSUER: &str = "issuer";
const SOURCE: &str = "source";
/// Hexadecimal digits of an STSAFE-A serial number.
const ST_SERIAL: usize = 22;

/// Object and label are null, as in every line of the families of this release.
const INSERT: &str =
    "INSERT INTO chip (position, uid, line, path, certificate, source) VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
const INSERT_SOURCE: &str = "INSERT INTO chain SELECT 'source', count(*), ?1 FROM chain WHERE kind = 'source' \
                             HAVING NOT EXISTS (SELECT 1 FROM chain WHERE kind = 'source' AND der = ?1)";
