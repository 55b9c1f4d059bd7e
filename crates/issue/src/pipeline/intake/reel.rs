//! A reel: reads every input once, settles which leaves are to be issued, finds the batch again or draws a new one, and
//! builds and lints everything.

use std::borrow::Cow;
use std::io::Read;

use crate::audit;
use crate::cert::Encoder;
use crate::durable;
use crate::error::{CoreError, Error};
use crate::intake::{Source, read_and_verify};
use crate::ledger::{AuthorityKind, BatchRow, BatchState, BatchTerms, Ledger};
use crate::manifest::{self, Entry};
use crate::reel::{Edition, Input, InputRecord, Limits, Spool};
use crate::x509::Time;

use super::super::build::{self, Bound};
use super::super::job::Job;
use super::super::outcome::Stage;
use super::super::preflight::{self, Cleared, Ground};
use super::super::settle::{self, Settled};
use super::super::{Authority, Run, seal, terms};
use super::{Admission, Ready};

/// Pass 1 over the inputs of a job.
///
/// A batch that an earlier release began follows from the rules of its time: if the inputs do not fit it under today's
/// rules of reading, they are read again under the earlier ones.
pub(in super::super) fn admit<'a>(
    run: &mut Run<'_>,
    job: &'a Job<'a>,
    ledger: &Ledger,
    authority: &dyn Authority,
    stdin: &mut (dyn Read + Send),
) -> Result<Admission<'a>, Error> {
    // first the policy, whose mistakes have their place; then what only the authority knows
    job.policy.check_issuer(job.issuer)?;
    authority.check_policy(job.policy)?;
    let mut reel = Reel { job, ledger, authority: authority.kind(), begun: None };
    reel.check_words()?;
    let pass = reel.in_editions(run, stdin)?;
    let findings = match &pass {
        Admission::Ready(ready) => &ready.account.findings,
        Admission::Refused(refusal) => &refusal.findings,
    };
    job.findings.map_or(Ok(()), |path| findings.write_to(path))?;
    Ok(pass)
}

/// What the steps of pass 1 share.
struct Reel<'a, 'b> {
    job: &'a Job<'a>,
    ledger: &'b Ledger,
    authority: AuthorityKind,
    /// The encoder of the batch that the run goes on with, once it is found.
    begun: Option<Encoder>,
}

impl<'a> Reel<'a, '_> {
    fn in_editions(&mut self, run: &mut Run<'_>, stdin: &mut (dyn Read + Send)) -> Result<Admission<'a>, Error> {
        let pass = self.by(run, stdin, self.job.limits.edition);
        let unfit = matches!(pass, Ok(Admission::Refused(_)) | Err(Error::LeavesDiffer { .. }));
        // batches of encoder 2 were all started under today's rules
        if self.begun == Some(Encoder::One) && unfit && !self.job.inputs.contains(&Input::Stdin) {
            for edition in Edition::EARLIER {
                let again = self.by(run, stdin, *edition);
                if matches!(again, Ok(Admission::Ready(_)) | Err(Error::Core(CoreError::Interrupted))) {
                    return again;
                }
            }
        }
        pass
    }

    /// Pass 1 under one edition of the rules of reading.
    fn by(
        &mut self,
        run: &mut Run<'_>,
        stdin: &mut (dyn Read + Send),
        edition: Edition,
    ) -> Result<Admission<'a>, Error> {
        let (job, ledger) = (self.job, self.ledger);
        let limits = Limits { edition, ..job.limits.clone() };
        let mut earlier = None;
        let mut cleared = None;
        // before the inputs are read: a folder that goes away later is noticed where the output is made
        let tbs = Spool::create(durable::parent(job.out))?;
        let intake = run.timed(Stage::Intake, |run| {
            let source = Source {
                inputs: job.inputs,
                limits: &limits,
                anchors: job.anchors,
                rules: job.policy.source(),
                at: job.now,
                scratch: durable::parent(job.out),
                jobs: job.jobs,
                engine: job.engine,
                advance: &|count| run.progress.advance(count),
                cancel: run.cancel,
            };
            // at the instant of the batch: if this command has run before, that of its batch
            read_and_verify(&source, stdin, |inputs| {
                earlier = self.find(inputs)?;
                let issued_at = earlier.as_ref().map_or(job.now, |row| row.issued_at);
                if !earlier.as_ref().is_some_and(is_sealed) {
                    self.check_valid()?;
                    cleared = Some(preflight::check(&self.ground(issued_at), ledger)?);
                }
                Ok(issued_at)
            })
        })?;
        self.begun = earlier.as_ref().map(|row| row.terms.encoder);
        if earlier.is_some() {
            self.check_head(earlier.as_ref())?;
            self.check_delivery(earlier.as_ref())?;
        }
        let (mut settled, earlier) = run.timed(Stage::Settle, |_| settle::settle(job, ledger, intake, earlier))?;
        self.begun = earlier.as_ref().map(|row| row.terms.encoder).or(self.begun);
        if let Some(batch) = job.again.as_ref().filter(|batch| earlier.as_ref().is_none_or(|row| row.id != **batch)) {
            return Err(Error::NotItsSources { batch: batch.to_string() });
        }
        self.check_head(earlier.as_ref())?;
        self.check_delivery(earlier.as_ref())?;
        settled.warnings.extend(cleared.iter().flat_map(|cleared: &Cleared| cleared.notes.iter().cloned()));
        if settled.nothing_left() {
            return Ok(Admission::Refused(settled.refused(job.on_reject)?));
        }

        settled.warnings.extend(earlier.as_ref().and_then(|row| self.other_beacon(row)));
        let resumed = earlier.is_some();
        let row = earlier.unwrap_or_else(|| settled.draw(job, job.delivery(self.authority)));
        let bound = Bound::new(job.policy, &job.params, job.issuer, &row)?;
        run.timed(Stage::Lint, |run| build::lint_all(run, job, &bound, &row, &mut settled, tbs))?;
        if settled.stops(job.on_reject) {
            return Ok(Admission::Refused(settled.refused(job.on_reject)?));
        }
        let row = settled.confirm(row, resumed)?;
        settled.list_findings()?;
        if let Some(reason) = self.comes_out_otherwise(&settled, &row)? {
            settled.refuse(reason);
            return Ok(Admission::Refused(settled.refused(job.on_reject)?));
        }
        settled.check_account()?;
        Ok(Admission::Ready(Box::new(self.ready(settled, row, bound, cleared))))
    }

    /// A sealed batch that was found by its leaves would have other findings with another list: it comes out as it was
    /// or not at all.
    fn comes_out_otherwise(&self, settled: &Settled, row: &BatchRow) -> Result<Option<String>, Error> {
        let gone = self.job.out.symlink_metadata().is_err();
        if settled.found_by_leaves.is_none() || !is_sealed(row) || !gone {
            return Ok(None);
        }
        if seal::has_lists(self.ledger, row, &settled.listed, settled.expected(self.job).as_ref())? {
            return Ok(None);
        }
        Ok(Some(format!("batch {} is sealed and comes out only as it was, with the list of then", row.id)))
    }

    fn ready(&self, settled: Settled, row: BatchRow, bound: Bound, cleared: Option<Cleared>) -> Ready<'a> {
        let job = self.job;
        let found_by_leaves = settled.found_by_leaves.is_some();
        let (account, rows, (spool, kept), verifier) = settled.into_account(job);
        Ready {
            issuer: job.issuer,
            anchors: job.anchors,
            policy: Cow::Borrowed(job.policy),
            params: Cow::Borrowed(&job.params),
            row,
            bound,
            rows,
            spool,
            kept,
            verifier,
            account,
            cleared,
            found_by_leaves,
            plan: None,
            ceremony: None,
            scratch: durable::parent(job.out),
            // what was found in the inputs is listed; nothing is returned
            findings: None,
            jobs: job.jobs,
        }
    }

    fn ground(&self, issued_at: Time) -> Ground<'_> {
        let job = self.job;
        Ground {
            authority: self.authority,
            policy: job.policy,
            issuer: job.issuer,
            manifest_certificate: Some(job.manifest_certificate),
            anchors: job.anchors,
            issued_at,
            now: job.now,
            accept_clock: job.accept_clock.as_deref(),
        }
    }

    /// The batch that this very command began: under the encoder of new batches, else under one of an earlier release.
    fn find(&self, inputs: &[InputRecord]) -> Result<Option<BatchRow>, Error> {
        let terms = terms::terms(self.job, inputs);
        for encoder in Encoder::ALL {
            if let Some(row) = self.ledger.find(&BatchTerms { encoder, ..terms.clone() }.key())? {
                return Ok(Some(row));
            }
        }
        Ok(None)
    }

    /// Refuses what would otherwise be noticed at the first signature or, worse, after the last.
    fn check_words(&self) -> Result<(), Error> {
        let job = self.job;
        for (name, reason) in
            [("reissue", &job.reissue), ("bulk_id", &job.bulk_id), ("accept_clock", &job.accept_clock)]
        {
            reason.as_deref().map_or(Ok(()), |reason| Entry::check_reason(name, reason))?;
        }
        if job.beacon.is_some() {
            if self.authority.is_external() {
                return Err(Error::BeaconUnused { reason: "another CA chooses the serial numbers" });
            }
            if job.policy.copies_serial() {
                return Err(Error::BeaconUnused { reason: "the policy copies the serial numbers of the leaves" });
            }
        }
        Ok(())
    }

    /// Like its seed and its instant, a batch has the beacon with which it was started.
    fn other_beacon(&self, row: &BatchRow) -> Option<String> {
        let given = self.job.beacon?;
        let has = match row.beacon {
            Some(beacon) if beacon == given => return None,
            Some(beacon) => format!("the beacon with SHA-256 {beacon}"),
            None => "no beacon".to_owned(),
        };
        Some(format!("batch {} was started with {has} and continues with it; the one given now is not used", row.id))
    }

    /// A ledger restored from an old backup would let chips be issued a second time. The head that a broken run of this
    /// command was given is not the one it left behind.
    fn check_head(&self, earlier: Option<&BatchRow>) -> Result<(), Error> {
        let Some(expected) = self.job.expect_head else { return Ok(()) };
        let found = self.ledger.head()?;
        if found == expected {
            return Ok(());
        }
        match earlier {
            Some(row) if self.ledger.head_before(&row.id)? == expected => Ok(()),
            _ => Err(Error::HeadDiffers { found, expected }),
        }
    }

    /// A batch keeps the form in which it was started.
    fn check_delivery(&self, earlier: Option<&BatchRow>) -> Result<(), Error> {
        let asked = self.job.delivery(self.authority);
        if let Some(row) = earlier.filter(|row| row.delivery != asked) {
            let (recorded, asked) = (row.delivery.to_string(), asked.to_string());
            return Err(Error::DeliveryDiffers { batch: row.id.to_string(), recorded, asked });
        }
        Ok(())
    }

    /// What is sealed needs no certificate that is valid now; everything else does.
    fn check_valid(&self) -> Result<(), Error> {
        let job = self.job;
        for certificate in [job.issuer.certificate(), job.manifest_certificate] {
            if !certificate.validity().contains(job.now) {
                return Err(audit::not_valid(certificate, job.now).into());
            }
        }
        Ok(manifest::seal::check_signer(job.manifest_certificate, job.now)?)
    }
}

/// Whether this batch was sealed by an earlier run.
fn is_sealed(row: &BatchRow) -> bool {
    row.state == BatchState::Sealed
}
