//! The pipeline: the one file that knows the order of things.
//!
//! ```text
//! intake     every item of every input is read and examined once; verified leaves are spooled     (intake)
//!            at the instant of the batch: if this command has run before, that of its batch
//! settle     conflicts among them, the expected list, what the ledger knows of them               (reissue/settle)
//! draw       the batch row: found again, or new
//! lint       every tbsCertificate is built and linted; here the run stops if anything was rejected
//! begin      the batch row and its leaves become durable
//! issue      chunk by chunk in UID order: build -> record -> sign -> check -> record -> write       (reissue/issue)
//! seal       statement and signature are recorded once, then the directory gets its name          (reissue/seal)
//! ```
//!
//! Nothing is signed before `begin` returns; nothing has its final name before the ledger holds the sealed statement.
//! Running the same command again is the recovery: every step finds what an earlier run left and goes on from there.

pub mod code;
mod issue;
mod job;
mod lint;
mod seal;
mod settle;

pub use job::{Job, OnReject, Outcome, Progress, Refusal, Stage, Summary, Timings};

use std::io::Read;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::durable;
use crate::error::Error;
use crate::intake::{Source, read_and_verify};
use crate::ledger::{BatchRow, BatchState, Ledger};
use crate::manifest::{self, Entry};

/// What an interrupted, refused or finished run leaves behind is on the ledger and at `job.out`; see [`Outcome`].
///
/// # Errors
/// The environment's, the policy's or our own fault. A leaf's fault is a finding in the outcome, never an error.
pub fn reissue(
    job: &Job<'_>,
    ledger: &mut Ledger,
    stdin: &mut (dyn Read + Send),
    progress: &dyn Progress,
    cancel: &AtomicBool,
) -> Result<Outcome, Error> {
    let mut run = Run { job, progress, cancel, timings: Timings::default() };

    seal::check_output_place(job, ledger)?;
    check_words(job)?;
    let mut earlier = None;
    let intake = run.timed(Stage::Intake, |run| {
        let source = Source {
            inputs: job.inputs,
            limits: &job.limits,
            anchors: job.anchors,
            rules: job.policy.source(),
            at: job.now,
            scratch: durable::parent(job.out),
            jobs: job.jobs,
            engine: job.issuer.engine(),
            advance: &|count| run.progress.advance(count),
            cancel: run.cancel,
        };
        read_and_verify(&source, stdin, |inputs| {
            earlier = ledger.find(&settle::terms(job, inputs).key())?;
            Ok(earlier.as_ref().map_or(job.now, |row| row.issued_at))
        })
    })?;
    check_head(job, ledger, earlier.as_ref())?;
    check_earlier(job, earlier.as_ref())?;
    let mut settled = run.timed(Stage::Settle, |run| settle::settle(run, ledger, intake, earlier.as_ref()))?;
    if settled.nothing_left() {
        return Ok(settled.refused(job.on_reject));
    }

    let resumed = earlier.is_some();
    let row = earlier.unwrap_or_else(|| settled.draw(job));
    let bound = job.bind(&row)?;
    run.timed(Stage::Lint, |run| lint::lint_all(run, &bound, &row, &mut settled))?;
    if settled.stops(job.on_reject) {
        return Ok(settled.refused(job.on_reject));
    }
    let row = settled.confirm(row, resumed)?;
    if let Some(published) = seal::already_published(job, ledger, &row, &mut settled)? {
        return Ok(Outcome::AlreadyDone(published.with_timings(run.timings)));
    }
    settled.check_account()?;
    if job.dry_run {
        return Ok(Outcome::DryRun(settled.summary(&row).with_timings(run.timings)));
    }

    begin(ledger, &row, &settled)?;
    run.interrupted()?;
    let issued = run.timed(Stage::Issue, |run| issue::issue_all(run, ledger, &bound, &row, &settled))?;
    let summary = run.timed(Stage::Seal, |run| seal::seal_and_publish(run, ledger, &row, &mut settled, issued))?;
    Ok(Outcome::Done(summary.with_timings(run.timings)))
}

/// What would only come out at the first signature or, worse, after the last.
fn check_words(job: &Job<'_>) -> Result<(), Error> {
    // first the policy, whose mistakes have their place; then what only the key's holder knows
    job.policy.check_issuer(job.issuer.identity())?;
    job.issuer.check_algorithm(job.policy.signature())?;
    for (name, reason) in [("reissue", &job.reissue), ("bulk_id", &job.bulk_id)] {
        reason.as_deref().map_or(Ok(()), |reason| Entry::check_reason(name, reason))?;
    }
    Ok(())
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

/// A batch keeps the form in which it was begun. What is sealed needs no certificate that is valid now; everything else
/// does.
fn check_earlier(job: &Job<'_>, earlier: Option<&BatchRow>) -> Result<(), Error> {
    let asked = job.delivery();
    if let Some(row) = earlier.filter(|row| row.delivery != asked) {
        return Err(Error::DeliveryDiffers { batch: row.id.to_string(), recorded: row.delivery.clone(), asked });
    }
    if earlier.is_some_and(is_sealed) {
        return Ok(());
    }
    for certificate in [job.issuer.identity().certificate(), job.manifest_certificate] {
        let validity = certificate.validity();
        if !validity.contains(job.now) {
            return Err(Error::CertificateNotValid {
                subject: certificate.subject().to_string(),
                not_before: validity.not_before(),
                not_after: validity.not_after(),
                at: job.now,
            });
        }
    }
    Ok(manifest::seal::check_signer(job.manifest_certificate, job.now)?)
}

/// The batch row and the whole leaf list become durable before the first intent: an open batch holds its leaves
/// against every other batch.
fn begin(ledger: &mut Ledger, row: &BatchRow, settled: &settle::Settled) -> Result<(), Error> {
    if ledger.batch(&row.id)?.is_none() {
        ledger.begin(row.clone(), &settled.leaf_keys())?;
    }
    Ok(())
}

/// One run's surroundings, handed to every stage.
struct Run<'a> {
    job: &'a Job<'a>,
    progress: &'a dyn Progress,
    cancel: &'a AtomicBool,
    timings: Timings,
}

impl Run<'_> {
    fn timed<T>(&mut self, stage: Stage, work: impl FnOnce(&mut Self) -> Result<T, Error>) -> Result<T, Error> {
        let start = std::time::Instant::now();
        self.progress.begin(stage);
        let result = work(self);
        self.progress.end(stage);
        self.timings.add(stage, start.elapsed());
        result
    }

    /// Ctrl-C ends the run at the next chunk border; the batch stays open and the same command resumes it.
    fn interrupted(&self) -> Result<(), Error> {
        if self.cancel.load(Ordering::Relaxed) { Err(Error::Interrupted) } else { Ok(()) }
    }
}

/// Whether this batch was sealed by an earlier run.
fn is_sealed(row: &BatchRow) -> bool {
    row.state == BatchState::Sealed
}
