//! Makes the catalog: looks at the folder of batches, and takes what is sealed and not yet there.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use reroot_core::class::Class;
use reroot_core::crypto::sha256;
use reroot_core::delivery::{BatchReader, check_digest};
use reroot_core::durable::{self, DurableError};
use reroot_core::error::Error;
use reroot_core::manifest::{
    ENTRIES_FILE, Entry, ManifestAnchor, SEAL_FILE, STATEMENT_FILE, SignedManifest, Statement, seal,
};
use reroot_core::parallel::{self, NoThread};
use reroot_core::proof::{Pack, pack};
use reroot_core::text::Printable;
use reroot_core::x509::Certificate;
use reroot_core::{delivery::DeliveryError, input};
use rusqlite::{Connection, OptionalExtension as _, params};

use super::{Catalog, FILE};
use crate::store::{StoreError, integer};

/// What makes the catalog.
#[derive(Debug)]
pub struct Builder {
    connection: Connection,
    /// The folder of the catalog and of the line packs.
    folder: PathBuf,
    /// The folder of the batches.
    batches: PathBuf,
    anchors: Vec<Certificate>,
    /// Folders at which the machine failed, and when.
    failed: HashMap<String, Instant>,
    /// Whether what an earlier process refused is forgotten: anchors and program may be different ones now.
    begun: bool,
    cancel: Arc<AtomicBool>,
}

/// Why a batch is not in the catalog.
#[derive(Debug)]
enum Refusal {
    /// The batch does not hold: it is not looked at again until its statement is another one.
    Batch(String),
    /// The machine failed, such as a disk that is full: it is tried again.
    Machine(String),
    /// The process ends.
    Ended,
}

impl From<StoreError> for Refusal {
    fn from(error: StoreError) -> Self {
        Self::Machine(error.to_string())
    }
}

impl From<rusqlite::Error> for Refusal {
    fn from(error: rusqlite::Error) -> Self {
        match &error {
            // such as a chip that is twice in one batch
            rusqlite::Error::SqliteFailure(failure, _) if failure.code == rusqlite::ErrorCode::ConstraintViolation => {
                Self::Batch(error.to_string())
            }
            _ => StoreError::from(error).into(),
        }
    }
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        match error.class() {
            Class::Interrupted => Self::Ended,
            Class::Bug | Class::Signer | Class::Storage => Self::Machine(error.to_string()),
            Class::Content | Class::Input | Class::Usage => Self::Batch(error.to_string()),
        }
    }
}

impl From<DeliveryError> for Refusal {
    fn from(error: DeliveryError) -> Self {
        Error::from(error).into()
    }
}

impl From<DurableError> for Refusal {
    fn from(error: DurableError) -> Self {
        Error::from(error).into()
    }
}

/// Starts the thread that keeps the catalog as new as the folder of batches, until the builder is canceled.
///
/// # Errors
/// There is no thread to spare.
pub fn start(mut builder: Builder, catalog: &Catalog) -> Result<(), NoThread> {
    let looks = Arc::clone(&catalog.looks);
    let work = move || {
        let cancel = Arc::clone(&builder.cancel);
        let noted = |done: Result<(), StoreError>| {
            if let Err(error) = done {
                tracing::warn!(error = %error, "catalog not made");
            }
        };
        looks.keep(EVERY, &cancel, |turn| {
            noted(builder.look());
            turn.answer();
            noted(builder.pack_all(&|| turn.is_asked_again()));
        });
    };
    parallel::start("catalog".to_owned(), work).map(drop)
}

impl Builder {
    /// Opens the catalog for writing. `anchors` certify manifest signers.
    ///
    /// # Errors
    /// The file cannot be opened.
    pub fn open(
        folder: &Path,
        batches: &Path,
        anchors: Vec<Certificate>,
        cancel: Arc<AtomicBool>,
    ) -> Result<Self, StoreError> {
        let path = folder.join(FILE);
        let connection = Connection::open(&path).map_err(|source| StoreError::Open { path, source })?;
        connection.execute_batch("PRAGMA synchronous = NORMAL; PRAGMA trusted_schema = OFF;")?;
        connection.busy_timeout(Duration::from_secs(5))?;
        let (folder, batches) = (folder.to_owned(), batches.to_owned());
        Ok(Self { connection, folder, batches, anchors, failed: HashMap::new(), begun: false, cancel })
    }

    /// Takes every batch that is not there yet, and forgets batches whose folder is gone.
    ///
    /// # Errors
    /// The catalog cannot be read or written. What is wrong with one batch is noted in the catalog.
    pub fn look(&mut self) -> Result<(), StoreError> {
        let mut names: Vec<String> = self
            .batches
            .read_dir()
            .into_iter()
            .flatten()
            .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
            .filter(|name| self.batches.join(name).join(STATEMENT_FILE).is_file())
            .collect();
        names.sort();
        if !self.begun {
            self.connection.execute("DELETE FROM refused", [])?;
            self.begun = true;
        }
        self.forget(&names)?;
        self.each(names, Self::take, &|| false)
    }

    /// Makes the line packs that are missing, until `is_asked`: a pack takes longer than a look, and keeps no batch out.
    ///
    /// # Errors
    /// As [`look`](Self::look).
    pub fn pack_all(&mut self, is_asked: &dyn Fn() -> bool) -> Result<(), StoreError> {
        let folders: Vec<String> = {
            let sql = "SELECT folder FROM batch WHERE pack_sha256 IS NULL AND issued > 0 ORDER BY folder";
            let mut statement = self.connection.prepare_cached(sql)?;
            let rows = statement.query_map([], |row| row.get(0))?;
            rows.collect::<Result<_, _>>()?
        };
        self.each(folders, Self::pack, is_asked)
    }

    /// Does something with each batch that is not refused and at which the machine did not fail a moment ago.
    fn each(
        &mut self,
        folders: Vec<String>,
        work: impl Fn(&mut Self, &str) -> Result<(), Refusal>,
        is_asked: &dyn Fn() -> bool,
    ) -> Result<(), StoreError> {
        for name in folders {
            if is_asked() {
                return Ok(());
            }
            if self.failed.get(&name).is_some_and(|since| since.elapsed() < REST) || self.is_refused(&name)? {
                continue;
            }
            match work(self, &name) {
                Ok(()) => {}
                Err(Refusal::Ended) => return Ok(()),
                Err(Refusal::Machine(reason)) => {
                    tracing::warn!(folder = %Printable::new(&name), reason, "batch or line pack not made, tried again");
                    self.failed.insert(name, Instant::now());
                }
                Err(Refusal::Batch(reason)) => {
                    tracing::warn!(folder = %Printable::new(&name), reason, "batch not taken into the catalog");
                    let digest = self.statement_digest(&name).unwrap_or_default();
                    let sql = "INSERT OR REPLACE INTO refused VALUES (?, ?, ?)";
                    self.connection.execute(sql, params![name, digest, reason])?;
                }
            }
        }
        Ok(())
    }

    /// Forgets batches whose folder is not among these, which are in order.
    fn forget(&mut self, names: &[String]) -> Result<(), StoreError> {
        let gone = |folder: &String| names.binary_search(folder).is_err();
        self.failed.retain(|folder, _| !gone(folder));
        let kept: Vec<(i64, String, String)> = {
            let mut statement = self.connection.prepare_cached("SELECT number, folder, id FROM batch")?;
            let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
            rows.collect::<Result<_, _>>()?
        };
        for (number, folder, id) in kept.into_iter().filter(|(_, folder, _)| gone(folder)) {
            tracing::info!(folder = %Printable::new(&folder), "batch is gone from its folder");
            self.connection.execute("DELETE FROM chip WHERE batch = ?", [number])?;
            self.connection.execute("DELETE FROM batch WHERE number = ?", [number])?;
            let _ = durable::remove_partial_file(&self.folder.join(format!("{id}.pack")));
        }
        Ok(())
    }

    /// Whether a folder was refused with the statement that it has now.
    fn is_refused(&self, name: &str) -> Result<bool, StoreError> {
        let sql = "SELECT statement_sha256 FROM refused WHERE folder = ?";
        let mut statement = self.connection.prepare_cached(sql)?;
        let refused: Option<String> = statement.query_row([name], |row| row.get(0)).optional()?;
        Ok(refused.is_some() && refused == self.statement_digest(name))
    }

    fn statement_digest(&self, name: &str) -> Option<String> {
        Some(sha256(&input::read(&self.batches.join(name).join(STATEMENT_FILE)).ok()?).to_string())
    }

    /// Takes one batch, if it is not there.
    fn take(&mut self, name: &str) -> Result<(), Refusal> {
        let known = "SELECT 1 FROM batch WHERE folder = ?";
        if self.connection.query_row(known, [name], |_| Ok(())).optional()?.is_some() {
            return Ok(());
        }
        let reader = BatchReader::open(&self.batches.join(name))?;
        let statement = self.opened(&reader)?;
        let transaction = self.connection.transaction()?;
        let counts = &statement.counts;
        let number = {
            let sql =
                "INSERT INTO batch (id, folder, statement_sha256, issued_at, created, policy, issuer, issuer_sha256,
                       items, issued, rejected, ignored) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
            let row = params![
                statement.batch,
                name,
                sha256(&reader.read(STATEMENT_FILE)?).to_string(),
                statement.issued_at.to_string(),
                statement.created.to_string(),
                statement.policy.name,
                statement.issuer.subject,
                statement.issuer.sha256.to_string(),
                integer(counts.items),
                integer(counts.issued),
                integer(counts.rejected),
                integer(counts.ignored),
            ];
            match transaction.execute(sql, row) {
                Err(rusqlite::Error::SqliteFailure(failure, _))
                    if failure.code == rusqlite::ErrorCode::ConstraintViolation =>
                {
                    return Err(Refusal::Batch(format!("batch {} is in a second folder", statement.batch)));
                }
                other => other?,
            };
            transaction.last_insert_rowid()
        };
        let mut lines = reader.lines(ENTRIES_FILE)?;
        {
            let mut insert = transaction.prepare_cached("INSERT INTO chip VALUES (?, ?, ?, ?, ?, ?)")?;
            let mut position = 0_u64;
            while let Some(line) = lines.next_line()? {
                if position.is_multiple_of(1024) && self.cancel.load(Ordering::Relaxed) {
                    return Err(Refusal::Ended);
                }
                let entry = Entry::parse(statement.format, line).map_err(Error::from)?;
                insert.execute(params![
                    entry.uid().as_bytes(),
                    number,
                    integer(position),
                    entry.serial().content(),
                    &entry.sha256().as_bytes()[..],
                    entry.validity().not_after().unix(),
                ])?;
                position += 1;
            }
        }
        let file = lines.finish()?;
        check_digest(ENTRIES_FILE, file.sha256, statement.entries.sha256)?;
        transaction.execute("DELETE FROM refused WHERE folder = ?", [name])?;
        transaction.commit()?;
        tracing::info!(batch = statement.batch, certificates = counts.issued, "batch taken into the catalog");
        Ok(())
    }

    /// The statement of a batch, its seal verified.
    fn opened(&self, reader: &BatchReader) -> Result<Statement, Refusal> {
        let [statement, bytes] = [STATEMENT_FILE, SEAL_FILE].map(|name| reader.read(name));
        let (statement, bytes) = (statement?, bytes?);
        let anchors = self.anchors.iter().map(ManifestAnchor::from_certificate).collect::<Result<Vec<_>, _>>();
        let signer = seal::certificate_in(&bytes).map_err(Error::from)?;
        let signed = SignedManifest::open(&statement, &bytes, &signer, &anchors.map_err(Error::from)?);
        Ok(signed.map_err(Error::from)?.statement().clone())
    }

    /// Makes the line pack of a batch that has none.
    fn pack(&mut self, name: &str) -> Result<(), Refusal> {
        let sql = "SELECT id FROM batch WHERE folder = ?";
        let id: String = self.connection.query_row(sql, [name], |row| row.get(0))?;
        let out = self.folder.join(format!("{id}.pack"));
        // what a crash left after the pack got its name and before the catalog knew of it, or of a catalog that was lost
        durable::remove_partial_file(&out)?;
        let batch = self.batches.join(name);
        let job =
            Pack { batch: &batch, out: &out, anchors: Some(&self.anchors), advance: &|_| {}, cancel: &self.cancel };
        pack(&job)?;
        let failed = |source| Refusal::Machine(format!("its line pack cannot be read: {source}"));
        let mut file = input::open(&out).map_err(failed)?;
        let mut digest = reroot_core::crypto::Sha256::new();
        let (mut bytes, mut piece) = (0_u64, vec![0; 1 << 16]);
        loop {
            match std::io::Read::read(&mut file, &mut piece).map_err(failed)? {
                0 => break,
                count => {
                    digest.update(&piece[..count]);
                    bytes += count as u64;
                }
            }
        }
        let sql = "UPDATE batch SET pack_bytes = ?, pack_sha256 = ? WHERE id = ?";
        self.connection.execute(sql, params![integer(bytes), digest.finish().to_string(), id])?;
        Ok(())
    }
}

/// How often the thread looks at the folder when nobody asks.
const EVERY: Duration = Duration::from_secs(2);
/// How long the thread leaves a folder alone at which the machine failed: a pack would fill a full disk again and again.
const REST: Duration = Duration::from_secs(60);
