//! What a run says of its steps to a log. Counts, names and digests only: nothing here has seen a secret.

use std::path::Path;
use std::time::Duration;

use tracing::{debug, info, warn};

use crate::error::RequestError;
use crate::findings::Findings;
use crate::ledger::{AuthorityKind, BatchId};
use crate::origin::Uid;
use crate::text::Printable;
use crate::x509::Sha256Digest;

use super::intake::Ready;
use super::outcome::{Outcome, Refusal, Stage};

/// A run begins.
pub(super) fn began(authority: AuthorityKind) {
    info!(issuer = authority.describe(), "run started");
}

pub(super) fn stage_begins(stage: Stage) {
    debug!(stage = stage.as_str(), "stage started");
}

pub(super) fn stage_ends(stage: Stage, after: Duration, succeeded: bool) {
    info!(stage = stage.as_str(), seconds = after.as_secs_f64(), succeeded, "stage ended");
}

/// Every leaf was checked, and there is something to issue.
pub(super) fn admitted(ready: &Ready<'_>) {
    let account = &ready.account;
    info!(
        batch = %ready.row.id,
        policy = ready.policy.name(),
        items = account.items,
        ready = ready.rows.len() as u64,
        rejected = account.rejected,
        ignored = account.ignored,
        missing = account.missing.len() as u64,
        "input checked"
    );
    findings(&account.findings);
    notes(account.reasons.iter().chain(&account.warnings));
}

/// The batch row and its leaves are durable.
pub(super) fn batch_started(ready: &Ready<'_>, resumed: bool) {
    let leaves = ready.rows.len() as u64;
    let message = if resumed { "batch resumed" } else { "batch started" };
    info!(batch = %ready.row.id, leaves, chunk_size = ready.row.chunk_size, "{message}");
}

/// What was signed of a chunk is on the ledger.
pub(super) fn chunk_recorded(chunk: u64, certificates: usize, signatures_made: u64) {
    debug!(chunk, certificates = certificates as u64, signatures_made, "chunk signed");
}

/// Requests to another CA are on the ledger, and are sent now.
pub(super) fn requests_recorded(chunk: u64, requests: usize) {
    debug!(chunk, requests = requests as u64, "requests recorded");
}

/// A request to another CA came to an end.
pub(super) fn answered(uid: Uid, error: Option<&RequestError>) {
    match error {
        None => debug!(%uid, "certificate received"),
        Some(error @ RequestError::InDoubt(_)) => warn!(%uid, %error, in_doubt = true, "request failed"),
        Some(error @ RequestError::Settled(_)) => warn!(%uid, %error, in_doubt = false, "request failed"),
    }
}

/// Statement and seal are on the ledger.
pub(super) fn sealed(batch: &BatchId, statement: &Sha256Digest) {
    info!(%batch, statement_sha256 = %statement, "batch sealed");
}

/// The batch directory has its name.
pub(super) fn published(batch: &BatchId, out: &Path, republished: bool) {
    let message = if republished { "batch published again" } else { "batch published" };
    info!(%batch, out = %Printable::new(out), "{message}");
}

/// How a run ended that nothing kept from ending.
pub(super) fn ended<P>(outcome: &Outcome<P>) {
    match outcome {
        Outcome::AlreadyDone(_) => info!(outcome = "already-done", "run ended"),
        Outcome::Done(_) => info!(outcome = "done", "run ended"),
        Outcome::DryRun(_) => info!(outcome = "dry-run", "run ended"),
        Outcome::Refused(refusal) => refused(refusal),
    }
}

fn refused(refusal: &Refusal) {
    findings(&refusal.findings);
    notes(&refusal.warnings);
    let reasons = refusal.reasons.join("; ");
    let (items, ready, missing) = (refusal.items, refusal.ready, refusal.missing.len() as u64);
    if refusal.issued_in.is_empty() {
        warn!(outcome = "refused", items, ready, missing, reasons, "run ended");
    } else {
        info!(outcome = "already-done", items, batches = refusal.issued_in.join(" "), "run ended");
    }
}

/// One line for each code.
fn findings(findings: &Findings) {
    for ((code, disposition), of_code) in findings.codes() {
        warn!(code = %code, disposition = disposition.as_str(), count = of_code.count, "findings");
    }
}

fn notes<'a>(notes: impl IntoIterator<Item = &'a String>) {
    for note in notes {
        warn!(note, "noted");
    }
}
