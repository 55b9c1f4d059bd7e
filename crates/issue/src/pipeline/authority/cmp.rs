//! An external CA that answers over CMP.
//!
//! Recorded, sent, answered, recorded. A request that was sent and not answered is in doubt: the batch does not seal,
//! and the request is not sent again, until the operator has decided, which is recorded too.

use std::collections::HashSet;
use std::time::Duration;

use crate::cert::IssuedCertificate;
use crate::cmp::Client;
use crate::error::{CmpError, Error, RequestError, TransportError};
use crate::findings::{FindingSpool, Findings};
use crate::intake::Row;
use crate::ledger::{AuthorityKind, Ledger, RecordedRequest, Requested};
use crate::origin::{ChipName, Code, Finding};
use crate::parallel;
use crate::policy::Policy;
use crate::x509::Certificate;

use super::super::build::Work;
use super::super::code;
use super::super::events;
use super::super::outcome::Refusal;
use super::answer::judge;
use super::{Asked, Authority, Chunk, Made, Receiver, Report};

/// Asks an external CA over CMP.
#[expect(missing_debug_implementations, reason = "holds a client")]
pub struct Cmp<'a> {
    /// The client that asks.
    pub client: &'a Client<'a>,
    /// Requests under way at once.
    pub concurrency: usize,
    /// How often to try again when the CA is not reached.
    pub retries: u32,
    /// The operator's decision about requests in doubt: ask again for these chips, or for all, for this reason.
    pub ask_again: Option<(AskAgain, String)>,
}

/// For which chips to ask again.
#[derive(Clone, Debug)]
pub enum AskAgain {
    /// All that are in doubt.
    All,
    /// These, by their UIDs.
    Only(Vec<ChipName>),
}

impl Authority for Cmp<'_> {
    fn kind(&self) -> AuthorityKind {
        AuthorityKind::Cmp
    }

    fn check_policy(&self, policy: &Policy) -> Result<(), Error> {
        Ok(policy.check_foreign()?)
    }

    fn issue(&self, asked: &Asked<'_>, to: &mut dyn Receiver) -> Result<Result<Report, Refusal>, Error> {
        let Asked { ready, work, ledger } = asked;
        let asker = Asker { asking: self, policy: &ready.policy, work, ledger };
        let in_doubt = asker.decide()?;
        let refusal = if in_doubt.is_empty() {
            // nothing is in doubt: every request is answered, or may be sent
            to.begin()?;
            match asker.ask_all(to)? {
                Ok(resumed) => {
                    let signatures_made = work.rows.len() as u64;
                    return Ok(Ok(Report {
                        resumed,
                        signatures_made,
                        findings: Findings::default(),
                        warnings: vec![],
                    }));
                }
                Err(refusal) => refusal,
            }
        } else {
            (in_doubt, "requests are in doubt")
        };
        let (findings, what) = refusal;
        let mut spool = FindingSpool::new(ready.scratch);
        for (number, finding) in (0..).zip(findings) {
            spool.push(number, finding)?;
        }
        let findings = spool.finish()?;
        Ok(Err(Refusal {
            items: ready.account.items,
            ready: work.rows.len() as u64,
            skip_helps: false,
            note_helps: false,
            issued_in: vec![],
            reasons: vec![format!("{what}: {}; batch {} is open", findings.len(), work.batch.id)],
            findings,
            missing: vec![],
            warnings: vec![],
        }))
    }
}

struct Asker<'a> {
    asking: &'a Cmp<'a>,
    policy: &'a Policy,
    work: &'a Work<'a>,
    ledger: &'a Ledger,
}

/// What one request came to.
type Came = Result<Made, RequestError>;

impl Asker<'_> {
    /// Records the operator's decision about requests in doubt. A request without a decision becomes a finding.
    fn decide(&self) -> Result<Vec<Finding>, Error> {
        let mut findings = Vec::new();
        for (number, rows) in self.work.chunks() {
            let (_, linted) = self.work.read_back(number, rows, &[])?;
            let requested = self.ledger.request(&self.work.batch.id, number, linted)?;
            let mut decided = Vec::new();
            for (row, requested) in rows.iter().zip(&requested) {
                let Requested::InDoubt(request) = requested else { continue };
                let uid = row.uid().to_string();
                let reason = self.asking.ask_again.as_ref().filter(|(which, _)| match which {
                    AskAgain::All => true,
                    AskAgain::Only(chips) => chips.iter().any(|chip| chip.names(&row.uid())),
                });
                match reason {
                    Some((_, reason)) => decided.push((request, format!("the operator asks again: {reason}"))),
                    None => findings.push(self.finding(
                        row,
                        code::CMP_IN_DOUBT,
                        format!(
                            "a request for chip {uid} was sent, and it is unknown whether the CA made a certificate"
                        ),
                    )?),
                }
            }
            self.ledger.record_settled(&self.work.batch.id, number, &decided)?;
        }
        Ok(findings)
    }

    fn finding(&self, row: &Row, code: Code, reason: String) -> Result<Finding, Error> {
        let item = row.load(self.work.spool)?.item;
        Ok(Finding::rejected(item, code, reason).of(Some(row.uid()), Some(row.source())))
    }

    /// Asks for everything that is open and hands on all of it; or says what the CA did not make. Returns whether the
    /// ledger held some of it.
    fn ask_all(&self, to: &mut dyn Receiver) -> Result<Result<bool, (Vec<Finding>, &'static str)>, Error> {
        let mut serials = HashSet::new();
        let mut resumed = false;
        self.work.progress.total(self.work.rows.len() as u64);
        for (number, rows) in self.work.chunks() {
            self.work.interrupted()?;
            let (leaves, linted) = self.work.read_back(number, rows, &[])?;
            let requested = self.ledger.request(&self.work.batch.id, number, linted)?;
            let mut answers: Vec<Option<Made>> = (0..rows.len()).map(|_| None).collect();
            let mut open = Vec::new();
            for (at, (requested, leaf)) in requested.into_iter().zip(leaves).enumerate() {
                match requested {
                    Requested::Answered(_, der) => {
                        resumed = true;
                        let unusable = |reason| Error::AnswerUnusable { uid: rows[at].key.uid, reason };
                        let certificate = Certificate::from_der(&der).map_err(|error| unusable(error.to_string()))?;
                        let judged = judge(self.work, self.policy, leaf, &certificate);
                        answers[at] = Some(judged.map_err(|(_, reason)| unusable(reason))?);
                    }
                    Requested::Open(request) | Requested::InDoubt(request) => open.push((at, request)),
                }
            }
            let mut findings = Vec::new();
            for wave in open.chunks(self.asking.concurrency.max(1)) {
                self.work.interrupted()?;
                for (at, came) in self.wave(number, rows, wave)? {
                    match came {
                        Ok(answer) => answers[at] = Some(answer),
                        Err(error) => {
                            let code = match error {
                                RequestError::InDoubt(_) => code::CMP_IN_DOUBT,
                                RequestError::Settled(_) => code::CMP_REFUSED,
                            };
                            let reason = format!("chip {}: {error}", rows[at].key.uid);
                            findings.push(self.finding(&rows[at], code, reason)?);
                        }
                    }
                }
                // a CA that refuses one will refuse others: the operator should not get a refusal for every leaf
                if !findings.is_empty() {
                    return Ok(Err((findings, "requests that came to nothing")));
                }
                self.work.progress.advance(wave.len() as u64);
            }
            let answers: Vec<Made> = answers.into_iter().map(|answer| answer.expect("all were answered")).collect();
            for (made, row) in answers.iter().zip(rows) {
                if !serials.insert(*made.certificate.serial()) {
                    let reason = format!("chip {}: its serial number is another certificate's too", row.key.uid);
                    let finding = self.finding(row, code::CMP_REFUSED, reason)?;
                    return Ok(Err((vec![finding], "serial numbers that the CA used twice")));
                }
            }
            to.take(Chunk(answers))?;
        }
        Ok(Ok(resumed))
    }

    /// Sends several requests at once. Records them before they are sent, and afterwards every certificate and every
    /// request that is known to have failed.
    fn wave(&self, number: u64, rows: &[Row], wave: &[(usize, RecordedRequest)]) -> Result<Vec<(usize, Came)>, Error> {
        let batch = &self.work.batch.id;
        let sent: Vec<(&RecordedRequest, [u8; 16])> = wave
            .iter()
            .map(|(_, request)| {
                let mut transaction = [0; 16];
                (self.asking.client.random)(&mut transaction);
                (request, transaction)
            })
            .collect();
        self.ledger.record_sent(batch, number, &sent)?;
        events::requests_recorded(number, sent.len());
        let tasks: Vec<(usize, &RecordedRequest, [u8; 16])> =
            wave.iter().zip(&sent).map(|((at, _), (request, transaction))| (*at, *request, *transaction)).collect();
        let came =
            parallel::map_each(tasks, |(at, request, transaction)| (at, self.ask(&rows[at], request, &transaction)));

        let mut certificates: Vec<IssuedCertificate> = Vec::new();
        let mut nothing = Vec::new();
        let mut failure = None;
        let mut results = Vec::with_capacity(came.len());
        for ((at, came), (_, request)) in came.into_iter().zip(wave) {
            match came {
                Ok(Ok(answer)) => {
                    certificates.push(answer.certificate.clone());
                    results.push((at, Ok(answer)));
                }
                Ok(Err(RequestError::Settled(error))) => {
                    nothing.push((request, error.to_string()));
                    if matches!(error, CmpError::Transport(_) | CmpError::Protection { .. } | CmpError::Signer(_)) {
                        failure = failure.or(Some(Error::from(error)));
                    } else {
                        results.push((at, Err(RequestError::Settled(error))));
                    }
                }
                Ok(Err(doubt)) => results.push((at, Err(doubt))),
                Err(error) => failure = failure.or(Some(error)),
            }
        }
        self.ledger.record_answers(batch, number, &certificates)?;
        self.ledger.record_settled(batch, number, &nothing)?;
        // what the CA said weighs more than that others did not reach it
        match failure {
            Some(error) if results.iter().all(|(_, came)| came.is_ok()) => Err(error),
            _ => Ok(results),
        }
    }

    fn ask(&self, row: &Row, request: &RecordedRequest, transaction: &[u8; 16]) -> Result<Came, Error> {
        let (leaf, _) = self.work.prepare_one(row, 0)?;
        let template = self.work.bound.template(&leaf).map_err(Error::lint_differs)?;
        let accept = |certificate: &Certificate| {
            let judged = judge(self.work, self.policy, leaf.clone(), certificate);
            judged.map_err(|(_, reason)| reason)
        };
        let mut tries = 0;
        loop {
            match self.asking.client.request(request, &template, transaction, &accept) {
                Err(RequestError::Settled(CmpError::Transport(TransportError::NotSent { .. })))
                    if tries < self.asking.retries =>
                {
                    tries += 1;
                    (self.asking.client.pause)(Duration::from_secs(u64::from(tries)));
                }
                came => {
                    events::answered(row.uid(), came.as_ref().err());
                    return Ok(came);
                }
            }
        }
    }
}
