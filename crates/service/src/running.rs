//! What is going on in this process: how far each run is, who waits for a change, and what ends a run.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

use reroot_issue::pipeline::{Progress, Stage};
use tokio::sync::watch;

/// One run of a job.
#[derive(Debug)]
pub struct Live {
    /// Ends the run at the next border between chunks.
    pub cancel: AtomicBool,
    /// Whether a person asked for that.
    pub by_person: AtomicBool,
    stage: AtomicU32,
    done: AtomicU64,
    total: AtomicU64,
}

/// How far a run is: a sample.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Progressed {
    /// The stage.
    pub stage: &'static str,
    /// What is done of it.
    pub done: u64,
    /// What there is to do; 0 until it was counted.
    pub total: u64,
}

impl Live {
    fn new() -> Self {
        Self {
            cancel: AtomicBool::new(false),
            by_person: AtomicBool::new(false),
            stage: AtomicU32::new(u32::MAX),
            done: AtomicU64::new(0),
            total: AtomicU64::new(0),
        }
    }

    /// A sample of how far it is.
    pub fn progressed(&self) -> Option<Progressed> {
        let stage = match self.stage.load(Ordering::Relaxed) {
            SIGN => "sign",
            stage => Stage::ALL.into_iter().find(|known| *known as u32 == stage)?.as_str(),
        };
        Some(Progressed { stage, done: self.done.load(Ordering::Relaxed), total: self.total.load(Ordering::Relaxed) })
    }

    /// Notes how far the signer is.
    pub fn signing(&self, done: u64, total: u64) {
        self.stage.store(SIGN, Ordering::Relaxed);
        self.done.store(done, Ordering::Relaxed);
        self.total.store(total, Ordering::Relaxed);
    }

    /// Counts what a look through files has done.
    pub fn advanced(&self, count: u64) {
        self.done.fetch_add(count, Ordering::Relaxed);
    }
}

impl Progress for Live {
    fn begin(&self, stage: Stage) {
        self.done.store(0, Ordering::Relaxed);
        self.total.store(0, Ordering::Relaxed);
        self.stage.store(stage as u32, Ordering::Relaxed);
    }

    fn total(&self, count: u64) {
        self.total.store(count, Ordering::Relaxed);
    }

    fn advance(&self, count: u64) {
        self.advanced(count);
    }

    fn end(&self, _: Stage) {}
}

/// The stage that another process does.
const SIGN: u32 = 1000;

/// Uploads whose content arrives now.
#[derive(Debug, Default)]
pub struct Arriving(Mutex<HashSet<String>>);

impl Arriving {
    /// Notes that an upload arrives. Returns whether it did not already.
    pub fn begin(&self, id: &str) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(id.to_owned())
    }

    /// Notes that an upload arrives no longer.
    pub fn end(&self, id: &str) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(id);
    }

    /// Whether an upload arrives.
    pub fn contains(&self, id: &str) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).contains(id)
    }

    /// How many do.
    pub fn count(&self) -> usize {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).len()
    }
}

/// What is going on in this process.
#[derive(Debug)]
pub struct Running {
    changed: watch::Sender<u64>,
    live: Mutex<HashMap<String, Arc<Live>>>,
    work: Mutex<u64>,
    wake: Condvar,
    needed: AtomicU32,
}

impl Default for Running {
    fn default() -> Self {
        Self {
            changed: watch::Sender::new(0),
            live: Mutex::default(),
            work: Mutex::default(),
            wake: Condvar::new(),
            needed: AtomicU32::new(1),
        }
    }
}

impl Running {
    /// Receives a number that grows with every change of any job.
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.changed.subscribe()
    }

    /// Says that a job has changed, to those who wait for it and to the threads that look for work.
    pub fn changed(&self) {
        self.changed.send_modify(|count| *count += 1);
        *self.work.lock().unwrap_or_else(PoisonError::into_inner) += 1;
        self.wake.notify_all();
    }

    /// Waits for a change after `seen`, but not longer than `most`. Returns the number of changes.
    pub fn wait(&self, seen: u64, most: Duration) -> u64 {
        let work = self.work.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self.wake.wait_timeout_while(work, most, |work| *work == seen);
        *waited.unwrap_or_else(PoisonError::into_inner).0
    }

    /// The run of a job, if there is one.
    pub fn live(&self, id: &str) -> Option<Arc<Live>> {
        self.live.lock().unwrap_or_else(PoisonError::into_inner).get(id).cloned()
    }

    /// Starts to follow a run, or finds the one that is followed.
    pub fn follow(&self, id: &str) -> Arc<Live> {
        let mut live = self.live.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(live.entry(id.to_owned()).or_insert_with(|| Arc::new(Live::new())))
    }

    /// Notes that a person ends a run, whether it has started or not.
    pub fn stop_by_person(&self, id: &str) -> Arc<Live> {
        let live = self.follow(id);
        live.by_person.store(true, Ordering::Relaxed);
        live
    }

    /// Follows a run no longer.
    pub fn forget(&self, id: &str) {
        self.live.lock().unwrap_or_else(PoisonError::into_inner).remove(id);
    }

    /// Ends every run at the next border between chunks: the process ends.
    pub fn stop(&self) {
        for live in self.live.lock().unwrap_or_else(PoisonError::into_inner).values() {
            live.cancel.store(true, Ordering::Relaxed);
        }
        self.changed();
    }

    /// How many approvals the signer wanted when it was asked last.
    pub fn needed(&self) -> u32 {
        self.needed.load(Ordering::Relaxed)
    }

    /// Notes how many approvals the signer wants.
    pub fn note_needed(&self, needed: u32) {
        self.needed.store(needed, Ordering::Relaxed);
    }
}
