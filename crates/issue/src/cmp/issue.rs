//! `issue --issuer cmp`: the second pass, with another CA in place of the signer.
//!
//! Recorded, sent, answered, recorded. What was sent and not answered is in doubt: the batch does not seal, and nothing
//! is asked for again, until the operator has decided, which is recorded too.

use std::collections::HashSet;
use std::io::Read;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use crate::cert::IssuedCertificate;
use crate::error::Error;
use crate::findings::Findings;
use crate::intake::Row;
use crate::ledger::{Ledger, RecordedRequest, Requested};
use crate::manifest::{Counts, IssuerMode};
use crate::origin::{ChipName, Finding};
use crate::parallel;
use crate::pipeline::elsewhere::{self, Answer};
use crate::pipeline::seal::{self, Rejected, Sealing};
use crate::pipeline::settle::Settled;
use crate::pipeline::work::Work;
use crate::pipeline::write::Written;
use crate::pipeline::{
    self, FirstPass, Job, Outcome, Progress, Ready, Refusal, Run, Stage, Timings, code, first_pass, settle,
};
use crate::x509::Certificate;

use super::exchange::Client;
use crate::error::{CmpError, RequestError, TransportError};

/// How the CA is asked.
#[expect(missing_debug_implementations, reason = "holds a client")]
pub struct Asking<'a> {
    /// The way to the CA.
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

/// As [`reissue`](pipeline::reissue), with certificates from another CA. What it did not make is a finding of
/// [`Outcome::Refused`]; the batch stays open.
///
/// # Errors
/// As there; or the CA cannot be reached.
pub fn issue(
    job: &Job<'_>,
    asking: &Asking<'_>,
    ledger: &Ledger,
    stdin: &mut (dyn Read + Send),
    progress: &dyn Progress,
    cancel: &AtomicBool,
) -> Result<Outcome, Error> {
    let mut run = Run { job, progress, cancel, timings: Timings::default() };
    seal::check_output_place(job.out, ledger)?;
    job.policy.check_issuer(job.issuer)?;
    job.policy.check_foreign()?;
    let Ready { row, bound, mut settled, cleared } = match first_pass(&mut run, ledger, stdin)? {
        FirstPass::Ready(ready) => *ready,
        FirstPass::Refused(refusal) => return Ok(Outcome::Refused(refusal)),
    };
    if let Some(published) = seal::already_published(job.out, ledger, &row, || settled.summary(&row))? {
        return Ok(Outcome::AlreadyDone(published.with_timings(run.timings)));
    }
    settled.check_account()?;
    if job.dry_run {
        return Ok(Outcome::DryRun(settled.summary(&row).with_timings(run.timings)));
    }
    pipeline::begin(ledger, &row, &settled, cleared.as_ref())?;
    run.interrupted()?;

    let asked = run.timed(Stage::Issue, |run| {
        let work = run.work(&row, &bound, &settled);
        let asker = Asker { asking, job, work: &work, ledger };
        let findings = asker.decide()?;
        if !findings.is_empty() {
            return Ok(Err((findings, "requests are in doubt")));
        }
        asker.ask_all()
    })?;
    let (written, resumed) = match asked {
        Ok(asked) => asked,
        Err((findings, what)) => {
            let findings = listed(&settled, findings)?;
            let count = findings.len();
            return Ok(Outcome::Refused(Refusal {
                items: settled.items,
                ready: settled.rows.len() as u64,
                skip_helps: false,
                note_helps: false,
                findings,
                missing: vec![],
                reasons: vec![format!("{what}: {count}; batch {} is open", row.id)],
                warnings: vec![],
            }));
        }
    };
    let summary = run.timed(Stage::Seal, |_| {
        let expected = settled.expected(job);
        let mut summary = settled.summary(&row);
        summary.resumed = resumed;
        let sealing = Sealing {
            row: &row,
            issuer: job.issuer,
            mode: IssuerMode::Foreign,
            manifest_certificate: job.manifest_certificate,
            manifest_signer: job.manifest_signer,
            policy: job.policy,
            params: &job.params,
            anchors: job.anchors,
            intermediates: settled.verifier.intermediates().collect(),
            expected,
            bulk_id: job.bulk_id.clone().filter(|_| job.publish_bulk_id),
            rejected: Rejected::Listed(summary.findings.clone()),
            inputs: settle::input_lines(&settled.inputs),
            counts: Counts {
                items: summary.items,
                issued: summary.issued,
                rejected: summary.rejected,
                ignored: summary.ignored,
                signatures_made: summary.issued,
            },
            now: job.now,
            tool: job.tool,
        };
        seal::seal_and_publish(&sealing, ledger, written, &mut summary)?;
        Ok(summary)
    })?;
    Ok(Outcome::Done(summary.with_timings(run.timings)))
}

/// What is in doubt or was not made: one wave of requests at most, but for what earlier runs left in doubt.
fn listed(settled: &Settled, findings: Vec<Finding>) -> Result<Findings, Error> {
    let mut spool = settled.findings.empty();
    for (number, finding) in (0..).zip(findings) {
        spool.push(number, finding)?;
    }
    Ok(spool.finish()?)
}

struct Asker<'a> {
    asking: &'a Asking<'a>,
    job: &'a Job<'a>,
    work: &'a Work<'a>,
    ledger: &'a Ledger,
}

/// What one request came to.
type Came = Result<Answer, RequestError>;

impl Asker<'_> {
    /// Records the operator's decision about what is in doubt; what nobody decided about is a finding.
    fn decide(&self) -> Result<Vec<Finding>, Error> {
        let mut findings = Vec::new();
        for (number, rows) in self.work.chunks() {
            let (_, linted) = self.work.prepare_all(rows, &[])?;
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
                        format!("a request for chip {uid} left and nobody knows whether the CA made a certificate"),
                    )?),
                }
            }
            self.ledger.record_settled(&self.work.batch.id, number, &decided)?;
        }
        Ok(findings)
    }

    fn finding(&self, row: &Row, code: crate::origin::Code, reason: String) -> Result<Finding, Error> {
        let item = row.load(self.work.spool)?.item;
        Ok(Finding::rejected(item, code, reason).of(Some(row.uid()), Some(row.source())))
    }

    /// Asks for everything that is open and writes all of it; or says what the CA did not make.
    #[expect(clippy::type_complexity, reason = "what was written, or why nothing is to be sealed")]
    fn ask_all(&self) -> Result<Result<(Written, bool), (Vec<Finding>, &'static str)>, Error> {
        let mut written =
            Written::create(self.job.out, self.work.batch, self.job.policy.source().family, &self.job.forms)?;
        let mut serials = HashSet::new();
        let mut resumed = false;
        self.work.progress.total(self.work.rows.len() as u64);
        for (number, rows) in self.work.chunks() {
            self.work.interrupted()?;
            let (leaves, linted) = self.work.prepare_all(rows, &[])?;
            let requested = self.ledger.request(&self.work.batch.id, number, linted)?;
            let mut answers: Vec<Option<Answer>> = (0..rows.len()).map(|_| None).collect();
            let mut open = Vec::new();
            for (at, (requested, leaf)) in requested.into_iter().zip(leaves).enumerate() {
                match requested {
                    Requested::Answered(_, der) => {
                        resumed = true;
                        let unusable = |reason| Error::AnswerUnusable { uid: rows[at].key.uid, reason };
                        let certificate = Certificate::from_der(&der).map_err(|error| unusable(error.to_string()))?;
                        let judged = elsewhere::judge(self.work, self.job.policy, leaf, &certificate);
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
                // a CA that refuses one will refuse others: nobody should have to look at a reel of refusals
                if !findings.is_empty() {
                    return Ok(Err((findings, "requests that came to nothing")));
                }
                self.work.progress.advance(wave.len() as u64);
            }
            let answers: Vec<Answer> = answers.into_iter().map(|answer| answer.expect("all were answered")).collect();
            for ((_, certificate, _), row) in answers.iter().zip(rows) {
                if !serials.insert(*certificate.serial()) {
                    let reason = format!("chip {}: its serial number is another certificate's too", row.key.uid);
                    let finding = self.finding(row, code::CMP_REFUSED, reason)?;
                    return Ok(Err((vec![finding], "serial numbers that the CA used twice")));
                }
            }
            written.add_elsewhere(self.work.jobs, self.job.reissue.as_deref(), answers)?;
        }
        Ok(Ok((written, resumed)))
    }

    /// Sends some requests at once: recorded before, and what came of them after, whatever it is.
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
                    certificates.push(answer.1.clone());
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
        let (leaf, _) = self.work.prepare_one(row)?;
        let template = self.work.bound.template(&leaf).map_err(Error::lint_differs)?;
        let accept = |certificate: &Certificate| {
            let judged = elsewhere::judge(self.work, self.job.policy, leaf.clone(), certificate);
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
                came => return Ok(came),
            }
        }
    }
}
