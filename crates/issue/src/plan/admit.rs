//! From a plan to leaves that may be signed: nothing of the plan is believed that can be derived.

use std::ops::ControlFlow;
use std::path::Path;
use std::sync::atomic::AtomicBool;

use crate::cert::IssuerIdentity;
use crate::crypto::{VerificationEngine, sha256};
use crate::error::Error;
use crate::intake::{Row, Source, verify_leaves};
use crate::ledger::{BatchRow, Leaves, leaf_set_digest};
use crate::manifest::TreeBuilder;
use crate::origin::Finding;
use crate::parallel;
use crate::pipeline::work::Work;
use crate::pipeline::{Progress, Stage, build, job, settle};
use crate::policy::{Params, Policy};
use crate::reel::{Limits, Spool};
use crate::verify::Verifier;
use crate::x509::{Certificate, Sha256Digest};

use super::file::{PlanFile, differs};
use super::head::shown;
use crate::error::PlanError;

/// The machine on which a plan is read.
#[derive(Clone, Copy)]
pub(super) struct Machine<'a> {
    pub(super) issuer: &'a IssuerIdentity,
    /// Its own trust anchors for source leaves.
    pub(super) anchors: &'a [Certificate],
    /// Directory for the spool.
    pub(super) scratch: &'a Path,
    pub(super) jobs: usize,
    pub(super) progress: &'a dyn Progress,
    pub(super) cancel: &'a AtomicBool,
}

/// A plan of which everything was derived again: every leaf's chain, every tbsCertificate.
pub(super) struct Admitted {
    pub(super) row: BatchRow,
    pub(super) policy: Policy,
    pub(super) params: Params,
    pub(super) bound: job::Bound,
    pub(super) verifier: Verifier,
    pub(super) spool: Spool,
    /// Leaves, strictly increasing by UID.
    pub(super) rows: Vec<Row>,
    pub(super) warnings: Vec<String>,
}

impl Admitted {
    /// What the second pass works on.
    pub(super) fn work<'a>(&'a self, machine: &Machine<'a>) -> Work<'a> {
        Work {
            issuer: machine.issuer,
            bound: &self.bound,
            batch: &self.row,
            rows: &self.rows,
            spool: &self.spool,
            verifier: &self.verifier,
            jobs: machine.jobs,
            progress: machine.progress,
            cancel: machine.cancel,
        }
    }
}

/// The batch row of a plan, after everything that the head shows without its policy: that one is read when the caller
/// knows it by its digest ([`read_policy`]).
pub(super) fn check_head(plan: &PlanFile, issuer: &IssuerIdentity) -> Result<BatchRow, Error> {
    let head = &plan.head;
    let row = head.row()?;
    let expected = sha256(issuer.certificate().der());
    if row.terms.issuer_sha256 != expected {
        let subject = shown(&head.issuer.subject);
        return Err(PlanError::Issuer { subject, found: head.issuer.sha256.clone(), expected }.into());
    }
    if head.issuer.subject != issuer.subject().to_string() {
        return Err(PlanError::Differs { what: "issuer's name" }.into());
    }
    if differs(&sha256(&row.terms.policy), &row.terms.policy_sha256) {
        return Err(PlanError::Differs { what: "digest of the policy" }.into());
    }
    Ok(row)
}

/// The policy of a plan and the parameters under it. A policy that nobody has approved is not parsed: its mistakes are text
/// that the planner chose.
pub(super) fn read_policy(plan: &PlanFile, issuer: &IssuerIdentity) -> Result<(Policy, Params), Error> {
    let head = &plan.head;
    let policy = Policy::parse(&head.policy, "policy in the plan")?;
    let relaxations: Vec<String> = policy.source().relax.iter().map(ToString::to_string).collect();
    if policy.name() != head.policy_name || relaxations != head.relaxations {
        return Err(PlanError::Differs { what: "name or relaxations of the policy" }.into());
    }
    let params = policy.params(&head.params)?;
    if *params.values() != head.params {
        return Err(PlanError::Differs { what: "parameters" }.into());
    }
    if policy.copies_serial() && head.beacon.as_ref().is_some_and(|beacon| beacon.0.is_some()) {
        let what = "it has a beacon, and its policy copies the serial numbers of the leaves".to_owned();
        return Err(PlanError::Malformed { what }.into());
    }
    policy.check_issuer(issuer)?;
    Ok((policy, params))
}

/// Verifies every leaf under the machine's own anchors and derives every tbsCertificate again.
pub(super) fn admit(
    machine: &Machine<'_>,
    plan: &mut PlanFile,
    (row, policy, params): (BatchRow, Policy, Params),
) -> Result<Admitted, Error> {
    let limits = Limits::default();
    let source = Source {
        inputs: &[],
        limits: &limits,
        anchors: machine.anchors,
        rules: policy.source(),
        at: row.issued_at,
        scratch: machine.scratch,
        jobs: machine.jobs,
        engine: VerificationEngine::default(),
        advance: &|count| machine.progress.advance(count),
        cancel: machine.cancel,
    };
    machine.progress.begin(Stage::Intake);
    machine.progress.total(plan.head.counts.leaves);
    let intermediates = plan.intermediates.clone();
    let read = verify_leaves::<Error>(&source, &intermediates, |send| {
        plan.leaves(|leaf| matches!(send(leaf), ControlFlow::Continue(())))
    });
    machine.progress.end(Stage::Intake);
    let mut intake = read?;
    intake.resolve(None)?;
    let findings = intake.findings.finish()?;
    taken(findings.len(), findings.first().first())?;
    // resolved rows are in UID order, each UID once: so were the leaves, if nothing changed its place
    if (0..).zip(&intake.rows).any(|(at, row): (u64, &Row)| row.item != at) {
        return Err(PlanError::Differs { what: "order of the leaves" }.into());
    }
    let leaves = settle::LeavesOf(&intake.rows);
    let digest = leaf_set_digest(&leaves);
    if leaves.count() as u64 != row.terms.leaf_count || differs(&digest, &row.terms.leaves_sha256) {
        return Err(PlanError::Differs { what: "list of the leaves" }.into());
    }
    let bound = job::bind(&policy, &params, machine.issuer, &row)?;
    let mut warnings = intake.warnings;
    warnings.extend(intake.notes.iter().map(ToString::to_string));
    let (rows, spool, verifier) = (intake.rows, intake.spool, intake.verifier);
    let admitted = Admitted { row, policy, params, bound, verifier, spool, rows, warnings };
    machine.progress.begin(Stage::Lint);
    let root = tbs_root(&admitted.work(machine));
    machine.progress.end(Stage::Lint);
    if differs(&root?, &plan.head.tbs_root()?) {
        return Err(PlanError::Differs { what: "Merkle root over the tbsCertificates" }.into());
    }
    if !plan.lines.agree(&plan.head) {
        return Err(PlanError::Differs { what: "count of items" }.into());
    }
    Ok(admitted)
}

fn taken(count: u64, first: Option<&Finding>) -> Result<(), PlanError> {
    let Some(finding) = first else { return Ok(()) };
    let first = format!("{}: {} [{}]", finding.item, finding.reason, finding.code);
    Err(PlanError::Leaves { count, first })
}

/// The RFC 9162 tree over every tbsCertificate as it is signed first.
fn tbs_root(work: &Work<'_>) -> Result<Sha256Digest, Error> {
    let mut tree = TreeBuilder::new();
    work.progress.total(work.rows.len() as u64);
    for (_, rows) in work.chunks() {
        work.interrupted()?;
        let rows: Vec<&Row> = rows.iter().collect();
        let built = parallel::map_shares(work.jobs, rows, |share| {
            let mut spool = work.spool.reader();
            let build = |row| build::prepare(work.issuer, work.bound, work.batch, &mut spool, work.verifier, row, 0);
            share.into_iter().map(build).collect::<Vec<_>>()
        });
        for built in built.into_iter().flatten() {
            match built? {
                Ok((_, linted)) => tree.push(linted.tbs().der()),
                Err(finding) => taken(1, Some(&finding))?,
            }
            work.progress.advance(1);
        }
    }
    Ok(tree.root())
}
