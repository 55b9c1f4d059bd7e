//! A model of one ledger, one batch and several workers: the rules by which records are added, and everything that can
//! happen between the workers and the server. `tests/checked.rs` has a model checker visit every state.
//!
//! What the model has:
//! - **Leases.** A worker claims a chunk and gets a token. A lease may run out at any moment: the model has no clock, so
//!   a worker that is stopped for a year is one of its runs.
//! - **Guards.** The server adds a record only if the guard that came with it is true ([`Request`]).
//! - **Faults.** A worker crashes between any two steps. An answer is lost, and the worker does not know whether its
//!   record was added. A request whose answer was lost arrives later, and again and again.
//! - **Attempts.** A signature that does not have the wanted form is dropped, and the leaf is signed under its next
//!   serial number after a Retry record.
//!
//! A chunk has one leaf: guards are about chunks, and a second leaf adds states and no rule. The server never loses a
//! record: that is what a synchronous standby is for, and a server that did lose some is noticed by a noted head.

use std::collections::BTreeSet;

/// How much the model has of everything, and which rule it leaves out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// Workers.
    pub workers: usize,
    /// Chunks of the batch.
    pub chunks: usize,
    /// Serial numbers that a leaf can have, one after the other.
    pub attempts: u8,
    /// How often a chunk is handed out before it is parked.
    pub claims: u8,
    /// What is done wrong, if anything.
    pub planted: Option<Planted>,
}

/// A rule that is left out, for a test of the model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Planted {
    /// An Issued record is added without comparing how many Retry and Issued records of the chunk the worker has seen.
    IssuedWithoutSeen,
    /// As that, for a Retry record.
    RetryWithoutSeen,
    /// A worker takes a lost answer for success.
    LostIsDone,
    /// A worker gives a certificate out when it is signed.
    ReleasedWhenSigned,
    /// A finisher seals when half of the chunks are done.
    SealedTooSoon,
    /// No record is compared with the lease. This alone breaks no invariant: leases only save work.
    NoTokens,
}

/// A certificate: the attempt, and the token under which it was signed, which makes it different from any other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Certificate {
    /// Chunk.
    pub chunk: usize,
    /// Which of the leaf's serial numbers it has.
    pub attempt: u8,
    /// The claim under which it was signed.
    pub token: u8,
}

/// What the server has of a chunk.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Chunk {
    /// Whether there is an Intent record.
    pub intent: bool,
    /// Retry records.
    pub retries: u8,
    /// Issued records.
    pub issued: Vec<Certificate>,
    /// The token of the lease, if one was given and has not run out or been returned.
    pub lease: Option<u8>,
    /// How often it was claimed.
    pub claims: u8,
}

impl Chunk {
    /// Retry and Issued records, which a worker says that it has seen.
    pub fn seen(&self) -> u8 {
        self.retries + u8::try_from(self.issued.len()).expect("a model has few records")
    }
}

/// What a worker asks the server to add. Each carries its guard.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Request {
    /// Guard: this worker has the lease, and nothing happened to the chunk.
    Intent {
        /// Chunk.
        chunk: usize,
        /// Token of the lease.
        token: u8,
        /// Retry and Issued records that the worker has seen.
        seen: u8,
    },
    /// Guard: this worker has the lease, and has seen all Retry and Issued records.
    Retry {
        /// Chunk.
        chunk: usize,
        /// Token of the lease.
        token: u8,
        /// Retry and Issued records that the worker has seen.
        seen: u8,
    },
    /// Guard: the worker has seen all Retry and Issued records. No lease is needed: a late result is not wasted.
    Issued {
        /// What was signed.
        certificate: Certificate,
        /// Retry and Issued records that the worker has seen.
        seen: u8,
    },
    /// Guard: there is no Sealed record. "All chunks are done" cannot become untrue.
    Sealed {
        /// Every certificate of the batch, as the finisher read them.
        certificates: Vec<Certificate>,
    },
}

/// How far a worker is with a chunk.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Worker {
    /// It has no chunk.
    Idle,
    /// It has a lease and has read nothing yet.
    Claimed {
        /// Chunk.
        chunk: usize,
        /// Token of the lease.
        token: u8,
    },
    /// The Intent and Retry records are on the ledger; it may sign.
    Recorded(Work),
    /// It has a signature.
    Signed(Work),
    /// It waits for the server.
    Asking {
        /// What it does if the answer is yes.
        work: Work,
        /// What it asked for.
        request: Request,
    },
    /// The connection broke before the answer came.
    Unknown {
        /// As in [`Worker::Asking`].
        work: Work,
        /// What it asked for.
        request: Request,
    },
}

/// What a worker knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Work {
    /// Chunk.
    pub chunk: usize,
    /// Token of the lease.
    pub token: u8,
    /// Retry and Issued records that it has read or added.
    pub seen: u8,
    /// The serial number that is used.
    pub attempt: u8,
}

/// Everything at one moment.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct State {
    /// The chunks on the server.
    pub chunks: Vec<Chunk>,
    /// What the Sealed record says, if there is one.
    pub sealed: Vec<Vec<Certificate>>,
    /// The workers, sorted: which one is which makes no difference.
    pub workers: Vec<Worker>,
    /// Requests whose answers were lost; each may still arrive, any number of times.
    pub lost: BTreeSet<Request>,
    /// Certificates that left a worker.
    pub released: BTreeSet<Certificate>,
}

/// What can happen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// A worker claims a chunk.
    Claim(usize, usize),
    /// A worker reads the records of its chunk, and asks for an Intent record where there is none.
    Read(usize),
    /// A worker signs.
    Sign(usize),
    /// A worker asks for an Issued record.
    Submit(usize),
    /// A worker drops its signature and asks for a Retry record.
    Retry(usize),
    /// The server does as it was asked, or refuses, and the worker gets the answer.
    Answer(usize),
    /// The server does as it was asked, or refuses, and the worker does not get the answer.
    LoseAnswer(usize),
    /// The request does not reach the server, for now.
    LoseRequest(usize),
    /// A worker looks up what became of its request.
    LookUp(usize),
    /// A worker dies and starts again.
    Crash(usize),
    /// A lease runs out.
    Expire(usize),
    /// A request arrives, late or again.
    Arrive(Request),
    /// A worker that has no chunk asks for a Sealed record.
    Finish(usize),
}

impl Bounds {
    /// The beginning: a batch has begun.
    pub fn begin(&self) -> State {
        State {
            chunks: vec![Chunk::default(); self.chunks],
            sealed: Vec::new(),
            workers: vec![Worker::Idle; self.workers],
            lost: BTreeSet::new(),
            released: BTreeSet::new(),
        }
    }

    /// What can happen next.
    pub fn actions(&self, state: &State) -> Vec<Action> {
        let mut actions = Vec::new();
        for (index, worker) in state.workers.iter().enumerate() {
            if index > 0 && state.workers[index - 1] == *worker {
                continue;
            }
            match worker {
                Worker::Idle => {
                    actions.extend(
                        (0..self.chunks)
                            .filter(|chunk| self.is_free(&state.chunks[*chunk]))
                            .map(|chunk| Action::Claim(index, chunk)),
                    );
                    if state.sealed.is_empty() && self.all_done(state) {
                        actions.push(Action::Finish(index));
                    }
                    continue;
                }
                Worker::Claimed { .. } => actions.push(Action::Read(index)),
                Worker::Recorded(_) => actions.push(Action::Sign(index)),
                Worker::Signed(work) => {
                    actions.push(Action::Submit(index));
                    if work.attempt + 1 < self.attempts {
                        actions.push(Action::Retry(index));
                    }
                }
                Worker::Asking { .. } => {
                    actions.extend([Action::Answer(index), Action::LoseAnswer(index), Action::LoseRequest(index)]);
                }
                Worker::Unknown { .. } => actions.push(Action::LookUp(index)),
            }
            actions.push(Action::Crash(index));
        }
        actions.extend((0..self.chunks).filter(|chunk| state.chunks[*chunk].lease.is_some()).map(Action::Expire));
        actions.extend(state.lost.iter().cloned().map(Action::Arrive));
        actions
    }

    /// The state after `action`.
    pub fn after(&self, before: &State, action: Action) -> State {
        let mut state = before.clone();
        match action {
            Action::Claim(worker, chunk) => {
                state.chunks[chunk].claims += 1;
                let token = state.chunks[chunk].claims;
                state.chunks[chunk].lease = Some(token);
                state.workers[worker] = Worker::Claimed { chunk, token };
            }
            Action::Read(worker) => {
                if let Worker::Claimed { chunk, token } = state.workers[worker] {
                    let there = &state.chunks[chunk];
                    let work = Work { chunk, token, seen: there.seen(), attempt: there.retries };
                    state.workers[worker] = if !there.issued.is_empty() {
                        Worker::Idle
                    } else if there.intent {
                        Worker::Recorded(work)
                    } else {
                        let request = Request::Intent { chunk, token, seen: work.seen };
                        Worker::Asking { work, request }
                    };
                }
            }
            Action::Sign(worker) => {
                if let Worker::Recorded(work) = state.workers[worker] {
                    state.workers[worker] = Worker::Signed(work);
                    if self.planted == Some(Planted::ReleasedWhenSigned) {
                        state.released.insert(work.certificate());
                    }
                }
            }
            Action::Submit(worker) => {
                if let Worker::Signed(work) = state.workers[worker] {
                    let request = Request::Issued { certificate: work.certificate(), seen: work.seen };
                    state.workers[worker] = Worker::Asking { work, request };
                }
            }
            Action::Retry(worker) => {
                if let Worker::Signed(work) = state.workers[worker] {
                    let Work { chunk, token, seen, .. } = work;
                    let request = Request::Retry { chunk, token, seen };
                    state.workers[worker] = Worker::Asking { work, request };
                }
            }
            Action::Answer(worker) => {
                if let Worker::Asking { work, request } = state.workers[worker].clone() {
                    let done = self.apply(&mut state, &request);
                    state.workers[worker] = Self::answered(&mut state, work, &request, done);
                }
            }
            Action::LoseAnswer(worker) | Action::LoseRequest(worker) => {
                if let Worker::Asking { work, request } = state.workers[worker].clone() {
                    if matches!(action, Action::LoseAnswer(_)) {
                        self.apply(&mut state, &request);
                    }
                    state.lost.insert(request.clone());
                    state.workers[worker] = if self.planted == Some(Planted::LostIsDone) {
                        Self::answered(&mut state, work, &request, true)
                    } else {
                        Worker::Unknown { work, request }
                    };
                }
            }
            Action::LookUp(worker) => {
                if let Worker::Unknown { work, request } = state.workers[worker].clone() {
                    state.workers[worker] = match Self::found(&state, work, &request) {
                        Found::Done => Self::answered(&mut state, work, &request, true),
                        Found::NotYet => Worker::Asking { work, request },
                        Found::Overtaken => Worker::Idle,
                    };
                }
            }
            Action::Crash(worker) => state.workers[worker] = Worker::Idle,
            Action::Expire(chunk) => state.chunks[chunk].lease = None,
            Action::Arrive(request) => {
                self.apply(&mut state, &request);
            }
            Action::Finish(worker) => {
                let certificates = state.certificates();
                let work = Work { chunk: 0, token: 0, seen: 0, attempt: 0 };
                state.workers[worker] = Worker::Asking { work, request: Request::Sealed { certificates } };
            }
        }
        state.workers.sort();
        let mut lost = std::mem::take(&mut state.lost);
        lost.retain(|request| self.may_be_added(&state, request));
        state.lost = lost;
        state
    }

    /// Whether a request can still change anything, now or later: leases that ran out and numbers of records do not come
    /// back. One that cannot is forgotten, which leaves fewer states to visit and no run out.
    fn may_be_added(&self, state: &State, request: &Request) -> bool {
        match request {
            _ if !matches!(self.planted, None | Some(Planted::NoTokens)) => true,
            Request::Intent { chunk, token, seen } => {
                let there = &state.chunks[*chunk];
                self.has_lease(there, *token) && there.seen() == *seen && !there.intent
            }
            Request::Retry { chunk, token, seen } => {
                let there = &state.chunks[*chunk];
                self.has_lease(there, *token) && there.seen() == *seen
            }
            Request::Issued { certificate, seen } => state.chunks[certificate.chunk].seen() == *seen,
            Request::Sealed { .. } => state.sealed.is_empty(),
        }
    }

    /// Whether a chunk can be claimed: a lease that ran out is none.
    fn is_free(&self, chunk: &Chunk) -> bool {
        chunk.lease.is_none() && chunk.claims < self.claims && chunk.issued.is_empty()
    }

    fn has_lease(&self, chunk: &Chunk, token: u8) -> bool {
        self.planted == Some(Planted::NoTokens) || chunk.lease == Some(token)
    }

    fn all_done(&self, state: &State) -> bool {
        let done = state.chunks.iter().filter(|chunk| !chunk.issued.is_empty()).count();
        let half = self.planted == Some(Planted::SealedTooSoon) && done * 2 >= self.chunks;
        done == self.chunks || half
    }

    /// What the server does with a request: compares the guard and adds the record, in one step. Returns whether it did.
    fn apply(&self, state: &mut State, request: &Request) -> bool {
        let without = |planted| self.planted == Some(planted);
        match request {
            Request::Intent { chunk, token, seen } => {
                let there = &state.chunks[*chunk];
                let adds = self.has_lease(there, *token) && there.seen() == *seen && !there.intent;
                state.chunks[*chunk].intent |= adds;
                adds
            }
            Request::Retry { chunk, token, seen } => {
                let right = state.chunks[*chunk].seen() == *seen || without(Planted::RetryWithoutSeen);
                let adds = right && self.has_lease(&state.chunks[*chunk], *token);
                state.chunks[*chunk].retries += u8::from(adds);
                adds
            }
            Request::Issued { certificate, seen } => {
                let there = &mut state.chunks[certificate.chunk];
                // a faulty server is not asked for the same record for ever
                let right =
                    if without(Planted::IssuedWithoutSeen) { there.issued.len() < 3 } else { there.seen() == *seen };
                if right {
                    there.issued.push(*certificate);
                    there.lease = there.lease.filter(|token| *token != certificate.token);
                }
                right
            }
            Request::Sealed { certificates } => {
                let first = state.sealed.is_empty();
                if first {
                    state.sealed.push(certificates.clone());
                }
                first
            }
        }
    }

    /// What a worker does with an answer.
    fn answered(state: &mut State, work: Work, request: &Request, done: bool) -> Worker {
        match request {
            _ if !done => Worker::Idle,
            Request::Intent { .. } => Worker::Recorded(work),
            Request::Retry { .. } => Worker::Recorded(Work { seen: work.seen + 1, attempt: work.attempt + 1, ..work }),
            Request::Issued { certificate, .. } => {
                state.released.insert(*certificate);
                Worker::Idle
            }
            Request::Sealed { .. } => Worker::Idle,
        }
    }

    /// What became of a request whose answer was lost: its place, and what is there.
    fn found(state: &State, work: Work, request: &Request) -> Found {
        let there = &state.chunks[work.chunk];
        let unchanged = there.seen() == work.seen;
        match request {
            // an Intent record of another worker has the same bytes
            Request::Intent { .. } if there.intent && unchanged => Found::Done,
            Request::Issued { certificate, .. } if there.issued.contains(certificate) => Found::Done,
            // the Retry record of another worker has the same bytes too, and whose it is cannot be told
            Request::Retry { .. } if there.retries == work.attempt + 1 && there.seen() == work.seen + 1 => Found::Done,
            Request::Sealed { .. } if !state.sealed.is_empty() => Found::Done,
            Request::Sealed { .. } => Found::NotYet,
            _ if unchanged => Found::NotYet,
            _ => Found::Overtaken,
        }
    }
}

enum Found {
    Done,
    NotYet,
    Overtaken,
}

impl Work {
    const fn certificate(&self) -> Certificate {
        Certificate { chunk: self.chunk, attempt: self.attempt, token: self.token }
    }
}

impl State {
    /// Every certificate on the ledger.
    pub fn certificates(&self) -> Vec<Certificate> {
        self.chunks.iter().flat_map(|chunk| chunk.issued.iter().copied()).collect()
    }

    /// No leaf has two certificates of one attempt; and none of an attempt that was given up.
    pub fn is_unique(&self) -> bool {
        self.chunks.iter().all(|chunk| {
            chunk.issued.len() <= 1 && chunk.issued.iter().all(|certificate| certificate.attempt == chunk.retries)
        })
    }

    /// Nothing was released that is not recorded, and nothing is recorded without an Intent record.
    pub fn is_recorded(&self) -> bool {
        let on_ledger = self.certificates();
        let intended = self.chunks.iter().all(|chunk| chunk.intent || chunk.issued.is_empty() && chunk.retries == 0);
        intended && self.released.iter().all(|certificate| on_ledger.contains(certificate))
    }

    /// A finished batch stays finished: it has every chunk, and the certificates are those that were sealed.
    pub fn stays_finished(&self) -> bool {
        let now = self.certificates();
        self.sealed.len() <= 1 && self.sealed.iter().all(|sealed| *sealed == now && sealed.len() == self.chunks.len())
    }

    /// Whether the batch has a seal.
    pub fn is_finished(&self) -> bool {
        !self.sealed.is_empty()
    }

    /// Whether a result was kept that came after its lease had gone to another worker.
    pub fn kept_a_late_result(&self) -> bool {
        self.chunks.iter().any(|chunk| {
            chunk.issued.iter().any(|certificate| chunk.lease.is_some_and(|token| token != certificate.token))
        })
    }
}
