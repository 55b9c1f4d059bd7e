//! The pipeline: [`run`] is the one place that defines the order of the steps.
//!
//! ```text
//! place      the output's place is free, or holds what this ledger sealed                           (output)
//! admit      every leaf is verified, settled and built; nothing is recorded                         (intake)
//!              from a reel: every item is read once, conflicts and the expected list are settled,
//!              the batch row is found again or drawn, every tbsCertificate is built and linted      (settle, build)
//!              from a plan: nothing of it is believed that can be derived again
//! begin      the batch row and its leaves become durable
//! issue      chunk by chunk in UID order: build -> record -> sign -> check -> record -> hand on     (authority, sign)
//! seal       what was made gets its name, after the ledger holds what it needs to be made again     (output, seal)
//! ```
//!
//! Two things vary, and both are arguments. The [`Task`] says what is read and what is left behind: a batch of a reel
//! ([`Issue`]), a plan for a reel ([`Plan`]), signatures for a plan ([`Sign`]), a batch of a plan ([`Finish`]). The
//! [`Authority`] says who signs: the key at hand, a signing machine without a network, an external CA by file or by CMP.
//!
//! Nothing is signed before `begin` returns; nothing has its final name before the ledger holds what it was made from.
//! Running the same command again is the recovery: every step finds what an earlier run left and goes on from there.

mod again;
pub mod authority;
mod build;
mod builder;
pub mod code;
mod events;
mod intake;
mod job;
mod kept;
mod known;
mod outcome;
mod output;
mod preflight;
mod report;
mod republish;
mod seal;
mod settle;
mod sign;
mod task;
mod terms;
mod worker;

pub use authority::{AirGapped, Authority, Cmp, ExternalFile, Local};
pub use builder::{FinishBasis, FinishJobBuilder, JobBasis, JobBuilder, SignBasis, SignJobBuilder};
pub use job::{FinishJob, Job, OnMissing, OnSurplus, SignJob};
pub use known::KnownLedger;
pub use outcome::{Elapsed, Outcome, Planned, Progress, Refusal, Signed, Stage, Summary, Timings};
pub use preflight::MAX_AHEAD_DAYS;
pub use report::Ended;
pub use republish::Republish;
pub(crate) use seal::sealed_at;
#[cfg(fuzzing)]
pub use task::fuzz_sign;
pub use task::{Finish, Issue, Plan, Sign, Task};
pub use worker::{PoolJob, Worked, work};

pub use crate::ledger::OnReject;

use std::sync::atomic::{AtomicBool, Ordering};

use crate::error::Error;
use crate::ledger::Ledger;

use authority::Asked;
use intake::{Admission, Ready};
use outcome::Start;
use output::{Found, Output};

/// Does a task with an authority. What an interrupted, refused or finished run leaves behind is on the ledger and at the
/// output's place; see [`Outcome`].
///
/// # Errors
/// The environment's, the policy's or our own fault. A leaf's fault is a finding in the outcome, never an error.
pub fn run<'a, T: Task<'a>>(
    task: T,
    ledger: &Ledger,
    authority: &dyn Authority,
    progress: &dyn Progress,
    cancel: &AtomicBool,
) -> Result<Outcome<<T::Output as Output>::Product>, Error> {
    let mut run = Run { progress, cancel, timings: Timings::default() };
    let outcome = steps(&mut run, task, ledger, authority)?;
    events::ended(&outcome);
    Ok(outcome)
}

fn steps<'a, T: Task<'a>>(
    run: &mut Run<'_>,
    mut task: T,
    ledger: &Ledger,
    authority: &dyn Authority,
) -> Result<Outcome<<T::Output as Output>::Product>, Error> {
    events::began(authority.kind());
    let output = task.output(authority.kind())?;

    // Nothing has been read. A place that cannot be used is refused now and not after hours.
    output.check_place(ledger)?;

    let mut ready = match task.admit(run, ledger, authority)? {
        Admission::Ready(ready) => *ready,
        Admission::Refused(refusal) => return Ok(Outcome::Refused(refusal)),
    };

    events::admitted(&ready);

    // Every leaf is verified, every tbsCertificate was built and is clean, and every item is accounted for. Nothing is
    // durable: a crash here leaves nothing behind, and the same command reads everything again.
    match output.found(&mut ready, ledger)? {
        Some(Found::Done(product)) => return Ok(Outcome::AlreadyDone(T::Output::timed(product, run.timings))),
        Some(Found::Refused(refusal)) => return Ok(Outcome::Refused(refusal)),
        None => {}
    }
    if task.is_dry_run() {
        return Ok(Outcome::DryRun(Summary { timings: run.timings, ..ready.summary() }));
    }
    task.confirm(&ready, ledger)?;

    begin(ledger, &ready)?;

    // The batch row and its whole leaf list are durable; nothing is signed. A crash here leaves an open batch that holds
    // its leaves against every other batch. The same command finds it by its terms or its leaves and goes on with it.
    run.interrupted()?;
    let made =
        run.timed(Stage::Issue, |run| output.make(&Asked { ready: &ready, work: ready.work(run), ledger }, authority))?;
    let made = match made {
        Ok(made) => made,
        // The batch stays open: what was asked for is on the ledger, and the same command asks for the rest.
        Err(refusal) => return Ok(Outcome::Refused(refusal)),
    };

    // Every certificate of the batch is on the ledger (of a plan: every intent), and a copy is in files with unfinished
    // names. A crash here loses the files alone. The same command makes them again from the ledger and signs nothing.
    let (already, product) = run.timed(Stage::Seal, |_| output.seal(&mut ready, made, ledger))?;

    // Everything has its name, and the ledger is on disk. From here on the same command answers "already done".
    let product = T::Output::timed(product, run.timings);
    Ok(if already { Outcome::AlreadyDone(product) } else { Outcome::Done(product) })
}

/// The batch row and the whole leaf list become durable before the first intent, and before them that a person accepted
/// the clock.
fn begin(ledger: &Ledger, ready: &Ready<'_>) -> Result<(), Error> {
    ready.cleared.as_ref().map_or(Ok(()), |cleared| cleared.record(ledger))?;
    let resumed = ledger.batch(&ready.row.id)?.is_some();
    if !resumed {
        ledger.begin(ready.row.clone(), &ready.leaves())?;
    }
    events::batch_started(ready, resumed);
    Ok(())
}

/// One run's surroundings, handed to every stage.
#[expect(missing_debug_implementations, reason = "holds the caller's progress")]
pub struct Run<'a> {
    progress: &'a dyn Progress,
    cancel: &'a AtomicBool,
    timings: Timings,
}

impl Run<'_> {
    fn timed<T>(&mut self, stage: Stage, work: impl FnOnce(&mut Self) -> Result<T, Error>) -> Result<T, Error> {
        let start = Start::now();
        events::stage_begins(stage);
        self.progress.begin(stage);
        let result = work(self);
        self.progress.end(stage);
        let elapsed = self.timings.add(stage, &start);
        events::stage_ends(stage, elapsed, result.is_ok());
        result
    }

    /// Ctrl-C ends the run at the next chunk border; the batch stays open and the same command resumes it.
    fn interrupted(&self) -> Result<(), Error> {
        if self.cancel.load(Ordering::Relaxed) { Err(Error::INTERRUPTED) } else { Ok(()) }
    }
}
