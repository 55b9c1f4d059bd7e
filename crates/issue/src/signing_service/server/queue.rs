//! What waits, what is known of each request, and whether the key is open.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::approval::Click;
use crate::pipeline::{Progress, Stage};
use crate::signer::Secret;
use crate::x509::Sha256Digest;

use super::super::message::{Readiness, RequestState, Unlocking};
use super::super::spool::{Copied, CoreFailure, Found, Spool};

/// How often a key that was never opened is tried: a token counts wrong PINs, and locks itself.
const ATTEMPTS: u32 = 2;
/// How long a thread sleeps before it looks whether the service ends.
const PAUSE: Duration = Duration::from_millis(200);

/// Shared by all threads.
pub(super) struct Queue {
    inner: Mutex<Inner>,
    changed: Condvar,
    pub(super) progress: Counted,
}

struct Inner {
    waiting: VecDeque<Sha256Digest>,
    current: Option<Sha256Digest>,
    requests: HashMap<Sha256Digest, Request>,
    key: Key,
    ending: bool,
}

struct Request {
    number: u64,
    state: RequestState,
    /// It was answered by an earlier run of the service, whose configuration may have been another one.
    earlier: bool,
    /// Something was added while it was being decided: if it is refused now, it is decided again.
    again: bool,
}

/// What is known of the key.
struct Key {
    readiness: Readiness,
    secret: Option<Secret>,
    /// A secret was handed over and is being tried.
    trying: bool,
    /// Attempts to open it since the service was started, or since the last secret.
    attempts: u32,
    /// It was open once: its secret is right.
    proved: bool,
}

/// What the signing thread does next.
pub(super) enum Next {
    /// Ends.
    End,
    /// Opens the key.
    Open,
    /// Signs a request.
    Sign(Sha256Digest),
}

/// What became of a submission.
pub(super) enum Admitted {
    /// It is known, and waits, is done, or stays refused.
    Known(RequestState),
    /// It is new, or is tried again.
    Queued(RequestState),
}

impl Queue {
    /// Begins with what an earlier run left.
    pub(super) fn new(found: Vec<Found>) -> Self {
        let mut inner = Inner {
            waiting: VecDeque::new(),
            current: None,
            requests: HashMap::new(),
            key: Key { readiness: Readiness::Starting {}, secret: None, trying: false, attempts: 0, proved: false },
            ending: false,
        };
        for Found { id, number, state } in found {
            if !state.is_final() {
                inner.waiting.push_back(id);
            }
            inner.requests.insert(id, Request { number, state, earlier: true, again: false });
        }
        Self { inner: Mutex::new(inner), changed: Condvar::new(), progress: Counted::default() }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether the key is open, and how many requests are not answered.
    pub(super) fn readiness(&self) -> (Readiness, u64) {
        let inner = self.lock();
        let open = inner.requests.values().filter(|request| !request.state.is_final()).count();
        (inner.key.readiness.clone(), open as u64)
    }

    /// How far a request is.
    pub(super) fn state(&self, id: Sha256Digest) -> Option<RequestState> {
        let inner = self.lock();
        Some(inner.shown(&inner.requests.get(&id)?.state, id, &self.progress))
    }

    /// Takes a plan that was copied. To submit it again is the same request.
    pub(super) fn admit(
        &self,
        spool: &Spool,
        copied: &Copied,
        peer: u32,
        approvals: Vec<String>,
        click: Option<Click>,
    ) -> Result<Admitted, CoreFailure> {
        let mut inner = self.lock();
        let id = copied.id;
        let Some(known) = inner.requests.get(&id) else {
            let mut stored = spool.new_request(peer, vec![], None);
            stored.add(peer, approvals, click);
            spool.keep(copied, &stored)?;
            let (number, state) = (stored.number, RequestState::Queued {});
            let request = Request { number, state, earlier: false, again: false };
            inner.requests.insert(id, request);
            return Ok(Admitted::Queued(self.enqueue(inner, spool, id)));
        };
        if let RequestState::Signed { .. } = known.state {
            return Ok(Admitted::Known(known.state.clone()));
        }
        let (is_final, earlier) = (known.state.is_final(), known.earlier);
        let retried = earlier || matches!(known.state, RequestState::Failed { .. });
        let mut stored = spool.stored(id)?;
        let Some(changed) = stored.add(peer, approvals, click) else {
            return Err(CoreFailure("there are too many approvals of this plan".to_owned()));
        };
        if !is_final {
            if changed {
                spool.write(id, &stored)?;
                let deciding = inner.current == Some(id);
                if let Some(request) = inner.requests.get_mut(&id) {
                    request.again = deciding;
                }
            }
            let state = inner.shown(&inner.requests[&id].state, id, &self.progress);
            return Ok(Admitted::Known(state));
        }
        if !retried && !changed {
            return Ok(Admitted::Known(known.state.clone()));
        }
        spool.keep(copied, &stored)?;
        if let Some(request) = inner.requests.get_mut(&id) {
            request.state = RequestState::Queued {};
            request.earlier = false;
        }
        Ok(Admitted::Queued(self.enqueue(inner, spool, id)))
    }

    fn enqueue(&self, mut inner: MutexGuard<'_, Inner>, spool: &Spool, id: Sha256Digest) -> RequestState {
        inner.waiting.push_back(id);
        let answered = inner.requests.iter().filter(|(_, request)| request.state.is_final());
        let answered = answered.map(|(id, request)| (request.number, *id)).collect();
        let gone: HashSet<Sha256Digest> = spool.prune(answered).into_iter().collect();
        inner.requests.retain(|id, _| !gone.contains(id));
        let state = inner.shown(&RequestState::Queued {}, id, &self.progress);
        drop(inner);
        self.changed.notify_all();
        state
    }

    /// Takes a secret. Returns whether one is needed.
    pub(super) fn give_secret(&self, secret: Secret) -> bool {
        let mut inner = self.lock();
        if !matches!(inner.key.readiness, Readiness::WaitingForSecret { .. }) || inner.key.trying {
            return false;
        }
        inner.key.secret = Some(secret);
        inner.key.trying = true;
        inner.key.attempts = 0;
        drop(inner);
        self.changed.notify_all();
        true
    }

    /// Waits until the secret was tried.
    pub(super) fn wait_for_key(&self, within: Duration) -> Unlocking {
        let until = Instant::now() + within;
        let mut inner = self.lock();
        while inner.key.trying && !inner.ending {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Unlocking::Trying {};
            }
            inner = self.changed.wait_timeout(inner, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        match &inner.key.readiness {
            Readiness::Ready {} => Unlocking::Open {},
            Readiness::Failing { text } | Readiness::WaitingForSecret { last: Some(text) } => {
                Unlocking::Failed { text: text.clone() }
            }
            Readiness::Starting {} | Readiness::WaitingForSecret { last: None } => Unlocking::Trying {},
        }
    }

    /// The secret that was handed over.
    pub(super) fn secret(&self) -> Option<String> {
        let inner = self.lock();
        let secret = inner.key.secret.as_ref()?;
        Some(String::from_utf8_lossy(secret.expose()).into_owned())
    }

    /// Says whether the key could be opened. `asked`: a secret was needed; `had`: and there was one.
    pub(super) fn key_tried(&self, result: Result<(), String>, asked: bool, had: bool) {
        let mut inner = self.lock();
        let key = &mut inner.key;
        key.trying = false;
        match result {
            Ok(()) => {
                key.proved = true;
                key.attempts = 0;
                key.readiness = Readiness::Ready {};
            }
            Err(_) if asked && !had => key.readiness = Readiness::WaitingForSecret { last: None },
            Err(text) if asked && !key.proved => {
                key.secret = None;
                key.readiness = Readiness::WaitingForSecret { last: Some(text) };
            }
            Err(text) => {
                key.attempts += 1;
                key.readiness = Readiness::Failing { text: text.clone() };
                // each of them would wait for the same
                while let Some(id) = inner.waiting.pop_front() {
                    inner.set(id, RequestState::Failed { text: text.clone() });
                }
            }
        }
        drop(inner);
        self.changed.notify_all();
    }

    /// The key is not to be used as it is: the next request opens it again.
    pub(super) fn key_failed(&self) {
        self.lock().key.readiness = Readiness::Starting {};
    }

    /// Waits for something to do.
    pub(super) fn next(&self, is_ending: impl Fn() -> bool) -> Next {
        let mut inner = self.lock();
        loop {
            if is_ending() || inner.ending {
                return Next::End;
            }
            let key = &inner.key;
            match &key.readiness {
                Readiness::Starting {} => return Next::Open,
                Readiness::WaitingForSecret { .. } if key.secret.is_some() && key.trying => return Next::Open,
                Readiness::Failing { .. } if !inner.waiting.is_empty() => {
                    if key.proved || key.attempts < ATTEMPTS {
                        return Next::Open;
                    }
                    let text = "the key could not be opened twice, and a token counts wrong PINs: correct the \
                                configuration, then start the service again";
                    while let Some(id) = inner.waiting.pop_front() {
                        inner.set(id, RequestState::Failed { text: text.to_owned() });
                    }
                }
                Readiness::Ready {} => {
                    if let Some(id) = inner.waiting.pop_front() {
                        self.progress.reset();
                        inner.current = Some(id);
                        inner.set(id, RequestState::Signing { done: 0, total: 0 });
                        return Next::Sign(id);
                    }
                }
                Readiness::Failing { .. } | Readiness::WaitingForSecret { .. } => {}
            }
            inner = self.changed.wait_timeout(inner, PAUSE).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Notes how the current request ended. `keep` keeps it on disk, and returns what can be told: no call adds to the request
    /// while it does.
    pub(super) fn done(&self, id: Sha256Digest, state: RequestState, keep: impl FnOnce(RequestState) -> RequestState) {
        let mut inner = self.lock();
        inner.current = None;
        let again = inner.requests.get_mut(&id).is_some_and(|request| std::mem::take(&mut request.again));
        if again && matches!(state, RequestState::Refused { .. }) {
            inner.waiting.push_back(id);
            inner.set(id, RequestState::Queued {});
        } else {
            inner.set(id, keep(state));
        }
        drop(inner);
        self.changed.notify_all();
    }

    /// Wakes every thread up, for the last time.
    pub(super) fn end(&self) {
        self.lock().ending = true;
        self.changed.notify_all();
    }

    /// Sleeps for a moment.
    pub(super) fn pause(&self) {
        let inner = self.lock();
        drop(self.changed.wait_timeout(inner, PAUSE).unwrap_or_else(PoisonError::into_inner));
    }
}

impl Inner {
    fn set(&mut self, id: Sha256Digest, state: RequestState) {
        if let Some(request) = self.requests.get_mut(&id) {
            request.state = state;
        }
    }

    /// A state as it is told: with the progress of the one that is being signed, and what the others wait for.
    fn shown(&self, state: &RequestState, id: Sha256Digest, progress: &Counted) -> RequestState {
        match state {
            RequestState::Signing { .. } if self.current == Some(id) => progress.state(),
            RequestState::Queued {} if matches!(self.key.readiness, Readiness::WaitingForSecret { .. }) => {
                RequestState::WaitingForSecret {}
            }
            other => other.clone(),
        }
    }
}

/// How far the current request is.
#[derive(Default)]
pub(super) struct Counted {
    done: AtomicU64,
    total: AtomicU64,
    issuing: AtomicBool,
}

impl Counted {
    fn reset(&self) {
        self.done.store(0, Ordering::Relaxed);
        self.total.store(0, Ordering::Relaxed);
    }

    fn state(&self) -> RequestState {
        RequestState::Signing { done: self.done.load(Ordering::Relaxed), total: self.total.load(Ordering::Relaxed) }
    }
}

/// Certificates alone are counted: what is checked before is not signed yet.
impl Progress for Counted {
    fn begin(&self, stage: Stage) {
        self.issuing.store(stage == Stage::Issue, Ordering::Relaxed);
    }

    fn total(&self, count: u64) {
        if self.issuing.load(Ordering::Relaxed) {
            self.total.store(count, Ordering::Relaxed);
        }
    }

    fn advance(&self, count: u64) {
        if self.issuing.load(Ordering::Relaxed) {
            self.done.fetch_add(count, Ordering::Relaxed);
        }
    }

    fn end(&self, _: Stage) {
        self.issuing.store(false, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::durable::{Access, write_new};
    use crate::input;

    fn submit(queue: &Queue, spool: &Spool, plan: &Path, approval: &str) -> RequestState {
        let copied = spool.copy(&input::open(plan).unwrap()).unwrap();
        let admitted = queue.admit(spool, &copied, 7, vec![approval.to_owned()], None);
        match admitted.unwrap_or_else(|CoreFailure(text)| panic!("{text}")) {
            Admitted::Queued(state) => state,
            Admitted::Known(state) => {
                Spool::forget(&copied);
                state
            }
        }
    }

    fn signs(queue: &Queue) -> Sha256Digest {
        match queue.next(|| false) {
            Next::Sign(id) => id,
            Next::End | Next::Open => panic!("expected a request"),
        }
    }

    /// An approval that comes while the request is being refused for the lack of it is not lost.
    #[test]
    fn what_is_added_while_a_request_is_decided_is_decided_too() {
        let folder = tempfile::tempdir().unwrap();
        let plan = folder.path().join("a.plan");
        write_new(&plan, Access::Public, b"plan").unwrap();
        let (spool, found) = Spool::open(folder.path()).unwrap();
        let queue = Queue::new(found);
        queue.key_tried(Ok(()), false, false);
        assert_eq!(submit(&queue, &spool, &plan, "anna"), RequestState::Queued {});
        let id = signs(&queue);
        let refused = RequestState::Refused { code: "approval.too-few".to_owned(), text: "1 of 2".to_owned() };
        assert_eq!(submit(&queue, &spool, &plan, "bert"), RequestState::Signing { done: 0, total: 0 });
        queue.done(id, refused.clone(), |_| panic!("it is not answered yet"));
        assert_eq!(queue.state(id), Some(RequestState::Queued {}));
        assert_eq!(signs(&queue), id);
        assert_eq!(spool.stored(id).unwrap().approvals, ["anna", "bert"]);
        // nothing was added: now it is refused, and stays so
        queue.done(id, refused.clone(), |state| state);
        assert_eq!(submit(&queue, &spool, &plan, "bert"), refused);
        assert_eq!(submit(&queue, &spool, &plan, "carl"), RequestState::Queued {});
        assert_eq!(queue.readiness().1, 1);
    }

    /// A key that was never opened is tried twice, one that was open is tried for each request.
    #[test]
    fn a_key_that_was_never_open_is_tried_twice() {
        let folder = tempfile::tempdir().unwrap();
        let (spool, found) = Spool::open(folder.path()).unwrap();
        let queue = Queue::new(found);
        let mut number = 0;
        let mut submit_another = || {
            number += 1;
            let plan = folder.path().join(number.to_string());
            write_new(&plan, Access::Public, number.to_string().as_bytes()).unwrap();
            submit(&queue, &spool, &plan, "anna")
        };
        for _ in 0..2 {
            submit_another();
            assert!(matches!(queue.next(|| false), Next::Open));
            queue.key_tried(Err("no token".to_owned()), false, false);
        }
        submit_another();
        // ends when it has looked once more and found nothing to do
        let looks = std::cell::Cell::new(0);
        let ending = || {
            looks.set(looks.get() + 1);
            looks.get() > 1
        };
        assert!(matches!(queue.next(ending), Next::End));
        assert_eq!(queue.readiness().1, 0, "all of them failed");
        queue.key_tried(Ok(()), false, false);
        queue.key_failed();
        for _ in 0..5 {
            submit_another();
            assert!(matches!(queue.next(|| false), Next::Open));
            queue.key_tried(Err("no token".to_owned()), false, false);
        }
    }
}
