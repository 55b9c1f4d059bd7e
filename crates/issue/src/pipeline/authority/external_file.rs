//! An external CA to which a file of requests is carried: certificates come back in any order and container. They are
//! matched by key and checked as strictly as a leaf of ST's, all of them before the first is recorded.

use std::collections::{HashMap, HashSet};
use std::ops::ControlFlow;
use std::path::Path;

use crate::cert::IssuedCertificate;
use crate::crypto::sha256;
use crate::error::{Error, PlanError};
use crate::findings::{FindingSpool, Findings};
use crate::ledger::{AuthorityKind, Ledger, Requested};
use crate::origin::{Disposition, Finding, ItemName};
use crate::parallel;
use crate::policy::Policy;
use crate::reel::{self, Input, Item, Limits, SourceLeaf, Spool, SpoolRef};
use crate::x509::{Certificate, CertificateError, SerialNumber, Sha256Digest};

use super::super::build::Work;
use super::super::outcome::Refusal;
use super::answer::{Judged, judge};
use super::{Asked, Authority, Chunk, Receiver, Report};

/// Takes the certificates that an external CA returned for a plan.
#[derive(Clone, Copy, Debug)]
pub struct ExternalFile<'a> {
    /// The certificates; None while there is only a plan to write.
    returned: Option<&'a [Input]>,
}

impl<'a> ExternalFile<'a> {
    /// The CA, to which the requests of a plan are to be carried.
    pub const fn to_ask() -> Self {
        Self { returned: None }
    }

    /// The CA with the certificates that it returned, in any order and container.
    pub const fn returned(certificates: &'a [Input]) -> Self {
        Self { returned: Some(certificates) }
    }
}

impl Authority for ExternalFile<'_> {
    fn kind(&self) -> AuthorityKind {
        AuthorityKind::ExternalFile
    }

    fn check_policy(&self, policy: &Policy) -> Result<(), Error> {
        Ok(policy.check_foreign()?)
    }

    fn issue(&self, asked: &Asked<'_>, to: &mut dyn Receiver) -> Result<Result<Report, Refusal>, Error> {
        let Asked { ready, work, ledger } = asked;
        let inputs = self.returned.ok_or(PlanError::NothingReturned)?;
        let mut answers = Answers::read(ready.scratch, inputs, work)?;
        answers.check(work, &ready.policy)?;
        let findings = answers.take_findings()?;
        ready.findings.map_or(Ok(()), |path| findings.write_to(path))?;
        let rejected = findings.count(Disposition::Rejected);
        let leaves = work.rows.len() as u64;
        if rejected > 0 {
            return Ok(Err(Refusal {
                items: leaves,
                ready: leaves.saturating_sub(rejected),
                skip_helps: false,
                note_helps: false,
                issued_in: vec![],
                reasons: vec![format!("certificates that are not as asked for, missing or too many: {rejected}")],
                findings,
                missing: vec![],
                warnings: ready.account.warnings.clone(),
            }));
        }
        // every certificate is the one that was asked for; none is recorded yet
        to.begin()?;
        let resumed = answers.record(work, &ready.policy, ledger, to)?;
        Ok(Ok(Report { resumed, signatures_made: leaves, findings, warnings: vec![] }))
    }
}

codes! {
    const;

    CA_CERTIFICATE = "answer.of-a-ca", "A CA's certificate among those that were returned: not looked at."
        => "Nothing to do: certificates of CAs may come back with the others.";
    CERTIFICATE_TWICE = "answer.certificate-twice", "The same certificate, byte for byte, was returned before: it counts once."
        => "Nothing to do: the certificate counts once.";
    INPUT_EMPTY = "answer.input-empty", "An input that was named holds no certificate."
        => "Check the name of the input: it must hold certificates that the CA returned.";
    KEY_TWICE = "answer.key.twice", "There is another certificate for the same key."
        => "Ask the CA which of the two is valid, and take the other one out.";
    KEY_UNKNOWN = "answer.key.unknown", "The certificate is for a key that was not asked for."
        => "Check that the certificate belongs to this plan, and take it out if it does not.";
    MISSING = "answer.missing", "A chip of the plan has no certificate."
        => "Ask the CA for the certificate of this chip, then pass the full set again.";
    SERIAL_TWICE = "answer.serial-twice", "Two certificates have one serial number."
        => "Ask the CA to issue one of the two again: a CA uses a serial number once.";
    UNREADABLE = "answer.unreadable", "What was returned is not a certificate."
        => "Pass certificates as DER or PEM, alone or in an archive.";
}

/// The certificates by the rows of the plan.
struct Answers {
    spool: Spool,
    /// Of each row, in order: the item and its bytes.
    found: Vec<Option<(ItemName, SpoolRef)>>,
    /// What is wrong, or was left out, in the order in which it was found.
    findings: FindingSpool,
}

impl Answers {
    /// Reads all that was returned and matches it by key.
    fn read(scratch: &Path, inputs: &[Input], work: &Work<'_>) -> Result<Self, Error> {
        let keys: HashMap<Sha256Digest, usize> =
            work.rows.iter().enumerate().map(|(at, row)| (row.key.spki, at)).collect();
        let mut answers = Self {
            spool: Spool::create(scratch)?,
            found: vec![None; work.rows.len()],
            findings: FindingSpool::new(scratch),
        };
        let mut failure = None;
        for input in inputs {
            let mut yields = false;
            let mut each = |item: Item| {
                yields |= item.is_certificate_or_fault();
                match answers.take(item, &keys) {
                    Ok(()) => ControlFlow::Continue(()),
                    Err(error) => {
                        failure = Some(error);
                        ControlFlow::Break(())
                    }
                }
            };
            reel::read(input, None, &Limits::default(), scratch, &mut each)?;
            if let Some(error) = failure.take() {
                return Err(error);
            }
            if !yields {
                let finding = Finding::rejected(input.name(), INPUT_EMPTY, "the input holds no certificate");
                answers.findings.push(answers.findings.len(), finding)?;
            }
            work.interrupted()?;
        }
        for (row, found) in work.rows.iter().zip(&answers.found) {
            if found.is_none() {
                let reason = format!("chip {} has no certificate", row.key.uid);
                let item = row.load(work.spool)?.item;
                let finding = Finding::rejected(item, MISSING, reason);
                answers.findings.push(answers.findings.len(), finding.of(Some(row.uid()), Some(row.source())))?;
            }
        }
        Ok(answers)
    }

    fn take(&mut self, item: Item, keys: &HashMap<Sha256Digest, usize>) -> Result<(), Error> {
        let SourceLeaf { item, der, .. } = match item {
            Item::Candidate(leaf) => leaf,
            Item::Finding(finding) => {
                self.findings.push(self.findings.len(), finding)?;
                return Ok(());
            }
        };
        let finding = match Certificate::from_der(&der) {
            Err(error) => Finding::rejected(item, UNREADABLE, format!("not a certificate: {error}")),
            Ok(certificate) if certificate.is_ca() => {
                let reason = format!("certificate of the CA `{}`", certificate.subject());
                Finding::ignored(item, CA_CERTIFICATE, reason)
            }
            Ok(certificate) => match keys.get(&sha256(certificate.spki().der())) {
                None => {
                    let reason =
                        format!("certificate of `{}` is for a key that was not asked for", certificate.subject());
                    Finding::rejected(item, KEY_UNKNOWN, reason)
                }
                Some(at) => {
                    let Some((other, spooled)) = &self.found[*at] else {
                        self.found[*at] = Some((item, self.spool.append(&der)?));
                        return Ok(());
                    };
                    if self.spool.read(*spooled)? == der {
                        let reason = format!("{other} is the same certificate");
                        Finding::ignored(item, CERTIFICATE_TWICE, reason)
                    } else {
                        let reason = format!("{other} is a certificate for the same key");
                        Finding::rejected(item, KEY_TWICE, reason)
                    }
                }
            },
        };
        Ok(self.findings.push(self.findings.len(), finding)?)
    }

    /// Looks at every certificate; what is wrong with any is a finding.
    fn check(&mut self, work: &Work<'_>, policy: &Policy) -> Result<(), Error> {
        let mut serials: HashSet<SerialNumber> = HashSet::new();
        let mut first = 0;
        for (_, rows) in work.chunks() {
            work.interrupted()?;
            let tasks: Vec<usize> = (first..first + rows.len()).collect();
            first += rows.len();
            let this = &*self;
            let judged = parallel::map(work.jobs, tasks, |at| (at, this.judge(work, policy, at)));
            for (at, judged) in judged {
                let Some(judged) = judged? else { continue };
                let reason = match judged {
                    Err((code, reason)) => Some((code, reason)),
                    Ok(made) if serials.insert(*made.certificate.serial()) => None,
                    Ok(made) => {
                        let serial = hex::encode_upper(made.certificate.serial().content());
                        let reason = format!("serial number {serial} is another certificate's too (RFC 5280 §4.1.2.2)");
                        Some((SERIAL_TWICE, reason))
                    }
                };
                if let (Some((code, reason)), Some((item, _))) = (reason, &self.found[at]) {
                    let row = &work.rows[at];
                    let reason = format!("certificate for chip {}: {reason}", row.key.uid);
                    let finding = Finding::rejected(item.clone(), code, reason);
                    self.findings.push(self.findings.len(), finding.of(Some(row.uid()), Some(row.source())))?;
                }
            }
            work.progress.advance(rows.len() as u64);
        }
        Ok(())
    }

    /// Everything that was found, in order.
    fn take_findings(&mut self) -> Result<Findings, Error> {
        let none = self.findings.empty();
        Ok(std::mem::replace(&mut self.findings, none).finish()?)
    }

    /// `None` if the row has no certificate.
    fn judge(&self, work: &Work<'_>, policy: &Policy, at: usize) -> Result<Option<Judged>, Error> {
        let Some((_, spooled)) = &self.found[at] else { return Ok(None) };
        let unusable =
            |error: CertificateError| Error::AnswerUnusable { uid: work.rows[at].key.uid, reason: error.to_string() };
        let certificate = Certificate::from_der(&self.spool.read(*spooled)?).map_err(unusable)?;
        let (leaf, _) = work.prepare_one(&work.rows[at], 0)?;
        Ok(Some(judge(work, policy, leaf, &certificate)))
    }

    /// Records every certificate and writes it; all of them were checked. Returns whether the ledger held some of them.
    fn record(&self, work: &Work<'_>, policy: &Policy, ledger: &Ledger, to: &mut dyn Receiver) -> Result<bool, Error> {
        let batch = &work.batch.id;
        let mut resumed = false;
        let mut first = 0;
        work.progress.total(work.rows.len() as u64);
        for (number, rows) in work.chunks() {
            work.interrupted()?;
            let (_, linted) = work.read_back(number, rows, &[])?;
            let requested = ledger.request(batch, number, linted)?;
            resumed |= requested.iter().any(|requested| matches!(requested, Requested::Answered(..)));
            let tasks: Vec<usize> = (first..first + rows.len()).collect();
            first += rows.len();
            let mut answers = Vec::with_capacity(rows.len());
            let judged = parallel::map(work.jobs, tasks, |at| self.judge(work, policy, at));
            for (judged, row) in judged.into_iter().zip(rows) {
                let unusable = |reason: String| Error::AnswerUnusable { uid: row.key.uid, reason };
                // every one of them passed before the first was recorded
                let answer = judged?.ok_or_else(|| unusable("it is not there any more".into()))?;
                answers.push(answer.map_err(|(_, reason)| unusable(reason))?);
            }
            let certificates: Vec<IssuedCertificate> = answers.iter().map(|made| made.certificate.clone()).collect();
            ledger.record_answers(batch, number, &certificates)?;
            to.take(Chunk(answers))?;
            work.progress.advance(rows.len() as u64);
        }
        Ok(resumed)
    }
}
