//! The one thread that signs.

use std::cell::Cell;
use std::ffi::OsString;
use std::sync::Arc;

use tracing::{info, warn};

use crate::approval::{Action, Approval, Given, Socket};
use crate::class::Class;
use crate::error::Error;
use crate::ledger::{Ledger, LedgerError, ServiceOutcome, SignerRequest};
use crate::pipeline::Outcome;
use crate::revoke::{plan as lists, request};
use crate::setup::{SignChoices, Surroundings, Vault};
use crate::signer::SecretResolver;
use crate::x509::{Sha256Digest, Time};

use super::super::message::RequestState;
use super::super::spool::{Stored, digest_of};
use super::Shared;
use super::queue::Next;
use super::verdict::verdict;

/// Signs one request after the other.
pub(super) struct Worker {
    shared: Arc<Shared>,
    vault: Option<Vault>,
}

/// A request that is being decided.
struct Request {
    id: Sha256Digest,
    stored: Stored,
    action: Action,
}

/// What was signed.
struct Made {
    subject: Sha256Digest,
    about: String,
    file: Sha256Digest,
}

impl Worker {
    pub(super) const fn new(shared: Arc<Shared>) -> Self {
        Self { shared, vault: None }
    }

    /// Works until the service ends.
    pub(super) fn run(mut self) {
        loop {
            match self.shared.queue.next(|| self.shared.is_ending()) {
                Next::End => return,
                Next::Open => self.open(),
                Next::Sign(id) => self.sign(id),
            }
        }
    }

    fn open(&mut self) {
        // the sessions of a token that failed are closed before new ones are opened
        self.vault = None;
        let secrets = Secrets { shared: &self.shared, asked: Cell::new(false), had: Cell::new(false) };
        let opened = Vault::open(&self.shared.config, &secrets);
        let (asked, had) = (secrets.asked.get(), secrets.had.get());
        let result = match opened {
            Ok(vault) => {
                info!("the key is open");
                self.vault = Some(vault);
                Ok(())
            }
            Err(error) => {
                if asked && !had {
                    info!("waiting for the secret of the key");
                } else {
                    warn!(%error, "the key was not opened");
                }
                Err(error.to_string())
            }
        };
        self.shared.queue.key_tried(result, asked, had);
    }

    fn sign(&mut self, id: Sha256Digest) {
        let Some(vault) = &self.vault else {
            self.shared.queue.key_failed();
            let state = RequestState::Failed { text: "the key is not open".to_owned() };
            self.shared.queue.done(id, state, |state| state);
            return;
        };
        let (state, failed_key) = match self.decide(vault, id) {
            Ok(made) => (RequestState::Signed { sha256: made.file }, false),
            // the request waits on disk, and goes on at the next start
            Err(error) if error.is_interrupted() => (RequestState::Queued {}, false),
            Err(error) => (verdict(&error), error.class() == Class::Signer),
        };
        for note in vault.notes() {
            warn!(note, "noted");
        }
        match &state {
            RequestState::Signed { sha256 } => info!(request = %id, signatures = %sha256, "request signed"),
            RequestState::Refused { code, text } => warn!(request = %id, code, text, "request refused"),
            RequestState::Failed { text } => warn!(request = %id, text, "request failed"),
            _ => info!(request = %id, "request interrupted"),
        }
        if failed_key {
            self.vault = None;
            self.shared.queue.key_failed();
        }
        self.shared.queue.done(id, state, |state| self.kept(id, state));
    }

    /// Keeps an answer. One that cannot be kept is none: the same plan submitted again gets it from the ledger.
    fn kept(&self, id: Sha256Digest, state: RequestState) -> RequestState {
        let kept = match &state {
            RequestState::Refused { code, .. } => self
                .forget_approvals(id, code)
                .and_then(|()| self.shared.spool.end(id, &state).map_err(|error| error.to_string())),
            RequestState::Signed { .. } => self.shared.spool.end(id, &state).map_err(|error| error.to_string()),
            _ => Ok(()),
        };
        match kept {
            Ok(()) => state,
            Err(text) => {
                warn!(request = %id, text, "the answer was not kept");
                RequestState::Failed { text }
            }
        }
    }

    /// One approval that fails makes the others useless, so the next submission begins with those that it brings. Where only
    /// more are needed, what was given stays.
    fn forget_approvals(&self, id: Sha256Digest, code: &str) -> Result<(), String> {
        if code == "approval.too-few" {
            return Ok(());
        }
        let mut stored = self.shared.spool.stored(id).map_err(|error| error.to_string())?;
        stored.approvals.clear();
        stored.click = None;
        self.shared.spool.write(id, &stored).map_err(|error| error.to_string())
    }

    /// Has a request signed. What becomes of it is on the ledger.
    fn decide(&self, vault: &Vault, id: Sha256Digest) -> Result<Made, Error> {
        let plan = self.shared.spool.plan(id);
        let action = match request::action_of(&plan) {
            Some(action) => action,
            None if lists::is_plan(&plan) => Action::SignCrlPlan,
            None => Action::SignPlan,
        };
        let request = Request { id, stored: self.shared.spool.stored(id)?, action };
        let ledger = self.ledger(vault)?;
        let approvals = request.stored.approvals.iter().enumerate();
        let approvals = approvals.map(|(at, text)| Approval::parse(&format!("approval {}", at + 1), text.as_bytes()));
        let approvals = match approvals.collect::<Result<Vec<_>, _>>() {
            Ok(approvals) => approvals,
            Err(error) => {
                self.record(&ledger, &request, None, Some(error.to_string()), ServiceOutcome::Decided)?;
                return Err(error.into());
            }
        };
        let made = self.signed(vault, &ledger, &request, approvals);
        match &made {
            Ok(made) => self.record(&ledger, &request, Some(made), None, ServiceOutcome::Signed(made.file))?,
            Err(error) if error.is_interrupted() => {}
            // it was recorded when it was decided
            Err(Error::Approval(_)) => {}
            Err(error) => {
                let recorded = match verdict(error) {
                    RequestState::Refused { text, .. } => {
                        self.record(&ledger, &request, None, Some(text), ServiceOutcome::Decided)
                    }
                    _ => self.record(&ledger, &request, None, None, ServiceOutcome::Failed(error.to_string())),
                };
                // a disk that is full takes no record either, and the log has it
                if let Err(failed) = recorded {
                    warn!(request = %id, %failed, "the outcome is not on the ledger");
                }
            }
        }
        made
    }

    fn signed(
        &self,
        vault: &Vault,
        ledger: &Ledger,
        request: &Request,
        approvals: Vec<Approval>,
    ) -> Result<Made, Error> {
        let Request { id, stored, action } = request;
        let out = self.shared.spool.signatures(*id);
        let choices = SignChoices {
            plan: self.shared.spool.plan(*id),
            out: out.clone(),
            approvals,
            click: stored.click.clone(),
            socket: Some(Socket { peer: stored.peer, file: *id }),
            accept_clock: None,
            jobs: None,
        };
        let now = self.now();
        if *action == Action::SignCrlPlan {
            // what the approvals must say is what they are asked for: no person is at this machine
            let round = vault.sign_lists(&choices, ledger, &mut |_| true, now)?;
            let subject = lists::plan_digest(&choices.plan)?;
            return Ok(Made { subject, about: format!("round {}", round.number), file: digest_of(&out)? });
        }
        if matches!(action, Action::Revoke | Action::Release) {
            let request = vault.approve_request(&choices, ledger, now)?;
            let (subject, count) = (request.sha256, request.demand().count);
            self.shared.spool.write_answer(*id, &format!("{{\"approved\":\"{subject}\"}}\n"))?;
            return Ok(Made { subject, about: format!("{count} certificates"), file: digest_of(&out)? });
        }
        let host = &self.shared.host;
        let since = (host.clock)();
        let mut around = Surroundings {
            now,
            now_millis: u64::try_from(since.as_millis()).unwrap_or(u64::MAX),
            random: &|bytes| (host.random)(bytes),
            pause: &|_| self.shared.queue.pause(),
            stdin: &mut std::io::empty(),
            progress: &self.shared.queue.progress,
            cancel: &host.cancel,
            tool: host.tool,
        };
        match vault.sign(&choices, ledger, &mut |_, _| true, &mut around)? {
            Outcome::AlreadyDone(signed) | Outcome::Done(signed) => {
                Ok(Made { subject: signed.plan_sha256, about: signed.batch, file: signed.file_sha256 })
            }
            Outcome::DryRun(_) | Outcome::Refused(_) => unreachable!("a plan is signed whole or not at all"),
        }
    }

    /// Opens the ledger for one request, and waits for another command that has it.
    fn ledger(&self, vault: &Vault) -> Result<Ledger, Error> {
        loop {
            match self.shared.config.open_ledger(vault.issuer_key()) {
                Err(LedgerError::Locked { .. }) => {
                    if self.shared.is_ending() {
                        return Err(Error::INTERRUPTED);
                    }
                    self.shared.queue.pause();
                }
                other => return Ok(other?),
            }
        }
    }

    fn record(
        &self,
        ledger: &Ledger,
        request: &Request,
        made: Option<&Made>,
        refused: Option<String>,
        outcome: ServiceOutcome,
    ) -> Result<(), Error> {
        let Request { id, stored, action } = request;
        let socket = Some(Socket { peer: stored.peer, file: *id });
        let given = Given { approvals: &[], click: stored.click.as_ref(), socket };
        ledger.record_signer_request(&SignerRequest {
            at: self.now(),
            action: action.as_str().to_owned(),
            subject: made.map_or(*id, |made| made.subject),
            about: made.map_or_else(String::new, |made| made.about.clone()),
            refused,
            approvals: vec![],
            service: given.service(outcome),
        })?;
        Ok(ledger.conclude()?)
    }

    fn now(&self) -> Time {
        let seconds = i64::try_from((self.shared.host.clock)().as_secs()).unwrap_or(i64::MAX);
        Time::from_unix(seconds).unwrap_or_else(|_| Time::from_unix(0).expect("1970 is a year"))
    }
}

/// Answers questions for secrets with the one that was handed over the socket.
struct Secrets<'s> {
    shared: &'s Shared,
    asked: Cell<bool>,
    had: Cell<bool>,
}

impl SecretResolver for Secrets<'_> {
    fn env(&self, name: &str) -> Option<OsString> {
        (self.shared.host.env)(name)
    }

    fn prompt(&self, _question: &str) -> std::io::Result<String> {
        self.asked.set(true);
        let secret = self.shared.queue.secret();
        self.had.set(secret.is_some());
        secret.ok_or_else(|| std::io::Error::other("it was not handed over yet"))
    }
}
