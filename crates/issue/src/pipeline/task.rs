//! The four things that a run can do: what each reads and what it leaves behind.

use std::io::Read;

use crate::approval;
use crate::error::{Error, PlanError};
use crate::ledger::{AuthorityKind, Ledger};
use crate::plan::Ceremony;

use super::builder::{FinishBasis, SignBasis};
use super::intake::{Admission, Ready, reel, returned, signing};
use super::job::{FinishJob, Job, SignJob};
use super::output::{Batch, Output, PlanOutput, SignatureFile};
use super::{Authority, Run};

/// What a run reads and what it leaves behind. There are four, and only this module makes them.
pub trait Task<'a> {
    /// What the run leaves behind.
    type Output: Output;

    /// Returns the output, before anything is read.
    ///
    /// # Errors
    /// An authority of this kind cannot serve the task.
    fn output(&self, authority: AuthorityKind) -> Result<Self::Output, Error>;

    /// Reads and checks everything, and records nothing.
    ///
    /// # Errors
    /// The input cannot be read, or what is asked for can never be signed.
    fn admit(&mut self, run: &mut Run<'_>, ledger: &Ledger, authority: &dyn Authority) -> Result<Admission<'a>, Error>;

    /// Whether the run stops before anything is recorded.
    fn is_dry_run(&self) -> bool {
        false
    }

    /// Checks approvals and asks a person, where the key is used only after that. Both are recorded.
    ///
    /// # Errors
    /// The approvals do not meet the rule, or the person does not confirm.
    fn confirm(&mut self, _ready: &Ready<'_>, _ledger: &Ledger) -> Result<(), Error> {
        Ok(())
    }
}

/// Makes a batch of a reel, with the key at hand or with a CA that answers at once.
#[expect(missing_debug_implementations, reason = "holds signers")]
pub struct Issue<'a> {
    /// What to make.
    pub job: &'a Job<'a>,
    /// Where an input `-` is read from.
    pub stdin: &'a mut (dyn Read + Send),
}

impl<'a> Task<'a> for Issue<'a> {
    type Output = Batch<'a>;

    fn output(&self, authority: AuthorityKind) -> Result<Batch<'a>, Error> {
        use AuthorityKind::{Cmp, Local};
        serves("issues the certificates of a reel", authority, [Local, Cmp])?;
        let job = self.job;
        Ok(Batch {
            out: job.out,
            manifest_certificate: job.manifest_certificate,
            manifest_signer: job.manifest_signer,
            now: job.now,
            tool: job.tool,
        })
    }

    fn admit(&mut self, run: &mut Run<'_>, ledger: &Ledger, authority: &dyn Authority) -> Result<Admission<'a>, Error> {
        reel::admit(run, self.job, ledger, authority, self.stdin)
    }

    fn is_dry_run(&self) -> bool {
        self.job.dry_run
    }
}

/// Makes a plan for a reel: the run that stops after `begin`, for an authority to which a file is carried.
#[expect(missing_debug_implementations, reason = "holds signers")]
pub struct Plan<'a> {
    /// What to make.
    pub job: &'a Job<'a>,
    /// Where an input `-` is read from.
    pub stdin: &'a mut (dyn Read + Send),
}

impl<'a> Task<'a> for Plan<'a> {
    type Output = PlanOutput<'a>;

    fn output(&self, authority: AuthorityKind) -> Result<PlanOutput<'a>, Error> {
        use AuthorityKind::{AirGapped, ExternalFile};
        serves("writes a plan", authority, [AirGapped, ExternalFile])?;
        Ok(PlanOutput { job: self.job, external: authority == ExternalFile })
    }

    fn admit(&mut self, run: &mut Run<'_>, ledger: &Ledger, authority: &dyn Authority) -> Result<Admission<'a>, Error> {
        reel::admit(run, self.job, ledger, authority, self.stdin)
    }

    fn is_dry_run(&self) -> bool {
        self.job.dry_run
    }
}

/// Signs a plan with the key at hand: the run whose input is a plan.
#[expect(missing_debug_implementations, reason = "holds the question")]
pub struct Sign<'a> {
    /// What to sign.
    pub job: &'a SignJob<'a>,
    /// Asks a person whether to sign.
    pub confirm: &'a mut dyn FnMut(&Ceremony) -> bool,
}

impl<'a> Task<'a> for Sign<'a> {
    type Output = SignatureFile<'a>;

    fn output(&self, authority: AuthorityKind) -> Result<SignatureFile<'a>, Error> {
        serves("signs a plan", authority, [AuthorityKind::Local])?;
        Ok(SignatureFile { out: self.job.basis.out })
    }

    fn admit(&mut self, run: &mut Run<'_>, ledger: &Ledger, authority: &dyn Authority) -> Result<Admission<'a>, Error> {
        Ok(Admission::Ready(Box::new(signing::admit(run, self.job, ledger, authority)?)))
    }

    fn confirm(&mut self, ready: &Ready<'_>, ledger: &Ledger) -> Result<(), Error> {
        let Some(ceremony) = &ready.ceremony else { return Ok(()) };
        let SignBasis { rule, now, .. } = self.job.basis;
        let about = (&ceremony.demand(), ceremony.batch.as_str());
        approval::pass(&rule, ledger, about, self.job.given, now, |approved_by| {
            let ceremony = Ceremony { approved_by, ..ceremony.clone() };
            if (self.confirm)(&ceremony) { Ok(()) } else { Err(PlanError::Declined.into()) }
        })
    }
}

/// Makes the batch of a plan of what came back for it.
#[expect(missing_debug_implementations, reason = "holds a signer")]
pub struct Finish<'a> {
    /// What to finish.
    pub job: &'a FinishJob<'a>,
}

impl<'a> Task<'a> for Finish<'a> {
    type Output = Batch<'a>;

    fn output(&self, authority: AuthorityKind) -> Result<Batch<'a>, Error> {
        use AuthorityKind::{AirGapped, ExternalFile};
        serves("finishes a plan", authority, [AirGapped, ExternalFile])?;
        let FinishBasis { out, manifest_certificate, manifest_signer, now, .. } = self.job.basis;
        Ok(Batch { out, manifest_certificate, manifest_signer, now, tool: self.job.tool })
    }

    fn admit(&mut self, run: &mut Run<'_>, ledger: &Ledger, authority: &dyn Authority) -> Result<Admission<'a>, Error> {
        Ok(Admission::Ready(Box::new(returned::admit(run, self.job, ledger, authority)?)))
    }
}

/// Whether an authority of this kind is one of those that can serve a task.
fn serves<const N: usize>(
    task: &'static str,
    authority: AuthorityKind,
    kinds: [AuthorityKind; N],
) -> Result<(), Error> {
    if kinds.contains(&authority) { Ok(()) } else { Err(Error::AuthorityUnfit { task, authority }) }
}

/// Reads bytes as a plan of which only the planner's signature and the digests are believed, and does all that comes before
/// the question.
#[cfg(fuzzing)]
pub fn fuzz_sign(
    bytes: &[u8],
    job: &SignJob<'_>,
    ledger: &Ledger,
    authority: &dyn Authority,
    progress: &dyn super::Progress,
) -> Option<Ceremony> {
    let plan =
        crate::plan::PlanFile::read(job.basis.plan, Box::new(std::io::Cursor::new(bytes.to_vec())), job.basis.planners)
            .ok()?;
    let cancel = std::sync::atomic::AtomicBool::new(false);
    let mut run = Run { progress, cancel: &cancel, timings: super::Timings::default() };
    match signing::admit_plan(&mut run, job, ledger, authority, plan) {
        Ok(ready) => ready.ceremony,
        Err(error) => {
            // a message is printed as it is
            let printable = |character: char| !character.is_control() || character == '\n';
            assert!(
                matches!(error, Error::Core(crate::error::CoreError::Policy(_)))
                    || error.to_string().chars().all(printable),
                "{error:?}"
            );
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::class::Class;

    #[test]
    fn an_authority_that_cannot_serve_a_task_is_refused_by_name() {
        let error = serves("finishes a plan", AuthorityKind::Local, [AuthorityKind::AirGapped]).unwrap_err();
        assert_eq!(error.class(), Class::Usage);
        assert!(error.to_string().contains("finishes a plan"), "{error}");
        assert!(serves("finishes a plan", AuthorityKind::AirGapped, [AuthorityKind::AirGapped]).is_ok());
    }
}
