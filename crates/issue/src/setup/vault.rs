//! Signing plans, on the machine that has the key.

use std::io::Read;
use std::path::PathBuf;
use std::time::Duration;

use crate::approval::{self, Approval, Click, Given, Socket};
use crate::config::{Config, Signing};
use crate::crypto::sha256;
use crate::error::{Error, RevokeError, SetupError};
use crate::issue::Issuer;
use crate::ledger::{CrlRound, Ledger, Pool, Worker};
use crate::parallel;
use crate::pipeline::{self, Local, Outcome, PoolJob, Sign, SignBasis, SignJob, Signed, Worked};
use crate::plan::{Ceremony, LeafStore};
use crate::revoke::plan::{self as lists, CrlCeremony, CrlSignJob};
use crate::revoke::request::Request;
use crate::signer::SecretResolver;
use crate::x509::{Certificate, Spki, Time};

use super::{Surroundings, check_reason};

/// What is chosen for one plan on the signing machine. Whose plans it takes, and which policies, is in its configuration.
#[derive(Clone, Debug)]
pub struct SignChoices {
    /// The plan.
    pub plan: PathBuf,
    /// The signature file to create.
    pub out: PathBuf,
    /// Approvals that were signed.
    pub approvals: Vec<Approval>,
    /// A click that was told.
    pub click: Option<Click>,
    /// Who handed the plan over, where it came over the socket of the signing service.
    pub socket: Option<Socket>,
    /// Why a jump of this machine's clock is right.
    pub accept_clock: Option<String>,
    /// Threads; all cores if it is not said.
    pub jobs: Option<usize>,
}

impl SignChoices {
    /// Checks what needs no configuration. [`Vault::sign`] does it too.
    ///
    /// # Errors
    /// A choice cannot be recorded.
    pub fn check(&self) -> Result<(), Error> {
        Ok(check_reason(self.accept_clock.as_deref(), SetupError::AcceptClock)?)
    }

    fn given(&self) -> Given<'_> {
        Given { approvals: &self.approvals, click: self.click.as_ref(), socket: self.socket }
    }
}

/// What is chosen for a worker of a pool. Which policies it signs is in the configuration of its machine.
#[expect(missing_debug_implementations, reason = "holds callbacks")]
pub struct WorkChoices<'a> {
    /// Where the files of the chunks are.
    pub leaves: LeafStore,
    /// A directory for files that have no name.
    pub scratch: PathBuf,
    /// What the pool knows this worker by.
    pub worker: Worker,
    /// How long a chunk is this worker's without a sign of life.
    pub lease: Duration,
    /// Chunks that are signed at once.
    pub at_once: usize,
    /// Whether the worker ends when no chunk is left.
    pub until_empty: bool,
    /// Threads; all cores if it is not said.
    pub jobs: Option<usize>,
    /// This machine's clock.
    pub clock: &'a (dyn Fn() -> Time + Sync),
    /// Tells a person what went wrong with a chunk.
    pub note: &'a (dyn Fn(&str) + Sync),
}

/// A signing machine, of which everything but the ledger is open. It signs one plan after the other.
#[expect(missing_debug_implementations, reason = "holds a signer")]
pub struct Vault {
    signing: Signing,
    anchors: Vec<Certificate>,
    issuer: Issuer,
}

impl Vault {
    /// Reads the certificates that the configuration names, and opens the CA key.
    ///
    /// # Errors
    /// The configuration takes no plans, or a certificate or the key cannot be had.
    pub fn open(config: &Config, secrets: &dyn SecretResolver) -> Result<Self, Error> {
        let signing = config.signing()?;
        let anchors = config.anchors()?;
        let issuer = Issuer::new(config.issuer_identity()?, config.open_issuer_signer(secrets)?)?;
        Ok(Self { signing, anchors, issuer })
    }

    /// The key whose ledger a run needs.
    pub fn issuer_key(&self) -> &Spki {
        self.issuer.identity().spki()
    }

    /// The name of the issuing CA.
    pub fn issuer_name(&self) -> String {
        self.issuer.identity().subject().to_string()
    }

    /// Signs a plan of certificates, if `confirm`, which can read standard input, says so. A plan is signed whole or not at
    /// all.
    ///
    /// # Errors
    /// As [`pipeline::run`].
    pub fn sign(
        &self,
        choices: &SignChoices,
        ledger: &Ledger,
        confirm: &mut dyn FnMut(&mut dyn Read, &Ceremony) -> bool,
        around: &mut Surroundings<'_>,
    ) -> Result<Outcome<Signed>, Error> {
        choices.check()?;
        let basis = SignBasis {
            plan: &choices.plan,
            out: &choices.out,
            issuer: self.issuer.identity(),
            anchors: &self.anchors,
            planners: &self.signing.planners,
            policies: &self.signing.policies,
            max_days: self.signing.max_days,
            rule: self.signing.rule(),
            now: around.now,
        };
        let job = SignJob::builder(basis)
            .given(choices.given())
            .accept_clock(choices.accept_clock.as_deref())
            .jobs(choices.jobs.unwrap_or_else(parallel::cores))
            .build();
        let stdin = &mut *around.stdin;
        let task = Sign { job: &job, confirm: &mut |ceremony| confirm(stdin, ceremony) };
        pipeline::run(task, ledger, &Local { issuer: &self.issuer }, around.progress, around.cancel)
    }

    /// Signs the chunks of plans that are handed out, as a worker of a pool.
    ///
    /// # Errors
    /// As [`pipeline::work`].
    pub fn work(
        &self,
        choices: &WorkChoices<'_>,
        ledger: &Ledger,
        pool: &mut Pool,
        around: &Surroundings<'_>,
    ) -> Result<Worked, Error> {
        let job = PoolJob {
            issuer: &self.issuer,
            anchors: &self.anchors,
            policies: &self.signing.policies,
            max_days: self.signing.max_days,
            rule: self.signing.rule(),
            leaves: &choices.leaves,
            scratch: &choices.scratch,
            worker: &choices.worker,
            lease: choices.lease,
            at_once: choices.at_once,
            until_empty: choices.until_empty,
            jobs: choices.jobs.unwrap_or_else(parallel::cores),
            clock: choices.clock,
            random: around.random,
            note: choices.note,
        };
        pipeline::work(&job, ledger, pool, around.progress, around.cancel)
    }

    /// Signs a plan of revocation lists, if `confirm` says so. Returns the round.
    ///
    /// # Errors
    /// As [`lists::sign`].
    pub fn sign_lists(
        &self,
        choices: &SignChoices,
        ledger: &Ledger,
        confirm: &mut dyn FnMut(&CrlCeremony) -> bool,
        now: Time,
    ) -> Result<CrlRound, Error> {
        let job = CrlSignJob {
            plan: &choices.plan,
            out: &choices.out,
            issuer: self.issuer.identity(),
            signer: self.issuer.signer(),
            planners: &self.signing.planners,
            max_days: self.signing.max_days,
            routine_days: self.signing.routine_days,
            rule: self.signing.rule(),
            given: choices.given(),
            now,
        };
        lists::sign(&job, ledger, confirm)
    }

    /// Lets a request to revoke or to release pass that enough persons approved. Nothing is signed: what is recorded because
    /// of it is on the lists of the next round, whose plan is approved as every plan is. Returns the request.
    ///
    /// # Errors
    /// It is not one of a planner of this machine, is for a different CA, or the approvals do not meet the rule; or the ledger
    /// cannot be written.
    pub fn approve_request(&self, choices: &SignChoices, ledger: &Ledger, now: Time) -> Result<Request, Error> {
        let request = Request::read(&choices.plan, &self.signing.planners)?;
        let own = sha256(self.issuer_key().der());
        let demand = request.demand();
        if demand.issuer != own {
            let (what, found) = ("issuer key".to_owned(), demand.issuer.to_string());
            return Err(RevokeError::PlanDiffers { what, found, expected: own.to_string() }.into());
        }
        let about = format!("{} certificates", demand.count);
        approval::pass::<Error>(&self.signing.rule(), ledger, (&demand, &about), choices.given(), now, |_| Ok(()))?;
        ledger.conclude()?;
        Ok(request)
    }

    /// What went wrong at the tokens without stopping the work.
    pub fn notes(&self) -> Vec<String> {
        self.issuer.notes()
    }
}
