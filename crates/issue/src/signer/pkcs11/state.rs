//! What a pool of tokens knows at one moment: jobs, workers and the tokens' circuit breakers.

use std::sync::Arc;
use std::thread::JoinHandle;

use crate::x509::SignatureAlgorithm;

use super::error::Pkcs11Error;
use super::mechanism::Plan;
use super::module::Seat;
use super::watchdog::Activity;

/// Behind the pool's mutex.
pub(super) struct State {
    pub(super) jobs: Vec<Job>,
    pub(super) next_job: u64,
    pub(super) workers: Vec<Worker>,
    pub(super) health: Vec<Health>,
    /// Sessions opened while the token was described, for each token's first worker.
    pub(super) first_seats: Vec<Option<Arc<Seat>>>,
    /// Workers per token that may sign.
    pub(super) active: usize,
    /// Why nothing is signed any more.
    pub(super) stopped: Option<Pkcs11Error>,
    pub(super) shutdown: bool,
}

/// A token's circuit breaker.
pub(super) struct Health {
    pub(super) breaker: Breaker,
    /// Failures of the token since its last signature.
    pub(super) failures: u32,
}

pub(super) enum Breaker {
    /// Works.
    Closed,
    /// Rests; one worker tries it after pauses, the others leave it alone.
    Trying,
    /// Given up.
    Open(Pkcs11Error),
}

pub(super) struct Worker {
    pub(super) token: usize,
    pub(super) activity: Arc<Activity>,
    pub(super) task: Option<Task>,
    pub(super) ended: bool,
    pub(super) handle: Option<JoinHandle<()>>,
}

pub(super) struct Job {
    pub(super) id: u64,
    pub(super) algorithm: SignatureAlgorithm,
    /// One for each token.
    pub(super) plans: Arc<[Plan]>,
    pub(super) messages: Arc<[Vec<u8>]>,
    pub(super) next: usize,
    pub(super) given_back: Vec<usize>,
    pub(super) signatures: Vec<Option<Vec<u8>>>,
    pub(super) missing: usize,
    pub(super) in_flight: usize,
    pub(super) failure: Option<Pkcs11Error>,
}

/// One message of a job in the hands of a worker.
#[derive(Clone)]
pub(super) struct Task {
    pub(super) job: u64,
    pub(super) index: usize,
    pub(super) algorithm: SignatureAlgorithm,
    pub(super) plan: Plan,
    pub(super) messages: Arc<[Vec<u8>]>,
}

impl State {
    /// Before any work. The seats are those of each token's first worker.
    pub(super) fn new(first_seats: Vec<Option<Arc<Seat>>>) -> Self {
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
    pub(super) fn add(&mut self, algorithm: SignatureAlgorithm, plans: Arc<[Plan]>, messages: Arc<[Vec<u8>]>) -> u64 {
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
    pub(super) fn is_over(&self) -> bool {
        self.shutdown || self.stopped.is_some()
    }

    pub(super) fn job(&mut self, id: u64) -> &mut Job {
        self.jobs.iter_mut().find(|job| job.id == id).expect("a job stays until its tasks are back")
    }
}

impl Health {
    pub(super) fn failure(&self) -> Option<&Pkcs11Error> {
        match &self.breaker {
            Breaker::Open(error) => Some(error),
            Breaker::Closed | Breaker::Trying => None,
        }
    }
}

impl Job {
    pub(super) fn has_work(&self) -> bool {
        self.failure.is_none() && (self.next < self.messages.len() || !self.given_back.is_empty())
    }

    pub(super) fn is_finished(&self) -> bool {
        self.missing == 0 || (self.failure.is_some() && self.in_flight == 0)
    }

    pub(super) fn claim(&mut self, token: usize) -> Task {
        let index = self.given_back.pop().unwrap_or_else(|| {
            self.next += 1;
            self.next - 1
        });
        self.in_flight += 1;
        let (algorithm, plan) = (self.algorithm, self.plans[token]);
        Task { job: self.id, index, algorithm, plan, messages: Arc::clone(&self.messages) }
    }
}
