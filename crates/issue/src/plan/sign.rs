//! On the signing machine: what is signed is what an approved policy says of a genuine leaf, once.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::AtomicBool;

use crate::crypto::sha256;
use crate::delivery;
use crate::durable;
use crate::error::{CoreError, Error};
use crate::intake::Row;
use crate::issue::Issuer;
use crate::ledger::{BatchRow, BatchState, Ledger, Standing};
use crate::pipeline::preflight::{self, Cleared, Ground};
use crate::pipeline::sign::issue_all;
use crate::pipeline::{Progress, Stage, settle};
use crate::x509::{Certificate, Sha256Digest, Time};

use super::admit::{self, Admitted, Machine};
use super::file::{self, PlanFile};
use super::head::{Mode, shown};
use super::signatures::{self, SignatureWriter};
use crate::error::PlanError;

/// What to sign, and what this machine's configuration allows.
#[expect(missing_debug_implementations, reason = "holds a signer")]
pub struct SignJob<'a> {
    /// The plan.
    pub plan: &'a Path,
    /// The signature file to create.
    pub out: &'a Path,
    /// The issuing CA and its key.
    pub issuer: &'a Issuer,
    /// Trust anchors for source leaves: this machine's own.
    pub anchors: &'a [Certificate],
    /// Manifest certificates of those whose plans are taken.
    pub planners: &'a [Certificate],
    /// SHA-256 of the policies under which is signed.
    pub policies: &'a [Sha256Digest],
    /// How many days the plan's instant may be from this machine's clock.
    pub max_days: u32,
    /// This machine's clock.
    pub now: Time,
    /// Why a jump of this machine's clock is right, if there is one.
    pub accept_clock: Option<&'a str>,
    /// Threads.
    pub jobs: usize,
}

/// What a person must know before the key is used.
#[derive(Clone, Debug)]
pub struct Ceremony {
    /// SHA-256 of the plan's head, as `plan` printed it.
    pub plan_sha256: Sha256Digest,
    /// The planner's certificate: subject and SHA-256.
    pub planner: (String, Sha256Digest),
    /// The batch.
    pub batch: String,
    /// The instant of issue.
    pub issued_at: Time,
    /// The issuing CA.
    pub issuer: String,
    /// The policy's name and SHA-256.
    pub policy: (String, Sha256Digest),
    /// The operator's parameters.
    pub params: BTreeMap<String, String>,
    /// Deviations from strict intake that the policy allows.
    pub relaxations: Vec<String>,
    /// Why chips that have a certificate under this policy get another one.
    pub reissue: Option<String>,
    /// Certificates to sign.
    pub count: u64,
    /// Whether an earlier run of this command has begun.
    pub resumed: bool,
    /// Leaves by the anchor their chain reaches.
    pub anchors: BTreeMap<String, u64>,
    /// The first and the last certificate.
    pub shown: [Shown; 2],
    /// Things worth a look that stop nothing.
    pub warnings: Vec<String>,
}

/// A certificate before it is signed.
#[derive(Clone, Debug)]
pub struct Shown {
    /// The chip.
    pub uid: String,
    /// subject
    pub subject: String,
    /// serialNumber, upper-case hexadecimal.
    pub serial: String,
    /// First second.
    pub not_before: Time,
    /// Last second.
    pub not_after: Time,
}

/// How signing ended when nothing was wrong.
#[derive(Clone, Debug)]
pub enum SignOutcome {
    /// `out` already holds these signatures.
    AlreadyDone(Signed),
    /// The signature file was written.
    Done(Signed),
}

/// What was signed.
#[derive(Clone, Debug)]
pub struct Signed {
    /// The batch.
    pub batch: String,
    /// SHA-256 of the plan's head.
    pub plan_sha256: Sha256Digest,
    /// Certificates signed.
    pub count: u64,
    /// Signatures made, repeats for full width included.
    pub signatures_made: u64,
    /// Octets of the signature file.
    pub bytes: u64,
    /// SHA-256 of the signature file: who carries it beside the file proves the file with it.
    pub file_sha256: Sha256Digest,
    /// Whether signatures of an earlier run were taken from the ledger.
    pub resumed: bool,
    /// This machine's ledger head after the run.
    pub head: Sha256Digest,
}

/// Checks a plan, has it confirmed, signs it.
///
/// # Errors
/// The plan is not taken ([`PlanError`]), nobody confirmed, or signer, ledger or output failed.
pub fn sign(
    job: &SignJob<'_>,
    ledger: &Ledger,
    progress: &dyn Progress,
    cancel: &AtomicBool,
    confirm: &mut dyn FnMut(&Ceremony) -> bool,
) -> Result<SignOutcome, Error> {
    if durable::output::is_free(job.out) {
        delivery::check_place(job.out, file::SHAPE)?;
    }
    let plan = PlanFile::open(job.plan, job.planners)?;
    let machine = Machine {
        issuer: job.issuer.identity(),
        anchors: job.anchors,
        scratch: durable::parent(job.out),
        jobs: job.jobs,
        progress,
        cancel,
    };
    let Checked { plan, admitted, begun, ceremony, cleared } = check(job, ledger, &machine, plan)?;
    if let Some(ceremony) = ceremony
        && !confirm(&ceremony)
    {
        return Err(PlanError::Declined.into());
    }
    let sealed = begun == Some(BatchState::Sealed);
    let leaves = settle::LeavesOf(&admitted.rows);
    // recorded before anything is signed
    cleared.map_or(Ok(()), |cleared| cleared.record(ledger))?;
    if begun.is_none() {
        ledger.begin(admitted.row.clone(), &leaves)?;
    }

    progress.begin(Stage::Issue);
    let mut writer = SignatureWriter::new();
    let work = admitted.work(&machine);
    let signed = issue_all(&work, ledger, job.issuer, &mut |chunk| {
        for (_, certificate) in &chunk {
            writer.add(certificate);
        }
        Ok(())
    });
    progress.end(Stage::Issue);
    let resumed = signed?;
    if !sealed {
        // on this machine a batch is done when its plan is signed: then its chips are no longer held
        ledger.seal(&admitted.row.id, &plan.signed.0, &plan.signed.1)?;
    }
    let signatures_made = ledger.signatures_made(&admitted.row.id)?;
    ledger.conclude()?;
    let content = writer.finish(&plan, signatures_made);
    let there = signatures::publish(job.out, &content)?;
    let signed = Signed {
        batch: plan.head.batch.clone(),
        plan_sha256: plan.digest,
        count: admitted.rows.len() as u64,
        signatures_made,
        bytes: content.len() as u64,
        file_sha256: sha256(&content),
        resumed,
        head: ledger.head()?,
    };
    Ok(if there { SignOutcome::AlreadyDone(signed) } else { SignOutcome::Done(signed) })
}

/// A plan that may be signed if a person confirms it.
struct Checked {
    plan: PlanFile,
    admitted: Admitted,
    /// How far an earlier run came.
    begun: Option<BatchState>,
    /// What is to be confirmed. What is signed already is only written down once more.
    ceremony: Option<Ceremony>,
    /// What the checks of chain, history and clock gave; none of what is signed already.
    cleared: Option<Cleared>,
}

/// Everything that comes before the question, cheapest and most telling first: a policy is known by its digest before it
/// is read.
fn check(job: &SignJob<'_>, ledger: &Ledger, machine: &Machine<'_>, mut plan: PlanFile) -> Result<Checked, Error> {
    if plan.head.mode != Mode::AirGapped {
        return Err(PlanError::Mode { found: plan.head.mode.as_str(), expected: Mode::AirGapped.as_str() }.into());
    }
    let row = admit::check_head(&plan, machine.issuer)?;
    if !cfg!(fuzzing) && !job.policies.contains(&row.terms.policy_sha256) {
        let name = shown(&plan.head.policy_name);
        return Err(PlanError::PolicyNotApproved { name, sha256: row.terms.policy_sha256 }.into());
    }
    let (policy, params) = admit::read_policy(&plan, machine.issuer)?;
    job.issuer.check_algorithm(policy.signature())?;
    let begun = begun(ledger, &row)?;
    // what is signed already is only written down once more, whatever the clock says
    let sealed = begun == Some(BatchState::Sealed);
    let mut cleared = None;
    if !sealed {
        check_times(job, &row)?;
        let ground = Ground {
            policy: &policy,
            issuer: machine.issuer,
            manifest_certificate: None,
            anchors: job.anchors,
            issued_at: row.issued_at,
            now: job.now,
            accept_clock: job.accept_clock,
        };
        // the fuzzer's CA has no chain that an auditor would accept
        if !cfg!(fuzzing) {
            cleared = Some(preflight::check(&ground, ledger)?);
        }
    }
    let mut admitted = admit::admit(machine, &mut plan, (row, policy, params))?;
    admitted.warnings.extend(cleared.iter().flat_map(|cleared| cleared.notes.iter().cloned()));
    if begun.is_none() {
        check_once(ledger, &admitted)?;
    }
    let ceremony = if sealed { None } else { Some(ceremony(job, &plan, &admitted, machine, begun.is_some())?) };
    Ok(Checked { plan, admitted, begun, ceremony, cleared })
}

/// Reads bytes as a plan of which only the planner's signature and the digests are believed, and does all that comes before
/// the question.
#[cfg(fuzzing)]
pub fn fuzz_sign(octets: &[u8], job: &SignJob<'_>, ledger: &Ledger, progress: &dyn Progress) -> Option<Ceremony> {
    let plan = PlanFile::read(job.plan, Box::new(std::io::Cursor::new(octets.to_vec())), job.planners).ok()?;
    let cancel = AtomicBool::new(false);
    let machine = Machine {
        issuer: job.issuer.identity(),
        anchors: job.anchors,
        scratch: durable::parent(job.out),
        jobs: job.jobs,
        progress,
        cancel: &cancel,
    };
    match check(job, ledger, &machine, plan) {
        Ok(checked) => checked.ceremony,
        Err(error) => {
            // a message is printed as it is
            let printable = |character: char| !character.is_control() || character == '\n';
            assert!(
                matches!(error, Error::Core(CoreError::Policy(_))) || error.to_string().chars().all(printable),
                "{error:?}"
            );
            None
        }
    }
}

/// How far an earlier run of this plan came. Another batch of the same name, the same batch under another name, and
/// another batch with the same seed are refused: whoever plans chooses name and seed.
fn begun(ledger: &Ledger, row: &BatchRow) -> Result<Option<BatchState>, Error> {
    let other = |batch: &BatchRow| PlanError::OtherBatch { batch: batch.id.to_string() };
    if let Some(found) = ledger.batch(&row.id)? {
        let state = found.state;
        return if (BatchRow { state: row.state, ..found }) == *row { Ok(Some(state)) } else { Err(other(row).into()) };
    }
    if let Some(found) = ledger.find(&row.terms.key())? {
        return Err(other(&found).into());
    }
    match ledger.batch_of_seed(&row.seed)? {
        Some(batch) => Err(PlanError::SeedTaken { batch: batch.to_string() }.into()),
        None => Ok(None),
    }
}

fn check_times(job: &SignJob<'_>, row: &BatchRow) -> Result<(), Error> {
    let distance = job.now.unix().abs_diff(row.issued_at.unix());
    if distance > u64::from(job.max_days) * 86_400 {
        let (issued_at, now, max_days) = (row.issued_at, job.now, job.max_days);
        return Err(PlanError::Clock { issued_at, now, max_days }.into());
    }
    let certificate = job.issuer.identity().certificate();
    let validity = certificate.validity();
    if !validity.contains(job.now) {
        return Err(CoreError::CertificateNotValid {
            subject: certificate.subject().to_string(),
            not_before: validity.not_before(),
            not_after: validity.not_after(),
            at: job.now,
        }
        .into());
    }
    Ok(())
}

/// No chip of the plan was signed in another one, but for a reissue, which the plan gives its reason for.
fn check_once(ledger: &Ledger, admitted: &Admitted) -> Result<(), Error> {
    let terms = &admitted.row.terms;
    let leaves = settle::LeavesOf(&admitted.rows);
    let standings = ledger.standings(&terms.policy_use(), &leaves, None)?;
    let reason = |standing| match standing {
        Standing::Free => None,
        Standing::Issued { .. } if terms.reissue.is_some() => None,
        Standing::Issued { batch, .. } => Some(format!("signed in batch {batch}")),
        Standing::Held { batch } => Some(format!("batch {batch}, which is not finished, holds it")),
        Standing::UidWithOtherKey { batch } => Some(format!("it has another key in batch {batch}")),
        Standing::KeyUnderOtherUid { batch, uid } => Some(format!("its key belongs to chip {uid} in batch {batch}")),
    };
    let mut found: Vec<(usize, String)> =
        standings.iter().filter_map(|(at, standing)| Some((at, reason(standing)?))).collect();
    if found.is_empty() && admitted.policy.copies_serial() {
        let known = ledger.known_uids(&leaves, None)?.into_iter().enumerate();
        let known = known.filter_map(|(at, batch)| Some((at, batch?)));
        found.extend(known.map(|(at, batch)| (at, format!("batch {batch} could have used its serial number"))));
    }
    match found.first() {
        None => Ok(()),
        Some((at, reason)) => {
            let (count, uid, reason) = (found.len() as u64, admitted.rows[*at].uid(), reason.clone());
            Err(PlanError::Taken { count, uid, reason }.into())
        }
    }
}

fn ceremony(
    job: &SignJob<'_>,
    plan: &PlanFile,
    admitted: &Admitted,
    machine: &Machine<'_>,
    resumed: bool,
) -> Result<Ceremony, Error> {
    let Admitted { row, rows, .. } = admitted;
    let ends = [rows.first(), rows.last()].map(|row| row.expect("a plan without leaves was refused when it was read"));
    let [first, last] = ends.map(|row| example(admitted, row));
    let mut anchors = BTreeMap::new();
    for row in rows {
        let anchor = &job.anchors[row.anchor(&admitted.verifier)];
        *anchors.entry(anchor.subject().to_string()).or_insert(0) += 1;
    }
    let planner = &job.planners[plan.planner];
    Ok(Ceremony {
        plan_sha256: plan.digest,
        planner: (planner.subject().to_string(), sha256(planner.der())),
        batch: row.id.to_string(),
        issued_at: row.issued_at,
        issuer: machine.issuer.subject().to_string(),
        policy: (admitted.policy.name().to_owned(), row.terms.policy_sha256),
        params: admitted.params.values().clone(),
        relaxations: row.terms.relaxations.clone(),
        reissue: row.terms.reissue.clone(),
        count: rows.len() as u64,
        resumed,
        anchors,
        shown: [first?, last?],
        warnings: admitted.warnings.clone(),
    })
}

fn example(admitted: &Admitted, row: &Row) -> Result<Shown, Error> {
    let leaf = row.readmit(&mut admitted.spool.reader(), &admitted.verifier, admitted.row.issued_at)?;
    let template = leaf.and_then(|leaf| admitted.bound.template(&leaf));
    let template = template.map_err(|finding| PlanError::Leaves { count: 1, first: finding.reason })?;
    Ok(Shown {
        uid: row.uid().to_string(),
        subject: template.subject.to_string(),
        serial: hex::encode_upper(admitted.bound.serials.of(&template, 0).content()),
        not_before: template.validity.not_before(),
        not_after: template.validity.not_after(),
    })
}
