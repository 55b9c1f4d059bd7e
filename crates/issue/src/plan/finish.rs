//! Back at the planner's: signatures are verified, certificates assembled, the batch is sealed.

use std::path::Path;
use std::sync::atomic::AtomicBool;

use crate::cert::IssuerIdentity;
use crate::crypto::sha256;
use crate::delivery::Form;
use crate::durable;
use crate::error::Error;
use crate::findings::Findings;
use crate::ledger::{BatchRow, BatchState, Ledger};
use crate::manifest::{Counts, IssuerMode};
use crate::origin::Disposition;
use crate::pipeline::job::forms;
use crate::pipeline::preflight::{self, Ground};
use crate::pipeline::seal::{self, Rejected, Sealing};
use crate::pipeline::sign::issue_all;
use crate::pipeline::work::Work;
use crate::pipeline::write::Written;
use crate::pipeline::{self, Outcome, Progress, Refusal, Stage, Summary, Timings, Way};
use crate::reel::Input;
use crate::signer::Signer;
use crate::x509::{Certificate, Sha256Digest, Time};

use super::admit::{self, Admitted, Machine};
use super::answers::Answers;
use super::file::PlanFile;
use super::hand_over;
use super::head::Mode;
use super::signatures::Signatures;
use crate::error::PlanError;

/// What came back for a plan.
#[derive(Clone, Copy, Debug)]
pub enum Returned<'a> {
    /// Certificates of a CA of another house, in any order and container.
    Certificates(&'a [Input]),
    /// The signature file of a signing machine.
    Signatures {
        /// The file.
        file: &'a Path,
        /// Its SHA-256 as the signing machine printed it, if somebody carried it beside the file.
        expected: Option<Sha256Digest>,
    },
}

/// What to finish.
#[expect(missing_debug_implementations, reason = "holds a signer")]
pub struct FinishJob<'a> {
    /// The plan.
    pub plan: &'a Path,
    /// What came back for it.
    pub returned: Returned<'a>,
    /// Where the batch directory goes.
    pub out: &'a Path,
    /// A file to list every certificate in that was left out or is wrong, written before anything is recorded.
    pub findings: Option<&'a Path>,
    /// The issuing CA, without its key.
    pub issuer: &'a IssuerIdentity,
    /// Trust anchors for source leaves, those of the plan.
    pub anchors: &'a [Certificate],
    /// The manifest signer's certificate, who is the planner too.
    pub manifest_certificate: &'a Certificate,
    /// The manifest signer's key.
    pub manifest_signer: &'a dyn Signer,
    /// The instant of the run.
    pub now: Time,
    /// Why a jump of this machine's clock is right, if there is one.
    pub accept_clock: Option<&'a str>,
    /// Threads.
    pub jobs: usize,
    /// Name and version of this program for the statement.
    pub tool: &'a str,
}

/// Checks what came back, records it, seals the batch. The outcome is never [`Outcome::DryRun`].
///
/// # Errors
/// Plan or signatures are not taken ([`PlanError`]), a signature is not the CA's, or ledger, manifest signer or output
/// failed. Certificates that are not as asked for are findings of [`Outcome::Refused`].
pub fn finish(
    job: &FinishJob<'_>,
    ledger: &Ledger,
    progress: &dyn Progress,
    cancel: &AtomicBool,
) -> Result<Outcome, Error> {
    seal::check_output_place(job.out, ledger)?;
    let place = if job.plan.is_dir() { job.plan.join(hand_over::PLAN) } else { job.plan.to_owned() };
    let mut plan = PlanFile::open(&place, std::slice::from_ref(job.manifest_certificate))?;
    let (mode, way) = match job.returned {
        Returned::Certificates(_) => (Mode::Foreign, Way::Foreign),
        Returned::Signatures { .. } => (Mode::AirGapped, Way::AirGapped),
    };
    if plan.head.mode != mode {
        return Err(PlanError::Mode { found: plan.head.mode.as_str(), expected: mode.as_str() }.into());
    }
    let row = on_ledger(ledger, admit::check_head(&plan, job.issuer)?)?;
    let (policy, params) = admit::read_policy(&plan, job.issuer)?;
    if row.terms.anchors != job.anchors.iter().map(|anchor| sha256(anchor.der())).collect::<Vec<Sha256Digest>>() {
        return Err(PlanError::Anchors.into());
    }
    if row.delivery.way != way {
        return Err(PlanError::Malformed { what: "its `delivery` is not one".to_owned() }.into());
    }
    let (forms, publish_bulk_id) = (forms(row.delivery), row.delivery.publish_bulk_id);
    let mut cleared = None;
    if row.state == BatchState::Open {
        let ground = Ground {
            policy: &policy,
            issuer: job.issuer,
            manifest_certificate: Some(job.manifest_certificate),
            anchors: job.anchors,
            issued_at: row.issued_at,
            now: job.now,
            accept_clock: job.accept_clock,
        };
        cleared = Some(preflight::check(&ground, ledger)?);
    }
    let machine = Machine {
        issuer: job.issuer,
        anchors: job.anchors,
        scratch: durable::parent(job.out),
        jobs: job.jobs,
        progress,
        cancel,
    };
    let mut admitted = admit::admit(&machine, &mut plan, (row, policy, params))?;
    admitted.warnings.extend(cleared.iter().flat_map(|cleared| cleared.notes.iter().cloned()));
    let admitted = admitted;
    let row = &admitted.row;
    let summary = || summary(&plan, row, &admitted.warnings);
    if let Some(published) = seal::already_published(job.out, ledger, row, summary)? {
        return Ok(Outcome::AlreadyDone(published));
    }

    // before the certificates are recorded
    cleared.map_or(Ok(()), |cleared| cleared.record(ledger))?;
    let work = admitted.work(&machine);
    progress.begin(Stage::Issue);
    let taken = match job.returned {
        Returned::Certificates(inputs) => certificates(job, &machine, &admitted, inputs, &forms, ledger),
        Returned::Signatures { file, expected } => {
            signatures(job, &plan, &admitted, (file, expected), &work, &forms, ledger)
        }
    };
    progress.end(Stage::Issue);
    let Taken { written, resumed, made, findings, warnings } = match taken? {
        Ok(taken) => taken,
        Err(refusal) => return Ok(Outcome::Refused(refusal)),
    };
    let mut summary = Summary { resumed, findings, ..summary() };
    summary.warnings.extend(warnings);
    let counts = plan.head.counts;
    let planned_lines = |each: &mut dyn FnMut(&[u8]) -> Result<(), Error>| plan.rejected(each);
    let sealing = Sealing {
        row,
        issuer: job.issuer,
        mode: if mode == Mode::Foreign { IssuerMode::Foreign } else { IssuerMode::AirGapped },
        manifest_certificate: job.manifest_certificate,
        manifest_signer: job.manifest_signer,
        policy: &admitted.policy,
        params: &admitted.params,
        anchors: job.anchors,
        intermediates: admitted.verifier.intermediates().collect(),
        expected: plan.head.expected(&plan.missing)?,
        bulk_id: row.terms.bulk_id.clone().filter(|_| publish_bulk_id),
        rejected: Rejected::Planned(&planned_lines),
        inputs: plan.inputs.clone(),
        counts: Counts {
            items: counts.items,
            issued: counts.leaves,
            rejected: counts.rejected,
            ignored: counts.ignored,
            signatures_made: made,
        },
        now: job.now,
        tool: job.tool,
    };
    progress.begin(Stage::Seal);
    let sealed = seal::seal_and_publish(&sealing, ledger, written, &mut summary);
    progress.end(Stage::Seal);
    sealed?;
    Ok(Outcome::Done(summary))
}

/// What came back, recorded and written.
struct Taken {
    written: Written,
    resumed: bool,
    made: u64,
    /// Items that were left out.
    findings: Findings,
    /// Things worth a look about what came back.
    warnings: Vec<String>,
}

fn signatures(
    job: &FinishJob<'_>,
    plan: &PlanFile,
    admitted: &Admitted,
    (file, expected): (&Path, Option<Sha256Digest>),
    work: &Work<'_>,
    forms: &[Form],
    ledger: &Ledger,
) -> Result<Result<Taken, Refusal>, Error> {
    let signatures = Signatures::open((file, expected.as_ref()), plan, job.issuer, &admitted.policy, &admitted.rows)?;
    signatures.check_attempts(work, ledger)?;
    let mut written = Written::create(job.out, work.batch, admitted.policy.source().family, forms)?;
    let reissue = work.batch.terms.reissue.as_deref();
    let resumed = issue_all(work, ledger, &signatures, &mut |chunk| written.add(work, reissue, chunk))?;
    // the number in the file came the same way as the file: what is known is that no fewer were made
    let made = admitted.rows.len() as u64 + written.discarded.len() as u64;
    let exchanged = signatures.exchanged();
    let warnings = if exchanged == 0 {
        vec![]
    } else {
        vec![format!(
            "{exchanged} signatures came in the other of the two forms of an ECDSA signature: an earlier release signed \
             them, or the file was changed on its way. The batch has them in the form with the lower s"
        )]
    };
    Ok(Ok(Taken { written, resumed, made, findings: Findings::default(), warnings }))
}

fn certificates(
    job: &FinishJob<'_>,
    machine: &Machine<'_>,
    admitted: &Admitted,
    inputs: &[Input],
    forms: &[Form],
    ledger: &Ledger,
) -> Result<Result<Taken, Refusal>, Error> {
    let work = admitted.work(machine);
    let mut answers = Answers::read(machine, inputs, &work)?;
    answers.check(&work, &admitted.policy)?;
    let findings = answers.take_findings()?;
    pipeline::list(job.findings, &findings)?;
    let rejected = findings.count(Disposition::Rejected);
    let leaves = admitted.rows.len() as u64;
    if rejected > 0 {
        return Ok(Err(Refusal {
            items: leaves,
            ready: leaves.saturating_sub(rejected),
            skip_helps: false,
            note_helps: false,
            reasons: vec![format!("certificates that are not as asked for, missing or too many: {rejected}")],
            findings,
            missing: vec![],
            warnings: admitted.warnings.clone(),
        }));
    }
    let mut written = Written::create(job.out, work.batch, admitted.policy.source().family, forms)?;
    let resumed = answers.record(&work, &admitted.policy, ledger, &mut written)?;
    Ok(Ok(Taken { written, resumed, made: leaves, findings, warnings: vec![] }))
}

/// The batch as this ledger has it, which must be the plan's.
fn on_ledger(ledger: &Ledger, planned: BatchRow) -> Result<BatchRow, Error> {
    let batch = planned.id.to_string();
    let Some(row) = ledger.batch(&planned.id)? else { return Err(PlanError::NotPlanned { batch }.into()) };
    let state = row.state;
    if row != (BatchRow { state, ..planned }) {
        return Err(PlanError::OtherBatch { batch }.into());
    }
    Ok(row)
}

fn summary(plan: &PlanFile, row: &BatchRow, warnings: &[String]) -> Summary {
    let counts = plan.head.counts;
    Summary {
        batch: row.id.to_string(),
        issued_at: row.issued_at,
        items: counts.items,
        issued: counts.leaves,
        rejected: counts.rejected,
        ignored: counts.ignored,
        signatures_made: 0,
        resumed: false,
        findings: Findings::default(),
        missing: vec![],
        reasons: vec![],
        warnings: warnings.to_vec(),
        root_hash: None,
        statement_sha256: None,
        head: None,
        timings: Timings::default(),
    }
}
