//! A CA key that never meets the network: plan here, sign there, finish here.
//!
//! ```text
//! plan     pass 1 as `issue` does it; batch row and intents are recorded; one file is signed by the planner
//!            └ carried to the signing machine
//! sign     the planner's signature; every leaf under the machine's own anchors; every tbsCertificate derived again;
//!          its own ledger: no chip twice; a person confirms; the second pass as `issue` does it     (plan/sign)
//!            └ a file of signatures is carried back
//! finish   leaves and tbsCertificates once more; every signature is verified; seal                  (plan/finish)
//! ```
//!
//! The signing machine believes nothing of a plan that it can derive. What is left to trust is its own configuration:
//! whose plans it takes, which policies it signs under, whose leaves are genuine. Each of the three commands, given
//! again, goes on where it was interrupted and leaves the same files behind. `docs/spec/plan-format.md` specifies the files.
//!
//! A CA of another house speaks neither plan nor signature file. For it, `plan` writes the wishes in neutral form
//! (plan/hand_over), and `finish` takes certificates, which are matched by key and looked at as hard as a leaf of ST's
//! (plan/answers).

mod admit;
mod answers;
mod file;
mod finish;
mod hand_over;
mod head;
mod limits;
mod sign;
mod signatures;

pub use crate::error::PlanError;
pub use answers::CODES as ANSWER_CODES;
pub use finish::{FinishJob, Returned, finish};
#[cfg(fuzzing)]
pub use sign::fuzz_sign;
pub use sign::{Ceremony, Shown, SignJob, SignOutcome, Signed, sign};

use std::io::{BufReader, BufWriter, Read, Seek, Write};
use std::path::Path;
use std::sync::atomic::AtomicBool;

use crate::cert::Encoder;
use crate::crypto::sha256;
use crate::delivery;
use crate::durable::{self, DurableError, output};
use crate::error::Error;
use crate::ledger::{BatchRow, Ledger};
use crate::manifest::TreeBuilder;
use crate::origin::Disposition;
use crate::pipeline::work::Work;
use crate::pipeline::{
    self, FirstPass, Job, Progress, Ready, Refusal, Run, Stage, Summary, Timings, Way, first_pass, settle,
};
use crate::verify::{Relaxation, VerifiedLeaf};
use crate::x509::Sha256Digest;

use file::{LeafWriter, PlanFile};
use hand_over::HandOver;
use head::{CountsHead, Head, Mode, Rest, SectionHead};

/// How planning ended when nothing was wrong with the environment.
#[derive(Clone, Debug)]
pub enum PlanOutcome {
    /// `out` already holds this plan: nothing was done.
    AlreadyDone(Planned),
    /// The plan was written.
    Done(Planned),
    /// Everything was checked, nothing recorded or written.
    DryRun(Summary),
    /// Nothing was planned because of what was found.
    Refused(Refusal),
}

/// A plan.
#[derive(Clone, Debug)]
pub struct Planned {
    /// What `issue` would say; `root_hash` is of no tree yet.
    pub summary: Summary,
    /// SHA-256 of the plan's head: its name on the signing machine.
    pub plan_sha256: Sha256Digest,
    /// Octets of the file.
    pub bytes: u64,
}

/// Pass 1, batch row and intents, and at `job.out` the plan file or, for a CA of another house, the directory with the
/// wishes and the plan. `job.way` says which.
///
/// # Errors
/// As [`reissue`](pipeline::reissue).
pub fn plan(
    job: &Job<'_>,
    ledger: &Ledger,
    stdin: &mut (dyn Read + Send),
    progress: &dyn Progress,
    cancel: &AtomicBool,
) -> Result<PlanOutcome, Error> {
    let mut run = Run { job, progress, cancel, timings: Timings::default() };
    let foreign = job.way == Way::Foreign;
    job.policy.check_issuer(job.issuer)?;
    if foreign {
        job.policy.check_foreign()?;
    }
    let place = if foreign { job.out.join(hand_over::PLAN) } else { job.out.to_owned() };
    if output::is_free(job.out) {
        delivery::check_place(job.out, if foreign { hand_over::SHAPE } else { file::SHAPE })?;
    } else if !file::looks_like_one(&place) {
        return Err(Error::OutputExists { path: job.out.to_owned() });
    }
    let Ready { row, bound, mut settled, cleared } = match first_pass(&mut run, ledger, stdin)? {
        FirstPass::Ready(ready) => *ready,
        FirstPass::Refused(refusal) => return Ok(PlanOutcome::Refused(refusal)),
    };
    settled.check_account()?;
    if job.dry_run {
        return Ok(PlanOutcome::DryRun(settled.summary(&row).with_timings(run.timings)));
    }
    // a plan says with which inputs and list its batch was begun; a command that is spelled otherwise makes no other plan
    if settled.found_by_leaves.is_some() {
        if let Some(there) = planned_before(job, &place, &row)? {
            let mut summary = settled.summary(&row);
            summary.head = Some(ledger.head()?);
            let (plan_sha256, bytes) = there;
            let planned = Planned { summary: summary.with_timings(run.timings), plan_sha256, bytes };
            return Ok(PlanOutcome::AlreadyDone(planned));
        }
        settled.refuse(format!(
            "batch {} was begun from inputs of other names, or with another list or bulk identifier; its plan can be made \
             only as then",
            row.id
        ));
        return Ok(PlanOutcome::Refused(settled.refused(job.on_reject)?));
    }
    pipeline::begin(ledger, &row, &settled, cleared.as_ref())?;
    run.interrupted()?;

    let mut hand_over = if foreign { Some(HandOver::create(job.out)?) } else { None };
    let drawn = run.timed(Stage::Issue, |run| {
        let mut each = |leaf: &VerifiedLeaf| match &mut hand_over {
            Some(hand_over) => hand_over.add(leaf, &bound.template(leaf).map_err(Error::lint_differs)?),
            None => Ok(()),
        };
        draw(&run.work(&row, &bound, &settled), ledger, job, &mut each)
    })?;
    let Drawn { mut leaves, section, tbs_root } = drawn;
    let partial = hand_over.map(HandOver::finish).transpose()?;
    let expected = settled.expected(job);
    let second = row.terms.encoder >= Encoder::Two;
    let missing = expected.as_ref().filter(|_| second).map(|met| met.missing.clone()).unwrap_or_default();
    let mut summary = settled.summary(&row);
    let intermediates = file::certificates_section(settled.verifier.intermediates());
    let inputs = settle::input_lines(&settled.inputs);
    let small = [intermediates.as_slice(), inputs.as_bytes()];
    let names = [file::INTERMEDIATES, file::INPUTS];
    let mut sections: Vec<SectionHead> =
        names.iter().zip(small).map(|(name, part)| file::section(name, part)).collect();
    sections.push(file::rejected_section(&summary.findings)?);
    if second {
        sections.push(file::section(file::MISSING, missing.as_bytes()));
    }
    sections.push(section);
    let counts = CountsHead {
        items: summary.items,
        leaves: summary.issued,
        rejected: summary.findings.count(Disposition::Rejected),
        ignored: summary.findings.count(Disposition::Ignored),
    };
    let policy = String::from_utf8(job.policy.bytes().to_vec()).expect("a policy is text");
    let rest = Rest {
        mode: if foreign { Mode::Foreign } else { Mode::AirGapped },
        issuer: job.issuer.subject().to_string(),
        expected,
        counts,
        policy,
        tbs_root,
        sections,
    };
    let head = Head::of(&row, rest).to_bytes();
    let already = !output::is_free(job.out);
    run.timed(Stage::Seal, |_| {
        if already {
            let same = partial.as_deref().map_or(Ok(true), |partial| hand_over::same_wishes(partial, job.out))?;
            if !same {
                return Err(other(job));
            }
            check_same(job, &place, &head)?;
            return Ok(file::remove_partial(&place)?);
        }
        let signer = (job.manifest_certificate, job.manifest_signer);
        ledger.conclude()?;
        let path = partial.as_ref().map_or_else(|| place.clone(), |partial| partial.join(hand_over::PLAN));
        // a directory of this run's own is where nothing can be replaced
        let give = if foreign { output::rename_inside } else { output::publish };
        let sections = (small, &summary.findings, missing.as_str());
        let created = job.now.max(row.issued_at);
        let head = (head.as_slice(), row.terms.encoder);
        file::write(&path, head, signer, created, sections, &mut leaves, give)?;
        partial.as_ref().map_or(Ok(()), |partial| hand_over::publish(partial, job.out))
    })?;
    let bytes = size(&place)?;
    summary.head = Some(ledger.head()?);
    let planned = Planned { summary: summary.with_timings(run.timings), plan_sha256: sha256(&head), bytes };
    Ok(if already { PlanOutcome::AlreadyDone(planned) } else { PlanOutcome::Done(planned) })
}

/// What the chunks come to.
struct Drawn {
    leaves: BufReader<std::fs::File>,
    section: SectionHead,
    tbs_root: Sha256Digest,
}

/// Records the intent of every chunk and lays the leaves out as they stand in the file.
fn draw(
    work: &Work<'_>,
    ledger: &Ledger,
    job: &Job<'_>,
    each: &mut dyn FnMut(&VerifiedLeaf) -> Result<(), Error>,
) -> Result<Drawn, Error> {
    let scratch = durable::parent(job.out);
    let at = |source| DurableError::Io { doing: "write to a file in", path: scratch.to_owned(), source };
    let mut writer = LeafWriter::new(BufWriter::with_capacity(1 << 20, durable::scratch(scratch)?));
    let mut tree = TreeBuilder::new();
    work.progress.total(work.rows.len() as u64);
    for (number, rows) in work.chunks() {
        work.interrupted()?;
        let (leaves, linted) = work.prepare_all(rows, &[])?;
        for linted in &linted {
            tree.push(linted.tbs().der());
        }
        for leaf in &leaves {
            writer.add(&leaf.origin().item, &as_found(leaf)).map_err(at)?;
            each(leaf)?;
        }
        // with later attempts the batch is being finished, and its intents are older than that
        if ledger.attempts(&work.batch.id, number)?.iter().all(|attempt| *attempt == 0) {
            // some of it may have its certificates already; those of an external CA are recorded whole
            if job.way == Way::Foreign {
                ledger.request(&work.batch.id, number, linted)?;
            } else {
                ledger.record(&work.batch.id, number, linted)?;
            }
        }
        work.progress.advance(rows.len() as u64);
    }
    let (out, section) = writer.finish();
    let mut file = out.into_inner().map_err(|error| at(error.into_error()))?;
    file.flush().and_then(|()| file.rewind()).map_err(at)?;
    Ok(Drawn { leaves: BufReader::with_capacity(1 << 20, file), section, tbs_root: tree.root() })
}

/// A leaf's octets; one that was cut out of a padded zone keeps an octet of padding, so that whoever verifies it again
/// needs the same relaxation.
fn as_found(leaf: &VerifiedLeaf) -> Vec<u8> {
    let mut der = leaf.certificate().der().to_vec();
    if leaf.proof().relaxations.contains(&Relaxation::TrailingPadding) {
        der.push(0);
    }
    der
}

fn size(place: &Path) -> Result<u64, Error> {
    let at = |source| DurableError::Io { doing: "look at", path: place.to_owned(), source };
    Ok(std::fs::metadata(place).map_err(at)?.len())
}

/// Digest and size of the plan that lies there, if it is one of this batch, whole.
fn planned_before(job: &Job<'_>, place: &Path, row: &BatchRow) -> Result<Option<(Sha256Digest, u64)>, Error> {
    let planners = std::slice::from_ref(job.manifest_certificate);
    let Ok(mut found) = PlanFile::open(place, planners) else { return Ok(None) };
    if found.head.batch != row.id.to_string() || found.leaves(|_| true).is_err() {
        return Ok(None);
    }
    Ok(Some((sha256(&found.signed.0), size(place)?)))
}

/// What lies there is this very plan, whole.
fn check_same(job: &Job<'_>, place: &Path, head: &[u8]) -> Result<(), Error> {
    let planners = std::slice::from_ref(job.manifest_certificate);
    let mut found = PlanFile::open(place, planners).map_err(|_| other(job))?;
    if found.signed.0 != head {
        return Err(other(job));
    }
    found.leaves(|_| true).map_err(|_| other(job))
}

fn other(job: &Job<'_>) -> Error {
    Error::OutputExists { path: job.out.to_owned() }
}

/// Reads octets as each part of a plan and as signatures, without asking who signed them.
#[cfg(fuzzing)]
pub fn fuzz(octets: &[u8]) {
    if let Ok(head) = Head::parse(octets) {
        let _ = (head.row(), head.expected(""), head.tbs_root());
    }
    file::fuzz(octets);
    signatures::fuzz(octets);
}
