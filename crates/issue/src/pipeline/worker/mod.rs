//! A worker of a pool: it claims chunks, signs them as the signing machine of a plan does, and says what became of each.
//!
//! The ledger decides and leases are only efficiency: a chunk that two workers sign has the certificates that were recorded
//! first. The worker records what it signed before anything else happens, also when a signal ends it or it has lost the chunk.
//!
//! The calling thread talks to the pool: it claims, makes leases longer, and settles. Each chunk has a thread of its own.

mod batch;
mod chunk;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::ScopedJoinHandle;
use std::time::{Duration, Instant};

use tracing::{info, warn};

use crate::approval::Rule;
use crate::error::Error;
use crate::issue::Issuer;
use crate::ledger::{Claim, Ledger, LedgerError, Pool, Settled, Worker};
use crate::parallel;
use crate::plan::LeafStore;
use crate::x509::{Certificate, Sha256Digest, Time};

use super::Progress;
use super::outcome::Stage;
use batch::Batches;
use chunk::{Fault, Held};

/// What a worker may sign, and how it works.
#[expect(missing_debug_implementations, reason = "holds callbacks")]
pub struct PoolJob<'a> {
    /// The issuing CA and its key.
    pub issuer: &'a Issuer,
    /// Trust anchors for source leaves: this machine's own.
    pub anchors: &'a [Certificate],
    /// SHA-256 of the approved policies.
    pub policies: &'a [Sha256Digest],
    /// How many days a batch's instant may be from this machine's clock.
    pub max_days: u32,
    /// How many persons must approve. A worker can be given no approval.
    pub rule: Rule<'a>,
    /// Where the files of the chunks are.
    pub leaves: &'a LeafStore,
    /// A directory for files that have no name.
    pub scratch: &'a Path,
    /// What the pool knows this worker by.
    pub worker: &'a Worker,
    /// How long a chunk is this worker's without a sign of life.
    pub lease: Duration,
    /// Chunks that are signed at once.
    pub at_once: usize,
    /// Whether the worker ends when no chunk is left. Otherwise it waits for the next batch.
    pub until_empty: bool,
    /// Threads, of all chunks together.
    pub jobs: usize,
    /// This machine's clock.
    pub clock: &'a (dyn Fn() -> Time + Sync),
    /// Fills a buffer with random bytes: workers that wait do not ask at the same moment.
    pub random: &'a (dyn Fn(&mut [u8]) + Sync),
    /// Tells a person what went wrong with a chunk.
    pub note: &'a (dyn Fn(&str) + Sync),
}

impl PoolJob<'_> {
    fn jobs_each(&self) -> usize {
        (self.jobs / self.at_once).max(1)
    }
}

/// What a worker did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Worked {
    /// Chunks that it finished.
    pub chunks: u64,
    /// Their certificates.
    pub certificates: u64,
    /// Chunks that it gave back because of what is in them.
    pub failed: u64,
    /// Chunks that no worker gets any more, if the worker ended because none was left.
    pub parked: u64,
}

/// Signs chunks until none is left, if `job` says so, or until `cancel` is set.
///
/// # Errors
/// The signer, the ledger or the leaves failed, this machine may not sign a batch, or `cancel` was set. The worker has
/// recorded what it signed, and has given its chunks back.
pub fn work(
    job: &PoolJob<'_>,
    ledger: &Ledger,
    pool: &mut Pool,
    progress: &dyn Progress,
    cancel: &AtomicBool,
) -> Result<Worked, Error> {
    run(job, ledger, pool, progress, cancel)
}

/// What a worker asks of the pool.
trait Desk {
    fn claim(&mut self, worker: &Worker, lease: Duration, limit: usize) -> Result<Vec<Claim>, LedgerError>;
    fn extend(&mut self, worker: &Worker, claims: &[Claim], lease: Duration) -> Result<Vec<u64>, LedgerError>;
    fn settle(&mut self, claim: &Claim, how: Settled<'_>) -> Result<bool, LedgerError>;
    /// Chunks that are open or leased, and chunks that are parked.
    fn left(&mut self) -> Result<(u64, u64), LedgerError>;
}

impl Desk for Pool {
    fn claim(&mut self, worker: &Worker, lease: Duration, limit: usize) -> Result<Vec<Claim>, LedgerError> {
        Self::claim(self, worker, lease, limit)
    }

    fn extend(&mut self, worker: &Worker, claims: &[Claim], lease: Duration) -> Result<Vec<u64>, LedgerError> {
        Self::extend(self, worker, claims, lease)
    }

    fn settle(&mut self, claim: &Claim, how: Settled<'_>) -> Result<bool, LedgerError> {
        Self::settle(self, claim, how)
    }

    fn left(&mut self) -> Result<(u64, u64), LedgerError> {
        let status = self.status()?;
        Ok((status.unfinished(), status.parked.len() as u64))
    }
}

fn run(
    job: &PoolJob<'_>,
    ledger: &Ledger,
    desk: &mut dyn Desk,
    progress: &dyn Progress,
    cancel: &AtomicBool,
) -> Result<Worked, Error> {
    let batches = Batches::new(job, ledger);
    let (bell, rung) = channel();
    progress.begin(Stage::Issue);
    let worked = std::thread::scope(|scope| {
        let mut shift = Shift::new(job, desk, progress);
        let start = |claim: Claim| {
            let held = Arc::new(Held { claim, stop: AtomicBool::new(false) });
            let work = {
                let (held, bell, batches) = (Arc::clone(&held), Bell(bell.clone(), held.claim.token), &batches);
                move || {
                    let _bell = bell;
                    chunk::sign(job, batches, ledger, &held)
                }
            };
            let thread = parallel::start_in(scope, work);
            thread.map(|thread| (Arc::clone(&held), thread)).map_err(|_| held)
        };
        while shift.goes_on(cancel) {
            for claim in shift.claim() {
                match start(claim) {
                    Ok(chunk) => shift.underway.push(chunk),
                    // without a thread to spare the lease is not made longer meanwhile, and can be lost
                    Err(held) => shift.settle(&held, chunk::sign(job, &batches, ledger, &held)),
                }
            }
            shift.wait(&rung);
        }
        shift.ended
    });
    progress.end(Stage::Issue);
    // also after a failure: what was recorded is noted
    let concluded = ledger.conclude();
    let worked = worked?;
    concluded?;
    Ok(worked)
}

/// Rings when a chunk's thread ends, also by a panic.
struct Bell(Sender<u64>, u64);

impl Drop for Bell {
    fn drop(&mut self) {
        // the worker waits as long as a chunk is underway
        let _ = self.0.send(self.1);
    }
}

/// A chunk and the thread that signs it.
type Underway<'scope> = (Arc<Held>, ScopedJoinHandle<'scope, Result<u64, Fault>>);

/// What a worker is at.
struct Shift<'a, 'scope> {
    job: &'a PoolJob<'a>,
    desk: &'a mut dyn Desk,
    progress: &'a dyn Progress,
    underway: Vec<Underway<'scope>>,
    /// When leases are made longer, and when the pool is asked for chunks.
    beat: Instant,
    ask: Instant,
    /// Whether the worker ends when it has no chunk any more.
    ends: bool,
    ended: Result<Worked, Error>,
}

impl<'a> Shift<'a, '_> {
    fn new(job: &'a PoolJob<'a>, desk: &'a mut dyn Desk, progress: &'a dyn Progress) -> Self {
        let now = Instant::now();
        let beat = now + job.lease / BEATS;
        Self { job, desk, progress, underway: vec![], beat, ask: now, ends: false, ended: Ok(Worked::default()) }
    }

    /// Whether there is something to do or to wait for.
    fn goes_on(&mut self, cancel: &AtomicBool) -> bool {
        if !self.ends && cancel.load(Ordering::Relaxed) {
            self.end(Error::INTERRUPTED);
        }
        !self.ends || !self.underway.is_empty()
    }

    /// Takes no more chunks, and stops those that are underway.
    fn end(&mut self, why: Error) {
        self.ends = true;
        if self.ended.as_ref().err().is_none_or(Error::is_interrupted) {
            self.ended = Err(why);
        }
        for (held, _) in &self.underway {
            held.stop.store(true, Ordering::Relaxed);
        }
    }

    /// The value; without one, the worker ends.
    fn noted<T>(&mut self, result: Result<T, LedgerError>) -> Option<T> {
        result.map_err(|error| self.end(error.into())).ok()
    }

    /// Takes as many chunks as there is room for.
    fn claim(&mut self) -> Vec<Claim> {
        let room = self.job.at_once - self.underway.len();
        if self.ends || room == 0 || Instant::now() < self.ask {
            return vec![];
        }
        let claims = self.desk.claim(self.job.worker, self.job.lease, room);
        let Some(claims) = self.noted(claims) else { return vec![] };
        for Claim { batch, chunk, attempts, .. } in &claims {
            info!(%batch, chunk, attempts, "chunk claimed");
        }
        if claims.len() < room {
            self.ask = Instant::now() + self.pause();
        }
        if claims.is_empty() && self.underway.is_empty() && self.job.until_empty {
            let left = self.desk.left();
            if let Some((0, parked)) = self.noted(left) {
                self.ends = true;
                self.count(|worked| worked.parked = parked);
            }
        }
        claims
    }

    /// From 0.2 to 2 seconds.
    fn pause(&self) -> Duration {
        let mut random = [0; 2];
        (self.job.random)(&mut random);
        Duration::from_millis(200 + 1_800 * u64::from(u16::from_be_bytes(random)) / 65_536)
    }

    /// Waits until a chunk ends or something is due, and makes leases longer.
    fn wait(&mut self, rung: &Receiver<u64>) {
        let now = Instant::now();
        let due = if self.underway.is_empty() { self.ask } else { self.beat };
        let pause = if self.ends && self.underway.is_empty() { Duration::ZERO } else { due - now.min(due) };
        if let Ok(token) = rung.recv_timeout(pause.min(TICK)) {
            let at = self.underway.iter().position(|(held, _)| held.claim.token == token);
            if let Some((held, thread)) = at.map(|at| self.underway.swap_remove(at)) {
                let result = thread.join().unwrap_or_else(|_| Err(Fault::Chunk("the program panicked".to_owned())));
                self.settle(&held, result);
                self.ask = Instant::now();
            }
        }
        if Instant::now() >= self.beat && !self.underway.is_empty() {
            self.beat = Instant::now() + self.job.lease / BEATS;
            let claims: Vec<Claim> = self.underway.iter().map(|(held, _)| held.claim.clone()).collect();
            let kept = self.desk.extend(self.job.worker, &claims, self.job.lease);
            let Some(kept) = self.noted(kept) else { return };
            for (held, _) in self.underway.iter().filter(|(held, _)| !kept.contains(&held.claim.token)) {
                held.stop.store(true, Ordering::Relaxed);
            }
        }
    }

    /// Tells the pool what became of a chunk.
    fn settle(&mut self, held: &Held, result: Result<u64, Fault>) {
        let claim = &held.claim;
        let Claim { batch, chunk, .. } = claim;
        let how = match &result {
            Ok(_) => Settled::Done,
            Err(Fault::Chunk(reason)) => Settled::Open { reason },
            Err(Fault::Lost | Fault::Stopped | Fault::Worker(_)) => Settled::Untouched,
        };
        let settled = self.desk.settle(claim, how);
        self.noted(settled);
        match result {
            Ok(certificates) => {
                info!(%batch, chunk, certificates, "chunk done");
                self.progress.advance(certificates);
                self.count(|worked| {
                    worked.chunks += 1;
                    worked.certificates += certificates;
                });
            }
            Err(Fault::Chunk(reason)) => {
                let attempts = claim.attempts;
                warn!(%batch, chunk, attempts, reason, "chunk given back");
                (self.job.note)(&format!("chunk {chunk} of batch {batch} was given back: {reason}"));
                self.count(|worked| worked.failed += 1);
            }
            Err(Fault::Lost | Fault::Stopped) => info!(%batch, chunk, "chunk stopped"),
            Err(Fault::Worker(error)) => self.end(error),
        }
    }

    fn count(&mut self, add: impl FnOnce(&mut Worked)) {
        if let Ok(worked) = &mut self.ended {
            add(worked);
        }
    }
}

/// How often a lease is made longer before it would run out.
const BEATS: u32 = 4;

/// How long the worker may take to see that it is to end.
const TICK: Duration = Duration::from_millis(100);

#[cfg(test)]
mod tests;
