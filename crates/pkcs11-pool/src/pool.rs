//! Threads that sign, one session each, and the rules by which they share work, retry, fail over and stop.
//!
//! A message is claimed by one worker at a time and given back if that worker's token fails; its signature is stored
//! under the message's number, so the order does not depend on which worker signs. All state is behind one mutex that
//! is held for moments only, never during a call into a library.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use tracing::{error, info, warn};

use crate::crypto::PublicKey;
use crate::parallel;
use crate::x509::SignatureAlgorithm;

use crate::Settings;
use crate::error::Pkcs11Error;
use crate::fault::{Fault, Remedy};
use crate::mechanism::Plan;
use crate::module::PooledSession;
use crate::state::{Breaker, Health, State, Task, Worker};
use crate::token::Token;
use crate::watchdog::{Activity, Held, tick};

/// The tokens that hold one key, and the threads that sign with it.
pub(crate) struct Pool {
    tokens: Vec<Arc<Token>>,
    public_key: PublicKey,
    settings: Settings,
    unreachable: Vec<Pkcs11Error>,
    state: Mutex<State>,
    /// Signalled when there may be something to do for a worker.
    work: Condvar,
    /// Signalled when a job may be finished or a worker has ended.
    done: Condvar,
}

/// What became of a task.
enum Outcome {
    Signed(Vec<u8>),
    /// There is no session for this worker; the others have theirs.
    NoSession,
    /// The token rests.
    TokenFailed(Fault),
    /// The token was tried often enough.
    TokenGivenUp(Pkcs11Error),
    /// No worker signs any more.
    Stop(Pkcs11Error),
}

impl Pool {
    /// `unreachable` are the failures of tokens that could not be opened.
    pub(crate) fn new(
        tokens: Vec<(Arc<Token>, Arc<PooledSession>)>,
        public_key: PublicKey,
        settings: Settings,
        unreachable: Vec<Pkcs11Error>,
    ) -> Arc<Self> {
        let (tokens, first_seats): (Vec<_>, Vec<_>) =
            tokens.into_iter().map(|(token, seat)| (token, Some(seat))).unzip();
        let state = State::new(first_seats);
        let (work, done) = (Condvar::new(), Condvar::new());
        Arc::new(Self { tokens, public_key, settings, unreachable, state: Mutex::new(state), work, done })
    }

    pub(crate) fn tokens(&self) -> &[Arc<Token>] {
        &self.tokens
    }

    /// Signs messages with up to `sessions` sessions a token. Returns the signatures before the first missing one, and
    /// why it is missing.
    pub(crate) fn run(
        self: &Arc<Self>,
        sessions: usize,
        algorithm: SignatureAlgorithm,
        plans: Arc<[Plan]>,
        messages: &[&[u8]],
    ) -> (Vec<Vec<u8>>, Option<Pkcs11Error>) {
        let messages: Arc<[Vec<u8>]> = messages.iter().map(|message| message.to_vec()).collect();
        let mut state = self.locked();
        if let Some(error) = &state.stopped {
            return (Vec::new(), Some(error.clone()));
        }
        state.active = sessions;
        let id = state.add(algorithm, plans, messages);
        self.hire(&mut state);
        self.work.notify_all();
        while !state.job(id).is_finished() {
            state = self
                .done
                .wait_timeout(state, tick(self.settings.call_timeout))
                .unwrap_or_else(PoisonError::into_inner)
                .0;
            self.watch(&mut state);
        }
        let at = state.jobs.iter().position(|job| job.id == id).expect("only run() removes its job");
        let job = state.jobs.swap_remove(at);
        (job.signatures.into_iter().map_while(|signature| signature).collect(), job.failure)
    }

    /// Ends every worker that still answers and closes its session.
    pub(crate) fn shut_down(&self) {
        let mut state = self.locked();
        state.shutdown = true;
        self.work.notify_all();
        while state.workers.iter().any(|worker| !worker.ended) {
            state = self
                .done
                .wait_timeout(state, tick(self.settings.call_timeout))
                .unwrap_or_else(PoisonError::into_inner)
                .0;
            self.watch(&mut state);
        }
        let ended = state.workers.iter_mut().filter(|worker| !worker.activity.is_given_up());
        let handles: Vec<_> = ended.filter_map(|worker| worker.handle.take()).collect();
        let seats = std::mem::take(&mut state.first_seats);
        drop(state);
        // those that no worker took: another signer's call may hang in the same library
        drop(Held::new(seats, self.settings.call_timeout));
        for handle in handles {
            let _ = handle.join();
        }
    }

    /// Starts workers until each token has its share.
    fn hire(self: &Arc<Self>, state: &mut State) {
        for (number, token) in self.tokens.iter().enumerate() {
            if matches!(state.health[number].breaker, Breaker::Open(_)) {
                continue;
            }
            let limit = token.session_limit().unwrap_or(usize::MAX);
            let present = state.workers.iter().filter(|worker| worker.token == number).count();
            for rank in present..state.active.min(limit).max(1) {
                let seat = state.first_seats.get_mut(number).and_then(Option::take).unwrap_or_else(|| token.seat());
                let me = state.workers.len();
                let activity = Arc::new(Activity::default());
                let thread = {
                    let (pool, activity) = (Arc::clone(self), Arc::clone(&activity));
                    parallel::start(format!("pkcs11-{number}-{rank}"), move || {
                        activity.attach();
                        let end = End { pool: &pool, me };
                        pool.work(me, number, rank, &seat, &activity);
                        if pool.is_hanging(number) {
                            // closing a session would hang as well, and finalising the library after it
                            std::mem::forget(seat);
                        } else {
                            drop(seat);
                        }
                        drop(end);
                    })
                };
                let handle = match thread {
                    Ok(handle) => Some(handle),
                    // the present ones sign
                    Err(_) if rank > 0 => break,
                    Err(error) => {
                        let error = Pkcs11Error::NoThread { reason: error.to_string(), token: token.name().to_owned() };
                        self.open_breaker(state, number, error);
                        break;
                    }
                };
                state.workers.push(Worker { token: number, activity, task: None, ended: false, handle });
            }
        }
    }

    /// A worker's life.
    fn work(&self, me: usize, number: usize, rank: usize, seat: &PooledSession, activity: &Activity) {
        let token = &self.tokens[number];
        while let Some(task) = self.claim(me, number, rank) {
            let outcome = self.perform(token, rank, seat, &task);
            if activity.is_given_up() {
                return;
            }
            match outcome {
                Outcome::Signed(signature) => self.signed(me, number, signature),
                Outcome::NoSession => {
                    self.give_back(me);
                    return;
                }
                Outcome::TokenFailed(fault) => {
                    self.give_back(me);
                    self.recover(me, number, seat, activity, fault);
                }
                Outcome::TokenGivenUp(error) => {
                    self.give_back(me);
                    self.open_breaker(&mut self.locked(), number, error);
                }
                Outcome::Stop(error) => {
                    self.give_back(me);
                    self.stop(&mut self.locked(), &error);
                }
            }
        }
    }

    /// Waits for the next message. `None`: there will not be another one for this worker.
    fn claim(&self, me: usize, number: usize, rank: usize) -> Option<Task> {
        let mut state = self.locked();
        loop {
            if state.shutdown || state.workers.get(me).is_some_and(|worker| worker.ended) {
                return None;
            }
            let ready = matches!(state.health[number].breaker, Breaker::Closed)
                && rank < state.active.max(1)
                // until the key is proved, one signature is made and checked before others
                && (rank == 0 || self.tokens[number].is_proved());
            if ready && let Some(job) = state.jobs.iter_mut().find(|job| job.has_work()) {
                let task = job.claim(number);
                state.workers[me].task = Some(task.clone());
                return Some(task);
            }
            state = self.work.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Signs one message, with as many attempts as are allowed.
    fn perform(&self, token: &Token, rank: usize, seat: &PooledSession, task: &Task) -> Outcome {
        let message = &task.messages[task.index];
        let mut attempt = 1;
        loop {
            let fault = match token.sign(seat, task.plan, message) {
                Ok(signature) => return self.prove(token, task, signature),
                Err(fault) => fault,
            };
            if fault.no_session && rank > 0 {
                return Outcome::NoSession;
            }
            // what did not help once is followed by the next stronger thing
            let remedy = if attempt > 1 { fault.remedy.max(Remedy::Reopen) } else { fault.remedy };
            token.mend(seat, remedy);
            match remedy {
                Remedy::Stop => return Outcome::Stop(fault.at(token.name(), attempt)),
                Remedy::NextToken => return Outcome::TokenFailed(fault),
                _ if attempt > self.settings.retries => return Outcome::TokenGivenUp(fault.at(token.name(), attempt)),
                // a lost session is replaced at once
                Remedy::Reopen | Remedy::Login if attempt == 1 => {}
                _ => self.pause(attempt),
            }
            if self.locked().is_over() {
                return Outcome::Stop(fault.at(token.name(), attempt));
            }
            warn!(token = token.name(), attempt, error = %fault.at(token.name(), attempt), "signature failed, tried again");
            attempt += 1;
        }
    }

    /// The first signature of a token whose word for the public key we do not have must verify under it.
    fn prove(&self, token: &Token, task: &Task, signature: Vec<u8>) -> Outcome {
        if !token.is_proved() {
            let verified = self.public_key.verify(task.algorithm, &task.messages[task.index], &signature);
            if let Err(reason) = verified {
                let reason = format!("its first signature does not verify: {reason}");
                return Outcome::Stop(Pkcs11Error::KeyMismatch { token: token.name().to_owned(), reason });
            }
            token.set_proved();
            self.work.notify_all();
        }
        Outcome::Signed(signature)
    }

    /// Tries a token that failed until it is back or given up. Meanwhile the others sign, and its own workers rest.
    fn recover(&self, me: usize, number: usize, seat: &PooledSession, activity: &Activity, mut last: Fault) {
        let token = &self.tokens[number];
        let mut mine = false;
        loop {
            let failures = {
                let mut state = self.locked();
                let health = &mut state.health[number];
                match health.breaker {
                    Breaker::Open(_) => return,
                    // another worker is at it
                    Breaker::Trying if !mine => return,
                    Breaker::Trying | Breaker::Closed => mine = true,
                }
                health.failures += 1;
                health.breaker = Breaker::Trying;
                let failures = health.failures;
                if failures > self.settings.retries {
                    self.open_breaker(&mut state, number, last.at(token.name(), failures));
                    return;
                }
                failures
            };
            let error = last.clone().at(token.name(), failures);
            warn!(token = token.name(), attempt = failures, %error, "token failed, tried again");
            self.pause(failures);
            if self.locked().is_over() {
                return;
            }
            // what a new session does not mend, a library started afresh may
            let restarted = if failures > 1 { token.restart().map(drop) } else { Ok(()) };
            let probed = restarted.and_then(|()| token.probe(seat));
            if activity.is_given_up() {
                return;
            }
            match probed {
                Ok(()) => {
                    let mut state = self.locked();
                    if !state.workers[me].ended {
                        info!(token = token.name(), attempts = failures, "token connected again");
                        state.health[number].breaker = Breaker::Closed;
                        self.work.notify_all();
                    }
                    return;
                }
                Err(fault) if fault.remedy == Remedy::Stop => {
                    self.stop(&mut self.locked(), &fault.at(token.name(), failures));
                    return;
                }
                Err(fault) => {
                    token.mend(seat, Remedy::Reopen);
                    last = fault;
                }
            }
        }
    }

    fn signed(&self, me: usize, number: usize, signature: Vec<u8>) {
        let mut state = self.locked();
        if state.workers[me].ended {
            return;
        }
        state.health[number].failures = 0;
        if let Some(task) = state.workers[me].task.take() {
            let job = state.job(task.job);
            job.signatures[task.index] = Some(signature);
            job.missing -= 1;
            job.in_flight -= 1;
            if job.is_finished() {
                self.done.notify_all();
            }
        }
    }

    fn give_back(&self, me: usize) {
        self.take_back(&mut self.locked(), me);
    }

    fn take_back(&self, state: &mut State, me: usize) {
        if let Some(task) = state.workers[me].task.take() {
            let job = state.job(task.job);
            job.given_back.push(task.index);
            job.in_flight -= 1;
            self.work.notify_all();
            self.done.notify_all();
        }
    }

    /// Gives up the workers whose call is overdue, and their tokens with them: a library that hangs is not asked again.
    fn watch(&self, state: &mut State) {
        let limit = self.settings.call_timeout;
        for me in 0..state.workers.len() {
            let worker = &mut state.workers[me];
            if worker.ended {
                continue;
            }
            if let Some(overdue) = worker.activity.give_up_after(limit) {
                worker.ended = true;
                let number = worker.token;
                self.take_back(state, me);
                let error = Fault::hang(overdue, limit, self.tokens[number].name());
                self.open_breaker(state, number, error);
            }
        }
    }

    /// Gives a token up permanently; with the last one, everything stops.
    fn open_breaker(&self, state: &mut State, number: usize, error: Pkcs11Error) {
        if !matches!(state.health[number].breaker, Breaker::Open(_)) {
            error!(token = self.tokens[number].name(), %error, "token given up");
            state.health[number].breaker = Breaker::Open(error);
        }
        let failures: Vec<Pkcs11Error> = state.health.iter().filter_map(Health::failure).cloned().collect();
        if failures.len() == self.tokens.len() {
            let error = match <[Pkcs11Error; 1]>::try_from(failures) {
                Ok([only]) => only,
                Err(failures) => Pkcs11Error::AllFailed { failures },
            };
            self.stop(state, &error);
        }
        self.work.notify_all();
    }

    /// Whether the token was given up because a call into its library hangs.
    fn is_hanging(&self, number: usize) -> bool {
        matches!(self.locked().health[number].breaker, Breaker::Open(Pkcs11Error::Hang { .. }))
    }

    fn stop(&self, state: &mut State, error: &Pkcs11Error) {
        state.stopped.get_or_insert_with(|| error.clone());
        for job in &mut state.jobs {
            job.failure.get_or_insert_with(|| error.clone());
        }
        self.work.notify_all();
        self.done.notify_all();
    }

    /// Waits before attempt `attempt` + 1, each time twice as long, until the program ends.
    fn pause(&self, attempt: u32) {
        let duration = self.settings.pause_after(attempt);
        if let Some(wait) = &self.settings.wait {
            wait(duration);
            return;
        }
        let guard = self.locked();
        let _ = self.work.wait_timeout_while(guard, duration, |state| !state.is_over());
    }

    fn locked(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Pool {
    /// The failures of tokens that could not be opened or were given up.
    pub(crate) fn failures(&self) -> Vec<Pkcs11Error> {
        let state = self.locked();
        self.unreachable.iter().chain(state.health.iter().filter_map(Health::failure)).cloned().collect()
    }
}

/// Notes the end of a worker, however it comes.
struct End<'a> {
    pool: &'a Pool,
    me: usize,
}

impl Drop for End<'_> {
    fn drop(&mut self) {
        let mut state = self.pool.locked();
        if std::thread::panicking() {
            let error = Pkcs11Error::Call {
                function: "a worker thread".to_owned(),
                code: "a panic".to_owned(),
                token: self.pool.tokens[state.workers[self.me].token].name().to_owned(),
                attempts: 1,
            };
            self.pool.take_back(&mut state, self.me);
            self.pool.stop(&mut state, &error);
        }
        state.workers[self.me].ended = true;
        self.pool.done.notify_all();
    }
}
