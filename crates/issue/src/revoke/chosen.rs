//! What a person decided, what was found, and what would be recorded.

use crate::crl::Reason;
use crate::ledger::{BatchId, Instruction, Release, Revocation};
use crate::origin::Uid;
use crate::x509::{Sha256Digest, Time};

use super::sizes::ScopeSize;

/// Something that is in doubt: nothing is recorded because of it, unless it is to be skipped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Where it was named.
    pub place: String,
    /// What it is.
    pub kind: &'static str,
    /// What is wrong, in words.
    pub what: String,
    /// What to do about it.
    pub hint: Option<String>,
}

impl Finding {
    /// A line that is not understood.
    pub(super) fn damaged(place: String, what: String, hint: Option<String>) -> Self {
        Self { place, kind: "damaged", what, hint }
    }

    /// An item of an archive that is not a certificate.
    pub(super) fn unreadable(place: String, what: String) -> Self {
        Self { place, kind: "unreadable", what, hint: None }
    }

    pub(super) fn new(place: &str, kind: &'static str, what: String) -> Self {
        Self { place: place.to_owned(), kind, what, hint: None }
    }
}

/// What a person decided about the certificates that were named.
#[derive(Clone, Debug)]
pub struct Decision<'a> {
    /// Why, where a list does not say it.
    pub reason: Reason,
    /// Since when, where a list does not say it; no later than `now`.
    pub at: Time,
    /// Who asks.
    pub requester: &'a str,
    /// SHA-256 of each approval.
    pub approvals: &'a [Sha256Digest],
    /// The instant of the run.
    pub now: Time,
}

impl Decision<'_> {
    pub(super) fn instruction(&self, at: Time) -> Instruction {
        Instruction { at, requester: self.requester.to_owned(), approvals: self.approvals.to_vec() }
    }
}

/// How many certificates there are of each sort.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// To be revoked, or to be released.
    pub chosen: u64,
    /// Those of them whose reason changes.
    pub changed: u64,
    /// Revoked already; the reason that is recorded stays.
    pub already: u64,
    /// Not valid any more: no list needs them.
    pub expired: u64,
    /// Chips of a reel that have no certificate, and are blocked.
    pub blocked: u64,
    /// Chips or certificates that this ledger does not know.
    pub unknown: u64,
    /// Certificates of an external CA, or of another one.
    pub foreign: u64,
    /// Certificates whose end is the latest that their policy allows: they stay on the lists until then.
    pub inexact: u64,
    /// Not revoked: there is nothing to release.
    pub valid: u64,
}

/// What would be recorded.
#[derive(Clone, Debug, Default)]
pub struct Chosen {
    /// Revocations to record.
    pub revocations: Vec<Revocation>,
    /// Releases to record.
    pub releases: Vec<Release>,
    /// Chips to block.
    pub block: Vec<Uid>,
    /// How many of each sort.
    pub counts: Counts,
    /// Certificates of each batch; none is certificates of CAs and manifest signers.
    pub batches: Vec<(Option<BatchId>, u64)>,
    /// What the lists would weigh that change, the full one first.
    pub sizes: Vec<ScopeSize>,
    /// What is in doubt.
    pub findings: Vec<Finding>,
}
