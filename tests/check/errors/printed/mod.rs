//! Errors that nothing in a test provokes, or nothing so far: their values are made by hand.
//!
//! Most are failures of a disk or a token, defects of this program, and what the ledger refuses to a caller that breaks its
//! rules, which no command does.

mod ca;
mod core;
mod ledger;
mod manifest;
mod runs;
mod service;
mod signers;
mod signing_service;

use std::io;
use std::path::PathBuf;

use reroot::ledger::BatchId;
use reroot::origin::Uid;
use reroot::x509::{Sha256Digest, Time};

use super::transcripts::Sheet;

pub(super) fn all(sheet: &mut Sheet<'_>) {
    core::all(sheet);
    manifest::all(sheet);
    ledger::all(sheet);
    runs::all(sheet);
    ca::all(sheet);
    service::all(sheet);
    signers::all(sheet);
    signing_service::all(sheet);
}

fn uid() -> Uid {
    "0209A021E021C4E1D00139".parse().unwrap_or_else(|error| panic!("{error}"))
}

fn batch() -> BatchId {
    BATCH.parse().unwrap_or_else(|error| panic!("{error}"))
}

fn time(text: &str) -> Time {
    Time::from_rfc3339(text).unwrap_or_else(|error| panic!("{error}"))
}

const fn digest(octet: u8) -> Sha256Digest {
    Sha256Digest::new([octet; 32])
}

fn path(text: &str) -> PathBuf {
    PathBuf::from(text)
}

/// What the system says of a disk that fails.
fn disk() -> io::Error {
    io::Error::from_raw_os_error(5)
}

const BATCH: &str = "01a00000-0000-7000-8000-000000000001";
const BEFORE: &str = "2025-12-31T00:00:00Z";
const NOW: &str = "2026-01-01T00:00:00Z";
const LATER: &str = "2036-01-01T00:00:00Z";
