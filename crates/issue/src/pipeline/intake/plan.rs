//! From a plan to leaves that may be signed: nothing of the plan is believed that can be derived.

use std::borrow::Cow;
use std::ops::ControlFlow;
use std::path::Path;

use crate::cert::IssuerIdentity;
use crate::crypto::{VerificationEngine, sha256};
use crate::durable;
use crate::error::{Error, PlanError};
use crate::findings::Findings;
use crate::intake::{Pass1, Row, Source, verify_leaves};
use crate::ledger::{BatchRow, BatchState, Leaves, Ledger, leaf_set_digest};
use crate::manifest::TreeBuilder;
use crate::origin::Finding;
use crate::parallel;
use crate::plan::PlanFile;
use crate::plan::file::differs;
use crate::plan::head::Mode;
use crate::policy::{Params, Policy};
use crate::reel::{Limits, SourceLeaf, Spool};
use crate::text::brief;
use crate::x509::{Certificate, Sha256Digest, Time};

use super::super::build::{self, Bound, Work};
use super::super::kept::Keeper;
use super::super::outcome::Stage;
use super::super::preflight::{self, Ground};
use super::super::terms::LeavesOf;
use super::super::{Authority, Run};
use super::{Account, Ready};

/// The machine on which a plan is read.
#[derive(Clone, Copy)]
pub(super) struct Reader<'a> {
    /// The mode of the plans that it reads.
    pub(super) mode: Mode,
    pub(super) issuer: &'a IssuerIdentity,
    /// Its own trust anchors for source leaves.
    pub(super) anchors: &'a [Certificate],
    /// The certificate of the signer who will seal the batch.
    pub(super) manifest_certificate: Option<&'a Certificate>,
    pub(super) out: &'a Path,
    pub(super) now: Time,
    pub(super) accept_clock: Option<&'a str>,
    pub(super) jobs: usize,
}

/// Checks a plan and derives everything in it again: every leaf's chain, every tbsCertificate. `place` finds the plan's
/// batch on the ledger and decides whether this machine serves it; it is called before the policy is read.
pub(super) fn admit<'a>(
    run: &mut Run<'_>,
    reader: &Reader<'a>,
    ledger: &Ledger,
    authority: &dyn Authority,
    mut plan: PlanFile,
    place: impl FnOnce(&PlanFile, BatchRow) -> Result<BatchRow, Error>,
) -> Result<Ready<'a>, Error> {
    if plan.head.mode != reader.mode {
        return Err(PlanError::Mode { found: plan.head.mode.as_str(), expected: reader.mode.as_str() }.into());
    }
    let row = place(&plan, check_head(&plan, reader.issuer)?)?;
    let (policy, params) = read_policy(&row, reader.issuer, "policy in the plan")?;
    authority.check_policy(&policy)?;
    let mut cleared = None;
    // the fuzzer's CA has no chain that an auditor would accept
    if row.state == BatchState::Open && !cfg!(fuzzing) {
        let ground = Ground {
            authority: row.delivery.authority,
            policy: &policy,
            issuer: reader.issuer,
            manifest_certificate: reader.manifest_certificate,
            anchors: reader.anchors,
            issued_at: row.issued_at,
            now: reader.now,
            accept_clock: reader.accept_clock,
        };
        cleared = Some(preflight::check(&ground, ledger)?);
    }
    let Pass1 { rows, spool, verifier, mut warnings, notes, .. } = verify(run, reader, &mut plan, &row, &policy)?;
    warnings.extend(notes.iter().map(ToString::to_string));
    warnings.extend(cleared.iter().flat_map(|cleared| cleared.notes.iter().cloned()));
    let counts = plan.head.counts;
    let account = Account {
        items: counts.items,
        rejected: counts.rejected,
        ignored: counts.ignored,
        findings: Findings::default(),
        missing: vec![],
        reasons: vec![],
        warnings,
        expected: plan.head.expected(&plan.missing)?,
        inputs: plan.inputs.clone(),
        bulk_id: row.terms.bulk_id.clone().filter(|_| row.delivery.publish_bulk_id),
    };
    let mut ready = Ready {
        issuer: reader.issuer,
        anchors: reader.anchors,
        bound: Bound::new(&policy, &params, reader.issuer, &row)?,
        policy: Cow::Owned(policy),
        params: Cow::Owned(params),
        row,
        rows,
        spool,
        kept: None,
        verifier,
        account,
        cleared,
        found_by_leaves: false,
        plan: Some(plan),
        ceremony: None,
        scratch: durable::parent(reader.out),
        findings: None,
        jobs: reader.jobs,
    };
    let mut keeper = Keeper::new(Spool::create(ready.scratch)?, ready.row.chunk_size, ready.jobs);
    let root = run.timed(Stage::Lint, |run| tbs_root(&ready.work(run), &mut keeper))?;
    ready.kept = Some(keeper.finish()?);
    let plan = ready.plan.as_ref().expect("the leaves came from a plan");
    if differs(&root, &plan.head.tbs_root()?) {
        return Err(PlanError::Differs { what: "Merkle root over the tbsCertificates" }.into());
    }
    if !plan.lines.agree(&plan.head) {
        return Err(PlanError::Differs { what: "count of items" }.into());
    }
    Ok(ready)
}

/// The batch row of a plan, after everything that the head shows without its policy: that one is read when the caller
/// knows it by its digest ([`read_policy`]).
fn check_head(plan: &PlanFile, issuer: &IssuerIdentity) -> Result<BatchRow, Error> {
    let head = &plan.head;
    let row = head.row()?;
    let expected = sha256(issuer.certificate().der());
    if row.terms.issuer_sha256 != expected {
        let subject = brief(&head.issuer.subject);
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

/// Reads the policy of a batch and the parameters under it. The signing machine does not parse a policy that is not
/// approved: its mistakes are text that the planner chose.
pub(in super::super) fn read_policy(
    row: &BatchRow,
    issuer: &IssuerIdentity,
    source: &str,
) -> Result<(Policy, Params), Error> {
    let terms = &row.terms;
    let policy = Policy::parse(&String::from_utf8_lossy(&terms.policy), source)?;
    if policy.name() != terms.policy_name || policy.source().relax != terms.relaxations {
        return Err(PlanError::Differs { what: "name or relaxations of the policy" }.into());
    }
    let params = policy.params(&terms.params)?;
    if *params.values() != terms.params {
        return Err(PlanError::Differs { what: "parameters" }.into());
    }
    if policy.copies_serial() && row.beacon.is_some() {
        let what = "it has a beacon, and its policy copies the serial numbers of the leaves".to_owned();
        return Err(PlanError::Malformed { what }.into());
    }
    policy.check_issuer(issuer)?;
    Ok((policy, params))
}

/// Verifies every leaf under the machine's own anchors. They are the ones that the head names, in its order.
fn verify(
    run: &mut Run<'_>,
    reader: &Reader<'_>,
    plan: &mut PlanFile,
    row: &BatchRow,
    policy: &Policy,
) -> Result<Pass1, Error> {
    let limits = Limits::default();
    let intermediates = plan.intermediates.clone();
    let intake = run.timed(Stage::Intake, |run| {
        let source = Source {
            inputs: &[],
            limits: &limits,
            anchors: reader.anchors,
            rules: policy.source(),
            at: row.issued_at,
            scratch: durable::parent(reader.out),
            jobs: reader.jobs,
            engine: VerificationEngine::default(),
            advance: &|count| run.progress.advance(count),
            cancel: run.cancel,
        };
        run.progress.total(plan.head.counts.leaves);
        verified(&source, &intermediates, |send| plan.leaves(|leaf| send(leaf).is_continue()))
    })?;
    let leaves = LeavesOf(&intake.rows);
    let digest = leaf_set_digest(&leaves);
    if leaves.count() as u64 != row.terms.leaf_count || differs(&digest, &row.terms.leaves_sha256) {
        return Err(PlanError::Differs { what: "list of the leaves" }.into());
    }
    Ok(intake)
}

/// Verifies leaves that are in UID order. Each must be genuine, and each chip there once.
pub(in super::super) fn verified(
    source: &Source<'_>,
    intermediates: &[Certificate],
    leaves: impl FnOnce(&mut dyn FnMut(SourceLeaf) -> ControlFlow<()>) -> Result<(), Error>,
) -> Result<Pass1, Error> {
    let mut intake = verify_leaves::<Error>(source, intermediates, leaves)?;
    intake.resolve(None)?;
    let none = intake.findings.empty();
    let findings = std::mem::replace(&mut intake.findings, none).finish()?;
    taken(findings.len(), findings.first().first())?;
    // resolved rows are in UID order, each UID once: so were the leaves, if nothing changed its place
    let mut spool = intake.spool.reader();
    for (at, row) in (0..).zip(&intake.rows) {
        if row.number(&mut spool)? != at {
            return Err(PlanError::Differs { what: "order of the leaves" }.into());
        }
    }
    Ok(intake)
}

fn taken(count: u64, first: Option<&Finding>) -> Result<(), PlanError> {
    let Some(finding) = first else { return Ok(()) };
    let first = format!("{}: {} [{}]", finding.item, finding.reason, finding.code);
    Err(PlanError::Leaves { count, first })
}

/// Builds every tbsCertificate of the first attempt, writes them to the scratch file, and returns the root of the RFC 9162
/// tree over them.
fn tbs_root(work: &Work<'_>, keeper: &mut Keeper) -> Result<Sha256Digest, Error> {
    let mut tree = TreeBuilder::new();
    build_all(work, keeper, &mut |tbs| tree.push(tbs))?;
    Ok(tree.root())
}

/// Builds every tbsCertificate of the first attempt, writes them to the scratch file, and shows each to `each`.
pub(in super::super) fn build_all(
    work: &Work<'_>,
    keeper: &mut Keeper,
    each: &mut dyn FnMut(&[u8]),
) -> Result<(), Error> {
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
                Ok((_, linted)) => {
                    each(linted.tbs().der());
                    keeper.add(&linted)?;
                }
                Err(finding) => taken(1, Some(&finding))?,
            }
            work.progress.advance(1);
        }
    }
    Ok(())
}
