//! The ledger.

use reroot::crl::Reason;
use reroot::durable::DurableError;
use reroot::ledger::{Kind, LedgerError, NamesError, StoreError};
use reroot::x509::SerialNumber;

use super::{BEFORE, NOW, batch, digest, disk, path, time, uid};
use crate::errors::transcripts::Sheet;

pub(super) fn all(sheet: &mut Sheet<'_>) {
    files(sheet);
    batches(sheet);
    leaves(sheet);
    revocations(sheet);
    stores(sheet);
}

fn files(sheet: &mut Sheet<'_>) {
    let ledger = || path("ledger.db");
    sheet.ends(LedgerError::Damaged { position: 12, what: "its digest is wrong" });
    sheet.ends(LedgerError::HeadFile { path: path("head"), source: disk() });
    sheet.ends(LedgerError::Linked { path: ledger(), links: 2 });
    sheet.ends(LedgerError::LogMissing { path: ledger(), log: path("ledger.db-wal") });
    sheet.ends(LedgerError::NoLocks { path: ledger(), source: disk() });
    sheet.ends(LedgerError::NotedHead { file: path("head"), noted: digest(1), found: digest(2) });
    sheet.ends(LedgerError::ReadOnly { path: ledger() });
    sheet.ends(LedgerError::Exists { path: ledger() });
    sheet.ends(LedgerError::Foreign { path: ledger() });
    sheet.ends(LedgerError::Incomplete { path: ledger() });
    sheet.ends(LedgerError::IssuerDiffers { found: digest(1), expected: digest(2) });
    sheet.ends(LedgerError::Locked { path: ledger(), process: Some(4711) });
    sheet.ends(LedgerError::Missing { path: ledger() });
    sheet.ends(LedgerError::Newer { path: ledger(), found: 9, supported: 2 });
    sheet.ends(LedgerError::Moved {
        path: ledger(),
        to: "postgres://reroot@ledger.example/reroot".to_owned(),
        head: digest(1),
    });
    servers(sheet);
    names(sheet);
}

fn names(sheet: &mut Sheet<'_>) {
    let list = || path("site-2.names");
    sheet.ends(NamesError::Foreign { path: list() });
    sheet.ends(NamesError::Line { path: list(), line: 12, what: "its UIDs are not in strict order" });
    sheet.ends(NamesError::Newer { path: list(), found: "2".to_owned() });
    sheet.ends(NamesError::Own { path: list() });
    sheet.ends(NamesError::Unreadable { path: list(), source: disk() });
}

fn servers(sheet: &mut Sheet<'_>) {
    let url = || path("postgres://reroot@ledger.example/reroot");
    sheet.ends(LedgerError::NoPostgres { url: url() });
    sheet.ends(LedgerError::NotAFile { url: url() });
    sheet.ends(LedgerError::NotOnServer { path: path("ledger.db") });
    sheet.ends(LedgerError::ServerSetting { url: url(), setting: "fsync", found: "off".to_owned() });
    let what = "it contains a password, which a list of processes, a log or a copy of the file would show".to_owned();
    sheet.ends(LedgerError::Url { what });
}

fn batches(sheet: &mut Sheet<'_>) {
    sheet.ends(LedgerError::Abandoned { batch: batch() });
    sheet.ends(LedgerError::BatchExists { batch: batch() });
    sheet.ends(LedgerError::CaDiffers { kind: "CRL".to_owned() });
    sheet.ends(LedgerError::ChunkLength { batch: batch(), chunk: 1, found: 9, expected: 10 });
    sheet.ends(LedgerError::NoLeaves { batch: batch() });
    sheet.ends(LedgerError::NoSuchChunk { batch: batch(), chunk: 7, chunks: 3 });
    sheet.ends(LedgerError::NotComplete { batch: batch(), issued: 9, leaves: 10 });
    sheet.ends(LedgerError::SealDiffers { batch: batch() });
    sheet.ends(LedgerError::Sealed { batch: batch() });
    sheet.ends(LedgerError::SeedTaken { batch: batch(), earlier: batch() });
    sheet.ends(LedgerError::TermsDiffer { batch: batch(), what: "the number of leaves" });
    sheet.ends(LedgerError::TermsExist { batch: batch() });
    sheet.ends(LedgerError::TooManyLeaves { leaves: 5_000_000_000 });
    sheet.ends(LedgerError::UnknownBatch { batch: batch() });
}

fn leaves(sheet: &mut Sheet<'_>) {
    sheet.ends(LedgerError::AttemptDiffers { uid: uid(), found: 2, expected: 1 });
    sheet.ends(LedgerError::CertificateDiffers { uid: uid(), batch: batch() });
    sheet.ends(LedgerError::LeafDiffers { uid: uid(), batch: batch(), what: "the public key" });
    sheet.ends(LedgerError::LeafOrder { before: uid(), after: uid() });
    sheet.ends(LedgerError::LeafTaken { uid: uid(), reason: "it is in an open batch".to_owned() });
    sheet.ends(LedgerError::NotRecorded { uid: uid(), batch: batch(), chunk: 1 });
    sheet.ends(LedgerError::RetryUnchanged { uid: uid(), attempt: 2 });
    sheet.ends(LedgerError::TbsDiffers { uid: uid(), batch: batch(), recorded: digest(1), found: digest(2) });
}

fn revocations(sheet: &mut Sheet<'_>) {
    let serial = || SerialNumber::from_content(&[0x4D, 0x12]).unwrap_or_else(|error| panic!("{error}"));
    sheet.ends(LedgerError::CarriedDiffers { batch: batch().to_string(), part: 2 });
    sheet.ends(LedgerError::NotOnHold { serial: serial(), reason: Reason::KeyCompromise });
    let (from, to) = (Reason::KeyCompromise, Reason::Superseded);
    sheet.ends(LedgerError::ReasonChange { serial: serial(), from, to });
    sheet.ends(LedgerError::RevokedTwice { batch: 1, index: 5 });
    sheet.ends(LedgerError::RoundBehind {
        number: 5,
        this_update: time(BEFORE),
        last_number: 6,
        last_this_update: time(NOW),
    });
    sheet.ends(LedgerError::RoundDiffers { number: 6 });
    sheet.ends(LedgerError::RoundStale { number: 6 });
    sheet.ends(LedgerError::UnknownRound { number: 6 });
}

fn stores(sheet: &mut Sheet<'_>) {
    let ledger = || path("ledger.db");
    let sync = DurableError::Io { doing: "flush", path: path("."), source: disk() };
    let busy = rusqlite::Error::SqliteFailure(rusqlite::ffi::Error::new(10), Some("disk I/O error".to_owned()));
    for error in [
        StoreError::Broken,
        StoreError::Damaged { position: 12, what: "its body is too short" },
        StoreError::Durable(sync),
        StoreError::Fault,
        StoreError::Fenced { batch: 12, chunk: 3 },
        StoreError::Postgres {
            url: path("postgres://reroot@ledger.example/reroot"),
            what: "no space left on device (SQLSTATE 53100)".to_owned(),
        },
        StoreError::ReadOnly,
        StoreError::HeadMoved { expected: 12, found: 13 },
        StoreError::Lost { path: ledger(), what: "the file was replaced while it was open" },
        StoreError::PlaceTaken { kind: Kind::Issued, batch: 1, chunk: 0 },
        StoreError::Sqlite { path: ledger(), source: busy },
    ] {
        sheet.ends(LedgerError::Store(error));
    }
}
