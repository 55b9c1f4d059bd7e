//! Signing a plan, on the machine that has the key.

use std::io::Read;
use std::path::PathBuf;

use crate::approval::Approval;
use crate::config::{Config, Signing};
use crate::error::{Error, SetupError};
use crate::issue::Issuer;
use crate::ledger::Ledger;
use crate::parallel;
use crate::pipeline::{self, Local, Outcome, Sign, SignBasis, SignJob, Signed};
use crate::plan::Ceremony;
use crate::signer::SecretResolver;
use crate::x509::{Certificate, Spki};

use super::{Surroundings, check_reason};

/// What is chosen on the signing machine. Whose plans it takes, and which policies, is in its configuration.
#[derive(Clone, Debug)]
pub struct SignChoices {
    /// The plan.
    pub plan: PathBuf,
    /// The signature file to create.
    pub out: PathBuf,
    /// Files of approvals.
    pub approvals: Vec<PathBuf>,
    /// Why a jump of this machine's clock is right.
    pub accept_clock: Option<String>,
    /// Threads; all cores if it is not said.
    pub jobs: Option<usize>,
}

impl SignChoices {
    /// Checks what needs no configuration. [`Vault::ready`] does it too.
    ///
    /// # Errors
    /// A choice cannot be recorded.
    pub fn check(&self) -> Result<(), Error> {
        Ok(check_reason(self.accept_clock.as_deref(), SetupError::AcceptClock)?)
    }
}

/// A signing machine, of which everything but the ledger is open.
#[expect(missing_debug_implementations, reason = "holds a signer")]
pub struct Vault {
    choices: SignChoices,
    signing: Signing,
    anchors: Vec<Certificate>,
    approvals: Vec<Approval>,
    issuer: Issuer,
}

impl Vault {
    /// Checks the choices, reads the certificates that the configuration names, and opens the CA key.
    ///
    /// # Errors
    /// A choice cannot be recorded, the configuration takes no plans, or a certificate, an approval or the key cannot be had.
    pub fn ready(config: &Config, choices: SignChoices, secrets: &dyn SecretResolver) -> Result<Self, Error> {
        choices.check()?;
        let signing = config.signing()?;
        let anchors = config.anchors()?;
        let approvals = Approval::read_all(&choices.approvals)?;
        let issuer = Issuer::new(config.issuer_identity()?, config.open_issuer_signer(secrets)?)?;
        Ok(Self { choices, signing, anchors, approvals, issuer })
    }

    /// The key whose ledger this run needs.
    pub fn issuer_key(&self) -> &Spki {
        self.issuer.identity().spki()
    }

    /// Signs the plan, if `confirm`, which can read standard input, says so. A plan is signed whole or not at all.
    ///
    /// # Errors
    /// As [`pipeline::run`].
    pub fn sign(
        &self,
        ledger: &Ledger,
        confirm: &mut dyn FnMut(&mut dyn Read, &Ceremony) -> bool,
        around: &mut Surroundings<'_>,
    ) -> Result<Outcome<Signed>, Error> {
        let basis = SignBasis {
            plan: &self.choices.plan,
            out: &self.choices.out,
            issuer: self.issuer.identity(),
            anchors: &self.anchors,
            planners: &self.signing.planners,
            policies: &self.signing.policies,
            max_days: self.signing.max_days,
            rule: self.signing.rule(),
            now: around.now,
        };
        let job = SignJob::builder(basis)
            .approvals(&self.approvals)
            .accept_clock(self.choices.accept_clock.as_deref())
            .jobs(self.choices.jobs.unwrap_or_else(parallel::cores))
            .build();
        let stdin = &mut *around.stdin;
        let task = Sign { job: &job, confirm: &mut |ceremony| confirm(stdin, ceremony) };
        pipeline::run(task, ledger, &Local { issuer: &self.issuer }, around.progress, around.cancel)
    }

    /// What went wrong at the tokens without stopping the work.
    pub fn notes(&self) -> Vec<String> {
        self.issuer.notes()
    }
}
