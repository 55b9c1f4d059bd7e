//! Finishing a plan with what came back for it.

use std::path::PathBuf;

use crate::cert::IssuerIdentity;
use crate::config::Config;
use crate::error::{Error, SetupError};
use crate::ledger::Ledger;
use crate::parallel;
use crate::pipeline::{self, AirGapped, ExternalFile, Finish, FinishBasis, FinishJob, Outcome, Summary};
use crate::reel::Input;
use crate::signer::SecretResolver;
use crate::x509::{Certificate, Sha256Digest, Spki};

use super::{ManifestSigner, Surroundings, check_reason};

/// What is chosen where a plan is finished.
#[derive(Clone, Debug)]
pub struct FinishChoices {
    /// The plan, or the directory of a plan for an external CA.
    pub plan: PathBuf,
    /// What came back for it.
    pub came: Came,
    /// Where the batch directory goes.
    pub out: PathBuf,
    /// A file to list every certificate in that was left out or is wrong.
    pub findings: Option<PathBuf>,
    /// Why a jump of this machine's clock is right.
    pub accept_clock: Option<String>,
    /// Threads; all cores if it is not said.
    pub jobs: Option<usize>,
}

impl FinishChoices {
    /// Checks what needs no configuration. [`Returned::ready`] does it too.
    ///
    /// # Errors
    /// A choice cannot be recorded or used.
    pub fn check(&self) -> Result<(), Error> {
        check_reason(self.accept_clock.as_deref(), SetupError::AcceptClock)?;
        match &self.came {
            Came::Certificates(inputs) if inputs.contains(&Input::Stdin) => {
                Err(SetupError::CertificatesFromStdin.into())
            }
            _ => Ok(()),
        }
    }
}

/// What came back for a plan.
#[derive(Clone, Debug)]
pub enum Came {
    /// The certificates of an external CA.
    Certificates(Vec<Input>),
    /// Workers of a pool put all certificates on the ledger.
    OnLedger,
    /// A signature file, and its SHA-256 if that was carried beside it.
    Signatures(PathBuf, Option<Sha256Digest>),
}

/// A plan that can be finished: everything but the ledger is open.
#[expect(missing_debug_implementations, reason = "holds a signer")]
pub struct Returned {
    choices: FinishChoices,
    anchors: Vec<Certificate>,
    issuer: IssuerIdentity,
    manifest: ManifestSigner,
}

impl Returned {
    /// Checks the choices, reads the certificates that the configuration names, and opens the manifest key.
    ///
    /// # Errors
    /// A choice cannot be recorded or used, or a certificate or the key cannot be had.
    pub fn ready(config: &Config, choices: FinishChoices, secrets: &dyn SecretResolver) -> Result<Self, Error> {
        choices.check()?;
        super::check_exists(&choices.out, super::looks_like_a_batch)?;
        let anchors = config.anchors()?;
        let issuer = config.issuer_identity()?;
        Ok(Self { choices, anchors, issuer, manifest: ManifestSigner::open(config, secrets)? })
    }

    /// The key whose ledger this run needs.
    pub fn issuer_key(&self) -> &Spki {
        self.issuer.spki()
    }

    /// Makes the batch.
    ///
    /// # Errors
    /// As [`pipeline::run`].
    pub fn finish(&self, ledger: &Ledger, around: &Surroundings<'_>) -> Result<Outcome<Summary>, Error> {
        let basis = FinishBasis {
            plan: &self.choices.plan,
            out: &self.choices.out,
            issuer: &self.issuer,
            anchors: &self.anchors,
            manifest_certificate: &self.manifest.certificate,
            manifest_signer: &*self.manifest.signer,
            now: around.now,
        };
        let job = FinishJob::builder(basis)
            .findings(self.choices.findings.as_deref())
            .accept_clock(self.choices.accept_clock.as_deref())
            .jobs(self.choices.jobs.unwrap_or_else(parallel::cores))
            .tool(around.tool)
            .build();
        let task = Finish { job: &job };
        match &self.choices.came {
            Came::Certificates(certificates) => {
                pipeline::run(task, ledger, &ExternalFile::returned(certificates), around.progress, around.cancel)
            }
            Came::OnLedger => pipeline::run(task, ledger, &AirGapped::on_ledger(), around.progress, around.cancel),
            Came::Signatures(file, digest) => {
                pipeline::run(task, ledger, &AirGapped::returned(file, *digest), around.progress, around.cancel)
            }
        }
    }

    /// What went wrong at the token without stopping the work.
    pub fn notes(&self) -> Vec<String> {
        self.manifest.signer.notes()
    }
}
