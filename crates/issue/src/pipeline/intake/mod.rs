//! Pass 1: from what was handed in to leaves of which every tbsCertificate was built and is clean. Records nothing.
//!
//! A reel is read, settled and linted ([`reel`]). A plan was that already, on another machine: everything of it that can
//! be derived is derived again ([`plan`]), for the signing machine ([`signing`]) and back at the planner ([`returned`]).

pub(super) mod plan;
pub(super) mod reel;
pub(super) mod returned;
pub(super) mod signing;

use std::borrow::Cow;
use std::path::Path;

use crate::cert::IssuerIdentity;
use crate::findings::Findings;
use crate::intake::Row;
use crate::ledger::BatchRow;
use crate::origin::Disposition;
use crate::plan::head::Met;
use crate::plan::{Ceremony, PlanFile};
use crate::policy::{Params, Policy};
use crate::reel::Spool;
use crate::verify::{MissingChip, Verifier};
use crate::x509::Certificate;

use super::Run;
use super::build::{Bound, Work};
use super::kept::Kept;
use super::outcome::{Refusal, Summary, Timings};
use super::preflight::Cleared;
use super::terms::LeavesOf;

/// What pass 1 comes to.
#[expect(missing_debug_implementations, reason = "see `Ready`")]
pub enum Admission<'a> {
    /// Every leaf is verified, every tbsCertificate was built and is clean.
    Ready(Box<Ready<'a>>),
    /// Nothing may be signed.
    Refused(Refusal),
}

/// A batch that may begin, or go on.
#[expect(missing_debug_implementations, reason = "holds millions of rows")]
pub struct Ready<'a> {
    pub(super) issuer: &'a IssuerIdentity,
    /// Trust anchors of the source leaves.
    pub(super) anchors: &'a [Certificate],
    pub(super) policy: Cow<'a, Policy>,
    pub(super) params: Cow<'a, Params>,
    pub(super) row: BatchRow,
    pub(super) bound: Bound,
    /// Leaves of the batch, strictly increasing by UID.
    pub(super) rows: Vec<Row>,
    pub(super) spool: Spool,
    /// The tbsCertificates of these leaves, once all are built.
    pub(super) kept: Option<Kept>,
    pub(super) verifier: Verifier,
    pub(super) account: Account,
    /// None for a batch that is sealed: nothing of it can change.
    pub(super) cleared: Option<Cleared>,
    /// Whether the batch was found by its leaves: the command is another spelling of the one that began it.
    pub(super) found_by_leaves: bool,
    /// The plan that the leaves came from.
    pub(super) plan: Option<PlanFile>,
    /// What a person must confirm before the key is used.
    pub(super) ceremony: Option<Ceremony>,
    /// The output's folder, for files that have no name there.
    pub(super) scratch: &'a Path,
    /// A file to list every certificate in that was returned and left out or is wrong.
    pub(super) findings: Option<&'a Path>,
    pub(super) jobs: usize,
}

/// What became of the items of the input, and what is reported of it.
#[derive(Clone, Debug)]
pub(super) struct Account {
    pub(super) items: u64,
    pub(super) rejected: u64,
    pub(super) ignored: u64,
    /// Rejected and ignored items, in the order of the input. Those of a plan stay in its file.
    pub(super) findings: Findings,
    pub(super) missing: Vec<MissingChip>,
    /// Reasons that were noted and stopped nothing.
    pub(super) reasons: Vec<String>,
    pub(super) warnings: Vec<String>,
    pub(super) expected: Option<Met>,
    /// The content of `inputs.jsonl`.
    pub(super) inputs: String,
    /// ST's bulk identifier, if it is to be published.
    pub(super) bulk_id: Option<String>,
}

impl Ready<'_> {
    /// What pass 2 works on.
    pub(super) fn work<'b>(&'b self, run: &'b Run<'_>) -> Work<'b> {
        Work {
            issuer: self.issuer,
            bound: &self.bound,
            batch: &self.row,
            rows: &self.rows,
            first: 0,
            spool: &self.spool,
            kept: self.kept.as_ref(),
            verifier: &self.verifier,
            jobs: self.jobs,
            progress: run.progress,
            cancel: run.cancel,
        }
    }

    /// The leaves of the batch as the ledger knows them, in UID order.
    pub(super) fn leaves(&self) -> LeavesOf<'_> {
        LeavesOf(&self.rows)
    }

    /// What is known before anything was made. Takes the lists that it reports.
    pub(super) fn summary(&mut self) -> Summary {
        let Self { row, rows, account, .. } = self;
        Summary {
            batch: row.id.to_string(),
            issued_at: row.issued_at,
            items: account.items,
            issued: rows.len() as u64,
            rejected: account.rejected,
            ignored: account.ignored,
            signatures_made: 0,
            resumed: false,
            republished: false,
            findings: account.findings.clone(),
            missing: std::mem::take(&mut account.missing),
            reasons: std::mem::take(&mut account.reasons),
            warnings: std::mem::take(&mut account.warnings),
            root_hash: None,
            statement_sha256: None,
            head: None,
            timings: Timings::default(),
        }
    }

    /// Refuses all of it for a reason that no option takes away.
    pub(super) fn refused(&mut self, reason: String) -> Refusal {
        let Self { rows, account, .. } = self;
        let mut reasons = vec![reason];
        reasons.append(&mut account.reasons);
        let rejected = account.findings.count(Disposition::Rejected);
        if rejected > 0 {
            reasons.push(format!("items rejected: {rejected} of {}", account.items));
        }
        Refusal {
            items: account.items,
            ready: rows.len() as u64,
            skip_helps: false,
            note_helps: false,
            issued_in: vec![],
            findings: account.findings.clone(),
            missing: std::mem::take(&mut account.missing),
            reasons,
            warnings: std::mem::take(&mut account.warnings),
        }
    }
}
