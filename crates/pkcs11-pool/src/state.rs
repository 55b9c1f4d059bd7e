//! What a pool of tokens knows at one moment: jobs, workers and the tokens' circuit breakers.

use std::sync::Arc;
use std::thread::JoinHandle;

use crate::x509::SignatureAlgorithm;

use crate::error::Pkcs11Error;
use crate::mechanism::Plan;
use crate::module::PooledSession;
use crate::watchdog::Activity;

/// Behind the pool's mutex.
pub(crate) struct State {
    pub(crate) jobs: Vec<Job>,
    pub(crate) next_job: u64,
    pub(crate) workers: Vec<Worker>,
    pub(crate) health: Vec<Health>,
    /// Sessions opened while the token was described, for each token's first worker.
    pub(crate) first_seats: Vec<Option<Arc<PooledSession>>>,
    /// Workers per token that may sign.
    pub(crate) active: usize,
    /// Why nothing is signed any more.
    pub(crate) stopped: Option<Pkcs11Error>,
    pub(crate) shutdown: bool,
}

/// A token's circuit breaker.
pub(crate) struct Health {
    pub(crate) breaker: Breaker,
    /// Failures of the token since its last signature.
    pub(crate) failures: u32,
}

pub(crate) enum Breaker {
    /// Works.
    Closed,
    /// Rests; one worker tries it after pauses, the others leave it alone.
    Trying,
    /// Given up.
    Open(Pkcs11Error),
}

pub(crate) struct Worker {
    pub(crate) token: usize,
    pub(crate) activity: Arc<Activity>,
    pub(crate) task: Option<Task>,
    pub(crate) ended: bool,
    pub(crate) handle: Option<JoinHandle<()>>,
}

pub(crate) struct Job {
    pub(crate) id: u64,
    pub(crate) algorithm: SignatureAlgorithm,
    /// One for each token.
    pub(crate) plans: Arc<[Plan]>,
    pub(crate) messages: Arc<[Vec<u8>]>,
    pub(crate) next: usize,
    pub(crate) given_back: Vec<usize>,
    pub(crate) signatures: Vec<Option<Vec<u8>>>,
    pub(crate) missing: usize,
    pub(crate) in_flight: usize,
    pub(crate) failure: Option<Pkcs11Error>,
}

/// One message of a job in the hands of a worker.
#[derive(Clone)]
pub(crate) struct Task {
    pub(crate) job: u64,
    pub(crate) index: usize,
    pub(crate) algorithm: SignatureAlgorithm,
    pub(crate) plan: Plan,
    pub(crate) messages: Arc<[Vec<u8>]>,
}

impl State {
    /// Before any work. The seats are those of each token's first worker.
    pub(crate) fn new(first_seats: Vec<Option<Arc<PooledSession>>>) -> Self {
        let health = first_seats.iter().map(|_| Health { breaker: Breaker::Closed, failures: 0 }).collect();
        Self {
            jobs: Vec::new(),
            next_job: 0,
            workers: Vec::new(),
            health,
            first_seats,
            active: 0,
            stopped: None,
            shutdown: false,
        }
    }

    /// Takes on a job with one plan for each token, and returns its number.
    pub(crate) fn add(&mut self, algorithm: SignatureAlgorithm, plans: Arc<[Plan]>, messages: Arc<[Vec<u8>]>) -> u64 {
        let id = self.next_job;
        self.next_job += 1;
        self.jobs.push(Job {
            id,
            algorithm,
            plans,
            next: 0,
            given_back: Vec::new(),
            signatures: vec![None; messages.len()],
            missing: messages.len(),
            in_flight: 0,
            failure: None,
            messages,
        });
        id
    }

    /// Whether nothing is signed any more.
    pub(crate) fn is_over(&self) -> bool {
        self.shutdown || self.stopped.is_some()
    }

    pub(crate) fn job(&mut self, id: u64) -> &mut Job {
        self.jobs.iter_mut().find(|job| job.id == id).expect("a job stays until its tasks are back")
    }
}

impl Health {
    pub(crate) fn failure(&self) -> Option<&Pkcs11Error> {
        match &self.breaker {
            Breaker::Open(error) => Some(error),
            Breaker::Closed | Breaker::Trying => None,
        }
    }
}

impl Job {
    pub(crate) fn has_work(&self) -> bool {
        self.failure.is_none() && (self.next < self.messages.len() || !self.given_back.is_empty())
    }

    pub(crate) fn is_finished(&self) -> bool {
        self.missing == 0 || (self.failure.is_some() && self.in_flight == 0)
    }

    pub(crate) fn claim(&mut self, token: usize) -> Task {
        let index = self.given_back.pop().unwrap_or_else(|| {
            self.next += 1;
            self.next - 1
        });
        self.in_flight += 1;
        let (algorithm, plan) = (self.algorithm, self.plans[token]);
        Task { job: self.id, index, algorithm, plan, messages: Arc::clone(&self.messages) }
    }
}
