//! The pipeline: the one file that knows the order of things.
//!
//! ```text
//! intake     every item of every input is read and examined once; verified leaves are spooled     (intake)
//!            at the instant of the batch: if this command has run before, that of its batch;
//!            chain, history and clock are what an auditor will accept                             (pipeline/preflight)
//! settle     conflicts among them, the expected list, what the ledger knows of them               (pipeline/settle)
//! draw       the batch row: found again by the command or by its leaves, or new
//! lint       every tbsCertificate is built and linted; here the run stops if anything was rejected
//! begin      the batch row and its leaves become durable
//! issue      chunk by chunk in UID order: build -> record -> sign -> check -> record -> write       (pipeline/sign, write)
//! seal       statement and signature are recorded once, then the directory gets its name          (pipeline/seal)
//! ```
//!
//! Nothing is signed before `begin` returns; nothing has its final name before the ledger holds the sealed statement.
//! Running the same command again is the recovery: every step finds what an earlier run left and goes on from there.

mod again;
pub(crate) mod build;
pub mod code;
pub(crate) mod elsewhere;
pub(crate) mod job;
pub(crate) mod preflight;
pub(crate) mod seal;
pub(crate) mod settle;
pub(crate) mod sign;
pub(crate) mod work;
pub(crate) mod write;

use job::{Bound, Start};
pub use job::{Elapsed, Job, OnMissing, OnReject, OnSurplus, Outcome, Progress, Refusal, Stage, Summary, Timings};
pub use preflight::MAX_AHEAD_DAYS;

use std::io::Read;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::cert::Encoder;
use crate::durable;
use crate::error::CoreError;
use crate::error::Error;
use crate::findings::Findings;
use crate::intake::{Source, read_and_verify};
use crate::issue::Issuer;
pub use crate::ledger::Way;
use crate::ledger::{BatchRow, BatchState, BatchTerms, Ledger};
use crate::manifest::{self, Counts, Entry, IssuerMode};
use crate::reel::{Edition, Input, InputRecord, Limits};
use crate::x509::Time;

use preflight::{Cleared, Ground};
use seal::{Rejected, Sealing};
use settle::Settled;
use work::Work;
use write::Written;

/// What an interrupted, refused or finished run leaves behind is on the ledger and at `job.out`; see [`Outcome`].
///
/// # Errors
/// The environment's, the policy's or our own fault. A leaf's fault is a finding in the outcome, never an error.
pub fn reissue(
    job: &Job<'_>,
    issuer: &Issuer,
    ledger: &Ledger,
    stdin: &mut (dyn Read + Send),
    progress: &dyn Progress,
    cancel: &AtomicBool,
) -> Result<Outcome, Error> {
    let mut run = Run { job, progress, cancel, timings: Timings::default() };

    seal::check_output_place(job.out, ledger)?;
    // first the policy, whose mistakes have their place; then what only the key's holder knows
    job.policy.check_issuer(job.issuer)?;
    issuer.check_algorithm(job.policy.signature())?;
    let Ready { row, bound, mut settled, cleared } = match first_pass(&mut run, ledger, stdin)? {
        FirstPass::Ready(ready) => *ready,
        FirstPass::Refused(refusal) => return Ok(Outcome::Refused(refusal)),
    };
    if let Some(published) = seal::already_published(job.out, ledger, &row, || settled.summary(&row))? {
        return Ok(Outcome::AlreadyDone(published.with_timings(run.timings)));
    }
    settled.check_account()?;
    if job.dry_run {
        return Ok(Outcome::DryRun(settled.summary(&row).with_timings(run.timings)));
    }

    begin(ledger, &row, &settled, cleared.as_ref())?;
    run.interrupted()?;
    let (written, resumed) = run.timed(Stage::Issue, |run| {
        let work = run.work(&row, &bound, &settled);
        let mut written = Written::create(job.out, &row, job.policy.source().family, &job.forms)?;
        let resumed =
            sign::issue_all(&work, ledger, issuer, &mut |chunk| written.add(&work, job.reissue.as_deref(), chunk))?;
        Ok((written, resumed))
    })?;
    let summary = run.timed(Stage::Seal, |_| {
        let expected = settled.expected(job);
        let mut summary = settled.summary(&row);
        summary.resumed = resumed;
        let sealing = Sealing {
            row: &row,
            issuer: job.issuer,
            mode: IssuerMode::Local,
            manifest_certificate: job.manifest_certificate,
            manifest_signer: job.manifest_signer,
            policy: job.policy,
            params: &job.params,
            anchors: job.anchors,
            intermediates: settled.verifier.intermediates().collect(),
            expected,
            bulk_id: job.bulk_id.clone().filter(|_| job.publish_bulk_id),
            rejected: Rejected::Listed(summary.findings.clone()),
            inputs: settle::input_lines(&settled.inputs),
            counts: Counts {
                items: summary.items,
                issued: summary.issued,
                rejected: summary.rejected,
                ignored: summary.ignored,
                signatures_made: ledger.signatures_made(&row.id)?,
            },
            now: job.now,
            tool: job.tool,
        };
        seal::seal_and_publish(&sealing, ledger, written, &mut summary)?;
        Ok(summary)
    })?;
    Ok(Outcome::Done(summary.with_timings(run.timings)))
}

/// What pass 1 comes to.
pub(crate) enum FirstPass {
    /// Every leaf is verified, every tbsCertificate was built and is clean.
    Ready(Box<Ready>),
    /// Nothing may be signed.
    Refused(Refusal),
}

/// A batch that may begin, or go on.
pub(crate) struct Ready {
    pub(crate) row: BatchRow,
    pub(crate) bound: Bound,
    pub(crate) settled: Settled,
    /// None for a batch that is sealed: nothing of it can change.
    pub(crate) cleared: Option<Cleared>,
}

/// Pass 1: reads every input once, settles which leaves are to be issued, finds the batch again or draws a new one, and
/// lints everything. Records nothing.
///
/// A batch that an earlier release began follows from the rules of its time: if the inputs do not fit it under today's
/// rules of reading, they are read again under the earlier ones.
pub(crate) fn first_pass(
    run: &mut Run<'_>,
    ledger: &Ledger,
    stdin: &mut (dyn Read + Send),
) -> Result<FirstPass, Error> {
    check_words(run.job)?;
    let outcome = first_pass_in_editions(run, ledger, stdin)?;
    let findings = match &outcome {
        FirstPass::Ready(ready) => &ready.settled.listed,
        FirstPass::Refused(refusal) => &refusal.findings,
    };
    list(run.job.findings, findings)?;
    Ok(outcome)
}

fn first_pass_in_editions(
    run: &mut Run<'_>,
    ledger: &Ledger,
    stdin: &mut (dyn Read + Send),
) -> Result<FirstPass, Error> {
    let mut begun = None;
    let outcome = first_pass_by(run, ledger, stdin, run.job.limits.edition, &mut begun);
    let unfit = matches!(outcome, Ok(FirstPass::Refused(_)) | Err(Error::LeavesDiffer { .. }));
    // batches of encoder 2 were all begun by today's rules
    if begun == Some(Encoder::One) && unfit && !run.job.inputs.contains(&Input::Stdin) {
        for edition in Edition::EARLIER {
            let again = first_pass_by(run, ledger, stdin, *edition, &mut begun);
            if matches!(again, Ok(FirstPass::Ready(_)) | Err(Error::Core(CoreError::Interrupted))) {
                return again;
            }
        }
    }
    outcome
}

/// Pass 1 under one edition of the rules of reading. Sets `begun` to the batch's encoder if the ledger knows it.
fn first_pass_by(
    run: &mut Run<'_>,
    ledger: &Ledger,
    stdin: &mut (dyn Read + Send),
    edition: Edition,
    begun: &mut Option<Encoder>,
) -> Result<FirstPass, Error> {
    let job = run.job;
    let limits = Limits { edition, ..job.limits.clone() };
    let mut earlier = None;
    let mut cleared = None;
    let intake = run.timed(Stage::Intake, |run| {
        let source = Source {
            inputs: job.inputs,
            limits: &limits,
            anchors: job.anchors,
            rules: job.policy.source(),
            at: job.now,
            scratch: durable::parent(job.out),
            jobs: job.jobs,
            engine: job.engine,
            advance: &|count| run.progress.advance(count),
            cancel: run.cancel,
        };
        read_and_verify(&source, stdin, |inputs| {
            earlier = find(job, ledger, inputs)?;
            let issued_at = earlier.as_ref().map_or(job.now, |row| row.issued_at);
            if !earlier.as_ref().is_some_and(is_sealed) {
                check_valid(job)?;
                cleared = Some(preflight::check(&ground(job, issued_at), ledger)?);
            }
            Ok(issued_at)
        })
    })?;
    *begun = earlier.as_ref().map(|row| row.terms.encoder);
    if earlier.is_some() {
        check_head(job, ledger, earlier.as_ref())?;
        check_earlier(job, earlier.as_ref())?;
    }
    let (mut settled, earlier) = run.timed(Stage::Settle, |run| settle::settle(run, ledger, intake, earlier))?;
    *begun = earlier.as_ref().map(|row| row.terms.encoder).or(*begun);
    check_head(job, ledger, earlier.as_ref())?;
    check_earlier(job, earlier.as_ref())?;
    settled.warnings.extend(cleared.iter().flat_map(|cleared: &Cleared| cleared.notes.iter().cloned()));
    if settled.nothing_left() {
        return Ok(FirstPass::Refused(settled.refused(job.on_reject)?));
    }

    settled.warnings.extend(earlier.as_ref().and_then(|row| other_beacon(job, row)));
    let resumed = earlier.is_some();
    let row = earlier.unwrap_or_else(|| settled.draw(job));
    let bound = job.bind(&row)?;
    run.timed(Stage::Lint, |run| build::lint_all(run, &bound, &row, &mut settled))?;
    if settled.stops(job.on_reject) {
        return Ok(FirstPass::Refused(settled.refused(job.on_reject)?));
    }
    let row = settled.confirm(row, resumed)?;
    settled.list_findings()?;
    // found by its leaves: with another list its findings would be others, and it comes out as it was or not at all
    let again = settled.found_by_leaves.is_some() && is_sealed(&row) && job.out.symlink_metadata().is_err();
    if again && !seal::has_lists(ledger, &row, &settled.listed, settled.expected(job).as_ref())? {
        settled.refuse(format!("batch {} is sealed and comes out only as it was, with the list of then", row.id));
        return Ok(FirstPass::Refused(settled.refused(job.on_reject)?));
    }
    Ok(FirstPass::Ready(Box::new(Ready { row, bound, settled, cleared })))
}

/// Writes the list of findings that was asked for.
pub(crate) fn list(path: Option<&Path>, findings: &Findings) -> Result<(), Error> {
    Ok(path.map_or(Ok(()), |path| findings.write_to(path))?)
}

fn ground<'a>(job: &'a Job<'_>, issued_at: Time) -> Ground<'a> {
    Ground {
        policy: job.policy,
        issuer: job.issuer,
        manifest_certificate: Some(job.manifest_certificate),
        anchors: job.anchors,
        issued_at,
        now: job.now,
        accept_clock: job.accept_clock.as_deref(),
    }
}

/// The batch that this very command began: under the encoder of new batches, else under one of an earlier release.
fn find(job: &Job<'_>, ledger: &Ledger, inputs: &[InputRecord]) -> Result<Option<BatchRow>, Error> {
    let terms = settle::terms(job, inputs);
    for encoder in Encoder::ALL {
        if let Some(row) = ledger.find(&BatchTerms { encoder, ..terms.clone() }.key())? {
            return Ok(Some(row));
        }
    }
    Ok(None)
}

/// What would only come out at the first signature or, worse, after the last.
fn check_words(job: &Job<'_>) -> Result<(), Error> {
    for (name, reason) in [("reissue", &job.reissue), ("bulk_id", &job.bulk_id), ("accept_clock", &job.accept_clock)] {
        reason.as_deref().map_or(Ok(()), |reason| Entry::check_reason(name, reason))?;
    }
    if job.beacon.is_some() {
        if matches!(job.way, Way::Cmp | Way::Foreign) {
            return Err(Error::BeaconUnused { reason: "another CA chooses the serial numbers" });
        }
        if job.policy.copies_serial() {
            return Err(Error::BeaconUnused { reason: "the policy copies the serial numbers of the leaves" });
        }
    }
    Ok(())
}

/// Like its seed and its instant, a batch has the beacon with which it was begun.
fn other_beacon(job: &Job<'_>, row: &BatchRow) -> Option<String> {
    let given = job.beacon?;
    let has = match row.beacon {
        Some(beacon) if beacon == given => return None,
        Some(beacon) => format!("the beacon with SHA-256 {beacon}"),
        None => "no beacon".to_owned(),
    };
    Some(format!("batch {} was begun before with {has}, and goes on with that; the one given now is not used", row.id))
}

/// A ledger restored from an old backup would let chips be issued a second time. The head that a broken run of this
/// command was given is not the one it left behind.
fn check_head(job: &Job<'_>, ledger: &Ledger, earlier: Option<&BatchRow>) -> Result<(), Error> {
    let Some(expected) = job.expect_head else { return Ok(()) };
    let found = ledger.head()?;
    if found == expected {
        return Ok(());
    }
    match earlier {
        Some(row) if ledger.head_before(&row.id)? == expected => Ok(()),
        _ => Err(Error::HeadDiffers { found, expected }),
    }
}

/// A batch keeps the form in which it was begun.
fn check_earlier(job: &Job<'_>, earlier: Option<&BatchRow>) -> Result<(), Error> {
    let asked = job.delivery();
    if let Some(row) = earlier.filter(|row| row.delivery != asked) {
        let (recorded, asked) = (row.delivery.to_string(), asked.to_string());
        return Err(Error::DeliveryDiffers { batch: row.id.to_string(), recorded, asked });
    }
    Ok(())
}

/// What is sealed needs no certificate that is valid now; everything else does.
fn check_valid(job: &Job<'_>) -> Result<(), Error> {
    for certificate in [job.issuer.certificate(), job.manifest_certificate] {
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
    }
    Ok(manifest::seal::check_signer(job.manifest_certificate, job.now)?)
}

/// The batch row and the whole leaf list become durable before the first intent: an open batch holds its leaves
/// against every other batch.
pub(crate) fn begin(
    ledger: &Ledger,
    row: &BatchRow,
    settled: &Settled,
    cleared: Option<&Cleared>,
) -> Result<(), Error> {
    cleared.map_or(Ok(()), |cleared| cleared.record(ledger))?;
    if ledger.batch(&row.id)?.is_none() {
        ledger.begin(row.clone(), &settled.leaves())?;
    }
    Ok(())
}

/// One run's surroundings, handed to every stage.
pub(crate) struct Run<'a> {
    pub(crate) job: &'a Job<'a>,
    pub(crate) progress: &'a dyn Progress,
    pub(crate) cancel: &'a AtomicBool,
    pub(crate) timings: Timings,
}

impl<'a> Run<'a> {
    pub(crate) fn timed<T>(
        &mut self,
        stage: Stage,
        work: impl FnOnce(&mut Self) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let start = Start::now();
        self.progress.begin(stage);
        let result = work(self);
        self.progress.end(stage);
        self.timings.add(stage, &start);
        result
    }

    /// What pass 2 works on.
    pub(crate) fn work<'b>(&self, row: &'b BatchRow, bound: &'b Bound, settled: &'b Settled) -> Work<'b>
    where
        'a: 'b,
    {
        Work {
            issuer: self.job.issuer,
            bound,
            batch: row,
            rows: &settled.rows,
            spool: &settled.spool,
            verifier: &settled.verifier,
            jobs: self.job.jobs,
            progress: self.progress,
            cancel: self.cancel,
        }
    }

    /// Ctrl-C ends the run at the next chunk border; the batch stays open and the same command resumes it.
    pub(crate) fn interrupted(&self) -> Result<(), Error> {
        if self.cancel.load(Ordering::Relaxed) { Err(Error::INTERRUPTED) } else { Ok(()) }
    }
}

/// Whether this batch was sealed by an earlier run.
fn is_sealed(row: &BatchRow) -> bool {
    row.state == BatchState::Sealed
}
