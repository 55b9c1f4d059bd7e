//! Why the ledger refused.

use std::path::PathBuf;

use crate::class::Class;
use crate::crl::Reason;
use crate::durable::DurableError;
use crate::origin::Uid;
use crate::text::Printable;
use crate::x509::{SerialNumber, Sha256Digest, Time};

use super::batch::BatchId;
use super::store::StoreError;

/// Why the ledger refused. After an error nothing may be signed that was not recorded before.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LedgerError {
    /// Nothing is added to a batch that was abandoned.
    #[error("batch {batch} was abandoned, and nothing is added to it any more")]
    Abandoned {
        /// The batch.
        batch: BatchId,
    },
    /// A tbsCertificate carries another attempt than the ledger knows.
    #[error("tbsCertificate of {uid} is attempt {found}, the ledger is at attempt {expected}")]
    AttemptDiffers {
        /// The chip.
        uid: Uid,
        /// Attempt found.
        found: u32,
        /// Attempt expected.
        expected: u32,
    },
    /// A new batch has the name of an old one.
    #[error("batch {batch} is on the ledger already")]
    BatchExists {
        /// The batch.
        batch: BatchId,
    },
    /// What a CA key signed is not what was recorded before.
    #[error("signed {kind} does not contain the bytes that were recorded before it was signed")]
    CaDiffers {
        /// What was to be signed.
        kind: String,
    },
    /// A record that was carried here is not the one that is here.
    #[error("revocations of batch {batch}, part {part}, do not continue those on this ledger")]
    CarriedDiffers {
        /// The batch.
        batch: String,
        /// Which record.
        part: u32,
    },
    /// A leaf has another certificate already.
    #[error("another signature for {uid} is on the ledger already (batch {batch})")]
    CertificateDiffers {
        /// The chip.
        uid: Uid,
        /// The batch.
        batch: BatchId,
    },
    /// A chunk was handed over with another number of leaves.
    #[error("chunk {chunk} of batch {batch} was handed over with {found} leaves, the ledger lists {expected}")]
    ChunkLength {
        /// The batch.
        batch: BatchId,
        /// The chunk.
        chunk: u64,
        /// Leaves found.
        found: usize,
        /// Leaves expected.
        expected: usize,
    },
    /// A record cannot be read back.
    #[error("record {position} of the ledger is damaged: {what}")]
    Damaged {
        /// Position of the record.
        position: u64,
        /// What is wrong with it.
        what: &'static str,
    },
    /// A file could not be made.
    #[error(transparent)]
    Durable(#[from] DurableError),
    /// The ledger to create is there.
    #[error("ledger `{}` exists already", Printable::new(path))]
    Exists {
        /// The file.
        path: PathBuf,
    },
    /// The file is something else.
    #[error("`{}` is not a ledger of this program", Printable::new(path))]
    Foreign {
        /// The file.
        path: PathBuf,
    },
    /// The file with the head cannot be read.
    #[error("cannot read the ledger's head file `{}`: {source}", Printable::new(path))]
    HeadFile {
        /// The file.
        path: PathBuf,
        /// The reason.
        source: std::io::Error,
    },
    /// The file holds no record, not even the first.
    #[error("ledger `{}` is empty, not even its issuer is on it", Printable::new(path))]
    Incomplete {
        /// The file.
        path: PathBuf,
    },
    /// The ledger belongs to another key.
    #[error("ledger belongs to the issuer key with SHA-256 {found}, expected {expected}")]
    IssuerDiffers {
        /// SHA-256 of the SubjectPublicKeyInfo found.
        found: Sha256Digest,
        /// SHA-256 of the SubjectPublicKeyInfo expected.
        expected: Sha256Digest,
    },
    /// A tbsCertificate is not that of the leaf at its place.
    #[error("{what} of {uid} is not what the leaf list of batch {batch} has at this place")]
    LeafDiffers {
        /// The chip handed over.
        uid: Uid,
        /// The batch.
        batch: BatchId,
        /// What differs.
        what: &'static str,
    },
    /// Leaves are not in strict order.
    #[error("leaves are not in strictly ascending order of UID: {after} follows {before}")]
    LeafOrder {
        /// The earlier one.
        before: Uid,
        /// The one after it.
        after: Uid,
    },
    /// A leaf belongs to another batch.
    #[error("{uid} cannot enter the batch: {reason}")]
    LeafTaken {
        /// The chip.
        uid: Uid,
        /// The other batch and what it means.
        reason: String,
    },
    /// The ledger has several names.
    #[error("ledger `{}` has {links} names (hard links), expected one", Printable::new(path))]
    Linked {
        /// The file.
        path: PathBuf,
        /// How many names it has.
        links: u64,
    },
    /// A different process has the ledger open.
    #[error(
        "ledger `{}` is in use by another process{}",
        Printable::new(path),
        process.map(|number| format!(" (process {number})")).unwrap_or_default()
    )]
    Locked {
        /// The file.
        path: PathBuf,
        /// Number of the process that holds the lock, where the system tells.
        process: Option<u32>,
    },
    /// The write-ahead log with the latest records is gone.
    #[error(
        "ledger `{}` was not closed by the run that last added to it, and its write-ahead log `{}` is missing or empty",
        Printable::new(path),
        Printable::new(log)
    )]
    LogMissing {
        /// The ledger's file.
        path: PathBuf,
        /// Where the log was.
        log: PathBuf,
    },
    /// There is no such file.
    #[error("ledger `{}` does not exist", Printable::new(path))]
    Missing {
        /// The file.
        path: PathBuf,
    },
    /// A later version of this program wrote it.
    #[error("ledger `{}` has format {found}, this program knows format {supported}", Printable::new(path))]
    Newer {
        /// The file.
        path: PathBuf,
        /// Format found.
        found: i64,
        /// Format known.
        supported: i64,
    },
    /// A batch without leaves.
    #[error("batch {batch} has no leaves")]
    NoLeaves {
        /// The batch.
        batch: BatchId,
    },
    /// There is no such chunk.
    #[error("batch {batch} has no chunk {chunk}: it has {chunks}")]
    NoSuchChunk {
        /// The batch.
        batch: BatchId,
        /// The chunk asked for.
        chunk: u64,
        /// How many it has.
        chunks: u64,
    },
    /// Sealing before everything is issued.
    #[error("batch {batch} cannot be sealed: {issued} of its {leaves} leaves have a certificate on the ledger")]
    NotComplete {
        /// The batch.
        batch: BatchId,
        /// Certificates on the ledger.
        issued: u64,
        /// Leaves of the batch.
        leaves: u64,
    },
    /// The system cannot lock files there.
    #[error("ledger `{}` cannot be locked: {source}", Printable::new(path))]
    NoLocks {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// The ledger goes on elsewhere.
    #[error(
        "ledger `{}` was moved to `{}` with head {head}, and nothing is added to it any more",
        Printable::new(path),
        Printable::new(to)
    )]
    Moved {
        /// The old ledger.
        path: PathBuf,
        /// The new one.
        to: String,
        /// The head with which it was moved.
        head: Sha256Digest,
    },
    /// What is asked for needs a file.
    #[error("ledger `{}` is on a server, expected one in a file", Printable::new(url))]
    NotAFile {
        /// The ledger's URL.
        url: PathBuf,
    },
    /// What is asked for needs a server.
    #[error("ledger `{}` is in a file, expected one on a server", Printable::new(path))]
    NotOnServer {
        /// The file.
        path: PathBuf,
    },
    /// A result or a retry for which there is no intent.
    #[error("no intent for {uid} in chunk {chunk} of batch {batch} is on the ledger")]
    NotRecorded {
        /// The chip.
        uid: Uid,
        /// The batch.
        batch: BatchId,
        /// The chunk.
        chunk: u64,
    },
    /// A release of a certificate that is revoked permanently.
    #[error(
        "the certificate with serial number {serial} is revoked for {reason}, and only a certificateHold is released"
    )]
    NotOnHold {
        /// Its serial number.
        serial: SerialNumber,
        /// Why it is revoked.
        reason: Reason,
    },
    /// The ledger was never at the head that was noted.
    #[error("ledger head is {found}, and it never was {noted}, which the last run noted in `{}`", Printable::new(file))]
    NotedHead {
        /// Where it was noted.
        file: PathBuf,
        /// The head that was noted.
        noted: Sha256Digest,
        /// The head of the ledger.
        found: Sha256Digest,
    },
    /// The program was built without the feature.
    #[error("ledger `{}` is in PostgreSQL, which this program was built without", Printable::new(url))]
    NoPostgres {
        /// The ledger's URL.
        url: PathBuf,
    },
    /// The file cannot be written.
    #[error("ledger `{}` is read-only for this user", Printable::new(path))]
    ReadOnly {
        /// The file.
        path: PathBuf,
    },
    /// A reason of revocation that may not follow the one that is recorded.
    #[error(
        "the certificate with serial number {serial} is revoked for {from}, which cannot become {to}: from certificateHold \
         to any reason, otherwise only to keyCompromise"
    )]
    ReasonChange {
        /// Its serial number.
        serial: SerialNumber,
        /// The reason that is recorded.
        from: Reason,
        /// The reason handed over.
        to: Reason,
    },
    /// A new attempt whose tbsCertificate is that of the old one.
    #[error("attempt {attempt} of {uid} has the tbsCertificate of the attempt before, expected a new serial number")]
    RetryUnchanged {
        /// The chip.
        uid: Uid,
        /// The new attempt.
        attempt: u32,
    },
    /// One certificate twice in one revocation.
    #[error("leaf {index} of batch number {batch} was handed over twice or out of order")]
    RevokedTwice {
        /// Number of the batch.
        batch: u64,
        /// Index of the leaf.
        index: u32,
    },
    /// A round that is not after the last one.
    #[error(
        "round {number} with thisUpdate {this_update} is not after the last one, round {last_number} with thisUpdate \
         {last_this_update}"
    )]
    RoundBehind {
        /// Its number.
        number: u64,
        /// Its thisUpdate.
        this_update: Time,
        /// Number of the last round.
        last_number: u64,
        /// thisUpdate of the last round.
        last_this_update: Time,
    },
    /// Other lists or signatures than those that are recorded.
    #[error("the lists of round {number} are not those that are recorded")]
    RoundDiffers {
        /// Its number.
        number: u64,
    },
    /// A certificate was revoked or released while the lists were made.
    #[error("revocations were recorded while the lists of round {number} were made")]
    RoundStale {
        /// Its number.
        number: u64,
    },
    /// A second seal.
    #[error("batch {batch} was sealed before with other bytes")]
    SealDiffers {
        /// The batch.
        batch: BatchId,
    },
    /// A new batch has the seed of an old one.
    #[error("batch {batch} has the seed of batch {earlier}, so that serial numbers would be given twice")]
    SeedTaken {
        /// The new batch.
        batch: BatchId,
        /// The one that has the seed.
        earlier: BatchId,
    },
    /// Nothing is added to a sealed batch.
    #[error("batch {batch} is sealed")]
    Sealed {
        /// The batch.
        batch: BatchId,
    },
    /// The server may lose what it has committed.
    #[error("the server of ledger `{}` has `{setting}` set to `{found}`, expected `on`", Printable::new(url))]
    ServerSetting {
        /// The ledger's URL.
        url: PathBuf,
        /// Name of the setting.
        setting: &'static str,
        /// Its value.
        found: String,
    },
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Other bytes for a leaf that may have been signed.
    #[error(
        "tbsCertificate of {uid} differs from the one recorded in batch {batch}: recorded SHA-256 {recorded}, now {found}"
    )]
    TbsDiffers {
        /// The chip.
        uid: Uid,
        /// The batch.
        batch: BatchId,
        /// SHA-256 on the ledger.
        recorded: Sha256Digest,
        /// SHA-256 handed over.
        found: Sha256Digest,
    },
    /// The terms do not describe what came with them.
    #[error("{what} in the terms of batch {batch} is not that of the leaves handed over")]
    TermsDiffer {
        /// The batch.
        batch: BatchId,
        /// What differs.
        what: &'static str,
    },
    /// The same terms are on the ledger under another name.
    #[error("the same batch is on the ledger as {batch}")]
    TermsExist {
        /// The earlier batch.
        batch: BatchId,
    },
    /// More leaves than the format can number.
    #[error("{leaves} leaves in one batch, at most {} are possible", u32::MAX)]
    TooManyLeaves {
        /// Leaves found.
        leaves: usize,
    },
    /// No such batch.
    #[error("batch {batch} is not on the ledger")]
    UnknownBatch {
        /// The batch.
        batch: BatchId,
    },
    /// No such round.
    #[error("round {number} of revocation lists is not on the ledger")]
    UnknownRound {
        /// Its number.
        number: u64,
    },
    /// The URL of a ledger is not one.
    #[error("cannot use the ledger's URL: {what}")]
    Url {
        /// What is wrong with it. The URL itself may contain a secret.
        what: String,
    },
}

impl LedgerError {
    /// The kind of failure.
    pub fn class(&self) -> Class {
        match self {
            Self::Abandoned { .. }
            | Self::Exists { .. }
            | Self::IssuerDiffers { .. }
            | Self::Missing { .. }
            | Self::Moved { .. }
            | Self::NoPostgres { .. }
            | Self::NotAFile { .. }
            | Self::NotOnHold { .. }
            | Self::NotOnServer { .. }
            | Self::ReasonChange { .. }
            | Self::RevokedTwice { .. }
            | Self::RoundBehind { .. }
            | Self::Url { .. } => Class::Usage,
            Self::AttemptDiffers { .. }
            | Self::BatchExists { .. }
            | Self::CaDiffers { .. }
            | Self::CarriedDiffers { .. }
            | Self::CertificateDiffers { .. }
            | Self::ChunkLength { .. }
            | Self::Damaged { .. }
            | Self::Durable(_)
            | Self::Foreign { .. }
            | Self::HeadFile { .. }
            | Self::Incomplete { .. }
            | Self::LeafDiffers { .. }
            | Self::LeafOrder { .. }
            | Self::LeafTaken { .. }
            | Self::Linked { .. }
            | Self::Locked { .. }
            | Self::LogMissing { .. }
            | Self::Newer { .. }
            | Self::NoLeaves { .. }
            | Self::NoSuchChunk { .. }
            | Self::NoLocks { .. }
            | Self::NotComplete { .. }
            | Self::NotRecorded { .. }
            | Self::NotedHead { .. }
            | Self::ReadOnly { .. }
            | Self::RetryUnchanged { .. }
            | Self::RoundDiffers { .. }
            | Self::RoundStale { .. }
            | Self::SealDiffers { .. }
            | Self::Sealed { .. }
            | Self::SeedTaken { .. }
            | Self::ServerSetting { .. }
            | Self::Store(_)
            | Self::TbsDiffers { .. }
            | Self::TermsDiffer { .. }
            | Self::TermsExist { .. }
            | Self::TooManyLeaves { .. }
            | Self::UnknownBatch { .. }
            | Self::UnknownRound { .. } => Class::Storage,
        }
    }

    /// What to do about it.
    pub fn hint(&self) -> Option<String> {
        let text = match self {
            Self::Exists { .. } => "Nothing is overwritten: choose another path, or open this ledger.",
            Self::Foreign { .. } => {
                "Check the name of the file. The configuration names its ledger with `path` or `url` in `[ledger]`."
            }
            Self::HeadFile { .. } => {
                "Check `head_file` in the `[ledger]` table of the configuration, and that its disk is there."
            }
            Self::NotedHead { .. } => {
                "The ledger may have been restored from an old backup: chips issued since would be issued again. Find the newest copy."
            }
            Self::Incomplete { .. } => {
                "If it is a copy, the file ending in `-wal` beside the original belongs to it. If a move to it was interrupted, run the same command again. If its creation was interrupted, nothing was recorded: remove it and create it again."
            }
            Self::IssuerDiffers { .. } => {
                "One issuer, one ledger: check `path` or `url` in `[ledger]`, and `certificate` in `[issuer]`."
            }
            Self::LeafTaken { .. } => "Run the earlier batch to its end, or look at which batches are open.",
            Self::Locked { .. } => {
                "Only one process may write to a ledger: wait until the other one has ended, then run the same command again."
            }
            Self::Missing { .. } => {
                "Check `path` or `url` in `[ledger]`. Do not create a new ledger in place of a lost one: restore the latest copy."
            }
            Self::Newer { .. } => "Use the version of this program that wrote it, or a later one.",
            Self::Damaged { .. } | Self::Store(StoreError::Damaged { .. }) => {
                "Verify the whole ledger; restore the latest copy if it finds damage."
            }
            Self::Linked { .. } => {
                "Two names of one ledger have two write-ahead logs: remove the other name, and make copies with `cp`."
            }
            Self::LogMissing { .. } => {
                "The latest records are in the log, and chips that are on it may have certificates: put the log back beside the ledger, or restore the latest copy of both (docs/spec/ledger.md)."
            }
            Self::NoLocks { .. } => "Put the ledger on a file system that can lock files, such as a local disk.",
            Self::Moved { .. } => "Name the new ledger in `[ledger]` of the configuration.",
            Self::NoPostgres { .. } => "Use a program that was built with the feature `postgres`.",
            Self::NotAFile { .. } => "Make backups with the server's own tools (docs/guide/many-machines.md).",
            Self::NotOnServer { .. } => {
                "Workers share a ledger on a PostgreSQL server: move it there (docs/guide/many-machines.md)."
            }
            Self::ServerSetting { .. } => {
                "With this setting the server loses records that it has confirmed when its power fails. Set it to `on` in postgresql.conf, and restart the server."
            }
            Self::Url { .. } => {
                "Write postgres://USER@HOST/DATABASE?schema=NAME, and name a file with the password: password_file=/PATH."
            }
            Self::ReadOnly { .. } => {
                "Issue from the ledger itself, as a user that may write it. A copy can be verified and counted."
            }
            Self::Store(StoreError::Fenced { .. }) => {
                "Its lease ran out and a different worker has the chunk. Nothing is lost; a longer lease keeps it."
            }
            Self::Store(StoreError::Lost { .. }) => {
                "Sign nothing more before you know what happened to it: verify the whole ledger, and look for other runs, backups and links."
            }
            Self::Store(StoreError::Postgres { .. }) => {
                "When the server answers again, run the same command again: it goes on where this run ended."
            }
            Self::Store(_) | Self::Durable(_) => {
                "When the disk is in order, run the same command again: it goes on where this run ended."
            }
            Self::RoundBehind { .. } => {
                "Look at this machine's clock. If it is right, the last round was made with a wrong one: wait until its \
                 thisUpdate has passed."
            }
            Self::RoundStale { .. } => "Run the same command again.",
            Self::SeedTaken { .. } => {
                "Every batch draws a seed of its own: ask for a new plan, and find out how this one was made."
            }
            Self::TbsDiffers { .. } => {
                "The batch row fixes every tbsCertificate, so this is a bug or a changed program: finish the batch with the version that began it."
            }
            _ => return None,
        };
        Some(text.to_owned())
    }
}
